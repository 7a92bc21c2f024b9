"""The bleeding gate in three states: a bleed now, a high risk of one, or neither. Clinical logic 5.

Each sign is a verdict that rests on its own facts, so that a card can name "platelets 40" or
"haemoglobin 13.4 to 10.2" and never just "bleeding". A sign is unknown where its query failed, or
where the newest count is on record and cannot be read or placed in time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cds_service.assessment.measure.blood_loss import (
    hemoglobin_fell,
    platelets_fall,
    platelets_low,
)
from cds_service.assessment.measure.history import procedures, recent_conditions
from cds_service.assessment.measure.thrombolysis import lysed
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.verdict import NO, Evidence, Reason, Verdict, any_of, unknown, yes
from cds_service.chart.facts import Condition, Procedure
from cds_service.chart.fhir_datetime import latest

# The protocol row that each sign rests on.
_ROWS = {
    "bleeding": "bleeding.condition_within",
    "bleeding_major": "bleeding.condition_within",
    "bleeding_intracranial": "bleeding.intracranial_within",
    "organ_injury": "bleeding.injury_within",
    "trauma": "bleeding.injury_within",
    "neurosurgery": "bleeding.neurosurgery_within",
    "neuraxial_catheter": "bleeding.neuraxial_in",
    "thrombolytic": "bleeding.lysis_within",
    "hemoglobin": "bleeding.hemoglobin_fall",
}

_MAJOR = ("bleeding_intracranial", "bleeding_major")
ANY_BLEEDING = (*_MAJOR, "bleeding")


@dataclass(frozen=True, slots=True)
class Bleeding:
    """The signs of a bleed, sorted by what they forbid."""

    active: Verdict  # nothing starts or raises an anticoagulant or antithrombin
    major: Verdict  # recorded or begun in the last two days
    fell: Verdict  # haemoglobin, by as much as a major bleed takes
    fell_some: Verdict  # haemoglobin, by a little less: a row on other cards
    high_risk: Verdict  # nothing is started by a click, the small fall of haemoglobin included
    high_risk_alone: Verdict  # the same without that fall


def read_bleeding(case: Case, hit: Verdict, since: datetime | None) -> Bleeding:
    """Read every sign that this chart shows.

    `hit` is the HIT gate: where it is closed, low platelets are HIT's and no sign of bleeding.
    `since` is when heparin began to run.
    """
    fell = hemoglobin_fell(case, "bleeding.hemoglobin_fall", since)
    # The smaller fall adds nothing where the larger one was found, or is unknown.
    some = hemoglobin_fell(case, "bleeding.hemoglobin_risk", since) if fell.no else NO
    low = NO if hit.yes else platelets_low(case)
    alone = any_of(
        _on_problem_list(case, "bleeding.intracranial_within", "bleeding_intracranial"),
        _on_problem_list(case, "bleeding.injury_within", "organ_injury", "trauma"),
        _done(case, "bleeding.neurosurgery_within", "neurosurgery"),
        _neuraxial(case),
        lysed(case),
        NO if hit.yes else platelets_fall(case),
    )
    return Bleeding(
        active=any_of(
            _on_problem_list(case, "bleeding.condition_within", *ANY_BLEEDING), fell, low
        ),
        major=_on_problem_list(case, "bleeding.major_within", *_MAJOR),
        fell=fell,
        fell_some=some,
        high_risk=any_of(alone, some),
        high_risk_alone=alone,
    )


def rows_of(facts: Iterable[Evidence], platelets: str) -> tuple[str, ...]:
    """The protocol rows behind these signs; `platelets` names the row of the platelet line used
    here.
    """
    rows = (platelets if fact.fact == "platelets" else _ROWS[fact.fact] for fact in facts)
    return tuple(dict.fromkeys(rows))


def why_not(bleeding: Bleeding) -> tuple[Reason, ...]:
    """The signs as reasons against a start: those of a bleed, else those of a risk."""
    if bleeding.active.yes:
        return (Reason("bleeding", "active", facts=bleeding.active.facts),)
    if bleeding.high_risk.yes:
        return (Reason("bleeding", "highRisk", facts=bleeding.high_risk.facts),)
    return ()


def _on_problem_list(case: Case, span: str, *concepts: str) -> Verdict:
    found = recent_conditions(case, span, *concepts)
    if found:
        return yes(*(_condition_fact(c) for c in found))
    if not case.is_complete("conditions"):
        return unknown(Reason("conditions", case.state("conditions").value))
    return NO


def _condition_fact(condition: Condition) -> Evidence:
    at = condition.onset or condition.recorded
    # The first of its names; the rest are codes and synonyms.
    written = condition.label.partition(";")[0] or condition.code
    return Evidence(condition.concept, 0.0, "", at, condition.source, "recorded", written=written)


def _done(case: Case, span: str, *concepts: str) -> Verdict:
    found = procedures(case, span, *concepts)
    if found:
        return yes(*(_procedure_fact(p) for p in found))
    return _no_if_complete(case)


def _no_if_complete(case: Case) -> Verdict:
    if not case.is_complete("procedures"):
        return unknown(Reason("procedures", case.state("procedures").value))
    return NO


def _procedure_fact(procedure: Procedure) -> Evidence:
    at = procedure.start or procedure.end
    return Evidence(
        procedure.concept, 0.0, "", at, procedure.source, "recorded", written=procedure.label
    )


def _neuraxial(case: Case) -> Verdict:
    """Whether a neuraxial catheter lies, or was removed less than `bleeding.neuraxial_out` ago.

    Without a recorded removal it counts for `bleeding.neuraxial_in` after it was placed.
    """
    placed = [p for p in case.chart.procedures if p.concept == "neuraxial_catheter"]
    found = [p for p in placed if _may_lie(case, p)]
    if found:
        return yes(*(_procedure_fact(p) for p in found))
    return _no_if_complete(case)


def _may_lie(case: Case, catheter: Procedure) -> bool:
    # A haematoma beside the cord paralyses: any doubt about a catheter counts as one that lies.
    if catheter.in_progress:
        return True
    out = _removed_at(case, catheter)
    if out is not None:
        return latest(out) > case.ago("bleeding.neuraxial_out")
    placed = catheter.start
    if placed is None or not case.known_by_now(placed):
        return False
    return latest(placed) >= case.ago("bleeding.neuraxial_in")


def _removed_at(case: Case, catheter: Procedure) -> datetime | None:
    """When a catheter was removed: its own end, else the first removal after it was placed."""
    placed, end = catheter.start, catheter.end
    if placed is not None and end is not None and end > placed:
        return end
    return min((at for at in _removals(case) if placed is None or at >= placed), default=None)


def _removals(case: Case) -> list[datetime]:
    removals = (p.end for p in case.chart.procedures if p.concept == "neuraxial_removal")
    return [at for at in removals if at is not None and case.known_by_now(at)]
