"""CDS Hooks 2.0 to the letter: what two registered EHRs of different habits get over HTTP.

All fixtures through all three hooks with signed tokens, complete prefetch; beside it the cards
of every other draft and protocol by the same rules.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.app import create_app
from cds_service.settings import Settings
from tests import tokens
from tests.calls import HOOKS, Json, every_answer, request
from tests.cases import answered, cases, tables
from tests.databases import new_database
from tests.wire_rules import faults

NAMES = sorted(cases())
PUBLIC = "https://cds.example.org"
NOW: datetime = cases()[NAMES[0]].now  # all fixtures are dated from one instant
ISSUERS = {"at-most-one": tokens.ISSUER, "any": "https://other.example.org/fhir"}

CLIENTS = f"""
[[client]]
name = "one of many actions"
issuer = "{ISSUERS["at-most-one"]}"
jwks_file = "keys.json"

[[client]]
name = "any of single actions"
issuer = "{ISSUERS["any"]}"
jwks_file = "keys.json"
selection_behavior = "any"
single_action = true
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """The service with two registered EHRs; every token is checked."""
    folder: Path = tmp_path_factory.mktemp("wire")
    (folder / "clients.toml").write_text(CLIENTS, encoding="utf-8")
    (folder / "keys.json").write_text(json.dumps(tokens.key_set()), encoding="utf-8")
    given = {
        "CDS_CLIENTS": str(folder / "clients.toml"),
        "CDS_PUBLIC_URL": PUBLIC,
        "CDS_LEDGER_KEY": "k" * 32,
        "CDS_DATABASE_URL": new_database(folder),
        "CDS_LOG_LEVEL": "error",
    }
    app = create_app(Settings.from_environ(given), rulebook=tables(), clock=lambda: NOW)
    yield app.test_client()
    app.extensions["ledger"].close()


@cache
def prefetch(name: str) -> Json:
    """What an EHR that honours every template sends: a searchset, or null for nothing found."""
    found = answered(cases()[name].resources, tables())
    return {
        key: {"resourceType": "Bundle", "entry": [{"resource": r} for r in answer.resources]}
        if answer.resources
        else None
        for key, answer in found.items()
    }


def call(client: FlaskClient, behavior: str, body: Json) -> Any:
    """One call with a token of its own."""
    path = f"/cds-services/heparin-{body['hook']}"
    claims = tokens.claims(NOW, PUBLIC + path, iss=ISSUERS[behavior])
    token = tokens.sign(claims, headers={"jku": None})
    return client.post(path, json=body, headers={"Authorization": f"Bearer {token}"})


def suggestions(answer: Json) -> list[Json]:
    return [s for card in answer["cards"] for s in card.get("suggestions", ())]


@pytest.mark.parametrize("behavior", ISSUERS)
@pytest.mark.parametrize("name", NAMES)
def test_answers_over_http_keep_every_rule(client: FlaskClient, name: str, behavior: str) -> None:
    for hook in HOOKS:
        response = call(client, behavior, request(name, hook) | {"prefetch": prefetch(name)})

        assert response.status_code == 200, response.text
        assert response.mimetype == "application/json"
        assert faults(response.json) == [], hook
        for card in response.json["cards"]:
            assert card.get("selectionBehavior", behavior) == behavior
        if behavior == "any":
            assert all(len(s["actions"]) == 1 for s in suggestions(response.json))


@pytest.mark.parametrize("name", NAMES)
def test_the_client_with_its_own_hook_gets_what_the_author_expected(
    client: FlaskClient, name: str
) -> None:
    case = cases()[name]
    body = {**case.request, "prefetch": prefetch(name)}
    answer = call(client, "at-most-one", body).json
    found = [card["source"]["topic"]["code"] for card in answer["cards"]]
    assert found == case.front_matter["topics"]


@pytest.mark.parametrize("name", NAMES)
def test_cards_of_any_draft_protocol_and_style_keep_every_rule(name: str) -> None:
    for answer in every_answer(name):
        assert faults({"cards": answer.cards}) == [], answer.name


