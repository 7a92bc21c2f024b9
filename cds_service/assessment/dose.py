"""The daily heparin dose, in units and by weight, and what a drafted rate would make of it."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.assessment.answers import Evidence, Reason, Verdict, unknown, yes
from cds_service.assessment.case import DAY, HOUR, Case
from cds_service.assessment.infusion import Infusion
from cds_service.assessment.rates import is_infusion, is_therapy_rate, rate_in_units_per_hour
from cds_service.chart.facts import Order

HOURS_A_DAY = DAY / HOUR


@dataclass(frozen=True, slots=True)
class DailyDose:
    """Units in 24 hours; `known` says yes when it could be worked out."""

    known: Verdict
    units: float = 0.0
    per_kg_h: float | None = None
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class DraftedRate:
    """A drafted heparin infusion and its rate, where it could be read."""

    order: Order
    rate: float | None
    reason: Reason | None = None


def daily_dose(case: Case, infusion: Infusion, weight: float | None) -> DailyDose:
    """The larger of the documented total and the present rate; clinical logic 2."""
    if not infusion.running.yes:
        reasons = infusion.running.reasons or (Reason("heparinDose", "notRunning"),)
        return DailyDose(unknown(*reasons))
    if not infusion.by_order and not case.answered("administrations"):
        return DailyDose(unknown(Reason("heparinDose", case.state("administrations").value)))
    found = _present(case, infusion) if _has_fallen(case, infusion) else _larger(case, infusion)
    if found is None:
        reasons = infusion.reasons or (Reason("heparinDose", "tooShort"),)
        return DailyDose(unknown(*reasons))
    per_kg_h = found.value / HOURS_A_DAY / weight if weight else None
    return DailyDose(yes(found), found.value, per_kg_h, found)


def _larger(case: Case, infusion: Infusion) -> Evidence | None:
    options = [e for e in (_documented(case, infusion), _held(case, infusion)) if e is not None]
    return max(options, key=lambda e: round(e.value), default=None)  # a tie is the documented


def _documented(case: Case, infusion: Infusion) -> Evidence | None:
    """Documented total / documented hours x 24, when half of the day is on record."""
    since = case.ago("heparin.dose_window")
    known = [s for s in infusion.segments if s.rate is not None]
    hours = sum(s.overlap(since, case.now) for s in known)
    if infusion.by_order or hours < case.protocol["heparin.documented_for"]:
        return None
    total = sum((s.rate or 0.0) * s.overlap(since, case.now) for s in known)
    return _evidence(case, infusion, total / hours * HOURS_A_DAY, "documented", hours)


def _held(case: Case, infusion: Infusion) -> Evidence | None:
    """The present rate x 24, when it was held long enough, or stands by order."""
    changed = infusion.last_change
    if changed is None or case.now - changed < case.protocol.span("heparin.held_for"):
        return None
    return _present(case, infusion)


def _present(case: Case, infusion: Infusion) -> Evidence | None:
    if infusion.rate is None:
        return None
    how = "byOrder" if infusion.by_order else "presentRate"
    return _evidence(case, infusion, infusion.rate * HOURS_A_DAY, how)


def _evidence(
    case: Case, infusion: Infusion, units: float, how: str, hours: float | None = None
) -> Evidence:
    return Evidence("dailyDose", units, "U/d", case.now, infusion.source, how, hours=hours)


def _has_fallen(case: Case, infusion: Infusion) -> bool:
    """Whether the rate is at least a fifth below its highest of the last 24 hours."""
    since = case.ago("heparin.dose_window")
    rates = [s.rate for s in infusion.segments if s.rate and s.overlap(since, case.now) > 0]
    if infusion.rate is None or not rates:
        return False
    fall = 1 - case.protocol["heparin.rate_fall"] / 100
    return infusion.rate <= max(rates) * fall


def drafted_rates(case: Case, weight: float | None) -> tuple[DraftedRate, ...]:
    """Every drafted heparin infusion with its rate in U/h, the highest first."""
    drafts = [
        o
        for o in case.drafted("heparin")
        if is_infusion(o) and is_therapy_rate(case, o.dosage.rate)
    ]
    rows = [DraftedRate(o, *rate_in_units_per_hour(o.dosage, weight)) for o in drafts]
    return tuple(sorted(rows, key=lambda d: (-(d.rate or 0.0), d.order.source)))


def per_kg_h(rate: float, weight: float | None) -> float | None:
    """U/kg/h of a rate in U/h."""
    return rate / weight if weight else None
