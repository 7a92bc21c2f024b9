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
_UNIT_RATES = ("[IU]/h", "[IU]/kg/h")


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
    """A heparin rate in U/h, plausible or not, or the reason why there is none; weight in kg.

    Rows inside an infusion are read by it: a bolus given by the pump has a rate of its own.
    """
    if dosage.problem is not None:
        return None, Reason("heparinDose", dosage.problem.value, dosage.written)
    why, rate = _why_no_units(case, dosage), dosage.rate
    if rate is None or why is not None:
        return None, why
    if rate.unit == "[IU]/h":
        return rate.value, None
    if rate.value == 0:  # zero per kg is zero, whatever the weight
        return 0.0, None
    if weight is None:
        return None, Reason("heparinDose", "noWeight", dosage.written)
    return rate.value * weight, None


def _why_no_units(case: Case, dosage: Dosage) -> Reason | None:
    """Why a dosage states no rate in units, whatever the weight; None where it states one."""
    why, rate = "", dosage.rate
    if rate is None:
        why = "noRate"
    elif rate.value == 0 and rate.unit in _UNIT_RATES:
        return None  # a stop is a stop at any concentration
    elif rate.per_ml is not None and rate.per_ml > case.protocol["heparin.bag_strength"]:
        # No infusion runs from an undiluted vial: mL/h were multiplied by the wrong strength.
        why = VIAL_STRENGTH
    elif rate.unit not in _UNIT_RATES:
        why = Problem.UNIT.value
    return Reason("heparinDose", why, dosage.written) if why else None


def charted_rate(dosage: Dosage) -> tuple[str, float] | None:
    """A rate as (unit, value) as it was charted; two rates not known in U/h are compared by it.

    A rate that only stands in text is compared by the text itself, as (text, 1).
    """
    if dosage.rate is not None and dosage.problem is None:
        return dosage.rate.unit, dosage.rate.value
    return (dosage.written, 1.0) if dosage.written and dosage.problem is not None else None


def is_implausible(
    case: Case, rate: float | None, charted: tuple[str, float] | None, weight: float | None
) -> bool:
    """Whether a rate lies above what anybody runs.

    Judged per kg (`heparin.highest_rate`) where it was charted per kg or the weight in kg is known,
    else in U/h (`heparin.highest_units`).
    """
    by_weight = case.protocol["heparin.highest_rate"]
    # Judged as it was charted: a wrong weight must not make a plausible rate look implausible.
    if charted is not None and charted[0] == "[IU]/kg/h":
        return charted[1] > by_weight
    if rate is None:
        return False
    return rate > (by_weight * weight if weight else case.protocol["heparin.highest_units"])


def is_infusion(order: Order) -> bool:
    """Whether an order or draft is an intravenous treatment infusion of unfractionated heparin."""
    # "Intravenous", with no dose and no word on the form, is how many systems order an infusion.
    plain_iv = order.route is Route.INTRAVENOUS and order.form is Form.UNKNOWN
    return _is_heparin_treatment(order) and (
        order.form is Form.INFUSION or (plain_iv and order.dosage.dose is None)
    )


def _is_heparin_treatment(order: Order) -> bool:
    return (
        order.drug.family == "heparin"
        and order.use is Use.THERAPY
        and order.route not in (Route.SUBCUTANEOUS, Route.ORAL)
    )


def opens_as_infusion(order: Order, bag_content: float) -> bool:
    """Whether a draft is a heparin infusion, or may become one.

    It may become one if it states neither a rate nor a readable dose, and is not known to be a
    flush, to go into a circuit, or to go under the skin. A dose of at least `bag_content` units
    (`heparin.bag_content`) is what the bag holds, not what is given.
    """
    if is_infusion(order):
        return True
    dose, rate = order.dosage.dose, order.dosage.rate
    is_open = rate is None and (dose is None or _is_bag(dose, bag_content))
    return order.drafted and _is_heparin_treatment(order) and is_open


def _is_bag(dose: Amount, bag_content: float) -> bool:
    return dose.unit == "[IU]" and dose.value >= bag_content


def is_therapy_rate(case: Case, rate: Amount | None) -> bool:
    """Whether a rate is high enough to be treatment (`heparin.therapy_rate`, U/h).

    Heparin that keeps a line open runs at a few U/h; what is ordered per kg, stopped or without a
    rate counts as treatment.
    """
    # Nobody orders line patency per kg; a rate of zero belongs to whatever infusion it stops.
    if rate is None or rate.unit != "[IU]/h" or rate.value == 0:
        return True
    return rate.value >= case.protocol["heparin.therapy_rate"]


def is_treatment_row(row: Administration) -> bool:
    """Whether an administration is for treatment and intravenous, or of unknown route."""
    return row.use is Use.THERAPY and row.route not in (Route.SUBCUTANEOUS, Route.ORAL)


def is_content(case: Case, row: Administration) -> bool:
    """Whether a row charts what a bag holds: a dose that large, with no rate and no duration.

    A row that says that the bag was hung (`bag`) is not one: it says that the infusion runs.
    """
    dose = row.dosage.dose
    if dose is None or row.dosage.rate is not None or row.bag:
        return False
    lasts = row.end is not None and row.end != row.start
    return _is_bag(dose, case.protocol["heparin.bag_content"]) and not lasts


def dose_units(dose: Amount | None, weight: float | None) -> float:
    """Units of a dose, in "[IU]" or "[IU]/kg" with the weight in kg; 0 where it cannot be worked
    out.
    """
    if dose is None:
        return 0.0
    if dose.unit == "[IU]":
        return dose.value
    return dose.value * weight if dose.unit == "[IU]/kg" and weight else 0.0
