"""Whether a database URL can be used, in one line for whoever set it; and reading without a trace.

Nothing here creates a file or a table. What the service itself writes is in `ledger.py`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from cds_service.errors import HeparinCdsError

SPOKEN = "write sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME"
DRIVERS = {"sqlite": None, "sqlite+pysqlite": None, "postgresql+psycopg": "psycopg"}
CONNECT_SECONDS = 2  # libpq's shortest, for each address of a host
BUSY_SECONDS = 2.0
READ_ONLY = {"postgresql": {"postgresql_readonly": True}}


class DatabaseUnusable(HeparinCdsError):  # noqa: N818 - it says what happened
    """A database that cannot be read; the message holds no password."""


def url_fault(url: str) -> str:
    """What is wrong with a URL as it is written; empty if nothing is."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return f"is no database URL: {SPOKEN}"
    if parsed.drivername not in DRIVERS:
        return f"{parsed.drivername}:// is not a database this service speaks: {SPOKEN}"
    module = DRIVERS[parsed.drivername]
    if module and find_spec(module) is None:
        return f"the driver {module} is not installed (it is in requirements.lock)"
    return ""


def unreachable(url: str) -> str:
    """Why the service could not use this database now; empty if it could. Opens, writes nothing."""
    fault = url_fault(url)
    if fault:
        return fault
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _file_fault(parsed)
    try:
        with _connected(parsed) as connection:
            connection.execute(text("SELECT 1"))
    except DatabaseUnusable as error:
        return str(error)
    return ""


@contextmanager
def reading(url: str) -> Iterator[Connection]:
    """A connection that can change nothing; a database that is not there is not created."""
    fault = url_fault(url) or _no_file(make_url(url))
    if fault:
        raise DatabaseUnusable(fault)
    with _connected(make_url(url)) as connection:
        yield connection


@contextmanager
def _connected(url: URL) -> Iterator[Connection]:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, creator=lambda: _open_file(url), poolclass=NullPool)
    else:
        waits = {"connect_timeout": CONNECT_SECONDS}
        engine = create_engine(url, connect_args=waits, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield connection.execution_options(**READ_ONLY.get(engine.name, {}))
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise DatabaseUnusable(f"cannot be read: {_first_line(error)}") from error
    finally:
        engine.dispose()


def _open_file(url: URL) -> sqlite3.Connection:
    """Opened for writing and then barred from it: a read-only connection leaves files behind."""
    connection = sqlite3.connect(f"file:{quote(str(url.database))}?mode=rw", BUSY_SECONDS, uri=True)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _no_file(url: URL) -> str:
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        return f"there is no ledger at {url.database or url}"
    return ""


def _file_fault(url: URL) -> str:
    """A file that is missing will be created at start, if its folder lets it."""
    if url.database in (None, "", ":memory:"):
        return ""
    file = Path(str(url.database))
    if not file.parent.is_dir():
        return f"there is no folder {file.parent}"
    if not _writable(file if file.exists() else file.parent):
        return f"{file} cannot be written"
    if not file.exists():
        return ""
    try:
        with _connected(url) as connection:
            connection.execute(text("SELECT count(*) FROM sqlite_master"))
    except DatabaseUnusable as error:
        return f"{file} {error}"
    return ""


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK)


def _first_line(error: Exception) -> str:
    """What the database said, without the statement, which SQLAlchemy repeats."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0].strip() if said else type(error).__name__
