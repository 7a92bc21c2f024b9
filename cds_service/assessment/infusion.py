"""The heparin infusion over time: segments, changes, what runs now, and the daily dose.

Only intravenous treatment infusions; boluses are added up apart and decide nothing.
Clinical logic 2, "Heparin dose". Rates are in U/h, times aware datetimes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from cds_service.assessment.answers import NO, YES, Reason, Verdict, unknown
from cds_service.assessment.case import HOUR, Case
from cds_service.assessment.rates import (
    bolus_units,
    is_infusion,
    is_therapy_rate,
    rate_in_units_per_hour,
)
from cds_service.chart.facts import (
    Administration,
    Form,
    Order,
    Route,
    Use,
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one rate; `rate` is None when it could not be read."""

    start: datetime
    end: datetime | None  # None: still open
    rate: float | None
    source: str
    written: str = ""

    def overlap(self, since: datetime, until: datetime) -> float:
        """Hours of this segment between two moments."""
        end = min(self.end or until, until)
        return max((end - max(self.start, since)) / HOUR, 0.0)


@dataclass(frozen=True, slots=True)
class Infusion:
    """The infusion as known now."""

    segments: tuple[Segment, ...]  # in time order, none overlapping
    changes: tuple[datetime, ...]  # starts, rate changes, holds, restarts
    running: Verdict
    rate: float | None  # U/h now, when running and readable
    since: datetime | None  # start of the present run
    by_order: bool
    reasons: tuple[Reason, ...] = ()  # why a rate could not be read
    bolus_units: float = 0.0
    source: str = ""
    written: str = ""

    @property
    def last_change(self) -> datetime | None:
        return self.changes[-1] if self.changes else None


def read_infusion(case: Case, weight: float | None) -> Infusion:
    """The infusion from administrations, or from the standing order without them."""
    segments, reasons = charted_segments(case, weight)
    recent = [s for s in segments if _within_window(case, s)]
    if not recent:
        return _by_order(case, weight)
    last = segments[-1]
    running = _running(case, last)
    return Infusion(
        segments=segments,
        changes=_changes(case, segments),
        running=running,
        rate=last.rate if running.yes else None,
        since=_run_start(case, segments),
        by_order=False,
        reasons=reasons if running.answer is not NO.answer and last.rate is None else (),
        bolus_units=bolus_units(case, weight),
        source=last.source,
        written=last.written,
    )


def charted_segments(
    case: Case, weight: float | None
) -> tuple[tuple[Segment, ...], tuple[Reason, ...]]:
    """Every stretch of the infusion on record, however old, and why a rate could not be read."""
    reasons: list[Reason] = []
    raw: list[Segment] = []
    for row in case.given("heparin"):
        if not _is_infusion_row(case, row) or row.start is None:
            continue
        rate, reason = rate_in_units_per_hour(row.dosage, weight)
        if row.halted and rate is None:
            rate, reason = 0.0, None
        if reason is not None:
            reasons.append(reason)
        raw.extend(_pieces(row, row.start, rate))
    return joined(raw), tuple(dict.fromkeys(reasons))


def _is_infusion_row(case: Case, row: Administration) -> bool:
    return (
        row.use is Use.THERAPY
        and row.route not in (Route.SUBCUTANEOUS, Route.ORAL)
        and (row.form is Form.INFUSION or (row.halted and row.form is not Form.SINGLE))
        and is_therapy_rate(case, row.dosage.rate)
    )


def _pieces(row: Administration, start: datetime, rate: float | None) -> Iterable[Segment]:
    """A row as segments: a stop or hold is zero from its end, or from its start when open."""
    written = row.dosage.written
    if not row.halted:
        return (Segment(start, row.end, rate, row.source, written),)
    if row.end is None:
        return (Segment(start, None, 0.0, row.source, written),)
    return (
        Segment(start, row.end, rate, row.source, written),
        Segment(row.end, None, 0.0, row.source, written),
    )


def joined(raw: Iterable[Segment]) -> tuple[Segment, ...]:
    """In time order; where two overlap, the newer ends the older."""
    ordered = sorted(set(raw), key=lambda s: (s.start, s.end is None, s.end or s.start, s.source))
    cut = [
        replace(older, end=newer.start) if older.end is None or older.end > newer.start else older
        for older, newer in pairwise(ordered)
    ]
    kept = [s for s in [*cut, *ordered[-1:]] if s.end is None or s.end > s.start]
    return tuple(kept)


