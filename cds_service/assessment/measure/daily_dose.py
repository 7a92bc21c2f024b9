"""The daily heparin dose, in U and U/kg/h, and what a drafted rate would make of it."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.assessment.measure.infusion import Infusion, Line
from cds_service.assessment.measure.rates import (
    is_therapy_rate,
    opens_as_infusion,
    rate_in_units_per_hour,
)
from cds_service.assessment.model.case import DAY, HOUR, Case
from cds_service.assessment.model.verdict import Evidence, Reason, Verdict, unknown, yes
from cds_service.chart.facts import Order

HOURS_A_DAY = DAY / HOUR
_SEVERAL = 2  # infusions: from two on each is listed


@dataclass(frozen=True, slots=True)
class DailyDose:
    """Units in 24 hours; `known` is yes where they could be worked out."""

    known: Verdict
    units: float = 0.0
    per_kg_h: float | None = None
    evidence: Evidence | None = None
    documented: Evidence | None = None  # given in the last 24 h as charted; decides nothing
    parts: tuple[Evidence, ...] = ()  # each infusion, where several run or may run


@dataclass(frozen=True, slots=True)
class DraftedRate:
    """A drafted heparin infusion and its rate, where it could be read."""

    order: Order
    rate: float | None
    reason: Reason | None = None


def daily_dose(case: Case, infusion: Infusion, weight: float | None) -> DailyDose:
    """The running rate of all infusions x 24, and per kg where the weight in kg is known.

    Clinical logic 2.6: boluses do not count; what was charted over the last 24 hours is shown only.
    """
    if not infusion.running.yes:
        reasons = infusion.running.reasons or (Reason("heparinDose", "notRunning"),)
        return DailyDose(unknown(*reasons))
    # What was charted may be a part only: the sum would be too small.
    if not infusion.by_order and not case.is_complete("administrations"):
        return DailyDose(unknown(Reason("heparinDose", case.state("administrations").value)))
    parts = _parts(infusion)
    if infusion.rate is None:
        why = infusion.reasons or (Reason("heparinDose", "noRate"),)
        return DailyDose(unknown(*why), parts=parts)
    # The present rate, not the last 24 hours: a rate that was doubled at noon is judged as doubled.
    units = infusion.rate * HOURS_A_DAY
    how = "byOrder" if infusion.by_order else "presentRate"
    found = Evidence("dailyDose", units, "U/d", case.now, infusion.source, how)
    by_weight = per_kg_h(infusion.rate, weight)
    return DailyDose(yes(found), units, by_weight, found, _documented(case, infusion), parts)


def _parts(infusion: Infusion) -> tuple[Evidence, ...]:
    """The rate of each infusion, where several run or may run."""
    if len(infusion.parts) < _SEVERAL:
        return ()
    return tuple(_part(line) for line in infusion.parts)


def _part(line: Line) -> Evidence:
    fact, last = f"rate_{line.site or 'systemic'}", line.last
    if line.rate is None:
        return Evidence(fact, 0.0, "", last.start, last.source, "rateUnread", written=last.written)
    how = "byOrder" if line.by_order else "running"
    return Evidence(fact, line.rate, "U/h", last.start, last.source, how)


def _documented(case: Case, infusion: Infusion) -> Evidence | None:
    """Units charted as infused in the last 24 hours, and over how many hours they were charted."""
    if infusion.by_order:
        return None
    since = case.ago("heparin.dose_window")
    known = [s for s in infusion.segments if s.rate is not None]
    hours = sum(s.overlap(since, case.now) for s in known)
    units = sum((s.rate or 0.0) * s.overlap(since, case.now) for s in known)
    if not hours:
        return None
    source = infusion.source
    return Evidence("documentedDose", units, "U", case.now, source, "documented", hours=hours)


def drafted_rates(case: Case, weight: float | None) -> tuple[DraftedRate, ...]:
    """Every drafted heparin infusion with its rate in U/h, the highest first; `weight` in kg."""
    bag = case.protocol["heparin.bag_content"]
    drafts = [
        o
        for o in case.drafted("heparin")
        if opens_as_infusion(o, bag) and is_therapy_rate(case, o.dosage.rate)
    ]
    rows = [DraftedRate(o, *rate_in_units_per_hour(case, o.dosage, weight)) for o in drafts]
    return tuple(sorted(rows, key=_fastest_first))


def _fastest_first(draft: DraftedRate) -> tuple[float, str, str]:
    return -(draft.rate or 0.0), draft.order.dosage.written, draft.order.source


def per_kg_h(rate: float, weight: float | None) -> float | None:
    """A rate in U/h as U/kg/h; None without a weight."""
    return rate / weight if weight else None
