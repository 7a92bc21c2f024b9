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
    Evidence,
    Reason,
    Verdict,
    all_of,
    any_of,
    negate,
    said,
    unknown,
    yes,
)
from cds_service.assessment.case import Case
from cds_service.assessment.dose import HOURS_A_DAY, DraftedRate, per_kg_h
from cds_service.assessment.measured import Measured
from cds_service.assessment.measures import acute_phase
from cds_service.assessment.response import refractory, responded
from cds_service.assessment.trends import escalating, plateau, thrombosis_on_heparin

Verdicts = Mapping[str, Verdict]


@dataclass(frozen=True, slots=True)
class Rule:
    """One question: who answers it, which claims of the review and which limits it rests on."""

    ask: Callable[[Measured, Verdicts], Verdict]
    review: tuple[str, ...]
    limits: tuple[str, ...] = ()
    of_effect: bool = True  # protamine makes every finding about heparin's effect too early


def high(m: Measured, _: Verdicts) -> Verdict:
    """More than 35,000 U/day and high for the weight, or high by weight alone [R8]."""
    by_weight, weighed = m.dose.per_kg_h, m.case.protocol.allows("weight_condition")
    high_rate = m.case.protocol["heparin.high_rate"]
    strong = weighed and by_weight is not None and by_weight >= high_rate
    return _dose_over(m, "heparin.high_daily_dose", strong=strong)


def very_high(m: Measured, _: Verdicts) -> Verdict:
    """More than 40,000 U/day, and high for the weight [R111]."""
    return _dose_over(m, "heparin.very_high_daily_dose", strong=False)


def _dose_over(m: Measured, line: str, *, strong: bool) -> Verdict:
    if not m.dose.known.yes:
        return m.dose.known if m.infusion.running.answer is not NO.answer else NO
    over = (m.dose.units > m.case.protocol[line] and _heavy_for_weight(m)) or strong
    if not over:
        return said(False, *m.dose.known.facts)
    if not _running_for(m, "heparin.high_running_for"):
        return unknown(Reason("heparinDose", "tooShort"))
    return said(True, *m.dose.known.facts)


def _heavy_for_weight(m: Measured) -> bool:
    """A big patient's standard rate is no high dose; without weight the units decide."""
    if m.dose.per_kg_h is None or not m.case.protocol.allows("weight_condition"):
        return True
    return m.dose.per_kg_h > m.case.protocol["heparin.standard_rate"]


def _running_for(m: Measured, span: str) -> bool:
    return m.infusion.since is not None and m.infusion.since <= m.case.ago(span)


def drafted_raise(m: Measured, _: Verdicts) -> Verdict:
    """A drafted rate at least a twentieth above the running one."""
    if not m.drafted or m.infusion.running.no:
        return NO
    if m.infusion.rate is None:
        return unknown(*(m.infusion.running.reasons or m.infusion.reasons))
    raised = [d for d in m.drafted if d.rate is not None and is_raise(m, d)]
    if raised:
        return yes(*(_drafted_fact(d) for d in raised))
    unread = tuple(d.reason for d in m.drafted if d.reason is not None)
    return unknown(*unread) if unread else NO


def is_raise(m: Measured, draft: DraftedRate) -> bool:
    """Whether a draft's rate lies above the running one by the protocol's step."""
    if m.infusion.rate is None or draft.rate is None:
        return False
    step = 1 + m.case.protocol["heparin.drafted_raise"] / 100
    return m.infusion.rate > 0 and draft.rate >= m.infusion.rate * step


def _drafted_fact(draft: DraftedRate) -> Evidence:
    return Evidence("draftedRate", draft.rate or 0.0, "U/h", None, draft.order.source, "drafted")


def ceiling(m: Measured, so_far: Verdicts) -> Verdict:
    """Past 50,000 U/day: running, by a drafted raise, or by a steep first order [R123]."""
    return any_of(_ceiling_running(m), _ceiling_raise(m, so_far), _ceiling_first(m))


def _ceiling_running(m: Measured) -> Verdict:
    if m.infusion.running.no:
        return NO
    if m.infusion.rate is None:
        return unknown(*(m.infusion.running.reasons or m.infusion.reasons))
    since, source = m.infusion.last_change, m.infusion.source
    fact = Evidence("rate", m.infusion.rate, "U/h", since, source, "running")
    return said(_past_ceiling(m, m.infusion.rate), fact)


def _past_ceiling(m: Measured, rate: float) -> bool:
    return rate * HOURS_A_DAY > m.case.protocol["heparin.ceiling_daily_dose"]


def _ceiling_raise(m: Measured, so_far: Verdicts) -> Verdict:
    if not so_far["drafted_raise"].yes:
        return so_far["drafted_raise"]
    over = [f for f in so_far["drafted_raise"].facts if _past_ceiling(m, f.value)]
    return yes(*over) if over else NO


def _ceiling_first(m: Measured) -> Verdict:
    """A first order is past the ceiling only when it is steep for the weight too."""
    if not m.infusion.running.no or not m.drafted:
        return NO
    over = [d for d in m.drafted if d.rate and _past_ceiling(m, d.rate) and _steep(m, d.rate)]
    if over:
        return yes(*(_drafted_fact(d) for d in over))
    unread = tuple(d.reason for d in m.drafted if d.reason is not None)
    return unknown(*unread) if unread else NO


def _steep(m: Measured, rate: float) -> bool:
    by_weight = per_kg_h(rate, m.weight.kg)
    if by_weight is None or not m.case.protocol.allows("weight_condition"):
        return True
    return by_weight >= m.case.protocol["heparin.first_order_rate"]


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
