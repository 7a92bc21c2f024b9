"""Cards about two drugs together: two anticoagulants, or heparin with a P2Y12 inhibitor."""

from __future__ import annotations

from cds_service.assessment.measure.exposure import is_treatment
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.measure.rates import is_infusion
from cds_service.assessment.model.recommendation import (
    Indicator,
    Option,
    Recommendation,
    StopOrder,
)
from cds_service.assessment.model.verdict import Evidence
from cds_service.assessment.recommend.offers import deletion
from cds_service.assessment.recommend.topics.topic import Assessed
from cds_service.chart.facts import Order

_THERAPEUTIC = (
    "heparin",
    "lmwh",
    "fondaparinux",
    "danaparoid",
    "oralXa",
    "oralThrombin",
    "dti",
    "vka",
)


_HEPARINS = ("heparin", "lmwh")


_INHIBITORS = ("argatroban", "bivalirudin")  # they replace heparin, in HIT or not


_OVERLAPS = frozenset({"heparin", "lmwh", "dti", "fondaparinux", "danaparoid"})  # with warfarin


def combination(known: Assessed) -> Recommendation | None:
    """Two anticoagulants at treatment dose by active and drafted orders [R68, R70]."""
    m = known.measured
    standing = [o for o in _standing(m) if is_treatment(m.case, o)]
    drafts = [o for o in m.case.drafted(*_THERAPEUTIC) if is_treatment(m.case, o)]
    pair = _pair(standing, drafts)
    if pair is None:
        return None
    first, second = pair
    return Recommendation(
        indicator=Indicator.CRITICAL,
        facts=(order_fact(first), order_fact(second)),
        values={"first": first.drug.key, "second": second.drug.key},
        notes=("combination.rule", f"combination.{'drafted' if second.drafted else 'standing'}"),
        choices=_combination_choices(m, standing, second),
        limits=("prophylaxis.enoxaparin_daily",),
    )


def order_fact(order: Order) -> Evidence:
    """An order as a fact: the drug, what it says, since when."""
    how = "drafted" if order.drafted else "standing"
    written = f"{order.drug.key} {order.dosage.written}".strip()
    at = None if order.drafted else order.authored
    return Evidence("order", 0.0, "", at, order.source, how, written=written)


def _standing(m: Measured) -> list[Order]:
    """Active orders that no draft of this session ends or replaces."""
    ended = {d.source for d in m.case.chart.drafts if d.stops}
    replaced = {d.replaces for d in m.case.drafted(*_THERAPEUTIC)} - {""}
    gone = ended | replaced
    active = m.case.active_orders(*_THERAPEUTIC)
    return [o for o in active if o.source not in gone and not o.home]


def _pair(standing: list[Order], drafts: list[Order]) -> tuple[Order, Order] | None:
    # Of each drug one is enough: thousands of orders are not compared with each other.
    firsts: dict[tuple[str, str], Order] = {}
    for one in (*standing, *drafts):
        firsts.setdefault((one.drug.key, one.drug.family), one)
    for second in (*drafts, *standing):
        for first in firsts.values():
            if first.drug.key != second.drug.key and not _may_overlap(first, second):
                return first, second
    return None


def _may_overlap(first: Order, second: Order) -> bool:
    """Warfarin is started under heparin or a thrombin inhibitor."""
    families = {first.drug.family, second.drug.family}
    return "vka" in families and bool(families & _OVERLAPS)


def _combination_choices(m: Measured, standing: list[Order], second: Order) -> tuple[Option, ...]:
    if not second.drafted:
        return ()
    replaces_heparin = second.drug.family not in _HEPARINS
    if second.drug.key in _INHIBITORS or (m.gates.hit.yes and replaces_heparin):
        return _stop_heparins(standing)
    if m.gates.hit.unknown and replaces_heparin:
        return ()  # should it be HIT, this draft is the one to keep
    return (deletion([second]),)


def _stop_heparins(standing: list[Order]) -> tuple[Option, ...]:
    heparins = tuple(StopOrder(o) for o in standing if o.drug.family in _HEPARINS)
    return (Option("heparin.stop", heparins),) if heparins else ()


def _heparin_orders(m: Measured) -> tuple[Order, ...]:
    standing = [o for o in m.case.active_orders("heparin") if is_infusion(o)]
    return (*standing, *(d.order for d in m.drafted))


def antiplatelet(known: Assessed) -> Recommendation | None:
    """A P2Y12 inhibitor with a heparin infusion, one of them just drafted [R69, R70]."""
    m = known.measured
    drafted, standing = m.case.drafted("p2y12"), m.case.active_orders("p2y12")
    if not _meet_heparin(m, drafted, standing):
        return None
    coronary = m.risk.coronary
    offer = drafted and not coronary
    return Recommendation(
        indicator=Indicator.INFO if coronary else Indicator.WARNING,
        facts=tuple(order_fact(o) for o in (*drafted, *standing, *_heparin_orders(m))),
        values={"drug": (drafted or standing)[0].drug.key},
        notes=("antiplatelet.coronary" if coronary else "antiplatelet.rule",),
        choices=(deletion(drafted),) if offer else (),
        limits=("risk.stent_within",),
    )


def _meet_heparin(m: Measured, drafted: tuple[Order, ...], standing: tuple[Order, ...]) -> bool:
    """Whether this call drafts one of the two drugs while the other stands or is drafted too."""
    if standing and m.drafted:
        return True
    return bool(drafted) and (m.infusion.running.yes or bool(_heparin_orders(m)))
