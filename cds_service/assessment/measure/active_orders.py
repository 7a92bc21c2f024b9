"""Which heparin orders stand now, within the bounds that they state themselves."""

from __future__ import annotations

from collections.abc import Mapping

from cds_service.assessment.measure.rates import is_infusion, is_therapy_rate
from cds_service.assessment.model.case import NOT_ORDERS, Case
from cds_service.chart.facts import Order
from cds_service.chart.fhir_datetime import latest

ENDED = frozenset({"stopped", "cancelled", "completed", "on-hold", "ended"})


def heparin_orders(case: Case) -> Mapping[str, Order]:
    """Every heparin order on record, by its source."""
    return {o.source: o for o in case.chart.orders if o.drug.family == "heparin"}


def has_ended(case: Case, order: Order) -> bool:
    """Stopped, completed, on hold, or past the end it states."""
    return order.status in ENDED or (order.ends is not None and latest(order.ends) <= case.now)


def infusion_orders(case: Case) -> tuple[Order, ...]:
    """Infusion orders that stand now: active, begun, not past their end, not replaced."""
    active = [o for o in case.active_orders("heparin") if not has_ended(case, o)]
    begun = [o for o in active if o.begun is None or case.known_by_now(o.begun)]
    replaced = {o.replaces for o in begun if o.replaces and o.replaces != o.source}
    return tuple(
        o
        for o in begun
        if o.source not in replaced and is_infusion(o) and is_therapy_rate(case, o.dosage.rate)
    )


def is_heparin_infusion(order: Order) -> bool:
    """An infusion order, standing or not: doses charted under it are no boluses."""
    return is_infusion(order) and order.intent not in NOT_ORDERS
