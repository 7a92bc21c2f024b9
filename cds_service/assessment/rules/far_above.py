"""Far above target, and nothing done about it for two hours. Clinical logic 3, "far above"."""

from __future__ import annotations

from datetime import datetime

from cds_service.assessment.measure.level import Level
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.times import at_or_before
from cds_service.assessment.model.verdict import NO, Verdict, unknown, yes


def is_far_above(m: Measured) -> Verdict:
    """One level beyond the far line, or two running beyond target by the margin.

    It speaks two hours after the level that made it so was issued, if the rate neither fell nor
    stopped since; a newer level that is still far does not begin the two hours again.
    """
    if not m.infusion.running.yes:
        return NO if m.infusion.running.no else unknown(*m.infusion.running.reasons)
    newest = _leading(m)
    if not newest.current.yes or not newest.usable.yes:
        return unknown(*newest.current.reasons, *newest.usable.reasons)
    began = _made_it_far(m, newest)
    if began is None:
        return NO
    speaks_from = _known_at(m.case, began) + m.case.protocol.span("overshoot.wait")
    waited = at_or_before(speaks_from, m.case.now, newest.concept)
    if waited.no or _answered(m, began):
        return NO
    return yes(*((newest.evidence,) if newest.evidence else ())) if waited.yes else waited


def _leading(m: Measured) -> Level:
    """The newest anti-Xa, or the aPTT where it leads or nothing else can be used."""
    anti_xa, aptt = m.levels.newest_anti_xa, m.levels.newest_aptt
    if m.target.leads:
        return aptt if m.target.leads == "aptt" else anti_xa
    return anti_xa if anti_xa.current.yes and anti_xa.usable.yes else aptt


def _made_it_far(m: Measured, newest: Level) -> Level | None:
    """The first level of the present run of high ones that by itself or with the one before is far.

    None where the newest level does not stand in such a run.
    """
    usable = [v for v in m.levels.of(newest.concept) if v.usable.yes and v.current.yes]
    run = []
    for level in usable:  # newest first
        if not _high(m, level):
            break
        run.append(level)
    run.reverse()
    for place, level in enumerate(run):
        if place or _beyond(m, level):
            return level
    return None


def _high(m: Measured, level: Level) -> bool:
    """Above target by more than the margin, or beyond the far line."""
    margin = m.case.protocol[f"overshoot.{level.concept}_margin"]
    return m.target.above(level, margin).yes or _beyond(m, level)


def _beyond(m: Measured, level: Level) -> bool:
    return level.above(m.case.protocol[f"levels.{level.concept}_far"]).yes


def _known_at(case: Case, level: Level) -> datetime:
    """When the ward could know of it."""
    issued = None if level.result is None else level.result.issued
    if issued is not None:
        return issued
    return (level.drawn or case.now) + case.protocol.span("overshoot.issued_after")


def _answered(m: Measured, level: Level) -> bool:
    """A hold, or a rate lowered by the step, since that level was drawn."""
    drawn = level.drawn
    if drawn is None or level.rate is None:
        return False
    lowered = level.rate * (1 - m.case.protocol["overshoot.fall"] / 100)
    since = [s for s in m.infusion.segments if s.end is None or s.end > drawn]
    return any(s.rate is not None and s.rate <= lowered for s in since)
