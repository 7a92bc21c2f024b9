"""Killed processes and failing databases: what was acknowledged is there, and there once."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import event, func, select

from cds_service.errors import NotStored
from cds_service.feedback import feedback, read_feedback, store_feedback
from cds_service.ledger import Ledger
from tests.cases import cases
from tests.ledger.conftest import Postgres
from tests.service import CASE, Service

ROOT = Path(__file__).parents[2]
NOW = cases()[CASE].now


def item(card: str) -> dict[str, Any]:
    return {"card": card, "outcome": "accepted", "outcomeTimestamp": "2026-03-02T14:00:00Z"}


def store(ledger: Ledger, card: str) -> None:
    store_feedback(ledger, read_feedback({"feedback": [item(card)]}), "General", "x", NOW)


def count(ledger: Ledger) -> int:
    with ledger.engine.connect() as connection:
        found: int = connection.execute(select(func.count()).select_from(feedback)).scalar_one()
    return found


class Gunicorn:
    """The service as it is run, in a process group of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._environ = os.environ | {
            "CDS_OPEN": "1",
            "CDS_DATABASE_URL": f"sqlite:///{folder}/ledger.sqlite",
            "CDS_LOG_LEVEL": "error",
            "PORT": str(port),
            "WEB_CONCURRENCY": "2",
        }
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"]
        self.master = subprocess.Popen(
            command, cwd=ROOT, env=self._environ, start_new_session=True, stderr=subprocess.DEVNULL
        )
        for _ in range(200):
            try:
                requests.get(f"{self.url}/healthz", timeout=1)
            except requests.RequestException:
                time.sleep(0.1)
            else:
                return
        raise AssertionError("gunicorn did not start")

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.master.pid}/task/{self.master.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def kill_all(self) -> None:
        os.killpg(self.master.pid, signal.SIGKILL)
        self.master.wait()


@pytest.fixture
def gunicorn(tmp_path: Path) -> Iterator[Gunicorn]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Gunicorn(tmp_path, port)
    yield server
    server.kill_all()


class Sender(threading.Thread):
    """Posts feedback without pause, sends again what was not acknowledged."""

    def __init__(self, url: str, name: str) -> None:
        super().__init__()
        self.url = f"{url}/cds-services/heparin-order-sign/feedback"
        self.prefix = name
        self.acknowledged: list[str] = []
        self.stop = threading.Event()

    def run(self) -> None:
        number = 0
        while not self.stop.is_set():
            card = f"{self.prefix}-{number}"
            try:
                answer = requests.post(self.url, json={"feedback": [item(card)]}, timeout=5)
            except requests.RequestException:
                time.sleep(0.05)
                continue
            if answer.status_code == 200:
                self.acknowledged.append(card)
                number += 1


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds workers in /proc")
def test_every_acknowledged_item_survives_kill_9_and_none_is_there_twice(
    gunicorn: Gunicorn, tmp_path: Path
) -> None:
    senders = [Sender(gunicorn.url, f"s{number}") for number in range(4)]
    for sender in senders:
        sender.start()
    for _ in range(3):
        time.sleep(0.5)
        os.kill(gunicorn.workers()[0], signal.SIGKILL)
    time.sleep(0.5)
    gunicorn.kill_all()
    gunicorn.start()
    time.sleep(0.5)
    for sender in senders:
        sender.stop.set()
    for sender in senders:
        sender.join()
    sent = [card for sender in senders for card in sender.acknowledged]
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    with ledger.engine.connect() as connection:
        kept = list(connection.execute(select(feedback.c.card)).scalars())
    ledger.close()
    print(f"acknowledged {len(sent)}, found {len(kept)}")
    assert len(sent) > 50
    assert set(sent) <= set(kept)
    assert len(set(kept)) == len(kept)


class TestSqlite:
    @pytest.fixture(params=["sqlite"])
    def database(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/ledger.sqlite"

    def test_a_read_only_database_refuses_feedback(self, ledger: Ledger, tmp_path: Path) -> None:
        url = f"sqlite:///file:{tmp_path}/ledger.sqlite?mode=ro&uri=true"
        reader = Ledger(url)
        with pytest.raises(NotStored):
            store(reader, "c")
        reader.close()
        assert count(ledger) == 0

    def test_a_full_disk_refuses_feedback_and_keeps_what_was_there(self, ledger: Ledger) -> None:
        store(ledger, "before")

        @event.listens_for(ledger.engine, "connect")
        def limit(connection: Any, _: Any) -> None:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")

        ledger.close()

        def fill() -> None:
            for number in range(1000):
                store(ledger, f"{number}-" + "x" * 150)

        with pytest.raises(NotStored):
            fill()
        with ledger.engine.connect() as connection:
            assert "before" in set(connection.execute(select(feedback.c.card)).scalars())

    @pytest.mark.slow
    def test_a_locked_database_refuses_within_seconds(self, ledger: Ledger, tmp_path: Path) -> None:
        other = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
        with other.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            began = time.monotonic()
            with pytest.raises(NotStored):
                store(ledger, "c")
            assert time.monotonic() - began < 3
        other.close()
        store(ledger, "c")
        assert count(ledger) == 1


@pytest.mark.postgres
@pytest.mark.slow
def test_a_restarted_postgresql_is_found_again(tmp_path: Path, postgres: Postgres) -> None:
    service = Service(tmp_path, database_url=postgres.new_database())
    assert service.call().json["cards"]
    postgres.stop()
    assert service.call().json["cards"]
    path = "/cds-services/heparin-order-sign/feedback"
    assert service.client.post(path, json={"feedback": [item("c")]}).status_code == 503
    assert service.client.get("/readyz").status_code == 503
    postgres.start()
    assert service.client.post(path, json={"feedback": [item("c")]}).status_code == 200
    assert service.client.get("/readyz").status_code == 200
    service.close()
