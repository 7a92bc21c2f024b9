"""A service under gunicorn for all tests of the integrator's tools, and the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from cds_service.cli import main
from tests.tools.integrator.serving import gunicorn

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def service_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with gunicorn(tmp_path_factory.mktemp("service")) as url:
        yield url


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Calls `heparin-cds` with arguments."""
    monkeypatch.delenv("CDS_FHIR_TOKEN", raising=False)

    def invoke(*arguments: object, token: str = "") -> Result:
        env = {"CDS_FHIR_TOKEN": token} if token else None
        return CliRunner().invoke(main, [str(a) for a in arguments], env=env)

    return invoke
