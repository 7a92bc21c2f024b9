"""The facts that resistance cards share, and the limits a patient crossed."""

from __future__ import annotations

from cds_service.assessment.answers import Evidence, Verdicts
from cds_service.assessment.measured import Measured

GROUNDS = {
    "high": "heparin.high_daily_dose",
    "escalating": "heparin.escalation_rises",
    "plateau": "heparin.plateau_difference",
    "thrombosis_on_heparin": "thrombosis.after_start",
    "requirement_raised": "heparin.very_high_daily_dose",
}


def situation(m: Measured) -> tuple[Evidence, ...]:
    """The facts every resistance card opens with: dose, level, antithrombin."""
    found = [*levels_shown(m), m.antithrombin.evidence, m.antithrombin.antigen]
    return (*dose_shown(m), *(e for e in found if e is not None))


def dose_shown(m: Measured) -> tuple[Evidence, ...]:
    """The daily dose, each of several infusions by itself, and what was charted as given."""
    found = (m.dose.evidence, *m.dose.parts, m.dose.documented)
    return tuple(e for e in found if e is not None)


def grounds(m: Measured, verdicts: Verdicts) -> tuple[str, ...]:
    """The limits that this patient crossed, the leading one of the dose, for the card's rule."""
    level = "anti_xa_low" if m.levels.anti_xa.steady.yes else "aptt_low"
    crossed = [row for rule, row in GROUNDS.items() if verdicts[rule].yes][:1]
    below = verdicts["below_target"].yes or verdicts["masked"].yes
    return (*([f"levels.{level}"] if below else []), *crossed)


def levels_shown(m: Measured) -> tuple[Evidence, ...]:
    """Both levels, as far as they are current."""
    return tuple(
        level.evidence
        for level in (m.levels.anti_xa, m.levels.aptt)
        if level.current.yes and level.evidence is not None
    )


def running_fact(m: Measured) -> tuple[Evidence, ...]:
    """The running rate since its last change."""
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
    """A gate closed by the 4Ts alone was reopened by a negative antibody test."""
    return ("hit.reopened",) if m.hit.reopened else ()
