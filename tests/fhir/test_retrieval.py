from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from cds_service.chart.facts import HookContext
from cds_service.chart.query_result import QueryResult, QueryState
from cds_service.fhir.circuit_breaker import NOT_ANSWERING
from cds_service.fhir.client import FhirLimits
from cds_service.fhir.queries import FhirQuery
from cds_service.fhir.retrieval import NOT_ALLOWED, Retriever, states
from cds_service.hooks.request import HookRequest
from cds_service.outbound.http import FhirHttp
from cds_service.security.clients import open_mode_client
from cds_service.service import retrieve_for

Json = dict[str, Any]

BASE = "https://fhir.test/r4"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
OF_PATIENT = "{}?patient={{{{context.patientId}}}}"
PLAN = (
    FhirQuery("labs", OF_PATIENT.format("Observation"), "Observation", frozenset(), 2, 48),
    FhirQuery(
        "orders", OF_PATIENT.format("MedicationRequest"), "MedicationRequest", frozenset(), 50, None
    ),
)
LAB = {"resourceType": "Observation", "effectiveDateTime": "2026-03-02T10:00:00Z"}


def bundle(*resources: Json, then: str = "") -> Json:
    link = [{"relation": "next", "url": then}] if then else []
    return {
        "resourceType": "Bundle",
        "entry": [{"resource": resource} for resource in resources],
        "link": link,
    }


def gathered(prefetch: Json, server: str = BASE, token: str = "abc") -> Mapping[str, QueryResult]:
    call = HookRequest(HookContext("patient-view", "p1"), "i", prefetch, server, token)
    retriever = Retriever(PLAN, FhirHttp(), FhirLimits(2.0))
    return retrieve_for(call, open_mode_client(["fhir.test"]), retriever, NOW)


def test_complete_prefetch_asks_no_server(responses_mock: Any) -> None:
    found = gathered({"labs": bundle(LAB), "orders": None})
    assert {key: answer.state for key, answer in found.items()} == {
        "labs": QueryState.SUPPLIED,
        "orders": QueryState.EMPTY,
    }
    assert not responses_mock.calls


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"labs": {"resourceType": "OperationOutcome"}},
        {"labs": bundle(LAB, then=BASE)},
        {"labs": "text"},
    ],
)
def test_only_what_is_lacking_is_fetched(responses_mock: Any, sent: Json) -> None:
    responses_mock.get(f"{BASE}/Observation", json=bundle(LAB, LAB))
    found = gathered(sent | {"orders": bundle()})
    assert found["labs"] == QueryResult(QueryState.SUPPLIED, (LAB, LAB))
    assert found["orders"].state is QueryState.EMPTY
    assert len(responses_mock.calls) == 1


def test_without_a_server_lacking_stays_lacking(responses_mock: Any) -> None:
    found = gathered({"labs": bundle(LAB)}, server="")
    assert found["orders"] == QueryResult(QueryState.NOT_SUPPLIED)


def test_a_server_the_caller_may_not_name_is_never_contacted(responses_mock: Any) -> None:
    found = gathered({"labs": bundle(LAB)}, server="https://evil.example/r4")
    assert found["orders"] == QueryResult(QueryState.NOT_SUPPLIED, problem=NOT_ALLOWED)
    assert found["labs"] == QueryResult(QueryState.SUPPLIED, (LAB,))
    assert not responses_mock.calls


def test_a_server_that_fails_leaves_the_part_that_was_sent(responses_mock: Any) -> None:
    responses_mock.get(f"{BASE}/Observation", status=500)
    found = gathered({"labs": bundle(LAB, then=BASE), "orders": None})
    assert (found["labs"].state, found["labs"].resources) == (QueryState.PARTIAL, (LAB,))


def test_a_server_that_fails_says_why(responses_mock: Any) -> None:
    responses_mock.get(f"{BASE}/Observation", status=401)
    found = gathered({"labs": {"resourceType": "OperationOutcome"}, "orders": None})
    assert found["labs"] == QueryResult(QueryState.FAILED, problem="HTTP 401")


def test_medications_that_prefetch_refers_to_are_read(responses_mock: Any) -> None:
    order = {
        "resourceType": "MedicationRequest",
        "medicationReference": {"reference": "Medication/m"},
    }
    medication = {"resourceType": "Medication", "id": "m"}
    responses_mock.get(f"{BASE}/Medication/m", json=medication)
    found = gathered({"labs": None, "orders": bundle(order)})
    assert found["orders"] == QueryResult(QueryState.SUPPLIED, (order, medication))
    assert responses_mock.calls[0].request.headers["Authorization"] == "Bearer abc"


def test_states_are_written_for_the_log_without_data() -> None:
    told = states(
        {
            "a": QueryResult(QueryState.SUPPLIED, (LAB,)),
            "b": QueryResult(QueryState.FAILED, (), "HTTP 500"),
        }
    )
    assert told == {"a": "supplied", "b": "failed: HTTP 500"}


@pytest.fixture
def responses_mock() -> Any:
    import responses

    with responses.RequestsMock() as mock:
        yield mock


def test_a_server_that_never_answers_is_left_alone(responses_mock: Any) -> None:
    responses_mock.get(f"{BASE}/Observation", body=requests.ReadTimeout())
    retriever = Retriever(PLAN, FhirHttp(), FhirLimits(2.0))
    call = HookRequest(HookContext("patient-view", "p1"), "i", {"orders": None}, BASE)
    for _ in range(3):
        assert (
            retrieve_for(call, open_mode_client(["fhir.test"]), retriever, NOW)["labs"].problem
            == "timed out"
        )
    asked = len(responses_mock.calls)
    found = retrieve_for(call, open_mode_client(["fhir.test"]), retriever, NOW)
    assert found["labs"] == QueryResult(QueryState.FAILED, problem=NOT_ANSWERING)
    assert len(responses_mock.calls) == asked
