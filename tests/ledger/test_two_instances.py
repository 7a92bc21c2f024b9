"""Two instances of the service, one PostgreSQL: what one was told, the other knows."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import cycle
from typing import Any
from uuid import uuid4

import pytest
import requests
from sqlalchemy import create_engine, select

from cds_service.ledger.calls import calls
from cds_service.ledger.feedback import feedback
from tests.cases import cases
from tests.databases import Postgres
from tests.ledger.shown import at_present as at_present_time
from tests.ledger.shown import show
from tests.running import Gunicorn, at_present
from tests.service import CASE, prefetch_of, request_of
from tests.tokens import ISSUER, claims, key_set, sign

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

Json = dict[str, Any]

PUBLIC = "https://cds.example.org"
DISCOVERY = "/cds-services"
SELECT = "/cds-services/heparin-order-select"
ANSWERS = SELECT + "/feedback"
CLIENTS = f'[[client]]\nname = "General"\nissuer = "{ISSUER}"\njwks_file = "keys.json"\n'


class Pair:
    """Both instances, as a proxy without stickiness would ask them: each in its turn."""

    def __init__(self, instances: tuple[Gunicorn, Gunicorn], database: str) -> None:
        self.instances = instances
        self.database = database
        self._turns: Iterator[Gunicorn] = cycle(instances)

    def post(self, path: str, body: Json, at: Gunicorn | None = None) -> requests.Response:
        url = (at or next(self._turns)).url + path
        return requests.post(url, json=body, headers=bearer(path), timeout=30)

    def show(self, cards: list[str]) -> None:
        engine = create_engine(self.database)
        show(engine, cards, **at_present_time())
        engine.dispose()

    def rows(self, table: Any, *where: Any) -> list[Any]:
        engine = create_engine(self.database)
        with engine.connect() as connection:
            found = list(connection.execute(select(table).where(*where)))
        engine.dispose()
        return found


def bearer(path: str) -> Mapping[str, str]:
    """A token of its own for every call."""
    token = sign(claims(datetime.now(UTC), PUBLIC + path), headers={"jku": None})
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    (folder / "clients.toml").write_text(CLIENTS)
    (folder / "keys.json").write_text(json.dumps(key_set()))
    settings = {
        "CDS_CLIENTS": str(folder / "clients.toml"),
        "CDS_PUBLIC_URL": PUBLIC,
        "CDS_LEDGER_KEY": "the same secret for all machines",
    }
    database = postgres.new_database()
    one, two = (Gunicorn(folder, database, workers=1, **settings) for _ in range(2))
    try:
        one.wait()
        two.wait()
        yield Pair((one, two), database)
    finally:
        one.kill_all()
        two.kill_all()


def a_call() -> Json:
    """Of a patient of its own, so that no test meets what another overrode."""
    patient = request_of()["context"]["patientId"]
    text = json.dumps(request_of() | {"prefetch": prefetch_of()})
    theirs = re.sub(rf'(?<=["/]){patient}(?=")', str(uuid4()), text)
    body: Json = at_present(json.loads(theirs), cases()[CASE].now)
    return body


def item(card: str, **more: Any) -> Json:
    at = datetime.now(UTC).isoformat()
    return {"card": card, "outcome": "overridden", "outcomeTimestamp": at} | more


def all_at_once(*tasks: Callable[[], None]) -> None:
    threads = [threading.Thread(target=task) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_both_are_ready(pair: Pair) -> None:
    for instance in pair.instances:
        answer = requests.get(f"{instance.url}/readyz", timeout=30)
        assert (answer.status_code, answer.json()["database"]) == (200, True)


def test_a_token_used_at_one_is_refused_at_the_other(pair: Pair) -> None:
    one, two = pair.instances
    for first, second in ((one, two), (two, one)):
        token = bearer(DISCOVERY)
        statuses = [
            requests.get(at.url + DISCOVERY, headers=token, timeout=30).status_code
            for at in (first, second, first)
        ]
        assert statuses == [200, 401, 401]


def test_a_token_sent_to_both_at_once_is_let_in_once(pair: Pair) -> None:
    for _ in range(5):
        token = bearer(DISCOVERY)
        statuses: list[int] = []

        def use(at: Gunicorn, token: Any = token, statuses: list[int] = statuses) -> None:
            answer = requests.get(at.url + DISCOVERY, headers=token, timeout=30)
            statuses.append(answer.status_code)

        all_at_once(*(lambda at=at: use(at) for at in pair.instances * 2))
        assert sorted(statuses) == [200, 401, 401, 401]


@pytest.mark.parametrize("size", [8_000, 100_000])
def test_a_token_longer_than_a_header_may_be_is_refused(pair: Pair, size: int) -> None:
    """By gunicorn, before it is read: the service itself would say 401."""
    token = sign(claims(datetime.now(UTC), PUBLIC + DISCOVERY, more="x" * size))
    head = {"Authorization": f"Bearer {token}"}
    for instance in pair.instances:
        assert requests.get(instance.url + DISCOVERY, headers=head, timeout=30).status_code == 431
        assert requests.get(instance.url + "/readyz", timeout=30).status_code == 200


def test_cards_of_one_are_answered_at_the_other(pair: Pair) -> None:
    one, two = pair.instances
    shown = pair.post(SELECT, a_call(), at=one).json()["cards"]
    chosen = [{"id": shown[0]["suggestions"][0]["uuid"]}]
    answered = item(shown[0]["uuid"], outcome="accepted", acceptedSuggestions=chosen)
    assert pair.post(ANSWERS, {"feedback": [answered]}, at=two).status_code == 200
    (row,) = pair.rows(feedback, feedback.c.card == shown[0]["uuid"])
    assert row.suggestions == [chosen[0]["id"]]


def test_the_same_feedback_sent_to_both_at_once_is_stored_once(pair: Pair) -> None:
    """Batches overlap and come in opposite order: neither instance may wait for the other's."""
    for _ in range(3):
        cards = [str(uuid4()) for _ in range(400)]
        pair.show(cards)
        items = [item(card) for card in cards]
        batches = [items, items[::-1], items[100:], items[300::-1]]
        statuses: list[int] = []

        def send(batch: list[Json], statuses: list[int] = statuses) -> None:
            statuses.append(pair.post(ANSWERS, {"feedback": batch}).status_code)

        all_at_once(*(lambda batch=batch: send(batch) for batch in batches))
        assert statuses == [200] * len(batches)
        kept = [row.card for row in pair.rows(feedback, feedback.c.card.in_(cards))]
        assert sorted(kept) == sorted(cards)


def test_an_override_recorded_at_one_softens_the_card_at_the_other(pair: Pair) -> None:
    one, two = pair.instances
    body = a_call()
    (card,) = pair.post(SELECT, body, at=one).json()["cards"]
    assert card["indicator"] == "warning"
    reason = next(r for r in card["overrideReasons"] if r["code"] == "comfortCare")
    said = item(card["uuid"], overrideReason={"reason": reason})
    assert pair.post(ANSWERS, {"feedback": [said]}, at=one).status_code == 200
    for instance in (two, one):
        (again,) = pair.post(SELECT, body, at=instance).json()["cards"]
        assert (again["source"]["topic"], again["indicator"]) == (card["source"]["topic"], "info")


def test_the_calls_of_both_are_in_one_record(pair: Pair) -> None:
    before = {row.id for row in pair.rows(calls)}
    body = a_call()
    for _ in range(4):
        assert pair.post(SELECT, body).status_code == 200
    new = [row for row in pair.rows(calls) if row.id not in before]
    assert [row.client for row in new] == ["General"] * 4
    assert len({row.patient for row in new}) == 1, "one key, so one hash"
