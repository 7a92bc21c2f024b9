"""A card is read in ten seconds: on every patient, on generated charts, and each count can fail."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.cards.form import LOADING, PER_HOUR, STYLE, drug_orders, faults, generated, topic_of
from tests.cases import advice_for, cases, wire

Json = dict[str, Any]
ANSWERS = range(300)


@pytest.mark.parametrize("protocol", ["default", "review-as-written"])
@pytest.mark.parametrize("name", sorted(cases()))
def test_every_card_of_a_patient_keeps_the_form(name: str, protocol: str) -> None:
    assert list(faults(wire(advice_for(name, protocol, STYLE)))) == []


def test_generated_answers_keep_the_form() -> None:
    """`python -m tests.cards.form --answers 5000` asks more of them."""
    found = {seed: told for seed in ANSWERS if (told := list(faults(generated(seed))))}

    assert found == {}


def test_the_counts_are_of_cards_with_drugs_and_sums() -> None:
    """Without a drug, a dose sum and a pump rate the counts above would count nothing."""
    cards = [card for name in cases() for card in wire(advice_for(name, style=STYLE))]
    details = " ".join(card["detail"] for card in cards)

    assert sum(bool(drug_orders(card)) for card in cards) >= 8
    assert len(LOADING.findall(details)) >= 2
    assert len(PER_HOUR.findall(details)) >= 8


def dose_card() -> Json:
    (card,) = wire(advice_for("01-antithrombin-dose", style=STYLE))
    return copy.deepcopy(card)


TWO_ROWS = "| a | b | - |\n| c | d | - |\n"
SPOILT = {
    "a long summary": ("summary", "x" * 140, "summary of 140"),
    "no bold line": ("detail", lambda d: d.replace("**", ""), "no bold first line"),
    "no check first": ("detail", lambda d: d.replace("line, pump, bag", "it"), "costs nothing"),
    "an eighth row": ("detail", lambda d: d.replace("| Weight", TWO_ROWS + "| W"), "8 rows"),
    "many words": ("detail", lambda d: d + "\n\n" + "word " * 60, "too many words"),
    "much prose": ("detail", lambda d: d.replace("Off-label", "word " * 20 + "Off-label"),
                   "too much prose"),
    "a rule number": ("detail", lambda d: d + " review R31", "says"),
    "a unit of UCUM": ("detail", lambda d: d.replace("2,571 IU", "2,571 [IU]"), "says '[IU]'"),
    "a wrong sum": ("detail", lambda d: d.replace("(100 - 55)", "(100 - 45)"), "is told as"),
    "a wrong day": ("detail", lambda d: d.replace("42,720 U/day", "47,220 U/day"), "U/day"),
    "no link": ("links", [], "links"),
    "another link": ("source", lambda s: s | {"url": "https://x"}, "source.url"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_card_is_found(name: str) -> None:
    field, change, fault = SPOILT[name]
    card = dose_card()
    card[field] = change(card[field]) if callable(change) else change

    assert any(fault in one for one in faults([card])), list(faults([card]))


def test_a_spoilt_choice_is_found() -> None:
    def spoilt(**changes: Any) -> list[str]:
        card = dose_card()
        card["suggestions"][0] |= changes
        return list(faults([card]))

    assert any("label" in one for one in spoilt(isRecommended=True))
    assert any("not told whole" in one for one in spoilt(label="Give antithrombin"))
    assert len(spoilt()) == 0


def test_two_recommendations_are_found() -> None:
    cards = wire(advice_for("03-severe-deficiency-switch", style=STYLE))
    card = copy.deepcopy(next(c for c in cards if topic_of(c) == "anticoagulantSwitch"))
    for suggestion in card["suggestions"]:
        suggestion["isRecommended"] = True

    assert "more than one recommendation" in list(faults([card]))
