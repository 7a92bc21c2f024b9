"""A standard error that takes nothing: advice goes on, and the lost lines are counted."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import structlog

from cds_service.logs import log, set_up_logs
from tests.load_during_restart import PATH, body
from tests.running import Gunicorn
from tests.service import Service


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


class Broken:
    """Stands in for standard error, at a descriptor of the test's choice."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor


def lost_at(descriptor: int, monkeypatch: pytest.MonkeyPatch, lines: int = 5) -> int:
    lost: list[None] = []
    set_up_logs("info", lambda: lost.append(None))
    monkeypatch.setattr(sys, "stderr", Broken(descriptor))
    for _ in range(lines):
        log().info("a line", filler="x" * 100)
    monkeypatch.undo()
    return len(lost)


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    assert lost_at(full, monkeypatch) == 5
    os.close(full)


def test_a_closed_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = os.open(os.devnull, os.O_WRONLY)
    os.close(gone)
    assert lost_at(gone, monkeypatch) == 5


def test_a_pipe_whose_reader_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.close(read)
    assert lost_at(write, monkeypatch) == 5
    os.close(write)


def test_a_pipe_that_nobody_reads_blocks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    lost = lost_at(write, monkeypatch, lines=2000)
    kept = os.read(read, 1_000_000).decode().splitlines()
    assert lost + len(kept) == 2000
    assert lost > 0
    assert all(json.loads(line)["event"] == "a line" for line in kept), "none is cut"
    os.close(read)
    os.close(write)


def test_no_standard_error_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    lost: list[None] = []
    set_up_logs("info", lambda: lost.append(None))
    monkeypatch.setattr(sys, "stderr", None)
    log().info("a line")
    monkeypatch.undo()
    assert len(lost) == 1


@pytest.mark.slow
@pytest.mark.parametrize("where", ["/dev/full", "closed"])
def test_the_service_advises_without_a_log(tmp_path: Path, where: str) -> None:
    """As it is run, its log on a full disk or nowhere."""
    before = "exec 2>&- 1>&-" if where == "closed" else f"exec 2>{where} 1>{where}"
    server = Gunicorn(
        tmp_path, f"sqlite:///{tmp_path}/l.sqlite", 1, before=before, CDS_LOG_LEVEL="info"
    )
    try:
        server.wait()
        for _ in range(3):
            answer = requests.post(
                server.url + PATH,
                data=body(),
                headers={"Content-Type": "application/json"},
                timeout=30,
            )
            assert answer.status_code == 200
            assert answer.json()["cards"]
        metrics = requests.get(server.url + "/metrics", timeout=30).text
    finally:
        server.kill_all()
    if where != "closed":  # a closed descriptor is taken by the first file that is opened
        found = re.search(r"^heparin_cds_log_lines_lost_total (\S+)", metrics, re.MULTILINE)
        assert found
        assert float(found[1]) >= 3


class TestTraces:
    @pytest.mark.parametrize(
        ("given", "trace"),
        [
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", True),
            ("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", True),
            ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", False),
            ("00-00000000000000000000000000000000-b7ad6b7169203331-01", False),
            ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", False),
            ("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", False),
            ("Featherstonehaugh", False),
            ("", False),
        ],
    )
    def test_a_trace_is_taken_over_into_every_line(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str], given: str, trace: bool
    ) -> None:
        service = Service(tmp_path)
        capfd.readouterr()
        service.client.post("/cds-services/heparin-patient-view", headers={"traceparent": given})
        lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
        service.close()
        assert lines
        for line in lines:
            assert ("trace_id" in line) is trace
            if trace:
                assert line["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
                assert line["parent_id"] == "b7ad6b7169203331"
