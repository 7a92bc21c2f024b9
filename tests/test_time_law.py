"""A law of times that the record leaves open, on every patient of the project.

One time of a chart is written as its day, or without its zone. Where the answer to a question is
yes or no, it is the same whichever moment was meant; a drug is offered only if it would be for all
of them; and where a card would come for any of them, the answer is not silent. How many charts are
tried is set by CDS_LAW_CHARTS.
"""

from __future__ import annotations

import copy
import os
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pytest

from cds_service.advice import advise
from cds_service.assessment.model.recommendation import StartDrug
from cds_service.demo.fixtures import Fixture
from tests.cases import answered, called, cases, tables

Json = dict[str, Any]
Path = tuple[str, ...]

CHARTS = int(os.environ.get("CDS_LAW_CHARTS", "20"))  # for each way of leaving a time open
HOURS = (0, 5, 9, 13, 17, 21, 23.9)  # of a day, as moments that may have been meant
OFFSETS = (-14, -8, -5, 0, 1, 5, 14)  # of zones, in hours
TIMES: tuple[tuple[str, Path], ...] = (
    ("Observation", ("effectiveDateTime",)),
    ("MedicationRequest", ("authoredOn",)),
    ("Condition", ("onsetDateTime",)),
    ("Condition", ("recordedDate",)),
    ("Procedure", ("performedDateTime",)),
)
RECENT = timedelta(days=3)
NEWEST = 2
# How urgent a card is, and whether another answer is open: no questions about the patient.
QUIET = frozenset({"loud", "undecided"})
WHOLE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True)
class Spot:
    """One time of one patient's record."""

    case: Fixture
    place: int
    path: Path
    at: datetime

    def __str__(self) -> str:
        resource = self.case.resources[self.place]
        return f"{self.case.name} {resource['resourceType']}/{resource['id']} {self.path[-1]}"

    def written(self, time: str) -> list[Json]:
        """The record with this time written so; when it was issued is not said."""
        found = copy.deepcopy(list(self.case.resources))
        node = found[self.place]
        node.pop("issued", None)
        for key in self.path[:-1]:
            node = node[key]
        node[self.path[-1]] = time
        return found


def spots() -> list[Spot]:
    """The exact times of the last days that answers may hang on, in the records of all patients.

    Of each test the two newest results: what lies behind them decides little.
    """
    found = sorted(every_spot(), key=lambda spot: spot.at, reverse=True)
    tests: Counter[tuple[str, str]] = Counter()
    kept = []
    for spot in found:
        code = str(spot.case.resources[spot.place].get("code"))
        tests[spot.case.name, code] += 1
        if spot.path != ("effectiveDateTime",) or tests[spot.case.name, code] <= NEWEST:
            kept.append(spot)
    return sorted(kept, key=str)


def every_spot() -> list[Spot]:
    return [
        Spot(case, place, path, at)
        for case in cases().values()
        for place, resource in enumerate(case.resources)
        for kind, path in TIMES
        if resource["resourceType"] == kind and (at := exact(resource.get(path[0]))) is not None
        if timedelta() <= case.now - at < RECENT
    ]


def exact(time: object) -> datetime | None:
    if not isinstance(time, str) or not WHOLE.fullmatch(time):
        return None
    return datetime.fromisoformat(time).astimezone(UTC)


@dataclass(frozen=True)
class Outcome:
    answers: dict[str, str]
    drugs: frozenset[str]
    topics: tuple[str, ...]


def outcome(case: Fixture, resources: list[Json], zone: tzinfo | None) -> Outcome:
    asked = replace(called(case.request), zone=zone)
    rules = tables()
    findings = advise(asked, answered(resources, rules), rules, case.now).findings
    gates = findings.measured.gates
    verdicts = findings.verdicts | {"gate.hit": gates.hit, "gate.bleeding": gates.bleeding}
    actions = (a for i in findings.items for choice in i.choices for a in choice.actions)
    return Outcome(
        {name: verdict.truth.value for name, verdict in verdicts.items() if name not in QUIET},
        frozenset(a.drug for a in actions if isinstance(a, StartDrug)),
        tuple(i.topic for i in findings.items),
    )


def of_a_day(spot: Spot) -> tuple[Outcome, list[Outcome]]:
    """The time as its day in the hospital's zone; and as moments of that day."""
    day = spot.at.replace(hour=0, minute=0, second=0, microsecond=0)
    moments = (day + timedelta(hours=h) for h in HOURS)
    left_open = outcome(spot.case, spot.written(f"{day:%Y-%m-%d}"), UTC)
    return left_open, list(meant(spot, moments, UTC))


def without_zone(spot: Spot) -> tuple[Outcome, list[Outcome]]:
    """The time by the clock on a wall, nobody knows where; and in some zones."""
    spot = replace(spot, case=replace(spot.case, resources=in_z(spot.case.resources)))
    wall = f"{spot.at:%Y-%m-%dT%H:%M:%S}"
    moments = (spot.at - timedelta(hours=offset) for offset in OFFSETS)
    return outcome(spot.case, spot.written(wall), None), list(meant(spot, moments, None))


def meant(spot: Spot, moments: Iterator[datetime], zone: tzinfo | None) -> Iterator[Outcome]:
    """What has not happened yet is not on record."""
    for at in moments:
        if at <= spot.case.now:
            yield outcome(spot.case, spot.written(f"{at:%Y-%m-%dT%H:%M:%SZ}"), zone)


def in_z(node: Any) -> Any:
    """Every time in Z, from which no offset can be told."""
    if isinstance(node, dict):
        return {key: in_z(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [in_z(one) for one in node]
    at = exact(node)
    return node if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize("way", [of_a_day, without_zone])
def test_no_answer_hangs_on_which_moment_was_meant(way: Any) -> None:
    everywhere = spots()
    broken = []
    for spot in random.Random(CHARTS).sample(everywhere, min(CHARTS, len(everywhere))):
        left_open, others = way(spot)
        for name, answer in left_open.answers.items():
            told = {other.answers[name] for other in others}
            if answer != "unknown" and told - {answer}:
                broken.append(f"{spot}: {name} is {answer}, but {sorted(told)}")
        broken += [
            f"{spot}: {drug} is offered"
            for drug in left_open.drugs
            if not all(drug in other.drugs for other in others)
        ]
        if not left_open.topics and any(other.topics for other in others):
            broken.append(f"{spot}: silent, but {[other.topics for other in others]}")
    assert not broken, "\n".join(broken)
