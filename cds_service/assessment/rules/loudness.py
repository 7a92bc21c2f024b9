"""Whether resistance is a warning or information, and when it waits. Clinical logic 3, "How
loud".
"""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.assessment.measure.daily_dose import per_kg_h
from cds_service.assessment.measure.infusion import differs
from cds_service.assessment.measure.level import Level
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.measure.segments import Segment
from cds_service.assessment.model.verdict import (
    NO,
    YES,
    Evidence,
    Verdict,
    Verdicts,
    unknown,
    verdict_of,
    yes,
)
from cds_service.assessment.rules.confirmation import clearly_below
from cds_service.assessment.rules.trends import rises


def is_loud(m: Measured, so_far: Verdicts) -> Verdict:
    """Whether resistance is a warning, not only information.

    Unconfirmed, it is a warning where the required rate probably lies above the line, or is not
    known. It is none on requirement alone, by an aPTT without the laboratory's own range, or while
    a raise waits for its level.
    """
    if so_far["confirmed"].yes:
        return YES
    if not so_far["failing"].yes or _is_quiet(m, so_far):
        return NO
    # The shipped seconds are a placeholder until the laboratory has set its own.
    unset = m.case.protocol.chosen("aptt_range") != "site"
    if unset and m.levels.deciding.concept != "anti_xa" and m.case.protocol.allows("confirmation"):
        return NO
    probability = m.need.probability
    loud = m.case.protocol["resistance.loud_probability"]
    return verdict_of(probability is None or probability >= loud)


def _is_quiet(m: Measured, so_far: Verdicts) -> bool:
    return so_far["raised_since_level"].yes or hardly_below(m)


def hardly_below(m: Measured) -> bool:
    """Whether the level lies below target by no more than assay noise, after one that did not.

    Told by the last level before it at about this rate that lay clearly below or not below: a
    level that wanders about the line does not make a warning come and go.
    """
    newest = m.levels.deciding
    if not m.case.protocol.allows("confirmation") or clearly_below(m, newest):
        return False
    for level in _steady_before(m, newest):
        if _at_another_rate(m, level, newest) or clearly_below(m, level):
            return False
        if m.target.below(level).no:
            return True
    return False


def _steady_before(m: Measured, newest: Level) -> Iterator[Level]:
    """Steady usable levels of the same test drawn before this one, the newest first."""
    at = newest.drawn
    for level in m.levels.of(newest.concept):
        earlier = at is not None and level.drawn is not None and level.drawn < at
        if earlier and level.steady.yes and level.usable.yes:
            yield level


def _at_another_rate(m: Measured, level: Level, newest: Level) -> bool:
    return not (level.rate and newest.rate) or differs(m.case, level.rate, newest.rate)


def raised_since_level(m: Measured) -> Verdict:
    """Whether the rate rose by a counted step after the level that decides was drawn."""
    level, running = m.levels.deciding, m.infusion.running
    drawn = level.drawn
    if running.no or (drawn is None and m.case.is_complete("coagulation")):
        return NO
    if running.unknown or drawn is None:
        return unknown(*running.reasons, *level.current.reasons)
    risen = m.infusion.raised_since(drawn)
    steps = rises(m.case, m.infusion, drawn)
    if not risen.yes or not steps:
        return risen
    newest = steps[-1][1]
    return yes(_risen_fact(newest))


def _risen_fact(newest: Segment) -> Evidence:
    return Evidence("rate", newest.rate or 0.0, "U/h", newest.start, newest.source, "rises")


def waits_for_level(m: Measured, so_far: Verdicts) -> Verdict:
    """Whether a finding waits, as information, for the level after a raise.

    A confirmed one waits only where the required rate lies at or below what runs now.
    """
    risen = so_far["raised_since_level"]
    if not risen.yes or not so_far["confirmed"].yes:
        return risen
    shown = None if m.need.rate is None else m.need.rate.shown
    runs = per_kg_h(m.infusion.rate or 0.0, m.course_weight.kg)
    # The raise may have been enough already: the next level will say.
    reached = shown is not None and runs is not None and shown.need <= runs
    return risen if reached else NO
