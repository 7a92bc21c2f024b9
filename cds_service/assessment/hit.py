"""Heparin-induced thrombocytopenia: what is on record, and the part of the 4Ts a computer can see.

The score is a range: thrombocytopenia and timing are computed, thrombosis in part, other
causes never; what is not known spans its whole range (clinical.md of the evidence: 4Ts).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cds_service.assessment.answers import NO, Evidence, Reason, Verdict, unknown, yes
from cds_service.assessment.case import DAY, Case, evidence
from cds_service.assessment.exposure import days_since, first_exposure
from cds_service.assessment.record import last_surgery
from cds_service.chart.facts import Condition, Result

THROMBOSES = ("vte", "arterial_thrombosis", "circuit_thrombosis")
Range = tuple[int, int]
FULL: Range = (0, 2)


@dataclass(frozen=True, slots=True)
class Score:
    """The 4Ts as ranges; `fell` is the first count at least 30 % below the baseline."""

    thrombocytopenia: Range
    timing: Range
    thrombosis: Range
    other: Range = FULL
    baseline: Evidence | None = None
    nadir: Evidence | None = None
    fell: datetime | None = None

    @property
    def lowest(self) -> int:
        """The least the score can be."""
        parts = (self.thrombocytopenia, self.timing, self.thrombosis, self.other)
        return sum(part[0] for part in parts)

    @property
    def highest(self) -> int:
        """The most the score can be."""
        parts = (self.thrombocytopenia, self.timing, self.thrombosis, self.other)
        return sum(part[1] for part in parts)

    @property
    def counted(self) -> int:
        """Thrombocytopenia and timing alone."""
        return self.thrombocytopenia[0] + self.timing[0]


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
    antibody_pending: bool
    functional_pending: bool
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
        by_score=yes(*facts) if reaches and not reopened else NO,
        reopened=reopened,
        antibody_pending=pending(case, "hit_antibody"),
        functional_pending=pending(case, "hit_functional"),
        current_sign=_current_sign(case, recorded, positive, reaches=reaches and not reopened),
        antibody_positive=any(is_positive(case, r) for r in case.results("hit_antibody")),
    )


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
    density = result.concept == "hit_antibody" and result.value is not None
    below = result.comparator == "<"
    return density and not below and (result.value or 0.0) >= case.protocol["hit.antibody_od"]


def _is_negative(case: Case, result: Result) -> bool:
    if result.positive is not None:
        return not result.positive
    return result.value is not None and not is_positive(case, result) and result.comparator != ">"


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


def four_ts(case: Case) -> Score:
    """The score as ranges."""
    first = first_exposure(case)
    if first is None:
        return Score(FULL, FULL, FULL)
    baseline = _baseline(case, first)
    after = _counts_after(case, first, baseline)
    thrombosis = _thrombosis(case, first)
    if baseline is None or not after:
        return Score(FULL, FULL, thrombosis)
    nadir = min(after, key=lambda r: (r.value or 0.0, r.source))
    fell = _fell(case, baseline, after)
    return Score(
        thrombocytopenia=_thrombocytopenia(case, baseline, nadir),
        timing=_timing(case, first, fell),
        thrombosis=thrombosis,
        baseline=evidence(baseline, "10*3/uL", "baseline"),
        nadir=evidence(nadir, "10*3/uL"),
        fell=fell.at if fell else None,
    )


def _counts(case: Case) -> list[Result]:
    return [r for r in case.results("platelets") if r.value is not None and not r.comparator]


def _baseline(case: Case, first: datetime) -> Result | None:
    """The highest count in the week before the first heparin, else of its first two days."""
    since = first - case.protocol.span("platelets.baseline_before")
    until = first + case.protocol.span("platelets.baseline_after")
    before = [r for r in _counts(case) if r.at and since <= r.at <= first]
    early = [r for r in _counts(case) if r.at and first < r.at <= until]
    return max(before or early, key=lambda r: (r.value or 0.0, r.source), default=None)


def _counts_after(case: Case, first: datetime, baseline: Result | None) -> list[Result]:
    if baseline is None or baseline.at is None:
        return []
    start = max(first, baseline.at)
    return [r for r in _counts(case) if r.at and r.at > start]


def _fall(baseline: Result, later: Result) -> float:
    high, low = baseline.value or 0.0, later.value or 0.0
    return (high - low) * 100 / high if high else 0.0


def _fell(case: Case, baseline: Result, after: list[Result]) -> Result | None:
    fallen = [r for r in after if _fall(baseline, r) >= case.protocol["hit.fall_some"]]
    return min(fallen, key=lambda r: (r.at or case.now, r.source), default=None)


def _thrombocytopenia(case: Case, baseline: Result, nadir: Result) -> Range:
    fall, low = _fall(baseline, nadir), nadir.value or 0.0
    if fall < case.protocol["hit.fall_some"] or low < case.protocol["hit.nadir_low"]:
        return (0, 0)
    large = fall > case.protocol["hit.fall_large"]
    return (2, 2) if large and low >= case.protocol["hit.nadir_high"] else (1, 1)


def _timing(case: Case, first: datetime, fell: Result | None) -> Range:
    """By the day the fall began; exposure before this one is not on record: unknown."""
    if fell is None or fell.at is None:
        return (0, 0)
    if _after_bypass(case, fell.at):
        return (0, 0)
    day = days_since(case, fell.at, first)
    if day > case.protocol["hit.onset_last_day"]:
        return (1, 1)
    if day >= case.protocol["hit.onset_first_day"]:
        return (2, 2)
    return FULL if day <= case.protocol["hit.rapid_day"] else (0, 0)


def _after_bypass(case: Case, fell: datetime) -> bool:
    """Counts fall after bypass in any case; a second fall after those days does count."""
    surgery = last_surgery(case, "cardiac_surgery", "bypass")
    return surgery is not None and surgery <= fell < surgery + case.protocol.span(
        "hit.after_bypass"
    )


def _thrombosis(case: Case, first: datetime) -> Range:
    found = [
        c
        for c in case.chart.conditions
        if c.concept in THROMBOSES and c.active is not False and c.onset and c.onset >= first + DAY
    ]
    return (2, 2) if found else FULL
