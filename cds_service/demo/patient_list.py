"""The list of patients: who, what about them, and which cards their chart brings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from cds_service.demo.fixtures import Fixture
from cds_service.demo.readings import full_name

OPENED_BY = {
    "patient-view": "opening the chart",
    "order-select": "choosing an order",
    "order-sign": "signing orders",
}
NO_CARD = "none"


@dataclass(frozen=True, slots=True)
class ExpectedCard:
    """A card as the patient's case.md expects it."""

    topic: str
    indicator: str


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One line of the list."""

    case: str
    name: str
    line: str
    moment: str  # what brings the cards
    cards: tuple[ExpectedCard, ...]
    indicator: str  # of the most urgent card, or NO_CARD
    searched: str  # all words of the line, in small letters


def entries(cases: Iterable[Fixture]) -> list[ListEntry]:
    """One for each patient, in their order."""
    return [_entry(case) for case in cases]


def topic_words(code: str) -> str:
    """`hitSuspected` as `HIT suspected`."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", code).lower().split()
    text = " ".join("HIT" if word == "hit" else word for word in words)
    return text[:1].upper() + text[1:]


def _entry(case: Fixture) -> ListEntry:
    name, _, line = case.one_line.partition(": ")
    who = name if line else full_name(case.patient)
    expected = zip(
        case.front_matter.get("topics", ()), case.front_matter.get("indicators", ()), strict=True
    )
    cards = tuple(ExpectedCard(topic_words(topic), indicator) for topic, indicator in expected)
    first = cards[0].indicator if cards else NO_CARD
    moment = OPENED_BY.get(case.hook, case.hook)
    words = (who, line or name, moment, first, *(card.topic for card in cards))
    return ListEntry(case.name, who, line or name, moment, cards, first, " ".join(words).lower())
