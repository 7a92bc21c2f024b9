"""How good the cards were: each topic judged by what became known after it.

A patient is a case: judged by the first card of the topic and by labels that became known within
the label's hours after a card. Where the label was known before the first card, the patient judges
nothing and is counted apart. A state (of a simulated unit's truth) judges by whether a card came
while it held: nobody knew of it, so no card came too late to be of use.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil, comb, floor, sqrt
from pathlib import Path

from cds_service.tools.replay.outcomes import GivenOutcomes, Label, OutcomeLabel, labels
from cds_service.tools.replay.tables import read_rows
from cds_service.tools.replay.tally import UNCOUNTED
from cds_service.tools.replay.titles import topic_title

QUALITY = "quality.csv"
Z = 1.959963984540054  # of a two-sided 95 % interval
HOUR = timedelta(hours=1)
FEWEST = 5  # of fewer, people are told counts and no rates


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval and the count it rests on; None where nothing tells it."""

    value: float | None
    low: float | None
    high: float | None
    count: int


@dataclass(frozen=True, slots=True)
class Quality:
    """One topic judged by one label under one protocol."""

    protocol: str
    topic: str
    label: str
    ppv: Estimate  # of patients with a card, those the label came to
    sensitivity: Estimate  # of patients the label came to, those with a card before it
    lead_hours: Estimate  # median, from the card to the label; below 0 the label's state came first
    alerts_per_case: Estimate  # counted cards for each patient that the label came to
    known_before: int  # patients whose label was there before the first card


@dataclass(slots=True)
class _Tally:
    carded: int = 0
    true: int = 0
    labelled: int = 0
    found: int = 0  # of the labelled
    known_before: int = 0
    leads: list[float] = field(default_factory=list)
    alerts: list[tuple[int, int]] = field(default_factory=list)  # cards, 1 if true


Cards = Mapping[tuple[str, str], Mapping[str, Sequence[datetime]]]
"""Protocol and topic -> patient -> when a card of it was new or changed, in order."""


def quality(
    cards: Cards,
    outcomes: Iterable[OutcomeLabel],
    table: Mapping[str, Label],
    protocols: Iterable[str],
    on_heparin: frozenset[str],
) -> Iterator[Quality]:
    """Every topic and label that judges it, in the table's order; rows without patients too.

    `on_heparin` are the patients that could have had a card: sensitivity counts only those.
    """
    came: dict[str, dict[str, list[OutcomeLabel]]] = defaultdict(lambda: defaultdict(list))
    for outcome in outcomes:
        came[outcome.label][outcome.patient].append(outcome)
    own = {name: Label(name, {name: OWN_HOURS}) for name in came if name not in table}
    for protocol in protocols:
        for name, label in {**table, **own}.items():
            for topic, hours in label.judges.items():
                shown = cards.get((protocol, topic), {})
                tally = _Tally()
                for patient in sorted(shown.keys() | (came[name].keys() & on_heparin)):
                    those = came[name].get(patient, [])
                    _judge(tally, label, timedelta(hours=hours), shown.get(patient, ()), those)
                yield _quality(protocol, topic, name, tally)


OWN_HOURS = 168.0  # a label of the hospital's own that names a topic


def _judge(
    tally: _Tally,
    label: Label,
    within: timedelta,
    shown: Sequence[datetime],
    came: Sequence[OutcomeLabel],
) -> None:
    """Count one patient that had cards, labels or both."""
    due = bool(came) and _held(came) >= timedelta(hours=label.lasting)
    tally.labelled += due
    if not shown:
        return
    if any(one.until is None and one.time <= shown[0] for one in came):
        tally.known_before += 1  # too late to be of use, and nothing to be judged by
        return
    right = [(card, one.time) for card in shown for one in came if _right(card, one, label, within)]
    tally.carded += 1
    tally.true += bool(right)
    tally.found += due and bool(right)
    tally.alerts.append((len(shown), int(bool(right))))
    if right:
        card, at = min(right)
        tally.leads.append((at - card) / HOUR)


def _right(card: datetime, one: OutcomeLabel, label: Label, within: timedelta) -> bool:
    """Whether the label became known after a card, in time; of a state: whether it held."""
    if one.until is None:
        return card < one.time <= card + within
    return one.time - within <= card <= one.until + timedelta(hours=label.after)


