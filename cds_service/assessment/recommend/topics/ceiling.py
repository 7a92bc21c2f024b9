"""The card about so much heparin that antithrombin should be known. Clinical logic 6."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cds_service.assessment.measure.current_result import NOT_DRAWN
from cds_service.assessment.measure.daily_dose import HOURS_A_DAY, per_kg_h
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.measure.patient_facts import was_measured
from cds_service.assessment.model.recommendation import Indicator, Recommendation
from cds_service.assessment.model.verdict import Evidence, Reason, Verdicts
from cds_service.assessment.recommend.topics.advice import contributors, level_tests
from cds_service.assessment.recommend.topics.situation import (
    levels_shown,
    running_fact,
    usable_level,
)
from cds_service.assessment.recommend.topics.topic import Assessed
from cds_service.assessment.rules.loudness import hardly_below


def dose_ceiling(known: Assessed) -> Recommendation | None:
    """Past 50,000 U/day with antithrombin not measured; a steep rate without any level [R123]."""
    m, verdicts = known.measured, known.verdicts
    steep, past = _steep_without_level(m), verdicts["ceiling"].yes
    measured = was_measured(m.case, "antithrombin", "antithrombin.tier_current").yes
    if measured or not (past or steep):
        return None
    rate = max((f.value for f in verdicts["ceiling"].facts), default=m.infusion.rate or 0.0)
    by_weight = per_kg_h(rate, m.weight.kg)
    drawn = m.levels.anti_xa.current.yes
    return Recommendation(
        indicator=_indicator(m, verdicts, by_weight, steep=steep, past=past),
        summary=_summary(by_weight, past=past),
        facts=(*_facts(m, verdicts), *levels_shown(m)),
        values={"rate": rate, "per_kg_h": by_weight or 0.0, "daily": rate * HOURS_A_DAY},
        notes=("ceiling.rule", *contributors(m, verdicts)),
        lead="delivery",
        tests=("antithrombin", *(() if drawn else level_tests(m))),
        open=(*m.weight.known.reasons, *_refused(m)),
        limits=("heparin.ceiling_daily_dose", "heparin.ceiling_critical_rate"),
    )


def _summary(by_weight: float | None, *, past: bool) -> str:
    if not past:
        return "steep"
    return "" if by_weight is not None else "noWeight"


def _facts(m: Measured, verdicts: Verdicts) -> tuple[Evidence, ...]:
    return tuple(dict.fromkeys((*running_fact(m), *verdicts["ceiling"].facts)))


def _indicator(
    m: Measured, verdicts: Verdicts, by_weight: float | None, *, steep: bool, past: bool
) -> Indicator:
    line = m.case.protocol["heparin.ceiling_critical_rate"]
    if past and _is_loud(m, verdicts, by_weight):
        critical = by_weight is None or by_weight >= line
        return Indicator.CRITICAL if critical else Indicator.WARNING
    return Indicator.WARNING if steep else Indicator.INFO


def _is_loud(m: Measured, verdicts: Verdicts, by_weight: float | None) -> bool:
    """Whether heparin does not work by its level, a raise is drafted, or no weight is known."""
    if by_weight is None or not m.case.protocol.allows("weight_condition"):
        return True
    return _fails(m, verdicts) or _raised(verdicts)


def _fails(m: Measured, verdicts: Verdicts) -> bool:
    """Failing, confirmed or with a required rate that probably lies above the line.

    Not while a raise waits for its level, nor by a level that hardly lies below after one that
    did not. A confirmed one stays loud where the required rate is silent (new sepsis, CRRT begun).
    """
    probability = m.need.probability
    likely = probability is not None and probability >= m.case.protocol[_LOUD]
    quiet = verdicts["waits"].yes or (hardly_below(m) and not verdicts["confirmed"].yes)
    return verdicts["failing"].yes and not quiet and (verdicts["confirmed"].yes or likely)


_LOUD = "resistance.loud_probability"


def _raised(verdicts: Verdicts) -> bool:
    """Whether a drafted raise, or a first order, is past the ceiling."""
    return any(fact.fact == "draftedRate" for fact in verdicts["ceiling"].facts)


def _steep_without_level(m: Measured) -> bool:
    """Whether a steep rate runs without a usable level of the last 12 hours.

    Also yes where that was so at any time since the rate was last clearly lower: a card that goes
    with each level and comes back hours later is no help.
    """
    kg = _weight_of_running(m)
    if kg is None:
        return False
    steep = m.case.protocol["heparin.ceiling_critical_rate"] * kg
    stretches = tuple(_steep_stretches(m, kg, steep))
    if any(_is_uncovered(m, since, until) for since, until in stretches):
        return True
    lately = any(until > m.case.ago("levels.current") for _, until in stretches)
    return lately and not usable_level(m)


def _weight_of_running(m: Measured) -> float | None:
    """The weight in kg, where heparin runs at a known rate and is judged by weight."""
    judged = m.infusion.rate is not None and m.case.protocol.allows("weight_condition")
    return m.weight.kg or None if judged and m.infusion.running.yes else None


def _steep_stretches(m: Measured, kg: float, steep: float) -> Iterator[tuple[datetime, datetime]]:
    """When the rate was steep, since it was last clearly below that; three days back at most."""
    stays = m.case.protocol["heparin.ceiling_stays_rate"] * kg
    oldest = m.case.ago("levels.trend")
    for segment in reversed(m.infusion.segments):
        end = segment.end or m.case.now
        # Only a clearly lower rate ends it: at the line itself the card would come and go.
        if segment.rate is None or segment.rate < stays or end < oldest:
            return
        if segment.rate >= steep:
            yield max(segment.start, oldest), min(end, m.case.now)


def _is_uncovered(m: Measured, since: datetime, until: datetime) -> bool:
    """Whether a stretch went on for as long as a level is current without a usable one."""
    drawn = sorted(one.drawn for one in m.levels.history if one.drawn and one.usable.yes)
    current = m.case.protocol.span("levels.current")
    covered = since + current
    for at in drawn:
        if at > covered:
            break
        covered = max(covered, at + current)
    return covered < until


def _refused(m: Measured) -> tuple[Reason, ...]:
    """Why an antithrombin on record does not count; one that was never drawn is only missing."""
    return tuple(r for r in m.antithrombin.known.reasons if r.why not in NOT_DRAWN)
