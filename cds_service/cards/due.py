"""What became of everything that was due in a call: shown, silent by the protocol, or no room."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from cds_service.assessment.assess import Findings
from cds_service.cards.card import Card


class CardPlace(StrEnum):
    """Where an item that was due went."""

    SHOWN = "shown"  # a card went out
    SILENT = "silent"  # it would have been a card, had the protocol not silenced its topic
    NO_ROOM = "no room"  # no card of its own either way: others came first, or tell it


@dataclass(frozen=True, slots=True)
class DueTopic:
    """One item that was due, and where it went."""

    topic: str
    indicator: str  # "critical", "warning", "info"
    place: CardPlace


def due_topics(
    findings: Findings, shown: Iterable[Card], if_all_spoke: Iterable[Card]
) -> Iterator[DueTopic]:
    """Every item that was due; `if_all_spoke` are the cards had the silent topics spoken too."""
    went_out = {card.topic for card in shown}
    would_have = {card.topic for card in if_all_spoke}
    for item in findings.items:
        place = CardPlace.SHOWN if item.topic in went_out else CardPlace.NO_ROOM
        yield DueTopic(item.topic, item.indicator.value, place)
    for item in findings.silent:
        place = CardPlace.SILENT if item.topic in would_have else CardPlace.NO_ROOM
        yield DueTopic(item.topic, item.indicator.value, place)
