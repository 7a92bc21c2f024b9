from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.service import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    service.close()
    structlog.reset_defaults()
