"""The levels that follow heparin: aPTT and anti-Xa, which of them decide, and what they say.

Clinical logic 2.2 and 2.4: only usable levels decide. A level is judged at the moment and at the
rate it was drawn under; one drawn too early decides nothing and hides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from cds_service.assessment.measure.infusion import Infusion
from cds_service.assessment.measure.level import Level, currency, newest
from cds_service.assessment.measure.suspect_samples import without_suspects
from cds_service.assessment.measure.target import UNITS, Target
from cds_service.assessment.measure.trust import anti_xa_trust, aptt_trust, baseline_prolonged
from cds_service.assessment.model.case import Case, evidence
from cds_service.assessment.model.times import within
from cds_service.assessment.model.verdict import (
    NO,
    Reason,
    Truth,
    Verdict,
    all_of,
    negate,
    unknown,
)
from cds_service.chart.facts import Result
from cds_service.chart.fhir_datetime import earliest, latest

STEADY = {
    "anti_xa": "levels.anti_xa_steady",
    "aptt": "levels.aptt_steady",
    "aptt_ratio": "levels.aptt_steady",
}


@dataclass(frozen=True, slots=True)
class Levels:
    """Both tests: the levels that decide, those drawn last, and the patterns they make."""

    target: Target
    anti_xa: Level  # the newest that was not drawn too early, of the last hours
    aptt: Level
    newest_anti_xa: Level  # whatever it may be used for
    newest_aptt: Level
    history: tuple[Level, ...]  # of both tests and three days, the newest first
    paired: bool
    below: Verdict
    above: Verdict
    over_high_aptt: Verdict  # a current aPTT above the line, whatever the anti-Xa
    masked: Verdict
    masked_clearly: Verdict  # with the protocol's margin to both lines
    pseudo: Verdict

    @property
    def on_target(self) -> Verdict:
        """Neither below nor above."""
        return all_of(negate(self.below), negate(self.above))

    @property
    def deciding(self) -> Level:
        """The level by which below or not below is told."""
        if self.target.leads == "aptt":
            return self.aptt
        if self.anti_xa.unplaced:
            return self.anti_xa
        if self.target.leads == "anti_xa" or not _below_by(self.target, self.anti_xa).unknown:
            return self.anti_xa
        aptt_tells = not _below_by(self.target, self.aptt).unknown
        return self.aptt if aptt_tells or not self.anti_xa.current.yes else self.anti_xa

    def of(self, concept: str) -> tuple[Level, ...]:
        """The levels of one test, the newest first."""
        return tuple(level for level in self.history if level.concept == concept)


def read_levels(case: Case, infusion: Infusion, target: Target, *, slow_clearance: bool) -> Levels:
    """Both tests' levels, and the patterns they make (clinical logic 3)."""
    concept = _aptt_concept(case, target)
    aptts = _levels(case, infusion, concept, slow=slow_clearance)
    anti_xas = _levels(case, infusion, "anti_xa", slow=slow_clearance)
    aptts, anti_xas = without_suspects(case, infusion, aptts, anti_xas)
    last_aptt, last_xa = _newest(case, concept, aptts), _newest(case, "anti_xa", anti_xas)
    aptt, anti_xa = _deciding(case, aptts, last_aptt), _deciding(case, anti_xas, last_xa)
    paired = _paired(case, aptt, anti_xa)
    history = sorted((*aptts, *anti_xas), key=_place, reverse=True)
    return Levels(
        target=target,
        anti_xa=anti_xa,
        aptt=aptt,
        newest_anti_xa=last_xa,
        newest_aptt=last_aptt,
        history=tuple(history),
        paired=paired,
        below=_below(target, aptt, anti_xa),
        above=_above(target, last_aptt, last_xa),
        over_high_aptt=_over(case, last_aptt),
        masked=_unpaired(_masked(case, target, aptt, anti_xa), paired=paired),
        masked_clearly=_unpaired(_masked(case, target, aptt, anti_xa, 1), paired=paired),
        pseudo=_unpaired(_pseudo(target, aptt, anti_xa), paired=paired),
    )


def _place(level: Level) -> tuple[object, ...]:
    return (level.drawn, level.concept)


