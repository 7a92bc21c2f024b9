"""Reads the heparin infusions of a case: from administrations, or from orders without them.

Clinical logic 2.6.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

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
from cds_service.assessment.model.verdict import NO, Reason, Verdict, any_of, unknown


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
    doubts = charting.unplaced()
    running = _running(case, lines, doubts)
    main = max(lines, key=_weight_of, default=None)
    return Infusion(
        segments=segments,
        changes=changes_of(segments, step, gap),
        running=running,
        rate=_rate(lines) if running.yes and not doubts else None,
        since=run_start(segments, gap),
        by_order=bool(lines) and all(line.by_order for line in lines),
        reasons=() if running.no else tuple(dict.fromkeys((*_reasons(lines), *doubts))),
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
    if not case.were_retrieved("administrations", "orders"):
        return recent
    return by_orders(case, weight) or recent


def _running(case: Case, lines: tuple[Line, ...], doubts: tuple[Reason, ...]) -> Verdict:
    charted = any(not line.by_order for line in lines)
    if not charted and not case.were_retrieved("administrations", "orders"):
        return unknown(Reason("heparinDose", case.state("administrations").value))
    untold = case.unidentified("administrations", "orders")
    if not charted and untold and (lines or case.unidentified_rates()):
        # It may be the infusion that was ordered, or be one itself.
        return unknown(Reason("medicine", "untold", untold[0].written))
    if dti_runs(case):
        return NO
    doubt = (unknown(*doubts),) if doubts else ()
    return any_of(NO, *(line.running for line in lines), *doubt)


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
