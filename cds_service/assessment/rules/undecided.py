"""Facts that are missing while everything else says resistance. Clinical logic 1.

Silence means no, so a fact that keeps the answer open is named on a card, which offers no drug.
"Too early", "not drawn" and "too old" are not such facts: until the level is overdue they count as
no, and then `monitoringDue` asks for it.
"""

from __future__ import annotations

from cds_service.assessment.measure.level import Level
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.verdict import (
    NO,
    Truth,
    Verdict,
    Verdicts,
    all_of,
    any_of,
    unknown,
)

_MEASURED = frozenset({"anti_xa", "aptt", "aptt_ratio", "pair", "heparinDose"})
NOT_YET = frozenset({"tooEarly", "missing", "stale", "notRunning", "tooShort", "noTrend"})


def is_undecided(m: Measured, verdicts: Verdicts) -> Verdict:
    """Unknown, with the facts that keep it so, where the other parts of failing are yes."""
    failing, below = verdicts["failing"], verdicts["below_target"]
    if not failing.unknown:
        return NO
    high = any_of(verdicts["high_when_drawn"], verdicts["plateau"])
    open_parts = {
        (Truth.YES, Truth.YES): failing,
        (Truth.UNKNOWN, Truth.YES): high,
        (Truth.YES, Truth.UNKNOWN): below if _may_be_low(m) else NO,
    }
    return _left(open_parts.get((high.truth, below.truth), NO))


def _may_be_low(m: Measured) -> bool:
    return m.target.known.yes or _below_some(m)


def _left(verdict: Verdict) -> Verdict:
    """The reasons of an open verdict, without those that only say that a value is not there yet."""
    reasons = [r for r in verdict.reasons if r.fact not in _MEASURED or r.why not in NOT_YET]
    return unknown(*reasons) if reasons else NO


def _below_some(m: Measured) -> bool:
    """Whether the level that leads lies below the highest lower limit that may be meant."""
    low = _lies_low(m, m.levels.anti_xa)
    low = low if not low.unknown else _lies_low(m, m.levels.aptt)
    return low.yes


def _lies_low(m: Measured, level: Level) -> Verdict:
    """Below that limit by a steady level; one that is only raised or lowered may say so too."""
    low = level.below(m.target.lowest_doubt(m.case, level.concept))
    stands = (low.yes and level.at_most) or (low.no and level.at_least)
    if not (level.usable.yes or stands):
        return level.usable
    return all_of(level.current, level.steady, low)