def _aptt_concept(case: Case, target: Target) -> str:
    """In seconds, unless only the ratio is on record or the order's goal is a ratio."""
    by_order = target.known.yes and not target.aptt
    ratio_only = not case.results("aptt") and bool(case.results("aptt_ratio"))
    return "aptt_ratio" if by_order or ratio_only else "aptt"


def _levels(case: Case, infusion: Infusion, concept: str, *, slow: bool) -> tuple[Level, ...]:
    """Every dated result of a test in the window of trends, the newest first."""
    found = case.results(concept, case.ago("levels.trend"))
    prolonged = bool(found) and concept != "anti_xa" and baseline_prolonged(case)
    return tuple(_level(case, infusion, result, slow=slow, prolonged=prolonged) for result in found)


def _level(case: Case, infusion: Infusion, result: Result, *, slow: bool, prolonged: bool) -> Level:
    """`slow`: the kidneys clear slowly; `prolonged`: the aPTT was, before any heparin."""
    if result.concept == "anti_xa":
        trust = anti_xa_trust(case, result, slow=slow)
    else:
        trust = aptt_trust(case, result, prolonged=prolonged)
    return Level(
        concept=result.concept,
        result=result,
        current=currency(case, result, "levels.trend"),
        steady=_steady(case, infusion, result),
        usable=trust.usable,
        evidence=evidence(result, UNITS[result.concept]),
        rate=_rate_then(infusion, result.at),
        until=trust.until,
        at_most=trust.at_most,
        at_least=trust.at_least,
    )


def _rate_then(infusion: Infusion, at: datetime | None) -> float | None:
    """What ran when a level was drawn; None where that hangs on which moment it was."""
    if at is None:
        return None
    first, last = earliest(at), latest(at)
    changed = any(first < change <= last for change in infusion.changes)
    rate = infusion.rate_at(first)
    return rate if rate == infusion.rate_at(last) and not changed else None


def _steady(case: Case, infusion: Infusion, result: Result) -> Verdict:
    """Told at the moment of drawing: what follows does not change it."""
    if result.at is None:
        return unknown(Reason(result.concept, "notRunning"))
    span = case.protocol.span(STEADY[result.concept])
    return infusion.steady_for(result.at, span, result.concept)


def _newest(case: Case, concept: str, levels: tuple[Level, ...]) -> Level:
    """The newest result, by what may be newer still and by the hours that it is current for."""
    last = newest(case, concept, "coagulation", "levels.current", UNITS[concept])
    if last.result is None:
        return last
    same = next((level for level in levels if level.result is last.result), None)
    if same is None:
        return replace(last, steady=last.current)
    steady = same.steady if last.current.yes else last.current
    return replace(same, current=last.current, steady=steady)


def _deciding(case: Case, levels: tuple[Level, ...], last: Level) -> Level:
    """The newest of the last hours that was not drawn too early; else the newest."""
    if not last.current.yes:
        return last
    for level in levels:
        current = last.current
        if level.result is not last.result and level.result is not None:
            current = currency(case, level.result, "levels.current")
        if not current.yes:
            break
        if not drawn_too_early(level):
            return replace(level, current=current)
    return last


def drawn_too_early(level: Level) -> bool:
    """Whether a level was drawn before the rate had told on it."""
    return any(reason.why == "tooEarly" for reason in level.steady.reasons)


def _paired(case: Case, aptt: Level, anti_xa: Level) -> bool:
    """Two steady levels drawn close together; steady, so with no change between."""
    if not (aptt.steady.yes and anti_xa.steady.yes and aptt.drawn and anti_xa.drawn):
        return False
    span = case.protocol.span("levels.pair")
    return within(aptt.drawn, anti_xa.drawn - span, anti_xa.drawn + span, "pair").yes


def _below_by(target: Target, level: Level) -> Verdict:
    """Whether one test's level is below target, as far as it can be trusted."""
    low = target.below(level)
    if not (level.current.yes and level.steady.yes):
        return unknown(*dict.fromkeys((*level.current.reasons, *level.steady.reasons)))
    return _trusted(level, low, stands=Truth.YES if level.at_most else Truth.NO)


def _above_by(target: Target, level: Level) -> Verdict:
    """Whether one test's newest level is above target; it need not be steady."""
    high = target.above(level)
    if not level.current.yes:
        return unknown(*level.current.reasons)
    return _trusted(level, high, stands=Truth.NO if level.at_most else Truth.YES)


