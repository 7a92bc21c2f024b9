"""The levels that follow heparin: aPTT and anti-Xa; which are current, steady and heparin's own.

Clinical logic 2: newest by time drawn; an unreadable newest is unknown, never the older one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cds_service.assessment.answers import (
    NO,
    YES,
    Answer,
    Evidence,
    Reason,
    Verdict,
    all_of,
    any_of,
    compared,
    negate,
    unknown,
)
from cds_service.assessment.attribution import foreign_to_heparin
from cds_service.assessment.case import Case, absent, evidence, unread
from cds_service.assessment.exposure import first_exposure
from cds_service.assessment.given import spans, unplaced
from cds_service.assessment.infusion import Infusion
from cds_service.assessment.times import apart, at_or_after
from cds_service.chart.facts import Result
from cds_service.chart.instants import latest

UNITS = {"aptt": "s", "aptt_ratio": "1", "anti_xa": "[IU]/mL"}


@dataclass(frozen=True, slots=True)
class Level:
    """The newest result of one test, and what it may be used for."""

    concept: str
    result: Result | None
    current: Verdict  # read, plausible and of the last hours
    steady: Verdict  # current, and long enough after the last change
    usable: Verdict  # not disturbed by something else than heparin
    evidence: Evidence | None = None

    def below(self, limit: float) -> Verdict:
        """Whether the value lies under a limit; a comparator may leave it open."""
        return self._compare(limit, under=True)

    def above(self, limit: float) -> Verdict:
        return self._compare(limit, under=False)

    def _compare(self, limit: float, *, under: bool) -> Verdict:
        if not self.current.yes or self.result is None or self.result.value is None:
            return Verdict(Answer.UNKNOWN, (), self.current.reasons)
        answer = compared(self.result.value, self.result.comparator, limit, under=under)
        if answer is Answer.UNKNOWN:
            return unknown(Reason(self.concept, "comparator", self.result.written))
        facts = (self.evidence,) if self.evidence else ()
        return Verdict(answer, facts)


@dataclass(frozen=True, slots=True)
class Levels:
    """aPTT and anti-Xa now, the pair they make, and where they stand to the target."""

    aptt: Level
    anti_xa: Level
    aptt_low: float
    aptt_high: float
    paired: bool
    below: Verdict
    above: Verdict
    over_high_aptt: Verdict  # a current aPTT above the upper limit, whatever the anti-Xa
    masked: Verdict
    pseudo: Verdict

    @property
    def on_target(self) -> Verdict:
        return all_of(negate(self.below), negate(self.above))


def read_levels(case: Case, infusion: Infusion, *, slow_clearance: bool) -> Levels:
    """Both levels and the patterns they make (clinical logic 3)."""
    ratio_only = not case.results("aptt") and bool(case.results("aptt_ratio"))
    aptt = _aptt(case, infusion, "aptt_ratio" if ratio_only else "aptt")
    low = case.protocol["levels.aptt_ratio_low" if ratio_only else "levels.aptt_low"]
    high = case.protocol["levels.aptt_ratio_high" if ratio_only else "levels.aptt_high"]
    anti_xa = _anti_xa(case, infusion, slow=slow_clearance)
    paired = _paired(case, aptt, anti_xa)
    return Levels(
        aptt=aptt,
        anti_xa=anti_xa,
        aptt_low=low,
        aptt_high=high,
        paired=paired,
        below=_below(case, aptt, anti_xa, low),
        above=_above(case, aptt, anti_xa, high),
        over_high_aptt=_over(aptt, high),
        masked=_unpaired(_masked(case, aptt, anti_xa, low), paired=paired),
        pseudo=_unpaired(_pseudo(case, aptt, anti_xa, low), paired=paired),
    )


def newest(case: Case, concept: str, query: str, window: str, unit: str) -> Level:
    """The newest result as a level; steady and usable are for the caller to say."""
    first, doubt = case.newest(concept)
    if first is None:
        verdict = absent(case, concept, query) if doubt is None else unknown(doubt)
        return Level(concept, None, verdict, verdict, verdict)
    if doubt is not None:
        verdict = unknown(doubt)
    elif first.value is None:
        verdict = unknown(unread(concept, first))
    else:
        fresh = at_or_after(first.at, case.ago(window), concept)
        verdict = unknown(Reason(concept, "stale")) if fresh.no else fresh
    return Level(concept, first, verdict, verdict, YES, evidence(first, unit))


def _aptt(case: Case, infusion: Infusion, concept: str) -> Level:
    level = newest(case, concept, "coagulation", "levels.current", UNITS[concept])
    disturbed = _aptt_disturbed(case)
    usable = unknown(disturbed) if disturbed else YES
    steady = _steady(case, level, infusion, "levels.aptt_steady")
    return Level(concept, level.result, level.current, steady, usable, level.evidence)


def _anti_xa(case: Case, infusion: Infusion, *, slow: bool) -> Level:
    level = newest(case, "anti_xa", "coagulation", "levels.current", UNITS["anti_xa"])
    foreign = foreign_to_heparin(case, level.result, slow=slow)
    usable = unknown(foreign) if foreign else YES
    steady = _steady(case, level, infusion, "levels.anti_xa_steady")
    return Level("anti_xa", level.result, level.current, steady, usable, level.evidence)


def _steady(case: Case, level: Level, infusion: Infusion, span: str) -> Verdict:
    if not level.current.yes or level.result is None or level.result.at is None:
        return level.current
    changed = infusion.last_change
    if not infusion.running.yes or changed is None:
        return unknown(Reason(level.concept, "notRunning"))
    waited = apart(level.result.at, changed, case.protocol.span(span), level.concept)
    return unknown(Reason(level.concept, "tooEarly")) if waited.no else waited


def _aptt_disturbed(case: Case) -> Reason | None:
    """A prolonged baseline, warfarin with a raised INR, or a thrombin inhibitor."""
    first = first_exposure(case)
    if first is not None and _baseline_prolonged(case, first):
        return Reason("aptt", "prolongedBaseline")
    if _warfarin_acts(case):
        return Reason("aptt", "warfarin")
    if case.active_orders("dti") or _given_within_current(case, "dti"):
        return Reason("aptt", "dti")
    return None


def _baseline_prolonged(case: Case, first: datetime) -> bool:
    """An order outlives the days that charting is asked for: what was drawn under it is none."""
    wait = case.protocol.span("levels.aptt_steady")
    under = [o.authored + wait for o in case.active_orders("heparin") if o.authored]
    before = (
        r
        for r in case.results("aptt")
        if r.at is not None and r.at < first and not any(r.at >= since for since in under)
    )
    last = next(before, None)
    return (
        last is not None
        and last.value is not None
        and last.value > case.protocol["levels.aptt_baseline_prolonged"]
    )


def _warfarin_acts(case: Case) -> bool:
    inr = newest(case, "inr", "coagulation", "acute_phase.current", "1")
    raised = inr.above(case.protocol["levels.inr_raised"]).yes
    return raised and bool(case.active_orders("vka") or case.given("vka"))


def _given_within_current(case: Case, family: str) -> bool:
    since = case.ago("levels.current")
    lately = any(latest(until) >= since for _, _, until in spans(case, family))
    return lately or bool(unplaced(case, family))


def _paired(case: Case, aptt: Level, anti_xa: Level) -> bool:
    """Two steady levels drawn close together; steady, so with no change between."""
    if not (aptt.steady.yes and anti_xa.steady.yes):
        return False
    if aptt.result is None or anti_xa.result is None:
        return False
    if aptt.result.at is None or anti_xa.result.at is None:
        return False
    return abs(aptt.result.at - anti_xa.result.at) <= case.protocol.span("levels.pair")


def _below(case: Case, aptt: Level, anti_xa: Level, aptt_low: float) -> Verdict:
    """Steady anti-Xa under target; without a usable one, steady aPTT under target."""
    low = anti_xa.below(case.protocol["levels.anti_xa_low"])
    if anti_xa.steady.yes and low.yes:
        return low
    if anti_xa.steady.yes and low.no and anti_xa.usable.yes:
        return low
    by_aptt = all_of(aptt.steady, aptt.usable, aptt.below(aptt_low))
    if by_aptt.unknown or not (aptt.steady.yes and aptt.usable.yes):
        why = (*anti_xa.steady.reasons, *anti_xa.usable.reasons, *low.reasons)
        reasons = (*aptt.steady.reasons, *aptt.usable.reasons, *by_aptt.reasons)
        return unknown(*dict.fromkeys((*why, *reasons)))
    if anti_xa.steady.yes and _whose_is_unread(anti_xa) and by_aptt.answer is not low.answer:
        return unknown(*anti_xa.usable.reasons)
    return by_aptt


def _whose_is_unread(anti_xa: Level) -> bool:
    """The medicines failed: it may be heparin's own after all, and then it leads."""
    return any(reason.why == "medicinesUnknown" for reason in anti_xa.usable.reasons)


