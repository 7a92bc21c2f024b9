"""Kidney and liver: whether they are impaired, and the clearance. Clinical logic 2 and 6."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.assessment.measure.bands import dialysed_at, held_over, held_under, value_before
from cds_service.assessment.measure.current_result import newest_result
from cds_service.assessment.measure.history import has_condition, procedures_unread, supports
from cds_service.assessment.measure.patient_facts import age_in_years
from cds_service.assessment.measure.weight import Weight
from cds_service.assessment.model.case import Case, evidence
from cds_service.assessment.model.verdict import (
    NO,
    YES,
    Evidence,
    Reason,
    Truth,
    Verdict,
    any_of,
    compared,
    unknown,
    yes,
)
from cds_service.chart.facts import Result


@dataclass(frozen=True, slots=True)
class Organs:
    """Kidney and liver: impaired yes, no or unknown, and what sets the bivalirudin rate."""

    renal: Verdict
    hepatic: Verdict
    crcl: float | None = None  # mL/min, Cockcroft-Gault or eGFR
    modality: str = ""  # "crrt", "hemodialysis" or ""
    at_most: bool = False  # the clearance is known only to lie below `crcl`


def read_organs(case: Case, weight: Weight) -> Organs:
    """Renal and hepatic impairment; on renal replacement the modality decides, not the
    clearance.
    """
    modality = _modality(case)
    crcl = creatinine_clearance(case, weight)
    fact = crcl.facts[0] if crcl.yes else None
    before = _clearance_before(case, weight, fact)
    severe = case.protocol["switch.bivalirudin_severe_line"]
    held = fact is not None and held_under(case, fact.value, before, severe)
    return Organs(
        renal=_renal(case, crcl, modality, before),
        hepatic=_hepatic(case),
        crcl=fact.value if fact else None,
        modality=modality,
        at_most=held or (fact is not None and fact.comparator in ("<", "<=")),
    )


def _clearance_before(case: Case, weight: Weight, fact: Evidence | None) -> float | None:
    """The clearance by the creatinine before the newest one, with no dialysis between."""
    newest_result, _ = case.newest("creatinine")
    if fact is None or fact.how != "cockcroftGault" or newest_result is None:
        return None
    older = value_before(case, newest_result, dialysed_at(case))
    found = None if older is None else _cockcroft_gault(case, weight, older.result)
    return None if found is None else found.value


def clears_slowly(case: Case, organs: Organs) -> bool:
    """Whether the kidneys clear other drugs slowly: under `attribution.renal_line`, or unknown."""
    line = case.protocol["attribution.renal_line"]
    return organs.crcl is None or organs.at_most or organs.crcl < line


def _modality(case: Case) -> str:
    if supports(case, "crrt"):
        return "crrt"
    dialysed = supports(case, "hemodialysis") or has_condition(case, "dialysis_dependence")
    return "hemodialysis" if dialysed else ""


def _renal(case: Case, crcl: Verdict, modality: str, before: float | None) -> Verdict:
    if modality:  # On dialysis creatinine is what the machine leaves, not what the kidneys clear.
        return YES
    if unread := procedures_unread(case):  # on dialysis a clearance tells nothing
        return unknown(*unread)
    if not crcl.yes:
        return crcl
    fact = crcl.facts[0]
    line = case.protocol["organs.renal_line"]
    below = compared(fact.value, fact.comparator, line, under=True)
    if below is Truth.UNKNOWN:
        return unknown(Reason("crcl", "comparator"))
    held = held_under(case, fact.value, before, line)
    return Verdict(Truth.YES if held else below, crcl.facts)


def creatinine_clearance(case: Case, weight: Weight) -> Verdict:
    """Yes, with the clearance in mL/min as its fact; unknown, with the reason, where there is none.

    By Cockcroft-Gault; by the reported eGFR where weight, age or sex is not known.
    """
    level = newest_result(case, "creatinine", "body", "organs.creatinine_current", "mg/dL")
    if level.current.yes and level.result is not None:
        risen = _risen(case, level.result)
        if risen is not None:
            return yes(risen)
        formula = _cockcroft_gault(case, weight, level.result)
        if formula is not None:
            return yes(formula)
    elif level.refused:
        return level.current
    return _egfr(case, level.current)


def _risen(case: Case, newest_result: Result) -> Evidence | None:
    """A clearance under the lower line, where creatinine rose by half within two days.

    It is rising still, so that the formula overstates the clearance.
    """
    since = case.ago("organs.creatinine_rise_window")
    values = [r.value for r in case.results("creatinine", since) if r.value]
    if newest_result.value is None or not values:
        return None
    rise = (newest_result.value - min(values)) * 100 / min(values)
    if round(rise, _ROUNDING) < case.protocol["organs.creatinine_rise"]:
        return None
    # The formula assumes a steady creatinine; a rising one shows the clearance of yesterday.
    below = case.protocol["switch.bivalirudin_severe_line"]
    at = newest_result.at
    return Evidence("crcl", below, "mL/min", at, newest_result.source, "rising", "<")


def _cockcroft_gault(case: Case, weight: Weight, creatinine: Result) -> Evidence | None:
    """(140 - age) x kg / (72 x creatinine in mg/dL), x 0.85 for women; Nephron 1976;16:31."""
    age, sex = age_in_years(case), case.chart.person.sex
    if age is None or weight.kg is None or sex not in _SEX_FACTOR or not creatinine.value:
        return None
    clearance = (140 - age) * weight.kg / (72 * creatinine.value) * _SEX_FACTOR[sex]
    at, comparator = creatinine.at, _OTHER_WAY[creatinine.comparator]
    how = "cockcroftGault"
    return Evidence("crcl", clearance, "mL/min", at, creatinine.source, how, comparator)


_ROUNDING = 6  # decimals; 0.8 to 1.2 mg/dL is half again, whatever binary fractions say


_OTHER_WAY = {
    "": "",
    "<": ">",  # A creatinine below its limit clears above it, and the other way round.
    "<=": ">=",
    ">": "<",
    ">=": "<=",
}  # a creatinine below its limit clears above it


_SEX_FACTOR = {"male": 1.0, "female": 0.85}


def _egfr(case: Case, otherwise: Verdict) -> Verdict:
    level = newest_result(case, "egfr", "body", "organs.creatinine_current", "mL/min/1.73m2")
    if level.current.yes and level.evidence is not None:
        return yes(
            Evidence(
                "crcl",
                level.evidence.value,
                level.evidence.unit,
                level.evidence.at,
                level.evidence.source,
                "egfr",
                level.evidence.comparator,
            )
        )
    if otherwise.reasons:
        return otherwise
    return unknown(Reason("crcl", "noFormula"))


def _hepatic(case: Case) -> Verdict:
    """Liver disease on the problem list, or a bilirubin over `organs.bilirubin_line` in mg/dL."""
    level = newest_result(case, "bilirubin", "body", "organs.bilirubin_current", "mg/dL")
    line = case.protocol["organs.bilirubin_line"]
    if level.current.yes and level.result is not None and held_over(case, level.result, line):
        return any_of(_liver_disease(case), yes(evidence(level.result, "mg/dL")))
    return any_of(_liver_disease(case), level.above(line))


def _liver_disease(case: Case) -> Verdict:
    if has_condition(case, "cirrhosis", "hepatic_failure"):
        return YES
    if not case.is_complete("conditions"):
        return unknown(Reason("conditions", case.state("conditions").value))
    return NO
