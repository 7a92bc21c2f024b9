"""The newest result of a test: whether it is current, and how it compares with a limit.

The newest by the time it was drawn counts; where it cannot be read, the value is unknown and never
an older one. Clinical logic 2.
"""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.assessment.model.case import Case, absent, evidence, unread
from cds_service.assessment.model.times import UNPLACED, at_or_after
from cds_service.assessment.model.verdict import (
    Evidence,
    Reason,
    Truth,
    Verdict,
    compared,
    unknown,
)
from cds_service.chart.facts import Result

NOT_DRAWN = ("missing", "stale")  # the reasons of a test that has no result now


class Comparable:
    """A result to compare with a limit: what levels and current results have in common."""

    __slots__ = ()

    concept: str
    result: Result | None
    current: Verdict
    evidence: Evidence | None

    def below(self, limit: float) -> Verdict:
        """Whether the value lies under a limit in its own unit; a comparator may leave it open."""
        return self._compare(limit, under=True)

    def above(self, limit: float) -> Verdict:
        """Whether the value lies over a limit in its own unit; a comparator may leave it open."""
        return self._compare(limit, under=False)

    @property
    def value(self) -> float | None:
        """The number, whatever its comparator."""
        return None if self.result is None else self.result.value

    @property
    def refused(self) -> tuple[Reason, ...]:
        """Why a result on record does not count: it cannot be read, or not be placed in time."""
        return tuple(r for r in self.current.reasons if r.why not in NOT_DRAWN)

    @property
    def unplaced(self) -> bool:
        """Whether a result without a usable time may be the newest."""
        return any(reason.why in UNPLACED for reason in self.current.reasons)

    def _compare(self, limit: float, *, under: bool) -> Verdict:
        if not self.current.yes or self.result is None or self.result.value is None:
            return Verdict(Truth.UNKNOWN, (), self.current.reasons)
        truth = compared(self.result.value, self.result.comparator, limit, under=under)
        if truth is Truth.UNKNOWN:
            return unknown(Reason(self.concept, "comparator", self.result.written))
        return Verdict(truth, (self.evidence,) if self.evidence else ())


@dataclass(frozen=True, slots=True)
class CurrentResult(Comparable):
    """One result of one test, or why there is none."""

    concept: str
    result: Result | None
    current: Verdict  # it has a plausible value, and was drawn within the window asked for
    evidence: Evidence | None = None


def newest_result(case: Case, concept: str, query: str, window: str, unit: str) -> CurrentResult:
    """The newest result of a test.

    `query` names the query that would have brought it, for the reason where it is missing;
    `window` is the protocol row that says how long it is current; `unit` is what a card prints.
    """
    newest, doubt = case.newest(concept)
    if newest is None:  # None is dated: there is none, or only some without a usable time.
        verdict = absent(case, concept, query) if doubt is None else unknown(doubt)
        return CurrentResult(concept, None, verdict)
    verdict = currency(case, newest, window) if doubt is None else unknown(doubt)
    return CurrentResult(concept, newest, verdict, evidence(newest, unit))


def currency(case: Case, result: Result, window: str) -> Verdict:
    """Whether a result has a value and was drawn within a window (a protocol row) of now."""
    fresh = at_or_after(result.at, case.ago(window), result.concept)
    if fresh.no:
        return unknown(Reason(result.concept, "stale"))
    return unknown(unread(result.concept, result)) if result.value is None else fresh
