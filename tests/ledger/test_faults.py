"""Killed processes and failing databases: what was acknowledged is there, and there once."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import event, func, select

from cds_service.errors import NotStored
from cds_service.hooks.feedback import read_feedback
from cds_service.ledger.database import Ledger
from cds_service.ledger.feedback import feedback, store_feedback
from tests.cases import cases
from tests.databases import Postgres
from tests.ledger.shown import at_present, show
from tests.load_during_restart import PATH as VIEW
from tests.load_during_restart import body as a_view
from tests.running import Gunicorn, until
from tests.service import CASE, Service

NOW = cases()[CASE].now


def item(card: str) -> dict[str, Any]:
    return {"card": card, "outcome": "accepted", "outcomeTimestamp": "2026-03-02T14:00:00Z"}


def store(ledger: Ledger, card: str) -> None:
    store_feedback(ledger, read_feedback({"feedback": [item(card)]}), "General", "x", NOW)


def count(ledger: Ledger) -> int:
    with ledger.engine.connect() as connection:
        found: int = connection.execute(select(func.count()).select_from(feedback)).scalar_one()
    return found


@pytest.fixture
def gunicorn(tmp_path: Path, database: str) -> Iterator[Gunicorn]:
    server = Gunicorn(tmp_path, database)
    try:
        server.wait()
        yield server
    finally:
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
    gunicorn: Gunicorn, database: str
) -> None:
    senders = [Sender(gunicorn.url, f"s{number}") for number in range(4)]
    before = Ledger(database)
    for sender in senders:
        show(before.engine, (f"{sender.prefix}-{n}" for n in range(5000)), "open", **at_present())
    before.close()
    for sender in senders:
        sender.start()

    def some_more_are_acknowledged() -> None:
        goal = sum(len(sender.acknowledged) for sender in senders) + 20
        until(lambda: sum(len(s.acknowledged) for s in senders) >= goal, "more was acknowledged")

    some_more_are_acknowledged()
    for _ in range(3):
        os.kill(gunicorn.workers()[0], signal.SIGKILL)
        some_more_are_acknowledged()
    gunicorn.kill_all()
    gunicorn.start()
    some_more_are_acknowledged()
    for sender in senders:
        sender.stop.set()
    for sender in senders:
        sender.join()
    sent = [card for sender in senders for card in sender.acknowledged]
    ledger = Ledger(database)
    with ledger.engine.connect() as connection:
        kept = list(connection.execute(select(feedback.c.card)).scalars())
    ledger.close()
    print(f"acknowledged {len(sent)}, found {len(kept)}")
    assert len(sent) >= 100
    assert set(sent) <= set(kept)
    assert len(set(kept)) == len(kept)


FEEDBACK = "/cds-services/heparin-order-sign/feedback"


@pytest.mark.slow
def test_at_the_limit_of_a_file_s_size_cards_go_on_and_no_feedback_is_lost(
    tmp_path: Path,
) -> None:
    """The real limit of the operating system, on the service as it is run."""
    before = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    before.create()
    names = [f"{number:036}" for number in range(500)]
    show(before.engine, names, "open", **at_present())
    before.close()
    server = Gunicorn(tmp_path, f"sqlite:///{tmp_path}/ledger.sqlite", 1, before="ulimit -f 800")
    acknowledged: list[str] = []
    try:
        server.wait()
        for card in names:
            told = item(card) | {"overrideReason": {"userComment": "x" * 3000}}
            answer = requests.post(server.url + FEEDBACK, json={"feedback": [told]}, timeout=30)
            if answer.status_code != 200:
                break
            acknowledged.append(card)
        headers = {"Content-Type": "application/json"}
        shown = requests.post(server.url + VIEW, data=a_view(), headers=headers, timeout=30)
    finally:
        server.kill_all()
    assert answer.status_code == 503
    assert answer.json()["issue"][0]["code"] == "transient"
    assert (shown.status_code, len(shown.json()["cards"])) == (200, 1)
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    with ledger.engine.connect() as connection:
        kept = list(connection.execute(select(feedback.c.card)).scalars())
    ledger.close()
    assert len(acknowledged) > 10
    assert sorted(kept) == sorted(acknowledged)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["locked", "read-only"])
def test_a_database_that_takes_nothing_refuses_feedback_and_cards_go_on(
    tmp_path: Path, fault: str
) -> None:
    path = tmp_path / "ledger.sqlite"
    first = Ledger(f"sqlite:///{path}")
    first.create()
    show(first.engine, ["c"], "open")
    other = sqlite3.connect(path, isolation_level=None)
    url = f"sqlite:///file:{path}?mode=ro&uri=true" if fault == "read-only" else f"sqlite:///{path}"
    service = Service(tmp_path, database_url=url)
    if fault == "locked":
        other.execute("BEGIN IMMEDIATE")
    refused = service.client.post(FEEDBACK, json={"feedback": [item("c")]})
    ready = service.client.get("/readyz")
    shown = service.call()
    service.close()
    other.close()
    assert (refused.status_code, refused.json["issue"][0]["code"]) == (503, "transient")
    assert ready.status_code == 503, "though it can be read"
    assert shown.json["cards"]


class TestSqlite:
    @pytest.fixture(params=["sqlite"])
    def database(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/ledger.sqlite"

    def test_a_read_only_database_refuses_feedback(self, ledger: Ledger, tmp_path: Path) -> None:
        url = f"sqlite:///file:{tmp_path}/ledger.sqlite?mode=ro&uri=true"
        show(ledger.engine, ["c"])
        reader = Ledger(url)
        with pytest.raises(NotStored):
            store(reader, "c")
        reader.close()
        assert count(ledger) == 0

    def test_a_full_disk_refuses_feedback_and_keeps_what_was_there(self, ledger: Ledger) -> None:
        show(ledger.engine, ["before"])
        store(ledger, "before")
        more = [str(number) for number in range(500)]
        show(ledger.engine, more)

        @event.listens_for(ledger.engine, "connect")
        def limit(connection: Any, _: Any) -> None:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")

        ledger.close()

        def fill() -> None:
            for card in more:
                store(ledger, card)

        with pytest.raises(NotStored):
            fill()
        with ledger.engine.connect() as connection:
            assert "before" in set(connection.execute(select(feedback.c.card)).scalars())

    @pytest.mark.slow
    def test_a_locked_database_refuses_while_it_is_locked(
        self, ledger: Ledger, tmp_path: Path
    ) -> None:
        show(ledger.engine, ["c"])
        other = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
        with other.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            with pytest.raises(NotStored):
                store(ledger, "c")
        other.close()
        store(ledger, "c")
        assert count(ledger) == 1


@pytest.mark.postgres
@pytest.mark.slow
def test_a_restarted_postgresql_is_found_again(tmp_path: Path, postgres: Postgres) -> None:
    service = Service(tmp_path, database_url=postgres.new_database())
    (card,) = service.call().json["cards"]
    postgres.stop()
    assert service.call().json["cards"]
    path = "/cds-services/heparin-order-sign/feedback"
    told = {"feedback": [item(card["uuid"])]}
    assert service.client.post(path, json=told).status_code == 503
    assert service.client.get("/readyz").status_code == 503
    postgres.start()
    assert service.client.post(path, json=told).status_code == 200
    assert service.client.get("/readyz").status_code == 200
    service.close()
