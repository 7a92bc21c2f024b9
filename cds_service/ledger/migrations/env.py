"""What Alembic runs: the scripts, on the connection that `ledger_schema.py` hands over."""

from __future__ import annotations

from alembic import context

from cds_service.ledger.schema import VERSIONS

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSIONS,
    target_metadata=context.config.attributes.get("metadata"),
    transaction_per_migration=False,
    transactional_ddl=True,  # the caller has begun a transaction, in SQLite too, and commits it
)
context.run_migrations()
