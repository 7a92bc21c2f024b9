"""The required rate of this chart: which levels make a pair, and when nothing may be said of it.

Gives `required_rate.py` what it needs of the chart: pairs that are steady by a stricter rule, the
limit to reach, the times at which the need is known to have changed, and the drugs that make the
pairs worthless. Clinical logic 4. It estimates where the target lies; it is never an order to
raise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from cds_service.assessment.measure.attribution import LONG_ACTING, exposed
from cds_service.assessment.measure.heparin_levels import Levels
from cds_service.assessment.measure.history import ECMO, has_condition
from cds_service.assessment.measure.infusion import Infusion
from cds_service.assessment.measure.level import Level
from cds_service.assessment.measure.required_rate import (
    Aim,
    Pair,
    RequiredRate,
    Silence,
    required_rate,
)
from cds_service.assessment.measure.trust import baseline_of
from cds_service.assessment.measure.weight import Weight
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.verdict import YES, Reason, Verdict, unknown
from cds_service.chart.fhir_datetime import Stretch

_INTERFERING = ("dti", "oralXa", "lmwh", *LONG_ACTING)
_MOVES_NEED = ("sepsis", "septic_shock")
_CIRCUITS = (*ECMO, "crrt")
_AFRESH = ("bypass", "plasma_exchange")


@dataclass(frozen=True, slots=True)
class Need:
    """The required rate; or why this chart gives none."""

    told: Verdict  # unknown: why the estimator was not asked
    concept: str = ""  # the test that it rests on
    pairs: tuple[Level, ...] = ()  # the levels it was worked out from, oldest first
    rate: RequiredRate | None = None
    weight: float | None = None  # kg, for U/h

    @property
    def probability(self) -> float | None:
        """That the required rate lies above `required_rate.line` (0 to 1), from the first pair on.

        None where nothing may be said.
        """
        if self.rate is None or not self.rate.steps or self.rate.silence in _NO_PROBABILITY:
            return None
        return self.rate.probability


_NO_PROBABILITY = frozenset({Silence.SET_ASIDE, Silence.OLD, Silence.CHANGED, Silence.NO_SCALE})


def read_need(case: Case, infusion: Infusion, levels: Levels, weight: Weight) -> Need:
    """Estimate the required rate from the chart's steady pairs."""
    concept = _concept(levels)
    why = _silent(case, infusion, levels, weight, concept)
    if why is not None or weight.kg is None:
        return Need(unknown(*(why or weight.known.reasons)), concept)
    found = tuple(_steady_pairs(case, infusion, levels, concept))
    pairs = [_pair(level, weight.kg) for level in found]
    baseline = None if concept == "anti_xa" else baseline_of(case)
    aim = Aim(levels.target.of(concept)[0].low, baseline)
    changes = tuple(_changes(case))
    rate = required_rate(pairs, aim, case.protocol, case.now, changes, _afresh(case))
    return Need(YES, concept, found, rate, weight.kg)


def _concept(levels: Levels) -> str:
    """The test that the order names, else the anti-Xa where there is any."""
    if levels.target.leads:
        return levels.aptt.concept if levels.target.leads == "aptt" else "anti_xa"
    return "anti_xa" if levels.of("anti_xa") else levels.aptt.concept


def _silent(
    case: Case, infusion: Infusion, levels: Levels, weight: Weight, concept: str
) -> tuple[Reason, ...] | None:
    """Why levels of this chart do not show heparin's need; None where they may."""
    if levels.target.known.unknown:
        return levels.target.known.reasons
    if not weight.known.yes:
        return weight.known.reasons
    if len(infusion.parts) > 1:  # A sum of two infusions has no one rate to set.
        return (Reason("heparinDose", "severalInfusions"),)
    # The scale needs the patient's own baseline in seconds, which a ratio does not give.
    if concept == "aptt_ratio":
        return (Reason("aptt", "noBaseline"),)
    return _disturbed(case) or (_aptt_silent(case) if concept == "aptt" else None)


def _disturbed(case: Case) -> tuple[Reason, ...] | None:
    """Why levels show another drug's effect: by what is charted, or what could not be read."""
    if not case.is_complete("administrations", "orders"):
        return (Reason("anti_xa", "medicinesUnknown"),)
    if _given_since(case, "protamine", "heparin.protamine_window"):
        return (Reason("protamine", "tooEarly"),)
    if _given_since(case, "thrombolytic", "trust.lysis_within"):
        return (Reason("aptt", "thrombolytic"),)
    span = case.protocol.span("attribution.oral_xa")
    if exposed(case, _INTERFERING, case.now, span, by_order=False):
        return (Reason("anti_xa", "foreign.oralXa"),)
    return None


def _given_since(case: Case, family: str, window: str) -> bool:
    since = case.ago(window)
    return any(row.start is not None and row.start >= since for row in case.given(family))


def _aptt_silent(case: Case) -> tuple[Reason, ...] | None:
    if baseline_of(case) is None:
        return (Reason("aptt", "noBaseline"),)
    if has_condition(case, "dic"):  # Consumption of clotting factors prolongs the aPTT by itself.
        return (Reason("aptt", "lowFibrinogen"),)
    return None


def _steady_pairs(case: Case, infusion: Infusion, levels: Levels, concept: str) -> Iterator[Level]:
    """Usable levels drawn hours after any change, bolus or pause; oldest first."""
    for level in reversed(levels.of(concept)):
        if _is_usable(case, level) and _was_steady(case, infusion, level.drawn):
            yield level


def _is_usable(case: Case, level: Level) -> bool:
    trusted = level.usable.yes and level.current.yes
    return trusted and bool(level.rate) and not _at_the_cap(case, level)


def _was_steady(case: Case, infusion: Infusion, at: datetime | None) -> bool:
    """Whether the rate had stood for `required_rate.steady_for`, by the stricter step."""
    if at is None or isinstance(at, Stretch):
        return False
    wait = case.protocol.span("required_rate.steady_for")
    since = infusion.steady_since(at, case.protocol["heparin.same_rate"])
    if since is None or at - since < wait:
        return False
    return infusion.bolus_or_pause_within(at, wait).no


def _at_the_cap(case: Case, level: Level) -> bool:
    """Whether an aPTT reached the analyser's ceiling: its number says only "at least"."""
    cap = case.protocol["trust.suspect_aptt"]
    return level.concept == "aptt" and (level.value or 0.0) >= cap


def _pair(level: Level, kg: float) -> Pair:
    at, result = level.drawn, level.result
    if at is None or result is None:  # `_steady_pairs` gives none such
        raise ValueError(level.concept)
    return Pair(at, (level.rate or 0.0) / kg, level.value or 0.0, result.comparator)


def _changes(case: Case) -> Iterator[datetime]:
    """When sepsis or shock began, and when CRRT or ECMO began or ended."""
    for condition in case.chart.conditions:
        if condition.concept in _MOVES_NEED and condition.active is not False:
            yield from _dated([condition.onset or condition.recorded])
    for procedure in case.chart.procedures:
        if procedure.concept in _CIRCUITS:
            yield from _dated([procedure.start, procedure.end])


def _dated(times: Iterable[datetime | None]) -> Iterator[datetime]:
    return (at for at in times if at is not None)


def _afresh(case: Case) -> datetime | None:
    """When the last antithrombin dose, bypass or plasma exchange ended.

    Pairs from before say nothing about the need after it.
    """
    doses = (row.end or row.start for row in case.given("antithrombin"))
    done = (p.end or p.start for p in case.chart.procedures if p.concept in _AFRESH)
    ends = _dated((*doses, *done))
    return max((at for at in ends if case.known_by_now(at)), default=None)
