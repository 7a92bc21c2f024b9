"""Each way a ledger can fail, on both databases: advice goes on, `/readyz` is red, feedback waits.

And when it is mended: it is green, feedback is taken, and what was acknowledged before is there.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import create_engine, select, text

from cds_service.errors import NotStored
from cds_service.ledger.feedback import feedback
from tests.service import CASE, Service

Mend = Callable[[], None]

FEEDBACK = "/cds-services/heparin-order-select/feedback"


def item(card: str, second: int) -> dict[str, Any]:
    at = f"2026-03-02T14:00:{second:02}Z"
    return {"card": card, "outcome": "accepted", "outcomeTimestamp": at}


def tell(service: Service, card: str, second: int) -> int:
    answer = service.client.post(FEEDBACK, json={"feedback": [item(card, second)]})
    return int(answer.status_code)


def locked(path: Path) -> Mend:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    def mend() -> None:
        other.execute("ROLLBACK")
        other.close()

    return mend


def deleted(path: Path) -> Mend:
    kept = path.with_name("kept.sqlite")
    path.rename(kept)
    return lambda: _back(kept, path)


def _back(kept: Path, path: Path) -> None:
    """As a backup is put back: another file than the one that was opened."""
    copy = path.with_name("copy.sqlite")
    with sqlite3.connect(kept) as whole, sqlite3.connect(copy) as other:
        whole.backup(other)
    whole.close()
    other.close()
    copy.rename(path)


def emptied(path: Path) -> Mend:
    kept = path.with_name("kept.sqlite")
    _copied(path, kept)
    with path.open("r+b") as file:
        file.truncate(0)
    for beside in ("-wal", "-shm"):
        Path(f"{path}{beside}").unlink(missing_ok=True)
    return lambda: _back(kept, path)


def damaged(path: Path) -> Mend:
    kept = path.with_name("kept.sqlite")
    _copied(path, kept)
    other = path.with_name("other.sqlite")
    other.write_bytes(os.urandom(100_000))
    other.rename(path)
    return lambda: _back(kept, path)


def replaced(path: Path) -> Mend:
    """By a database of another program."""
    kept = path.with_name("kept.sqlite")
    _copied(path, kept)
    other = path.with_name("other.sqlite")
    with sqlite3.connect(other) as foreign:
        foreign.execute("CREATE TABLE card (title TEXT)")
    foreign.close()
    other.rename(path)
    return lambda: _back(kept, path)


def without_a_table(path: Path) -> Mend:
    _run(path, "ALTER TABLE feedback RENAME TO gone")
    return lambda: _run(path, "ALTER TABLE gone RENAME TO feedback")


def _copied(path: Path, kept: Path) -> None:
    with sqlite3.connect(path) as whole, sqlite3.connect(kept) as other:
        whole.backup(other)
    whole.close()
    other.close()


def _run(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()


FAULTS = (locked, deleted, emptied, damaged, replaced, without_a_table)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path, database_url=f"sqlite:///{tmp_path}/ledger.sqlite")
    yield service
    service.close()
    structlog.reset_defaults()


@pytest.mark.slow
@pytest.mark.parametrize("break_", FAULTS, ids=lambda fault: fault.__name__)
def test_a_broken_file(service: Service, break_: Callable[[Path], Mend]) -> None:
    card = service.call().json["cards"][0]["uuid"]
    assert tell(service, card, 1) == 200
    mend = break_(service.path)
    broken_for_a_while(service, card)
    mend()
    until_it_is_mended(service, card)


def broken_for_a_while(service: Service, card: str) -> None:
    for _ in range(2):
        assert service.call().json["cards"]
        assert tell(service, card, 2) == 503
        assert service.client.get("/readyz").status_code == 503


def until_it_is_mended(service: Service, card: str) -> None:
    end = time.monotonic() + 15
    while service.client.get("/readyz").status_code != 200:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert tell(service, card, 3) == 200
    kept = {row.outcome_at[-3:-1] for row in service.rows(feedback)}
    assert kept == {"01", "03"}, "what was acknowledged, and nothing else"


@pytest.mark.slow
def test_a_deleted_file_is_not_made_anew(service: Service) -> None:
    """An empty ledger in its place would look healthy, and what was kept be forgotten."""
    service.call()
    service.path.unlink()
    for _ in range(3):
        assert service.call().json["cards"]
        assert service.client.get("/readyz").status_code == 503
    assert not service.path.exists()


@pytest.mark.slow
def test_calls_do_not_wait_one_by_one_for_a_locked_database(service: Service) -> None:
    service.call()
    mend = locked(service.path)
    service.call()  # this one has waited
    began = time.monotonic()
    for _ in range(3):
        service.call()
    assert time.monotonic() - began < 1.9
    mend()


def postgres_locked(url: str) -> Mend:
    engine = create_engine(url)
    connection = engine.connect()
    connection.execute(text("LOCK TABLE call, feedback, probe IN ACCESS EXCLUSIVE MODE"))

    def mend() -> None:
        connection.rollback()
        connection.close()
        engine.dispose()

    return mend


def postgres_run(url: str, statement: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def postgres_without_a_table(url: str) -> Mend:
    postgres_run(url, "ALTER TABLE feedback RENAME TO gone")
    return lambda: postgres_run(url, "ALTER TABLE gone RENAME TO feedback")


def postgres_deleted(url: str) -> Mend:
    schema = url.rpartition("%3D")[2]
    postgres_run(url, f"ALTER SCHEMA {schema} RENAME TO {schema}_gone")
    return lambda: postgres_run(url, f"ALTER SCHEMA {schema}_gone RENAME TO {schema}")


def postgres_read_only(url: str) -> Mend:
    """As a standby is, or a server whose administrator has stopped writing."""
    postgres_run(url, "ALTER ROLE CURRENT_USER SET default_transaction_read_only = on")
    postgres_run(url, _HANG_UP)
    undo = "SET TRANSACTION READ WRITE; ALTER ROLE CURRENT_USER RESET default_transaction_read_only"

    def mend() -> None:
        postgres_run(url, undo)
        postgres_run(url, _HANG_UP)

    return mend


_HANG_UP = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.parametrize(
    "break_",
    [postgres_locked, postgres_without_a_table, postgres_deleted, postgres_read_only],
    ids=lambda fault: fault.__name__,
)
def test_a_broken_postgresql(tmp_path: Path, postgres: Any, break_: Callable[[str], Mend]) -> None:
    url = postgres.new_database()
    service = Service(tmp_path, database_url=url)
    card = service.call().json["cards"][0]["uuid"]
    assert tell(service, card, 1) == 200
    mend = break_(url)
    try:
        broken_for_a_while(service, card)
    finally:
        mend()
    until_it_is_mended(service, card)
    service.close()


class TestRecordRequired:
    """Where a hospital demands a record of every advice, none is given without."""

    @pytest.fixture
    def strict(self, tmp_path: Path) -> Iterator[Service]:
        url = f"sqlite:///{tmp_path}/ledger.sqlite"
        service = Service(tmp_path, database_url=url, ledger_required=True)
        yield service
        service.close()

    def test_with_a_record_it_is_given(self, strict: Service) -> None:
        assert strict.call().json["cards"]

    def test_without_one_it_is_refused_and_not_counted_as_sent(self, strict: Service) -> None:
        strict.execute("ALTER TABLE call RENAME TO gone")
        answer = strict.call()
        assert (answer.status_code, answer.json["issue"][0]["code"]) == (503, "transient")
        assert "heparin_cds_cards_total{" not in strict.client.get("/metrics").text

    def test_what_does_not_concern_us_is_answered_all_the_same(self, strict: Service) -> None:
        strict.execute("ALTER TABLE call RENAME TO gone")
        body = {"hook": "order-sign", "hookInstance": "i", "context": {"patientId": "x"}}
        assert strict.client.post("/cds-services/heparin-order-sign", json=body).status_code == 200


@pytest.mark.parametrize("facts", ["null", "[]", '"x"', '{"rate": "x"}', "{", "7"])
def test_facts_that_are_none_soften_nothing(service: Service, facts: str) -> None:
    """A row that was damaged, or written by another program."""
    card = service.call().json["cards"][0]["uuid"]
    told = item(card, 1) | {
        "outcome": "overridden",
        "overrideReason": {"reason": {"code": "disagree"}},
    }
    assert service.client.post(FEEDBACK, json={"feedback": [told]}).status_code == 200
    with sqlite3.connect(service.path) as connection:
        connection.execute("UPDATE card SET facts = ?", (facts,))
    connection.close()
    assert [card["indicator"] for card in service.call(CASE).json["cards"]] == ["warning"]


def test_an_error_in_a_transaction_is_not_stored(tmp_path: Path) -> None:
    from cds_service.ledger.database import Ledger

    ledger = Ledger(f"sqlite:///{tmp_path}/l.sqlite")
    ledger.create()
    with pytest.raises(NotStored), ledger.writing() as connection:
        connection.execute(select(text("nothing")))
    ledger.close()
