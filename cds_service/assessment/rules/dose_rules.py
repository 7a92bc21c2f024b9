"""The rules about the dose: high, very high, a drafted raise, the ceiling. Clinical logic 3."""

from __future__ import annotations

from cds_service.assessment.measure.daily_dose import HOURS_A_DAY, DraftedRate, per_kg_h
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.verdict import (
    NO,
    Evidence,
    Verdict,
    Verdicts,
    any_of,
    unknown,
    verdict_of,
    yes,
)
from cds_service.assessment.rules.known import Known
from cds_service.assessment.rules.odd_rates import is_doubted

DECIMALS = 1  # pumps are rounded: 19.95 U/kg/h is 20.0


def high(known: Known) -> Verdict:
    """From 20 U/kg/h; or more than 35,000 U/day and more than a standard start [R8].

    Without a weight the units alone decide; below their line it is unknown where the rate would be
    high for any weight down to the lightest.
    """
    m = known.measured
    if not m.dose.known.yes:
        return m.dose.known if not m.infusion.running.no else NO
    verdict = is_high(m, m.infusion.rate or 0.0, m.dose.known.facts)
    return _long_enough(m, verdict)


def is_high(m: Measured, rate: float, facts: tuple[Evidence, ...]) -> Verdict:
    """Whether a rate in U/h is high, by units a day and by the weight of the course.

    `facts` are what the verdict rests on.
    """
    protocol = m.case.protocol
    many = _daily(rate) > protocol["heparin.high_daily_dose"]
    by_weight = per_kg_h(rate, m.course_weight.kg)
    if not protocol.allows("weight_condition"):
        return verdict_of(many, *facts)
    if by_weight is None:
        # At 40 kg even 800 U/h are 20 U/kg/h: below that the weight cannot change the answer.
        heavy = rate > protocol["heparin.high_rate"] * protocol["weight.lightest"]
        open_ = heavy and not many
        return unknown(*m.course_weight.known.reasons) if open_ else verdict_of(many, *facts)
    steep = is_steep(m, rate)
    return verdict_of(steep or (many and by_weight > protocol["heparin.standard_rate"]), *facts)


def is_steep(m: Measured, rate: float) -> bool:
    """Whether a rate reaches `heparin.high_rate` by weight, rounded as pumps are."""
    by_weight = per_kg_h(rate, m.course_weight.kg)
    line = m.case.protocol["heparin.high_rate"]
    return by_weight is not None and round(by_weight + _ROUND_UP, DECIMALS) >= line


_ROUND_UP = 1e-9  # 19.95 is 19.949999 in binary


def very_high(known: Known) -> Verdict:
    """More than 40,000 U/day, and more than a standard start for the weight [R111]."""
    m = known.measured
    if not m.dose.known.yes:
        return m.dose.known if not m.infusion.running.no else NO
    over = m.dose.units > m.case.protocol["heparin.very_high_daily_dose"]
    verdict = verdict_of(
        over and _above(m, m.infusion.rate, "heparin.standard_rate"), *m.dose.known.facts
    )
    return _long_enough(m, verdict)


def _above(m: Measured, rate: float | None, line: str) -> bool:
    """Whether a rate passes a line by weight; without weight the units decide."""
    by_weight = per_kg_h(rate or 0.0, m.course_weight.kg)
    if by_weight is None or not m.case.protocol.allows("weight_condition"):
        return True
    return by_weight > m.case.protocol[line]


def _daily(rate: float) -> float:
    return rate * HOURS_A_DAY


def _long_enough(m: Measured, high: Verdict) -> Verdict:
    """High counts only once the infusion has run for `heparin.high_running_for` without a stop."""
    if not high.yes:
        return high
    span = m.case.protocol.span("heparin.high_running_for")
    long_enough = m.infusion.running_for(span, "heparinDose")
    return high if long_enough.yes else unknown(*long_enough.reasons)


def drafted_raise(known: Known) -> Verdict:
    """A drafted rate that can be meant, at least a twentieth above the running one."""
    m = known.measured
    drafts = _meant(m)
    if not drafts or m.infusion.running.no:
        return NO
    if m.infusion.rate is None:
        return unknown(*m.infusion.why_no_rate)
    raised = [draft for draft in drafts if is_raise(m, draft)]
    return yes(*(_drafted_fact(d) for d in raised)) if raised else _unread(drafts)


def is_raise(m: Measured, draft: DraftedRate) -> bool:
    """Whether a draft's rate lies above the running one by the protocol's step."""
    if m.infusion.rate is None or draft.rate is None:
        return False
    step = 1 + m.case.protocol["heparin.drafted_raise"] / 100  # Rounding by a pharmacy is no raise.
    return m.infusion.rate > 0 and draft.rate >= m.infusion.rate * step


def _drafted_fact(draft: DraftedRate) -> Evidence:
    return Evidence("draftedRate", draft.rate or 0.0, "U/h", None, draft.order.source, "drafted")


def ceiling(known: Known) -> Verdict:
    """Past 50,000 U/day: running, by a drafted raise, or by a steep first order [R123]."""
    m = known.measured
    return any_of(_ceiling_running(m), _ceiling_raise(m, known.verdicts), _ceiling_first(m))


def _ceiling_running(m: Measured) -> Verdict:
    if m.infusion.running.no:
        return NO
    if m.infusion.rate is None:
        return unknown(*m.infusion.why_no_rate)
    since, source = m.infusion.last_change, m.infusion.source
    fact = Evidence("rate", m.infusion.rate, "U/h", since, source, "running")
    return verdict_of(_past_ceiling(m, m.infusion.rate), fact)


def _past_ceiling(m: Measured, rate: float) -> bool:
    """Whether a rate is past the ceiling by units and by weight: the heaviest need as many on
    average.
    """
    over = _daily(rate) > m.case.protocol["heparin.ceiling_daily_dose"]
    return over and _above(m, rate, "heparin.ceiling_rate")


def _ceiling_raise(m: Measured, verdicts: Verdicts) -> Verdict:
    raised = verdicts["drafted_raise"]
    if not raised.yes:
        return raised
    over = [fact for fact in raised.facts if _past_ceiling(m, fact.value)]
    return yes(*over) if over else NO


def _meant(m: Measured) -> list[DraftedRate]:
    """The drafted rates without those that can hardly be meant: a card of its own names those."""
    return [d for d in m.drafted if not is_doubted(m, d)]


def _unread(drafts: list[DraftedRate]) -> Verdict:
    why = tuple(d.reason for d in drafts if d.reason is not None)
    return unknown(*why) if why else NO


def _ceiling_first(m: Measured) -> Verdict:
    """A first order is past the ceiling only when it is steep for the weight too."""
    # Where something runs, or may run, a draft is a change of it and no first order.
    if not m.infusion.running.no or not m.drafted:
        return NO
    meant = _meant(m)
    over = [draft for draft in meant if _is_past_at_once(m, draft.rate)]
    return yes(*(_drafted_fact(d) for d in over)) if over else _unread(meant)


def _is_past_at_once(m: Measured, rate: float | None) -> bool:
    return bool(rate) and _past_ceiling(m, rate or 0.0) and _steep(m, rate or 0.0)


def _steep(m: Measured, rate: float) -> bool:
    by_weight = per_kg_h(rate, m.course_weight.kg)
    if by_weight is None or not m.case.protocol.allows("weight_condition"):
        return True
    return by_weight >= m.case.protocol["heparin.first_order_rate"]
