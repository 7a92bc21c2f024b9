"""Hook calls as an EHR would send them, with as many Observations in prefetch as wanted."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

Json = dict[str, Any]

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
INSTANCE = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
PATIENT = "p1"
HOURS_BETWEEN = 3

# query, LOINC, name, unit, lowest, highest
TESTS = (
    ("coagulation", "14979-9", "aPTT in Platelet poor plasma by Coagulation assay", "s", 31, 48),
    ("coagulation", "3274-8", "Heparin unfractionated in Plasma", "[IU]/mL", 0.08, 0.2),
    ("coagulation", "27811-9", "Antithrombin actual/normal in Platelet poor plasma", "%", 88, 104),
    ("blood", "777-3", "Platelets [#/volume] in Blood by Automated count", "10*3/uL", 190, 230),
    ("blood", "718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 9.8, 10.4),
    ("body", "2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", 0.8, 1.0),
    ("coagulation", "3255-7", "Fibrinogen in Platelet poor plasma", "mg/dL", 480, 560),
    ("body", "29463-7", "Body weight", "kg", 79.5, 80.5),
)


def patient_view(observations: int, now: datetime | None = None) -> bytes:
    """A chart is opened: heparin at 1,900 U/h fails, everything is in prefetch."""
    now = now or datetime.now(UTC)
    return orjson.dumps(_call("patient-view", _prefetch(observations, now)))


def by_server(address: str) -> bytes:
    """A chart is opened, and everything has to be fetched."""
    return orjson.dumps(_call("patient-view", {}) | {"fhirServer": address})


def not_ours() -> bytes:
    """An order of something that does not concern the service, with a full prefetch."""
    draft = {
        "resourceType": "MedicationRequest",
        "id": "draft",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "medicationCodeableConcept": {
            "coding": [{"system": RXNORM, "code": "161", "display": "acetaminophen"}],
            "text": "acetaminophen 500 mg tablet",
        },
        "dosageInstruction": [{"text": "1 g every 6 hours", "route": {"text": "oral"}}],
    }
    call = _call("order-select", _prefetch(20, datetime.now(UTC)))
    call["context"]["selections"] = ["MedicationRequest/draft"]
    call["context"]["draftOrders"] = {"resourceType": "Bundle", "entry": [{"resource": draft}]}
    return orjson.dumps(call)


def answers(now: datetime | None = None) -> dict[str, Json]:
    """What a FHIR server holds of the same patient, by resource type."""
    return _prefetch(20, now or datetime.now(UTC))


def _call(hook: str, prefetch: Json) -> Json:
    return {
        "hook": hook,
        "hookInstance": INSTANCE,
        "context": {"userId": "Practitioner/d1", "patientId": PATIENT, "encounterId": "e1"},
        "prefetch": prefetch,
    }


def _prefetch(observations: int, now: datetime) -> Json:
    made: dict[str, list[Json]] = {"coagulation": [], "blood": [], "body": []}
    rng = random.Random(7)
    for number in range(observations):
        made[TESTS[number % len(TESTS)][0]].append(_observation(rng, number, now))
    person = {
        "resourceType": "Patient",
        "id": PATIENT,
        "gender": "female",
        "birthDate": "1961-04-02",
    }
    given = [_infusion(now, 30, 14, 1600), _infusion(now, 14, None, 1900)]
    return {
        "patient": person,
        **{key: _bundle(resources) for key, resources in made.items()},
        "administrations": _bundle(given),
        **{
            key: _bundle([])
            for key in ("orders", "conditions", "allergies", "procedures", "tests", "encounters")
        },
    }


def _bundle(resources: list[Json]) -> Json:
    entries = [{"resource": resource, "search": {"mode": "match"}} for resource in resources]
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(resources),
        "entry": entries,
    }


def _infusion(now: datetime, since: float, until: float | None, rate: int) -> Json:
    period = {"start": (now - timedelta(hours=since)).isoformat()}
    if until is not None:
        period["end"] = (now - timedelta(hours=until)).isoformat()
    return {
        "resourceType": "MedicationAdministration",
        "id": f"given-{rate}",
        "status": "in-progress" if until is None else "completed",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "medicationCodeableConcept": {
            "coding": [{"system": RXNORM, "code": "5224", "display": "heparin"}]
        },
        "effectivePeriod": period,
        "dosage": {
            "route": {"coding": [{"system": "http://snomed.info/sct", "code": "47625008"}]},
            "rateQuantity": {"value": rate, "unit": "U/h", "system": UCUM, "code": "[IU]/h"},
        },
    }


def _observation(rng: random.Random, number: int, now: datetime) -> Json:
    _, code, name, unit, lowest, highest = TESTS[number % len(TESTS)]
    drawn = (now - timedelta(hours=1 + HOURS_BETWEEN * number)).isoformat()
    measured = {"unit": unit, "system": UCUM, "code": unit}
    return {
        "resourceType": "Observation",
        "id": str(UUID(int=rng.getrandbits(128))),
        "meta": {"versionId": "1", "lastUpdated": drawn},
        "identifier": [{"system": "urn:example:lis", "value": f"L{number:08}"}],
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY, "code": "laboratory"}]}],
        "code": {"coding": [{"system": LOINC, "code": code, "display": name}], "text": name},
        "subject": {"reference": f"Patient/{PATIENT}"},
        "encounter": {"reference": "Encounter/e1"},
        "effectiveDateTime": drawn,
        "issued": drawn,
        "valueQuantity": {"value": round(rng.uniform(lowest, highest), 2), **measured},
        "referenceRange": [
            {"low": {"value": lowest, **measured}, "high": {"value": highest, **measured}}
        ],
    }
