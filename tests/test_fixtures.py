"""Every fixture: what its author expected by hand, what the service says, and both ways of data."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from cds_service.app import create_app
from cds_service.demo import create_demo
from cds_service.demo.fixtures import shifted
from cds_service.hooks.services import SERVICES
from cds_service.settings import Settings
from tests.cases import FIXTURES, advice_for, answered, cases, searches, tables, wire
from tests.golden import answers, written

NAMES = sorted(cases())
PRESENT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
LONGEST_DETAIL = 120  # words, the table of facts apart


def topics(cards: list[dict[str, Any]]) -> list[str]:
    return [card["source"]["topic"]["code"] for card in cards]


def doses(cards: list[dict[str, Any]]) -> list[tuple[str, float, str]]:
    """Every drug dose in the suggested orders of the cards: drug, value, unit."""
    actions = [a for c in cards for s in c.get("suggestions", ()) for a in s["actions"]]
    orders = [
        a["resource"]
        for a in actions
        if a["type"] == "create" and a["resource"]["resourceType"] == "MedicationRequest"
    ]
    return [_dose(order) for order in orders]


def _dose(order: Mapping[str, Any]) -> tuple[str, float, str]:
    amount = order["dosageInstruction"][0]["doseAndRate"][0]
    quantity = amount.get("rateQuantity") or amount["doseQuantity"]
    return order["medicationCodeableConcept"]["text"], quantity["value"], quantity["code"]


@pytest.mark.parametrize("name", NAMES)
def test_cards_are_those_the_author_worked_out_by_hand(name: str) -> None:
    cards, front = wire(advice_for(name)), cases()[name].front_matter

    assert topics(cards) == front["topics"]
    assert [card["indicator"] for card in cards] == front["indicators"]


@pytest.mark.parametrize("name", NAMES)
def test_doses_in_orders_are_those_the_author_worked_out_by_hand(name: str) -> None:
    expected = {(d["drug"], d["value"], d["unit"]) for d in cases()[name].front_matter["doses"]}

    found = doses(wire(advice_for(name)))

    assert set(found) == expected
    assert len(found) == len(expected), "one dose per drug"


@pytest.mark.parametrize("name", NAMES)
def test_answer_is_the_recorded_one(name: str) -> None:
    """`make golden` rewrites the record; the diff is reviewed."""
    assert written(name) == (FIXTURES / name / "expected.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_answers_as_recorded(name: str) -> None:
    """A change of a threshold shows here which answers it moves, also where no card changes."""
    assert answers(name) == (FIXTURES / name / "answers.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_every_number_of_an_order_stands_in_its_card(name: str) -> None:
    for card in wire(advice_for(name)):
        text = f"{card['summary']} {card['detail']}"
        for _, value, unit in doses([card]):
            written_value = f"{value:,.0f}" if unit == "[IU]" else f"{value:g}"
            assert written_value in text


@pytest.mark.parametrize("name", NAMES)
def test_a_card_is_read_in_ten_seconds(name: str) -> None:
    for card in wire(advice_for(name)):
        lines = [line for line in card["detail"].splitlines() if not line.startswith("|")]
        assert len(card["summary"]) < 140
        assert len(" ".join(lines).split()) <= LONGEST_DETAIL


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, str]]:
    """The service, and the demo's FHIR endpoint, really listening; both at one present."""
    database = f"sqlite:///{tmp_path_factory.mktemp('served')}/ledger.sqlite"
    environ = {"CDS_OPEN": "1", "CDS_LOG_LEVEL": "ERROR", "CDS_DATABASE_URL": database}
    settings = Settings.from_environ(environ)
    numbers = count()
    app = create_app(settings, clock=lambda: PRESENT, new_id=lambda: f"uuid-{next(numbers)}")
    ehr = Flask("ehr")
    ehr.register_blueprint(create_demo(settings, now=lambda: PRESENT))
    server = make_server("127.0.0.1", 0, ehr, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield app, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def ask(app: Flask, request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The cards without what differs from call to call: uuids and the clock."""
    service = next(s for s in SERVICES.values() if s.hook == request["hook"])
    response = app.test_client().post(f"/cds-services/{service.id}", json=request)
    assert response.status_code == 200, response.text
    cards: list[dict[str, Any]] = json.loads(response.text)["cards"]
    for card in cards:
        for suggestion in card.get("suggestions", ()):
            for action in suggestion["actions"]:
                action.get("resource", {}).pop("authoredOn", None)
            suggestion.pop("uuid")
        card.pop("uuid")
    return cards


@pytest.mark.parametrize("name", NAMES)
def test_prefetch_and_fhir_server_give_the_same_cards(served: tuple[Flask, str], name: str) -> None:
    """An EHR's own search answers as prefetch, or the service's own searches over HTTP."""
    app, base = served
    case = shifted(cases()[name], PRESENT)
    prefetch = {
        key: _prefetched(key, [dict(r) for r in answer.resources])
        for key, answer in answered(case.resources, tables()).items()
    }

    by_prefetch = ask(app, {**case.request, "prefetch": prefetch})
    by_server = ask(app, {**case.request, "fhirServer": f"{base}/demo/fhir"})

    assert by_prefetch == by_server
    assert topics(by_server) == case.front_matter["topics"]


def _prefetched(key: str, resources: list[dict[str, Any]]) -> dict[str, Any] | None:
    """What a client puts under a key: a resource for a read, a searchset for a search."""
    search = next(s for s in searches(tables()) if s.key == key)
    if "?" not in search.template:
        return resources[0] if resources else None
    entries = [{"resource": r} for r in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries}
