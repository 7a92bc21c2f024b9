"""One resource more that cannot be told or read never turns a patient's cards into silence.

Every fixture, with odd rows of its own time added to what its queries found; and odd shapes all
over a call, which cost what they stand in and never the answer.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cds_service.advice import advise
from cds_service.chart.query_result import QueryResult, QueryState
from tests.cases import advice_for, answered, called, cases, tables
from tests.hospital import (
    ANTITHROMBIN,
    HEPARIN,
    LOCAL,
    Hospital,
    Json,
    antithrombin_draft,
    call,
    record,
    service,
)

SHAPES = 150  # calls with odd shapes
RATE = {"rateQuantity": {"value": 1500, "unit": "U/h"}}
LOCAL_CODE = {"medicationCodeableConcept": LOCAL}
MEDICINES: Mapping[str, Json] = {
    "a reference to another server": {
        "medicationReference": {"reference": "https://elsewhere.example.org/fhir/Medication/m1"}
    },
    "a contained one that is not there": {"medicationReference": {"reference": "#m1"}},
    "nothing": {},
}
DOSAGES: Mapping[str, Json] = {
    "a rate": RATE,
    "units": {"dose": {"value": 5000, "unit": "U"}},
    "no unit": {"dose": {"value": 5000}},
    "milligrams": {"dose": {"value": 500, "unit": "mg"}},
    "nothing": {},
}


def rows(patient: str, now: datetime) -> Iterator[tuple[str, Json]]:
    """A local code with each dosage, each medicine at a rate: given since an hour, and ordered."""
    at = (now - timedelta(hours=1)).isoformat()
    pairs = [(LOCAL_CODE, dosage) for dosage in DOSAGES.values()]
    pairs += [(medicine, RATE) for medicine in MEDICINES.values()]
    for medicine, dosage in pairs:
        shared = {"id": "odd", "subject": {"reference": f"Patient/{patient}"}} | medicine
        yield (
            "administrations",
            {
                "resourceType": "MedicationAdministration",
                "status": "in-progress",
                "effectivePeriod": {"start": at},
                "dosage": dosage,
            }
            | shared,
        )
        yield (
            "orders",
            {
                "resourceType": "MedicationRequest",
                "status": "active",
                "intent": "order",
                "authoredOn": at,
                "dosageInstruction": [{"doseAndRate": [dosage]}],
            }
            | shared,
        )


@pytest.mark.parametrize("name", sorted(cases()))
def test_a_medicine_more_never_silences(name: str) -> None:
    case, rules = cases()[name], tables()
    if not advice_for(name).cards:
        pytest.skip("a silent patient")
    found, asked = answered(case.resources, rules), called(case.request)
    for key, row in rows(case.patient["id"], case.now):
        more: QueryResult = replace(
            found[key], state=QueryState.SUPPLIED, resources=(*found[key].resources, row)
        )
        assert advise(asked, {**found, key: more}, rules, case.now).cards, row


ODD: tuple[Any, ...] = (
    None,
    7,
    -1,
    1e300,
    True,
    "",
    "x",
    "#",
    "##",
    "#m1",
    "urn:uuid:",
    "urn:oid:2.16",
    "Medication/",
    "Medication/m1",
    "http://",
    "http:///Medication/1",
    [],
    {},
    [[]],
    [None],
    {"reference": 7},
    [{"reference": "#m1"}],
    {"coding": [None, {"code": []}]},
    {"concept": {"concept": {}}},
    {"value": "1", "unit": []},
)


def test_odd_shapes_cost_what_they_stand_in(tmp_path: Path) -> None:
    """No call ends in a fault of ours, whatever stands where."""
    with service(tmp_path) as client:
        for seed in range(SHAPES):
            body = odd_call(random.Random(seed))
            answer = client.post(f"/cds-services/heparin-{body['hook']}", json=body)
            assert answer.status_code in (200, 400, 412), (seed, answer.json)


def odd_call(chance: random.Random) -> Json:
    """A call with a contained antithrombin and referenced heparin, and a few nodes replaced."""
    medication = {"resourceType": "Medication", "id": "m1", "code": copy.deepcopy(ANTITHROMBIN)}
    order = antithrombin_draft(medicationReference={"reference": "#m1"}, contained=[medication])
    bag = {
        "resourceType": "Medication",
        "id": "bag",
        "ingredient": [{"itemCodeableConcept": copy.deepcopy(HEPARIN)}],
    }
    resources = copy.deepcopy(record())
    for row in resources:
        if row.pop("medicationCodeableConcept", None):
            row["medicationReference"] = {"reference": "Medication/bag"}
    body = call(chance.choice(["order-sign", "order-select", "patient-view"]), order)
    body["prefetch"] = Hospital(resources, included=[bag]).prefetch()
    for part in (body["context"], *[body["prefetch"]] * chance.randint(1, 6)):
        holder, key = chance.choice(list(_nodes(part)))
        holder[key] = copy.deepcopy(chance.choice(ODD))
    return body


def _nodes(node: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        yield node, key
        if isinstance(node[key], dict | list):
            yield from _nodes(node[key])
