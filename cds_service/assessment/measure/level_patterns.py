"""What the levels say together: below or above target, and the patterns of two tests.

A pattern needs both tests drawn close together at a steady rate. Clinical logic 2.4 and 3.
"""

from __future__ import annotations

from cds_service.assessment.measure.level import Level
from cds_service.assessment.measure.target import Target
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.times import within
from cds_service.assessment.model.verdict import (
    NO,
    Reason,
    Truth,
    Verdict,
    all_of,
    negate,
    unknown,
    unknown_because,
)


def are_paired(case: Case, aptt: Level, anti_xa: Level) -> bool:
    """Whether two steady levels were drawn within `levels.pair` of each other.

    Both are steady, so the rate did not change between them.
    """
    if not (aptt.steady.yes and anti_xa.steady.yes and aptt.drawn and anti_xa.drawn):
        return False
    span = case.protocol.span("levels.pair")
    return within(aptt.drawn, anti_xa.drawn - span, anti_xa.drawn + span, "pair").yes


def below_by(target: Target, level: Level) -> Verdict:
    """Whether one test's level is below target, as far as it can be trusted."""
    if not (level.current.yes and level.steady.yes):
        return unknown_because(level.current, level.steady)
    return _trusted(level, target.below(level), stands=_one_sided(level))


def is_below(target: Target, aptt: Level, anti_xa: Level) -> Verdict:
    """Whether a steady anti-Xa is under target; without a usable one, a steady aPTT.

    Where the order names a target of one test only, that test alone decides.
    """
    by_aptt, by_anti_xa = below_by(target, aptt), below_by(target, anti_xa)
    if target.leads:
        return _of_leading(target, by_aptt, by_anti_xa)
    # Anti-Xa measures heparin itself; the aPTT also moves with fibrinogen and factor VIII.
    if not by_anti_xa.unknown:
        return by_anti_xa
    if target.known.unknown:
        return unknown_because(by_anti_xa, target.known)
    if by_aptt.unknown:
        return unknown_because(by_anti_xa, by_aptt)
    if anti_xa.unplaced:  # It may be newer than the aPTT, and then it would decide.
        return by_anti_xa
    if _may_contradict(target, anti_xa, by_aptt):
        return unknown_because(anti_xa.usable)
    return by_aptt


def is_above(target: Target, aptt: Level, anti_xa: Level) -> Verdict:
    """Whether a current anti-Xa is over target; without one, the aPTT. Need not be steady."""
    by_aptt, by_anti_xa = _above_by(target, aptt), _above_by(target, anti_xa)
    if target.leads:
        return _of_leading(target, by_aptt, by_anti_xa)
    if not by_anti_xa.unknown or target.known.unknown:
        return by_anti_xa
    if by_aptt.unknown:
        return unknown_because(by_anti_xa, by_aptt)
    if by_aptt.no and (anti_xa.current.yes or anti_xa.unplaced):  # heparin's own may be above
        return by_anti_xa
    return by_aptt


def over_high_aptt(case: Case, aptt: Level) -> Verdict:
    """Whether a current aPTT is over `levels.aptt_over`, whatever the anti-Xa.

    One that is missing or old is not over; an unreadable one may be.
    """
    if aptt.result is None or any(r.why == "stale" for r in aptt.current.reasons):
        return NO
    return aptt.above(case.protocol[f"levels.{aptt.concept}_over"])


def unless_unpaired(verdict: Verdict, *, paired: bool) -> Verdict:
    """A pattern's verdict without a steady pair: one level can rule it out, but not in."""
    if paired or not verdict.yes:
        return verdict
    return unknown(Reason("pair", "missing"))


def is_masked(case: Case, target: Target, aptt: Level, anti_xa: Level, margins: int = 0) -> Verdict:
    """Whether an adequate aPTT hides a low anti-Xa, both by `margins` times their margin."""
    # One margin on each side: a pattern that rests on assay scatter shows no card of its own.
    own, other = (margins * margin(case, level) for level in (anti_xa, aptt))
    low = all_of(target.below(anti_xa), target.at_most(anti_xa, own))
    trusted = _trusted(anti_xa, low, stands=_one_sided(anti_xa))
    return all_of(trusted, aptt.usable, negate(target.below(aptt, -other)))


def margin(case: Case, level: Level) -> float:
    """How far from a line a level must lie not to be assay noise, in its own unit."""
    return case.protocol[f"levels.{level.concept}_margin"]


def is_pseudo(target: Target, aptt: Level, anti_xa: Level) -> Verdict:
    """Whether the anti-Xa is in range under a short aPTT: the aPTT alone looks resistant."""
    # Another drug's anti-Xa does not show that heparin is in range.
    if anti_xa.at_most and not _medicines_unread(anti_xa):
        return NO
    in_range = all_of(negate(target.below(anti_xa)), negate(target.above(anti_xa)))
    trusted = _trusted(anti_xa, in_range, stands=Truth.UNKNOWN)
    return all_of(trusted, aptt.usable, target.below(aptt))


def _of_leading(target: Target, by_aptt: Verdict, by_anti_xa: Verdict) -> Verdict:
    return by_aptt if target.leads == "aptt" else by_anti_xa


def _above_by(target: Target, level: Level) -> Verdict:
    """Whether one test's newest level is above target; it need not be steady."""
    if not level.current.yes:
        return unknown_because(level.current)
    return _trusted(level, target.above(level), stands=Truth.NO if level.at_most else Truth.YES)


def _trusted(level: Level, verdict: Verdict, *, stands: Truth) -> Verdict:
    """A level's verdict as far as the level can be trusted.

    Of a level disturbed in one direction only, the truth named by `stands` holds all the same: one
    that another drug raised and that is low even so is low.
    """
    one_way = level.at_most or level.at_least
    if level.usable.yes or (one_way and verdict.truth is stands):
        return verdict
    return unknown_because(level.usable, verdict)


def _one_sided(level: Level) -> Truth:
    """What "below target" may still come to: yes if disturbed upwards, no if downwards."""
    return Truth.YES if level.at_most else Truth.NO


def _may_contradict(target: Target, anti_xa: Level, by_aptt: Verdict) -> bool:
    """Whether a steady anti-Xa, if it is heparin's own after all, says the opposite of the aPTT."""
    raw = target.below(anti_xa)
    return anti_xa.steady.yes and _medicines_unread(anti_xa) and by_aptt.truth is not raw.truth


def _medicines_unread(anti_xa: Level) -> bool:
    """Whether only the failed query for medicines makes it foreign: then it may lead after all."""
    return any(reason.why == "medicinesUnknown" for reason in anti_xa.usable.reasons)
