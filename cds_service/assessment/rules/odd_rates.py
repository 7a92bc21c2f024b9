"""Heparin rates that can hardly be meant: tenfold slips, wrong strengths. Clinical logic 6.

Finds the drafted rates, and the charted one, that are to be checked before anything builds on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cds_service.assessment.measure.daily_dose import DraftedRate
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.measure.rates import VIAL_STRENGTH
from cds_service.assessment.model.recommendation import Indicator
from cds_service.assessment.model.verdict import Reason
from cds_service.chart.facts import Amount, Order, Problem

_CARD = "heparinRateCheck"
UNTRUE = (Problem.IMPLAUSIBLE.value, VIAL_STRENGTH)  # why a rate was refused, not unread


@dataclass(frozen=True, slots=True)
class Odd:
    """One rate to be checked: how urgent, and what is odd about it (a summary of the card)."""

    indicator: Indicator
    summary: str
    rate: float = 0.0  # U/h; 0 where none is computed
    order: Order | None = None  # None: it is charted as running
    reason: Reason | None = None


def odd_rates(m: Measured) -> Iterator[Odd]:
    """Every rate to be checked, those of drafts first."""
    yield from (found for d in m.drafted if (found := _drafted(m, d)) is not None)
    yield from _charted(m)


def _charted(m: Measured) -> Iterator[Odd]:
    """The rate that runs, or why it was refused."""
    rate = m.infusion.rate
    if rate is not None and m.infusion.running.yes and _over(m, rate, "check_rate", "check_units"):
        yield Odd(Indicator.CRITICAL, "charted", rate)
    for reason in () if m.infusion.running.no else m.infusion.reasons:
        if reason.why in UNTRUE:
            yield Odd(Indicator.CRITICAL, "chartedUntold", reason=reason)


def _drafted(m: Measured, draft: DraftedRate) -> Odd | None:
    """A drafted rate to be checked; one that could not be read is another card's."""
    reason, rate = draft.reason, draft.rate or 0.0
    if reason is not None:
        return _refused(m, draft.order, reason) if reason.why in UNTRUE else None
    odd = _what_is_odd(m, rate)
    return None if odd is None else Odd(*odd, rate, draft.order)


def _what_is_odd(m: Measured, rate: float) -> tuple[Indicator, str] | None:
    """How urgent a rate in U/h is to be checked, and why; None where nothing is odd about it."""
    if _over(m, rate, "check_rate", "check_units"):
        return Indicator.CRITICAL, _summary(m, rate)
    # Many times the running rate is no slip where even that is an ordinary one.
    ratio = ratio_of(m, rate) if _over(m, rate, "standard_rate", "check_least_units") else 0.0
    if ratio >= m.case.protocol["heparin.check_ratio"]:
        return Indicator.CRITICAL, "times"
    if ratio >= m.case.protocol["heparin.check_ratio_warning"]:
        return Indicator.WARNING, "double"
    if m.infusion.running.no and m.weight.kg and _over(m, rate, "first_order_rate", ""):
        return Indicator.WARNING, "first"
    return None


def _refused(m: Measured, order: Order, reason: Reason) -> Odd:
    """A rate that cannot be true, as it was written; no rate is computed from a vial's strength."""
    amount = order.dosage.rate
    if reason.why == VIAL_STRENGTH and strength_of(amount):
        return Odd(Indicator.CRITICAL, "strength", 0.0, order, reason)
    # From a vial's strength any rate would be an invention.
    rate = _stated(m, amount) if reason.why != VIAL_STRENGTH else 0.0
    return Odd(Indicator.CRITICAL, _summary(m, rate) if rate else "untold", rate, order, reason)


def _stated(m: Measured, amount: Amount | None) -> float:
    if amount is None or amount.unit not in ("[IU]/h", "[IU]/kg/h"):
        return 0.0
    return amount.value * (1.0 if amount.unit == "[IU]/h" else m.weight.kg or 0.0)


def _summary(m: Measured, rate: float) -> str:
    return "times" if ratio_of(m, rate) else "drafted"


def ratio_of(m: Measured, rate: float) -> float:
    """How many times the running rate a rate is; 0 where none runs or it is not known."""
    running = m.infusion.rate if m.infusion.running.yes else None
    return rate / running if running else 0.0


def _over(m: Measured, rate: float, by_weight: str, units: str) -> bool:
    """Whether a rate is above a line by weight, or in U/h where the weight is not known."""
    if m.weight.kg:
        return rate / m.weight.kg > m.case.protocol[f"heparin.{by_weight}"]
    return bool(units) and rate > m.case.protocol[f"heparin.{units}"]


def strength_of(rate: Amount | None) -> float:
    """U/mL by which a volume was turned into units; 0 where the rate was not written as a
    volume.
    """
    return getattr(rate, "per_ml", None) or 0.0


def is_doubted(m: Measured, draft: DraftedRate) -> bool:
    """Whether a critical card of its own names a draft's rate: nothing else builds on it then."""
    if m.case.protocol.topics.get(_CARD, "on") != "on":
        return False
    odd = _drafted(m, draft)
    return odd is not None and odd.indicator is Indicator.CRITICAL
