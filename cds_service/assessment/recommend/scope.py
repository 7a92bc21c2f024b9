"""Gate 1: which cards a call may open, by its hook and drafts alone. Clinical logic 4.

On order-select only what was selected just now counts; other drafts are background.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from cds_service.assessment.measure.rates import opens_as_infusion
from cds_service.assessment.model.case import starts_unidentified
from cds_service.assessment.recommend.registry import TOPICS
from cds_service.assessment.recommend.topics.topic import Opener
from cds_service.chart.facts import HookContext, Order
from cds_service.chart.unknown_medicine_orders import UnidentifiedMedicine

_BY_FAMILY = {
    "lmwh": Opener.OTHER_HEPARIN,
    "antithrombin": Opener.ANTITHROMBIN,
    "dti": Opener.OTHER_ANTICOAGULANT,
    "fondaparinux": Opener.OTHER_ANTICOAGULANT,
    "danaparoid": Opener.OTHER_ANTICOAGULANT,
    "oralXa": Opener.OTHER_ANTICOAGULANT,
    "oralThrombin": Opener.OTHER_ANTICOAGULANT,
    "vka": Opener.WARFARIN,
    "p2y12": Opener.P2Y12,
}


@dataclass(frozen=True, slots=True)
class Scope:
    """Which topics a call may speak of."""

    topics: frozenset[str]

    @property
    def anything(self) -> bool:
        return bool(self.topics)


def scope_of(
    context: HookContext,
    drafts: Iterable[Order],
    unidentified: Iterable[UnidentifiedMedicine] = (),
    *,
    bag_content: float = math.inf,
) -> Scope:
    """The topics that this call opens; none where no draft concerns us.

    A draft whose medicine cannot be identified may be any drug: a card always says that much. From
    `bag_content` units on, a drafted dose of heparin is what its bag holds (by default: never).
    """
    if context.hook == "patient-view":
        return Scope(_on_view())
    kinds = {opener_of(draft, bag_content) for draft in drafts if _counts(context, draft)}
    # One card says that much, however many of the drafts it concerns.
    if any(starts_unidentified(context, one) for one in unidentified):
        kinds.add(Opener.UNIDENTIFIED)
    return Scope(frozenset(name for name, row in TOPICS.items() if row.opened_by & kinds))


def _on_view() -> frozenset[str]:
    return frozenset(name for name, row in TOPICS.items() if row.on_view)


def _counts(context: HookContext, draft: Order) -> bool:
    return not draft.stops and (context.hook != "order-select" or draft.selected)


def opener_of(draft: Order, bag_content: float) -> Opener | None:
    """What kind of draft this is; None for a drug that opens no card."""
    if draft.drug.family == "heparin":
        return Opener.INFUSION if opens_as_infusion(draft, bag_content) else Opener.OTHER_HEPARIN
    return _BY_FAMILY.get(draft.drug.family)
