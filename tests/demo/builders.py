"""A small patient to test the demo with, and resources to give him."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cds_service.demo.fixtures import Fixture

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
LOINC = "http://loinc.org"
Json = dict[str, Any]

CASE_MD = """+++
now = 2026-03-02T14:00:00Z
hook = "patient-view"
topics = ["notAssessed"]
indicators = ["info"]
doses = []
one_line = "Ada Probe, 64: a patient of the tests"
+++

# A patient of the tests

Nothing is known but what a test adds.
"""

REQUEST: Json = {
    "hook": "patient-view",
    "hookInstance": "9451edd7-6edf-4d56-8173-162536173087",
    "context": {"userId": "Practitioner/p", "patientId": "ada", "encounterId": "e"},
}

PATIENT: Json = {
    "resourceType": "Patient",
    "id": "ada",
    "name": [{"given": ["Ada"], "family": "Probe"}],
    "gender": "female",
    "birthDate": "1961-05-14",
}


def case_of(*resources: Mapping[str, Any], patient: Json = PATIENT) -> Fixture:
    """A case that was never written down."""
    return Fixture(
        name="01-ada",
        now=NOW,
        hook="patient-view",
        one_line="Ada Probe, 64: a patient of the tests",
        story="",
        front_matter={},
        resources=(patient, *resources),
        request=REQUEST,
    )


def write_case(
    folder: Path,
    name: str = "01-ada",
    *,
    resources: tuple[Json, ...] = (PATIENT,),
    request: Json = REQUEST,
    case_md: str = CASE_MD,
) -> Path:
    """A fixture on disk; gives the folder of fixtures."""
    place = folder / name
    place.mkdir(parents=True)
    bundle = {"resourceType": "Bundle", "entry": [{"resource": one} for one in resources]}
    (place / "case.md").write_text(case_md, encoding="utf-8")
    (place / "server.json").write_text(json.dumps(bundle), encoding="utf-8")
    (place / "request.json").write_text(json.dumps(request), encoding="utf-8")
    return folder


def observation(code: str, value: float, unit: str, at: str, **more: Any) -> Json:
    """A final laboratory result."""
    return {
        "resourceType": "Observation",
        "id": f"lab-{code}-{at}",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "subject": {"reference": "Patient/ada"},
        "effectiveDateTime": at,
        "valueQuantity": {"value": value, "unit": unit},
        **more,
    }


def heparin(start: str, end: str | None = None, *, rate: Json, **more: Any) -> Json:
    """A stretch of a heparin infusion as charted."""
    period = {"start": start} if end is None else {"start": start, "end": end}
    return {
        "resourceType": "MedicationAdministration",
        "id": f"infusion-{start}",
        "status": "in-progress" if end is None else "completed",
        "medicationCodeableConcept": {"text": "heparin sodium"},
        "effectivePeriod": period,
        "subject": {"reference": "Patient/ada"},
        "dosage": rate,
        **more,
    }


def per_hour(value: float, unit: str = "U/h") -> Json:
    """A rate as a quantity."""
    return {"rateQuantity": {"value": value, "unit": unit}}


def given(drug: str, dose: float, at: str, **dosage: Any) -> Json:
    """One dose of a drug."""
    return {
        "resourceType": "MedicationAdministration",
        "id": f"dose-{at}",
        "status": "completed",
        "medicationCodeableConcept": {"text": drug},
        "effectiveDateTime": at,
        "dosage": {"dose": {"value": dose, "unit": "units"}, **dosage},
    }


def ordered(name: str, *, id_: str = "order", **more: Any) -> Json:
    """An active medication order."""
    return {
        "resourceType": "MedicationRequest",
        "id": id_,
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": name},
        **more,
    }
