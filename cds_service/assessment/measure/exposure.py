"""Exposure to any heparin: when it first began, and what stands or runs now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cds_service.assessment.measure.doses_given import spans
from cds_service.assessment.measure.infusion import Infusion
from cds_service.assessment.model.case import ANY_HEPARIN, DAY, Case
from cds_service.chart.facts import Amount, Order, Route, Use


def first_exposure(case: Case) -> datetime | None:
    """The earliest heparin or LMWH on record, including flushes: the clock of HIT starts with
    it.
    """
    given = [a.start for a in case.given(*ANY_HEPARIN)]
    ordered = [
        o.authored
        for o in case.chart.orders
        if o.drug.family in ANY_HEPARIN and case.known_by_now(o.authored)
    ]
    return min((t for t in (*given, *ordered) if t is not None), default=None)


def course(case: Case) -> tuple[datetime | None, datetime | None]:
    """Start of the present exposure, and the end of the last one on record before it.

    A new exposure begins where nothing is on record for `hit.onset_first_day` days.
    """
    spans = sorted(_exposed(case))
    apart = case.protocol.span("hit.onset_first_day")
    start: datetime | None = None
    ended: datetime | None = None
    earlier: datetime | None = None
    for since, until in spans:
        if start is None or (ended is not None and since - ended > apart):
            start, earlier = since, ended
        ended = until if ended is None else max(ended, until)
    return start, earlier


def _exposed(case: Case) -> Iterator[tuple[datetime, datetime]]:
    """Every exposure on record; a standing order lasts until now, another is a moment."""
    for _, start, until in spans(case, *ANY_HEPARIN):
        yield start, until
    for order in case.chart.orders:
        at = order.authored
        if order.drug.family in ANY_HEPARIN and at is not None and case.known_by_now(at):
            # A standing order lasts until now; of an ended one only its beginning is known.
            yield at, case.now if order.active else at


def active_heparins(case: Case) -> tuple[Order, ...]:
    """Every standing order of heparin or LMWH, flushes and locks too."""
    return case.active_orders(*ANY_HEPARIN)


def any_heparin_active(case: Case, infusion: Infusion) -> bool:
    """Whether any heparin or LMWH is ordered, running, or was given in the last day."""
    recent = any(a.start and case.now - a.start <= DAY for a in case.given(*ANY_HEPARIN))
    return bool(active_heparins(case)) or recent or infusion.running.yes


def is_treatment(case: Case, order: Order) -> bool:
    """Whether an anticoagulant is ordered in a treatment dose; an unknown dose counts as one."""
    if order.use is Use.NO_THERAPY:  # A flush or a lock is no treatment, whatever its dose.
        return False
    rule = _PROPHYLAXIS.get(order.drug.key)
    return rule is None or not rule(case, order)


def _daily(order: Order) -> float | None:
    dose, times = order.dosage.dose, order.dosage.doses_per_day
    if dose is None or times is None or order.dosage.problem is not None:
        return None
    return dose.value * times


def _dose(order: Order, unit: str) -> Amount | None:
    dose = order.dosage.dose
    return dose if dose is not None and dose.unit == unit and not order.dosage.problem else None


def _at_most_daily(case: Case, order: Order, key: str, unit: str) -> bool:
    daily = _daily(order)
    return _dose(order, unit) is not None and daily is not None and daily <= case.protocol[key]


def _heparin(case: Case, order: Order) -> bool:
    dose = _dose(order, "[IU]")
    # An infusion is treatment, but for the few U/h that keep a line open.
    if order.dosage.rate is not None:
        rate = order.dosage.rate
        return rate.unit == "[IU]/h" and rate.value < case.protocol["heparin.therapy_rate"]
    if order.route is not Route.SUBCUTANEOUS or dose is None:
        return False
    return dose.value <= case.protocol["heparin.prophylactic_dose"]


def _enoxaparin(case: Case, order: Order) -> bool:
    if _at_most_daily(case, order, "prophylaxis.enoxaparin_daily", "mg"):
        return True
    dose = _dose(order, "mg")
    twice = order.dosage.doses_per_day == _TWICE
    limit = case.protocol["prophylaxis.enoxaparin_twice"]
    return dose is not None and twice and dose.value <= limit


def _apixaban(case: Case, order: Order) -> bool:
    dose = _dose(order, "mg")
    fibrillation = any(
        c.concept == "atrial_fibrillation" and c.active is not False for c in case.chart.conditions
    )
    limit = case.protocol["prophylaxis.apixaban_dose"]
    return (
        dose is not None
        and order.dosage.doses_per_day == _TWICE
        and dose.value <= limit
        and not fibrillation
    )


_TWICE = 2.0  # "twice daily" in words, not a threshold

_PROPHYLAXIS = {
    "heparin": _heparin,
    "enoxaparin": _enoxaparin,
    "dalteparin": lambda c, o: _at_most_daily(c, o, "prophylaxis.dalteparin_daily", "[IU]"),
    "fondaparinux": lambda c, o: _at_most_daily(c, o, "prophylaxis.fondaparinux_daily", "mg"),
    "rivaroxaban": lambda c, o: _at_most_daily(c, o, "prophylaxis.rivaroxaban_daily", "mg"),
    "apixaban": _apixaban,
}
