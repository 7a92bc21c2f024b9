"""The 4Ts score for HIT as ranges: the part of it that can be computed from a chart.

Thrombocytopenia and timing are computed, thrombosis in part, other causes never; what is not known
spans the whole range of its points. Days are calendar days of the hospital's clock, the first
heparin is on day 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from cds_service.assessment.measure.exposure import course
from cds_service.assessment.measure.platelet_history import (
    Fall,
    baseline,
    counts_after,
    falls,
    height,
    value,
)
from cds_service.assessment.model.case import Case, evidence
from cds_service.assessment.model.times import before
from cds_service.assessment.model.verdict import Evidence
from cds_service.chart.facts import Result
from cds_service.chart.fhir_datetime import earliest, latest

THROMBOSES = ("vte", "arterial_thrombosis", "circuit_thrombosis")
Points = tuple[int, int]
FULL: Points = (0, 2)
_NONE: Points = (0, 0)


@dataclass(frozen=True, slots=True)
class Score:
    """The points of each T as (least, most), and the fall of platelets that they are counted by."""

    thrombocytopenia: Points
    timing: Points
    thrombosis: Points
    other: Points = FULL  # Other causes are for the clinician to judge.
    baseline: Evidence | None = None
    nadir: Evidence | None = None
    fell: datetime | None = None  # drawn: the first count at least 30 % below
    percent: float = 0.0  # how far the counts fell
    day: int = 0  # of heparin, on which the fall began; the last it can be
    recent: bool = False  # heparin in the 100 days before this exposure is on record

    @property
    def lowest(self) -> int:
        """The least the score can be."""
        return sum(part[0] for part in self._parts)

    @property
    def highest(self) -> int:
        """The most the score can be."""
        return sum(part[1] for part in self._parts)

    @property
    def _parts(self) -> tuple[Points, ...]:
        return self.thrombocytopenia, self.timing, self.thrombosis, self.other

    @property
    def counted(self) -> int:
        """Thrombocytopenia and timing alone."""
        return self.thrombocytopenia[0] + self.timing[0]


def four_ts(case: Case) -> Score:
    """The score, by the fall of platelets that gives most points."""
    first, earlier = course(case)
    if first is None:
        return Score(FULL, FULL, FULL)
    high = baseline(case, first)
    thrombosis = _thrombosis(case, first)
    after = [] if high is None else counts_after(case, max(first, high.at or first))
    if high is None or not after:
        return Score(FULL, FULL, thrombosis)
    # A fall after bypass and a later one are two falls: the one that speaks for HIT counts.
    scored = [_score(case, first, earlier, one, thrombosis) for one in falls(case, high)]
    if scored:
        return max(scored, key=lambda one: (one.counted, one.highest, one.day))
    nadir = evidence(min(after, key=height), "10*3/uL")
    return Score(_NONE, _NONE, thrombosis, baseline=_high(high), nadir=nadir)


def _high(count: Result) -> Evidence:
    return evidence(count, "10*3/uL", "baseline")


def _score(
    case: Case, first: datetime, earlier: datetime | None, one: Fall, thrombosis: Points
) -> Score:
    days, early = _days(case, first, one), _exposed(case, first, earlier)
    return Score(
        thrombocytopenia=_thrombocytopenia(case, one),
        timing=_NONE if one.after_bypass else _timing(case, days, early, one),
        thrombosis=thrombosis,
        baseline=_high(one.high),
        nadir=evidence(one.nadir, "10*3/uL"),
        fell=one.first.at,
        percent=one.percent,
        day=max(days),
        recent=early[0] > 0,
    )


def _thrombocytopenia(case: Case, one: Fall) -> Points:
    """By fall and nadir; a fall that counts has at least `hit.fall_some`."""
    low = value(one.nadir)
    if low < case.protocol["hit.nadir_low"]:
        return _NONE
    large = one.percent > case.protocol["hit.fall_large"]
    return (2, 2) if large and low >= case.protocol["hit.nadir_high"] else (1, 1)


def _days(case: Case, first: datetime, one: Fall) -> tuple[int, ...]:
    """The days of heparin on which the fall may have begun."""
    at = one.first.at or case.now
    days = (
        (_day(case, fell) - _day(case, began)).days
        for fell in (earliest(at), latest(at))
        for began in (earliest(first), latest(first))
    )
    return tuple(dict.fromkeys(days))


def _day(case: Case, at: datetime) -> date:
    """The calendar day by the hospital's clock, else by the offset the time carries."""
    return (at.astimezone(case.asked.zone) if case.asked.zone else at).date()


def _timing(case: Case, days: Iterable[int], early: Points, one: Fall) -> Points:
    """The least and most points over all days that it may have been."""
    found = [_points(case, day, early, one) for day in days]
    return min(low for low, _ in found), max(high for _, high in found)


def _points(case: Case, day: int, early: Points, one: Fall) -> Points:
    # Later than HIT usually begins: it may still be one.
    if day > case.protocol["hit.onset_last_day"]:
        return (1, 1)
    if day < case.protocol["hit.onset_first_day"]:
        return early
    gap = one.first.at - one.before.at if one.first.at and one.before.at else None
    unseen = gap is None or gap > case.protocol.span("hit.count_gap")
    return (1, 2) if unseen else (2, 2)  # it may have begun on a day without a count


def _exposed(case: Case, first: datetime, earlier: datetime | None) -> Points:
    """The points of an early fall: by the last heparin before this course; open where none is on
    record.
    """
    if earlier is None or earlier < first - case.protocol.span("hit.remote_exposure"):
        return FULL
    recent = earlier >= first - case.protocol.span("hit.recent_exposure")
    return (2, 2) if recent else (1, 1)


def _thrombosis(case: Case, first: datetime) -> Points:
    """Two points for a clot that began after the first dose; one from before says nothing."""
    found = [
        c
        for c in case.chart.conditions
        if c.concept in THROMBOSES
        and c.active is not False
        and before(first, c.onset, "thrombosis").yes
    ]
    return (2, 2) if found else FULL
