"""What a missing fact leaves open while everything else says resistance. Clinical logic 1.

Silence is only for no: one card names the fact, without drugs. "Too early", "not drawn" and "too
old" are no such facts: until the level is overdue they are no, and then `monitoringDue` speaks.
"""

from __future__ import annotations

from cds_service.assessment.measure.level import Level
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.verdict import NO, Verdict, Verdicts, all_of, any_of, unknown

MEASURED = frozenset({"anti_xa", "aptt", "aptt_ratio", "pair", "heparinDose"})
NOT_YET = frozenset({"tooEarly", "missing", "stale", "notRunning", "tooShort", "noTrend"})


def is_undecided(m: Measured, so_far: Verdicts) -> Verdict:
    """Unknown, with the facts that keep it so, where the other parts of failing are yes."""
    if not so_far["failing"].unknown:
        return NO
    high = any_of(so_far["high_when_drawn"], so_far["plateau"])
    below = so_far["below_target"]
    if high.yes and below.unknown and (m.target.known.yes or _below_some(m)):
        return _left(below)
    if high.unknown and below.yes:
        return _left(high)
    return _left(so_far["failing"]) if high.yes and below.yes else NO


def _left(verdict: Verdict) -> Verdict:
    """What keeps an answer open, but what is only not there yet."""
    reasons = [r for r in verdict.reasons if r.fact not in MEASURED or r.why not in NOT_YET]
    return unknown(*reasons) if reasons else NO


def _below_some(m: Measured) -> bool:
    """Whether the level that leads lies below the highest lower limit that may be meant."""
    low = _lies_low(m, m.levels.anti_xa)
    low = low if not low.unknown else _lies_low(m, m.levels.aptt)
    return low.yes


def _lies_low(m: Measured, level: Level) -> Verdict:
    """Below that limit by a steady level; one that is only raised or lowered may say so too."""
    told = level.below(m.target.lowest_doubt(m.case, level.concept))
    stands = (told.yes and level.at_most) or (told.no and level.at_least)
    if not (level.usable.yes or stands):
        return level.usable
    return all_of(level.current, level.steady, told)
