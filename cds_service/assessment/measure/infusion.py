"""The heparin infusions: which there are, what runs now, and what ran at any moment before.

Only intravenous treatment infusions count here; boluses are added up apart and decide nothing.
Rates are in U/h, times are aware datetimes. Infusions that run side by side are added up; where the
rate of one of them cannot be read, the sum is unknown. Clinical logic 2.6.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
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
    `raised_since`) return None or unknown where the chart does not say.
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
    paused: bool = False  # it stands still since less than that, and its order still stands

    @property
    def last_change(self) -> datetime | None:
        return self.changes[-1] if self.changes else None

    @property
    def why_no_rate(self) -> tuple[Reason, ...]:
        """Why the present rate is not known: whether anything runs, else how fast."""
        return self.running.reasons or self.reasons

    @property
    def parts(self) -> tuple[Line, ...]:
        """The infusions that run, or may run, now."""
        return tuple(line for line in self.lines if not line.running.no)

    def rate_at(self, at: datetime) -> float | None:
        """The rate of all infusions at a moment in U/h: 0 where none ran, None where it is not
        known.
        """
        place = self._place(at)
        if place is None:
            return 0.0
        segment = self.segments[place]
        before = self.segments[place - 1] if place else None
        begun = before is None or before.rate != segment.rate
        # Within an inexact start it is open whether this rate had begun, unless the one before was
        # equal.
        unplaced = begun and at < latest(segment.start)
        if not segment.state_known or unplaced or _may_be_over(segment, at):
            return None
        return segment.rate

    def steady_since(self, at: datetime, percent: float | None = None) -> datetime | None:
        """Since when, seen from a moment, the sum had no start, change, hold or restart.

        A change counts from `percent` on (by default `heparin.rate_change`). None where nothing ran
        at that moment, or where that is unknown. A stretch whose rate cannot be read may be a
        change: the rate counts as steady since that stretch began.
        """
        segment = self._at(at)
        if segment is None or segment.rate == 0 or not segment.state_known:
            return None
        found = self.changes
        # The changes at the protocol's own step are worked out already.
        if percent is not None and percent != self.step:
            found = changes_of(self.segments, percent, self.gap)
        place = bisect_right(found, at)
        return found[place - 1] if place else None

    def steady_for(self, at: datetime, span: timedelta, fact: str) -> Verdict:
        """Whether, at a moment, the sum had stood for a span without start, change or hold.

        `fact` is what a reason names. Reasons are "tooEarly" and "notRunning" only where that is
        certain; where a row that could not be read or dated leaves it open, that row's reason.
        """
        segment = self._at(at)
        if segment is None or segment.rate == 0:
            return unknown(Reason(fact, "notRunning"))
        if not segment.state_known:
            return unknown(*segment.reasons)
        waited = apart(at, self.steady_since(at), span, fact)
        if not waited.no:
            return waited
        ran = self._between(at - span, at)
        unread = unread_of(ran)
        if not unread or changed_for_certain(ran, at - span, at, self.step, self.gap):
            return unknown(Reason(fact, "tooEarly"))
        return unknown(*_reasons(unread))

    def running_for(self, span: timedelta, fact: str) -> Verdict:
        """Whether the present run has lasted for a span without a stop.

        The reason is "tooShort" where it has not; where a stretch leaves open whether anything
        ran, that stretch's reason.
        """
        now = self.now
        if now is None:
            return unknown(Reason(fact, "tooShort"))
        long_enough = at_or_before(self.since, now - span, fact)
        if not long_enough.no:
            return long_enough
        unclear = [s for s in self._between(now - span, now) if not s.state_known]
        # If even without the doubtful stretches the run were too short, it is too short for
        # certain.
        at_best = run_start([replace(s, state_known=True) for s in self.segments], self.gap)
        if not unclear or at_or_before(at_best, now - span, fact).no:
            return unknown(Reason(fact, "tooShort"))
        return unknown(*_reasons(unclear))

    def bolus_or_pause_within(self, at: datetime, span: timedelta) -> Verdict:
        """Whether a bolus was given, or the infusion stood still, in a span before a moment."""
        since = at - span
        if any(since <= one.at <= at for one in self.boluses):
            return YES
        ran = self._between(since, at)
        if self._pauses(ran, since, at):
            return YES
        unclear = [s for s in ran if not s.state_known and s.lasts_beyond(since)]
        return unknown(*unclear[-1].reasons) if unclear else NO

    def _pauses(self, ran: tuple[Segment, ...], since: datetime, at: datetime) -> bool:
        """Whether, between two moments, the rate was zero or nothing ran for longer than a gap."""
        until: datetime | None = None
        for segment in ran:
            if segment.start > since and self._is_pause(until, segment.start):
                return True
            until = segment.end or at
            if until > since and segment.rate == 0:
                return True
        return self._is_pause(until, at)

    def _is_pause(self, until: datetime | None, start: datetime) -> bool:
        return until is None or start - until > self.gap

    def raised_since(self, at: datetime, percent: float | None = None) -> Verdict:
        """Whether, after a moment, the sum was raised by at least `percent` over what ran then.

        By default `percent` is `heparin.rate_change`.
        """
        before = self.rate_at(at)
        if before is None:
            return unknown(*_reasons([self._at(at)]))
        later = self._begun_after(at)
        step = self.step if percent is None else percent
        if any(_is_rise(before, s.rate, step) for s in later):
            return YES
        unread = _reasons(s for s in later if s.rate is None)
        return unknown(*unread) if unread else NO

    def _begun_after(self, at: datetime) -> list[Segment]:
        """What began since, this very moment included: a raise that begins now is one."""
        first = bisect_right(self.segments, at, key=lambda s: s.start)
        return [s for s in self.segments[first:] if s.start <= (self.now or at)]

    def _at(self, at: datetime) -> Segment | None:
        """The segment of a moment; during a change of the bag the one that ran before it."""
        place = self._place(at)
        return None if place is None else self.segments[place]

    def _place(self, at: datetime) -> int | None:
        place = bisect_right(self.segments, at, key=lambda s: s.start) - 1
        if place < 0:
            return None
        end = self.segments[place].end
        # A change of the bag is charted as a pause of minutes; heparin's effect does not notice it.
        return None if end is not None and at - latest(end) > self.gap else place

    def _between(self, since: datetime, until: datetime) -> tuple[Segment, ...]:
        """The segments that touch a span, and the one before it."""
        first = max(bisect_right(self.segments, since, key=lambda s: s.start) - 1, 0)
        return self.segments[first : bisect_left(self.segments, until, key=lambda s: s.start)]


def _may_be_over(segment: Segment, at: datetime) -> bool:
    """Whether the end of a segment is not known well enough to say that it ran at a moment."""
    end = segment.end
    return end is not None and earliest(end) <= at < latest(end)


def _is_rise(before: float, after: float | None, percent: float) -> bool:
    if after is None or after <= before:
        return False
    return (after - before) * 100 >= percent * before


def _reasons(segments: Iterable[Segment | None]) -> tuple[Reason, ...]:
    """Why some segments are not known, each reason once."""
    return tuple(dict.fromkeys(reason for s in segments if s for reason in s.reasons))


def differs(case: Case, before: float, after: float) -> bool:
    """Whether the rate changed by at least `heparin.rate_change` percent."""
    return differ(before, after, case.protocol["heparin.rate_change"])
