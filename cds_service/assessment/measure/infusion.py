"""The heparin infusions: which there are, what runs now, and what ran at any moment before.

Only intravenous treatment infusions; boluses are added up apart and decide nothing.
Clinical logic 2.6. Rates are in U/h, times aware datetimes. Several infusions run side by side and
add up; where one of those that run cannot be read, the sum is unknown.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cds_service.assessment.measure.infusion_totals import (
    changed_for_certain,
    changes_of,
    differ,
    run_start,
    unread_of,
)
from cds_service.assessment.measure.segments import Bolus, Segment
from cds_service.assessment.measure.single_infusion import Line
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.times import apart, at_or_before
from cds_service.assessment.model.verdict import NO, YES, Reason, Verdict, unknown
from cds_service.chart.fhir_datetime import earliest, latest

__all__ = ["Infusion", "Line", "Segment", "differs"]


@dataclass(frozen=True, slots=True)
class Infusion:
    """All heparin infusions as known now, and their sum over time.

    The questions about the past (`rate_at`, `steady_since`, `bolus_or_pause_within`,
    `raised_since`) answer None or unknown where the record does not tell.
    """

    segments: tuple[Segment, ...]  # the sum: in time order, none overlapping
    changes: tuple[datetime, ...]  # starts, rate changes, holds, restarts of the sum
    running: Verdict
    rate: float | None  # U/h now of all infusions, when running and readable
    since: datetime | None  # start of the present run
    by_order: bool
    reasons: tuple[Reason, ...] = ()  # why the rate could not be read
    bolus_units: float = 0.0
    source: str = ""
    written: str = ""
    lines: tuple[Line, ...] = ()  # each infusion by itself, the systemic one first
    boluses: tuple[Bolus, ...] = ()  # oldest first
    now: datetime | None = None
    step: float = 0.0  # per cent from which on a change of the rate counts
    gap: timedelta = timedelta()  # a pause this short is a change of the bag

    @property
    def last_change(self) -> datetime | None:
        return self.changes[-1] if self.changes else None

    @property
    def parts(self) -> tuple[Line, ...]:
        """The infusions that run, or may run, now."""
        return tuple(line for line in self.lines if not line.running.no)

    def rate_at(self, at: datetime) -> float | None:
        """U/h of all infusions at a moment; 0 where none ran, None where nobody can tell."""
        place = self._place(at)
        if place is None:
            return 0.0
        segment = self.segments[place]
        before = self.segments[place - 1] if place else None
        begun = before is None or before.rate != segment.rate
        unplaced = begun and at < latest(segment.start)
        if not segment.state_known or unplaced or _may_be_over(segment, at):
            return None
        return segment.rate

    def steady_since(self, at: datetime, percent: float | None = None) -> datetime | None:
        """Since when, at a moment, the sum was without start, change, hold or restart.

        A change counts from `percent` on (unless given, the protocol's). None where nothing ran
        at that moment, or whether it did cannot be told. A rate that cannot be read may be a
        change: it is steady since that stretch began.
        """
        segment = self._at(at)
        if segment is None or segment.rate == 0 or not segment.state_known:
            return None
        found = self.changes
        if percent is not None and percent != self.step:
            found = changes_of(self.segments, percent, self.gap)
        place = bisect_right(found, at)
        return found[place - 1] if place else None

    def steady_for(self, at: datetime, span: timedelta, fact: str) -> Verdict:
        """Whether, at a moment, the sum had stood for a span without start, change or hold.

        `fact` is what a reason names. "tooEarly" and "notRunning" are said only where that is
        certain; where a row that was not read or placed leaves it open, the row's reason is said.
        """
        segment = self._at(at)
        if segment is None or segment.rate == 0:
            return unknown(Reason(fact, "notRunning"))
        if not segment.state_known:
            return unknown(*_why(segment))
        waited = apart(at, self.steady_since(at), span, fact)
        if not waited.no:
            return waited
        ran = self._between(at - span, at)
        unread = unread_of(ran)
        if not unread or changed_for_certain(ran, at - span, at, self.step, self.gap):
            return unknown(Reason(fact, "tooEarly"))
        return unknown(*dict.fromkeys(reason for s in unread for reason in _why(s)))

    def running_for(self, span: timedelta, fact: str) -> Verdict:
        """Whether the present run has lasted for a span without a stop.

        "tooShort" where it has not; where it is not told whether it stood still, the reason.
        """
        now = self.now
        if now is None:
            return unknown(Reason(fact, "tooShort"))
        long_enough = at_or_before(self.since, now - span, fact)
        if not long_enough.no:
            return long_enough
        untold = [s for s in self._between(now - span, now) if not s.state_known]
        at_best = run_start([replace(s, state_known=True) for s in self.segments], self.gap)
        if not untold or at_or_before(at_best, now - span, fact).no:
            return unknown(Reason(fact, "tooShort"))
        return unknown(*dict.fromkeys(reason for s in untold for reason in _why(s)))

    def bolus_or_pause_within(self, at: datetime, span: timedelta) -> Verdict:
        """Whether a bolus was given, or the infusion stood still, in a span before a moment."""
        since = at - span
        if any(since <= one.at <= at for one in self.boluses):
            return YES
        found, until = NO, None
        for segment in self._between(since, at):
            begins_late = until is None or segment.start - until > self.gap
            if segment.start > since and begins_late:
                return YES
            until = segment.end or at
            if until > since and segment.rate == 0:
                return YES
            if until > since and not segment.state_known:
                found = unknown(*_why(segment))
        return YES if until is None or at - until > self.gap else found

    def raised_since(self, at: datetime, percent: float | None = None) -> Verdict:
        """Whether, after a moment, the sum was raised by at least `percent` over what ran then."""
        before = self.rate_at(at)
        now = self.now or at
        segment = self._at(at)
        if before is None:
            return unknown(*(_why(segment) if segment else ()))
        later = [s for s in self._between(at, now) if s.start > at]
        step = self.step if percent is None else percent
        if any(s.rate is not None and _is_rise(before, s.rate, step) for s in later):
            return YES
        unread = [reason for s in later if s.rate is None for reason in _why(s)]
        return unknown(*dict.fromkeys(unread)) if unread else NO

    def _at(self, at: datetime) -> Segment | None:
        """What ran at a moment; through a change of the bag what ran before it."""
        place = self._place(at)
        return None if place is None else self.segments[place]

    def _place(self, at: datetime) -> int | None:
        place = bisect_right(self.segments, at, key=lambda s: s.start) - 1
        if place < 0:
            return None
        end = self.segments[place].end
        return None if end is not None and at - latest(end) > self.gap else place

    def _between(self, since: datetime, until: datetime) -> tuple[Segment, ...]:
        """The segments that touch a span, and the one before it."""
        first = max(bisect_right(self.segments, since, key=lambda s: s.start) - 1, 0)
        return self.segments[first : bisect_left(self.segments, until, key=lambda s: s.start)]


def _may_be_over(segment: Segment, at: datetime) -> bool:
    """Whether the end of a segment is not known well enough to say that it ran at a moment."""
    end = segment.end
    return end is not None and earliest(end) <= at < latest(end)


def _is_rise(before: float, after: float, percent: float) -> bool:
    return after > before and (after - before) * 100 >= percent * before


def _why(segment: Segment) -> tuple[Reason, ...]:
    return (segment.why,) if segment.why else ()


def differs(case: Case, before: float, after: float) -> bool:
    """A change of the rate that counts as one."""
    return differ(before, after, case.protocol["heparin.rate_change"])
