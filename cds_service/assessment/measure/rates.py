"""Heparin rates and doses as charted or ordered: which are treatment, and how many units."""

from __future__ import annotations

from cds_service.assessment.model.case import Case
from cds_service.assessment.model.verdict import Reason
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

IMPLAUSIBLE = Problem.IMPLAUSIBLE.value
VIAL_STRENGTH = "vialStrength"


def rate_in_units_per_hour(
    case: Case, dosage: Dosage, weight: float | None
) -> tuple[float | None, Reason | None]:
    """A heparin rate in U/h that can be true, or the reason why there is none; weight in kg."""
    rate, reason = stated_rate(case, dosage, weight)
    if is_implausible(case, rate, charted_rate(dosage), weight):
        return None, Reason("heparinDose", IMPLAUSIBLE, dosage.written)
    return rate, reason


def stated_rate(
    case: Case, dosage: Dosage, weight: float | None
) -> tuple[float | None, Reason | None]:
    """The same, plausible or not: a bolus from the pump has a rate of its own."""
    if dosage.problem is not None:
        return None, Reason("heparinDose", dosage.problem.value, dosage.written)
    rate = dosage.rate
    if rate is None:
        return None, Reason("heparinDose", "noRate", dosage.written)
    if rate.value == 0 and rate.unit in ("[IU]/h", "[IU]/kg/h"):
        return 0.0, None
    if rate.per_ml is not None and rate.per_ml > case.protocol["heparin.bag_strength"]:
        return None, Reason("heparinDose", VIAL_STRENGTH, dosage.written)
    if rate.unit == "[IU]/h":
        return rate.value, None
    if rate.unit != "[IU]/kg/h":
        return None, Reason("heparinDose", Problem.UNIT.value, dosage.written)
    if weight is None:
        return None, Reason("heparinDose", "noWeight", dosage.written)
    return rate.value * weight, None


def charted_rate(dosage: Dosage) -> tuple[str, float] | None:
    """A rate as it was charted: by it two rates that cannot be worked out are compared."""
    if dosage.rate is not None and dosage.problem is None:
        return dosage.rate.unit, dosage.rate.value
    return (dosage.written, 1.0) if dosage.written and dosage.problem is not None else None


def is_implausible(
    case: Case, rate: float | None, charted: tuple[str, float] | None, weight: float | None
) -> bool:
    """Whether nobody runs heparin so fast: by weight, or in units where it is not known."""
    by_weight = case.protocol["heparin.highest_rate"]
    if charted is not None and charted[0] == "[IU]/kg/h":
        return charted[1] > by_weight
    if rate is None:
        return False
    return rate > (by_weight * weight if weight else case.protocol["heparin.highest_units"])


def is_infusion(order: Order) -> bool:
    """An intravenous treatment infusion of unfractionated heparin, by an order or a draft."""
    plain_iv = order.route is Route.INTRAVENOUS and order.form is Form.UNKNOWN
    return (
        order.drug.family == "heparin"
        and order.use is Use.THERAPY
        and order.route not in (Route.SUBCUTANEOUS, Route.ORAL)
        and (order.form is Form.INFUSION or (plain_iv and order.dosage.dose is None))
    )


def opens_as_infusion(order: Order, bag_content: float) -> bool:
    """Whether a draft opens what an infusion opens: one, or one that may become one.

    That is a heparin draft without a rate, and without a dose that can be read, unless it is known
    to be a flush, to go into a circuit, or to go under the skin. From `bag_content` units on, a
    dose is what the bag holds.
    """
    dose = order.dosage.dose
    is_bag = dose is not None and dose.unit == "[IU]" and dose.value >= bag_content
    return is_infusion(order) or (
        order.drafted
        and order.drug.family == "heparin"
        and order.use is Use.THERAPY
        and order.route not in (Route.SUBCUTANEOUS, Route.ORAL)
        and (dose is None or is_bag)
        and order.dosage.rate is None
    )


def is_therapy_rate(case: Case, rate: Amount | None) -> bool:
    """Line patency runs at a few units an hour, without a rate by weight."""
    if rate is None or rate.unit != "[IU]/h" or rate.value == 0:
        return True
    return rate.value >= case.protocol["heparin.therapy_rate"]


def is_treatment_row(row: Administration) -> bool:
    """Given into a vein, or not said how, and for treatment."""
    return row.use is Use.THERAPY and row.route not in (Route.SUBCUTANEOUS, Route.ORAL)


def is_content(case: Case, row: Administration) -> bool:
    """The content of a bag, by its size alone: no bolus, no rate, and no word that it runs."""
    dose = row.dosage.dose
    return (
        dose is not None
        and dose.unit == "[IU]"
        and dose.value >= case.protocol["heparin.bag_content"]
        and (row.end is None or row.end == row.start)
        and row.dosage.rate is None
        and not row.bag
    )


def dose_units(dose: Amount | None, weight: float | None) -> float:
    """Units of a dose; 0 where it cannot be worked out."""
    if dose is None:
        return 0.0
    if dose.unit == "[IU]":
        return dose.value
    return dose.value * weight if dose.unit == "[IU]/kg" and weight else 0.0
