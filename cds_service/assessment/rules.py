"""The rules: one small function each, and one row in RULES. Clinical logic 3.

A rule answers yes, no or unknown from what was measured and from the rules before it.
[Rn] points to the review's claim in review.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cds_service.assessment.answers import (
    NO,
    YES,
    Reason,
    Verdict,
    Verdicts,
    all_of,
    any_of,
    negate,
    unknown,
)
from cds_service.assessment.case import Case
from cds_service.assessment.dose_rules import (
    ceiling,
    drafted_raise,
    high,
    very_high,
)
from cds_service.assessment.measured import Measured
from cds_service.assessment.measures import acute_phase
from cds_service.assessment.response import refractory, responded
from cds_service.assessment.trends import (
    escalating,
    is_far_above,
    plateau,
    raised_since,
    thrombosis_on_heparin,
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One question: who answers it, which claims of the review and which limits it rests on."""

    ask: Callable[[Measured, Verdicts], Verdict]
    review: tuple[str, ...]
    limits: tuple[str, ...] = ()
    of_effect: bool = True  # protamine makes every finding about heparin's effect too early


def below_target(m: Measured, _: Verdicts) -> Verdict:
    """Steady anti-Xa under 0.3; without a usable one steady aPTT under 60 s [R28]."""
    return m.levels.below


def above_target(m: Measured, _: Verdicts) -> Verdict:
    """Current anti-Xa over 0.7, or without one aPTT over 100 s [R28]."""
    return m.levels.above


def on_target(m: Measured, _: Verdicts) -> Verdict:
    """Neither below nor above [R28]."""
    return m.levels.on_target


def is_escalating(m: Measured, _: Verdicts) -> Verdict:
    """Two rises in two days at a rate worth the name [R23]."""
    return escalating(m.case, m.infusion, m.weight.kg)


def has_plateau(m: Measured, _: Verdicts) -> Verdict:
    """The aPTT stands still while the rate rises [R24]."""
    return plateau(m.case, m.infusion, m.weight.kg)


def masked(m: Measured, _: Verdicts) -> Verdict:
    """An adequate aPTT over a low anti-Xa [R26, R29]."""
    return m.levels.masked


def pseudo_resistance(m: Measured, _: Verdicts) -> Verdict:
    """An anti-Xa in range under a short aPTT: the commoner pattern, and no resistance [R112]."""
    return m.levels.pseudo


def clot_on_heparin(m: Measured, _: Verdicts) -> Verdict:
    """A clot that began a day or more into heparin and within the week [R25]."""
    return thrombosis_on_heparin(m.case)


def requirement_raised(_: Measured, so_far: Verdicts) -> Verdict:
    """Very high, whatever the level; it opens tests, never a dose [R111]."""
    return so_far["very_high"]


def failing(m: Measured, so_far: Verdicts) -> Verdict:
    """The infusion does not do its work: the only finding that opens a dose or a switch."""
    strong = any_of(so_far["high"], so_far["escalating"], so_far["plateau"])
    lone = YES if m.case.protocol.allows("masked_fails_alone") else so_far["high"]
    fails = any_of(
        all_of(so_far["below_target"], strong),
        all_of(so_far["masked"], lone),
        all_of(
            so_far["thrombosis_on_heparin"],
            any_of(so_far["high"], so_far["below_target"]),
        ),
    )
    return all_of(
        fails,
        negate(m.levels.pseudo if m.levels.paired else NO),
        negate(so_far["above_target"]),
        negate(m.levels.over_high_aptt),
    )


def confirmed(_: Measured, so_far: Verdicts) -> Verdict:
    """Whether the evidence opens an antithrombin dose or another anticoagulant."""
    return so_far["failing"]


def far_above(m: Measured, so_far: Verdicts) -> Verdict:
    """Above target by so much that one level is enough to speak [R28]."""
    return all_of(so_far["above_target"], is_far_above(m.case, m.levels))


def effect_lost(_: Measured, __: Verdicts) -> Verdict:
    """A level that fell at an unchanged rate: sample, line, pump or bag before resistance."""
    return NO


def raised_since_level(m: Measured, _: Verdicts) -> Verdict:
    """Whether the rate rose after the newest level was drawn, by at least `rate_change`."""
    return raised_since(m.case, m.infusion, m.levels)


