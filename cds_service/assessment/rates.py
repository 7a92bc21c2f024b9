"""Heparin rates and doses as charted or ordered: which are treatment, and how many units."""

from __future__ import annotations

from datetime import datetime

from cds_service.assessment.answers import Reason
from cds_service.assessment.case import Case
from cds_service.chart.facts import (
    Administration,
    Amount,
    Dosage,
    Form,
    Order,
    Problem,
    Route,
    Use,
)


def rate_in_units_per_hour(
    dosage: Dosage, weight: float | None
) -> tuple[float | None, Reason | None]:
    """A heparin rate in U/h, or the reason why not; weight in kg."""
    if dosage.problem is not None:
        return None, Reason("heparinDose", dosage.problem.value, dosage.written)
    rate = dosage.rate
    if rate is None:
        return None, Reason("heparinDose", "noRate", dosage.written)
    if rate.unit == "[IU]/h":
        return rate.value, None
    if rate.unit != "[IU]/kg/h":
        return None, Reason("heparinDose", Problem.UNIT.value, dosage.written)
    if rate.value == 0:
        return 0.0, None
    if weight is None:
        return None, Reason("heparinDose", "noWeight", dosage.written)
    return rate.value * weight, None


def is_infusion(order: Order) -> bool:
    """An intravenous treatment infusion of unfractionated heparin, by an order or a draft."""
    plain_iv = order.route is Route.INTRAVENOUS and order.form is Form.UNKNOWN
    return (
        order.drug.family == "heparin"
        and order.use is Use.THERAPY
        and order.route not in (Route.SUBCUTANEOUS, Route.ORAL)
        and (order.form is Form.INFUSION or (plain_iv and order.dosage.dose is None))
    )


def is_therapy_rate(case: Case, rate: Amount | None) -> bool:
    """Line patency runs at a few units an hour, without a rate by weight."""
    if rate is None or rate.unit != "[IU]/h" or rate.value == 0:
        return True
    return rate.value >= case.protocol["heparin.therapy_rate"]


def bolus_units(case: Case, weight: float | None) -> float:
    """Units given as intravenous boluses in the dose window."""
    since = case.ago("heparin.dose_window")
    return sum(units for at, units in boluses(case, weight) if at >= since)


def boluses(case: Case, weight: float | None) -> tuple[tuple[datetime, float], ...]:
    """Every intravenous bolus on record with its units, newest first."""
    rows = [(a.start, a) for a in case.given("heparin") if a.start and _is_bolus(a)]
    return tuple((at, _dose_units(a.dosage.dose, weight)) for at, a in rows)


def _is_bolus(row: Administration) -> bool:
    return (
        row.use is Use.THERAPY
        and row.form is Form.SINGLE
        and row.route not in (Route.SUBCUTANEOUS, Route.ORAL)
    )


def _dose_units(dose: Amount | None, weight: float | None) -> float:
    if dose is None:
        return 0.0
    if dose.unit == "[IU]":
        return dose.value
    return dose.value * weight if dose.unit == "[IU]/kg" and weight else 0.0
