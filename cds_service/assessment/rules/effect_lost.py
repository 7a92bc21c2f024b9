"""Effect lost: a level that fell at an unchanged rate. Clinical logic 3 and 4.

The sample, the line, the pump or the bag are checked before resistance is thought of: in the
simulated unit three of four such falls were the sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from statistics import median

from cds_service.assessment.measure.level import Level
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.verdict import NO, Verdict, yes


def is_effect_lost(m: Measured) -> Verdict:
    """Whether the newest usable level fits neither its rate nor the levels before it.

    Judged by the required rate where that has enough pairs; else by the median of earlier levels at
    about that rate. It stays yes until the next usable level, also after a raise.
    """
    newest = _newest_usable(m)
    if newest is None or not m.target.below(newest).yes or not newest.rate:
        return NO
    facts = (newest.evidence,) if newest.evidence else ()
    by_need = _by_need(m, newest)
    lost = _by_median(m, newest) if by_need is None else by_need
    return yes(*facts) if lost else NO


def _newest_usable(m: Measured) -> Level | None:
    """Of the test that decides, of the last hours, at a rate unchanged for six hours."""
    level = m.levels.deciding
    # A level drawn too early, or disturbed, is low for a reason of its own.
    settled = level.current.yes and level.steady.yes and level.usable.yes
    # Where the last row ended before the draw the pump may be off: no loss of effect.
    if not settled or level.drawn is None or not _is_charted(m, level.drawn):
        return None
    since = m.infusion.steady_since(level.drawn)
    wait = m.case.protocol.span("required_rate.steady_for")
    return level if since is not None and level.drawn - since >= wait else None


def _is_charted(m: Measured, at: datetime) -> bool:
    """Whether a charted rate covers a moment, not only up to a little while before it."""
    return any(
        s.rate and s.start <= at and (s.end is None or at <= s.end) for s in m.infusion.segments
    )


def _by_need(m: Measured, newest: Level) -> bool | None:
    """Whether the required rate calls this very level lost; None where it has too few pairs before
    it.
    """
    rate = m.need.rate
    if rate is None or newest.concept != m.need.concept or not rate.steps:
        return None
    last = rate.steps[-1]
    enough = len(rate.steps) > m.case.protocol["required_rate.fewest_pairs"]
    # The estimate must have had its two pairs before this level came.
    if not enough or last.pair.at != newest.drawn:
        return None
    return rate.effect_lost


def _by_median(m: Measured, newest: Level) -> bool:
    """Whether a level lies under `resistance.lost_share` percent of the median before it."""
    before = list(_values_before(m, newest))
    if len(before) < m.case.protocol["resistance.lost_fewest"] or newest.value is None:
        return False
    return newest.value <= median(before) * m.case.protocol["resistance.lost_share"] / 100


def _values_before(m: Measured, newest: Level) -> Iterator[float]:
    """Steady usable values of the same test before a level, at about its rate."""
    for level in m.levels.of(newest.concept):
        trusted = level.usable.yes and level.steady.yes and _is_earlier(level, newest)
        if trusted and level.value is not None and _at_about_its_rate(m, level, newest):
            yield level.value


def _is_earlier(level: Level, newest: Level) -> bool:
    return level.drawn is not None and newest.drawn is not None and level.drawn < newest.drawn


def _at_about_its_rate(m: Measured, level: Level, newest: Level) -> bool:
    if not (level.rate and newest.rate):
        return False
    near = m.case.protocol["required_rate.lost_rate_change"] / 100
    return abs(newest.rate / level.rate - 1) <= near
