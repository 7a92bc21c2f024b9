"""A clot that grew while treatment heparin ran. Clinical logic 3, "thrombosis on heparin" (R25).

A venous clot that heparin was begun for does not count. Of clots on record around the start, only
one at another site, or one whose text calls it new, can be a later one.
"""

from __future__ import annotations

from datetime import datetime

from cds_service.assessment.measure.course_weight import course_began
from cds_service.assessment.measure.four_ts import THROMBOSES
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.times import apart, at_or_after, at_or_before
from cds_service.assessment.model.verdict import (
    NO,
    Evidence,
    Reason,
    Verdict,
    unknown,
    unknown_because,
    yes,
)
from cds_service.chart.facts import Condition

_VENOUS = "vte"


def thrombosis_on_heparin(case: Case) -> Verdict:
    """Whether a clot began `thrombosis.after_start` or more into this course of heparin.

    Only clots of the last `thrombosis.within` count.
    """
    clots, began = _thromboses(case), course_began(case)
    verdicts = [_on_heparin(case, clot, began, clots) for clot in clots] if began else []
    grown = [clot for clot, verdict in zip(clots, verdicts, strict=False) if verdict.yes]
    if grown:
        return yes(*(_fact(clot) for clot in grown))
    doubt = unknown_because(*verdicts)
    return doubt if doubt.reasons else _no_unless_unread(case, clots, began)


def _thromboses(case: Case) -> list[Condition]:
    return [c for c in case.chart.conditions if c.concept in THROMBOSES and c.active is not False]


def _fact(clot: Condition) -> Evidence:
    return Evidence("thrombosis", 0.0, "", clot.onset, clot.source, "onset")


def _no_unless_unread(case: Case, clots: list[Condition], began: datetime | None) -> Verdict:
    """No clot on heparin, unless a failed query leaves it open."""
    if not case.is_complete("conditions"):
        return unknown(Reason("conditions", case.state("conditions").value))
    may_be_new = any(_may_be_new(case, clot.onset or clot.recorded) for clot in clots)
    if began is None and may_be_new and not case.is_complete("administrations", "orders"):
        return unknown(Reason("thrombosis", "medicinesUnknown"))
    return NO


def _on_heparin(case: Case, clot: Condition, began: datetime, clots: list[Condition]) -> Verdict:
    """Whether a clot began on heparin, by its onset.

    One that is only recorded, or has no date, may be new: that is unknown.
    """
    if clot.concept == _VENOUS and _known_before(case, clot, began, clots):
        return NO
    if clot.onset is None:
        return unknown(Reason("thrombosis", "noOnset")) if _may_be_new(case, clot.recorded) else NO
    if at_or_after(clot.onset, case.ago("thrombosis.within"), "thrombosis").no:
        return NO
    # A date in the future is a slip of the pen, and proves no clot.
    if not case.known_by_now(clot.onset):
        return NO
    return apart(clot.onset, began, case.protocol.span("thrombosis.after_start"), "thrombosis")


def _known_before(case: Case, clot: Condition, began: datetime, clots: list[Condition]) -> bool:
    """Whether the same clot stood on record around the start, and nothing calls this one new."""
    if clot.new:  # The record's own words: "progression", "despite heparin".
        return False
    until = began + case.protocol.span("thrombosis.after_start")
    earlier = [
        other
        for other in clots
        if other.concept == _VENOUS
        and other is not clot
        and at_or_before(other.onset or other.recorded, until, "thrombosis").yes
    ]
    return any(_same_site(clot, other) for other in earlier)


def _same_site(clot: Condition, other: Condition) -> bool:
    """Whether two clots have one site: by code, as codes of clots name their site, else by their
    text.
    """
    if clot.code and other.code:
        return clot.code == other.code
    return clot.label.casefold() == other.label.casefold()


def _may_be_new(case: Case, at: datetime | None) -> bool:
    return at is None or not at_or_after(at, case.ago("thrombosis.within"), "thrombosis").no
