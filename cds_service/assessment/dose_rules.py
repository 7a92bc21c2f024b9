"""The rules about the dose: high, very high, a drafted raise, the ceiling. Clinical logic 3."""

from __future__ import annotations

from cds_service.assessment.answers import (
    NO,
    Evidence,
    Reason,
    Verdict,
    Verdicts,
    any_of,
    said,
    unknown,
    yes,
)
from cds_service.assessment.dose import HOURS_A_DAY, DraftedRate, per_kg_h
from cds_service.assessment.measured import Measured
from cds_service.assessment.times import at_or_before


def high(m: Measured, _: Verdicts) -> Verdict:
    """More than 35,000 U/day and high for the weight, or high by weight alone [R8]."""
    by_weight, weighed = m.dose.per_kg_h, m.case.protocol.allows("weight_condition")
    high_rate = m.case.protocol["heparin.high_rate"]
    strong = weighed and by_weight is not None and by_weight >= high_rate
    by_units = _dose_over(m, "heparin.high_daily_dose", strong=strong)
    lightest = high_rate * m.case.protocol["weight.lightest"]
    if by_units.no and weighed and m.weight.kg is None and (m.infusion.rate or 0.0) >= lightest:
        return unknown(*m.weight.known.reasons)  # high for some weight that it may be
    return by_units


def very_high(m: Measured, _: Verdicts) -> Verdict:
    """More than 40,000 U/day, and high for the weight [R111]."""
    return _dose_over(m, "heparin.very_high_daily_dose", strong=False)


def _dose_over(m: Measured, line: str, *, strong: bool) -> Verdict:
    if not m.dose.known.yes:
        return m.dose.known if m.infusion.running.answer is not NO.answer else NO
    over = (m.dose.units > m.case.protocol[line] and _heavy_for_weight(m)) or strong
    if not over:
        return said(False, *m.dose.known.facts)
    since = m.case.ago("heparin.high_running_for")
    long_enough = at_or_before(m.infusion.since, since, "heparinDose")
    if not long_enough.yes:
        return unknown(*long_enough.reasons or (Reason("heparinDose", "tooShort"),))
    return said(True, *m.dose.known.facts)


def _heavy_for_weight(m: Measured) -> bool:
    """A big patient's standard rate is no high dose; without weight the units decide."""
    if m.dose.per_kg_h is None or not m.case.protocol.allows("weight_condition"):
        return True
    return m.dose.per_kg_h > m.case.protocol["heparin.standard_rate"]


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
