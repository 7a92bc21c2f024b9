"""Cards about a bleed under heparin, and about the risk of one before a start. Clinical logic 6."""

from __future__ import annotations

from cds_service.assessment.measure.bleeding import rows_of, why_not
from cds_service.assessment.measure.current_result import newest_result
from cds_service.assessment.measure.exposure import is_treatment
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.recommendation import Indicator, Option, Recommendation
from cds_service.assessment.model.verdict import Evidence, Reason, Verdict, any_of
from cds_service.assessment.recommend.offers import stops
from cds_service.assessment.recommend.topics.advice import level_tests
from cds_service.assessment.recommend.topics.situation import levels_shown, running_fact
from cds_service.assessment.recommend.topics.topic import Assessed
from cds_service.assessment.rules.dose_rules import is_raise
from cds_service.chart.facts import Order

_STARTED = ("antithrombin", "dti", "fondaparinux", "danaparoid", "oralXa", "oralThrombin")


def bleeding_on_heparin(known: Assessed) -> Recommendation | None:
    """Treatment heparin runs and a major bleed, a fall of haemoglobin or very low platelets.

    It stands while the infusion is held for a short while: the same danger waits for its restart.
    """
    m, signs = known.measured, known.measured.gates.signs
    sign = any_of(signs.major, signs.fell, _platelets_very_low(m))
    if not ((m.infusion.running.yes or m.infusion.paused) and sign.yes):
        return None
    ended = stops(m, treatment_only=True)
    undated = _is_undated(signs.major)
    return Recommendation(
        # A bleed that nobody has dated may be years old: it is named, and is no alarm.
        indicator=Indicator.CRITICAL if signs.major.yes and not undated else Indicator.WARNING,
        first=(Reason("bleeding", "active", facts=sign.facts),),
        facts=(*sign.facts, *running_fact(m), *levels_shown(m)),
        notes=("bleeding.weigh", "bleeding.protamine"),
        choices=(Option("bleeding.stop", ended),) if ended else (),
        tests=_tests(m),
        open=(*m.gates.reasons, *((Reason("bleeding", "undated"),) if undated else ())),
        limits=rows_of(sign.facts, "bleeding.platelets_critical"),
    )


def _is_undated(bleed: Verdict) -> bool:
    return bleed.yes and all(fact.at is None for fact in bleed.facts)


def _platelets_very_low(m: Measured) -> Verdict:
    level = newest_result(m.case, "platelets", "blood", "platelets.current", "10*3/uL")
    return level.below(m.case.protocol["bleeding.platelets_critical"])


def _tests(m: Measured) -> tuple[str, ...]:
    """A level, platelets and fibrinogen, where none is known of the last hours."""
    since = m.case.ago("bleeding.tests_within")
    wanted = [] if any(m.case.results(c, since) for c in _LEVELS) else list(level_tests(m))
    wanted += [c for c in ("platelets", "fibrinogen") if not m.case.results(c, since)]
    return tuple(wanted)


_LEVELS = ("anti_xa", "aptt", "aptt_ratio")


def bleeding_risk(known: Assessed) -> Recommendation | None:
    """A drug that thins the blood is drafted, and the record shows a bleed or a high risk of
    one.
    """
    m = known.measured
    signs = m.gates.signs
    if not (signs.active.yes or signs.high_risk_alone.yes):
        return None
    drafted = _drafted(m)
    if not drafted:
        return None
    facts = signs.active.facts if signs.active.yes else signs.high_risk_alone.facts
    line = "bleeding.platelets_low" if signs.active.yes else "bleeding.platelets_risk"
    return Recommendation(
        indicator=Indicator.WARNING,
        summary="active" if signs.active.yes else "risk",
        first=why_not(signs),
        facts=facts,
        values={"drug": drafted[0].drug.key},
        notes=_usual(facts),
        open=m.gates.reasons,
        limits=rows_of(facts, line),
    )


def _drafted(m: Measured) -> tuple[Order, ...]:
    """Drafted starts or raises of treatment heparin, and other anticoagulants in treatment dose."""
    heparin = [d.order for d in m.drafted if not m.infusion.running.yes or _goes_up(m, d.order)]
    others = [o for o in m.case.drafted(*_STARTED) if is_treatment(m.case, o)]
    return (*heparin, *others)


def _goes_up(m: Measured, order: Order) -> bool:
    """Whether a draft raises the rate, or may do so for all that is known."""
    return any(
        d.order is order and (d.rate is None or m.infusion.rate is None or is_raise(m, d))
        for d in m.drafted
    )


def _usual(facts: tuple[Evidence, ...]) -> tuple[str, ...]:
    """The notes on what is usually done at such signs."""
    found = dict.fromkeys(_USUAL[fact.fact] for fact in facts if fact.fact in _USUAL)
    return tuple(found)


_USUAL = {
    "thrombolytic": "risk.lysis",
    "neuraxial_catheter": "risk.neuraxial",
    "neurosurgery": "risk.neurosurgery",
    "bleeding_intracranial": "risk.neurosurgery",
}
