"""Platelets over time: the baseline before heparin, and every fall from it or from a recovery."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from cds_service.assessment.measure.history import last_surgery
from cds_service.assessment.model.case import Case
from cds_service.chart.facts import Result


@dataclass(frozen=True, slots=True)
class Fall:
    """One fall by at least `hit.fall_some`: from where, since when, how deep."""

    high: Result
    first: Result  # the first count that low
    before: Result  # the count before it
    nadir: Result
    after_bypass: bool  # within the days in which counts fall in any case

    @property
    def percent(self) -> float:
        """How far the counts fell."""
        return fall(self.high, self.nadir)


def plain_counts(case: Case, since: datetime | None = None) -> list[Result]:
    """Counts that are numbers, newest first."""
    found = case.results("platelets", since)
    return [r for r in found if r.value is not None and not r.comparator]


def counts_after(case: Case, moment: datetime) -> list[Result]:
    """Those drawn later than a moment."""
    return [r for r in plain_counts(case, moment) if r.at and r.at > moment]


def value(result: Result) -> float:
    """The count; there is one, see `plain_counts`."""
    return result.value or 0.0


def height(result: Result) -> tuple[object, ...]:
    """By value, then by time: of equal counts the later one is the highest and the lowest."""
    return (value(result), result.at is not None, result.at, result.source)


def fall(high: Result, low: Result) -> float:
    """Per cent by which a count lies below another."""
    return (value(high) - value(low)) * 100 / value(high) if value(high) else 0.0


def baseline(case: Case, first: datetime) -> Result | None:
    """The highest count in the week before the first heparin, else of its first two days."""
    since = first - case.protocol.span("platelets.baseline_before")
    until = first + case.protocol.span("platelets.baseline_after")
    counts = plain_counts(case, since)
    before = [r for r in counts if r.at and r.at <= first]
    early = [r for r in counts if r.at and first < r.at <= until]
    return max(before or early, key=height, default=None)


def falls(case: Case, from_: Result) -> tuple[Fall, ...]:
    """Every fall since a baseline, in order of time.

    A new one begins only after a recovery to near the baseline, or after bypass: there counts are
    low in any case, and the fall that means something is the one from the highest count since.
    """
    since = [] if from_.at is None else counts_after(case, from_.at)
    found: list[Fall] = []
    high, before, open_ = from_, from_, False
    for count in sorted(since, key=lambda r: (r.at or case.now, value(r), r.source)):
        if open_ and _ends(case, found[-1], from_, count, high):
            open_ = False
        if not open_ and _falls(case, high, count):
            found.append(Fall(high, count, before, count, _after_bypass(case, count)))
            open_, high = True, count
        elif open_:
            found[-1] = _deeper(found[-1], count)
        if found and (not open_ or found[-1].after_bypass) and value(count) > value(high):
            high = count
        before = count
    return tuple(found)


def _falls(case: Case, high: Result, count: Result) -> bool:
    return fall(high, count) >= case.protocol["hit.fall_some"]


def _ends(case: Case, last: Fall, from_: Result, count: Result, high: Result) -> bool:
    """Recovered to near the baseline; or a second fall after bypass, past those days."""
    if fall(from_, count) <= case.protocol["hit.recovered"]:
        return True
    second = last.after_bypass and not _after_bypass(case, count)
    return second and high is not last.first and _falls(case, high, count)


def _deeper(last: Fall, count: Result) -> Fall:
    return replace(last, nadir=count) if value(count) < value(last.nadir) else last


def _after_bypass(case: Case, count: Result) -> bool:
    surgery = last_surgery(case, "cardiac_surgery", "bypass")
    if surgery is None or count.at is None:
        return False
    return surgery <= count.at < surgery + case.protocol.span("hit.after_bypass")


def may_have_fallen(case: Case) -> bool:
    """Whether any count lies far enough below an earlier one, whenever heparin began."""
    return _any_fall(case, reversed(plain_counts(case)))  # oldest first


def _any_fall(case: Case, counts: Iterable[Result]) -> bool:
    highest: Result | None = None
    for count in counts:
        if highest is not None and _falls(case, highest, count):
            return True
        if highest is None or value(count) > value(highest):
            highest = count
    return False
