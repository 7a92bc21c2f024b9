"""Heparin-induced thrombocytopenia: what the record, the tests and the 4Ts say of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from cds_service.assessment.measure.four_ts import Score, four_ts
from cds_service.assessment.measure.platelet_history import may_have_fallen
from cds_service.assessment.model.case import Case, evidence
from cds_service.assessment.model.verdict import (
    NO,
    Evidence,
    Reason,
    Truth,
    Verdict,
    compared,
    unknown,
    yes,
)
from cds_service.chart.facts import Condition, Result

ANTIBODIES = ("hit_antibody", "hit_antibody_units")


@dataclass(frozen=True, slots=True)
class Hit:
    """Everything known about HIT."""

    recorded: Verdict  # a diagnosis, past or present
    positive: Verdict  # antibody or functional assay
    allergy_names_hit: Verdict
    allergy_other: Verdict  # heparin allergy without HIT words
    score: Score
    by_score: Verdict  # 4Ts minimum reached, and not reopened
    reopened: bool  # a negative antibody test reopened a gate closed by the score alone
    current_sign: bool
    antibody_positive: bool = False
    equivocal: Verdict = NO  # an antibody between the lines, and counts that speak against HIT


def read_hit(case: Case) -> Hit:
    """What the record and the counts say."""
    score = four_ts(case)
    recorded = _recorded(case)
    positive = _positive(case, score)
    reaches = score.lowest >= case.protocol["hit.suspected_score"]
    negative = _negative_after(case, score)
    reopened = reaches and negative and score.lowest <= case.protocol["hit.reopened_score"]
    facts = tuple(e for e in (score.baseline, score.nadir) if e is not None)
    return Hit(
        recorded=recorded,
        positive=positive,
        allergy_names_hit=_allergy(case, names_hit=True),
        allergy_other=_allergy(case, names_hit=False),
        score=score,
        by_score=yes(*facts) if reaches and not reopened else _out_of_reach(case, reaches=reaches),
        reopened=reopened,
        current_sign=_current_sign(case, recorded, positive, reaches=reaches and not reopened),
        antibody_positive=any(f.fact in ANTIBODIES for f in positive.facts),
        equivocal=_equivocal(case, score),
    )


def _out_of_reach(case: Case, *, reaches: bool) -> Verdict:
    """No by the score; but unknown where counts fell and nobody can say when heparin began."""
    unread = [q for q in ("administrations", "orders") if not case.is_complete(q)]
    if unread and not reaches and may_have_fallen(case):
        return unknown(Reason("exposure", case.state(unread[0]).value))
    return NO


def _recorded(case: Case) -> Verdict:
    """HIT on the problem list; its history counts, whatever its status."""
    found = [c for c in case.chart.conditions if c.concept == "hit"]
    if found:
        return yes(*(_fact("hit", c) for c in found))
    if not case.is_complete("conditions"):
        return unknown(Reason("conditions", case.state("conditions").value))
    return NO


def _fact(name: str, condition: Condition) -> Evidence:
    at = condition.onset or condition.recorded
    return Evidence(name, 0.0, "", at, condition.source, "recorded")


def _allergy(case: Case, *, names_hit: bool) -> Verdict:
    wanted = "heparin_hit" if names_hit else "heparin"
    found = [a for a in case.chart.allergies if a.concept == wanted]
    if found:
        return yes(*(_fact("heparinAllergy", a) for a in found))
    if not case.is_complete("allergies"):
        return unknown(Reason("allergies", case.state("allergies").value))
    return NO


class Antibody(Enum):
    """What a PF4-heparin antibody test comes to."""

    NEGATIVE = "negative"
    EQUIVOCAL = "equivocal"  # an optical density that most functional assays do not confirm
    POSITIVE = "positive"
    UNCLEAR = "untold"


def antibody(case: Case, result: Result) -> Antibody:
    """By the number on its own scale; without one by what the laboratory says."""
    if result.value is not None and result.concept == "hit_antibody_units":
        low = high = _under(case, result, "hit.antibody_units")
    elif result.value is not None and result.concept == "hit_antibody":
        low = _under(case, result, "hit.antibody_od")
        high = _under(case, result, "hit.antibody_positive")
    elif result.positive is not None:
        return Antibody.POSITIVE if result.positive else Antibody.NEGATIVE
    else:
        return Antibody.UNCLEAR
    if low is Truth.YES:
        return Antibody.NEGATIVE
    if high is Truth.NO:
        return Antibody.POSITIVE
    return Antibody.EQUIVOCAL if (low, high) == (Truth.NO, Truth.YES) else _above(low)


def _above(low: Truth) -> Antibody:
    """A limit reported: above the cut-off it counts as positive."""
    return Antibody.POSITIVE if low is Truth.NO else Antibody.UNCLEAR


def _under(case: Case, result: Result, line: str) -> Truth:
    return compared(result.value or 0.0, result.comparator, case.protocol[line], under=True)


def _positive(case: Case, score: Score) -> Verdict:
    """A positive antibody or functional assay; an equivocal one where the counts fit."""
    functional = [r for r in case.results("hit_functional") if r.positive]
    found = [r for r in case.results("hit_antibody") if _counts_as_positive(case, r, score)]
    if functional or found:
        facts = (*(evidence(r, _scale(r), "positive") for r in (*found, *functional)),)
        return yes(*facts)
    if not case.is_complete("blood"):
        return unknown(Reason("platelets", case.state("blood").value))
    return NO


def _scale(result: Result) -> str:
    scales = {"hit_antibody": "{OD}", "hit_antibody_units": "U/mL"}
    return "" if result.value is None else scales.get(result.concept, "")


def _counts_as_positive(case: Case, result: Result, score: Score) -> bool:
    kind = antibody(case, result)
    equivocal = kind is Antibody.EQUIVOCAL and not _counts_speak_against(score)
    return kind is Antibody.POSITIVE or equivocal


def _counts_speak_against(score: Score) -> bool:
    """No thrombocytopenia for certain, or little of it at a time that scores nothing."""
    most, least = score.thrombocytopenia[1], score.timing[0]
    return most == 0 or (most == 1 and least == 0)


def _equivocal(case: Case, score: Score) -> Verdict:
    """The newest antibody is equivocal and the counts speak against HIT."""
    newest = next(iter(case.results("hit_antibody")), None)
    if newest is None or antibody(case, newest) is not Antibody.EQUIVOCAL:
        return NO
    if not _counts_speak_against(score):
        return NO
    return yes(evidence(newest, _scale(newest), "equivocal"))


def _negative_after(case: Case, score: Score) -> bool:
    return any(
        antibody(case, r) is Antibody.NEGATIVE
        and score.fell is not None
        and r.at is not None
        and r.at > score.fell
        for r in case.results("hit_antibody")
    )


def _current_sign(case: Case, recorded: Verdict, positive: Verdict, *, reaches: bool) -> bool:
    since = case.ago("hit.recorded_within")
    times = [f.at for f in (*recorded.facts, *positive.facts)]
    return reaches or any(t is not None and t >= since for t in times)


def pending(case: Case, concept: str) -> bool:
    """A test ordered, drafted or in progress without a later result."""
    ordered = [t for t in case.chart.tests if t.concept == concept and t.status in PENDING]
    newest = case.results(concept)
    return any(
        t.drafted
        or t.authored is None
        or not newest
        or newest[0].at is None
        or newest[0].at < t.authored
        for t in ordered
    )


PENDING = frozenset({"active", "draft", "on-hold"})
