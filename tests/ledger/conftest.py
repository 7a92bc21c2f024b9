"""The databases the ledger is tested on: SQLite, and a real PostgreSQL from a wheel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from cds_service.ledger.database import Ledger
from tests.databases import Postgres
from tests.service import Service


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