def _above(case: Case, aptt: Level, anti_xa: Level, aptt_high: float) -> Verdict:
    """A current anti-Xa over target, or without one the aPTT."""
    high = anti_xa.above(case.protocol["levels.anti_xa_high"])
    if anti_xa.current.yes and not high.unknown and (anti_xa.usable.yes or high.no):
        return high
    if not aptt.current.yes or not aptt.usable.yes:
        why = (*anti_xa.usable.reasons, *high.reasons)
        return unknown(*dict.fromkeys((*why, *aptt.current.reasons, *aptt.usable.reasons)))
    by_aptt = aptt.above(aptt_high)
    if by_aptt.no and anti_xa.current.yes and not high.no:  # heparin's own share may be above
        return unknown(*dict.fromkeys((*anti_xa.usable.reasons, *high.reasons)))
    return by_aptt


def _over(aptt: Level, aptt_high: float) -> Verdict:
    """A current aPTT over the upper limit; one that is not on record, or old, is not over."""
    if aptt.result is None or any(r.why == "stale" for r in aptt.current.reasons):
        return NO
    return aptt.above(aptt_high)


def _unpaired(verdict: Verdict, *, paired: bool) -> Verdict:
    """Without a steady pair a pattern can be ruled out by one level, but not ruled in."""
    if paired or not verdict.yes:
        return verdict
    return unknown(Reason("pair", "missing"))


def _masked(case: Case, aptt: Level, anti_xa: Level, aptt_low: float) -> Verdict:
    """Adequate aPTT over a low anti-Xa."""
    low = _heparins_own_below(case, anti_xa)
    return all_of(low, aptt.usable, negate(aptt.below(aptt_low)))


def _pseudo(case: Case, aptt: Level, anti_xa: Level, aptt_low: float) -> Verdict:
    """Anti-Xa in range under a short aPTT."""
    over = anti_xa.above(case.protocol["levels.anti_xa_high"])
    if anti_xa.usable.unknown and not over.no:  # heparin's own share may be in range
        over = unknown(*anti_xa.usable.reasons)
    in_range = all_of(negate(_heparins_own_below(case, anti_xa)), negate(over))
    return all_of(in_range, aptt.usable, aptt.below(aptt_low))


def _heparins_own_below(case: Case, anti_xa: Level) -> Verdict:
    """Contamination only raises: a low value is low, a higher one may not be heparin's."""
    low = anti_xa.below(case.protocol["levels.anti_xa_low"])
    return any_of(low, unknown(*anti_xa.usable.reasons)) if anti_xa.usable.unknown else low
