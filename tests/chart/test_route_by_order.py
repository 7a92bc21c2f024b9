"""An administration that names no route takes its order's: bar-code charts often have none."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.chart.facts import Administration, Form, HookContext, Route
from cds_service.chart.query_result import QueryResult, QueryState
from cds_service.chart.reader import read_chart
from cds_service.rulebook.load import rulebook

CONCEPTS = rulebook().concepts
HEPARIN = {"text": "heparin"}
DOSE = {"value": 5000, "unit": "units"}
Json = dict[str, Any]


def given(**dosage: Any) -> Json:
    return {
        "resourceType": "MedicationAdministration",
        "id": "given",
        "status": "completed",
        "medicationCodeableConcept": HEPARIN,
        "effectiveDateTime": "2026-03-01T08:00:00Z",
        "request": {"reference": "MedicationRequest/order"},
        "dosage": {"dose": DOSE, **dosage},
    }


def order(route: str, name: str = "order") -> Json:
    return {
        "resourceType": "MedicationRequest",
        "id": name,
        "status": "completed",
        "intent": "order",
        "medicationCodeableConcept": HEPARIN,
        "dosageInstruction": [{"route": {"text": route}}],
    }


def read(*resources: Json) -> Administration:
    answers = {"administrations": QueryResult(QueryState.SUPPLIED, resources)}
    (found,) = read_chart(HookContext("patient-view", "p"), answers, CONCEPTS).administrations
    return found


@pytest.mark.parametrize(
    ("written", "route"),
    [("subcutaneous", Route.SUBCUTANEOUS), ("intravenous", Route.INTRAVENOUS)],
)
def test_the_route_is_the_orders(written: str, route: Route) -> None:
    found = read(given(), order(written))

    assert (found.route, found.form) == (route, Form.SINGLE)


def test_its_own_route_stands() -> None:
    found = read(given(route={"text": "intravenous"}), order("subcutaneous"))

    assert found.route is Route.INTRAVENOUS


def test_without_its_order_the_route_stays_unknown() -> None:
    assert read(given()).route is Route.UNKNOWN
    assert read(given(), order("subcutaneous", "another")).route is Route.UNKNOWN
