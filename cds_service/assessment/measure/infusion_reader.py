"""Reads the heparin infusions of a case: from administrations, or from orders where there are none.

Clinical logic 2.6.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from cds_service.assessment.measure.active_orders import infusion_orders
from cds_service.assessment.measure.administration_rows import Charting
from cds_service.assessment.measure.infusion import Infusion
from cds_service.assessment.measure.infusion_totals import changes_of, run_start, total
from cds_service.assessment.measure.segments import Bolus, Segment
from cds_service.assessment.measure.single_infusion import (
    Line,
    by_orders,
    charted_lines,
    dti_runs,
    is_recent,
)
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.times import at_or_after
from cds_service.assessment.model.verdict import NO, Reason, Verdict, any_of, unknown


def read_infusion(case: Case, weight: float | None) -> Infusion:
    """All heparin infusions of a case, and their sum in U/h; `weight` in kg, for rates per kg.

    Without charted infusions the standing orders are taken (`by_order`).
    """
    charting = Charting(case, weight)
    charted = charted_lines(case, charting, weight)
    lines = _lines_now(case, charted, weight)
    boluses = _boluses(charting, charted)
    gap, step = case.protocol.span("heparin.ended_within"), case.protocol["heparin.rate_change"]
    segments = total(line.segments for line in lines)
    doubts = charting.unplaced()
    running = _running(case, lines, doubts)
    source, written = _main_row(lines)
    return Infusion(
        segments=segments,
        changes=changes_of(segments, step, gap),
        running=running,
        # An infusion's row without a usable time may be the rate that runs now.
        rate=_rate(lines) if running.yes and not doubts else None,
        since=run_start(segments, gap),
        by_order=_all_by_order(lines),
        reasons=() if running.no else tuple(dict.fromkeys((*_reasons(lines), *doubts))),
        bolus_units=_units_since(boluses, case.ago("heparin.dose_window")),
        source=source,
        written=written,
        lines=lines,
        boluses=boluses,
        now=case.now,
        step=step,
        gap=gap,
        paused=running.no and not dti_runs(case) and _paused(case, lines),
    )


def _all_by_order(lines: tuple[Line, ...]) -> bool:
    return bool(lines) and all(line.by_order for line in lines)


def _units_since(given: tuple[Bolus, ...], since: datetime) -> float:
    return sum(one.units for one in given if one.at >= since)


def _main_row(lines: tuple[Line, ...]) -> tuple[str, str]:
    """Source and text of the newest row of the infusion with the highest rate, for the card."""
    main = max(lines, key=_weight_of, default=None)
    return (main.last.source, main.last.written) if main else ("", "")


def _lines_now(case: Case, charted: tuple[Line, ...], weight: float | None) -> tuple[Line, ...]:
    """What is charted of the last days; where a site is not charted, what is ordered for it."""
    recent = tuple(line for line in charted if is_recent(case, line))
    if any(line.rated for line in recent):
        # The systemic infusion ("") is charted somewhere among them: its orders add nothing.
        sites = {line.site for line in recent}
        return (*recent, *by_orders(case, weight, without={"", *sites}))
    if not case.were_retrieved("administrations", "orders"):
        return recent
    return by_orders(case, weight) or recent


def _running(case: Case, lines: tuple[Line, ...], doubts: tuple[Reason, ...]) -> Verdict:
    charted = any(not line.by_order for line in lines)
    unclear = None if charted else _why_unclear(case, lines)
    if unclear is not None:
        return unknown(unclear)
    if dti_runs(case):
        return NO  # a thrombin inhibitor replaces heparin, even where nobody charted its stop
    doubt = (unknown(*doubts),) if doubts else ()
    return any_of(NO, *(line.running for line in lines), *doubt)


def _why_unclear(case: Case, lines: tuple[Line, ...]) -> Reason | None:
    """Why nobody can say whether heparin runs, where no infusion of it is charted."""
    if not case.were_retrieved("administrations", "orders"):
        return Reason("heparinDose", case.state("administrations").value)
    unidentified = case.unidentified("administrations", "orders")
    if unidentified and (lines or case.unidentified_rates()):
        # It may be the infusion that was ordered, or be one itself.
        return Reason("medicine", "untold", unidentified[0].written)
    return None


def _paused(case: Case, lines: tuple[Line, ...]) -> bool:
    """Held since a little while under an order that still stands: it will go on."""
    since = case.ago("heparin.ended_within")
    standing = {order.site for order in infusion_orders(case)}
    return any(
        line.site in standing
        and line.last.rate == 0
        and len(line.segments) > 1
        and at_or_after(line.last.start, since, "heparinRunning").yes
        for line in lines
    )


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
    """Every segment of the sum on record, however old, and why a rate could not be read."""
    segments = total(line.segments for line in charted_lines(case, Charting(case, weight), weight))
    return segments, tuple(dict.fromkeys(s.why for s in segments if s.why is not None))


def boluses(case: Case, weight: float | None) -> tuple[Bolus, ...]:
    """Every intravenous heparin bolus on record with its units, oldest first; `weight` in kg."""
    charting = Charting(case, weight)
    return _boluses(charting, charted_lines(case, charting, weight))


def longest_total(segments: Iterable[Segment], now: datetime, window: timedelta) -> float:
    """The largest number of units given within any window of that length, up to now.

    The total is piecewise linear in the window's place, so its maximum begins or ends at an edge of
    a segment: only those places are tried.
    """
    pieces = tuple(segments)
    edges = {s.start for s in pieces} | {s.end or now for s in pieces}
    starts = edges | {edge - window for edge in edges}
    return max((_units(pieces, start, start + window, now) for start in starts), default=0.0)


def _units(pieces: tuple[Segment, ...], since: datetime, until: datetime, now: datetime) -> float:
    return sum((s.rate or 0.0) * s.overlap(since, min(until, now)) for s in pieces)
