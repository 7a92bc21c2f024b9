"""The card about antithrombin for resistance: whom, how much, and its notes. Clinical logic 8."""

from __future__ import annotations

from cds_service.assessment.measure.antithrombin_dose import Dose, label_dose
from cds_service.assessment.measure.current_result import newest_result
from cds_service.assessment.measure.history import procedures, procedures_unread, recent_conditions
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.recommendation import Indicator, Option, Recommendation, StartDrug
from cds_service.assessment.model.verdict import Reason, Verdicts
from cds_service.assessment.recommend.offers import allowed_dose
from cds_service.assessment.recommend.topics.advice import population_notes
from cds_service.assessment.recommend.topics.situation import (
    clot_facts,
    grounds,
    reopened_note,
    situation,
    weight_fact,
)
from cds_service.assessment.recommend.topics.topic import Assessed


def treats_as_severe(m: Measured) -> bool:
    """Whether a severe deficiency changes the anticoagulant.

    Not in hereditary deficiency, which is supplemented at any level; and not in sepsis where the
    protocol supplements it down to `switch.sepsis_line`.
    """
    if m.antithrombin.tier != "severe" or m.risk.hereditary:
        return False
    supplements = m.risk.sepsis and m.case.protocol.allows("sepsis_supplements")
    level = m.antithrombin.level or 0.0
    return not (supplements and level >= m.case.protocol["switch.sepsis_line"])


def supplements(m: Measured) -> bool:
    """Whether this protocol gives antithrombin at this level at all."""
    if treats_as_severe(m):
        return m.case.protocol.allows("severe_also_supplement")
    return m.antithrombin.tier in ("low", "severe")


def dose_choice(m: Measured, dose: Dose, *, recommended: bool) -> Option:
    """The option to order the dose; its text and its order name the same number."""
    start = StartDrug("antithrombin", dose.units, "[IU]", labelled=m.risk.hereditary)
    values = {"dose": float(dose.units)}
    return Option("antithrombin.give", (start,), recommended, values)


def form(m: Measured) -> str:
    """The ending of the note that names the dose: a protocol may multiply."""
    return "Multiplied" if m.case.protocol.chosen("dose_form") == "multiply" else ""


def dose_values(
    m: Measured, dose: Dose | None, against: tuple[Reason, ...]
) -> dict[str, str | float]:
    """The figures of a dose; of one that is withheld only the label's, where a protocol shows
    that.
    """
    if dose is None:
        return {}
    beside = label_beside(m, dose)
    shown: dict[str, str | float] = {} if beside is None else {"label_dose": float(beside)}
    if against:
        return shown
    own = {"dose": float(dose.units), "predicted": dose.predicted, "recovery": dose.recovery}
    return shown | own


def label_beside(m: Measured, dose: Dose) -> int | None:
    """The label's dose, if the protocol shows it beside its own and it keeps the limits."""
    if not m.case.protocol.allows("loading_dose_beside"):
        return None
    return label_dose(m.case, m.antithrombin, dose, m.weight)


def beside_notes(m: Measured, dose: Dose | None) -> list[str]:
    """The label's dose in words, where the protocol shows it beside its own."""
    shown = dose is not None and label_beside(m, dose) is not None
    return ["antithrombin.labelBeside"] if shown else []


def antithrombin_dose(known: Assessed) -> Recommendation | None:
    """Confirmed with low antithrombin: the computed dose [R44, R45, R60]."""
    m, verdicts = known.measured, known.verdicts
    if not _is_due(m, verdicts):
        return None
    dose, against = allowed_dose(m, verdicts)
    offered = None if against else dose
    ordered = bool(offered) and antithrombin_ordered(m)
    return Recommendation(
        indicator=Indicator.INFO if ordered else Indicator.WARNING,
        summary="" if offered else "withheld",
        lead=_lead(m) if offered else "",
        facts=(*situation(m), *weight_fact(m), *clot_facts(verdicts)),
        values=dose_values(m, dose, against),
        notes=_dose_notes(m, offered, dose),
        choices=_dose_choices(m, offered),
        tests=_dose_tests(m),
        withheld=against,
        limits=("antithrombin.low", "antithrombin_dose.recovery", *grounds(m, verdicts)),
    )


