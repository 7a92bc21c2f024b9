"""Cards about HIT: stop heparin for it, or ask about it. Clinical logic 5."""

from __future__ import annotations

from cds_service.assessment.measure.exposure import any_heparin_active, is_treatment
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.case import ANY_HEPARIN
from cds_service.assessment.model.recommendation import Indicator, Option, Recommendation
from cds_service.assessment.model.verdict import Evidence, Reason
from cds_service.assessment.recommend.offers import (
    already_ordered,
    order_tests,
    stops,
    switch_withheld,
    tests_for_switch,
    wanted,
)
from cds_service.assessment.recommend.switch import Switch, choose_switch
from cds_service.assessment.recommend.topics.situation import organ_facts
from cds_service.assessment.recommend.topics.switching import (
    circuit_notes,
    start_action,
    switch_notes,
)
from cds_service.assessment.recommend.topics.topic import Assessed


def hit_suspected(known: Assessed) -> Recommendation | None:
    """The HIT gate is closed and some heparin or LMWH runs or is drafted [R101, R102]."""
    m = known.measured
    if not (m.gates.hit.yes and _any_heparin(m)):
        return None
    switch, withheld = _switch(m)
    asked = (*tests_for_switch(m, switch), *_own_test(m))
    common = (*order_tests(wanted(m.case, *asked)), *stops(m, treatment_only=False))
    choices = tuple(
        Option(
            "hit.switch",
            (*common, start_action(m, start)),
            start.recommended,
            {"drug": start.drug, "rate": start.rate, "unit": start.unit},
        )
        for start in switch.starts
    )
    # Stopping heparin is offered also where no other drug may be started by a click.
    if not choices and common:
        choices = (Option("hit.stop", common),)
    return Recommendation(
        indicator=Indicator.CRITICAL,
        summary=_why(m),
        facts=(*m.gates.hit.facts, *_running_fact(m), *_organs(m, switch)),
        values=_score_values(m),
        notes=_notes(m, switch),
        starts=tuple(start.drug for start in switch.starts),
        choices=choices,
        pending=already_ordered(m.case, *asked),
        withheld=withheld,
        open=m.gates.reasons,
        limits=("hit.suspected_score",) if _why(m) == "score" else (),
    )


def _any_heparin(m: Measured) -> bool:
    return any_heparin_active(m.case, m.infusion) or bool(m.case.drafted(*ANY_HEPARIN))


def _why(m: Measured) -> str:
    for verdict, key in (
        (m.hit.recorded, "recorded"),
        (m.hit.positive, "positive"),
        (m.hit.allergy_names_hit, "allergy"),
    ):
        if verdict.yes:
            return key
    return "score"


def _own_test(m: Measured) -> tuple[str, ...]:
    """The antibody, or the assay that confirms a positive one."""
    if any(r.positive for r in m.case.results("hit_functional")):
        return ()
    return ("hit_functional",) if m.hit.antibody_positive else ("hit_antibody",)


def _switch(m: Measured) -> tuple[Switch, tuple[Reason, ...]]:
    """The drugs to offer, or why none."""
    withheld = switch_withheld(m)
    if not withheld and not (_treatment(m) or m.hit.current_sign):
        withheld = (Reason("hitGate", "historyOnly"),)
    if withheld:
        return Switch(()), withheld
    return choose_switch(m.case, m.organs, m.levels, m.risk, hit=True), ()


def _treatment(m: Measured) -> bool:
    """Treatment-dose heparin or LMWH running or drafted."""
    orders = (*m.case.active_orders(*ANY_HEPARIN), *m.case.drafted(*ANY_HEPARIN))
    return m.infusion.running.yes or any(is_treatment(m.case, o) for o in orders)


