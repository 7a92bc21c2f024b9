"""The database: what must outlive a request. SQLite beside the service, or PostgreSQL by URL.

Opens it, brings its schema up, hands out transactions, and tells whether it takes records. Every
way it can fail is a `NotStored`; the rows are in the modules that own them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Insert,
    Integer,
    Table,
    Text,
    delete,
    insert,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from cds_service.errors import NotStored
from cds_service.ledger.engine import LedgerFile, new_engine, wait_for_disk
from cds_service.ledger.schema import HEAD, bring_to, metadata
from cds_service.logs import log

_probe = Table(
    "probe",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("filler", Text, nullable=False, server_default=""),
)
_FILLER = "x" * 16_384  # more than the free space of a page: a full disk does not pass for healthy

_REST_SECONDS = 2.0  # after a failure: calls are not made to wait for it one by one
_SET_UP_AGAIN_SECONDS = 5.0

# What a database or the values in it can raise. A foreign or damaged one holds rows that are no
# JSON where JSON should be, which SQLAlchemy passes on as it comes.
_FAULTS = (SQLAlchemyError, OSError, ValueError, TypeError, LookupError)


class Ledger:
    """One engine per process; connections are opened when first needed, so after a fork."""

    def __init__(self, url: str, lost: Callable[[str], None] = lambda _: None) -> None:
        self.engine = new_engine(url)
        self._file = LedgerFile(self.engine)
        self._is_set_up = False
        self._next_set_up = float("-inf")
        self._rests_until = float("-inf")
        self._lock = threading.Lock()
        self._lost = lost

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read from."""
        with self._whole(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that outlives the process once it is committed.

        Not attempted for a moment after one failed: a locked database would cost every call a wait.
        """
        if time.monotonic() < self._rests_until:
            raise NotStored("the database failed a moment ago")
        try:
            with self._whole(), self.engine.begin() as connection:
                yield connection
        except NotStored:
            self._rests_until = time.monotonic() + _REST_SECONDS
            raise

    @contextmanager
    def durably(self) -> Iterator[Connection]:
        """A transaction that outlives a power cut once it is committed."""
        with self._whole():
            with self.engine.connect() as connection:
                wait_for_disk(connection, always=True)
                try:
                    with connection.begin():
                        yield connection
                finally:
                    wait_for_disk(connection, always=False)
            self._file.check()  # what was written to a file that is gone is gone

    def failed(self, table: Table) -> None:
        """A record of this table was not taken: whoever counts such is told."""
        self._lost(table.name)

    def create(self, revision: str = HEAD) -> None:
        """Create or migrate what is needed; several instances may do so at once."""
        try:
            with self.engine.begin() as connection:
                bring_to(connection, revision, may_be_new=not self._file.was_there)
            self._file.learn()
        except NotStored:
            self.engine.dispose()  # a connection may lead to a file that is replaced in the end
            raise
        except _FAULTS as error:
            self.engine.dispose()
            raise NotStored("the database cannot be set up") from error
        self._is_set_up = True

    def ready(self) -> bool:
        """Whether every table can be read and the database takes a record now.

        Tried anew each time, by whichever worker is asked: what one of them has met is no concern
        of the others, and what all of them would meet all of them tell.
        """
        try:
            with self._whole(), self.engine.begin() as connection:
                for table in metadata.sorted_tables:
                    connection.execute(select(table).limit(1)).all()
                _take_new_room(connection)
                connection.execute(delete(_probe))
                connection.execute(insert(_probe).values(id=1, filler=_FILLER))
            with self._whole(), self.engine.begin() as connection:
                connection.execute(delete(_probe))
        except NotStored:
            return False
        self._rests_until = float("-inf")
        return True

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """The database is the one that was set up; whatever it does then is a `NotStored`."""
        try:
            self._set_up_if_needed()
            yield
        except _FAULTS as error:
            raise NotStored("the database failed") from error

    def _set_up_if_needed(self) -> None:
        try:
            self._file.check()
        except NotStored:
            self._is_set_up = False
            raise
        if self._is_set_up:
            return
        with self._lock:
            now = time.monotonic()
            if now < self._next_set_up:
                raise NotStored("the database is not set up")
            self._next_set_up = now + _SET_UP_AGAIN_SECONDS
        self.create()


def _take_new_room(connection: Connection) -> None:
    """Fail where the disk is full, for PostgreSQL: SQLite always appends to its log.

    PostgreSQL puts a probe where an earlier one was, and would take it as long as nothing else
    fills that page. A table of its own, gone with the transaction, needs a page of the disk and
    waits for no lock, as emptying one would for a backup that reads it.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("CREATE TEMPORARY TABLE room ON COMMIT DROP AS SELECT 1 AS taken"))


class Purge:
    """Deletes the old rows of a table now and then, in transactions of their own.

    Several instances may purge at once, and none may lose a new row by it.
    """

    def __init__(self, ledger: Ledger, table: Table, every: timedelta) -> None:
        self._ledger = ledger
        self._table = table
        self._every = every
        self._last: datetime | None = None

    def when_due(self, now: datetime, is_old: Callable[[], ColumnElement[bool]]) -> None:
        """Delete what is old, unless that was done a short while ago."""
        if self._last is not None and now - self._last <= self._every:
            return
        self._last = now
        try:
            with self._ledger.writing() as connection:
                connection.execute(delete(self._table).where(is_old()))
        except NotStored as error:  # the next one will
            log().error("not purged", table=self._table.name, error=cause(error))


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows that are not there yet; how many it were is told of a single row only."""
    given = rows[0] if len(rows) == 1 else rows
    return connection.execute(_new(table, connection.dialect.name), given).rowcount


@cache
def _new(table: Table, dialect: str) -> Insert:
    """Both databases can pass over what is there, each in its own statement."""
    statement = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return statement(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)


def cause(error: NotStored) -> str:
    """What kind of error lies behind it, for the log."""
    return type(error.__cause__ or error).__name__