def _within_window(case: Case, segment: Segment) -> bool:
    """Whether a segment has something to do with the last three days, or still may run."""
    return segment.end is None or segment.end >= case.ago("heparin.administration_window")


def _running(case: Case, last: Segment) -> Verdict:
    if _dti_runs(case) or last.rate == 0:
        return NO
    if last.end is not None:
        return YES if last.end >= case.ago("heparin.ended_within") else NO
    if _charted_lately(case) or _infusion_orders(case):
        return YES
    return unknown(Reason("heparinRunning", "uncharted"))


def _charted_lately(case: Case) -> bool:
    """Any newer charting of treatment heparin, a bolus too, says that it is still looked after."""
    since = case.ago("heparin.administration_window")
    rows = (a for a in case.given("heparin") if a.use is Use.THERAPY)
    return any(a.start is not None and a.start >= since for a in rows)


def _dti_runs(case: Case) -> bool:
    """A thrombin inhibitor runs, by administration; by order only where no infusion is charted."""
    rows = [a for a in case.given("dti") if a.form is not Form.SINGLE]
    if rows:
        last = rows[0]
        ended = last.end is not None and last.end < case.ago("heparin.ended_within")
        zero = last.dosage.rate is not None and last.dosage.rate.value == 0
        old = last.start is not None and last.start < case.ago("heparin.administration_window")
        return not (ended or zero or last.halted or (old and last.end is None))
    charted = any(a.form is Form.INFUSION for a in case.given("heparin"))
    return bool(case.active_orders("dti")) and not charted


def _infusion_orders(case: Case) -> tuple[Order, ...]:
    return tuple(
        o
        for o in case.active_orders("heparin")
        if is_infusion(o) and is_therapy_rate(case, o.dosage.rate)
    )


def _by_order(case: Case, weight: float | None) -> Infusion:
    """No infusion charted: the standing order's rate, not confirmed as given."""
    orders = _infusion_orders(case)
    quiet = Infusion((), (), NO, None, None, by_order=True, bolus_units=bolus_units(case, weight))
    if not case.answered("administrations", "orders"):
        failed = Reason("heparinDose", case.state("administrations").value)
        return replace(quiet, running=unknown(failed))
    if not orders or _dti_runs(case):
        return quiet
    dated = [(o.authored, o.source, o) for o in orders if o.authored is not None]
    since, _, order = max(dated, default=(None, "", None), key=lambda row: row[:2])
    if since is None or order is None or since < case.ago("heparin.order_age"):
        return replace(quiet, running=unknown(Reason("heparinRunning", "oldOrder")))
    rate, reason = rate_in_units_per_hour(order.dosage, weight)
    segment = Segment(since, None, rate, order.source, order.dosage.written)
    return Infusion(
        segments=(segment,),
        changes=(since,),
        running=YES,
        rate=rate,
        since=since,
        by_order=True,
        reasons=(reason,) if reason else (),
        bolus_units=bolus_units(case, weight),
        source=order.source,
        written=order.dosage.written,
    )


def differs(case: Case, before: float, after: float) -> bool:
    """A change of the rate that counts as one."""
    return abs(after - before) * 100 >= case.protocol["heparin.rate_change"] * before


def _changes(case: Case, segments: tuple[Segment, ...]) -> tuple[datetime, ...]:
    changes = [segments[0].start]
    for older, newer in pairwise(segments):
        gap = newer.start - (older.end or newer.start)
        if gap > case.protocol.span("heparin.ended_within") or _steps(case, older, newer):
            changes.append(newer.start)
    return tuple(changes)


def _steps(case: Case, older: Segment, newer: Segment) -> bool:
    if older.rate is None or newer.rate is None:
        return True
    return older.rate != newer.rate and differs(case, older.rate, newer.rate)


def _run_start(case: Case, segments: tuple[Segment, ...]) -> datetime:
    """Start of the present run: after the last hold, stop or undocumented gap."""
    start = segments[0].start
    for older, newer in pairwise(segments):
        gap = newer.start - (older.end or newer.start)
        if gap > case.protocol.span("heparin.ended_within") or older.rate == 0:
            start = newer.start
    return start


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
