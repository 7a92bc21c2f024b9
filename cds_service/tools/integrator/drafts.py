"""A drafted order from a word: `heparin=1800U/h`, `antithrombin=2500IU`, `apixaban=5mg`.

The codes are those of our table of concepts; the dose is whatever was typed, whether wise or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.chart.concepts import Concepts
from cds_service.tools.nearest import did_you_mean

Json = dict[str, Any]

UCUM = "http://unitsofmeasure.org"
UNITS: Mapping[str, str] = {  # as people type -> UCUM
    "U": "[IU]",
    "IU": "[IU]",
    "U/h": "[IU]/h",
    "IU/h": "[IU]/h",
    "U/kg": "[IU]/kg",
    "IU/kg": "[IU]/kg",
    "U/kg/h": "[IU]/kg/h",
    "IU/kg/h": "[IU]/kg/h",
    "ug/min": "ug/min",
    "ug/kg/min": "ug/kg/min",
    "mcg/kg/min": "ug/kg/min",
    "mg": "mg",
    "mg/h": "mg/h",
    "mg/kg": "mg/kg",
    "mg/kg/h": "mg/kg/h",
}
INFUSED_OR_INJECTED = ("[IU]", "/h", "/min")
FAVOURITE_SYSTEM = "rxnorm"

_WRITTEN = re.compile(
    r"(?P<drug>[A-Za-z_]+)(?:=(?P<value>\d+(?:\.\d+)?)\s*(?P<unit>[^\d\s.]\S*)?)?"
)


class UnreadableDraft(ValueError):  # noqa: N818 - it says what happened
    """The text is no draft; the message says what one looks like."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A drug, and how much of it if that was said."""

    drug: str
    value: float | None = None
    unit: str = ""  # UCUM
    typed: str = ""  # as it was written

    @property
    def is_rate(self) -> bool:
        """Whether the amount is per time."""
        return self.unit.endswith(("/h", "/min"))


def read_draft(text: str, drugs: Iterable[str]) -> Draft:
    """The draft that a text names."""
    written = _WRITTEN.fullmatch(text.strip())
    if written is None:
        raise UnreadableDraft(f"{text!r} is no draft; one looks like heparin=1800U/h")
    drug, value, unit = written["drug"].lower(), written["value"], written["unit"]
    known = sorted(drugs)
    if drug not in known:
        close = did_you_mean(drug, known)
        raise UnreadableDraft(f"{drug!r} is not one of: {', '.join(known)}{close}")
    if value is None:
        return Draft(drug)
    if unit is None:
        raise UnreadableDraft(f"{text!r} has no unit; one of: {', '.join(UNITS)}")
    if unit not in UNITS:
        raise UnreadableDraft(f"{unit!r} is not one of the units: {', '.join(UNITS)}")
    return Draft(drug, float(value), UNITS[unit], unit)


def order(draft: Draft, number: int, patient: str, concepts: Concepts) -> Json:
    """The draft as an EHR holds it before it is signed."""
    concept = concepts.drugs[draft.drug]
    codes = [c for c in concept.codes if c.matched and not c.prefix]
    codes.sort(key=lambda code: code.system != FAVOURITE_SYSTEM)
    coding = [{"system": concepts.systems[c.system][0], "code": c.code} for c in codes[:1]]
    medication = {"text": concept.label} | ({"coding": coding} if coding else {})
    dosage = _dosage(draft, concepts)
    return {
        "resourceType": "MedicationRequest",
        "id": f"draft-{number}",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": medication,
        "subject": {"reference": f"Patient/{patient}"},
    } | ({"dosageInstruction": [dosage]} if dosage else {})


def _dosage(draft: Draft, concepts: Concepts) -> Json:
    if draft.value is None:
        return {}
    value = int(draft.value) if draft.value == int(draft.value) else draft.value
    element = "rateQuantity" if draft.is_rate else "doseQuantity"
    amount = {"value": value, "unit": draft.typed, "system": UCUM, "code": draft.unit}
    dosage: Json = {"text": f"{value} {draft.typed}", "doseAndRate": [{element: amount}]}
    if any(part in draft.unit for part in INFUSED_OR_INJECTED):
        dosage["route"] = _intravenous(concepts)
    return dosage


def _intravenous(concepts: Concepts) -> Json:
    route = next(code for code in concepts.routes["iv"] if code.matched)
    return {"coding": [{"system": concepts.systems[route.system][0], "code": route.code}]}
