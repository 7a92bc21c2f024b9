"""The heparin infusions: which there are, what runs now, and what ran at any moment before.

Only intravenous treatment infusions; boluses are added up apart and decide nothing.
Clinical logic 2.6. Rates are in U/h, times aware datetimes. Several infusions run side by side and
add up; where one of those that run cannot be read, the sum is unknown.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cds_service.assessment.answers import NO, YES, Reason, Verdict, any_of, unknown
from cds_service.assessment.case import Case
from cds_service.assessment.charting import Charting
from cds_service.assessment.lines import Line, by_orders, charted_lines, dti_runs, is_recent
from cds_service.assessment.segments import Bolus, Segment
from cds_service.assessment.sums import changes_of, differ, run_start, total

__all__ = [
    "Infusion",
    "Line",
    "Segment",
    "boluses",
    "charted_segments",
    "differs",
    "longest_total",
    "read_infusion",
]


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
        segment = self._at(at)
        if segment is None:
            return 0.0
        return segment.rate if segment.told else None

    def steady_since(self, at: datetime, percent: float | None = None) -> datetime | None:
        """Since when, at a moment, the sum was without start, change, hold or restart.

        A change counts from `percent` on (unless given, the protocol's). None where nothing ran
        at that moment, or whether it did cannot be told. A rate that cannot be read may be a
        change: it is steady since that stretch began.
        """
        segment = self._at(at)
        if segment is None or segment.rate == 0 or not segment.told:
            return None
        found = self.changes
        if percent is not None and percent != self.step:
            found = changes_of(self.segments, percent, self.gap)
        place = bisect_right(found, at)
        return found[place - 1] if place else None

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
            if until > since and not segment.told:
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
        place = bisect_right(self.segments, at, key=lambda s: s.start)
        if not place:
            return None
        segment = self.segments[place - 1]
        over = segment.end is not None and at - segment.end > self.gap
        return None if over else segment

    def _between(self, since: datetime, until: datetime) -> tuple[Segment, ...]:
        """The segments that touch a span, and the one before it."""
        first = max(bisect_right(self.segments, since, key=lambda s: s.start) - 1, 0)
        return self.segments[first : bisect_left(self.segments, until, key=lambda s: s.start)]


def _is_rise(before: float, after: float, percent: float) -> bool:
    return after > before and (after - before) * 100 >= percent * before


def _why(segment: Segment) -> tuple[Reason, ...]:
    return (segment.why,) if segment.why else ()


def read_infusion(case: Case, weight: float | None) -> Infusion:
    """The infusions from administrations, or from the standing orders without them."""
    charting = Charting(case, weight)
    charted = charted_lines(case, charting, weight)
    lines = _lines_now(case, charted, weight)
    boluses = _boluses(charting, charted)
    since = case.ago("heparin.dose_window")
    units = sum(one.units for one in boluses if one.at >= since)
    gap, step = case.protocol.span("heparin.ended_within"), case.protocol["heparin.rate_change"]
    segments = total(line.segments for line in lines)
    running = _running(case, lines)
    main = max(lines, key=_weight_of, default=None)
    return Infusion(
        segments=segments,
        changes=changes_of(segments, step, gap),
        running=running,
        rate=_rate(lines) if running.yes else None,
        since=run_start(segments, gap),
        by_order=bool(lines) and all(line.by_order for line in lines),
        reasons=() if running.no else _reasons(lines),
        bolus_units=units,
        source=main.last.source if main else "",
        written=main.last.written if main else "",
        lines=lines,
        boluses=boluses,
        now=case.now,
        step=step,
        gap=gap,
    )


def _lines_now(case: Case, charted: tuple[Line, ...], weight: float | None) -> tuple[Line, ...]:
    """What is charted of the last days; else, and for sites not charted, what is ordered."""
    recent = tuple(line for line in charted if is_recent(case, line))
    if any(line.rated for line in recent):
        sites = {line.site for line in charted if is_recent(case, line)}
        return (*recent, *by_orders(case, weight, without={"", *sites}))
    if not case.came("administrations", "orders"):
        return recent
    return by_orders(case, weight) or recent


def _running(case: Case, lines: tuple[Line, ...]) -> Verdict:
    charted = any(not line.by_order for line in lines)
    if not charted and not case.came("administrations", "orders"):
        return unknown(Reason("heparinDose", case.state("administrations").value))
    untold = case.untold("administrations", "orders")
    if not charted and untold and (lines or case.untold_rates()):
        # It may be the infusion that was ordered, or be one itself.
        return unknown(Reason("medicine", "untold", untold[0].written))
    return NO if dti_runs(case) else any_of(NO, *(line.running for line in lines))


def _rate(lines: tuple[Line, ...]) -> float | None:
    rates = [line.rate for line in lines if not line.running.no]
    known = [rate for rate in rates if rate is not None]
    return sum(known) if rates and len(known) == len(rates) else None


def _reasons(lines: tuple[Line, ...]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(reason for line in lines for reason in line.reasons))


def _weight_of(line: Line) -> tuple[bool, float, str]:
    return not line.running.no, line.rate or 0.0, line.last.source


def _boluses(charting: Charting, charted: tuple[Line, ...]) -> tuple[Bolus, ...]:
    found = (*charting.boluses(), *(bolus for line in charted for bolus in line.boluses))
    return tuple(sorted(found, key=lambda one: (one.at, one.units, one.source)))


def charted_segments(
    case: Case, weight: float | None
) -> tuple[tuple[Segment, ...], tuple[Reason, ...]]:
    """Every stretch of the sum on record, however old, and why a rate could not be read."""
    segments = total(line.segments for line in charted_lines(case, Charting(case, weight), weight))
    return segments, tuple(dict.fromkeys(s.why for s in segments if s.why is not None))


def boluses(case: Case, weight: float | None) -> tuple[Bolus, ...]:
    """Every intravenous bolus on record with its units, oldest first."""
    charting = Charting(case, weight)
    return _boluses(charting, charted_lines(case, charting, weight))


def differs(case: Case, before: float, after: float) -> bool:
    """A change of the rate that counts as one."""
    return differ(before, after, case.protocol["heparin.rate_change"])


def longest_total(segments: Iterable[Segment], now: datetime, window: timedelta) -> float:
    """The largest number of units in any window of that length, up to now.

    The total is piecewise linear in the window's place, so a maximum begins or ends
    at an edge of a segment.
    """
    pieces = tuple(segments)
    edges = {s.start for s in pieces} | {s.end or now for s in pieces}
    starts = edges | {edge - window for edge in edges}
    return max((_units(pieces, start, start + window, now) for start in starts), default=0.0)


def _units(pieces: tuple[Segment, ...], since: datetime, until: datetime, now: datetime) -> float:
    return sum((s.rate or 0.0) * s.overlap(since, min(until, now)) for s in pieces)
