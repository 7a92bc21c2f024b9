"""The card about a heparin rate that can hardly be meant. Clinical logic 6.

It looks at the drafted rates and at the charted one, whatever the antithrombin.
"""

from __future__ import annotations

from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.recommendation import DeleteDraft, Option, Recommendation
from cds_service.assessment.model.verdict import Evidence, Reason
from cds_service.assessment.recommend.topics.advice import level_tests
from cds_service.assessment.recommend.topics.situation import running_fact, weight_fact
from cds_service.assessment.recommend.topics.topic import Assessed
from cds_service.assessment.rules.odd_rates import Odd, odd_rates, ratio_of, strength_of


def heparin_rate_check(known: Assessed) -> Recommendation | None:
    """The most urgent of the odd rates; all odd drafts may be deleted together."""
    m = known.measured
    odd = sorted(odd_rates(m), key=lambda one: (one.indicator.rank, one.order is None, -one.rate))
    if not odd:
        return None
    worst = odd[0]
    drafts = tuple(DeleteDraft(one.order) for one in odd if one.order is not None)
    charted = any(one.order is None for one in odd)
    return Recommendation(
        indicator=worst.indicator,
        summary=worst.summary,
        facts=(*_drafted_facts(odd), *running_fact(m), *weight_fact(m)),
        values=_values(m, worst),
        notes=("rateCheck.charted" if worst.order is None else "rateCheck.drafted",),
        choices=(Option("draft.delete", drafts),) if drafts else (),
        tests=level_tests(m) if charted else (),
        open=_reasons(odd),
        limits=_limits(worst),
    )


def _reasons(odd: list[Odd]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(one.reason for one in odd if one.reason is not None))


def _limits(worst: Odd) -> tuple[str, ...]:
    return ("heparin.check_rate",) if worst.summary in _BY_RATE else ("heparin.check_ratio",)


# Summaries that rest on the rate itself; the others compare it with the running one.
_BY_RATE = ("charted", "chartedUntold", "drafted", "first", "untold", "strength")


def _drafted_facts(odd: list[Odd]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence("draftedRate", one.rate, "U/h", None, one.order.source, "drafted")
        for one in odd
        if one.order is not None and one.rate
    )


def _values(m: Measured, worst: Odd) -> dict[str, str | float]:
    """The figures that the summary names; of a refused strength mL/h and U/mL, and no rate."""
    amount = worst.order.dosage.rate if worst.order is not None else None
    strength = strength_of(amount)
    return {
        "odd": worst.rate,
        "odd_by_weight": worst.rate / m.weight.kg if m.weight.kg else 0.0,
        "times": ratio_of(m, worst.rate),
        "running": m.infusion.rate or 0.0,
        "strength": strength,
        "volume": amount.value / strength if amount is not None and strength else 0.0,
        "written": worst.reason.detail if worst.reason is not None else "",
    }
