"""What opens a drug: resistance that would convince a sceptic. Clinical logic 3, "confirmed".

Failing at a known weight, and by two steady levels with a raise between them, by the required
rate, or after antithrombin that came back to normal.
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
    """Whether failing is confirmed; unknown names what keeps it open."""
    failing = so_far["failing"]
    if not m.case.protocol.allows("confirmation") or not failing.yes:
        return failing
    level = m.levels.deciding
    how = any_of(_two_levels(m, level), _by_required_rate(m, level), so_far["refractory"])
    if how.no:  # without a weight the required rate, which might say otherwise, is silent
        return NO if m.course_weight.known.yes else m.course_weight.known
    return all_of(
        how, m.course_weight.known, _charted(m), _worth(m, level, so_far), _strong(m, so_far)
    )


def _charted(m: Measured) -> Verdict:
    """By administrations; by orders alone only where the site keeps none."""
    kept = m.case.protocol.allows("administrations_kept")
    by_order = m.infusion.by_order and kept
    return unknown(Reason("heparinDose", "byOrderOnly")) if by_order else YES


def _worth(m: Measured, level: Level, so_far: Verdicts) -> Verdict:
    """An aPTT alone opens a drug only in the laboratory's own range, without anti-Xa to be had.

    A raised acute phase shortens the aPTT.
    """
    if level.concept == "anti_xa":
        return YES
    if m.case.protocol.chosen("aptt_range") != "site":
        return unknown(Reason("aptt", "rangeUnset"))
    if m.case.protocol.allows("anti_xa_measured"):
        return unknown(Reason("anti_xa", "decides"))
    return NO if so_far["acute_phase"].yes else YES


def _strong(m: Measured, so_far: Verdicts) -> Verdict:
    """High by weight, not by units alone; or a plateau, or a clot on heparin."""
    rate, kg = m.levels.deciding.rate, m.course_weight.kg
    steep = rate is not None and (kg is None or is_steep(m, rate))  # no weight: named apart
    return YES if steep else any_of(so_far["plateau"], so_far["thrombosis_on_heparin"])


def _two_levels(m: Measured, later: Level) -> Verdict:
    """A steady low level, and an earlier one at a rate at least a step lower."""
    if not (_usable(later) and clearly_below(m, later) and later.rate and _single(m)):
        return NO
    raised = 1 + m.case.protocol["resistance.raise"] / 100
    before = [
        level
        for level in _since_dose(m, later)
        if level.drawn is not None
        and later.drawn is not None
        and level.drawn < later.drawn
        and m.target.below(level).yes
        and level.rate
        and later.rate >= level.rate * raised - ROUNDING
    ]
    if not before or _spared(m, later, by_lower=True):
        return NO
    facts = (later.evidence, before[0].evidence)
    return yes(*(fact for fact in facts if fact is not None))


ROUNDING = 1e-6  # U/h; a tenth more in decimal may be a hair less in binary


def _by_required_rate(m: Measured, level: Level) -> Verdict:
    """The required rate very likely above the line, while that much runs."""
    found, rate = m.need.rate, m.infusion.rate
    if found is None or not found.confirms or rate is None or not is_steep(m, rate):
        return NO
    if not (_usable(level) and clearly_below(m, level) and level.concept == m.need.concept):
        return NO
    if not _after_dose(m, level) or _spared(m, level, by_lower=False):
        return NO
    return yes(level.evidence) if level.evidence else YES


def _usable(level: Level) -> bool:
    return level.current.yes and level.steady.yes and level.usable.yes


def clearly_below(m: Measured, level: Level) -> bool:
    """Whether a level lies below target by the margin that assay noise does not reach."""
    ranges = m.target.of(level.concept)
    lines = [round(one.low - margin(m.case, level), DECIMALS) for one in ranges]
    return bool(lines) and all(level.above(line).no for line in lines)


DECIMALS = 6


def _single(m: Measured) -> bool:
    """One infusion: with several it cannot be told which one was raised."""
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
    start = None if dose is None else dose.start
    return start is None or (level.drawn is not None and level.drawn > start)


def _spared(m: Measured, later: Level, *, by_lower: bool) -> bool:
    """A level at target (or above it) at hardly more than the present rate: no resistance."""
    most = (m.infusion.rate or 0.0) * m.case.protocol["resistance.rate_near"] / 100
    return any(
        (m.target.below(level).no if by_lower else m.target.above(level).yes)
        for level in _since_dose(m, later)
        if level.rate is not None and level.rate <= most
    )
