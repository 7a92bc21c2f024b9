"""Samples that look drawn from the heparin line: a jump up at a rate that was not raised.

Clinical logic 2.4. A first level is never suspect. What is suspect decides nothing, and one
card asks for a sample from the other arm.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from cds_service.assessment.measure.infusion import Infusion
from cds_service.assessment.measure.level import Level
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.verdict import Reason, unknown

SUSPECT = "suspect"


def is_suspect(level: Level) -> bool:
    """Whether a level was set aside as drawn from the line."""
    return any(reason.why == SUSPECT for reason in level.usable.reasons)


def without_suspects(
    case: Case, infusion: Infusion, aptts: tuple[Level, ...], anti_xas: tuple[Level, ...]
) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    """Both tests' levels, newest first, with suspect ones marked as not usable."""
    jumps = case.protocol["trust.suspect_rise"]
    marked = tuple(
        _marked(level)
        if before is not None and (level.value or 0) - (before.value or 0) >= jumps
        else level
        for level, before in _with_before(case, infusion, anti_xas)
    )
    line = case.protocol["trust.suspect_aptt"]
    aptt = tuple(
        _marked(level)
        if before is not None and _reaches(level, before, line) and not _beside(case, level, marked)
        else level
        for level, before in _with_before(case, infusion, aptts)
    )
    return aptt, marked


def _reaches(level: Level, before: Level, line: float) -> bool:
    """Rises to the line in seconds; a ratio has no line."""
    if level.concept != "aptt" or level.value is None or before.value is None:
        return False
    return before.value < line <= level.value


def _marked(level: Level) -> Level:
    return replace(level, usable=unknown(Reason(level.concept, SUSPECT)), until=None, at_most=False)


def _with_before(
    case: Case, infusion: Infusion, levels: tuple[Level, ...]
) -> list[tuple[Level, Level | None]]:
    """Each level with the one before it, where that is near and neither raise nor bolus between."""
    read = [level for level in levels if level.value is not None]
    earlier = {id(one): two for one, two in pairwise(read)}
    return [(level, _comparable(case, infusion, level, earlier.get(id(level)))) for level in levels]


def _comparable(case: Case, infusion: Infusion, level: Level, before: Level | None) -> Level | None:
    if before is None or level.drawn is None or before.drawn is None:
        return None
    if level.rate is None or not before.rate:
        return None
    since = level.drawn - before.drawn
    raised = level.rate > before.rate * (1 + case.protocol["heparin.drafted_raise"] / 100)
    given = any(before.drawn <= bolus.at <= level.drawn for bolus in infusion.boluses)
    near = since <= case.protocol.span("trust.suspect_within")
    return before if near and not raised and not given else None


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
