"""Queries page by page and side by side, and what each fault of a server leaves of an answer."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import responses

from cds_service.chart.query_result import QueryResult, QueryState
from cds_service.errors import FhirFault
from cds_service.fhir.client import FhirLimits, FhirReader, FhirServer
from cds_service.fhir.queries import FhirQuery
from cds_service.outbound.http import Deadline, FhirHttp
from tests.faulty_server import answering, dripping, faulty, hanging

Json = dict[str, Any]

BASE = "https://ehr.example.org/fhir"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
PATIENT = FhirQuery("patient", "Patient/{{context.patientId}}", "Patient", frozenset(), None, None)
LABS = FhirQuery(
    "labs", "Observation?patient={{context.patientId}}", "Observation", frozenset(), 2, 48
)
CONDITIONS = FhirQuery(
    "conditions", "Condition?patient={{context.patientId}}", "Condition", frozenset(), 2, None
)
LABS_URL = f"{BASE}/Observation?patient=p1"


def lab(at: str = "2026-03-02T10:00:00Z") -> Json:
    return {"resourceType": "Observation", "effectiveDateTime": at}


def condition() -> Json:
    return {"resourceType": "Condition"}


def bundle(*resources: Json, then: str = "") -> Json:
    link = [{"relation": "next", "url": then}] if then else []
    entry = [{"resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entry, "link": link}


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def reader(base: str = BASE, *, token: str = "", seconds: float = 2.0, **limits: int) -> FhirReader:
    http = FhirHttp(frozenset({"127.0.0.1"}))
    return FhirReader(
        http, FhirServer(base, token), FhirLimits(seconds, **limits), Deadline(seconds)
    )


def search(one: FhirQuery = LABS, **options: Any) -> QueryResult:
    return reader(**options).search_all([one], "p1", NOW)[one.key]


def pages(wire: responses.RequestsMock, *answers: Json, url: str = LABS_URL) -> None:
    """Answers under the query and then page=1, page=2 ..."""
    for number, answer in enumerate(answers):
        at = url if number == 0 else f"{BASE}?page={number}"
        wire.get(at, json=answer, content_type="application/fhir+json")


class TestAnswers:
    def test_matches_are_supplied(self, wire: responses.RequestsMock) -> None:
        pages(wire, bundle(lab()))
        assert search() == QueryResult(QueryState.SUPPLIED, (lab(),))

    def test_no_match_is_known_empty(self, wire: responses.RequestsMock) -> None:
        pages(wire, {"resourceType": "Bundle", "type": "searchset", "total": 0})
        assert search() == QueryResult(QueryState.EMPTY)

    def test_a_resource_is_read(self, wire: responses.RequestsMock) -> None:
        patient = {"resourceType": "Patient", "id": "p1"}
        wire.get(f"{BASE}/Patient/p1", json=patient)
        assert search(PATIENT) == QueryResult(QueryState.SUPPLIED, (patient,))

    def test_a_base_may_end_in_a_slash(self, wire: responses.RequestsMock) -> None:
        pages(wire, bundle(lab()))
        assert search(base=BASE + "/").state is QueryState.SUPPLIED

    def test_the_token_goes_with_every_page(self, wire: responses.RequestsMock) -> None:
        pages(wire, bundle(lab(), then=f"{BASE}?page=1"), bundle(lab()))
        search(token="abc")
        assert [call.request.headers["Authorization"] for call in wire.calls] == ["Bearer abc"] * 2

    def test_a_warning_entry_is_skipped(self, wire: responses.RequestsMock) -> None:
        warning = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning"}]}
        pages(wire, bundle(warning, lab()))
        assert search() == QueryResult(QueryState.SUPPLIED, (lab(),))

    def test_queries_that_fail_cost_only_themselves(self, wire: responses.RequestsMock) -> None:
        pages(wire, bundle(lab()))
        wire.get(f"{BASE}/Condition", status=500)
        found = reader().search_all([LABS, CONDITIONS], "p1", NOW)
        assert found["labs"].state is QueryState.SUPPLIED
        assert found["conditions"] == QueryResult(QueryState.FAILED, problem="HTTP 500")

    def test_nothing_to_ask_asks_nothing(self) -> None:
        assert reader().search_all([], "p1", NOW) == {}


class TestPages:
    def test_pages_are_followed_to_the_last(self, wire: responses.RequestsMock) -> None:
        pages(
            wire,
            bundle(lab(), then=f"{BASE}?page=1"),
            bundle(lab(), then=f"{BASE}?page=2"),
            bundle(lab()),
        )
        assert search() == QueryResult(QueryState.SUPPLIED, (lab(),) * 3)

    def test_pages_are_followed_until_the_window_is_covered(
        self, wire: responses.RequestsMock
    ) -> None:
        old = lab("2026-02-28T11:00:00Z")
        pages(wire, bundle(lab(), then=f"{BASE}?page=1"), bundle(old, then=f"{BASE}?page=2"))
        assert search() == QueryResult(QueryState.SUPPLIED, (lab(), old))

    def test_without_a_window_all_are_followed(self, wire: responses.RequestsMock) -> None:
        pages(
            wire,
            bundle(condition(), then=f"{BASE}?page=1"),
            bundle(condition()),
            url=f"{BASE}/Condition?patient=p1",
        )
        assert len(search(CONDITIONS).resources) == 2

    def test_an_empty_page_may_lie_between(self, wire: responses.RequestsMock) -> None:
        pages(wire, bundle(then=f"{BASE}?page=1"), bundle(lab()))
        assert search() == QueryResult(QueryState.SUPPLIED, (lab(),))

    def test_a_relative_link_is_followed(self, wire: responses.RequestsMock) -> None:
        pages(wire, bundle(lab(), then="?page=1"))
        wire.get(f"{BASE}/Observation?page=1", json=bundle(lab()))
        assert len(search().resources) == 2

    @pytest.mark.parametrize(
        "link", ["https://evil.example/fhir?page=1", "http://ehr.example.org/fhir?page=1", "/admin"]
    )
    def test_a_link_elsewhere_is_not_followed(
        self, wire: responses.RequestsMock, link: str
    ) -> None:
        pages(wire, bundle(lab(), then=link))
        assert search() == QueryResult(QueryState.PARTIAL, (lab(),), "next page is elsewhere")

    def test_endless_pages_end_at_the_cap(self, wire: responses.RequestsMock) -> None:
        pages(wire, *(bundle(lab(), then=f"{BASE}?page={n}") for n in range(1, 4)))
        answer = search(pages=3)
        assert (answer.state, answer.problem) == (QueryState.PARTIAL, "more than 3 pages")
        assert len(answer.resources) == 3

    def test_pages_in_a_circle_are_noticed(self, wire: responses.RequestsMock) -> None:
        pages(wire, bundle(lab(), then=LABS_URL))
        assert search() == QueryResult(QueryState.PARTIAL, (lab(),), "pages go round in circles")

    def test_a_later_page_that_fails_leaves_a_part(self, wire: responses.RequestsMock) -> None:
        pages(wire, bundle(lab(), then=f"{BASE}?page=1"))
        wire.get(f"{BASE}?page=1", status=503)
        assert search() == QueryResult(QueryState.PARTIAL, (lab(),), "HTTP 503")

    def test_all_pages_of_a_query_share_one_cap_of_bytes(
        self, wire: responses.RequestsMock
    ) -> None:
        page = bundle(lab(), then=f"{BASE}?page=1")
        pages(wire, page, bundle(lab()))
        answer = search(bytes=len(json.dumps(page)) + 10)
        assert (answer.state, answer.problem) == (QueryState.PARTIAL, "answer too large")


class TestFaults:
    @pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
    def test_a_refusal_is_a_failed_query(self, wire: responses.RequestsMock, status: int) -> None:
        wire.get(LABS_URL, status=status, json={"resourceType": "OperationOutcome"})
        assert search() == QueryResult(QueryState.FAILED, problem=f"HTTP {status}")

    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            (b"<html>", "not JSON"),
            (b"", "not JSON"),
            (b'{"resourceType": "Bundle", "entry": [', "not JSON"),
            (b"[" * 2000 + b"]" * 2000, "not JSON"),
            (b"[" * 1000 + b"]" * 1000, "nested too deeply"),
            (b'{"resourceType": "Bundle", "total": NaN}', "not JSON"),
            (b'{"resourceType": "Bundle", "total": 1e400}', "not JSON"),
            (b"null", "not an answer to a search"),
            (b"[]", "not an answer to a search"),
            (b'"Bundle"', "not an answer to a search"),
            (b"{}", "not an answer to a search"),
            (b'{"resourceType": "OperationOutcome"}', "not an answer to a search"),
            (b'{"resourceType": "CapabilityStatement"}', "not an answer to a search"),
            (b'{"resourceType": "Bundle", "entry": "text"}', "not an answer to a search"),
            (
                b'{"resourceType": "Bundle", "entry": [{"fullUrl": "x"}]}',
                "not an answer to a search",
            ),
            (json.dumps(bundle(condition())).encode(), "not an answer to a search"),
        ],
    )
    def test_an_answer_that_is_none_is_a_failed_query(
        self, wire: responses.RequestsMock, body: bytes, problem: str
    ) -> None:
        wire.get(LABS_URL, body=body, content_type="application/fhir+json")
        assert search() == QueryResult(QueryState.FAILED, problem=problem)

    def test_a_page_of_html_is_a_failed_query(self, wire: responses.RequestsMock) -> None:
        wire.get(LABS_URL, body="<html>Login</html>", content_type="text/html")
        assert search() == QueryResult(QueryState.FAILED, problem="not JSON")

    def test_an_error_entry_leaves_a_part(self, wire: responses.RequestsMock) -> None:
        error = {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}
        pages(wire, bundle(error, lab()))
        assert search().state is QueryState.PARTIAL

    def test_an_error_entry_alone_is_a_failed_query(self, wire: responses.RequestsMock) -> None:
        error = {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}
        pages(wire, bundle(error))
        assert search().state is QueryState.FAILED

    @pytest.mark.parametrize(
        ("error", "problem"),
        [
            (requests.ReadTimeout(), "timed out"),
            (requests.ConnectTimeout(), "timed out"),
            (requests.ConnectionError(), "not reachable"),
            (requests.exceptions.SSLError(), "TLS failed"),
            (requests.exceptions.InvalidURL(), "answer broke off"),
        ],
    )
    def test_a_failed_connection_is_a_failed_query(
        self, wire: responses.RequestsMock, error: Exception, problem: str
    ) -> None:
        wire.get(LABS_URL, body=error)
        assert search() == QueryResult(QueryState.FAILED, problem=problem)

    def test_ten_thousand_entries_are_read(self, wire: responses.RequestsMock) -> None:
        pages(wire, bundle(*(lab() for _ in range(10_000))))
        assert len(search().resources) == 10_000


class TestDeadline:
    def test_queries_run_side_by_side(self) -> None:
        def behave(line: Any, head: bytes) -> None:
            time.sleep(0.2)
            answering(json.dumps(bundle()).encode())(line, head)

        searches = [
            FhirQuery(f"q{n}", "Observation?patient={{context.patientId}}", "Observation",
                   frozenset(), None, None)
            for n in range(6)
        ]  # fmt: skip
        with faulty(behave) as server:
            began = time.monotonic()
            found = reader(server.base).search_all(searches, "p1", NOW)
            assert time.monotonic() - began < 0.6
        assert {answer.state for answer in found.values()} == {QueryState.EMPTY}

    @pytest.mark.parametrize(
        "behave",
        [hanging, dripping(b"X: " + b"y" * 10_000, 0.02, b"HTTP/1.1 200 OK\r\n")],
        ids=["hang", "drip"],
    )
    def test_a_server_that_never_ends_costs_the_deadline_and_no_more(self, behave: Any) -> None:
        with faulty(behave) as server:
            began = time.monotonic()
            answer = search(base=server.base, seconds=0.3)
            assert time.monotonic() - began < 0.8
            assert server.gone.wait(2)  # the connection was closed, no thread waits on it
        assert answer == QueryResult(QueryState.FAILED, problem="timed out")

    def test_what_came_before_the_deadline_is_kept(self) -> None:
        def behave(line: Any, head: bytes) -> None:
            if b"page" in head:
                hanging(line, head)
            answering(json.dumps(bundle(lab(), then="?page=1")).encode())(line, head)

        with faulty(behave) as server:
            answer = search(base=server.base, seconds=0.3)
        assert answer == QueryResult(QueryState.PARTIAL, (lab(),), "timed out")


class TestMedications:
    def test_each_reference_is_read(self, wire: responses.RequestsMock) -> None:
        medication = {"resourceType": "Medication", "id": "m1"}
        wire.get(f"{BASE}/Medication/m1", json=medication)
        wire.get(f"{BASE}/Medication/m2", status=404)
        wire.get(f"{BASE}/Medication/m3", json={"resourceType": "Patient"})
        wire.get(f"{BASE}/Medication/m4", json=[])
        found = reader().read_all([f"Medication/m{n}" for n in range(1, 5)])
        assert found["Medication/m1"] == medication
        for reference in ("Medication/m2", "Medication/m3", "Medication/m4"):
            assert isinstance(found[reference], FhirFault)

    def test_a_token_never_shows_in_a_representation(self) -> None:
        assert "secret" not in repr(FhirServer(BASE, "secret"))
