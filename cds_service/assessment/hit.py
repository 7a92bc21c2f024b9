"""Heparin-induced thrombocytopenia: what the record, the tests and the 4Ts say of it."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.assessment.answers import (
    NO,
    Answer,
    Evidence,
    Reason,
    Verdict,
    compared,
    unknown,
    yes,
)
from cds_service.assessment.case import Case, evidence
from cds_service.assessment.four_ts import Score, four_ts, may_have_fallen
from cds_service.chart.facts import Condition, Result


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


def read_hit(case: Case) -> Hit:
    """What the record and the counts say."""
    score = four_ts(case)
    recorded = _recorded(case)
    positive = _positive(case)
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
        antibody_positive=any(is_positive(case, r) for r in case.results("hit_antibody")),
    )


def _out_of_reach(case: Case, *, reaches: bool) -> Verdict:
    """No by the score; but unknown where counts fell and nobody can say when heparin began."""
    unread = [q for q in ("administrations", "orders") if not case.answered(q)]
    if unread and not reaches and may_have_fallen(case):
        return unknown(Reason("exposure", case.state(unread[0]).value))
    return NO


def _recorded(case: Case) -> Verdict:
    """HIT on the problem list; its history counts, whatever its status."""
    found = [c for c in case.chart.conditions if c.concept == "hit"]
    if found:
        return yes(*(_fact("hit", c) for c in found))
    if not case.answered("conditions"):
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
    if not case.answered("allergies"):
        return unknown(Reason("allergies", case.state("allergies").value))
    return NO


def is_positive(case: Case, result: Result) -> bool:
    """A positive interpretation, or an optical density at the cut-off or above."""
    if result.positive is not None:
        return result.positive
    return _under_cut_off(case, result) is Answer.NO


def _is_negative(case: Case, result: Result) -> bool:
    if result.positive is not None:
        return not result.positive
    return _under_cut_off(case, result) is Answer.YES


def _under_cut_off(case: Case, result: Result) -> Answer:
    if result.concept != "hit_antibody" or result.value is None:
        return Answer.UNKNOWN
    cut_off = case.protocol["hit.antibody_od"]
    return compared(result.value, result.comparator, cut_off, under=True)


def _positive(case: Case) -> Verdict:
    results = (*case.results("hit_antibody"), *case.results("hit_functional"))
    found = [r for r in results if is_positive(case, r)]
    if found:
        return yes(*(evidence(r, "{OD}" if r.value is not None else "", "positive") for r in found))
    if not case.answered("blood"):
        return unknown(Reason("platelets", case.state("blood").value))
    return NO


def _negative_after(case: Case, score: Score) -> bool:
    return any(
        _is_negative(case, r) and score.fell is not None and r.at is not None and r.at > score.fell
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
