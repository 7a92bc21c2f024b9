"""Body weight in kg: the newest measured one, or a stated one where none is current."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cds_service.assessment.model.case import Case, evidence, unread
from cds_service.assessment.model.times import at_or_after
from cds_service.assessment.model.verdict import (
    Evidence,
    Reason,
    Verdict,
    unknown,
    yes,
)
from cds_service.chart.facts import Result


@dataclass(frozen=True, slots=True)
class Weight:
    """Body weight in kg, or why it is not known."""

    known: Verdict
    kg: float | None = None
    evidence: Evidence | None = None


def read_weight(case: Case) -> Weight:
    """The newest measured weight; one only stated by the patient where no measured one is
    current.
    """
    stale = False
    # A weight somebody named is used only where nobody has weighed the patient lately.
    for concept, how in (("weight", ""), ("weight_stated", "stated")):
        result, doubt = case.newest(concept)
        if doubt is not None:
            return Weight(unknown(replace(doubt, fact="weight")))
        if result is None:
            continue
        fresh = at_or_after(result.at, case.ago("weight.current"), "weight")
        if fresh.unknown:
            return Weight(fresh)
        if fresh.yes:
            return _weight(result, how)
        # Kept apart from "missing": the card says that a weight is on record, and that it is old.
        stale = True
    if stale:
        return Weight(unknown(Reason("weight", "stale")))
    why = "missing" if case.is_complete("body") else case.state("body").value
    return Weight(unknown(Reason("weight", why)))


def _weight(result: Result, how: str) -> Weight:
    if result.value is None:
        return Weight(unknown(unread("weight", result)))
    if result.comparator:
        return Weight(unknown(Reason("weight", "comparator", result.written)))
    found = replace(evidence(result, "kg", how), fact="weight")  # a stated one has no other name
    return Weight(yes(found), result.value, found)
