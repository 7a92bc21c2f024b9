"""The sums of a replay that its report shows, read from the tables a row at a time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cds_service.tools.replay.tables import read_rows
from cds_service.tools.replay.tally import INDICATORS, SPOKEN

HOURS_A_DAY = 24
HOUR = timedelta(hours=1)
MOST_LISTED = 20  # on the page; differences.csv has them all
MOST_NAMED = 40  # patients that a comparison names; patients.csv has them all


@dataclass(slots=True)
class Sums:
    """One protocol's sums over all patients."""

    patients: int = 0
    on_heparin: int = 0
    over_line: int = 0
    patient_days: float = 0.0
    heparin_days: float = 0.0
    questions: int = 0
    undated: int = 0
    totals: list[float] = field(default_factory=list)  # of those on heparin
    by_weight: list[float] = field(default_factory=list)
    to_test: list[float] = field(default_factory=list)
    signs: int = 0
    shown: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)
    indicators: Counter[tuple[str, str]] = field(default_factory=Counter)
    receivers: Counter[str] = field(default_factory=Counter)  # patients per topic
    unknown: Counter[tuple[str, str]] = field(default_factory=Counter)  # questions
    unknown_for: Counter[tuple[str, str]] = field(default_factory=Counter)  # patients

    def add(self, row: dict[str, str], line: float) -> None:
        """Take in a row of patients.csv; `line` is the protocol's high daily dose."""
        hours, total = float(row["heparin_hours"]), float(row["max_24h_infusion_units"])
        self.patients += 1
        self.patient_days += float(row["observed_days"])
        self.questions += int(row["questions"])
        self.undated += int(row["undated"])
        self.heparin_days += hours / HOURS_A_DAY
        if row["first_heparin"]:
            self.on_heparin += 1
            self.totals.append(total)
            self.over_line += total > line
        if float(row["max_u_per_kg_h"]):
            self.by_weight.append(float(row["max_u_per_kg_h"]))
        if row["first_sign"]:
            self.signs += 1
            if row["sign_to_at_test_hours"]:
                self.to_test.append(float(row["sign_to_at_test_hours"]))
        self._cards(row)

    def _cards(self, row: dict[str, str]) -> None:
        for topic in SPOKEN:
            self.shown[topic] += int(row[f"shown_{topic}"])
            self.receivers[topic] += bool(row[f"first_{topic}"])
            for indicator in INDICATORS:
                count = int(row[f"{topic}_{indicator}"])
                self.counted[topic] += count
                self.indicators[topic, indicator] += count


@dataclass(slots=True)
class Difference:
    """Who gets a card under one protocol and not under the other."""

    both: int = 0
    only_first: list[str] = field(default_factory=list)
    only_second: list[str] = field(default_factory=list)


def sums(out: Path, lines: dict[str, float]) -> dict[str, Sums]:
    """The sums by protocol; `lines` is each one's high daily dose."""
    found = {name: Sums() for name in lines}
    for row in read_rows(out, "patients"):
        found[row["protocol"]].add(row, lines[row["protocol"]])
    for row in read_rows(out, "unknown"):
        key = (row["fact"], row["why"])
        found[row["protocol"]].unknown[key] += int(row["questions"])
        found[row["protocol"]].unknown_for[key] += 1
    return found


def differences(out: Path, first: str, second: str) -> dict[str, Difference]:
    """By topic, where the protocols part."""
    found = {topic: Difference() for topic in SPOKEN}
    for patient, topics in _topics_by_patient(read_rows(out, "patients")):
        for topic in SPOKEN:
            here, there = topic in topics.get(first, ()), topic in topics.get(second, ())
            if here and there:
                found[topic].both += 1
            elif here:
                found[topic].only_first.append(patient)
            elif there:
                found[topic].only_second.append(patient)
    return {topic: d for topic, d in found.items() if d.both or d.only_first or d.only_second}


def _topics_by_patient(
    rows: Iterable[dict[str, str]],
) -> Iterable[tuple[str, dict[str, frozenset[str]]]]:
    """The rows of one patient stand together."""
    patient, topics = "", dict[str, frozenset[str]]()
    for row in rows:
        if row["patient"] != patient and topics:
            yield patient, topics
            topics = {}
        patient = row["patient"]
        topics[row["protocol"]] = frozenset(t for t in SPOKEN if row[f"first_{t}"])
    if topics:
        yield patient, topics


Way = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Parted:
    """One way in which the protocols part, over all patients."""

    kind: str
    name: str
    first: str
    second: str
    patients: int
    hours: float


def parted(out: Path) -> list[Parted]:
    """The ways in which two protocols part: those of most patients first, rules before cards."""
    who: dict[Way, set[str]] = defaultdict(set)
    hours: dict[Way, float] = defaultdict(float)
    for row in read_rows(out, "differences"):
        way = (row["kind"], row["name"], row["first"], row["second"])
        who[way].add(row["patient"])
        stretch = datetime.fromisoformat(row["until"]) - datetime.fromisoformat(row["since"])
        hours[way] += stretch / HOUR
    found = [Parted(*way, len(patients), hours[way]) for way, patients in who.items()]
    ranked = sorted(found, key=lambda p: (p.kind != "rule", -p.patients, p.name, p.first, p.second))
    rules = [p for p in ranked if p.kind == "rule"][:MOST_LISTED]
    return rules + [p for p in ranked if p.kind == "card"][:MOST_LISTED]
