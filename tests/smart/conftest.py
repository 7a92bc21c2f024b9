"""A service with the app switched on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.service import Service
from tests.smart.app import at_time_of, with_smart


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One for all tests: a view leaves nothing behind, and a start takes its time."""
    service = with_smart(tmp_path_factory.mktemp("smart"))
    yield service
    service.close()


@pytest.fixture
def service(started: Service) -> Service:
    """The whole service in open mode, at the time of the first fixture."""
    return at_time_of(started)
