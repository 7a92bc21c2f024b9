"""Gate 1: does this call concern us, and which cards may a draft open? Clinical logic 4.

Told from the context alone; order-select looks at what was selected, the rest is background.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cds_service.assessment.rates import is_infusion
from cds_service.chart.facts import Asked, Order

ALWAYS = frozenset({"notAssessed", "adultOnly"})
ABOUT_DRAFTS = frozenset(
    {
        "antithrombinUnchecked",
        "warfarinInHit",
        "antiplateletWithHeparin",
        "aboveTargetRaise",
        "baselineTests",
    }
)
INFUSION = frozenset(
    {
        "hitSuspected",
        "hitPossible",
        "antithrombinOverdose",
        "antithrombinUnchecked",
        "warfarinInHit",
        "anticoagulantCombination",
        "antiplateletWithHeparin",
        "aboveTargetRaise",
        "anticoagulantSwitch",
        "heparinDoseCeiling",
        "antithrombinDose",
        "thrombosisOnHeparin",
        "heparinResistance",
        "assayDiscordance",
        "pseudoResistance",
        "andexanetExposure",
        "baselineTests",
        "monitoringDue",
    }
)
OTHER_HEPARIN = frozenset({"hitSuspected", "hitPossible", "anticoagulantCombination"})
ANTITHROMBIN = frozenset(
    {
        "antithrombinOverdose",
        "antithrombinUnchecked",
        "hitSuspected",
        "hitPossible",
        "anticoagulantSwitch",
        "heparinDoseCeiling",
        "antithrombinDose",
        "thrombosisOnHeparin",
        "heparinResistance",
        "assayDiscordance",
    }
)
COMBINATION = frozenset({"anticoagulantCombination"})

BY_FAMILY = {
    "lmwh": OTHER_HEPARIN,
    "antithrombin": ANTITHROMBIN,
    "dti": COMBINATION,
    "fondaparinux": COMBINATION,
    "danaparoid": COMBINATION,
    "oralXa": COMBINATION,
    "oralThrombin": COMBINATION,
    "vka": frozenset({"warfarinInHit"}),
    "p2y12": frozenset({"antiplateletWithHeparin"}),
}


@dataclass(frozen=True, slots=True)
class Scope:
    """Which topics a call may speak of."""

    topics: frozenset[str]

    @property
    def anything(self) -> bool:
        return bool(self.topics)


def scope_of(asked: Asked, drafts: Iterable[Order]) -> Scope:
    """The topics that this call opens; nothing when no draft concerns us."""
    if asked.hook == "patient-view":
        return Scope((INFUSION | ALWAYS) - ABOUT_DRAFTS)
    opened = [opened_by(draft) for draft in drafts if _counts(asked, draft)]
    topics = frozenset().union(*opened) if opened else frozenset()
    return Scope(topics | ALWAYS if topics else topics)


def _counts(asked: Asked, draft: Order) -> bool:
    return not draft.stops and (asked.hook != "order-select" or draft.selected)


def opened_by(draft: Order) -> frozenset[str]:
    """The table of clinical logic 4, row by row; other drugs open nothing."""
    if draft.drug.family == "heparin":
        return INFUSION if is_infusion(draft) else OTHER_HEPARIN
    return BY_FAMILY.get(draft.drug.family, frozenset())
