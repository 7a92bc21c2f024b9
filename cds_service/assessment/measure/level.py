"""An aPTT or anti-Xa level: whether it is current, steady and usable, and comparing it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cds_service.assessment.measure.current_result import Comparable, CurrentResult
from cds_service.assessment.model.verdict import YES, Evidence, Verdict
from cds_service.chart.facts import Result


@dataclass(frozen=True, slots=True)
class Level(Comparable):
    """One result of a test that follows heparin, and what it may be used for."""

    concept: str
    result: Result | None
    current: Verdict  # it has a plausible value, and was drawn in the last hours
    steady: Verdict  # drawn long enough after the last change before it
    usable: Verdict  # not disturbed by something else than heparin
    evidence: Evidence | None = None
    rate: float | None = None  # U/h that ran when it was drawn
    until: datetime | None = None  # when what disturbs it has passed, where that is known
    at_most: bool = False  # disturbed upwards only: heparin's own share is no higher than this
    at_least: bool = False  # disturbed downwards only: heparin's own share is no lower

    @property
    def facts(self) -> tuple[Evidence, ...]:
        """The level as a fact, where there is one."""
        return (self.evidence,) if self.evidence else ()

    @property
    def drawn(self) -> datetime | None:
        """When it was drawn."""
        return None if self.result is None else self.result.at


def only_newest(last: CurrentResult) -> Level:
    """A level of which nothing but its being the newest is known: missing, or too old for trends.

    Whether it is steady is unknown for the reason that it is not current, and nothing disturbs it.
    """
    return Level(last.concept, last.result, last.current, last.current, YES, last.evidence)
