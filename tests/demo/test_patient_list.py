from __future__ import annotations

from dataclasses import replace

import pytest

from cds_service.demo.fixtures import load_cases
from cds_service.demo.pages import FIXTURES
from cds_service.demo.patient_list import entries, topic_words
from tests.demo.builders import case_of

CASE = case_of()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("antithrombinDose", "Antithrombin dose"),
        ("hitSuspected", "HIT suspected"),
        ("warfarinInHit", "Warfarin in HIT"),
        ("notAssessed", "Not assessed"),
    ],
)
def test_a_topic_is_written_in_words(code: str, words: str) -> None:
    assert topic_words(code) == words


def test_a_line_tells_who_what_and_which_cards() -> None:
    cards = {"topics": ["hitSuspected", "baselineTests"], "indicators": ["critical", "info"]}
    (entry,) = entries([replace(CASE, front_matter=cards, hook="order-sign")])
    assert (entry.name, entry.line) == ("Ada Probe, 64", "a patient of the tests")
    assert [(card.topic, card.indicator) for card in entry.cards] == [
        ("HIT suspected", "critical"),
        ("Baseline tests", "info"),
    ]
    assert (entry.indicator, entry.moment) == ("critical", "signing orders")
    for word in ("ada", "probe", "tests", "hit", "baseline", "critical", "signing"):
        assert word in entry.searched


def test_a_patient_without_cards_is_found_as_such() -> None:
    (entry,) = entries([replace(CASE, one_line="Only a name")])
    assert (entry.cards, entry.indicator) == ((), "none")
    assert (entry.name, entry.line) == ("Ada Probe", "Only a name")


def test_the_most_urgent_card_of_every_fixture_is_named_first() -> None:
    order = ("critical", "warning", "info", "none")
    for entry in entries(load_cases(FIXTURES)):
        ranks = [order.index(card.indicator) for card in entry.cards]
        assert ranks == sorted(ranks)
        assert entry.indicator in order
