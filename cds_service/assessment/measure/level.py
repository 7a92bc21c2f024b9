"""One laboratory value as a level: whether it is current, steady and usable, and comparing it.

Knows neither heparin nor targets. Clinical logic 2: the newest by time drawn; an unreadable
newest is unknown, never the older one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cds_service.assessment.model.case import Case, absent, evidence, unread
from cds_service.assessment.model.times import UNPLACED, at_or_after
from cds_service.assessment.model.verdict import (
    YES,
    Evidence,
    Reason,
    Truth,
    Verdict,
    compared,
    unknown,
)
from cds_service.chart.facts import Result

NOT_DRAWN = ("missing", "stale")  # the reasons of a test that says nothing now


@dataclass(frozen=True, slots=True)
class Level:
    """One result of one test, and what it may be used for."""

    concept: str
    result: Result | None
    current: Verdict  # read, plausible and of the last hours
    steady: Verdict  # drawn long enough after the last change before it
    usable: Verdict  # not disturbed by something else than heparin
    evidence: Evidence | None = None
    rate: float | None = None  # U/h that ran when it was drawn
    until: datetime | None = None  # when what disturbs it has passed, where that is known
    at_most: bool = False  # disturbed upwards only: heparin's own share is no higher than this
    at_least: bool = False  # disturbed downwards only: heparin's own share is no lower

    def below(self, limit: float) -> Verdict:
        """Whether the value lies under a limit; a comparator may leave it open."""
        return self._compare(limit, under=True)

    def above(self, limit: float) -> Verdict:
        """Whether the value lies over a limit; a comparator may leave it open."""
        return self._compare(limit, under=False)

    @property
    def refused(self) -> tuple[Reason, ...]:
        """Why a result on record does not count: not to be read, or not to be placed in time."""
        return tuple(r for r in self.current.reasons if r.why not in NOT_DRAWN)

    @property
    def unplaced(self) -> bool:
        """Whether one is on record that may be the newest, at a time nobody can tell."""
        return any(reason.why in UNPLACED for reason in self.current.reasons)

    @property
    def drawn(self) -> datetime | None:
        """When it was drawn."""
        return None if self.result is None else self.result.at

    @property
    def value(self) -> float | None:
        """The number, whatever its comparator."""
        return None if self.result is None else self.result.value

    def _compare(self, limit: float, *, under: bool) -> Verdict:
        if not self.current.yes or self.result is None or self.result.value is None:
            return Verdict(Truth.UNKNOWN, (), self.current.reasons)
        answer = compared(self.result.value, self.result.comparator, limit, under=under)
        if answer is Truth.UNKNOWN:
            return unknown(Reason(self.concept, "comparator", self.result.written))
        facts = (self.evidence,) if self.evidence else ()
        return Verdict(answer, facts)


def newest(case: Case, concept: str, query: str, window: str, unit: str) -> Level:
    """The newest result as a level; steady and usable are for the caller to say."""
    first, doubt = case.newest(concept)
    if first is None:
        verdict = absent(case, concept, query) if doubt is None else unknown(doubt)
        return Level(concept, None, verdict, verdict, YES)
    verdict = currency(case, first, window) if doubt is None else unknown(doubt)
    return Level(concept, first, verdict, verdict, YES, evidence(first, unit))


def currency(case: Case, result: Result, window: str) -> Verdict:
    """Whether a result carries a value and was drawn within a window of now."""
    fresh = at_or_after(result.at, case.ago(window), result.concept)
    if fresh.no:
        return unknown(Reason(result.concept, "stale"))
    return unknown(unread(result.concept, result)) if result.value is None else fresh
