"""Antithrombin: the level, its tier, and the dose that divides by the recovery.

Activity only; antigen is shown and never used. Clinical logic 2, 3 and 7.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from cds_service.assessment.answers import (
    Evidence,
    Reason,
    Verdict,
    unknown,
    yes,
)
from cds_service.assessment.attribution import exposed
from cds_service.assessment.case import Case, absent, evidence, unread
from cds_service.assessment.measures import Weight
from cds_service.chart.facts import Administration, Amount, Order, Result

ACTIVITY = "antithrombin"


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
    results = case.results(ACTIVITY)
    if not results:
        verdict = absent(case, ACTIVITY, "coagulation")
        return Antithrombin(verdict, verdict, antigen=antigen, last_dose=last)
    newest = results[0]
    why = _no_level(case, newest, last)
    if why is not None or newest.value is None:
        verdict = unknown(why or unread(ACTIVITY, newest))
        return Antithrombin(verdict, verdict, antigen=antigen, last_dose=last)
    found = evidence(newest, "%")
    dosable = _within(case, newest, "antithrombin.current", found)
    tier = tier_of(case, newest.value, newest.comparator)
    return Antithrombin(yes(found), dosable, newest.value, found, tier, antigen, last)


def _no_level(case: Case, result: Result, last: Administration | None) -> Reason | None:
    if result.value is None:
        return unread(ACTIVITY, result)
    if result.at is None or result.at < case.ago("antithrombin.tier_current"):
        return Reason(ACTIVITY, "stale")
    if last is not None and last.start is not None and result.at <= last.start:
        return Reason(ACTIVITY, "beforeDose")
    if exposed(case, ("dti",), result.at, case.protocol.span("antithrombin.after_dti")):
        return Reason(ACTIVITY, "afterDti")
    if exposed(case, ("oralXa",), result.at, case.protocol.span("antithrombin.after_oral_xa")):
        return Reason(ACTIVITY, "afterOralXa")
    if tier_of(case, result.value, result.comparator) == "":
        return Reason(ACTIVITY, "comparator", result.written)
    return None


def _within(case: Case, result: Result, span: str, found: Evidence) -> Verdict:
    if result.comparator:
        return unknown(Reason(ACTIVITY, "comparator", result.written))
    if result.at is None or result.at < case.ago(span):
        return unknown(Reason(ACTIVITY, "stale"))
    if not case.answered("administrations", "orders"):
        return unknown(Reason(ACTIVITY, "medicinesUnknown"))
    return yes(found)


def _antigen(case: Case) -> Evidence | None:
    for concept, unit in (("antithrombin_antigen", "%"), ("antithrombin_mass", "mg/dL")):
        results = case.results(concept)
        if results and results[0].value is not None:
            return evidence(results[0], unit, "antigen")
    return None


def tier_of(case: Case, level: float, comparator: str = "") -> str:
    """normal >= 80, low-normal 70 to < 80, low 50 to < 70, severe < 50 (review R31).

    With a comparator only the outer tiers can be told; "" when neither can.
    """
    severe, low = case.protocol["antithrombin.severe"], case.protocol["antithrombin.low"]
    normal = case.protocol["antithrombin.normal"]
    if comparator == "<":
        return "severe" if level <= severe else ""
    if comparator == ">":
        return "normal" if level >= normal else ""
    for line, name in ((severe, "severe"), (low, "low"), (normal, "lowNormal")):
        if level < line:
            return name
    return "normal"


def predicted_level(case: Case, current: float, units: float, kg: float) -> float:
    """Level that a dose will reach, always by the label's recovery."""
    return current + units * case.protocol["antithrombin_dose.label_recovery"] / kg


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
    by_label = int(label_form / case.protocol["antithrombin_dose.label_recovery"] + ROUND_HALF)
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
    if weight.kg and dose.units / weight.kg > case.protocol["antithrombin_dose.highest_per_kg"]:
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


def measured_recovery(case: Case, kg: float) -> float | None:
    """(post - pre) x kg / dose after the last dose, kept within the published range."""
    last = next(iter(case.given("antithrombin")), None)
    if last is None or last.start is None or last.dosage.dose is None:
        return None
    dose = _units(last.dosage.dose, kg)
    pre = [r for r in _plain(case) if r.at and r.at <= last.start]
    ends = last.end or last.start
    first = ends + case.protocol.span("antithrombin_dose.post_level_from")
    final = ends + case.protocol.span("antithrombin_dose.post_level_to")
    post = [r for r in _plain(case) if r.at and first <= r.at <= final]
    if not dose or not pre or not post:
        return None
    rise = (post[-1].value or 0) - (pre[0].value or 0)
    lowest = case.protocol["antithrombin_dose.recovery_lowest"]
    return min(max(rise * kg / dose, lowest), case.protocol["antithrombin_dose.recovery_highest"])


def _plain(case: Case) -> list[Result]:
    return [r for r in case.results(ACTIVITY) if r.value is not None and not r.comparator]


def _units(dose: Amount, kg: float) -> float:
    if dose.unit == "[IU]":
        return dose.value
    return dose.value * kg if dose.unit == "[IU]/kg" else 0.0


def drafted_units(order: Order, kg: float | None) -> float | None:
    """IU of a drafted antithrombin order, or None when it cannot be read."""
    dose = order.dosage.dose
    if dose is None or order.dosage.problem is not None:
        return None
    if dose.unit == "[IU]/kg":
        return dose.value * kg if kg else None
    return dose.value if dose.unit == "[IU]" else None


def is_multiplied_form(case: Case, units: float, current: float, kg: float) -> bool:
    """Whether a drafted dose is the multiply-by-1.4 figure in circulation, within rounding."""
    target = case.protocol["antithrombin_dose.target"]
    figure = (target - current) * kg * case.protocol["antithrombin_dose.label_recovery"]
    return abs(units - figure) * 100 <= case.protocol["antithrombin_dose.error_tolerance"] * figure
