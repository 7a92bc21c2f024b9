"""The antithrombin level: whether it is usable, and its tier. Clinical logic 2 and 3.

Only activity (%) counts; antigen is shown and never used.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cds_service.assessment.measure.antithrombin_recovery import ACTIVITY, DOSE
from cds_service.assessment.measure.attribution import exposed
from cds_service.assessment.measure.bands import held_tier
from cds_service.assessment.measure.doses_given import unplaced
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
from cds_service.chart.facts import Administration, Result
from cds_service.chart.fhir_datetime import recorded


@dataclass(frozen=True, slots=True)
class Antithrombin:
    """The antithrombin activity in %, as far as it can be used."""

    known: Verdict  # good for the tier (48 h)
    dosable: Verdict  # good for a dose or a switch order (24 h)
    level: float | None = None  # %
    evidence: Evidence | None = None
    tier: str = ""  # "normal", "lowNormal", "low", "severe", or "" when unknown
    antigen: Evidence | None = None  # shown only
    last_dose: Administration | None = None


def read_antithrombin(case: Case) -> Antithrombin:
    """The newest activity; unknown where it is old, unreadable, or disturbed by a dose or a
    drug.
    """
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
    """Why the newest activity is no level of the patient's own antithrombin; None where it is
    one.
    """
    if result.at is None:
        return unread(ACTIVITY, result)
    # Good for the tier for 48 h, for a dose only for 24 h: consumption goes on.
    fresh = at_or_after(result.at, case.ago("antithrombin.tier_current"), ACTIVITY)
    if not fresh.yes:
        return next(iter(fresh.reasons), Reason(ACTIVITY, "stale"))
    if result.value is None:
        return unread(ACTIVITY, result)
    dosed = _before_dose(case, result.at)
    if not dosed.no:
        return next(iter(dosed.reasons), Reason(ACTIVITY, "beforeDose"))
    # Inhibitors of thrombin or factor Xa make the activity assays read too high.
    if exposed(case, ("dti",), result.at, case.protocol.span("antithrombin.after_dti")):
        return Reason(ACTIVITY, "afterDti")
    if exposed(case, ("oralXa",), result.at, case.protocol.span("antithrombin.after_oral_xa")):
        return Reason(ACTIVITY, "afterOralXa")
    if tier_of(case, result.value, result.comparator) == "":
        return Reason(ACTIVITY, "comparator", result.written)
    return None


def _before_dose(case: Case, drawn: datetime) -> Verdict:
    """Whether a level was drawn before a dose; unknown beside a dose given at an unknown time."""
    unplaced_doses = [unknown(_when(case, row)) for row in unplaced(case, "antithrombin")]
    dated = [at_or_before(drawn, row.start, DOSE) for row in case.given("antithrombin")]
    return any_of(*dated, *unplaced_doses)


def _when(case: Case, row: Administration) -> Reason:
    if row.start is None:
        return Reason(DOSE, "undated", row.dosage.written)
    return Reason(DOSE, "ahead", recorded(row.start))


def _within(case: Case, result: Result, span: str, found: Evidence) -> Verdict:
    if result.comparator:  # "< 50" is enough for a tier; a dose needs the number.
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
    """The tier of an activity in %: normal >= 80, lowNormal 70 to < 80, low 50 to < 70, severe < 50
    (R31).

    With a comparator only the outer tiers can be known; "" where neither can.
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
