"""The database: what must outlive a request. SQLite beside the service, or PostgreSQL by URL.

Opens, creates and asks whether it can be written to; the rows are in the modules that own them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    create_engine,
    delete,
    event,
    insert,
    make_url,
    text,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable

from cds_service.errors import NotStored
from cds_service.logs import log

metadata = MetaData()

_probe = Table("probe", metadata, Column("id", Integer, primary_key=True))

_BUSY_SECONDS = 1.0  # how long a writer waits for another one: calls wait with it


class Ledger:
    """One engine per process; connections are opened when first needed, so after a fork."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self._failing: set[str] = set()  # tables that did not take the last record

    @contextmanager
    def durably(self) -> Iterator[Connection]:
        """A transaction that outlives a power cut once it is committed."""
        with self.engine.connect() as connection:
            _wait_for_disk(connection, always=True)
            try:
                with connection.begin():
                    yield connection
            finally:
                _wait_for_disk(connection, always=False)

    def failed(self, table: str) -> None:
        """A record was not taken, though the call went on: `/readyz` turns red."""
        self._failing.add(table)

    def worked(self, table: str) -> None:
        """A record was taken: all is well again."""
        self._failing.discard(table)

    def create(self) -> None:
        """Create what is missing; several workers may do so at once."""
        try:
            with self.engine.begin() as connection:
                if connection.dialect.name == "postgresql":
                    # IF NOT EXISTS alone is no protection against a second session there.
                    connection.execute(text("SELECT pg_advisory_xact_lock(7211)"))
                for table in metadata.sorted_tables:
                    connection.execute(CreateTable(table, if_not_exists=True))
                    for index in table.indexes:
                        connection.execute(CreateIndex(index, if_not_exists=True))
        except SQLAlchemyError as error:
            raise NotStored("the database cannot be set up") from error

    def ready(self) -> bool:
        """Whether the database can be reached and, after a record was lost, written to again."""
        try:
            with self.engine.begin() as connection:
                connection.execute(text("SELECT 1"))
                if self._failing:
                    connection.execute(delete(_probe))
                    connection.execute(insert(_probe).values(id=1))
        except SQLAlchemyError:
            return False
        self._failing.clear()
        return True

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


class Purge:
    """Deletes the old rows of a table now and then, in transactions of their own.

    Several instances may purge at once, and none may lose a new row by it.
    """

    def __init__(self, ledger: Ledger, table: Table, every: timedelta) -> None:
        self._ledger = ledger
        self._table = table
        self._every = every
        self._last: datetime | None = None

    def when_due(self, now: datetime, is_old: ColumnElement[bool]) -> None:
        """Delete what is old, unless that was done a short while ago."""
        if self._last is not None and now - self._last <= self._every:
            return
        self._last = now
        try:
            with self._ledger.engine.begin() as connection:
                connection.execute(delete(self._table).where(is_old))
        except SQLAlchemyError as error:  # the next one will
            log().error("not purged", table=self._table.name, error=type(error).__name__)


def stored(text: object, longest: int) -> str:
    """A text as it can be stored anywhere: PostgreSQL takes no NUL, a column no more than fits."""
    return text.replace("\0", "")[:longest] if isinstance(text, str) else ""


def _engine(url: str) -> Engine:
    is_file = make_url(url).get_backend_name() == "sqlite"
    engine = create_engine(url, pool_pre_ping=not is_file)  # a file does not hang up
    if is_file:
        event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _wait_for_disk(connection: Connection, *, always: bool) -> None:
    """SQLite alone is told: PostgreSQL waits for every commit. Not within a transaction."""
    if connection.dialect.name == "sqlite":
        mode = "FULL" if always else "NORMAL"
        driven: Any = connection.connection.driver_connection
        driven.execute(f"PRAGMA synchronous = {mode}")


def _set_up_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    """Readers beside one writer; a commit outlives the process, `durably` the machine too."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA busy_timeout = {int(_BUSY_SECONDS * 1000)}")
    cursor.close()
