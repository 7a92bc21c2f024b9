"""Heparin-induced thrombocytopenia (HIT): what the chart, the tests and the 4Ts say of it."""

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
from cds_service.chart.facts import Condition, Result, TestOrder

_ANTIBODIES = ("hit_antibody", "hit_antibody_units")


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
    """What the problem list, the allergies, the tests and the platelet counts say of HIT."""
    score = four_ts(case)
    on_list = _on_problem_list(case)
    positive = _positive(case, score)
    reaches = score.lowest >= case.protocol["hit.suspected_score"]
    negative = _negative_after(case, score)
    # A negative antibody test nearly rules HIT out at a middling score, not at a high one.
    reopened = reaches and negative and score.lowest <= case.protocol["hit.reopened_score"]
    closes = reaches and not reopened
    facts = tuple(e for e in (score.baseline, score.nadir) if e is not None)
    return Hit(
        recorded=on_list,
        positive=positive,
        allergy_names_hit=_allergy(case, names_hit=True),
        allergy_other=_allergy(case, names_hit=False),
        score=score,
        by_score=yes(*facts) if closes else _out_of_reach(case, reaches=reaches),
        reopened=reopened,
        current_sign=_current_sign(case, on_list, positive, reaches=closes),
        antibody_positive=any(f.fact in _ANTIBODIES for f in positive.facts),
        equivocal=_equivocal(case, score),
    )


def _out_of_reach(case: Case, *, reaches: bool) -> Verdict:
    """No by the score; unknown where counts fell and nobody can say when heparin began."""
    unread = [q for q in ("administrations", "orders") if not case.is_complete(q)]
    if unread and not reaches and may_have_fallen(case):
        return unknown(Reason("exposure", case.state(unread[0]).value))
    return NO


def _on_problem_list(case: Case) -> Verdict:
    """HIT on the problem list; its history counts, whatever its status."""
    # Resolved or inactive too: the antibodies of an earlier HIT may come back with heparin.
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
    """What a result comes to: by the number on its own scale, else by the laboratory's word."""
    lines = _LINES.get(result.concept)
    if result.value is None or lines is None:
        return _by_word(result)
    low, high = (_under(case, result, line) for line in lines)
    if low is Truth.YES:
        return Antibody.NEGATIVE
    if high is Truth.NO:
        return Antibody.POSITIVE
    return Antibody.EQUIVOCAL if (low, high) == (Truth.NO, Truth.YES) else _above(low)


# Under the first line negative, from the second on positive, equivocal between. Tests in U/mL have
# one cut-off; of optical densities only the high ones are mostly confirmed by a functional assay.
_LINES = {
    "hit_antibody_units": ("hit.antibody_units", "hit.antibody_units"),
    "hit_antibody": ("hit.antibody_od", "hit.antibody_positive"),
}


def _by_word(result: Result) -> Antibody:
    if result.positive is None:
        return Antibody.UNCLEAR
    return Antibody.POSITIVE if result.positive else Antibody.NEGATIVE


def _above(low: Truth) -> Antibody:
    """What a reported bound comes to (">0.6"): one above the cut-off counts as positive."""
    return Antibody.POSITIVE if low is Truth.NO else Antibody.UNCLEAR


def _under(case: Case, result: Result, line: str) -> Truth:
    return compared(result.value or 0.0, result.comparator, case.protocol[line], under=True)


def _positive(case: Case, score: Score) -> Verdict:
    """A positive antibody or functional assay; an equivocal antibody where the counts fit HIT."""
    antibodies = (r for r in case.results("hit_antibody") if _counts_as_positive(case, r, score))
    # A functional assay confirms HIT by itself; an antibody may be there without it.
    functional = (r for r in case.results("hit_functional") if r.positive)
    found = (*antibodies, *functional)
    if found:
        return yes(*(evidence(r, _scale(r), "positive") for r in found))
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
    """Whether there is no thrombocytopenia for certain, or little of it at a time that scores
    nothing.
    """
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
    """Whether a test is ordered, drafted or in progress and has no result from after that."""
    newest = next(iter(case.results(concept)), None)
    return any(_is_open(test, newest) for test in case.chart.tests if test.concept == concept)


def _is_open(test: TestOrder, newest: Result | None) -> bool:
    if test.status not in PENDING:
        return False
    if test.drafted or test.authored is None or newest is None:
        return True
    return newest.at is None or newest.at < test.authored


PENDING = frozenset({"active", "draft", "on-hold"})
