"""Facts that several cards about resistance show, and the limits that a patient crossed."""

from __future__ import annotations

from cds_service.assessment.measure.antithrombin_outcome import dose_outcome
from cds_service.assessment.measure.level import Level
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.measure.required_rate import Silence
from cds_service.assessment.model.verdict import Evidence, Verdicts

_GROUNDS = {
    "high": "heparin.high_daily_dose",
    "escalating": "heparin.escalation_rises",
    "plateau": "heparin.plateau_difference",
    "thrombosis_on_heparin": "thrombosis.after_start",
    "requirement_raised": "heparin.very_high_daily_dose",
}


def situation(m: Measured) -> tuple[Evidence, ...]:
    """The facts every resistance card opens with: dose, levels, antithrombin."""
    outcome = dose_outcome(m.case, m.antithrombin, m.weight.kg)
    found = [m.antithrombin.evidence, m.antithrombin.antigen, *outcome]
    levels = (*levels_shown(m), *target_fact(m), *need_fact(m))
    return (*dose_shown(m), *levels, *(e for e in found if e is not None))


def target_fact(m: Measured) -> tuple[Evidence, ...]:
    """The order that the target of the levels comes from; the cards put the range into words."""
    source = m.target.order or m.infusion.source
    return (Evidence("target", 0.0, "", None, source),) if source else ()


def need_fact(m: Measured) -> tuple[Evidence, ...]:
    """The required rate, where one may be shown, or that the newest level does not fit.

    Nothing while the effect is lost: a level that was lost does not measure the need.
    """
    rate = m.need.rate
    if rate is None or not m.need.pairs or rate.effect_lost:
        return ()
    last = m.need.pairs[-1]
    source = last.evidence.source if last.evidence else ""
    shown = rate.shown or rate.beyond or rate.silence is Silence.SET_ASIDE
    return (Evidence("required_rate", 0.0, "", last.drawn, source),) if shown else ()


def dose_shown(m: Measured) -> tuple[Evidence, ...]:
    """The daily dose, each of several infusions by itself, and what was charted as given."""
    rate = _rate(m) if _above_a_line(m) else ()
    found = (m.dose.evidence, *rate, *m.dose.parts, m.dose.documented)
    return tuple(e for e in found if e is not None)


def _above_a_line(m: Measured) -> bool:
    """Whether the dose is above the daily line: the card then shows U/day and U/h, which pumps are
    set in.
    """
    return m.dose.known.yes and m.dose.units > m.case.protocol["heparin.high_daily_dose"]


def grounds(m: Measured, verdicts: Verdicts) -> tuple[str, ...]:
    """The limits that this patient crossed, the leading one of the dose, for the card's rule."""
    level = "anti_xa_low" if m.levels.anti_xa.steady.yes else "aptt_low"
    crossed = [row for rule, row in _GROUNDS.items() if verdicts[rule].yes][:1]
    below = verdicts["below_target"].yes or verdicts["masked"].yes
    return (*([f"levels.{level}"] if below else []), *crossed)


def levels_shown(m: Measured) -> tuple[Evidence, ...]:
    """Both levels, as far as they are current."""
    return tuple(
        level.evidence
        for level in (m.levels.anti_xa, m.levels.aptt)
        if level.current.yes and level.evidence is not None
    )


def usable(m: Measured, level: Level) -> bool:
    """Whether a level is heparin's own and of the last hours."""
    fresh = level.drawn is not None and level.drawn >= m.case.ago("levels.current")
    return level.current.yes and level.usable.yes and fresh


def usable_level(m: Measured) -> bool:
    """Whether either test has a usable value of the last hours."""
    return usable(m, m.levels.newest_anti_xa) or usable(m, m.levels.newest_aptt)


def running_fact(m: Measured) -> tuple[Evidence, ...]:
    """The running rate since its last change; above a daily line the daily dose beside it."""
    daily = (m.dose.evidence,) if m.dose.evidence and _above_a_line(m) else ()
    return (*_rate(m), *daily)


def _rate(m: Measured) -> tuple[Evidence, ...]:
    if m.infusion.rate is None:
        return ()
    since = m.infusion.last_change
    return (Evidence("rate", m.infusion.rate, "U/h", since, m.infusion.source, "running"),)


def organ_facts(m: Measured) -> tuple[Evidence, ...]:
    """The values of kidney and liver that pick the drug and its start."""
    return (*m.organs.renal.facts, *m.organs.hepatic.facts)


def clot_facts(verdicts: Verdicts) -> tuple[Evidence, ...]:
    """The clots found, if any."""
    return verdicts["thrombosis_on_heparin"].facts


def weight_fact(m: Measured) -> tuple[Evidence, ...]:
    """The weight, if it is known."""
    return (m.weight.evidence,) if m.weight.evidence else ()


def reopened_note(m: Measured) -> tuple[str, ...]:
    """A note where a negative antibody test reopened a gate that the 4Ts alone had closed."""
    return ("hit.reopened",) if m.hit.reopened else ()
