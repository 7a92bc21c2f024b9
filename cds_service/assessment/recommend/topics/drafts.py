"""Cards about drafted antithrombin, and warfarin drafted in HIT. Clinical logic 5."""

from __future__ import annotations

from cds_service.assessment.measure.antithrombin_dose import (
    Dose,
    Reach,
    drafted_units,
    is_multiplied_form,
    reach,
)
from cds_service.assessment.measure.antithrombin_product import highest_per_kg, recovery_of
from cds_service.assessment.measure.current_result import newest_result
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.recommendation import (
    Indicator,
    Option,
    Recommendation,
    StartDrug,
)
from cds_service.assessment.model.verdict import Evidence, Reason, Verdicts
from cds_service.assessment.recommend.offers import allowed_dose, deletion
from cds_service.assessment.recommend.topics.topic import Assessed
from cds_service.assessment.recommend.topics.treatment import supplements
from cds_service.chart.facts import Order


def antithrombin_overdose(known: Assessed) -> Recommendation | None:
    """An antithrombin draft that reaches too far, or any in HIT; or a level too high [R95]."""
    m, verdicts = known.measured, known.verdicts
    drafts = m.case.drafted("antithrombin")
    together = reach(m.case, drafts, m.antithrombin.level, m.weight.kg)
    if drafts and (m.gates.hit.yes or _too_much(m, together)):
        return _overdose(m, verdicts, drafts, together)
    return _level_too_high(m)


def _too_much(m: Measured, together: Reach) -> bool:
    per_kg, predicted = together.per_kg, together.predicted
    high = (
        predicted is not None and predicted > m.case.protocol["antithrombin_dose.highest_predicted"]
    )
    return high or (per_kg is not None and per_kg > _most_per_kg(m))


def _most_per_kg(m: Measured) -> float:
    """The largest dose in IU/kg, by the strongest of the products drafted."""
    recoveries = [recovery_of(m.case, o) for o in m.case.drafted("antithrombin")]
    return min(highest_per_kg(m.case, recovery) for recovery in recoveries)


def _overdose(
    m: Measured, verdicts: Verdicts, drafts: tuple[Order, ...], together: Reach
) -> Recommendation:
    replacement, withheld = _replacement(m, verdicts)
    return Recommendation(
        indicator=_overdose_indicator(m, together),
        summary=_overdose_summary(m, together.predicted),
        facts=_dose_facts(m),
        values={
            "drafted": _written(drafts),
            "predicted": together.predicted or 0.0,
            "dose": float(replacement.units) if replacement else 0.0,
            "dose_predicted": replacement.predicted if replacement else 0.0,
        },
        notes=_overdose_notes(m, drafts, together, replacement),
        choices=_corrections(drafts, replacement, labelled=m.risk.hereditary),
        withheld=withheld,
        open=m.gates.reasons,
        limits=("antithrombin_dose.highest_predicted", "antithrombin_dose.label_recovery"),
    )


def _replacement(m: Measured, verdicts: Verdicts) -> tuple[Dose | None, tuple[Reason, ...]]:
    """The computed dose, where resistance is confirmed and treated so; else why it is withheld."""
    if not verdicts["confirmed"].yes:
        return None, ()
    dose, withheld = allowed_dose(m, verdicts)
    return (None if withheld or not supplements(m) else dose), withheld


def _overdose_notes(
    m: Measured, drafts: tuple[Order, ...], together: Reach, replacement: Dose | None
) -> tuple[str, ...]:
    notes = ["overdose.hit"] if m.gates.hit.yes else ["overdose.rule"]
    if _is_error(m, drafts, together):
        notes.append("overdose.multiplied")
    if replacement is not None:
        notes.append("overdose.replacement")
    return tuple(notes)


def _written(drafts: tuple[Order, ...]) -> str:
    return " + ".join(o.dosage.written for o in drafts if o.dosage.written)


