"""Connections to the ledger's database, and the file they lead to."""

from __future__ import annotations

import os
import sqlite3
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url

from cds_service.errors import NotStored

BUSY_SECONDS = 1.0  # how long a writer waits for another one: calls wait with it


class LedgerFile:
    """The file of an SQLite ledger: that it is still the one that was opened.

    An open connection goes on writing to a file that was removed or replaced, and nobody would ever
    find what it wrote. Looked at by its name only: to open and close it here would drop SQLite's
    own locks on it.
    """

    def __init__(self, engine: Engine) -> None:
        named = engine.url.database or ""
        is_file = engine.url.get_backend_name() == "sqlite" and named not in ("", ":memory:")
        self._engine = engine
        self._path = named.removeprefix("file:").partition("?")[0] if is_file else ""
        self._known: tuple[int, int] | None = None
        self._size = 0
        self.was_there = False  # a ledger, once in the life of this process

    def learn(self) -> None:
        """This is the ledger."""
        self.was_there = True
        if self._path:
            self._known, self._size = self._found()

    def check(self) -> None:
        """Refuse if it is gone or another; another is opened anew, and set up, by the next."""
        if self._known is None:
            return
        try:
            found, size = self._found()
        except OSError as error:
            self._engine.dispose()
            raise NotStored("the file of the ledger is gone") from error
        if found != self._known or size < self._size:  # SQLite never makes it shorter by itself
            self._engine.dispose()
            self._known = None
            raise NotStored("the file of the ledger is another one")
        self._size = size

    def _found(self) -> tuple[tuple[int, int], int]:
        """Which file it is, and how long."""
        found = os.stat(self._path)  # noqa: PTH116 - in every call, and a Path costs twice as much
        return (found.st_dev, found.st_ino), found.st_size


def new_engine(url: str) -> Engine:
    """An engine whose connections wait for nothing longer than a call can."""
    is_file = make_url(url).get_backend_name() == "sqlite"
    if is_file:
        engine = create_engine(url)  # no pre-ping: a file does not hang up
        event.listen(engine, "connect", _set_up_sqlite)
        return engine
    given = make_url(url).query
    patience = {"connect_timeout": "2", "tcp_user_timeout": "3000"}
    engine = create_engine(
        url,
        pool_pre_ping=True,
        pool_timeout=BUSY_SECONDS,
        connect_args={name: value for name, value in patience.items() if name not in given},
    )
    event.listen(engine, "connect", _set_up_postgresql)
    return engine


def wait_for_disk(connection: Connection, *, always: bool) -> None:
    """SQLite alone is told: PostgreSQL waits for every commit. Not within a transaction."""
    if connection.dialect.name == "sqlite":
        mode = "FULL" if always else "NORMAL"
        driven: Any = connection.connection.driver_connection
        driven.execute(f"PRAGMA synchronous = {mode}")


def _set_up_postgresql(connection: Any, _record: Any) -> None:
    """A lock or a slow disk over there costs a call no more than a busy file does here."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = {int(2000 * BUSY_SECONDS)}")
        cursor.execute("SET synchronous_commit = on")
    connection.commit()


def _set_up_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    """Readers beside one writer; a commit outlives the process, `durably` the machine too."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
    cursor.close()
