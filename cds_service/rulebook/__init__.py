"""The three tables, loaded and checked at start."""
