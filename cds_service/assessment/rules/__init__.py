"""The rules: each comes to yes, no or unknown."""
