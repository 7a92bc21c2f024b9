"""A clot that grew while treatment heparin ran. Clinical logic 3, "thrombosis on heparin" (R25).

A venous clot that heparin was begun for is none: one that stood on record around the start counts
only where a later one has another site, or its text calls it new.
"""

from __future__ import annotations

from datetime import datetime

from cds_service.assessment.measure.course_weight import course_began
from cds_service.assessment.measure.four_ts import THROMBOSES
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.times import apart, at_or_after, at_or_before
from cds_service.assessment.model.verdict import NO, Evidence, Reason, Verdict, unknown, yes
from cds_service.chart.facts import Condition

VENOUS = "vte"


def thrombosis_on_heparin(case: Case) -> Verdict:
    """Whether a clot began a day or more into this course of treatment heparin, and of late."""
    found = [c for c in case.chart.conditions if c.concept in THROMBOSES and c.active is not False]
    began = course_began(case)
    told = [(c, _on_heparin(case, c, began, found)) for c in found if began is not None]
    clots = [c for c, verdict in told if verdict.yes]
    if clots:
        return yes(*(Evidence("thrombosis", 0.0, "", c.onset, c.source, "onset") for c in clots))
    open_ = [reason for _, verdict in told if verdict.unknown for reason in verdict.reasons]
    if open_:
        return unknown(*dict.fromkeys(open_))
    if not case.is_complete("conditions"):
        return unknown(Reason("conditions", case.state("conditions").value))
    late = [c for c in found if _may_be_new(case, c.onset or c.recorded)]
    if began is None and late and not case.is_complete("administrations", "orders"):
        return unknown(Reason("thrombosis", "medicinesUnknown"))
    return NO


def _on_heparin(
    case: Case, clot: Condition, began: datetime | None, found: list[Condition]
) -> Verdict:
    """By its onset; one that is only recorded, or neither, is open while it may be new."""
    if clot.concept == VENOUS and _known_before(case, clot, began, found):
        return NO
    if clot.onset is None:
        return unknown(Reason("thrombosis", "noOnset")) if _may_be_new(case, clot.recorded) else NO
    if at_or_after(clot.onset, case.ago("thrombosis.within"), "thrombosis").no:
        return NO
    if not case.known_by_now(clot.onset):
        return NO
    return apart(clot.onset, began, case.protocol.span("thrombosis.after_start"), "thrombosis")


def _known_before(
    case: Case, clot: Condition, began: datetime | None, found: list[Condition]
) -> bool:
    """Whether the same clot stood on record around the start, and nothing calls this one new."""
    if clot.new or began is None:
        return False
    until = began + case.protocol.span("thrombosis.after_start")
    earlier = [
        other
        for other in found
        if other.concept == VENOUS
        and other is not clot
        and at_or_before(other.onset or other.recorded, until, "thrombosis").yes
    ]
    return any(_same_site(clot, other) for other in earlier)


def _same_site(clot: Condition, other: Condition) -> bool:
    """By code, else by what the record calls it: codes of clots name their site."""
    if clot.code and other.code:
        return clot.code == other.code
    return clot.label.casefold() == other.label.casefold()


def _may_be_new(case: Case, at: datetime | None) -> bool:
    return at is None or not at_or_after(at, case.ago("thrombosis.within"), "thrombosis").no
