"""Where recorded times are compared: yes, no, or unknown.

A comparison holds if it holds for every moment that the recorded times can mean. If it holds for
some of them only, it is unknown, and the reason names the inexact time. Between exact times it is
never unknown. Whatever decides (current, steady, before a dose, within a window) asks here; a plain
`<` between recorded times is for sorting only, and takes the earliest moment.

    at_or_after(result.at, case.ago("levels.current"), "aptt")     drawn in the last hours?
    apart(result.at, change, case.protocol.span("levels.aptt_steady"), "aptt")
    before(result.at, dose.start, "antithrombin")
"""

from __future__ import annotations

from datetime import datetime, timedelta

from cds_service.assessment.model.verdict import (
    NO,
    YES,
    Reason,
    Verdict,
    all_of,
    negate,
    unknown,
    verdict_of,
)
from cds_service.chart.fhir_datetime import DATE_ONLY, NO_ZONE, Stretch, earliest, latest

UNDATED = "undated"
AHEAD = "ahead"  # dated in the future
# Why a recorded time cannot be placed: the fact is on record, and may be the one that decides.
UNPLACED = frozenset({UNDATED, AHEAD, DATE_ONLY, NO_ZONE})


def before(at: datetime | None, limit: datetime | None, fact: str) -> Verdict:
    """Whether a time lies before another; `fact` is what a reason will name."""
    # Undated is unknown, never "not before": the fact may be the one that decides.
    if at is None or limit is None:
        return unknown(Reason(fact, UNDATED))
    if not isinstance(at, Stretch) and not isinstance(limit, Stretch):
        return verdict_of(at < limit)
    if latest(at) < earliest(limit):
        return YES
    if earliest(at) >= latest(limit):
        return NO
    return unknown(_left_open(fact, at, limit))


def at_or_after(at: datetime | None, limit: datetime | None, fact: str) -> Verdict:
    """Whether a time is another or later."""
    return negate(before(at, limit, fact))


def at_or_before(at: datetime | None, limit: datetime | None, fact: str) -> Verdict:
    """Whether a time is another or earlier."""
    return negate(before(limit, at, fact))


def within(
    at: datetime | None, first: datetime | None, last: datetime | None, fact: str
) -> Verdict:
    """Whether a time lies between two others, both counted in."""
    return all_of(at_or_after(at, first, fact), at_or_before(at, last, fact))


def apart(later: datetime | None, earlier: datetime | None, span: timedelta, fact: str) -> Verdict:
    """Whether at least a span lies between two times, in this order."""
    return at_or_after(later, None if earlier is None else earlier + span, fact)


def _left_open(fact: str, *times: datetime) -> Reason:
    loose = next(at for at in times if isinstance(at, Stretch))
    return Reason(fact, loose.why, loose.written)
