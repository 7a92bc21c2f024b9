"""A heparin rate that can hardly be meant: tenfold slips, wrong strengths. Clinical logic 6.

Looks at the rates that are drafted and at the one that is charted, whatever the antithrombin.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cds_service.assessment.answers import Evidence, Reason, Verdicts
from cds_service.assessment.dose import DraftedRate
from cds_service.assessment.items import Choice, DeleteDraft, Indicator, Item
from cds_service.assessment.measured import Measured
from cds_service.assessment.topics.advice import level_tests
from cds_service.assessment.topics.situation import running_fact, weight_fact
from cds_service.chart.facts import Amount, Order, Problem

Due = dict[str, Item]

VIAL = "vialStrength"
UNTRUE = (Problem.IMPLAUSIBLE.value, VIAL)  # why a rate was refused, not unread


@dataclass(frozen=True, slots=True)
class Odd:
    """One rate to be checked: how urgent, and what is odd about it (a summary of the card)."""

    indicator: Indicator
    summary: str
    rate: float = 0.0  # U/h; 0 where none is computed
    order: Order | None = None  # None: it is charted as running
    reason: Reason | None = None


def heparin_rate_check(m: Measured, verdicts: Verdicts, due: Due) -> Item | None:
    """The most urgent of the odd rates, with all odd drafts to take back."""
    odd = sorted(_odd(m), key=lambda one: (one.indicator.rank, one.order is None, -one.rate))
    if not odd:
        return None
    worst = odd[0]
    drafts = tuple(DeleteDraft(one.order) for one in odd if one.order is not None)
    charted = any(one.order is None for one in odd)
    return Item(
        indicator=worst.indicator,
        summary=worst.summary,
        facts=(*_drafted_facts(odd), *running_fact(m), *weight_fact(m)),
        values=_values(m, worst),
        notes=("rateCheck.charted" if worst.order is None else "rateCheck.drafted",),
        choices=(Choice("draft.delete", drafts),) if drafts else (),
        tests=level_tests(m) if charted else (),
        open=tuple(dict.fromkeys(one.reason for one in odd if one.reason is not None)),
        limits=("heparin.check_rate",) if worst.summary in BY_RATE else ("heparin.check_ratio",),
    )


BY_RATE = ("charted", "chartedUntold", "drafted", "first", "untold", "strength")


def _drafted_facts(odd: list[Odd]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence("draftedRate", one.rate, "U/h", None, one.order.source, "drafted")
        for one in odd
        if one.order is not None and one.rate
    )


def _odd(m: Measured) -> Iterator[Odd]:
    yield from (found for d in m.drafted if (found := _drafted(m, d)) is not None)
    yield from _charted(m)


def _charted(m: Measured) -> Iterator[Odd]:
    """The rate that runs, or why it was refused."""
    rate = m.infusion.rate
    if rate is not None and m.infusion.running.yes and _over(m, rate, "check_rate", "check_units"):
        yield Odd(Indicator.CRITICAL, "charted", rate)
    for reason in () if m.infusion.running.no else m.infusion.reasons:
        if reason.why in UNTRUE:
            yield Odd(Indicator.CRITICAL, "chartedUntold", reason=reason)


def _drafted(m: Measured, draft: DraftedRate) -> Odd | None:
    reason = draft.reason
    if reason is not None:
        if reason.why not in UNTRUE:
            return None
        return _refused(m, draft.order, reason)
    rate = draft.rate or 0.0
    if _over(m, rate, "check_rate", "check_units"):
        return Odd(Indicator.CRITICAL, _said(m, rate), rate, draft.order)
    ratio = _ratio(m, rate)
    if ratio and _over(m, rate, "standard_rate", "check_least_units"):
        if ratio >= m.case.protocol["heparin.check_ratio"]:
            return Odd(Indicator.CRITICAL, "times", rate, draft.order)
        if ratio >= m.case.protocol["heparin.check_ratio_warning"]:
            return Odd(Indicator.WARNING, "double", rate, draft.order)
    if m.infusion.running.no and m.weight.kg and _over(m, rate, "first_order_rate", ""):
        return Odd(Indicator.WARNING, "first", rate, draft.order)
    return None


def _refused(m: Measured, order: Order, reason: Reason) -> Odd:
    """A rate that cannot be true is named as it was written; none is made of a vial's strength."""
    amount = order.dosage.rate
    if reason.why == VIAL and _strength(amount):
        return Odd(Indicator.CRITICAL, "strength", 0.0, order, reason)
    rate = _stated(m, amount) if reason.why != VIAL else 0.0
    return Odd(Indicator.CRITICAL, _said(m, rate) if rate else "untold", rate, order, reason)


def _stated(m: Measured, amount: Amount | None) -> float:
    if amount is None or amount.unit not in ("[IU]/h", "[IU]/kg/h"):
        return 0.0
    return amount.value * (1.0 if amount.unit == "[IU]/h" else m.weight.kg or 0.0)


def _said(m: Measured, rate: float) -> str:
    return "times" if _ratio(m, rate) else "drafted"


def _ratio(m: Measured, rate: float) -> float:
    """How many times the running rate; 0 where none runs or it is not known."""
    running = m.infusion.rate if m.infusion.running.yes else None
    return rate / running if running else 0.0


def _over(m: Measured, rate: float, by_weight: str, units: str) -> bool:
    """Above a line by weight, or in units where the weight is not known."""
    if m.weight.kg:
        return rate / m.weight.kg > m.case.protocol[f"heparin.{by_weight}"]
    return bool(units) and rate > m.case.protocol[f"heparin.{units}"]


def _strength(rate: Amount | None) -> float:
    return getattr(rate, "per_ml", None) or 0.0


def _values(m: Measured, worst: Odd) -> dict[str, str | float]:
    """What the summary names; from a refused strength mL/h and U/mL, and no rate."""
    amount = worst.order.dosage.rate if worst.order is not None else None
    strength = _strength(amount)
    return {
        "odd": worst.rate,
        "odd_by_weight": worst.rate / m.weight.kg if m.weight.kg else 0.0,
        "times": _ratio(m, worst.rate),
        "running": m.infusion.rate or 0.0,
        "strength": strength,
        "volume": amount.value / strength if amount is not None and strength else 0.0,
        "written": worst.reason.detail if worst.reason is not None else "",
    }
