"""A very small hospital as a bulk export: what the replay's tests read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cds_service.advice import Rulebook
from cds_service.fhir.queries import fhir_queries
from cds_service.rulebook.load import rulebook
from cds_service.tools.replay.walk import Archive

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
HEPARIN = {
    "coding": [
        {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "5224"},
    ],
    "text": "heparin",
}
UCUM = "http://unitsofmeasure.org"

Json = dict[str, Any]


def at(hours: float) -> str:
    return (START + timedelta(hours=hours)).isoformat()


def patient(name: str, born: str = "1960-05-05") -> Json:
    return {"resourceType": "Patient", "id": name, "gender": "female", "birthDate": born}


def of(name: str) -> Json:
    return {"subject": {"reference": f"Patient/{name}"}}


def infusion(name: str, start: float, end: float | None, rate: float, number: int = 0) -> Json:
    period = {"start": at(start)} | ({"end": at(end)} if end is not None else {})
    return {
        "resourceType": "MedicationAdministration",
        "id": f"{name}-inf-{number}-{start}",
        "status": "completed",
        **of(name),
        "medicationCodeableConcept": HEPARIN,
        "effectivePeriod": period,
        "dosage": {
            "route": {"text": "intravenous"},
            "rateQuantity": {"value": rate, "unit": "U/h", "system": UCUM, "code": "[IU]/h"},
        },
    }


def lab(name: str, loinc: str, drawn: float, value: float, unit: str, told: float = 1.0) -> Json:
    return {
        "resourceType": "Observation",
        "id": f"{name}-{loinc}-{drawn}",
        "status": "final",
        **of(name),
        "code": {"coding": [{"system": "http://loinc.org", "code": loinc}]},
        "effectiveDateTime": at(drawn),
        "issued": at(drawn + told),
        "valueQuantity": {"value": value, "unit": unit, "system": UCUM, "code": unit},
    }


def resistant(name: str) -> list[Json]:
    """80 kg; 1,600 and then 1,900 U/h, anti-Xa low; antithrombin 55 % after 30 hours."""
    return [
        patient(name),
        lab(name, "29463-7", -2, 80, "kg"),
        lab(name, "777-3", -2, 220, "10*3/uL"),
        infusion(name, 0, 12, 1600),
        infusion(name, 12, 48, 1900, 1),
        lab(name, "3274-8", 8, 0.15, "[IU]/mL"),
        lab(name, "3274-8", 20, 0.18, "[IU]/mL"),
        lab(name, "27811-9", 30, 55, "%"),
        lab(name, "777-3", 24, 210, "10*3/uL"),
    ]


def quiet(name: str) -> list[Json]:
    """No heparin, and a result that no query asks for."""
    return [patient(name), lab(name, "29463-7", 0, 70, "kg"), lab(name, "2823-3", 1, 4.1, "mmol/L")]


def noted() -> list[Json]:
    """Somebody has a problem, an allergy, an order of each kind: those queries are answered."""
    name = "noted"
    told = {"recordedDate": at(0), **of(name)}
    return [
        patient(name),
        {"resourceType": "Condition", "id": "c", "code": {"text": "asthma"}, **told},
        {
            "resourceType": "AllergyIntolerance",
            "id": "a",
            "code": {"text": "penicillin"},
            "recordedDate": at(0),
            "patient": {"reference": f"Patient/{name}"},
        },
        {
            "resourceType": "MedicationRequest",
            "id": "o",
            "status": "completed",
            "intent": "order",
            "authoredOn": at(0),
            "medicationCodeableConcept": {"text": "paracetamol"},
            **of(name),
        },
    ]


def hospital() -> list[Json]:
    return [*resistant("one"), *quiet("two"), *resistant("three"), *noted()]


def write(folder: Path, *files: Iterable[Json], packed: bool = False) -> Path:
    """One NDJSON file for each list of resources."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, resources in enumerate(files):
        text = "".join(json.dumps(resource) + "\n" for resource in resources)
        if packed:
            (folder / f"{number}.ndjson.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
        else:
            (folder / f"{number}.ndjson").write_text(text, encoding="utf-8")
    return folder


def archive(rules: Rulebook | None = None) -> Archive:
    """All queries answered."""
    concepts = (rules or rulebook()).concepts
    plan = fhir_queries(concepts)
    return Archive(plan, frozenset(search.key for search in plan))