def _held(came: Sequence[OutcomeLabel]) -> timedelta:
    """How long states held in all; what is no state has no length."""
    return sum((one.until - one.time for one in came if one.until), timedelta())


def _quality(protocol: str, topic: str, label: str, tally: _Tally) -> Quality:
    return Quality(
        protocol=protocol,
        topic=topic,
        label=label,
        ppv=share(tally.true, tally.carded),
        sensitivity=share(tally.found, tally.labelled),
        lead_hours=median(tally.leads),
        alerts_per_case=ratio(tally.alerts),
        known_before=tally.known_before,
    )


# --- figures with their intervals --------------------------------------------------------------


def share(found: int, of: int) -> Estimate:
    """A proportion with Wilson's interval, which keeps within 0 and 1 for small counts too."""
    return share_of_groups(found, of, of)


def share_of_groups(found: int, of: int, groups: int) -> Estimate:
    """The same of things that come in groups: the interval of so many groups, so a wider one."""
    if not of:
        return Estimate(None, None, None, 0)
    p, n = found / of, groups
    centre = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
    return Estimate(p, max(centre - half, 0.0), min(centre + half, 1.0), of)


def median(values: Sequence[float]) -> Estimate:
    """A median with the interval between two order statistics; none below six values."""
    ordered, n = sorted(values), len(values)
    if not n:
        return Estimate(None, None, None, 0)
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    rank = _rank(n)
    if rank is None:
        return Estimate(middle, None, None, n)
    return Estimate(middle, ordered[rank], ordered[n - 1 - rank], n)


def _rank(n: int) -> int | None:
    """The largest rank whose order statistics hold the median with 95 %, by the binomial."""
    if n > EXACT:
        return max(floor(n / 2 - Z * sqrt(n) / 2), 0)
    tail, found = 0.0, None
    for k in range(ceil(n / 2)):
        tail += comb(n, k) / 2**n
        if 2 * tail > 1 - CONFIDENCE:
            break
        found = k
    return found


EXACT = 200  # above it the normal approximation is good to a rank
CONFIDENCE = 0.95


def ratio(pairs: Sequence[tuple[int, int]]) -> Estimate:
    """Sum of the first by sum of the second, its interval by the patients' own spread."""
    cards, cases = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    if not cases:
        return Estimate(None, None, None, 0)
    r = cards / cases
    spread = sqrt(sum((a - r * b) ** 2 for a, b in pairs)) / cases
    return Estimate(r, max(r - Z * spread, 0.0), r + Z * spread, cases)


# --- from the tables of a replay ----------------------------------------------------------------


def read_quality(out: Path, protocols: Iterable[str], given: GivenOutcomes) -> list[Quality]:
    """The quality of a replay whose tables stand in a folder, by its own labels and those given."""
    cards: dict[tuple[str, str], dict[str, list[datetime]]] = defaultdict(dict)
    for row in read_rows(out, "events"):
        if row["event"] in UNCOUNTED:
            continue
        topic = cards[row["protocol"], row["topic"]]
        topic.setdefault(row["patient"], []).append(datetime.fromisoformat(row["time"]))
    on_heparin = {row["patient"] for row in read_rows(out, "patients") if row["first_heparin"]}
    found = [
        OutcomeLabel(row["patient"], row["label"], datetime.fromisoformat(row["time"]))
        for row in read_rows(out, "outcomes")
    ]
    table = {**labels(), **given.labels}
    return list(quality(cards, (*found, *given.rows), table, protocols, frozenset(on_heparin)))


# --- the table ---------------------------------------------------------------------------------

FIGURES = ("ppv", "sensitivity", "lead_hours", "alerts_per_case")
COLUMNS = (
    "protocol",
    "topic",
    "title",
    "label",
    *(f"{name}{part}" for name in FIGURES for part in ("", "_low", "_high", "_count")),
    "known_before",
)


def write_quality(out: Path, rows: Iterable[Quality]) -> None:
    """quality.csv beside the other tables."""
    with (out / QUALITY).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            cells: list[object] = [row.protocol, row.topic, topic_title(row.topic), row.label]
            for name in FIGURES:
                figure: Estimate = getattr(row, name)
                cells += [*map(_cell, (figure.value, figure.low, figure.high)), figure.count]
            writer.writerow([*cells, row.known_before])


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
