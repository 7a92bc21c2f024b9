from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.service import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    yield Service(tmp_path)
    structlog.reset_defaults()