def _corrections(
    drafts: tuple[Order, ...], dose: Dose | None, *, labelled: bool
) -> tuple[Option, ...]:
    """Delete all drafts: each may have been right alone, but one left over would make two doses.

    The computed dose is a second choice and never the recommended one.
    """
    delete = deletion(drafts)
    if dose is None:
        return (delete,)
    start = StartDrug("antithrombin", dose.units, "[IU]", labelled=labelled)
    values = {"dose": float(dose.units)}
    return (delete, Option("overdose.replace", (*delete.actions, start), values=values))


def _overdose_indicator(m: Measured, together: Reach) -> Indicator:
    per_kg, predicted = together.per_kg, together.predicted
    critical = m.case.protocol["antithrombin_dose.overdose_critical"]
    heavy = per_kg is not None and per_kg > _most_per_kg(m)
    far = predicted is not None and predicted > critical
    return Indicator.CRITICAL if m.gates.hit.yes or heavy or far else Indicator.WARNING


def _overdose_summary(m: Measured, predicted: float | None) -> str:
    if m.gates.hit.yes:
        return "hit"
    return "perKg" if predicted is None else "predicted"


def _is_error(m: Measured, drafts: tuple[Order, ...], together: Reach) -> bool:
    """Whether a draft, or all together, is the dose that multiplying by 1.4 gives."""
    level, kg = m.antithrombin.level, m.weight.kg
    if level is None or kg is None:
        return False
    doses = (*(drafted_units(o, kg) for o in drafts), together.units)
    return any(u is not None and is_multiplied_form(m.case, u, level, kg) for u in doses)


def _dose_facts(m: Measured) -> tuple[Evidence, ...]:
    return tuple(e for e in (m.antithrombin.evidence, m.weight.evidence) if e is not None)


def _level_too_high(m: Measured) -> Recommendation | None:
    level, critical = m.antithrombin, m.case.protocol["antithrombin_dose.overdose_critical"]
    # Without a dose a high activity is nobody's overdose.
    if level.last_dose is None or level.level is None or level.level <= critical:
        return None
    return Recommendation(
        indicator=Indicator.CRITICAL,
        summary="measured",
        facts=_dose_facts(m),
        notes=("overdose.measured",),
        limits=("antithrombin_dose.overdose_critical",),
    )


def antithrombin_unchecked(known: Assessed) -> Recommendation | None:
    """Antithrombin drafted without a level or a weight to dose it by [R33]."""
    m = known.measured
    drafts = m.case.drafted("antithrombin")
    missing = (*m.antithrombin.known.reasons, *m.weight.known.reasons)
    if not drafts or not missing or m.gates.hit.yes:
        return None
    tests = ("antithrombin",) if m.antithrombin.known.unknown else ()
    return Recommendation(
        indicator=Indicator.WARNING,
        facts=_dose_facts(m),
        values={"drafted": _written(drafts)},
        notes=("unchecked.rule",),
        tests=tests,
        open=missing,
        limits=("antithrombin_dose.label_recovery",),
    )


def warfarin_in_hit(known: Assessed) -> Recommendation | None:
    """Warfarin before the platelets have recovered [R103]."""
    m = known.measured
    drafts = m.case.drafted("vka")
    platelets = newest_result(m.case, "platelets", "blood", "platelets.current", "10*3/uL")
    recovered = platelets.below(m.case.protocol["platelets.warfarin_line"]).no
    if not (drafts and m.gates.hit.yes) or recovered:
        return None
    fact = (platelets.evidence,) if platelets.current.yes and platelets.evidence else ()
    return Recommendation(
        indicator=Indicator.CRITICAL,
        summary="low" if fact else "unknown",
        facts=(*fact, *m.gates.hit.facts),
        notes=("warfarin.rule",),
        choices=(deletion(drafts),),
        open=platelets.current.reasons,
        limits=("platelets.warfarin_line",),
    )
