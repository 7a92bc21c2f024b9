"""The antithrombin dose: units for the target, what they will reach, and the limits they must keep.

The dose is the difference to the target times the weight, divided by the recovery (% per IU/kg) of
the product's label. Clinical logic 3, 7 and 8.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from cds_service.assessment.measure.antithrombin import Antithrombin
from cds_service.assessment.measure.antithrombin_product import (
    highest_per_kg,
    recovery_of,
    site_recovery,
)
from cds_service.assessment.measure.antithrombin_recovery import measured_recovery
from cds_service.assessment.measure.weight import Weight
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.verdict import (
    Reason,
)
from cds_service.chart.facts import Order


@dataclass(frozen=True, slots=True)
class Dose:
    """An antithrombin dose in IU, and the level in % that the label says it will reach."""

    units: int
    predicted: float  # %
    recovery: float
    measured_recovery: bool
    remarks: tuple[str, ...]  # keys of the wording table
    label_units: int  # the same by the label's formula, for a protocol that differs


def predicted_level(
    case: Case, current: float, units: float, kg: float, recovery: float | None = None
) -> float:
    """The level in % that a dose in IU will reach, by its product's label recovery (% per IU/kg).

    Without `recovery` the hospital's own product is taken.
    """
    return current + units * (recovery or site_recovery(case)) / kg


def loading_units(case: Case, current: float, kg: float, recovery: float) -> float:
    """IU to reach the target: the difference in % times kg, divided by the recovery (% per IU/kg).

    70 kg, 50 to 100 %: 2,500 IU at 1.4. A protocol may multiply instead (`dose_form`), which gives
    1.96 times as much.
    """
    raw = (case.protocol["antithrombin_dose.target"] - current) * kg
    if case.protocol.chosen("dose_form") == "multiply":
        return raw * recovery
    return raw / recovery


def compute_dose(case: Case, level: Antithrombin, weight: Weight) -> Dose | None:
    """The dose for this level and weight; None where either is not known.

    A recovery measured in this patient replaces the label's. Whether the dose may be offered is
    `forbidden`.
    """
    if level.level is None or weight.kg is None:
        return None
    # A factor to multiply by is no recovery: a measured one would turn it upside down.
    multiplies = case.protocol.chosen("dose_form") == "multiply"
    measured = None if multiplies else measured_recovery(case, weight.kg)
    # Used where no dose of this patient has shown a recovery of its own.
    label = case.protocol["antithrombin_dose.recovery"]
    recovery = measured if measured is not None else label
    units = int(loading_units(case, level.level, weight.kg, recovery) + _ROUND_HALF)
    label_form = (case.protocol["antithrombin_dose.target"] - level.level) * weight.kg
    by_label = int(label_form / site_recovery(case) + _ROUND_HALF)
    predicted = predicted_level(case, level.level, units, weight.kg)
    remarks = _remarks(case, units)
    return Dose(units, predicted, recovery, measured is not None, remarks, by_label)


_ROUND_HALF = 0.5  # to whole IU


def forbidden(case: Case, dose: Dose, weight: Weight) -> Reason | None:
    """The limit that a dose would break; None where it keeps all. A dose that breaks one is not
    offered.
    """
    # A hospital may lower the limit of a predicted level, never lift it above the fixed one.
    highest = min(
        case.protocol["antithrombin_dose.highest_predicted"],
        case.protocol["antithrombin_dose.highest_predicted_ever"],
    )
    if dose.units < case.protocol["antithrombin_dose.smallest"]:
        return Reason("antithrombinDose", "tooSmall")
    if dose.predicted > highest:
        return Reason("antithrombinDose", "predictedTooHigh", f"{dose.predicted:.0f} %")
    if weight.kg and dose.units / weight.kg > highest_per_kg(case, site_recovery(case)):
        return Reason("antithrombinDose", "perKgTooHigh")
    return None


def label_dose(case: Case, level: Antithrombin, dose: Dose, weight: Weight) -> int | None:
    """The label's dose in IU, to be shown beside a protocol's own; None where it breaks a limit
    itself.
    """
    if level.level is None or weight.kg is None:
        return None
    reached = predicted_level(case, level.level, dose.label_units, weight.kg)
    by_label = replace(dose, units=dose.label_units, predicted=reached)
    return None if forbidden(case, by_label, weight) else dose.label_units


def _remarks(case: Case, units: int) -> tuple[str, ...]:
    remarks = []
    if units > case.protocol["antithrombin_dose.pharmacist_above"]:
        remarks.append("pharmacist")
    low = case.protocol["antithrombin_dose.band_low"]
    high = case.protocol["antithrombin_dose.band_high"]
    if not low <= units <= high:
        remarks.append("outsideBand")
    return tuple(remarks)


def drafted_units(order: Order, kg: float | None) -> float | None:
    """IU of a drafted antithrombin order, with the weight in kg; None when it cannot be read."""
    dose = order.dosage.dose
    if dose is None or order.dosage.problem is not None:
        return None
    if dose.unit == "[IU]/kg":
        return dose.value * kg if kg else None
    return dose.value if dose.unit == "[IU]" else None


@dataclass(frozen=True, slots=True)
class Reach:
    """What the antithrombin drafts of one signing come to together; None where it cannot be worked
    out.
    """

    units: float | None = None  # IU
    per_kg: float | None = None  # IU/kg
    predicted: float | None = None  # %


def reach(case: Case, drafts: Iterable[Order], level: float | None, kg: float | None) -> Reach:
    """The sum of several antithrombin drafts; one that cannot be read adds nothing.

    `level` is the present activity in %. Each draft raises it by its own product's recovery.
    """
    read = [(o, units) for o in drafts if (units := drafted_units(o, kg)) is not None]
    if not read:
        return Reach(per_kg=_per_kg(drafts))
    total = sum(units for _, units in read)
    if not kg:
        return Reach(total)
    if level is None:
        return Reach(total, total / kg)
    for order, units in read:
        level = predicted_level(case, level, units, kg, recovery_of(case, order))
    return Reach(total, total / kg, level)


def _per_kg(drafts: Iterable[Order]) -> float | None:
    """IU/kg of drafts ordered per kg, for a patient whose weight is not known."""
    doses = [order.dosage.dose for order in drafts]
    by_weight = [dose.value for dose in doses if dose and dose.unit == "[IU]/kg"]
    return sum(by_weight) if by_weight else None


def is_multiplied_form(case: Case, units: float, current: float, kg: float) -> bool:
    """Whether a drafted dose in IU is the one that multiplying by 1.4 gives, within rounding.

    That formula circulates, and is a mistake for dividing by it.
    """
    target = case.protocol["antithrombin_dose.target"]
    figure = (target - current) * kg * case.protocol["antithrombin_dose.label_recovery"]
    return abs(units - figure) * 100 <= case.protocol["antithrombin_dose.error_tolerance"] * figure