def _is_due(m: Measured, verdicts: Verdicts) -> bool:
    """Whether resistance is confirmed, and antithrombin so low that it is what is given."""
    if verdicts["waits"].yes or not verdicts["confirmed"].yes:
        return False
    tier = m.antithrombin.tier
    return tier == "low" or (tier == "severe" and not treats_as_severe(m))


def antithrombin_ordered(m: Measured) -> bool:
    """Whether a dose is drafted, or ordered of late and not given since."""
    since = m.case.ago("antithrombin.current")
    last = m.antithrombin.last_dose
    given = last.start if last is not None and last.start is not None else since
    ordered = [o.authored for o in m.case.active_orders("antithrombin") if o.authored]
    return bool(m.case.drafted("antithrombin")) or any(at >= max(since, given) for at in ordered)


def _dose_choices(m: Measured, dose: Dose | None) -> tuple[Option, ...]:
    if dose is None or antithrombin_ordered(m):
        return ()
    return (dose_choice(m, dose, recommended=recommends_antithrombin(m)),)


def recommends_antithrombin(m: Measured) -> bool:
    """Whether the dose is marked as recommended.

    In hereditary deficiency, which is the label's one indication; else only if the protocol says
    so, and not in sepsis, DIC, cirrhosis or the days after bypass.
    """
    if m.risk.hereditary:
        return True
    # Randomised trials in sepsis and DIC showed more bleeding and no benefit; after bypass the
    # level recovers by itself.
    at_risk = m.risk.sepsis or m.risk.dic or m.risk.cirrhosis or m.risk.soon_after_surgery
    unsure = at_risk or bool(procedures_unread(m.case))
    return m.case.protocol.allows("antithrombin_recommended") and not unsure


def _remarks(dose: Dose) -> list[str]:
    """Who checks a large dose, what follows it, and then what is unusual about it."""
    notes = [f"antithrombin.{remark}" for remark in dose.remarks]
    notes += ["antithrombin.measuredRecovery"] if dose.measured_recovery else []
    checked = [note for note in notes if note == PHARMACIST]
    return [*checked, "antithrombin.follow", *(note for note in notes if note != PHARMACIST)]


PHARMACIST = "antithrombin.pharmacist"


def _lead(m: Measured) -> str:
    """The check that costs nothing; in pregnancy with whom."""
    return "deliveryInPregnancy" if m.risk.pregnant else "delivery"


def _dose_notes(m: Measured, dose: Dose | None, computed: Dose | None) -> tuple[str, ...]:
    notes = []
    if dose is not None:
        notes.append(f"antithrombin.formula{form(m)}")
        notes += _evidence_notes(m)
    notes += beside_notes(m, computed)
    notes += _remarks(dose) if dose is not None else []
    if dose is not None and may_have_lmwh(m):
        notes.append("antithrombin.lmwh")
    if antithrombin_ordered(m):
        notes.append("antithrombin.drafted")
    return (*notes, *reopened_note(m), *population_notes(m))


def _evidence_notes(m: Measured) -> tuple[str, ...]:
    """Off-label, and no benefit shown; in hereditary deficiency it is the label's own use."""
    return ("antithrombin.hereditary",) if m.risk.hereditary else ("antithrombin.evidence",)


def may_have_lmwh(m: Measured) -> bool:
    """Whether LMWH may be named: kidneys known to be good, no circuit, no wound, enough
    platelets.
    """
    case, clearance = m.case, m.organs.crcl
    kidneys = m.organs.renal.no and clearance is not None
    wounds = procedures(case, "risk.surgery_within", *_OPERATIONS) or recent_conditions(
        case, "bleeding.injury_within", "trauma", "organ_injury"
    )
    level = newest_result(case, "platelets", "blood", "platelets.current", "10*3/uL")
    enough = level.below(case.protocol["antithrombin_dose.lmwh_platelets"]).no
    on_circuit = m.risk.circuit or m.organs.modality
    return kidneys and enough and not (wounds or on_circuit or m.risk.pregnant)


_OPERATIONS = ("major_surgery", "cardiac_surgery", "bypass", "neurosurgery")


def _dose_tests(m: Measured) -> tuple[str, ...]:
    return ("antithrombin",) if m.antithrombin.dosable.unknown else ()
