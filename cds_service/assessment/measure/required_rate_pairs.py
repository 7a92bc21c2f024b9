"""The required rate of this chart: which levels make a pair, and when nothing may be said of it.

Clinical logic 4. The sum itself is `required_rate.py`; here is what it needs of the chart: steady
pairs by the stricter rule, the limit to be reached, what is known to have moved the need, and what
makes the pairs worthless. An estimate of where the target lies, never an order to raise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cds_service.assessment.measure.attribution import LONG_ACTING, exposed
from cds_service.assessment.measure.heparin_levels import Levels
from cds_service.assessment.measure.history import ECMO, has_condition
from cds_service.assessment.measure.infusion import Infusion
from cds_service.assessment.measure.level import Level
from cds_service.assessment.measure.patient_facts import Weight
from cds_service.assessment.measure.required_rate import (
    Aim,
    Pair,
    RequiredRate,
    Silence,
    required_rate,
)
from cds_service.assessment.measure.trust import baseline_of
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.verdict import YES, Reason, Verdict, unknown
from cds_service.chart.fhir_datetime import Stretch

INTERFERING = ("dti", "oralXa", "lmwh", *LONG_ACTING)
MOVES_NEED = ("sepsis", "septic_shock")
AFRESH = ("bypass", "plasma_exchange")


@dataclass(frozen=True, slots=True)
class Need:
    """The required rate, or why this chart gives none."""

    told: Verdict  # unknown: why the estimator was not asked
    concept: str = ""  # the test that it rests on
    pairs: tuple[Level, ...] = ()  # the levels it was worked out from, oldest first
    rate: RequiredRate | None = None
    weight: float | None = None  # kg, for U/h

    @property
    def probability(self) -> float | None:
        """That it lies above the line, from the first pair on; None where nothing may be said."""
        if self.rate is None or not self.rate.steps or self.rate.silence in _NOT_TOLD:
            return None
        return self.rate.probability


_NOT_TOLD = frozenset({Silence.SET_ASIDE, Silence.OLD, Silence.CHANGED, Silence.NO_SCALE})


def read_need(case: Case, infusion: Infusion, levels: Levels, weight: Weight) -> Need:
    """The required rate from the chart's steady pairs."""
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
    """Why no pair of this chart tells of heparin's need."""
    if levels.target.known.unknown:
        return levels.target.known.reasons
    if not weight.known.yes:
        return weight.known.reasons
    if len(infusion.parts) > 1:
        return (Reason("heparinDose", "severalInfusions"),)
    if concept == "aptt_ratio":
        return (Reason("aptt", "noBaseline"),)
    return _disturbed(case) or (_aptt_silent(case) if concept == "aptt" else None)


def _disturbed(case: Case) -> tuple[Reason, ...] | None:
    """Drugs that make levels tell of something else, by what is charted or could not be read."""
    if not case.is_complete("administrations", "orders"):
        return (Reason("anti_xa", "medicinesUnknown"),)
    protamine, lysis = case.ago("heparin.protamine_window"), case.ago("trust.lysis_within")
    if any(a.start is not None and a.start >= protamine for a in case.given("protamine")):
        return (Reason("protamine", "tooEarly"),)
    if any(a.start is not None and a.start >= lysis for a in case.given("thrombolytic")):
        return (Reason("aptt", "thrombolytic"),)
    span = case.protocol.span("attribution.oral_xa")
    if exposed(case, INTERFERING, case.now, span, by_order=False):
        return (Reason("anti_xa", "foreign.oralXa"),)
    return None


def _aptt_silent(case: Case) -> tuple[Reason, ...] | None:
    if baseline_of(case) is None:
        return (Reason("aptt", "noBaseline"),)
    if has_condition(case, "dic"):
        return (Reason("aptt", "lowFibrinogen"),)
    return None


def _steady_pairs(case: Case, infusion: Infusion, levels: Levels, concept: str) -> Iterator[Level]:
    """Usable levels drawn hours after any change, bolus or pause; oldest first."""
    wait = case.protocol.span("required_rate.steady_for")
    for level in reversed(levels.of(concept)):
        at = level.drawn
        if at is None or isinstance(at, Stretch) or not level.usable.yes or not level.rate:
            continue
        if not level.current.yes or _at_the_cap(case, level):
            continue
        since = infusion.steady_since(at, case.protocol["heparin.same_rate"])
        quiet = infusion.bolus_or_pause_within(at, wait).no
        if since is not None and at - since >= wait and quiet:
            yield level


def _at_the_cap(case: Case, level: Level) -> bool:
    cap = case.protocol["trust.suspect_aptt"]
    return level.concept == "aptt" and (level.value or 0.0) >= cap


def _pair(level: Level, kg: float) -> Pair:
    at, result = level.drawn, level.result
    if at is None or result is None:  # `_steady_pairs` gives none such
        raise ValueError(level.concept)
    return Pair(at, (level.rate or 0.0) / kg, level.value or 0.0, result.comparator)


def _changes(case: Case) -> Iterator[datetime]:
    """Sepsis or shock begun, CRRT or ECMO begun or ended."""
    for condition in case.chart.conditions:
        at = condition.onset or condition.recorded
        if condition.concept in MOVES_NEED and condition.active is not False and at is not None:
            yield at
    for procedure in case.chart.procedures:
        if procedure.concept in (*ECMO, "crrt"):
            yield from (at for at in (procedure.start, procedure.end) if at is not None)


def _afresh(case: Case) -> datetime | None:
    """The last dose of antithrombin, bypass or plasma exchange: what was before tells nothing."""
    doses = [row.end or row.start for row in case.given("antithrombin")]
    done = [p.end or p.start for p in case.chart.procedures if p.concept in AFRESH]
    return max((at for at in (*doses, *done) if case.known_by_now(at) and at), default=None)
