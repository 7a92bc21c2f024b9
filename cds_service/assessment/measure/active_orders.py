"""Which heparin orders stand now, by their status and by the times they state themselves."""

from __future__ import annotations

from collections.abc import Mapping

from cds_service.assessment.measure.rates import is_infusion, is_therapy_rate
from cds_service.assessment.model.case import NOT_ORDERS, Case
from cds_service.chart.facts import Order
from cds_service.chart.fhir_datetime import latest

_ENDED = frozenset({"stopped", "cancelled", "completed", "on-hold", "ended"})


def heparin_orders(case: Case) -> Mapping[str, Order]:
    """Every heparin order on record, by its source."""
    return {o.source: o for o in case.chart.orders if o.drug.family == "heparin"}


def has_ended(case: Case, order: Order) -> bool:
    """Whether an order is stopped, completed, on hold, or past the end it states."""
    return order.status in _ENDED or (order.ends is not None and latest(order.ends) <= case.now)


def infusion_orders(case: Case) -> tuple[Order, ...]:
    """Infusion orders that stand now: active, begun, not past their end, not replaced."""
    standing = [o for o in case.active_orders("heparin") if _is_in_force(case, o)]
    # A priorPrescription that points at its own order, or at none, replaces nothing.
    replaced = {o.replaces for o in standing if o.replaces != o.source} - {""}
    return tuple(o for o in standing if o.source not in replaced and _is_treatment(case, o))


def _is_in_force(case: Case, order: Order) -> bool:
    return not has_ended(case, order) and (order.begun is None or case.known_by_now(order.begun))


def _is_treatment(case: Case, order: Order) -> bool:
    return is_infusion(order) and is_therapy_rate(case, order.dosage.rate)


def is_heparin_infusion(order: Order) -> bool:
    """Whether an order is for a heparin infusion, standing or not: doses charted under it are no
    boluses.
    """
    return is_infusion(order) and order.intent not in NOT_ORDERS
