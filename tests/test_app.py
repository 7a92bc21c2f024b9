"""How the application is joined, and when it refuses to start."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest
import structlog
from click.testing import CliRunner
from flask.testing import FlaskClient

from cds_service.app import create_app, random_id, utc_now
from cds_service.cli import main
from cds_service.errors import StartRefused
from cds_service.settings import Settings
from tests.databases import new_database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    yield new_database(tmp_path)
    structlog.reset_defaults()


@contextmanager
def client_of(settings: Settings) -> Iterator[FlaskClient]:
    app = create_app(settings)
    yield app.test_client()
    app.extensions["ledger"].close()


def test_it_starts_with_the_shipped_tables(database: str) -> None:
    with client_of(Settings(open=True, database_url=database)) as client:
        assert client.get("/readyz").status_code == 200
        assert client.get("/").status_code == 404


def test_with_the_demo_there_is_a_page_to_open(database: str) -> None:
    with client_of(Settings(open=True, demo=True, database_url=database)) as client:
        assert client.get("/").status_code == 200


def test_a_missing_clients_file_refuses_the_start(database: str, tmp_path: Path) -> None:
    settings = Settings(clients=tmp_path / "none.toml", database_url=database)
    with pytest.raises(StartRefused):
        create_app(settings)


def test_clock_and_ids_are_what_they_say() -> None:
    assert utc_now().tzinfo is not None
    assert UUID(random_id()) != UUID(random_id())


def test_the_command_says_whether_it_would_start(database: str) -> None:
    environ = {"CDS_OPEN": "1", "CDS_DATABASE_URL": database}
    good = CliRunner().invoke(main, ["check"], env=environ)
    assert good.exit_code == 0, good.output
    bad = CliRunner().invoke(main, ["check"], env={"CDS_OPEN": "", "CDS_CLIENTS": ""})
    assert bad.exit_code == 1
    assert "CDS_CLIENTS" in bad.output
