"""Cards about the target: a raise above it, levels far above it, a short aPTT. Clinical logic 5."""

from __future__ import annotations

from cds_service.assessment.measure.current_result import newest_result
from cds_service.assessment.measure.level import Level
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.measure.patient_facts import was_measured
from cds_service.assessment.measure.suspect_samples import is_suspect
from cds_service.assessment.measure.thrombin_inhibitor import Inhibitor
from cds_service.assessment.model.recommendation import (
    DeleteDraft,
    Indicator,
    Option,
    Recommendation,
)
from cds_service.assessment.model.verdict import Evidence, Verdicts
from cds_service.assessment.recommend.topics.advice import level_tests
from cds_service.assessment.recommend.topics.situation import levels_shown, running_fact, situation
from cds_service.assessment.recommend.topics.topic import Assessed
from cds_service.assessment.rules.dose_rules import is_raise
from cds_service.assessment.rules.far_above import was_lowered


def above_target_raise(known: Assessed) -> Recommendation | None:
    """A raise drafted while the level is above target."""
    m, verdicts = known.measured, known.verdicts
    if not (verdicts["above_target"].yes and verdicts["drafted_raise"].yes):
        return None
    return Recommendation(
        indicator=Indicator.WARNING,
        facts=(*levels_shown(m), *drafted_and_running(m, verdicts)),
        notes=("above.rule",),
        choices=(delete_raises(m),),
        limits=("levels.anti_xa_high", "levels.aptt_high"),
    )


def drafted_and_running(m: Measured, verdicts: Verdicts) -> tuple[Evidence, ...]:
    """The running rate beside the drafted one."""
    return (*running_fact(m), *verdicts["drafted_raise"].facts)


def delete_raises(m: Measured) -> Option:
    """The option to delete every drafted raise."""
    raises = tuple(DeleteDraft(d.order) for d in m.drafted if is_raise(m, d))
    return Option("raise.delete", raises)


def pseudo_resistance_card(known: Assessed) -> Recommendation | None:
    """Anti-Xa in range under a short aPTT, and a raise is drafted for it [R112, R121]."""
    m, verdicts = known.measured, known.verdicts
    if not (verdicts["pseudo_resistance"].yes and verdicts["drafted_raise"].yes):
        return None
    missing = [
        c
        for c in ("fibrinogen", "factor_viii")
        if was_measured(m.case, c, "acute_phase.current").no
    ]
    notes = ["pseudo.rule"] + (["contributor.acutePhase"] if verdicts["acute_phase"].yes else [])
    return Recommendation(
        indicator=Indicator.WARNING,
        facts=(*situation(m), *drafted_and_running(m, verdicts)[1:]),
        notes=tuple(notes),
        choices=(delete_raises(m),),
        tests=tuple(missing),
        limits=("levels.anti_xa_low", "levels.aptt_low"),
    )


def above_target_card(known: Assessed) -> Recommendation | None:
    """Far above target under heparin, or above the range of a thrombin inhibitor [R28]."""
    m, verdicts = known.measured, known.verdicts
    if m.inhibitor is not None:
        return _above_inhibitor(m, m.inhibitor)
    # In HIT heparin is stopped anyway, whatever its level.
    if m.gates.hit.yes or not m.infusion.running.yes:
        return None
    suspect = _suspect(m)
    if suspect is not None:
        # Held or lowered since: the ward has taken it as true.
        return None if was_lowered(m, suspect) else _redraw(m, suspect)
    far = verdicts["far_above"]
    if not far.yes or m.drafted:
        return None
    return Recommendation(
        indicator=Indicator.WARNING,
        facts=(*far.facts, *running_fact(m)),
        notes=("above.nomogram",),
        tests=_again(m, far.facts),
        limits=_far_rows(far.facts),
    )


def _suspect(m: Measured) -> Level | None:
    """A newest level above target that looks drawn from the heparin line."""
    for level in (m.levels.newest_anti_xa, m.levels.newest_aptt):
        current = level.drawn is not None and level.drawn >= m.case.ago("levels.current")
        if current and is_suspect(level) and m.levels.target.above(level).yes:
            return level
    return None


def _redraw(m: Measured, level: Level) -> Recommendation:
    """The sample is drawn again now; where that takes more than an hour, the level counts as
    true.
    """
    return Recommendation(
        indicator=Indicator.WARNING,
        summary="suspect",
        facts=(*_shown(level), *running_fact(m)),
        notes=("above.redraw",),
        tests=(_REPEATED[level.concept],),
        limits=("trust.suspect_rise",) if level.concept == "anti_xa" else ("trust.suspect_aptt",),
    )


def _shown(level: Level) -> tuple[Evidence, ...]:
    return () if level.evidence is None else (level.evidence,)


def _above_inhibitor(m: Measured, inhibitor: Inhibitor) -> Recommendation | None:
    aptt = newest_result(m.case, "aptt", "coagulation", "levels.current", "s")
    if not aptt.above(inhibitor.high).yes or aptt.evidence is None:
        return None
    return Recommendation(
        indicator=Indicator.WARNING,
        summary="inhibitor",
        facts=(aptt.evidence,),
        values={"drug": inhibitor.drug, "limit": inhibitor.high},
        notes=("above.inhibitor",),
        tests=_again(m, (aptt.evidence,)),
        limits=("levels.aptt_high",),
    )


def _again(m: Measured, facts: tuple[Evidence, ...]) -> tuple[str, ...]:
    """The same tests again, where the level is some hours old."""
    since = m.case.ago("levels.repeat_after")
    old = all(fact.at is None or fact.at < since for fact in facts)
    return (
        tuple(dict.fromkeys(_REPEATED[f.fact] for f in facts if f.fact in _REPEATED)) if old else ()
    )


_REPEATED = {"anti_xa": "anti_xa", "aptt": "aptt", "aptt_ratio": "aptt"}


def _far_rows(facts: tuple[Evidence, ...]) -> tuple[str, ...]:
    anti_xa = any(fact.fact == "anti_xa" for fact in facts)
    return ("levels.anti_xa_far",) if anti_xa else ("levels.aptt_far",)


def heparin_effect_lost(known: Assessed) -> Recommendation | None:
    """The level fell at an unchanged rate: sample, line, pump or bag before any drug."""
    m, verdicts = known.measured, known.verdicts
    lost = verdicts["effect_lost"]
    if not lost.yes:
        return None
    raised = verdicts["drafted_raise"].yes
    return Recommendation(
        indicator=Indicator.WARNING,
        facts=(*levels_shown(m), *lost.facts, *running_fact(m)),
        notes=("lost.rule",),
        choices=(delete_raises(m),) if raised else (),
        tests=level_tests(m),
        limits=("resistance.lost_share",),
    )
