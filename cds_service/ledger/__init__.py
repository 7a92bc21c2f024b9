"""What is kept: calls, cards, feedback."""
