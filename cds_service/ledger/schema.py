"""Which version of the schema a database has, and how it is brought to another one.

A new database gets all tables at once; an older one is migrated by the scripts of `migrations/`. A
ledger made before there were versions is known by its tables. What is neither is left alone.
"""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Inspector,
    MetaData,
    String,
    Table,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.schema import CreateIndex, CreateTable

from cds_service.errors import NotStored

REVISIONS = ("0001", "0002", "0003")  # oldest first, as in migrations/versions
FIRST, HEAD = REVISIONS[0], REVISIONS[-1]

# Whatever else is in a database: with one of these it has been a ledger.
_OF_THE_FIRST = frozenset({"call", "card", "feedback", "seen_token"})
_SINCE_THE_FIRST = {
    ("call", "concepts_hash"),
    ("call", "time_zone"),
    ("probe", "filler"),
    ("card", "place"),
}

metadata = MetaData()

# Named for us: another program's Alembic may live in the same database.
VERSIONS = "ledger_version"
_version = Table(VERSIONS, metadata, Column("version_num", String(32), primary_key=True))


def of_client(client: str, patient: str) -> str:
    """The hash of one client's patient, from the keyed hash of the patient's id."""
    return hashlib.sha256(f"{client}\0{patient}".encode()).hexdigest()


def bring_to(connection: Connection, wanted: str, *, may_be_new: bool) -> None:
    """Create what is missing and migrate, alone, in the transaction that is begun."""
    be_alone(connection)
    revision = revision_of(connection)
    if revision is None:
        if not may_be_new:
            raise NotStored("the database was a ledger and is none any more")
        _create_missing(connection)
        connection.execute(insert(_version).values(version_num=HEAD))
        revision = HEAD
    _refuse_foreign(connection, revision)
    if revision != wanted:
        _migrate(connection, revision, wanted)
    if wanted == HEAD:
        _create_missing(connection)


def be_alone(connection: Connection) -> None:
    """Let several instances that start together wait for each other."""
    if connection.dialect.name == "postgresql":
        # IF NOT EXISTS alone is no protection against a second session there.
        connection.execute(text("SELECT pg_advisory_xact_lock(7211)"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))  # a migration takes its time
    elif connection.dialect.name == "sqlite":
        # The driver begins no transaction for a CREATE TABLE by itself.
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def revision_of(connection: Connection) -> str | None:
    """The version of the schema; None for a database that holds nothing of a ledger."""
    tables = set(inspect(connection).get_table_names())
    if _version.name in tables:
        found = list(connection.execute(select(_version.c.version_num)).scalars())
        if found:
            return str(found[0]) if len(found) == 1 else " and ".join(map(str, found))
    return FIRST if tables & _OF_THE_FIRST else None


def _migrate(connection: Connection, revision: str, wanted: str) -> None:
    from alembic import command  # takes a moment to import, and few starts need it

    config = _config(connection)
    if _version.name not in inspect(connection).get_table_names():
        command.stamp(config, revision)
    move = command.downgrade if wanted < revision else command.upgrade
    move(config, wanted)


def _config(connection: Connection) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "cds_service:ledger/migrations")
    config.attributes["connection"] = connection
    config.attributes["metadata"] = metadata
    return config


def _create_missing(connection: Connection) -> None:
    for table in metadata.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))


def _refuse_foreign(connection: Connection, revision: str) -> None:
    """A later version, or a table of our name without our columns: nothing of it is touched."""
    if not revision.isdigit() or revision > HEAD:
        raise NotStored("the database is of a newer release")
    found = inspect(connection)
    there = set(found.get_table_names())
    for table in metadata.sorted_tables:
        if table.name in there and not _has_columns(found, table, revision):
            raise NotStored(f"the table {table.name} of the database is another program's")


def _has_columns(found: Inspector, table: Table, revision: str) -> bool:
    """Whether a table has the columns that ours had at a revision."""
    wanted = {column.name for column in table.columns}
    if revision != HEAD:
        wanted -= {column for of, column in _SINCE_THE_FIRST if of == table.name}
    return wanted <= {column["name"] for column in found.get_columns(table.name)}
