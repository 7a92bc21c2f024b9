"""Samples that look drawn from the heparin line: a level jumps up at a rate that was not raised.

A suspect sample decides nothing, and one card asks for a sample from the other arm. The first level
of a course is never suspect. Clinical logic 2.4.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from cds_service.assessment.measure.infusion import Infusion
from cds_service.assessment.measure.level import Level
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.verdict import Reason, unknown

_SUSPECT = "suspect"


def is_suspect(level: Level) -> bool:
    """Whether a level was set aside as drawn from the line."""
    return any(reason.why == _SUSPECT for reason in level.usable.reasons)


def without_suspects(
    case: Case, infusion: Infusion, aptts: tuple[Level, ...], anti_xas: tuple[Level, ...]
) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    """Both tests' levels, newest first, with suspect ones marked as not usable."""
    jump = case.protocol["trust.suspect_rise"]
    line, far = case.protocol["trust.suspect_aptt"], case.protocol["levels.aptt_far"]
    checked_xas = tuple(
        _marked(level) if _jumps(level, before, jump) else level
        for level, before in _with_before(case, infusion, anti_xas)
    )
    # The anti-Xa first: a usable one of the same draw shows whether a high aPTT is real.
    checked_aptts = tuple(
        _marked(level)
        if _reaches(level, before, line, far) and not _beside(case, level, checked_xas)
        else level
        for level, before in _with_before(case, infusion, aptts)
    )
    return checked_aptts, checked_xas


def _jumps(level: Level, before: Level | None, jump: float) -> bool:
    """Whether an anti-Xa rose by at least `jump` IU/mL."""
    return before is not None and (level.value or 0) - (before.value or 0) >= jump


def _reaches(level: Level, before: Level | None, line: float, far: float) -> bool:
    """Whether an aPTT rose to the line in seconds; for an aPTT ratio there is no line.

    From one that was far above target already it is no jump: it is still far above.
    """
    if level.concept != "aptt" or before is None or before.value is None:
        return False
    return before.value <= min(far, line) and (level.value or 0) >= line


def _marked(level: Level) -> Level:
    return replace(
        level, usable=unknown(Reason(level.concept, _SUSPECT)), until=None, at_most=False
    )


def _with_before(
    case: Case, infusion: Infusion, levels: tuple[Level, ...]
) -> list[tuple[Level, Level | None]]:
    """Each level with the one before it, where that is near and neither a raise nor a bolus lies
    between.
    """
    read = [level for level in levels if level.value is not None]
    earlier = {id(one): two for one, two in pairwise(read)}
    return [(level, _comparable(case, infusion, level, earlier.get(id(level)))) for level in levels]


def _comparable(case: Case, infusion: Infusion, level: Level, before: Level | None) -> Level | None:
    if before is None or level.drawn is None or before.drawn is None:
        return None
    given = any(before.drawn <= bolus.at <= level.drawn for bolus in infusion.boluses)
    near = level.drawn - before.drawn <= case.protocol.span("trust.suspect_within")
    explained = given or _may_be_raised(case, level, before)
    return before if near and not explained else None


def _may_be_raised(case: Case, level: Level, before: Level) -> bool:
    """Whether the rate was raised between two levels, or is not known at one of them."""
    if level.rate is None or not before.rate:
        return True
    return level.rate > before.rate * (1 + case.protocol["heparin.drafted_raise"] / 100)


def _beside(case: Case, level: Level, anti_xas: tuple[Level, ...]) -> bool:
    """Whether a usable anti-Xa of the same draw tells what the aPTT is worth."""
    span = case.protocol.span("levels.pair")
    return any(
        other.usable.yes
        and other.current.yes
        and other.drawn is not None
        and level.drawn is not None
        and abs(other.drawn - level.drawn) <= span
        for other in anti_xas
    )
