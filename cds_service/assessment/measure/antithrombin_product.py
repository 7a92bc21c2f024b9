"""By how much one IU/kg of an antithrombin product raises the level, as its label states it.

A draft that does not name its product counts as the hospital's own. Clinical logic 8.
"""

from __future__ import annotations

from cds_service.assessment.model.case import Case
from cds_service.chart.facts import Order

_LABELS = ("thrombate", "atenativ")  # by their names; the numbers are fixed rows


def site_recovery(case: Case) -> float:
    """Label recovery of the hospital's product, in % per IU/kg."""
    return _label(case, case.protocol.chosen("antithrombin_product"))


def recovery_of(case: Case, order: Order) -> float:
    """Label recovery of a drafted product, in % per IU/kg."""
    named = [one for one in _LABELS if one in order.drug.label.casefold()]
    return _label(case, named[0]) if len(named) == 1 else site_recovery(case)


def _label(case: Case, product: str) -> float:
    if product not in _LABELS:
        return case.protocol["antithrombin_dose.recovery"]
    return case.protocol[f"antithrombin_product.{product}"]


def highest_per_kg(case: Case, recovery: float) -> float:
    """The largest dose in IU/kg: it raises the level as much as the trials' largest did by their
    product.
    """
    trials = case.protocol["antithrombin_dose.highest_per_kg"]
    return trials * case.protocol["antithrombin_product.thrombate"] / recovery
