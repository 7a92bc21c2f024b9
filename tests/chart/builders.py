"""Small resources for the tests of reading, and the reading itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cds_service.chart.concepts import Concepts
from cds_service.chart.facts import Administration, Chart, HookContext, Order, Result, Skipped
from cds_service.chart.query_result import QueryResult, QueryState
from cds_service.chart.reader import read_chart
from cds_service.rulebook.toml_table import load_concepts

LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
ATC = "http://www.whocc.no/atc"
UCUM = "http://unitsofmeasure.org"
TEN = "2026-11-22T10:00:00+01:00"
AT_TEN = datetime(2026, 11, 22, 9, tzinfo=UTC)
PATIENT = {"reference": "Patient/p1"}

Json = dict[str, Any]


@cache
def shipped() -> Concepts:
    """The table as it ships."""
    return load_concepts()


def concept(*codes: tuple[str, str], text: str = "") -> Json:
    """A CodeableConcept."""
    made: Json = {"coding": [{"system": system, "code": code} for system, code in codes]}
    return made | ({"text": text} if text else {})


def quantity(value: object, unit: str | None = None, code: str | None = None, **more: Any) -> Json:
    """A Quantity; nothing is added that was not given."""
    parts = {"value": value, "unit": unit, "code": code} | more
    return {key: part for key, part in parts.items() if part is not None}


def observation(loinc: str, value: object = None, unit: str | None = None, **more: Any) -> Json:
    """A final result of our patient, drawn at ten."""
    made: Json = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": concept((LOINC, loinc)),
        "subject": PATIENT,
        "effectiveDateTime": TEN,
    }
    if value is not None:
        made["valueQuantity"] = quantity(value, unit)
    return _without_none(made | more)


def administration(dosage: Json | None = None, **more: Any) -> Json:
    """A completed administration of heparin at ten."""
    made: Json = {
        "resourceType": "MedicationAdministration",
        "id": "a1",
        "status": "completed",
        "subject": PATIENT,
        "medicationCodeableConcept": concept((RXNORM, "5224")),
        "effectiveDateTime": TEN,
        "dosage": dosage,
    }
    return _without_none(made | more)


def order(*dosages: Json, **more: Any) -> Json:
    """An active order of heparin."""
    made: Json = {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "status": "active",
        "intent": "order",
        "subject": PATIENT,
        "authoredOn": TEN,
        "medicationCodeableConcept": concept((RXNORM, "5224")),
        "dosageInstruction": list(dosages) or None,
    }
    return _without_none(made | more)


def named(resource_type: str, code: Json, **more: Any) -> Json:
    """A Condition, AllergyIntolerance, Procedure or ServiceRequest."""
    subject = "patient" if resource_type == "AllergyIntolerance" else "subject"
    made: Json = {"resourceType": resource_type, "id": "n1", subject: PATIENT, "code": code}
    return _without_none(made | more)


def read(
    *resources: object,
    drafts: Iterable[object] = (),
    selections: Iterable[str] = (),
    concepts: Concepts | None = None,
    encounter: str = "",
) -> Chart:
    """The chart of patient p1 that these resources make."""
    asked = HookContext(
        hook="order-select",
        patient_id="p1",
        drafts=tuple(drafts),  # type: ignore[arg-type]  # tests send what is no resource
        selections=frozenset(selections),
        encounter=encounter,
    )
    answer = QueryResult(QueryState.SUPPLIED, tuple(resources))  # type: ignore[arg-type]  # as above
    return read_chart(asked, {"coagulation": answer}, concepts or shipped())


def result(resource: Json, concepts: Concepts | None = None) -> Result:
    """The one result an Observation makes."""
    (found,) = read(resource, concepts=concepts).results.values()
    (one,) = found
    return one


def given(resource: Json, *others: Json, concepts: Concepts | None = None) -> Administration:
    """The one administration a resource makes."""
    (one,) = read(resource, *others, concepts=concepts).administrations
    return one


def ordered(resource: Json, *others: Json) -> Order:
    """The one order a resource makes."""
    (one,) = read(resource, *others).orders
    return one


def skipped(*resources: object) -> Skipped:
    """The one thing left out."""
    (one,) = read(*resources).skipped
    return one


def _without_none(resource: Json) -> Json:
    return {key: value for key, value in resource.items() if value is not None}