def loud(_: Measured, so_far: Verdicts) -> Verdict:
    """Whether an unconfirmed finding is a warning; otherwise its card only informs."""
    return so_far["resistance_suspected"]


def resistance_suspected(_: Measured, so_far: Verdicts) -> Verdict:
    """Requirement raised or failing [R2, R8]."""
    return any_of(so_far["requirement_raised"], so_far["failing"])


def acute_phase_raised(m: Measured, _: Verdicts) -> Verdict:
    """Raised fibrinogen or factor VIII; not claimed in pregnancy [R16, R17]."""
    raised = NO if m.risk.pregnant else acute_phase(m.case)
    if raised.yes and not m.case.answered("conditions"):
        return unknown(Reason("conditions", m.case.state("conditions").value))
    return raised


RULES: Mapping[str, Rule] = {
    "high": Rule(
        high,
        ("R8",),
        ("heparin.high_daily_dose", "heparin.standard_rate", "heparin.high_rate"),
    ),
    "very_high": Rule(
        very_high, ("R111",), ("heparin.very_high_daily_dose", "heparin.standard_rate")
    ),
    "drafted_raise": Rule(drafted_raise, (), ("heparin.drafted_raise",), of_effect=False),
    "ceiling": Rule(
        ceiling,
        ("R123",),
        ("heparin.ceiling_daily_dose", "heparin.first_order_rate"),
        of_effect=False,
    ),
    "below_target": Rule(below_target, ("R28",), ("levels.anti_xa_low", "levels.aptt_low")),
    "above_target": Rule(
        above_target, ("R28",), ("levels.anti_xa_high", "levels.aptt_high"), of_effect=False
    ),
    "far_above": Rule(
        far_above, ("R28",), ("levels.anti_xa_far", "levels.aptt_far"), of_effect=False
    ),
    "on_target": Rule(on_target, ("R28",), ("levels.anti_xa_low", "levels.anti_xa_high")),
    "escalating": Rule(
        is_escalating, ("R23",), ("heparin.escalation_rises", "heparin.escalation_daily_dose")
    ),
    "plateau": Rule(
        has_plateau, ("R24", "R115"), ("heparin.plateau_rise", "heparin.plateau_difference")
    ),
    "masked": Rule(masked, ("R26", "R29"), ("levels.anti_xa_low", "levels.aptt_low")),
    "pseudo_resistance": Rule(
        pseudo_resistance, ("R112",), ("levels.anti_xa_low", "levels.aptt_low")
    ),
    "thrombosis_on_heparin": Rule(
        clot_on_heparin,
        ("R25",),
        ("thrombosis.after_start", "thrombosis.within"),
        of_effect=False,
    ),
    "effect_lost": Rule(effect_lost, ()),
    "requirement_raised": Rule(requirement_raised, ("R111",), ("heparin.very_high_daily_dose",)),
    "failing": Rule(failing, ("R2", "R8", "R23", "R24", "R25", "R26")),
    "resistance_suspected": Rule(resistance_suspected, ("R2", "R8")),
    "acute_phase": Rule(
        acute_phase_raised,
        ("R16", "R17"),
        ("acute_phase.fibrinogen_high", "acute_phase.factor_viii_high"),
        of_effect=False,
    ),
    "responded": Rule(responded, ("R93",), ("antithrombin_dose.response_fall",)),
    "refractory": Rule(refractory, ("R94",), ("antithrombin.normal",)),
    "confirmed": Rule(confirmed, ("R2", "R8")),
    "raised_since_level": Rule(raised_since_level, (), ("heparin.rate_change",), of_effect=False),
    "loud": Rule(loud, ("R2",), of_effect=False),
}


def judge(m: Measured) -> Verdicts:
    """Every rule's answer, in the order of the table."""
    verdicts: dict[str, Verdict] = {}
    early = protamine_given(m.case)
    for name, rule in RULES.items():
        verdict = rule.ask(m, verdicts)
        if early and rule.of_effect and not verdict.no:
            verdict = unknown(Reason("protamine", "tooEarly"))
        verdicts[name] = verdict
    return verdicts


def protamine_given(case: Case) -> bool:
    """Protamine within six hours: too early for any finding about heparin's effect."""
    since = case.ago("heparin.protamine_window")
    return any(a.start is not None and a.start >= since for a in case.given("protamine"))
