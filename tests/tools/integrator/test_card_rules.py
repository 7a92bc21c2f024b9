"""The judge of cards finds what is wrong and lets the service's own pass."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from cds_service.tools.integrator.checks.card_rules import faults
from tests.cases import advice_for, cases, wire

Json = dict[str, Any]


def good() -> Json:
    coding = {"code": "a", "system": "https://a.example.org"}
    action = {"type": "delete", "description": "d", "resourceId": "MedicationRequest/a"}
    suggestion = {"label": "l", "uuid": "u", "isRecommended": True, "actions": [action]}
    return {
        "uuid": "c",
        "summary": "s" * 139,
        "indicator": "info",
        "source": {"label": "l", "topic": dict(coding)},
        "selectionBehavior": "at-most-one",
        "suggestions": [suggestion],
        "overrideReasons": [{**coding, "display": "d"}],
        "links": [{"label": "l", "type": "absolute", "url": "https://a.example.org"}],
        "extension": {"org.example": {"x": 1}},
    }


def changed(change: Callable[[Json], object]) -> list[str]:
    card = copy.deepcopy(good())
    change(card)
    return faults({"cards": [card]})


def test_a_good_card_passes() -> None:
    assert faults({"cards": [good()]}) == []
    assert faults({"cards": []}) == []


@pytest.mark.parametrize("name", cases())
def test_the_service_s_own_cards_pass(name: str) -> None:
    assert faults({"cards": wire(advice_for(name))}) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.update(summary="s" * 140), "summary"),
        (lambda c: c.pop("summary"), "summary"),
        (lambda c: c.update(indicator="hard-stop"), "indicator"),
        (lambda c: c.update(source={}), "source"),
        (lambda c: c["source"].update(topic={"code": "a"}), "topic"),
        (lambda c: c.pop("selectionBehavior"), "selectionBehavior"),
        (lambda c: c.update(detail=""), "detail is empty"),
        (lambda c: c.update(links=[]), "links is empty"),
        (lambda c: c["overrideReasons"][0].pop("display"), "override reason"),
        (lambda c: c["links"][0].update(url="/a"), "absolute URL"),
        (lambda c: c["links"][0].update(type="other"), "link without"),
        (lambda c: c["links"][0].update(appContext="x"), "appContext"),
        (lambda c: c.update(links=["x"]), "link"),
        (lambda c: c.pop("uuid"), "card without uuid"),
        (lambda c: c["suggestions"].append(c["suggestions"][0]), "several"),
        (lambda c: c["suggestions"][0].pop("label"), "suggestion without label"),
        (lambda c: c["suggestions"][0].pop("uuid"), "suggestion without uuid"),
        (lambda c: c["suggestions"][0]["actions"][0].pop("description"), "description"),
        (lambda c: c["suggestions"][0]["actions"][0].update(type="DELETE"), "action type"),
        (lambda c: c["suggestions"][0]["actions"][0].update(type="create"), "create without"),
        (lambda c: c["suggestions"][0]["actions"][0].update(resourceId="a"), "delete without"),
    ],
)
def test_each_fault_is_named(change: Callable[[Json], object], said: str) -> None:
    assert any(said in fault for fault in changed(change))


@pytest.mark.parametrize("answer", [None, [], {}, {"cards": None}, {"cards": "x"}])
def test_an_answer_without_cards_is_a_fault(answer: Any) -> None:
    assert faults(answer) == ["no cards array"]


def test_a_card_that_is_no_object_is_a_fault() -> None:
    assert faults({"cards": ["x"]}) == ["a card is no object"]
