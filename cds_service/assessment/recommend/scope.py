"""Gate 1: does this call concern us, and which cards may a draft open? Clinical logic 4.

Told from the context alone; order-select looks at what was selected, the rest is background.
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

BY_FAMILY = {
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
    asked: HookContext,
    drafts: Iterable[Order],
    untold: Iterable[UnidentifiedMedicine] = (),
    *,
    bag_content: float = math.inf,
) -> Scope:
    """The topics that this call opens; nothing when no draft concerns us.

    A draft whose medicine nobody can tell may be any drug: that much is always said. From
    `bag_content` units on, a drafted dose of heparin is what its bag holds (unless given: never).
    """
    if asked.hook == "patient-view":
        return Scope(frozenset(name for name, row in TOPICS.items() if row.on_view))
    kinds = {opener_of(draft, bag_content) for draft in drafts if _counts(asked, draft)}
    kinds |= {Opener.UNIDENTIFIED for one in untold if starts_unidentified(asked, one)}
    return Scope(frozenset(name for name, row in TOPICS.items() if row.opened_by & kinds))


def _counts(asked: HookContext, draft: Order) -> bool:
    return not draft.stops and (asked.hook != "order-select" or draft.selected)


def opener_of(draft: Order, bag_content: float) -> Opener | None:
    """What kind of draft this is; other drugs open nothing."""
    if draft.drug.family == "heparin":
        return Opener.INFUSION if opens_as_infusion(draft, bag_content) else Opener.OTHER_HEPARIN
    return BY_FAMILY.get(draft.drug.family)
