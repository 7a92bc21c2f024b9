"""Antithrombin: the level, its tier, and the dose that divides by the recovery.

Activity only; antigen is shown and never used. Clinical logic 2, 3 and 7.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from cds_service.assessment.measure.antithrombin_product import (
    highest_per_kg,
    recovery_of,
    site_recovery,
)
from cds_service.assessment.measure.antithrombin_recovery import ACTIVITY, DOSE, measured_recovery
from cds_service.assessment.measure.attribution import exposed
from cds_service.assessment.measure.bands import held_tier
from cds_service.assessment.measure.doses_given import unplaced
from cds_service.assessment.measure.patient_facts import Weight
from cds_service.assessment.model.case import Case, absent, evidence, unread
from cds_service.assessment.model.times import at_or_after, at_or_before
from cds_service.assessment.model.verdict import (
    Evidence,
    Reason,
    Truth,
    Verdict,
    any_of,
    compared,
    unknown,
    yes,
)
from cds_service.chart.facts import Administration, Order, Result
from cds_service.chart.fhir_datetime import recorded


@dataclass(frozen=True, slots=True)
class Antithrombin:
    """The activity as far as it can be used."""

    known: Verdict  # good for the tier (48 h)
    dosable: Verdict  # good for a dose or a switch order (24 h)
    level: float | None = None  # %
    evidence: Evidence | None = None
    tier: str = ""  # "normal", "lowNormal", "low", "severe", or "" when unknown
    antigen: Evidence | None = None  # shown only
    last_dose: Administration | None = None


@dataclass(frozen=True, slots=True)
class Dose:
    """An antithrombin dose in IU, and what the label says it will reach."""

    units: int
    predicted: float  # %
    recovery: float
    measured_recovery: bool
    remarks: tuple[str, ...]  # keys of the wording table
    label_units: int  # the same by the label's formula, for a protocol that differs


def read_antithrombin(case: Case) -> Antithrombin:
    """The newest activity, unless something makes it no level."""
    last = next(iter(case.given("antithrombin")), None)
    antigen = _antigen(case)
    newest, doubt = case.newest(ACTIVITY)
    if newest is None:
        verdict = absent(case, ACTIVITY, "coagulation") if doubt is None else unknown(doubt)
        return Antithrombin(verdict, verdict, antigen=antigen, last_dose=last)
    why = doubt or _no_level(case, newest)
    if why is not None or newest.value is None:
        verdict = unknown(why or unread(ACTIVITY, newest))
        return Antithrombin(verdict, verdict, antigen=antigen, last_dose=last)
    found = evidence(newest, "%")
    dosable = _within(case, newest, "antithrombin.current", found)
    tier = held_tier(case, newest, tier_of(case, newest.value, newest.comparator))
    return Antithrombin(yes(found), dosable, newest.value, found, tier, antigen, last)


def _no_level(case: Case, result: Result) -> Reason | None:
    if result.at is None:
        return unread(ACTIVITY, result)
    fresh = at_or_after(result.at, case.ago("antithrombin.tier_current"), ACTIVITY)
    if not fresh.yes:
        return next(iter(fresh.reasons), Reason(ACTIVITY, "stale"))
    if result.value is None:
        return unread(ACTIVITY, result)
    dosed = _before_dose(case, result.at)
    if not dosed.no:
        return next(iter(dosed.reasons), Reason(ACTIVITY, "beforeDose"))
    if exposed(case, ("dti",), result.at, case.protocol.span("antithrombin.after_dti")):
        return Reason(ACTIVITY, "afterDti")
    if exposed(case, ("oralXa",), result.at, case.protocol.span("antithrombin.after_oral_xa")):
        return Reason(ACTIVITY, "afterOralXa")
    if tier_of(case, result.value, result.comparator) == "":
        return Reason(ACTIVITY, "comparator", result.written)
    return None


def _before_dose(case: Case, drawn: datetime) -> Verdict:
    """Whether a level was drawn before a dose; where that was given no one knows when, unknown."""
    unplaced_doses = [unknown(_when(case, row)) for row in unplaced(case, "antithrombin")]
    dated = [at_or_before(drawn, row.start, DOSE) for row in case.given("antithrombin")]
    return any_of(*dated, *unplaced_doses)


def _when(case: Case, row: Administration) -> Reason:
    if row.start is None:
        return Reason(DOSE, "undated", row.dosage.written)
    return Reason(DOSE, "ahead", recorded(row.start))


def _within(case: Case, result: Result, span: str, found: Evidence) -> Verdict:
    if result.comparator:
        return unknown(Reason(ACTIVITY, "comparator", result.written))
    fresh = at_or_after(result.at, case.ago(span), ACTIVITY)
    if not fresh.yes:
        return unknown(*fresh.reasons or (Reason(ACTIVITY, "stale"),))
    if not case.is_complete("administrations", "orders"):
        return unknown(Reason(ACTIVITY, "medicinesUnknown"))
    return yes(found)


def _antigen(case: Case) -> Evidence | None:
    for concept, unit in (("antithrombin_antigen", "%"), ("antithrombin_mass", "mg/dL")):
        newest, doubt = case.newest(concept)
        if newest is not None and newest.value is not None and doubt is None:
            return evidence(newest, unit, "antigen")
    return None


def tier_of(case: Case, level: float, comparator: str = "") -> str:
    """normal >= 80, low-normal 70 to < 80, low 50 to < 70, severe < 50 (review R31).

    With a comparator only the outer tiers can be told; "" when neither can.
    """
    severe, low = case.protocol["antithrombin.severe"], case.protocol["antithrombin.low"]
    normal = case.protocol["antithrombin.normal"]
    if comparator:
        if compared(level, comparator, severe, under=True) is Truth.YES:
            return "severe"
        under_normal = compared(level, comparator, normal, under=True)
        return "normal" if under_normal is Truth.NO else ""
    for line, name in ((severe, "severe"), (low, "low"), (normal, "lowNormal")):
        if level < line:
            return name
    return "normal"


def predicted_level(
    case: Case, current: float, units: float, kg: float, recovery: float | None = None
) -> float:
    """Level that a dose will reach, by its product's label (unless given, the hospital's)."""
    return current + units * (recovery or site_recovery(case)) / kg


def loading_units(case: Case, current: float, kg: float, recovery: float) -> float:
    """IU for the target: the difference x weight, divided by the recovery (label).

    70 kg, 50 -> 100 %: 2,500 IU. A protocol may multiply instead; that is 1.96 times as much.
    """
    raw = (case.protocol["antithrombin_dose.target"] - current) * kg
    if case.protocol.chosen("dose_form") == "multiply":
        return raw * recovery
    return raw / recovery


def compute_dose(case: Case, level: Antithrombin, weight: Weight) -> Dose | None:
    """The dose, or None when the limits of section 7 forbid one."""
    if level.level is None or weight.kg is None:
        return None
    # A factor to multiply by is no recovery: a measured one would turn it upside down.
    multiplies = case.protocol.chosen("dose_form") == "multiply"
    measured = None if multiplies else measured_recovery(case, weight.kg)
    label = case.protocol["antithrombin_dose.recovery"]
    recovery = measured if measured is not None else label
    units = int(loading_units(case, level.level, weight.kg, recovery) + ROUND_HALF)
    label_form = (case.protocol["antithrombin_dose.target"] - level.level) * weight.kg
    by_label = int(label_form / site_recovery(case) + ROUND_HALF)
    predicted = predicted_level(case, level.level, units, weight.kg)
    remarks = _remarks(case, units)
    return Dose(units, predicted, recovery, measured is not None, remarks, by_label)


ROUND_HALF = 0.5  # to whole IU


def forbidden(case: Case, dose: Dose, weight: Weight) -> Reason | None:
    """The limit a dose would break, if any; such a dose is never offered."""
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
    """The label's dose to show beside a protocol's own, if it keeps every limit itself."""
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
    """IU of a drafted antithrombin order, or None when it cannot be read."""
    dose = order.dosage.dose
    if dose is None or order.dosage.problem is not None:
        return None
    if dose.unit == "[IU]/kg":
        return dose.value * kg if kg else None
    return dose.value if dose.unit == "[IU]" else None


@dataclass(frozen=True, slots=True)
class Reach:
    """What the drafts of one signing come to together, as far as it can be told."""

    units: float | None = None  # IU
    per_kg: float | None = None  # IU/kg
    predicted: float | None = None  # %


def reach(case: Case, drafts: Iterable[Order], level: float | None, kg: float | None) -> Reach:
    """The sum of several antithrombin drafts; one that cannot be read adds nothing."""
    drafts = tuple(drafts)
    amounts = [units for o in drafts if (units := drafted_units(o, kg)) is not None]
    if not amounts:
        doses = [o.dosage.dose for o in drafts]
        by_weight = [dose.value for dose in doses if dose and dose.unit == "[IU]/kg"]
        return Reach(per_kg=sum(by_weight) if by_weight else None)
    units = sum(amounts)
    if not kg:
        return Reach(units)
    predicted = level
    for order in drafts if level is not None else ():
        own = drafted_units(order, kg) or 0.0
        predicted = predicted_level(case, predicted or 0.0, own, kg, recovery_of(case, order))
    return Reach(units, units / kg, predicted)


def is_multiplied_form(case: Case, units: float, current: float, kg: float) -> bool:
    """Whether a drafted dose is the multiply-by-1.4 figure in circulation, within rounding."""
    target = case.protocol["antithrombin_dose.target"]
    figure = (target - current) * kg * case.protocol["antithrombin_dose.label_recovery"]
    return abs(units - figure) * 100 <= case.protocol["antithrombin_dose.error_tolerance"] * figure
