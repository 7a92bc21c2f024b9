"""The rules: one small function each, and one row in RULES. Clinical logic 3.

A rule is called with `Known`, what was measured and the verdicts of the rules before it, and comes
to yes, no or unknown. [Rn] points to the review's claim in `model/review.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.measure.patient_facts import acute_phase
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.verdict import (
    NO,
    Evidence,
    Reason,
    Verdict,
    Verdicts,
    all_of,
    any_of,
    negate,
    unknown,
)
from cds_service.assessment.rules.antithrombin_response import refractory, responded
from cds_service.assessment.rules.clot_growth import thrombosis_on_heparin
from cds_service.assessment.rules.confirmation import is_confirmed
from cds_service.assessment.rules.dose_rules import ceiling, drafted_raise, high, is_high, very_high
from cds_service.assessment.rules.effect_lost import is_effect_lost
from cds_service.assessment.rules.far_above import is_far_above
from cds_service.assessment.rules.known import Known
from cds_service.assessment.rules.loudness import is_loud, raised_since_level, waits_for_level
from cds_service.assessment.rules.trends import escalating, plateau
from cds_service.assessment.rules.undecided import is_undecided


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its function, the review's claims and the protocol rows that it rests on."""

    ask: Callable[[Known], Verdict]
    review: tuple[str, ...]
    limits: tuple[str, ...] = ()
    of_effect: bool = True  # protamine makes every finding about heparin's effect too early


def below_target(known: Known) -> Verdict:
    """Steady anti-Xa under 0.3; without a usable one steady aPTT under 60 s [R28]."""
    return known.measured.levels.below


def above_target(known: Known) -> Verdict:
    """Current anti-Xa over 0.7, or without one aPTT over 100 s [R28]."""
    return known.measured.levels.above


def on_target(known: Known) -> Verdict:
    """Neither below nor above [R28]."""
    return known.measured.levels.on_target


def is_escalating(known: Known) -> Verdict:
    """Two rises in two days at a rate that is high already [R23]."""
    m = known.measured
    return escalating(m.case, m.infusion, m.course_weight.kg)


def has_plateau(known: Known) -> Verdict:
    """The aPTT stands still while the rate rises [R24]."""
    m = known.measured
    return plateau(m.case, m.infusion, m.course_weight.kg)


def masked(known: Known) -> Verdict:
    """An adequate aPTT over a low anti-Xa [R26, R29]."""
    return known.measured.levels.masked


def pseudo_resistance(known: Known) -> Verdict:
    """An anti-Xa in range under a short aPTT: the commoner pattern, and no resistance [R112]."""
    return known.measured.levels.pseudo


def masked_clearly(known: Known) -> Verdict:
    """Masked by the margin to both lines: the pattern's own card [R26, R29]."""
    return known.measured.levels.masked_clearly


def clot_on_heparin(known: Known) -> Verdict:
    """A clot that began a day or more into heparin and within the week [R25]."""
    return thrombosis_on_heparin(known.measured.case)


def requirement_raised(known: Known) -> Verdict:
    """Very high, whatever the level; it opens tests, never a dose [R111]."""
    return known.verdicts["very_high"]


def high_when_drawn(known: Known) -> Verdict:
    """High at the rate that the deciding level was drawn under [R8]."""
    m = known.measured
    level = m.levels.deciding
    if not level.current.yes or not known.verdicts["high"].facts or level.rate == m.infusion.rate:
        return known.verdicts["high"]
    if level.rate is None:
        return unknown(Reason("heparinDose", "unreadable"))
    fact = Evidence("rate", level.rate, "U/h", level.drawn, m.infusion.source, "whenDrawn")
    return is_high(m, level.rate, (fact,))


def failing(known: Known) -> Verdict:
    """Below target on a rate that should do, or with a clot on heparin [R2, R8, R24, R25]."""
    m, verdicts, options = known.measured, known.verdicts, known.measured.case.protocol
    enough = [verdicts["high_when_drawn"], verdicts["plateau"]]
    enough += [verdicts["escalating"]] if options.allows("escalation_fails") else []
    below, masked_alone = verdicts["below_target"], options.allows("masked_fails_alone")
    fails = any_of(
        all_of(below, any_of(*enough)),
        all_of(verdicts["thrombosis_on_heparin"], below),
        verdicts["masked"] if masked_alone else NO,
    )
    # Where both tests were drawn together and differ, one of them does not show heparin's effect.
    patterns = [m.levels.pseudo] if masked_alone else [m.levels.pseudo, m.levels.masked]
    against = (*(patterns if m.levels.paired else ()), verdicts["above_target"], _over(m))
    # A level that was lost at an unchanged rate is a fault of sample, line, pump or bag first.
    return all_of(fails, *(negate(one) for one in against), negate(verdicts["effect_lost"]))


def _over(m: Measured) -> Verdict:
    """A current aPTT above the line, unless something else than heparin prolongs it."""
    disturbed = m.levels.newest_aptt.current.yes and not m.levels.newest_aptt.usable.yes
    return NO if disturbed else m.levels.over_high_aptt


def confirmed(known: Known) -> Verdict:
    """Two steady low levels with a raise between, the required rate, or refractory [R2, R8]."""
    return is_confirmed(known.measured, known.verdicts)


def undecided(known: Known) -> Verdict:
    """Unknown where a missing fact alone keeps failing open [R8]."""
    return is_undecided(known.measured, known.verdicts)


