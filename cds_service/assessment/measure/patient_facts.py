"""The other facts a rule needs: age, weight, kidney, liver, acute phase. Clinical logic 2."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cds_service.assessment.measure.bands import dialysed_at, held_over, held_under, value_before
from cds_service.assessment.measure.current_result import newest_result
from cds_service.assessment.measure.history import has_condition, procedures_unread, supports
from cds_service.assessment.model.case import Case, evidence, unread
from cds_service.assessment.model.times import at_or_after
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
class Weight:
    """Body weight in kg, or why it is not known."""

    known: Verdict
    kg: float | None = None
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Organs:
    """Kidney and liver: impaired yes, no or unknown, and what sets the bivalirudin rate."""

    renal: Verdict
    hepatic: Verdict
    crcl: float | None = None  # mL/min, Cockcroft-Gault or eGFR
    modality: str = ""  # "crrt", "hemodialysis" or ""
    at_most: bool = False  # the clearance is known only to lie below `crcl`


def age_in_years(case: Case) -> int | None:
    """Completed years, or None without a birth date."""
    born = case.chart.person.birth_date
    if born is None:
        return None
    today = case.now.date()
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def read_weight(case: Case) -> Weight:
    """The newest measured weight; a stated one only when no measured one is current."""
    stale = False
    for concept, how in (("weight", ""), ("weight_stated", "stated")):
        result, doubt = case.newest(concept)
        if doubt is not None:
            return Weight(unknown(replace(doubt, fact="weight")))
        if result is None:
            continue
        fresh = at_or_after(result.at, case.ago("weight.current"), "weight")
        if fresh.unknown:
            return Weight(fresh)
        if fresh.yes:
            return _weight(result, how)
        stale = True
    if stale:
        return Weight(unknown(Reason("weight", "stale")))
    why = "missing" if case.is_complete("body") else case.state("body").value
    return Weight(unknown(Reason("weight", why)))


def _weight(result: Result, how: str) -> Weight:
    if result.value is None:
        return Weight(unknown(unread("weight", result)))
    if result.comparator:
        return Weight(unknown(Reason("weight", "comparator", result.written)))
    found = replace(evidence(result, "kg", how), fact="weight")  # a stated one has no other name
    return Weight(yes(found), result.value, found)


def read_organs(case: Case, weight: Weight) -> Organs:
    """Renal and hepatic impairment; on renal replacement the modality decides."""
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
    """Whether other drugs may act for longer: under the line, or not known to be above it."""
    line = case.protocol["attribution.renal_line"]
    return organs.crcl is None or organs.at_most or organs.crcl < line


def _modality(case: Case) -> str:
    if supports(case, "crrt"):
        return "crrt"
    dialysed = supports(case, "hemodialysis") or has_condition(case, "dialysis_dependence")
    return "hemodialysis" if dialysed else ""


def _renal(case: Case, crcl: Verdict, modality: str, before: float | None) -> Verdict:
    if modality:
        return YES
    if unread := procedures_unread(case):  # on dialysis a clearance tells nothing
        return unknown(*unread)
    if not crcl.yes:
        return crcl
    fact = crcl.facts[0]
    line = case.protocol["organs.renal_line"]
    answer = compared(fact.value, fact.comparator, line, under=True)
    if answer is Truth.UNKNOWN:
        return unknown(Reason("crcl", "comparator"))
    held = held_under(case, fact.value, before, line)
    return Verdict(Truth.YES if held else answer, crcl.facts)


def creatinine_clearance(case: Case, weight: Weight) -> Verdict:
    """Yes with the clearance as its fact (Cockcroft-Gault; eGFR without weight or sex)."""
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
    """A rise by half within two days counts as under the lower line (it falls still)."""
    since = case.ago("organs.creatinine_rise_window")
    values = [r.value for r in case.results("creatinine", since) if r.value]
    if newest_result.value is None or not values:
        return None
    rise = (newest_result.value - min(values)) * 100 / min(values)
    if round(rise, ROUNDING) < case.protocol["organs.creatinine_rise"]:
        return None
    below = case.protocol["switch.bivalirudin_severe_line"]
    at = newest_result.at
    return Evidence("crcl", below, "mL/min", at, newest_result.source, "rising", "<")


def _cockcroft_gault(case: Case, weight: Weight, creatinine: Result) -> Evidence | None:
    """(140 - age) x kg / (72 x mg/dL), x 0.85 for women; Nephron 1976;16:31."""
    age, sex = age_in_years(case), case.chart.person.sex
    if age is None or weight.kg is None or sex not in SEX_FACTOR or not creatinine.value:
        return None
    clearance = (140 - age) * weight.kg / (72 * creatinine.value) * SEX_FACTOR[sex]
    at, comparator = creatinine.at, OTHER_WAY[creatinine.comparator]
    how = "cockcroftGault"
    return Evidence("crcl", clearance, "mL/min", at, creatinine.source, how, comparator)


ROUNDING = 6  # decimals; 0.8 to 1.2 mg/dL is half again, whatever binary fractions say
OTHER_WAY = {
    "": "",
    "<": ">",
    "<=": ">=",
    ">": "<",
    ">=": "<=",
}  # a creatinine below its limit clears above it
SEX_FACTOR = {"male": 1.0, "female": 0.85}


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
    known = any(has_condition(case, c) for c in ("cirrhosis", "hepatic_failure"))
    problem = YES if known else NO
    if not known and not case.is_complete("conditions"):
        problem = unknown(Reason("conditions", case.state("conditions").value))
    level = newest_result(case, "bilirubin", "body", "organs.bilirubin_current", "mg/dL")
    line = case.protocol["organs.bilirubin_line"]
    if level.current.yes and level.result is not None and held_over(case, level.result, line):
        return any_of(problem, yes(*((level.evidence,) if level.evidence else ())))
    return any_of(problem, level.above(line))


def acute_phase(case: Case) -> Verdict:
    """Raised fibrinogen or factor VIII; not claimed in pregnancy, where both are raised."""
    fibrinogen = newest_result(case, "fibrinogen", "coagulation", "acute_phase.current", "mg/dL")
    factor = newest_result(case, "factor_viii", "coagulation", "acute_phase.current", "%")
    return any_of(
        fibrinogen.above(case.protocol["acute_phase.fibrinogen_high"]),
        factor.above(case.protocol["acute_phase.factor_viii_high"]),
    )


def on_record(case: Case, concept: str, span: str) -> Verdict:
    """Whether a test was measured within a span: what cannot be read was not.

    Unknown where another result may be newer than the newest dated one.
    """
    result, doubt = case.newest(concept)
    if doubt is not None:
        return unknown(doubt)
    if result is None or (result.value is None and result.positive is None):
        return NO
    return at_or_after(result.at, case.ago(span), concept)
