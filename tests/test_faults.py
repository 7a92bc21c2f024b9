"""When data fail: what each hook answers, over HTTP, with a FHIR server that really misbehaves."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.advice import Advice, advise
from cds_service.cards.reason_words import lower
from cds_service.chart.query_result import QueryResult, QueryState
from tests.calls import HOOKS, Json, request
from tests.cases import advice_for, answered, called, cases, tables
from tests.fault_tables import (
    CALLS,
    CASE,
    DOCUMENT,
    FAULTS,
    HASTE,
    HTML,
    PATIENT,
    QUERIES,
    ask,
    document,
    healthy,
    hollow_answers,
    one_query,
    open_facts,
    server,
    service,
    serving,
    status,
    unidentified_medicines,
    whole_server,
)
from tests.faulty_server import hanging
from tests.wire_rules import faults

FAILED = QueryResult(QueryState.FAILED, problem="HTTP 500")
EMPTY_ANSWER = "finds nothing, for every query"
FAILURES = sorted(set(FAULTS) - {EMPTY_ANSWER})

# What the answer cannot be had without (clinical logic 4), and how a card names it.
DECIDING = {
    "coagulation": "aPTT and anti-Xa",
    "blood": "Platelets",
    "administrations": "heparin dose",
    "orders": "heparin dose",
    "conditions": "problem list",
    "allergies": "allergies",
}
# Its card goes on without them and says what it could not do.
NAMED = DECIDING | {
    "patient": "birth date",
    "body": "Weight",
    "procedures": "procedures (dialysis, bypass)",
}
HELPFUL = {"tests", "encounters"}  # nothing changes


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    with service(tmp_path_factory.mktemp("faults")) as client:
        yield client


def topics(response: Any) -> list[str]:
    return [card["source"]["topic"]["code"] for card in response.json["cards"]]


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """The service with little patience, for servers that never answer."""
    with service(tmp_path_factory.mktemp("hasty"), HASTE) as client:
        yield client


@pytest.mark.slow
def test_the_document_says_what_the_service_does(client: FlaskClient, hasty: FlaskClient) -> None:
    written = document(
        list(whole_server(client, hasty)),
        list(one_query(client)),
        list(hollow_answers(client)),
        list(unidentified_medicines(client)),
    )
    assert DOCUMENT.read_text(encoding="utf-8") == written, "python -m tests.fault_tables"


@pytest.fixture(scope="module", params=FAILURES)
def answer_to(
    request: pytest.FixtureRequest, client: FlaskClient, hasty: FlaskClient
) -> Iterator[Callable[[Json], Any]]:
    """Asks the service with a server that fails, in each of the ways."""
    behave = FAULTS[request.param]
    asker = hasty if behave is hanging else client
    with server(behave) as base:
        yield lambda body: ask(asker, body, base)


class TestTheWholeServerFails:
    def test_patient_view_is_412_with_an_outcome_that_names_no_patient(
        self, answer_to: Callable[[Json], Any]
    ) -> None:
        response = answer_to(CALLS["patient-view"])
        assert response.status_code == 412
        assert response.mimetype == "application/fhir+json"
        assert response.json["resourceType"] == "OperationOutcome"
        assert response.json["issue"][0]["code"] == "incomplete"
        assert PATIENT not in response.text

    @pytest.mark.parametrize("call", ["order-select, heparin", "order-sign, heparin"])
    def test_a_heparin_draft_is_answered_by_what_could_not_be_assessed(
        self, answer_to: Callable[[Json], Any], call: str
    ) -> None:
        response = answer_to(CALLS[call])
        assert response.status_code == 200
        assert topics(response) == ["notAssessed"]
        assert faults(response.json) == []
        for fact in set(DECIDING.values()):
            assert lower(fact) in open_facts(response)

    @pytest.mark.parametrize("hook", ["order-select", "order-sign"])
    def test_an_antithrombin_draft_is_asked_to_be_checked_first(
        self, answer_to: Callable[[Json], Any], hook: str
    ) -> None:
        response = answer_to(request(CASE, hook, "antithrombin"))
        assert topics(response) == ["antithrombinUnchecked", "notAssessed"]

    @pytest.mark.parametrize("call", ["order-select, ibuprofen", "order-sign, ibuprofen"])
    def test_a_draft_that_is_none_of_ours_gets_no_card(
        self, answer_to: Callable[[Json], Any], call: str
    ) -> None:
        response = answer_to(CALLS[call])
        assert (response.status_code, response.json) == (200, {"cards": []})

    def test_medicines_in_prefetch_save_patient_view_from_412(
        self, answer_to: Callable[[Json], Any]
    ) -> None:
        sent = {key: healthy()[key] for key in ("administrations", "orders")}
        response = answer_to(CALLS["patient-view"] | {"prefetch": sent})
        assert response.status_code == 200
        # Above 40,000 units a day without a known weight asks for the tests; it offers no drug.
        assert topics(response) == ["heparinResistance", "notAssessed"]
        assert '"MedicationRequest"' not in response.text

    def test_nothing_of_the_server_s_answer_is_repeated(
        self, answer_to: Callable[[Json], Any]
    ) -> None:
        for body in CALLS.values():
            assert HTML.decode()[:12] not in answer_to(body).text


def test_a_draft_that_is_none_of_ours_asks_the_server_nothing(client: FlaskClient) -> None:
    asked: list[bytes] = []
    with server(lambda line, head: asked.append(head)) as base:
        for hook in ("order-select", "order-sign"):
            assert ask(client, request(CASE, hook, "ibuprofen"), base).json == {"cards": []}
    assert not asked


def test_nothing_on_record_is_an_answer_and_no_failure(client: FlaskClient) -> None:
    """No heparin known, nothing failed: an opened chart is silent, and no card says "failed"."""
    with server(FAULTS[EMPTY_ANSWER]) as base:
        view = ask(client, CALLS["patient-view"], base)
        sign = ask(client, request(CASE, "order-sign", "antithrombin"), base)
    assert (view.status_code, view.json) == (200, {"cards": []})
    assert "antithrombinUnchecked" in topics(sign)
    assert "not on record" in open_facts(sign)
    assert "failed" not in sign.text


class TestOneQueryFails:
    @pytest.mark.parametrize("hook", HOOKS)
    @pytest.mark.parametrize("key", QUERIES)
    def test_the_others_are_used_and_the_lost_one_is_named(
        self, client: FlaskClient, key: str, hook: str
    ) -> None:
        with server(serving({**healthy(), key: status(500)})) as base:
            response = ask(client, request(CASE, hook), base)
        assert response.status_code == 200
        assert faults(response.json) == []
        if key in NAMED:
            assert lower(NAMED[key]) in open_facts(response)
            assert response.text.count("could not be read") >= 1
        assert ("notAssessed" in topics(response)) is (key in DECIDING)
        if key in HELPFUL:
            whole = advice_for(CASE)
            assert topics(response) == [card.topic for card in whole.cards]

    def test_the_table_knows_every_query(self) -> None:
        assert set(QUERIES) == set(NAMED) | HELPFUL


def failing(name: str, hook: str, keys: tuple[str, ...], draft: str = "own") -> Advice:
    """The advice when some queries fail and the others answer."""
    rules, case = tables(), cases()[name]
    answers = answered(case.resources, rules) | dict.fromkeys(keys, FAILED)
    return advise(called(request(name, hook, draft)), answers, rules, case.now)


SILENT = "02-silent-start"
ILL = ("09-hit-on-record", "32-orders-only")
MEDICINES = {"administrations", "orders"}


def sets_of_failures() -> list[tuple[str, ...]]:
    """One query, all but one, and all; pairs of what decides."""
    ones = [(key,) for key in QUERIES]
    rests = [tuple(k for k in QUERIES if k != key) for key in QUERIES]
    return [*ones, *combinations(DECIDING, 2), *rests, QUERIES]


class TestLaws:
    @pytest.mark.parametrize("name", [CASE, SILENT, *ILL])
    def test_412_needs_both_queries_for_medicines_to_fail(self, name: str) -> None:
        for keys in sets_of_failures():
            found = failing(name, "patient-view", keys).findings.nothing_of_medicines
            assert found is (set(keys) >= MEDICINES), keys

    @pytest.mark.parametrize("name", [CASE, SILENT, *ILL])
    def test_a_deciding_query_that_failed_is_never_silence_over_a_concerning_draft(
        self, name: str
    ) -> None:
        for keys in sets_of_failures():
            if set(keys) & set(DECIDING):
                cards = failing(name, "order-sign", keys, "heparin").cards
                assert "notAssessed" in [card.topic for card in cards], keys

    @pytest.mark.parametrize("name", [CASE, *ILL])
    def test_a_deciding_query_that_failed_is_never_silence_where_heparin_runs(
        self, name: str
    ) -> None:
        for keys in sets_of_failures():
            if set(keys) & set(DECIDING) and not set(keys) >= MEDICINES:
                cards = failing(name, "patient-view", keys).cards
                assert "notAssessed" in [card.topic for card in cards], keys

    @pytest.mark.parametrize("name", sorted(cases()))
    def test_a_lost_query_never_starts_a_drug_that_the_whole_record_would_not(
        self, name: str
    ) -> None:
        """Unknown is not no: what a failure hides may forbid a drug or change its dose."""
        whole = started(failing(name, "order-sign", (), "heparin"))
        recommended = {start for start, marked in whole.items() if marked}
        for key in QUERIES:
            part = started(failing(name, "order-sign", (key,), "heparin"))
            assert set(part) <= set(whole), key
            assert {start for start, marked in part.items() if marked} <= recommended, key


def started(advice: Advice) -> dict[str, bool]:
    """Every drug start on the cards with its dose, and whether it is the recommended choice."""
    found: dict[str, bool] = {}
    for card in advice.cards:
        for suggestion in card.suggestions:
            for action in suggestion.actions:
                resource = action.resource or {}
                if action.type == "create" and resource["resourceType"] == "MedicationRequest":
                    found[resource["dosageInstruction"][0]["text"]] = suggestion.recommended
    return found


OTHERS: Json = {
    "resourceType": "MedicationRequest",
    "id": "of-another",
    "status": "active",
    "intent": "order",
    "subject": {"reference": "Patient/another"},
    "medicationCodeableConcept": {"text": "heparin infusion"},
}
# One thing that does not belong into an answer, and how the card names it.
ODD: Mapping[str, tuple[Any, str]] = {
    "a string": ("<html>", "Left out: orders unreadable (1)."),
    "a list": ([OTHERS], "Left out: orders unreadable (1)."),
    "a number": (7, "Left out: orders unreadable (1)."),
    "an object without a type": ({"id": "x"}, "Left out: orders unreadable (1)."),
    "another patient's": (OTHERS, "Left out: orders of another patient (1)."),
    "nonsense all over": (
        {"resourceType": "MedicationRequest", "id": "bad", "status": [7], "subject": "me"},
        "Left out: orders of a medicine that could not be identified (1).",
    ),
    "an unknown type": ({"resourceType": "Spaceship", "id": "s"}, ""),
    "nothing": (None, "Left out: orders unreadable (1)."),
}


class TestOneOddResource:
    """It costs itself and is named; a type we never read is as little a loss as a Practitioner."""

    @pytest.fixture(params=ODD)
    def odd(self, request: pytest.FixtureRequest) -> tuple[Any, str]:
        return ODD[request.param]

    def answers(self, odd: Any) -> dict[str, Json]:
        changed = copy.deepcopy(healthy())
        entry = {"fullUrl": "https://ehr/MedicationRequest/odd", "resource": odd}
        changed["orders"]["entry"].insert(1, entry)
        return changed

    def check(self, response: Any, named: str) -> None:
        assert response.status_code == 200
        assert topics(response) == [card.topic for card in advice_for(CASE).cards]
        text = response.json["cards"][0]["detail"]
        assert re.findall(r"Left out[^.]*\.", text) == ([named] if named else [])

    def test_in_prefetch(self, client: FlaskClient, odd: tuple[Any, str]) -> None:
        body = request(CASE, "order-select") | {"prefetch": self.answers(odd[0])}
        self.check(client.post("/cds-services/heparin-order-select", json=body), odd[1])

    def test_from_a_fhir_server(self, client: FlaskClient, odd: tuple[Any, str]) -> None:
        with server(serving(self.answers(odd[0]))) as base:
            self.check(ask(client, request(CASE, "order-select"), base), odd[1])

    def test_among_the_drafts(self, client: FlaskClient, odd: tuple[Any, str]) -> None:
        """The other drafts are still advised on."""
        body = copy.deepcopy(request(CASE, "order-sign"))
        body["context"]["draftOrders"]["entry"].insert(0, {"resource": odd[0]})
        body["prefetch"] = healthy()
        response = client.post("/cds-services/heparin-order-sign", json=body)
        assert response.status_code == 200
        assert topics(response) == [card.topic for card in advice_for(CASE).cards]

    def test_a_bundle_of_nothing_else_is_no_answer(
        self, client: FlaskClient, odd: tuple[Any, str]
    ) -> None:
        """That it holds no order of ours is not to say that there is none."""
        answers: dict[str, Any] = healthy()
        answers["orders"] = {"resourceType": "Bundle", "entry": [{"resource": odd[0]}]}
        with server(serving(answers)) as base:
            response = ask(client, request(CASE, "order-select"), base)
        assert response.status_code == 200
        if odd[0] is OTHERS or not named_order(odd[0]):
            assert "notAssessed" in topics(response)


def named_order(odd: Any) -> bool:
    return isinstance(odd, dict) and odd.get("resourceType") == "MedicationRequest"


def test_many_odd_resources_are_counted(client: FlaskClient) -> None:
    answers = copy.deepcopy(healthy())
    for number in range(5):
        answers["orders"]["entry"].append({"resource": OTHERS | {"id": f"other-{number}"}})
    body = request(CASE, "order-select") | {"prefetch": answers}
    response = client.post("/cds-services/heparin-order-select", json=body)
    assert "Left out: orders of another patient (5)." in json.dumps(response.json)


class TestAnOrderNestedBeyondReason:
    """To stop it a card would have to repeat it, and could not: it is as if the query failed."""

    @pytest.fixture
    def answers(self) -> dict[str, Json]:
        deep: Any = "the end"
        for _ in range(300):
            deep = {"extension": [deep]}
        changed = copy.deepcopy(healthy())
        changed["orders"]["entry"][0]["resource"]["extension"] = [deep]
        return changed

    def without_orders(self) -> list[str]:
        cards = failing(CASE, "order-select", ("orders",)).cards
        assert "notAssessed" in [card.topic for card in cards]
        return [card.topic for card in cards]

    def test_in_prefetch(self, client: FlaskClient, answers: dict[str, Json]) -> None:
        body = request(CASE, "order-select") | {"prefetch": answers}
        response = client.post("/cds-services/heparin-order-select", json=body)
        assert response.status_code == 200
        assert topics(response) == self.without_orders()

    def test_from_a_fhir_server(self, client: FlaskClient, answers: dict[str, Json]) -> None:
        with server(serving(answers)) as base:
            response = ask(client, request(CASE, "order-select"), base)
        assert response.status_code == 200
        assert topics(response) == self.without_orders()

    def test_among_the_drafts(self, client: FlaskClient, answers: dict[str, Json]) -> None:
        body = copy.deepcopy(request(CASE, "order-select")) | {"prefetch": healthy()}
        body["context"]["draftOrders"]["entry"][0]["resource"]["extension"] = answers["orders"][
            "entry"
        ][0]["resource"]["extension"]
        response = client.post("/cds-services/heparin-order-select", json=body)
        assert response.status_code == 400
        assert response.json["issue"][0]["expression"] == ["context.draftOrders"]
