"""Who calls, and what may they: clients, tokens, keys."""
