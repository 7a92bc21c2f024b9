"""The 4Ts as ranges: the part of the score for HIT that a computer can see.

Thrombocytopenia and timing are computed, thrombosis in part, other causes never; what is not
known spans its whole range.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cds_service.assessment.answers import Evidence
from cds_service.assessment.case import DAY, Case, evidence
from cds_service.assessment.exposure import course, days_since
from cds_service.assessment.record import last_surgery
from cds_service.chart.facts import Result

THROMBOSES = ("vte", "arterial_thrombosis", "circuit_thrombosis")
Range = tuple[int, int]
FULL: Range = (0, 2)


@dataclass(frozen=True, slots=True)
class Score:
    """The 4Ts as ranges; `fell` is the first count at least 30 % below the baseline."""

    thrombocytopenia: Range
    timing: Range
    thrombosis: Range
    other: Range = FULL
    baseline: Evidence | None = None
    nadir: Evidence | None = None
    fell: datetime | None = None

    @property
    def lowest(self) -> int:
        """The least the score can be."""
        parts = (self.thrombocytopenia, self.timing, self.thrombosis, self.other)
        return sum(part[0] for part in parts)

    @property
    def highest(self) -> int:
        """The most the score can be."""
        parts = (self.thrombocytopenia, self.timing, self.thrombosis, self.other)
        return sum(part[1] for part in parts)

    @property
    def counted(self) -> int:
        """Thrombocytopenia and timing alone."""
        return self.thrombocytopenia[0] + self.timing[0]


def four_ts(case: Case) -> Score:
    """The score as ranges."""
    first, earlier = course(case)
    if first is None:
        return Score(FULL, FULL, FULL)
    baseline = _baseline(case, first)
    after = _counts_after(case, first, baseline)
    thrombosis = _thrombosis(case, first)
    if baseline is None or not after:
        return Score(FULL, FULL, thrombosis)
    nadir = min(after, key=lambda r: (_count(r), r.source))
    fell = _fell(case, baseline, after)
    return Score(
        thrombocytopenia=_thrombocytopenia(case, baseline, nadir),
        timing=_timing(case, first, earlier, fell),
        thrombosis=thrombosis,
        baseline=evidence(baseline, "10*3/uL", "baseline"),
        nadir=evidence(nadir, "10*3/uL"),
        fell=fell.at if fell else None,
    )


def _counts(case: Case, since: datetime | None = None) -> list[Result]:
    found = case.results("platelets", since)
    return [r for r in found if r.value is not None and not r.comparator]


def _count(result: Result) -> float:
    return result.value or 0.0  # there is one: see `_counts`


def _baseline(case: Case, first: datetime) -> Result | None:
    """The highest count in the week before the first heparin, else of its first two days."""
    since = first - case.protocol.span("platelets.baseline_before")
    until = first + case.protocol.span("platelets.baseline_after")
    counts = _counts(case, since)
    before = [r for r in counts if r.at and r.at <= first]
    early = [r for r in counts if r.at and first < r.at <= until]
    return max(before or early, key=lambda r: (_count(r), r.source), default=None)


def _counts_after(case: Case, first: datetime, baseline: Result | None) -> list[Result]:
    if baseline is None or baseline.at is None:
        return []
    start = max(first, baseline.at)
    return [r for r in _counts(case, start) if r.at and r.at > start]


def _fall(baseline: Result, later: Result) -> float:
    high, low = _count(baseline), _count(later)
    return (high - low) * 100 / high if high else 0.0


def _fell(case: Case, baseline: Result, after: list[Result]) -> Result | None:
    """The first count that fell; where that was due to bypass, the second fall if there is one."""
    fallen = [r for r in after if _fall(baseline, r) >= case.protocol["hit.fall_some"]]
    first = min(fallen, key=lambda r: (r.at or case.now, r.source), default=None)
    if first is None or first.at is None or not _after_bypass(case, first.at):
        return first
    return _second_fall(case, [r for r in after if r.at and r.at > first.at]) or first


def _second_fall(case: Case, later: list[Result]) -> Result | None:
    """A fall from the recovery, after the days in which counts are low in any case."""
    highest: Result | None = None
    for count in sorted(later, key=lambda r: (r.at or case.now, r.source)):
        fell = highest is not None and _fall(highest, count) >= case.protocol["hit.fall_some"]
        if fell and count.at is not None and not _after_bypass(case, count.at):
            return count
        if highest is None or _count(count) > _count(highest):
            highest = count
    return None


def may_have_fallen(case: Case) -> bool:
    """Whether any count lies far enough below an earlier one, whenever heparin began."""
    highest: Result | None = None
    for count in reversed(_counts(case)):  # oldest first
        if highest is not None and _fall(highest, count) >= case.protocol["hit.fall_some"]:
            return True
        if highest is None or _count(count) > _count(highest):
            highest = count
    return False


def _thrombocytopenia(case: Case, baseline: Result, nadir: Result) -> Range:
    fall, low = _fall(baseline, nadir), _count(nadir)
    if fall < case.protocol["hit.fall_some"] or low < case.protocol["hit.nadir_low"]:
        return (0, 0)
    large = fall > case.protocol["hit.fall_large"]
    return (2, 2) if large and low >= case.protocol["hit.nadir_high"] else (1, 1)


def _timing(case: Case, first: datetime, earlier: datetime | None, fell: Result | None) -> Range:
    """By the day the fall began, counted from the start of the present exposure."""
    if fell is None or fell.at is None:
        return (0, 0)
    if _after_bypass(case, fell.at):
        return (0, 0)
    day = days_since(fell.at, first)
    if day > case.protocol["hit.onset_last_day"]:
        return (1, 1)
    if day >= case.protocol["hit.onset_first_day"]:
        return (2, 2)
    rapid = day <= case.protocol["hit.rapid_day"]
    return _after_earlier(case, first, earlier) if rapid else (0, 0)


def _after_earlier(case: Case, first: datetime, earlier: datetime | None) -> Range:
    """A fall within a day speaks for HIT after recent heparin; what is not on record is open."""
    if earlier is None or earlier < first - case.protocol.span("hit.remote_exposure"):
        return FULL
    recent = earlier >= first - case.protocol.span("hit.recent_exposure")
    return (2, 2) if recent else (1, 2)


def _after_bypass(case: Case, fell: datetime) -> bool:
    """Counts fall after bypass in any case; a second fall after those days does count."""
    surgery = last_surgery(case, "cardiac_surgery", "bypass")
    return surgery is not None and surgery <= fell < surgery + case.protocol.span(
        "hit.after_bypass"
    )


def _thrombosis(case: Case, first: datetime) -> Range:
    found = [
        c
        for c in case.chart.conditions
        if c.concept in THROMBOSES and c.active is not False and c.onset and c.onset >= first + DAY
    ]
    return (2, 2) if found else FULL
