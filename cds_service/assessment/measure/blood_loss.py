"""Haemoglobin and platelets as signs of a bleed: a fall, or a low count. Clinical logic 5.

Haemoglobin in g/dL, platelets in 10*3/uL.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta

from cds_service.assessment.measure.current_result import CurrentResult, newest_result
from cds_service.assessment.measure.platelet_history import fall, height
from cds_service.assessment.model.case import Case, DatedValue, evidence
from cds_service.assessment.model.verdict import NO, Reason, Verdict, unknown, yes
from cds_service.chart.facts import Result


def hemoglobin_fell(case: Case, line: str, since: datetime | None) -> Verdict:
    """Whether haemoglobin fell by a threshold (the row `line`) between counts at most a day apart.

    The later count is of the last day; under heparin (running since `since`) of the last two days,
    but not from before it began: a fall at an operation is not heparin's bleed. A count that has
    come back up since ends it: the newest must lie as far below the higher one.
    """
    limit, window = case.protocol[line], case.protocol.span("bleeding.hemoglobin_window")
    # A fall at the operation before heparin began is not its bleed.
    on_heparin = max(since or case.now, case.ago("bleeding.hemoglobin_within"))
    oldest = min(case.now - window, on_heparin)
    counts = list(case.plain("hemoglobin", oldest - window))
    fall = _first_fall([one for one in counts if one.at >= oldest], counts, limit, window)
    if fall is not None:
        return yes(*(evidence(one, "g/dL") for one in fall))
    if not case.is_complete("blood"):
        return unknown(Reason("hemoglobin", case.state("blood").value))
    window_row = "bleeding.hemoglobin_window"
    return _newest_unread(newest_result(case, "hemoglobin", "blood", window_row, "g/dL"))


def _first_fall(
    later: list[DatedValue], counts: list[DatedValue], limit: float, window: timedelta
) -> tuple[Result, Result] | None:
    """The newest count, with the highest of the window before it, that shows a fall that stands."""
    highs = highest_before([one.result for one in counts], window)
    for low in later:
        high = highs.get(low.result.source)
        if high is not None and min(_by(high, low), _by(high, counts[0])) >= limit:
            return high, low.result
    return None


def highest_before(counts: Sequence[Result], window: timedelta) -> dict[str, Result]:
    """By the source of each dated count: the highest count of the window before it.

    The window slides from the newest to the oldest count. It keeps only counts that are higher
    than all drawn before them, so that the first one kept is the highest.
    """
    dated = sorted(((r.at, r) for r in counts if r.at), key=lambda one: one[0], reverse=True)
    found: dict[str, Result] = {}
    kept = _Rising()
    following = 0
    for drawn, later in dated:
        while following < len(dated) and dated[following][0] >= drawn - window:
            kept.add(*dated[following])
            following += 1
        high = kept.before(drawn)
        if high is not None:
            found[later.source] = high
    return found


class _Rising:
    """Counts from the newest to the oldest, without those that an older one exceeds."""

    def __init__(self) -> None:
        self._kept: deque[tuple[datetime, Result]] = deque()

    def add(self, drawn: datetime, count: Result) -> None:
        while self._kept and _rank(self._kept[-1][1]) <= _rank(count):
            self._kept.pop()
        self._kept.append((drawn, count))

    def before(self, drawn: datetime) -> Result | None:
        """The highest of those drawn earlier; later ones are dropped for good."""
        while self._kept and not self._kept[0][0] < drawn:
            self._kept.popleft()
        return self._kept[0][1] if self._kept else None


def _rank(count: Result) -> tuple[float, str]:
    return count.value or 0.0, count.source


def _newest_unread(level: CurrentResult) -> Verdict:
    """Unknown where the newest count is on record and cannot be used; else no sign of a bleed."""
    refused = list(level.refused)
    if level.current.yes and level.result is not None and level.result.comparator:
        refused.append(Reason(level.concept, "comparator", level.result.written))
    return unknown(*refused) if refused else NO


def _by(high: Result, low: DatedValue) -> float:
    """How far a count lies below another; rounded, as 13.4 - 11.4 is 2 for a laboratory."""
    return round((high.value or 0.0) - low.value, 2)


def platelets_low(case: Case) -> Verdict:
    """Whether the newest platelets are under `bleeding.platelets_low`."""
    level = newest_result(case, "platelets", "blood", "platelets.current", "10*3/uL")
    low = level.below(case.protocol["bleeding.platelets_low"])
    if low.yes:
        return low
    unread = _newest_unread(level) if low.unknown else NO
    return unread if unread.unknown else _no_if_complete(case)


def _no_if_complete(case: Case) -> Verdict:
    """No, where the query for blood counts is complete."""
    if not case.is_complete("blood"):
        return unknown(Reason("platelets", case.state("blood").value))
    return NO


def platelets_fall(case: Case) -> Verdict:
    """Whether platelets lie between `platelets_low` and `platelets_risk`, and fell by a good part.

    The fall is `bleeding.platelets_fall` percent of the highest count of the days before.
    """
    window, recent = case.protocol.span("bleeding.platelets_window"), case.ago("platelets.current")
    counts = list(case.plain("platelets", recent - window))
    if not counts or counts[0].at < recent:
        return _no_if_complete(case)
    last = counts[0]
    before = (one.result for one in counts[1:] if one.at >= last.at - window)
    top = max(before, key=height, default=last.result)
    low, high = case.protocol["bleeding.platelets_low"], case.protocol["bleeding.platelets_risk"]
    steep = fall(top, last.result) >= case.protocol["bleeding.platelets_fall"]
    if steep and low <= last.value <= high:
        return yes(evidence(top, "10*3/uL"), evidence(last.result, "10*3/uL"))
    return _no_if_complete(case)
