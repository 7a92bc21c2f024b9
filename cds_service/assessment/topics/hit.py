"""HIT: stop for it, or ask about it. Clinical logic 5, `hitSuspected`, `hitPossible`."""

from __future__ import annotations

from cds_service.assessment.allowed import (
    already_ordered,
    order_tests,
    other_anticoagulant,
    runs_without_order,
    start_withheld,
    stops,
    tests_for_switch,
    wanted,
)
from cds_service.assessment.answers import Evidence, Reason, Verdicts
from cds_service.assessment.case import ANY_HEPARIN
from cds_service.assessment.exposure import any_heparin_active, is_treatment
from cds_service.assessment.items import Choice, Indicator, Item, StartDrug
from cds_service.assessment.measured import Measured
from cds_service.assessment.switch import Switch, choose_switch
from cds_service.assessment.topics.treatment import start_note

Due = dict[str, Item]


def hit_suspected(m: Measured, verdicts: Verdicts, due: Due) -> Item | None:
    """Gate 3 is closed and some heparin or LMWH runs or is drafted [R101, R102]."""
    if not (m.gates.hit.yes and _any_heparin(m)):
        return None
    switch, withheld = _switch(m)
    asked = (*tests_for_switch(m, switch), *_own_test(m))
    common = (*order_tests(wanted(m.case, *asked)), *stops(m, treatment_only=False))
    choices = tuple(
        Choice(
            "hit.switch",
            (*common, StartDrug(start.drug, start.rate, start.unit)),
            start.recommended,
            {"drug": start.drug, "rate": start.rate, "unit": start.unit},
        )
        for start in switch.starts
    )
    if not choices and common:
        choices = (Choice("hit.stop", common),)
    return Item(
        indicator=Indicator.CRITICAL,
        summary=_why(m),
        facts=(*m.gates.hit.facts, *_running_fact(m)),
        values={"lowest": m.hit.score.lowest, "highest": m.hit.score.highest},
        notes=_notes(m, switch),
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
    withheld = start_withheld(m)
    if not withheld and other_anticoagulant(m):
        withheld = (Reason("anticoagulant", "otherStands"),)
    if not withheld and runs_without_order(m):
        withheld = (Reason("heparinOrder", "missing"),)
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
    notes = ["hit.noHeparin"] if _why(m) == "score" else ["hit.counts", "hit.noHeparin"]
    if switch.none_because:
        notes.append(f"switch.none.{switch.none_because}")
    notes += [start_note(m.case, s) for s in switch.starts]
    notes.append("hit.noWarfarin")
    return tuple(notes)


def _running_fact(m: Measured) -> tuple[Evidence, ...]:
    return (m.dose.evidence,) if m.dose.evidence else ()


def hit_possible(m: Measured, verdicts: Verdicts, due: Due) -> Item | None:
    """No gate, but the count and its timing speak for it, or an allergy is to be clarified."""
    if m.gates.hit.yes or not _any_heparin(m):
        return None
    enough = m.hit.score.counted >= m.case.protocol["hit.possible_score"]
    counted = enough and not m.gates.under_age.yes
    if not (counted or m.hit.allergy_other.yes):
        return None
    score = m.hit.score
    tests = () if m.hit.reopened else ("hit_antibody",)
    facts = tuple(e for e in (score.baseline, score.nadir) if e) if counted else ()
    return Item(
        indicator=Indicator.WARNING,
        summary="score" if counted else "allergy",
        facts=(*facts, *m.hit.allergy_other.facts),
        values={"lowest": score.lowest, "highest": score.highest},
        notes=_possible_notes(m, counted=counted),
        tests=tests,
        open=m.gates.reasons,
        limits=("hit.possible_score",),
    )


def _possible_notes(m: Measured, *, counted: bool) -> tuple[str, ...]:
    notes = ["hit.range"] if counted else []
    if m.hit.allergy_other.yes:
        notes.append("hit.clarifyAllergy")
    if m.hit.reopened:
        notes.append("hit.reopened")
    return (*notes, "hit.nothingStopped")