def _notes(m: Measured, switch: Switch) -> tuple[str, ...]:
    notes = ["hit.noHeparin", *(["hit.fell"] if m.hit.score.fell else [])]
    notes += [*switch_notes(m, switch), "hit.noWarfarin", *circuit_notes(m)]
    notes += ["hit.counts"] if _why(m) in ("recorded", "allergy") else []
    stable = switch.starts and not (m.risk.shock or m.risk.circuit) and m.organs.renal.no
    return (*notes, "hit.ward") if stable and m.organs.hepatic.no else tuple(notes)


def _organs(m: Measured, switch: Switch) -> tuple[Evidence, ...]:
    """The values that picked the drug, where one is offered."""
    return organ_facts(m) if switch.starts else ()


def _running_fact(m: Measured) -> tuple[Evidence, ...]:
    return (m.dose.evidence,) if m.dose.evidence else ()


def hit_possible(known: Assessed) -> Recommendation | None:
    """No gate, but the counts speak for HIT, a test is equivocal, or an allergy is unclear."""
    m = known.measured
    if m.gates.hit.yes or not _any_heparin(m):
        return None
    counted, equivocal = _by_counts(m), _is_equivocal(m)
    if not (counted or equivocal or m.hit.allergy_other.yes):
        return None
    return Recommendation(
        indicator=Indicator.WARNING,
        summary=_possible_summary(counted=counted, equivocal=equivocal),
        facts=(
            *m.hit.equivocal.facts,
            *(_count_facts(m) if counted else ()),
            *m.hit.allergy_other.facts,
        ),
        values=_score_values(m),
        notes=_possible_notes(m, counted=counted),
        tests=_possible_tests(m),
        open=m.gates.reasons,
        limits=("hit.antibody_positive",) if equivocal else ("hit.possible_score",),
    )


def _by_counts(m: Measured) -> bool:
    """Whether the platelets of an adult speak for HIT; no threshold of it is for children."""
    return not m.gates.under_age.yes and (_by_points(m) or _by_fall(m))


def _is_equivocal(m: Measured) -> bool:
    return m.hit.equivocal.yes and not m.gates.under_age.yes


def _possible_summary(*, counted: bool, equivocal: bool) -> str:
    if equivocal:
        return "equivocal"
    return "score" if counted else "allergy"


def _count_facts(m: Measured) -> tuple[Evidence, ...]:
    return tuple(e for e in (m.hit.score.baseline, m.hit.score.nadir) if e)


def _possible_tests(m: Measured) -> tuple[str, ...]:
    """The antibody; after an equivocal one the functional assay; after a negative one none."""
    if m.hit.equivocal.yes:
        return ("hit_functional",)
    return () if m.hit.reopened else ("hit_antibody",)


def _by_points(m: Measured) -> bool:
    """Whether the least points for thrombocytopenia and timing reach `hit.possible_score`."""
    return m.hit.score.counted >= m.case.protocol["hit.possible_score"]


def _by_fall(m: Measured) -> bool:
    """A large fall, or a very low count after one, not too early to be heparin's."""
    score, protocol = m.hit.score, m.case.protocol
    if score.nadir is None or score.fell is None:
        return False
    large = score.percent > protocol["hit.fall_large"]
    low = score.nadir.value < protocol["hit.possible_low"]
    late = score.day >= protocol["hit.possible_day"]
    return (large or low) and (late or score.recent)


def _score_values(m: Measured) -> dict[str, str | float]:
    score = m.hit.score
    return {
        "lowest": score.lowest,
        "highest": score.highest,
        "percent": score.percent,
        "day": score.day,
    }


def _possible_notes(m: Measured, *, counted: bool) -> tuple[str, ...]:
    notes = ["hit.range"] if counted else []
    notes += ["hit.fell"] if counted and m.hit.score.fell else []
    if m.hit.equivocal.yes:
        notes.append("hit.equivocal")
    if m.hit.allergy_other.yes:
        notes.append("hit.clarifyAllergy")
    if m.hit.reopened:
        notes.append("hit.reopened")
    return tuple(notes)
