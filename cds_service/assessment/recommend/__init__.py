"""Which recommendation follows: topics, drugs, doses."""
