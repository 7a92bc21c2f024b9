"""The levels that follow heparin, aPTT and anti-Xa: which of them decide.

Only usable levels decide. A level is judged at the moment it was drawn and at the rate it was drawn
under; one drawn too early decides nothing and hides no older one. Clinical logic 2.2 and 2.4; what
the levels say is `level_patterns.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from cds_service.assessment.measure.current_result import currency, newest_result
from cds_service.assessment.measure.infusion import Infusion
from cds_service.assessment.measure.level import Level, only_newest
from cds_service.assessment.measure.level_patterns import (
    are_paired,
    below_by,
    is_above,
    is_below,
    is_masked,
    is_pseudo,
    over_high_aptt,
    unless_unpaired,
)
from cds_service.assessment.measure.suspect_samples import without_suspects
from cds_service.assessment.measure.target import UNITS, Target
from cds_service.assessment.measure.trust import anti_xa_trust, aptt_trust, baseline_prolonged
from cds_service.assessment.model.case import Case, evidence
from cds_service.assessment.model.verdict import (
    Reason,
    Verdict,
    all_of,
    negate,
    unknown,
)
from cds_service.chart.facts import Result
from cds_service.chart.fhir_datetime import earliest, latest

_STEADY = {
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
        """The level that decides whether heparin is below target."""
        if self.target.leads == "aptt":
            return self.aptt
        if self.anti_xa.unplaced:
            return self.anti_xa
        if self.target.leads == "anti_xa" or not below_by(self.target, self.anti_xa).unknown:
            return self.anti_xa
        by_aptt = below_by(self.target, self.aptt)
        return self.anti_xa if by_aptt.unknown and self.anti_xa.current.yes else self.aptt

    def of(self, concept: str) -> tuple[Level, ...]:
        """The levels of one test, the newest first."""
        return tuple(level for level in self.history if level.concept == concept)


def read_levels(case: Case, infusion: Infusion, target: Target, *, slow_clearance: bool) -> Levels:
    """Both tests' levels, and the patterns they make (clinical logic 3).

    `slow_clearance`: the kidneys clear other anticoagulants slowly, or may do so.
    """
    concept = _aptt_concept(case, target)
    aptts = _levels(case, infusion, concept, slow=slow_clearance)
    anti_xas = _levels(case, infusion, "anti_xa", slow=slow_clearance)
    # Before anything is chosen: a level drawn from the line must not be the newest that decides.
    aptts, anti_xas = without_suspects(case, infusion, aptts, anti_xas)
    last_aptt, last_xa = _newest(case, concept, aptts), _newest(case, "anti_xa", anti_xas)
    aptt, anti_xa = _deciding(case, aptts, last_aptt), _deciding(case, anti_xas, last_xa)
    paired = are_paired(case, aptt, anti_xa)
    history = sorted((*aptts, *anti_xas), key=_place, reverse=True)
    return Levels(
        target=target,
        anti_xa=anti_xa,
        aptt=aptt,
        newest_anti_xa=last_xa,
        newest_aptt=last_aptt,
        history=tuple(history),
        paired=paired,
        below=is_below(target, aptt, anti_xa),
        above=is_above(target, last_aptt, last_xa),
        over_high_aptt=over_high_aptt(case, last_aptt),
        masked=unless_unpaired(is_masked(case, target, aptt, anti_xa), paired=paired),
        masked_clearly=unless_unpaired(is_masked(case, target, aptt, anti_xa, 1), paired=paired),
        pseudo=unless_unpaired(is_pseudo(target, aptt, anti_xa), paired=paired),
    )


def _place(level: Level) -> tuple[object, ...]:
    return (level.drawn, level.concept)


def _aptt_concept(case: Case, target: Target) -> str:
    """The aPTT in seconds, unless only its ratio is on record or the order's goal is a ratio."""
    by_order = target.known.yes and not target.aptt
    ratio_only = not case.results("aptt") and bool(case.results("aptt_ratio"))
    return "aptt_ratio" if by_order or ratio_only else "aptt"


def _levels(case: Case, infusion: Infusion, concept: str, *, slow: bool) -> tuple[Level, ...]:
    """Every dated result of a test in the window of trends, the newest first."""
    found = case.results(concept, case.ago("levels.trend"))
    # Looked up only where there is an aPTT to judge: it reads all of the medicines.
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
    """The rate in U/h when a level was drawn; None where that depends on which moment it was."""
    if at is None:
        return None
    first, last = earliest(at), latest(at)
    changed = any(first < change <= last for change in infusion.changes)
    rate = infusion.rate_at(first)
    return rate if rate == infusion.rate_at(last) and not changed else None


def _steady(case: Case, infusion: Infusion, result: Result) -> Verdict:
    """Whether the rate had stood long enough when the level was drawn; what follows does not change
    it.
    """
    if result.at is None:
        return unknown(Reason(result.concept, "notRunning"))
    span = case.protocol.span(_STEADY[result.concept])
    return infusion.steady_for(result.at, span, result.concept)


def _newest(case: Case, concept: str, levels: tuple[Level, ...]) -> Level:
    """The newest result, by what may be newer still and by the hours that it is current for."""
    last = newest_result(case, concept, "coagulation", "levels.current", UNITS[concept])
    same = next((level for level in levels if level.result is last.result), None)
    if last.result is None or same is None:
        return only_newest(last)
    steady = same.steady if last.current.yes else last.current
    return replace(same, current=last.current, steady=steady)


def _deciding(case: Case, levels: tuple[Level, ...], last: Level) -> Level:
    """The newest level of the last hours that was not drawn too early; else the newest."""
    if not last.current.yes:
        return last
    for level in levels:
        current = _current(case, level, last)
        if not current.yes:
            break
        if not drawn_too_early(level):
            return replace(level, current=current)
    return last


def _current(case: Case, level: Level, last: Level) -> Verdict:
    """Whether a level is of the last hours; levels of the history are held to those of trends."""
    if level.result is None or level.result is last.result:
        return last.current
    return currency(case, level.result, "levels.current")


def drawn_too_early(level: Level) -> bool:
    """Whether a level was drawn before the last change of the rate could show in it."""
    return any(reason.why == "tooEarly" for reason in level.steady.reasons)
