"""The dose ceiling: so much heparin that antithrombin should be known. Clinical logic 6."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cds_service.assessment.measure.current_result import NOT_DRAWN
from cds_service.assessment.measure.daily_dose import HOURS_A_DAY, per_kg_h
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.measure.patient_facts import on_record
from cds_service.assessment.model.recommendation import Indicator, Recommendation
from cds_service.assessment.model.verdict import Evidence, Reason, Verdicts
from cds_service.assessment.recommend.topics.advice import contributors, level_tests
from cds_service.assessment.recommend.topics.situation import (
    levels_shown,
    running_fact,
    usable_level,
)

Due = dict[str, Recommendation]


def dose_ceiling(m: Measured, verdicts: Verdicts, due: Due) -> Recommendation | None:
    """Past 50,000 U/day with antithrombin not measured; a steep rate without any level [R123]."""
    steep = _steep_without_level(m)
    past = verdicts["ceiling"].yes
    measured = on_record(m.case, "antithrombin", "antithrombin.tier_current").yes
    if measured or not (past or steep):
        return None
    rate = max((f.value for f in verdicts["ceiling"].facts), default=m.infusion.rate or 0.0)
    by_weight = per_kg_h(rate, m.weight.kg)
    drawn = m.levels.anti_xa.current.yes
    return Recommendation(
        indicator=_indicator(m, verdicts, by_weight, steep=steep, past=past),
        summary="steep" if not past else "" if by_weight is not None else "noWeight",
        facts=(*_facts(m, verdicts), *levels_shown(m)),
        values={"rate": rate, "per_kg_h": by_weight or 0.0, "daily": rate * HOURS_A_DAY},
        notes=("ceiling.rule", *contributors(m, verdicts)),
        lead="delivery",
        tests=("antithrombin", *(() if drawn else level_tests(m))),
        open=(*m.weight.known.reasons, *_refused(m)),
        limits=("heparin.ceiling_daily_dose", "heparin.ceiling_critical_rate"),
    )


def _facts(m: Measured, verdicts: Verdicts) -> tuple[Evidence, ...]:
    return tuple(dict.fromkeys((*running_fact(m), *verdicts["ceiling"].facts)))


def _indicator(
    m: Measured, verdicts: Verdicts, by_weight: float | None, *, steep: bool, past: bool
) -> Indicator:
    """Loud where it does not work by its level, a raise is drafted, or no weight is known."""
    line = m.case.protocol["heparin.ceiling_critical_rate"]
    absolute = not m.case.protocol.allows("weight_condition")
    if past and (by_weight is None or absolute or _fails(m, verdicts) or _raised(m, verdicts)):
        critical = by_weight is None or by_weight >= line
        return Indicator.CRITICAL if critical else Indicator.WARNING
    return Indicator.WARNING if steep else Indicator.INFO


def _fails(m: Measured, verdicts: Verdicts) -> bool:
    """Failing, and the required rate probably lies above the line."""
    probability = m.need.probability
    likely = probability is not None and probability >= m.case.protocol[LOUD]
    return verdicts["failing"].yes and likely


LOUD = "resistance.loud_probability"


def _raised(m: Measured, verdicts: Verdicts) -> bool:
    """A drafted raise, or a first order, past the ceiling."""
    return any(fact.fact == "draftedRate" for fact in verdicts["ceiling"].facts)


def _steep_without_level(m: Measured) -> bool:
    """A steep rate and no usable level of 12 hours, now or since it was last clearly lower.

    It stays when a level comes: a card that goes with each level and comes back is no help.
    """
    kg, rate = m.weight.kg, m.infusion.rate
    by_weight = m.case.protocol.allows("weight_condition")
    if not (kg and rate is not None and by_weight and m.infusion.running.yes):
        return False
    steep = m.case.protocol["heparin.ceiling_critical_rate"] * kg
    stretches = tuple(_steep_stretches(m, kg, steep))
    if any(_is_uncovered(m, since, until) for since, until in stretches):
        return True
    lately = any(until > m.case.ago("levels.current") for _, until in stretches)
    return lately and not usable_level(m)


def _steep_stretches(m: Measured, kg: float, steep: float) -> Iterator[tuple[datetime, datetime]]:
    """When the rate was steep, since it was last clearly below that; three days back at most."""
    stays = m.case.protocol["heparin.ceiling_stays_rate"] * kg
    oldest = m.case.ago("levels.trend")
    for segment in reversed(m.infusion.segments):
        end = segment.end or m.case.now
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
    """Why an antithrombin that is on record does not count; one never drawn is only missing."""
    return tuple(r for r in m.antithrombin.known.reasons if r.why not in NOT_DRAWN)
