"""Confirmed resistance: what it takes before a drug is offered. Clinical logic 3, "confirmed".

Failing at a known weight, and besides: by two steady levels with a raise between them, by the
required rate, or after antithrombin that came back to normal.
"""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.assessment.measure.level import Level
from cds_service.assessment.measure.level_patterns import margin
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.verdict import (
    NO,
    YES,
    Reason,
    Verdict,
    Verdicts,
    all_of,
    any_of,
    unknown,
    yes,
)
from cds_service.assessment.rules.dose_rules import is_steep


def is_confirmed(m: Measured, so_far: Verdicts) -> Verdict:
    """Whether failing is confirmed; unknown gives the reasons that keep it open."""
    failing = so_far["failing"]
    if not m.case.protocol.allows("confirmation") or not failing.yes:
        return failing
    level = m.levels.deciding
    how = any_of(
        _two_levels(m, level), _by_required_rate(m, level), _clearly_refractory(m, level, so_far)
    )
    if how.no:  # without a weight the required rate, which might say otherwise, is silent
        return NO if m.course_weight.known.yes else m.course_weight.known
    return all_of(
        how, m.course_weight.known, _charted(m), _worth(m, level, so_far), _strong(m, so_far)
    )


def _clearly_refractory(m: Measured, level: Level, so_far: Verdicts) -> Verdict:
    """Refractory by more than assay noise: what opens a switch keeps the margin of the others."""
    return so_far["refractory"] if clearly_below(m, level) else NO


def _charted(m: Measured) -> Verdict:
    """Whether the rate is known by administrations; by orders only where the site keeps no
    others.
    """
    kept = m.case.protocol.allows("administrations_kept")
    by_order = m.infusion.by_order and kept
    return unknown(Reason("heparinDose", "byOrderOnly")) if by_order else YES


def _worth(m: Measured, level: Level, so_far: Verdicts) -> Verdict:
    """Whether the deciding level may open a drug.

    An aPTT may only in the laboratory's own range, and where no anti-Xa can be had. A raised acute
    phase shortens the aPTT.
    """
    if level.concept == "anti_xa":
        return YES
    # Reagents differ: "60-100 s" of another laboratory says little about this one's aPTT.
    if m.case.protocol.chosen("aptt_range") != "site":
        return unknown(Reason("aptt", "rangeUnset"))
    # Where anti-Xa can be measured, it is cheaper than a drug given for a misleading aPTT.
    if m.case.protocol.allows("anti_xa_measured"):
        return unknown(Reason("anti_xa", "decides"))
    return NO if so_far["acute_phase"].yes else YES


def _strong(m: Measured, so_far: Verdicts) -> Verdict:
    """High by weight, not by units alone; else a plateau or a clot on heparin."""
    rate, kg = m.levels.deciding.rate, m.course_weight.kg
    # 35,000 U/day alone is an ordinary rate for a heavy patient.
    steep = rate is not None and (kg is None or is_steep(m, rate))  # no weight: named apart
    return YES if steep else any_of(so_far["plateau"], so_far["thrombosis_on_heparin"])


def _two_levels(m: Measured, later: Level) -> Verdict:
    """A steady level clearly below, and an earlier one below target at a rate a step lower."""
    if not (_is_low(m, later) and _single(m)):
        return NO
    before = [one for one in _since_dose(m, later) if _low_at_less(m, one, later)]
    if not before or _spared(m, later, by_lower=True):
        return NO
    return yes(*later.facts, *before[0].facts)


def _low_at_less(m: Measured, level: Level, later: Level) -> bool:
    """Whether a level before another was below target at a rate lower by `resistance.raise` %."""
    if not (level.rate and later.rate and _drawn_before(level, later)):
        return False
    raised = 1 + m.case.protocol["resistance.raise"] / 100
    return m.target.below(level).yes and later.rate >= level.rate * raised - _ROUNDING


def _drawn_before(level: Level, later: Level) -> bool:
    return level.drawn is not None and later.drawn is not None and level.drawn < later.drawn


_ROUNDING = 1e-6  # U/h; a tenth more in decimal may be a hair less in binary


def _by_required_rate(m: Measured, level: Level) -> Verdict:
    """The required rate lies very likely above the line, while that much runs."""
    if not _need_confirms(m):
        return NO
    if level.concept != m.need.concept or not _is_low(m, level):
        return NO
    if not _after_dose(m, level) or _spared(m, level, by_lower=False):
        return NO
    return yes(level.evidence) if level.evidence else YES


def _need_confirms(m: Measured) -> bool:
    found, rate = m.need.rate, m.infusion.rate
    return found is not None and found.confirms and rate is not None and is_steep(m, rate)


def _is_low(m: Measured, level: Level) -> bool:
    return _usable(level) and clearly_below(m, level)


def _usable(level: Level) -> bool:
    return level.current.yes and level.steady.yes and level.usable.yes


def clearly_below(m: Measured, level: Level) -> bool:
    """Whether a level lies below every candidate target by more than assay noise
    (`levels.*_margin`).
    """
    ranges = m.target.of(level.concept)
    lines = [round(one.low - margin(m.case, level), _DECIMALS) for one in ranges]
    return bool(lines) and all(level.above(line).no for line in lines)


_DECIMALS = 6


def _single(m: Measured) -> bool:
    """Whether one infusion runs: of several nobody knows which one was raised."""
    return len(m.infusion.parts) <= 1


def _since_dose(m: Measured, later: Level) -> Iterable[Level]:
    """Steady usable levels of the test in the window, after the last antithrombin dose."""
    since = m.case.protocol.span("resistance.levels_within")
    return (
        level
        for level in m.levels.of(later.concept)
        if level.drawn is not None
        and later.drawn is not None
        and later.drawn - level.drawn <= since
        and _usable(level)
        and _after_dose(m, level)
        and _after_dose(m, later)
    )


def _after_dose(m: Measured, level: Level) -> bool:
    dose = m.antithrombin.last_dose
    # A level from before the dose shows the patient without antithrombin.
    start = None if dose is None else dose.start
    return start is None or (level.drawn is not None and level.drawn > start)


def _spared(m: Measured, later: Level, *, by_lower: bool) -> bool:
    """Whether a level was at target (or above it) at hardly more than the present rate.

    That rules resistance out: the patient needed no more heparin shortly before.
    """
    most = (m.infusion.rate or 0.0) * m.case.protocol["resistance.rate_near"] / 100
    return any(
        # Two levels are refuted by one in range; the estimate has taken that one in, so only one
        # above.
        (m.target.below(level).no if by_lower else m.target.above(level).yes)
        for level in _since_dose(m, later)
        if level.rate is not None and level.rate <= most
    )