def far_above(known: Known) -> Verdict:
    """Far above target, and not lowered within two hours of knowing [R28]."""
    return is_far_above(known.measured)


def effect_lost(known: Known) -> Verdict:
    """A level that fell at an unchanged rate: sample, line, pump or bag before resistance."""
    return is_effect_lost(known.measured)


def rate_raised_since(known: Known) -> Verdict:
    """A raise after the level that decides was drawn."""
    return raised_since_level(known.measured)


def waits(known: Known) -> Verdict:
    """A raise waits for its level: until then the finding is information."""
    return waits_for_level(known.measured, known.verdicts)


def loud(known: Known) -> Verdict:
    """A warning, by the probability that the required rate lies above the line."""
    return is_loud(known.measured, known.verdicts)


def resistance_suspected(known: Known) -> Verdict:
    """Requirement raised or failing [R2, R8]."""
    return any_of(known.verdicts["requirement_raised"], known.verdicts["failing"])


def acute_phase_raised(known: Known) -> Verdict:
    """Raised fibrinogen or factor VIII; not claimed in pregnancy [R16, R17]."""
    m = known.measured
    raised = NO if m.risk.pregnant else acute_phase(m.case)
    if raised.yes and not m.case.is_complete("conditions"):
        return unknown(Reason("conditions", m.case.state("conditions").value))
    return raised


_LINES = ("levels.anti_xa_low", "levels.aptt_low")

RULES: Mapping[str, Rule] = {
    "high": Rule(
        high,
        ("R8",),
        ("heparin.high_rate", "heparin.high_daily_dose", "heparin.standard_rate"),
    ),
    "very_high": Rule(
        very_high, ("R111",), ("heparin.very_high_daily_dose", "heparin.standard_rate")
    ),
    "drafted_raise": Rule(drafted_raise, (), ("heparin.drafted_raise",), of_effect=False),
    "ceiling": Rule(
        ceiling,
        ("R123",),
        ("heparin.ceiling_daily_dose", "heparin.ceiling_rate", "heparin.first_order_rate"),
        of_effect=False,
    ),
    "below_target": Rule(below_target, ("R28",), _LINES),
    "above_target": Rule(
        above_target, ("R28",), ("levels.anti_xa_high", "levels.aptt_high"), of_effect=False
    ),
    "far_above": Rule(
        far_above,
        ("R28",),
        ("levels.anti_xa_far", "levels.aptt_far", "overshoot.wait"),
        of_effect=False,
    ),
    "on_target": Rule(on_target, ("R28",), ("levels.anti_xa_low", "levels.anti_xa_high")),
    "escalating": Rule(
        is_escalating, ("R23",), ("heparin.escalation_rises", "heparin.escalation_daily_dose")
    ),
    "plateau": Rule(
        has_plateau, ("R24", "R115"), ("heparin.plateau_rise", "heparin.plateau_difference")
    ),
    "masked": Rule(masked, ("R26", "R29"), _LINES),
    "masked_clearly": Rule(
        masked_clearly, ("R26", "R29"), ("levels.anti_xa_margin", "levels.aptt_margin")
    ),
    "pseudo_resistance": Rule(pseudo_resistance, ("R112",), _LINES),
    "thrombosis_on_heparin": Rule(
        clot_on_heparin,
        ("R25",),
        ("thrombosis.after_start", "thrombosis.within"),
        of_effect=False,
    ),
    "effect_lost": Rule(effect_lost, (), ("required_rate.lost_fit", "resistance.lost_share")),
    "requirement_raised": Rule(requirement_raised, ("R111",), ("heparin.very_high_daily_dose",)),
    "high_when_drawn": Rule(high_when_drawn, ("R8",), ("heparin.high_rate",)),
    "failing": Rule(failing, ("R2", "R8", "R23", "R24", "R25", "R26")),
    "undecided": Rule(undecided, ("R8",)),
    "resistance_suspected": Rule(resistance_suspected, ("R2", "R8")),
    "acute_phase": Rule(
        acute_phase_raised,
        ("R16", "R17"),
        ("acute_phase.fibrinogen_high", "acute_phase.factor_viii_high"),
        of_effect=False,
    ),
    "responded": Rule(responded, ("R93",), ("antithrombin_dose.response_fall",)),
    "refractory": Rule(refractory, ("R94",), ("antithrombin.normal",)),
    "confirmed": Rule(
        confirmed,
        ("R2", "R8"),
        ("resistance.levels_within", "resistance.raise", "required_rate.confirmed_probability"),
    ),
    "raised_since_level": Rule(rate_raised_since, (), ("heparin.rate_change",), of_effect=False),
    "waits": Rule(waits, (), ("heparin.rate_change",), of_effect=False),
    "loud": Rule(loud, ("R2",), ("resistance.loud_probability",), of_effect=False),
}


def evaluate(m: Measured) -> Verdicts:
    """The verdict of every rule, in the order of the table."""
    verdicts: dict[str, Verdict] = {}
    early = protamine_given(m.case)
    for name, rule in RULES.items():
        verdict = rule.ask(Known(m, verdicts))
        # Protamine takes heparin's effect away: a level, or a need, seen now says nothing of it.
        if early and rule.of_effect and not verdict.no:
            verdict = unknown(Reason("protamine", "tooEarly"))
        verdicts[name] = verdict
    return verdicts


def protamine_given(case: Case) -> bool:
    """Protamine within six hours: too early for any finding about heparin's effect."""
    since = case.ago("heparin.protamine_window")
    return any(a.start is not None and a.start >= since for a in case.given("protamine"))