@pytest.mark.parametrize("name", NAMES)
def test_never_more_than_three_cards_and_the_most_urgent_first(name: str) -> None:
    ranks = ["critical", "warning", "info"]
    for answer in every_answer(name):
        indicators = [ranks.index(card["indicator"]) for card in answer.cards]
        assert len(indicators) <= 3, answer.name
        assert indicators == sorted(indicators), answer.name


@pytest.mark.parametrize("name", NAMES)
def test_an_ehr_of_single_actions_is_offered_no_start_and_stops_only_in_hit(name: str) -> None:
    """Alone, a start would be the half of a switch."""
    for answer in every_answer(name):
        if not answer.style.single_action:
            continue
        for card in answer.cards:
            for action in (s["actions"][0] for s in card.get("suggestions", ())):
                if card["source"]["topic"]["code"] == "hitSuspected":
                    assert action["type"] in ("create", "update", "delete")
                else:
                    assert action["type"] == "create", answer.name
                if action["type"] == "create":
                    assert action["resource"]["resourceType"] == "ServiceRequest", answer.name


@pytest.mark.parametrize("name", NAMES[::6])
def test_two_answers_to_one_call_differ_in_their_uuids_only(client: FlaskClient, name: str) -> None:
    """An EHR asks again on every keystroke; feedback must tell the answers apart."""
    body = {**cases()[name].request, "prefetch": prefetch(name)}
    one, two = (call(client, "at-most-one", body).json for _ in range(2))
    holders = zip(one["cards"] + suggestions(one), two["cards"] + suggestions(two), strict=True)
    for before, after in holders:
        assert before.pop("uuid") != after.pop("uuid")
    assert one == two


class TestTheRulesThemselves:
    """Each rule finds its fault in an answer that is otherwise good."""

    @pytest.fixture
    def good(self) -> Json:
        answers = every_answer("01-antithrombin-dose")
        cards = next(a.cards for a in answers if a.request["hook"] == "order-sign")
        return copy.deepcopy({"cards": cards})

    def test_a_good_answer_has_no_fault(self, good: Json) -> None:
        assert faults(good) == []
        assert faults({"cards": []}) == []

    @pytest.mark.parametrize(
        "answer", [None, [], {}, {"cards": None}, {"cards": {}}, {"cards": [], "systemActions": []}]
    )
    def test_what_is_no_answer(self, answer: object) -> None:
        assert faults(answer)

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("uuid", "1"),
            ("summary", "x" * 140),
            ("summary", "two\nlines"),
            ("indicator", "hard-stop"),
            ("detail", ""),
            ("source", {"label": "x"}),
            ("source.topic.code", "with-dash"),
            ("source.url", "/relative"),
            ("source.icon", None),
            ("selectionBehavior", "some"),
            ("overrideReasons", []),
            ("overrideReasons.0.display", None),
            ("links", []),
            ("suggestions.0.uuid", ""),
            ("suggestions.0.label", None),
            ("suggestions.0.actions", []),
            ("suggestions.0.isRecommended", "yes"),
            ("suggestions.0.actionSelectionBehavior", "any"),
            ("suggestions.0.actions.0.type", "CREATE"),
            ("suggestions.0.actions.0.description", 7),
            ("suggestions.0.actions.0.resource", "text"),
            ("suggestions.0.actions.0.resource.note", []),
        ],
    )
    def test_one_fault_is_found(self, good: Json, path: str, value: object) -> None:
        node: Any = good["cards"][0]
        *way, last = path.split(".")
        for step in way:
            node = node[int(step) if step.isdigit() else step]
        node[last] = value
        assert faults(good)

    def test_two_recommended_of_at_most_one(self, good: Json) -> None:
        card = good["cards"][0]
        card["suggestions"] = [s | {"isRecommended": True} for s in card["suggestions"] * 2]
        assert "card 0: several recommended of at most one" in faults(good)
        assert "a uuid twice" in faults(good)

    def test_suggestions_without_a_selection_behavior(self, good: Json) -> None:
        del good["cards"][0]["selectionBehavior"]
        assert faults(good)

    def test_a_warning_nobody_can_override(self, good: Json) -> None:
        del good["cards"][0]["overrideReasons"]
        assert faults(good) == ["card 0: no override reasons"]
