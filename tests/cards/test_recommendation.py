"""At most one recommended choice in an answer, first in its card, and its label says so."""

from dataclasses import replace

import pytest

from cds_service.assessment.model.recommendation import Option, StartDrug
from cds_service.cards.card import ClientCapabilities
from cds_service.cards.compose import compose
from tests.builders import condition, failing, judge_chart
from tests.cases import advice_for, cases, tables

HIT = failing(condition("hit"))


def drugs(recommended):
    return tuple(
        Option("switch.start", (StartDrug(name, 1.0, "mg/kg/h"),), flag, VALUES | {"drug": name})
        for name, flag in recommended
    )


VALUES = {"rate": 1.0, "unit": "mg/kg/h"}


def labels(found):
    cards = compose(found, tables().concepts, tables().wording, ClientCapabilities())
    return [(s.label, s.recommended) for card in cards for s in card.suggestions]


def test_the_recommended_choice_stands_first_and_its_label_says_so():
    first, second, *_ = labels(judge_chart(*HIT))
    assert first == (
        "Stop heparin, start argatroban 0.5 µg/kg/min, labelled for HIT (recommended)",
        True,
    )
    assert second == ("Stop heparin, start bivalirudin 0.15 mg/kg/h, off-label", False)


def test_of_two_recommendations_only_the_first_stays():
    found = judge_chart(*HIT)
    both = drugs([("argatroban", True), ("bivalirudin", True)])
    items = tuple(replace(item, choices=both) for item in found.items)
    assert [flag for _, flag in labels(replace(found, items=items))].count(True) == 1


def test_a_later_card_keeps_its_choice_without_the_mark():
    found = judge_chart(*HIT)
    (item, *_) = found.items
    items = (item, replace(item, topic="monitoringDue", choices=drugs([("bivalirudin", True)])))
    assert [flag for _, flag in labels(replace(found, items=items))].count(True) == 1


@pytest.mark.parametrize("protocol", ["default", "review-as-written"])
@pytest.mark.parametrize("name", sorted(cases()))
def test_no_fixture_is_answered_with_two_recommendations(name, protocol):
    suggestions = [s for card in advice_for(name, protocol).cards for s in card.suggestions]
    assert sum(s.recommended for s in suggestions) <= 1
    for one in suggestions:
        assert one.label.endswith("(recommended)") is one.recommended
