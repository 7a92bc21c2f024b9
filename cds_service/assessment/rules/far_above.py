"""Far above target for two hours, with nothing done about it. Clinical logic 3, "far above"."""

from __future__ import annotations

from datetime import datetime
from itertools import takewhile

from cds_service.assessment.measure.level import Level
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.times import at_or_before
from cds_service.assessment.model.verdict import NO, Verdict, unknown, yes


def is_far_above(m: Measured) -> Verdict:
    """One level beyond the far line, or two in a row beyond target by the margin.

    Yes from two hours (`overshoot.wait`) after the level that made it so was issued, if the rate
    neither fell nor stopped since. A newer level that is still far does not begin the wait again.
    """
    if not m.infusion.running.yes:
        return NO if m.infusion.running.no else unknown(*m.infusion.running.reasons)
    newest = _leading(m)
    if not newest.current.yes or not newest.usable.yes:
        return unknown(*newest.current.reasons, *newest.usable.reasons)
    began = _made_it_far(m, newest)
    if began is None or was_lowered(m, began):
        return NO
    speaks_from = _known_at(m.case, began) + m.case.protocol.span("overshoot.wait")
    waited = at_or_before(speaks_from, m.case.now, newest.concept)
    return yes(*newest.facts) if waited.yes else waited


def _leading(m: Measured) -> Level:
    """The newest anti-Xa, or the aPTT where it leads or nothing else can be used."""
    anti_xa, aptt = m.levels.newest_anti_xa, m.levels.newest_aptt
    if m.target.leads:
        return aptt if m.target.leads == "aptt" else anti_xa
    # A foreign anti-Xa is high for another drug's sake.
    return anti_xa if anti_xa.current.yes and anti_xa.usable.yes else aptt


def _made_it_far(m: Measured, newest: Level) -> Level | None:
    """The first level, of the present run of high ones, that is far alone or with the one before.

    None where the newest level does not stand in such a run.
    """
    usable = (v for v in m.levels.of(newest.concept) if v.usable.yes and v.current.yes)
    newest_first = list(takewhile(lambda level: _high(m, level), usable))
    run = enumerate(reversed(newest_first))
    return next((level for place, level in run if place or _beyond(m, level)), None)


def _high(m: Measured, level: Level) -> bool:
    """Above target by more than the margin, or beyond the far line."""
    margin = m.case.protocol[f"overshoot.{level.concept}_margin"]
    return m.target.above(level, margin).yes or _beyond(m, level)


def _beyond(m: Measured, level: Level) -> bool:
    return level.above(m.case.protocol[f"levels.{level.concept}_far"]).yes


def _known_at(case: Case, level: Level) -> datetime:
    """When the ward could know of a level: when it was issued, else some time after it was
    drawn.
    """
    issued = None if level.result is None else level.result.issued
    if issued is not None:  # Nobody could have lowered the rate before the result was out.
        return issued
    return (level.drawn or case.now) + case.protocol.span("overshoot.issued_after")


def was_lowered(m: Measured, level: Level) -> bool:
    """Whether the rate was stopped, or lowered by `overshoot.fall` percent, since a level."""
    drawn = level.drawn
    if drawn is None or level.rate is None:
        return False
    lowered = level.rate * (1 - m.case.protocol["overshoot.fall"] / 100)
    since = [s for s in m.infusion.segments if s.lasts_beyond(drawn)]
    return any(s.rate is not None and s.rate <= lowered for s in since)
