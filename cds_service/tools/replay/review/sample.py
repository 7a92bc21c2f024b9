"""Which cards are reviewed: of each topic a sample that the seed alone decides."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from pathlib import Path

from cds_service.tools.replay.tables import read_rows
from cds_service.tools.replay.tally import UNCOUNTED

CASES = "cases.csv"
ID_LENGTH = 12


@dataclass(frozen=True, slots=True)
class SampledCard:
    """One card, new or changed, that was picked for review."""

    case: str  # what answers name it by: the same card has the same one in every replay
    protocol: str
    topic: str
    patient: str
    time: str
    indicator: str

    @property
    def at(self) -> datetime:
        """The moment at which the card came."""
        return datetime.fromisoformat(self.time)


@dataclass(frozen=True, slots=True)
class Sample:
    """The sampled cards, by patient, and how many cards each topic had in all."""

    cards: tuple[SampledCard, ...]
    of: dict[str, int]  # topic -> cards


def sampled(out: Path, protocol: str, number: int, seed: int) -> Sample:
    """At most so many cards of each topic: of every patient one, before any has a second."""
    topics: dict[str, list[SampledCard]] = defaultdict(list)
    for row in read_rows(out, "events"):
        if row["protocol"] == protocol and row["event"] not in UNCOUNTED:
            topics[row["topic"]].append(_card(row))
    cards = [one for found in topics.values() for one in _picked(found, number, seed)]
    cards.sort(key=lambda one: (one.topic, one.patient, one.time))
    return Sample(tuple(cards), {topic: len(found) for topic, found in topics.items()})


def _card(row: dict[str, str]) -> SampledCard:
    named = (row["protocol"], row["topic"], row["patient"], row["time"])
    return SampledCard(_digest(named)[:ID_LENGTH], *named, row["indicator"])


def _picked(found: Iterable[SampledCard], number: int, seed: int) -> list[SampledCard]:
    """Drawn by a hash: the order of the rows and the other topics do not matter."""
    turns = Counter[str]()
    ranked = list[tuple[int, int, SampledCard]]()
    for card in sorted(found, key=lambda one: _digest((str(seed), one.case))):
        ranked.append((turns[card.patient], len(ranked), card))
        turns[card.patient] += 1
    return [card for _, _, card in sorted(ranked, key=lambda one: one[:2])[:number]]


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def write_cases(folder: Path, cards: Iterable[SampledCard]) -> None:
    """Write cases.csv: what was picked."""
    with (folder / CASES).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(one.name for one in fields(SampledCard))
        writer.writerows(astuple(card) for card in cards)


def by_topic(cards: Iterable[SampledCard]) -> Iterator[tuple[str, list[SampledCard]]]:
    """The cards of each topic, in order."""
    topics: dict[str, list[SampledCard]] = defaultdict(list)
    for card in cards:
        topics[card.topic].append(card)
    yield from topics.items()
