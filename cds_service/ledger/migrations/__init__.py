"""How a ledger of an older release becomes one of this: Alembic's scripts, oldest first."""
