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
    """One fall by at least `hit.fall_some` percent: from which count, since when, how deep."""

    high: Result
    first: Result  # the first count that low
    before: Result  # the count before it
    nadir: Result
    after_bypass: bool  # within the days in which counts fall in any case

    @property
    def percent(self) -> float:
        """By how many per cent of the high the counts fell."""
        return fall(self.high, self.nadir)


def plain_counts(case: Case, since: datetime | None = None) -> list[Result]:
    """Platelet counts that are numbers, newest first."""
    found = case.results("platelets", since)
    return [r for r in found if r.value is not None and not r.comparator]


def counts_after(case: Case, moment: datetime) -> list[Result]:
    """Those drawn later than a moment."""
    return [r for r in plain_counts(case, moment) if r.at and r.at > moment]


def value(result: Result) -> float:
    """The count; there is one, see `plain_counts`."""
    return result.value or 0.0


def height(result: Result) -> tuple[object, ...]:
    """Sort key by value, then by time: of equal counts the later is both the highest and the
    lowest.
    """
    return (value(result), result.at is not None, result.at, result.source)


def fall(high: Result, low: Result) -> float:
    """By how many per cent a count lies below another."""
    return (value(high) - value(low)) * 100 / value(high) if value(high) else 0.0


def baseline(case: Case, first: datetime) -> Result | None:
    """The highest count in the week before the first heparin, else of the first days of heparin."""
    since = first - case.protocol.span("platelets.baseline_before")
    until = first + case.protocol.span("platelets.baseline_after")
    counts = plain_counts(case, since)
    # Counts under heparin may have fallen already: they are only taken where there are no others.
    before = [r for r in counts if r.at and r.at <= first]
    early = [r for r in counts if r.at and first < r.at <= until]
    return max(before or early, key=height, default=None)


def falls(case: Case, from_: Result) -> tuple[Fall, ...]:
    """Every fall since a baseline, in order of time.

    A new one begins only after a recovery to near the baseline, or after cardiac bypass: counts are
    low then in any case, and the fall that means something is the one from the highest count since.
    """
    since = [] if from_.at is None else counts_after(case, from_.at)
    walk = _Falls(case, from_)
    for count in sorted(since, key=lambda r: (r.at or case.now, value(r), r.source)):
        walk.take(count)
    return tuple(walk.found)


class _Falls:
    """Goes through the counts in order of time; `found` are the falls so far."""

    def __init__(self, case: Case, from_: Result) -> None:
        self.found: list[Fall] = []
        self._case, self._baseline = case, from_
        self._high, self._before = from_, from_
        self._is_open = False  # the last fall has not ended

    def take(self, count: Result) -> None:
        if self._is_open and self._ends(count):
            self._is_open = False
        if self._is_open:
            self.found[-1] = _deeper(self.found[-1], count)
        elif _falls(self._case, self._high, count):
            self._begin(count)
        if self._may_rise and value(count) > value(self._high):
            self._high = count
        self._before = count

    def _begin(self, count: Result) -> None:
        after_bypass = _after_bypass(self._case, count)
        self.found.append(Fall(self._high, count, self._before, count, after_bypass))
        self._is_open, self._high = True, count

    @property
    def _may_rise(self) -> bool:
        """Whether a higher count is what the next fall is counted from."""
        return bool(self.found) and (not self._is_open or self.found[-1].after_bypass)

    def _ends(self, count: Result) -> bool:
        """Whether counts recovered to near the baseline, or fell anew past the days of bypass."""
        if fall(self._baseline, count) <= self._case.protocol["hit.recovered"]:
            return True
        last = self.found[-1]
        anew = last.after_bypass and not _after_bypass(self._case, count)
        return anew and self._high is not last.first and _falls(self._case, self._high, count)


def _falls(case: Case, high: Result, count: Result) -> bool:
    return fall(high, count) >= case.protocol["hit.fall_some"]


def _deeper(last: Fall, count: Result) -> Fall:
    return replace(last, nadir=count) if value(count) < value(last.nadir) else last


def _after_bypass(case: Case, count: Result) -> bool:
    surgery = last_surgery(case, "cardiac_surgery", "bypass")
    if surgery is None or count.at is None:
        return False
    return surgery <= count.at < surgery + case.protocol.span("hit.after_bypass")


def may_have_fallen(case: Case) -> bool:
    """Whether any count lies `hit.fall_some` percent below an earlier one, whenever heparin
    began.
    """
    return _any_fall(case, reversed(plain_counts(case)))  # oldest first


def _any_fall(case: Case, counts: Iterable[Result]) -> bool:
    highest: Result | None = None
    for count in counts:
        if highest is not None and _falls(case, highest, count):
            return True
        if highest is None or value(count) > value(highest):
            highest = count
    return False