def _trusted(level: Level, told: Verdict, *, stands: Truth) -> Verdict:
    """What is disturbed one way leaves one answer standing."""
    one_way = level.at_most or level.at_least
    if level.usable.yes or (one_way and told.truth is stands):
        return told
    return unknown(*dict.fromkeys((*level.usable.reasons, *told.reasons)))


def _below(target: Target, aptt: Level, anti_xa: Level) -> Verdict:
    """Steady anti-Xa under target; without a usable one, steady aPTT under target."""
    by_aptt, by_anti_xa = _below_by(target, aptt), _below_by(target, anti_xa)
    if target.leads:
        return by_aptt if target.leads == "aptt" else by_anti_xa
    if not by_anti_xa.unknown:
        return by_anti_xa
    if target.known.unknown:
        return unknown(*dict.fromkeys((*by_anti_xa.reasons, *target.known.reasons)))
    if by_aptt.unknown:
        return unknown(*dict.fromkeys((*by_anti_xa.reasons, *by_aptt.reasons)))
    if anti_xa.unplaced:
        return by_anti_xa
    raw = target.below(anti_xa)
    if anti_xa.steady.yes and _whose_is_unread(anti_xa) and by_aptt.truth is not raw.truth:
        return unknown(*anti_xa.usable.reasons)
    return by_aptt


def _whose_is_unread(anti_xa: Level) -> bool:
    """The medicines failed: it may be heparin's own after all, and then it leads."""
    return any(reason.why == "medicinesUnknown" for reason in anti_xa.usable.reasons)


def _above(target: Target, aptt: Level, anti_xa: Level) -> Verdict:
    """A current anti-Xa over target, or without one the aPTT."""
    by_aptt, by_anti_xa = _above_by(target, aptt), _above_by(target, anti_xa)
    if target.leads:
        return by_aptt if target.leads == "aptt" else by_anti_xa
    if not by_anti_xa.unknown or target.known.unknown:
        return by_anti_xa
    if by_aptt.unknown:
        return unknown(*dict.fromkeys((*by_anti_xa.reasons, *by_aptt.reasons)))
    if by_aptt.no and (anti_xa.current.yes or anti_xa.unplaced):  # heparin's own may be above
        return by_anti_xa
    return by_aptt


def _over(case: Case, aptt: Level) -> Verdict:
    """A current aPTT over the line; one that is not on record, or old, is not over."""
    if aptt.result is None or any(r.why == "stale" for r in aptt.current.reasons):
        return NO
    return aptt.above(case.protocol[f"levels.{aptt.concept}_over"])


def _unpaired(verdict: Verdict, *, paired: bool) -> Verdict:
    """Without a steady pair a pattern can be ruled out by one level, but not ruled in."""
    if paired or not verdict.yes:
        return verdict
    return unknown(Reason("pair", "missing"))


def _masked(case: Case, target: Target, aptt: Level, anti_xa: Level, margins: int = 0) -> Verdict:
    """Adequate aPTT over a low anti-Xa, both by a number of the protocol's margins."""
    own, other = (margins * margin(case, level) for level in (anti_xa, aptt))
    told = all_of(target.below(anti_xa), target.at_most(anti_xa, own))
    low = _trusted(anti_xa, told, stands=_stands(anti_xa))
    return all_of(low, aptt.usable, negate(target.below(aptt, -other)))


def _stands(level: Level) -> Truth:
    return Truth.YES if level.at_most else Truth.NO


def margin(case: Case, level: Level) -> float:
    """How far from a line a level must lie not to be assay noise, in its own unit."""
    return case.protocol[f"levels.{level.concept}_margin"]


def _pseudo(target: Target, aptt: Level, anti_xa: Level) -> Verdict:
    """Anti-Xa in range under a short aPTT; another drug's anti-Xa shows no heparin in range."""
    if anti_xa.at_most and not _whose_is_unread(anti_xa):
        return NO
    in_range = all_of(negate(target.below(anti_xa)), negate(target.above(anti_xa)))
    trusted = _trusted(anti_xa, in_range, stands=Truth.UNKNOWN)
    return all_of(trusted, aptt.usable, target.below(aptt))
