"""Suggested resources: draft orders, stopped orders. Built and checked with fhir.resources R4B.

Drafts that a clinician takes or leaves; all advice also stands in the card's text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from fhir.resources.R4B.medicationrequest import MedicationRequest
from fhir.resources.R4B.reference import Reference
from fhir.resources.R4B.servicerequest import ServiceRequest

LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
INTRAVENOUS = {"system": SNOMED, "code": "47625008", "display": "Intravenous route"}


@dataclass(frozen=True, slots=True)
class For:
    """Whom and when an order is for."""

    patient: str
    encounter: str
    now: datetime

    def common(self, kind: str) -> dict[str, Any]:
        """The elements that every draft shares."""
        body: dict[str, Any] = {
            "resourceType": kind,
            "status": "draft",
            "intent": "order",
            "subject": {"reference": f"Patient/{self.patient}"},
            "authoredOn": self.now.isoformat(timespec="seconds"),
        }
        if self.encounter:
            body["encounter"] = {"reference": f"Encounter/{self.encounter}"}
        return body


def test_order(whom: For, loinc: str, text: str) -> dict[str, Any]:
    """A draft ServiceRequest for one laboratory test."""
    body = _test(whom, loinc, text)
    _check_test(loinc, text)
    for whose in ("subject", "encounter"):
        if whose in body:
            Reference.model_validate(body[whose])
    return body


@lru_cache(maxsize=512)
def _check_test(loinc: str, text: str) -> None:
    """Refuse to emit what the model refuses: once for each test of the table of concepts.

    What differs from call to call are two references, which are checked each time, and our clock.
    """
    anybody = For("anybody", "any", datetime(2000, 1, 1, tzinfo=UTC))
    _checked(ServiceRequest, _test(anybody, loinc, text))


def _test(whom: For, loinc: str, text: str) -> dict[str, Any]:
    return whom.common("ServiceRequest") | {
        "code": {"coding": [{"system": LOINC, "code": loinc, "display": text}], "text": text}
    }


def infusion_order(
    whom: For, rxnorm: str, drug: str, value: float, unit: str, words: str
) -> dict[str, Any]:
    """A draft MedicationRequest for a continuous infusion, rate by weight; `words` tell it."""
    rate = {"rateQuantity": _quantity(value, unit)}
    return _drug_order(whom, rxnorm, drug, f"{drug} {words}", rate)


def single_dose(whom: For, rxnorm: str, drug: str, units: int) -> dict[str, Any]:
    """A draft MedicationRequest for one intravenous dose in IU."""
    dose = {"doseQuantity": _quantity(units, "[IU]")}
    return _drug_order(whom, rxnorm, drug, f"{drug} {units} IU once", dose)


def _drug_order(
    whom: For, rxnorm: str, drug: str, text: str, amount: Mapping[str, Any]
) -> dict[str, Any]:
    coding = {"system": RXNORM, "code": rxnorm, "display": drug}
    dosage = {
        "text": f"{text}, intravenous",
        "route": {"coding": [INTRAVENOUS]},
        "doseAndRate": [dict(amount)],
    }
    body = whom.common("MedicationRequest") | {
        "medicationCodeableConcept": {"coding": [coding], "text": drug},
        "dosageInstruction": [dosage],
    }
    return _checked(MedicationRequest, body)


def _quantity(value: float, unit: str) -> dict[str, Any]:
    """`unit` is what an EHR prints; `code` is UCUM."""
    printed = {"[IU]": "IU", "ug/kg/min": "µg/kg/min"}.get(unit, unit)
    return {"value": value, "unit": printed, "system": UCUM, "code": unit}


def stopped(resource: Mapping[str, Any]) -> dict[str, Any]:
    """The whole order as it stands, with the status "stopped"; an update is no patch."""
    return dict(resource) | {"status": "stopped"}


def _checked(model: type[Any], body: dict[str, Any]) -> dict[str, Any]:
    """Refuse to emit what the model refuses; decimals stay as they were written."""
    model.model_validate(body)
    return body
