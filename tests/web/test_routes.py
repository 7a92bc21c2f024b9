"""The service over HTTP, with the advice replaced: statuses, bodies, headers, order of things."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import responses
import structlog
from flask.testing import FlaskClient

from cds_service import service as one_call
from cds_service.app import create_app
from cds_service.chart.facts import HookContext
from cds_service.chart.query_result import QueryResult, QueryState
from cds_service.errors import HeparinCdsError, RequestRefused
from cds_service.rulebook.toml_table import load_concepts
from cds_service.settings import Settings
from cds_service.web.errors import STATUSES
from tests.databases import new_database

Json = dict[str, Any]

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
VIEW = "/cds-services/heparin-patient-view"
SIGN = "/cds-services/heparin-order-sign"


@dataclass
class Advisor:
    """Stands in for the three stages; remembers what it was given."""

    concerned: bool = True
    cards: tuple[Any, ...] = ()
    nothing_of_medicines: bool = False
    failure: Exception | None = None
    given: list[tuple[Any, ...]] = field(default_factory=list)

    def is_in_scope(self, _asked: HookContext, _rulebook: object, _still: object) -> bool:
        return self.concerned

    def advise(self, *given: Any) -> Any:
        self.given.append(given)
        if self.failure:
            raise self.failure
        verdict = SimpleNamespace(truth=SimpleNamespace(value="unknown"))
        findings = SimpleNamespace(
            nothing_of_medicines=self.nothing_of_medicines,
            verdicts={"failing": verdict},
            items=(),
        )
        chart = SimpleNamespace(skipped=("one", "two"))
        return SimpleNamespace(cards=self.cards, findings=findings, chart=chart, due=())

    @property
    def answers(self) -> dict[str, QueryResult]:
        answers: dict[str, QueryResult] = self.given[-1][1]
        return answers


@dataclass
class FakeCard:
    summary: str
    indicator: str = "info"

    def wire(self, new_id: Callable[[], str]) -> Json:
        topic = {"code": "heparinResistance", "system": "urn:test"}
        return {
            "summary": self.summary,
            "uuid": new_id(),
            "indicator": "warning",
            "source": {"label": "test", "topic": topic},
        }


@pytest.fixture
def advisor(monkeypatch: pytest.MonkeyPatch) -> Advisor:
    advisor = Advisor()
    monkeypatch.setattr(one_call, "advise", advisor.advise)
    monkeypatch.setattr(one_call, "is_in_scope", advisor.is_in_scope)
    return advisor


@pytest.fixture
def client(advisor: Advisor, tmp_path: Path) -> Iterator[FlaskClient]:
    yield from clients(tmp_path)


def clients(tmp_path: Path, **changes: Any) -> Iterator[FlaskClient]:
    url = changes.pop("database_url", None) or new_database(tmp_path)
    settings = Settings(**({"open": True, "database_url": url} | changes))
    protocol = SimpleNamespace(name="test", digest="abc")
    rulebook: Any = SimpleNamespace(concepts=load_concepts(), protocol=protocol)
    numbers = iter(range(100))
    app = create_app(
        settings, rulebook=rulebook, clock=lambda: NOW, new_id=lambda: f"id-{next(numbers)}"
    )
    yield app.test_client()
    app.extensions["ledger"].close()
    structlog.reset_defaults()


def body(hook: str = "patient-view", **changes: Any) -> Json:
    return {
        "hook": hook,
        "hookInstance": "7b4913a8-d722-4a65-8b80-af1f6a211d6f",
        "context": {"patientId": "p1", "userId": "Practitioner/1"},
    } | changes


def assert_outcome(answer: Any, status: int, field: str = "") -> None:
    assert answer.status_code == status
    assert answer.mimetype == "application/fhir+json"
    assert answer.json["resourceType"] == "OperationOutcome"
    (issue,) = answer.json["issue"]
    assert issue["severity"] == "error"
    assert issue["diagnostics"]
    assert issue.get("expression") == ([field] if field else None)


class TestErrorTable:
    def test_every_refusal_has_its_status(self) -> None:
        def every(kind: type[HeparinCdsError]) -> set[type[HeparinCdsError]]:
            return {kind}.union(*(every(below) for below in kind.__subclasses__()))

        assert every(RequestRefused) - {RequestRefused} <= set(STATUSES)

    def test_every_issue_code_is_one_of_fhir(self) -> None:
        codes = {code for _, code in STATUSES.values()}
        assert codes <= {
            "structure", "required", "login", "not-found", "incomplete", "too-long",
            "not-supported", "transient", "throttled", "timeout",
        }  # fmt: skip


class TestDiscovery:
    def test_three_services_are_listed(self, client: FlaskClient) -> None:
        answer = client.get("/cds-services")
        assert answer.status_code == 200
        assert answer.mimetype == "application/json"
        assert len(answer.json["services"]) == 3

    def test_templates_are_those_we_ask_ourselves(self, client: FlaskClient) -> None:
        for service in client.get("/cds-services").json["services"]:
            assert service["prefetch"]["patient"] == "Patient/{{context.patientId}}"
            tokens = re.findall(r"{{(.*?)}}", "".join(service["prefetch"].values()))
            assert set(tokens) == {"context.patientId"}

    def test_a_final_slash_makes_no_difference(self, client: FlaskClient) -> None:
        assert client.get("/cds-services/").status_code == 200


class TestCall:
    def test_no_card_is_an_empty_list(self, client: FlaskClient) -> None:
        answer = client.post(VIEW, json=body())
        assert (answer.status_code, answer.json) == (200, {"cards": []})

    def test_cards_go_out_with_fresh_ids(self, client: FlaskClient, advisor: Advisor) -> None:
        advisor.cards = (FakeCard("one"), FakeCard("two"))
        cards = client.post(VIEW, json=body()).json["cards"]
        assert [(c["summary"], c["uuid"]) for c in cards] == [("one", "id-0"), ("two", "id-1")]

    def test_the_advice_gets_the_call_the_answers_and_the_clock(
        self, client: FlaskClient, advisor: Advisor
    ) -> None:
        client.post(VIEW, json=body(prefetch={"conditions": None}))
        asked, answers, _, now, style, still = advisor.given[0]
        still()
        assert asked.patient_id == "p1"
        assert answers["conditions"].state is QueryState.EMPTY
        assert answers["allergies"].state is QueryState.NOT_SUPPLIED
        assert now == NOW
        assert style.selection_behavior == "at-most-one"

    def test_what_does_not_concern_us_is_answered_without_any_query(
        self, client: FlaskClient, advisor: Advisor
    ) -> None:
        advisor.concerned = False
        with responses.RequestsMock() as wire:
            answer = client.post(SIGN, json=body("order-sign", fhirServer="http://localhost/fhir"))
            assert not wire.calls
        assert answer.json == {"cards": []}
        assert not advisor.given

    def test_an_order_hook_without_drafts_is_no_error(self, client: FlaskClient) -> None:
        assert client.post(SIGN, json=body("order-sign")).status_code == 200

    def test_the_advice_knows_of_a_server_that_may_not_be_named_and_nobody_calls_it(
        self, client: FlaskClient, advisor: Advisor
    ) -> None:
        with responses.RequestsMock() as wire:
            answer = client.post(VIEW, json=body(fhirServer="https://evil.example/fhir"))
            assert not wire.calls
        assert answer.status_code == 200
        assert {a.problem for a in advisor.answers.values()} == {"FHIR server not allowed"}

    def test_patient_view_without_any_medicines_is_412(
        self, client: FlaskClient, advisor: Advisor
    ) -> None:
        advisor.nothing_of_medicines = True
        assert_outcome(client.post(VIEW, json=body()), 412, "prefetch")

    def test_an_order_hook_is_never_412(self, client: FlaskClient, advisor: Advisor) -> None:
        advisor.nothing_of_medicines = True
        assert client.post(SIGN, json=body("order-sign")).status_code == 200


class TestBadRequests:
    @pytest.mark.parametrize(
        "text", [b"", b"a=b", b"{", b"<xml/>", b"NaN", b'{"a": 1e400}', b"[" * 9000, b'"\xff"']
    )
    def test_what_is_not_json_is_400(self, client: FlaskClient, text: bytes) -> None:
        answer = client.post(VIEW, data=text, content_type="application/json")
        assert_outcome(answer, 400)

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"hook": 7}, "hook"),
            ({"hook": "order-sign"}, "hook"),
            ({"hookInstance": None}, "hookInstance"),
            ({"context": []}, "context"),
            ({"context": {}}, "context.patientId"),
        ],
    )
    def test_a_bad_field_is_named(self, client: FlaskClient, changes: Json, field: str) -> None:
        assert_outcome(client.post(VIEW, json=body(**changes)), 400, field)

    def test_drafts_of_the_wrong_type_are_named(self, client: FlaskClient) -> None:
        request = body("order-sign", context={"patientId": "p1", "draftOrders": "text"})
        assert_outcome(client.post(SIGN, json=request), 400, "context.draftOrders")

    def test_an_unknown_service_is_404_even_with_a_bad_body(self, client: FlaskClient) -> None:
        assert_outcome(client.post("/cds-services/other", data=b"{"), 404, "id")

    def test_an_unknown_path_is_404(self, client: FlaskClient) -> None:
        assert_outcome(client.get("/nothing"), 404)

    @pytest.mark.parametrize(
        ("method", "path"),
        [("GET", VIEW), ("PUT", VIEW), ("DELETE", VIEW), ("POST", "/cds-services")],
    )
    def test_the_wrong_method_is_405_and_says_the_right_one(
        self, client: FlaskClient, method: str, path: str
    ) -> None:
        answer = client.open(path, method=method)
        assert_outcome(answer, 405)
        assert answer.headers["Allow"]

    @pytest.mark.parametrize(
        "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"]
    )
    def test_another_media_type_is_415(self, client: FlaskClient, content_type: str) -> None:
        answer = client.post(VIEW, data=b"{}", content_type=content_type)
        assert_outcome(answer, 415, "Content-Type")

    @pytest.mark.parametrize(
        "content_type",
        ["application/json; charset=utf-8", "application/fhir+json", "text/json", None],
    )
    def test_any_json_type_or_none_is_read(
        self, client: FlaskClient, content_type: str | None
    ) -> None:
        import json

        answer = client.post(VIEW, data=json.dumps(body()), content_type=content_type)
        assert answer.status_code == 200

    def test_a_body_above_the_cap_is_413(self, advisor: Advisor, tmp_path: Path) -> None:
        for client in clients(tmp_path, body_cap=1000):
            answer = client.post(VIEW, data=b" " * 1001, content_type="application/json")
            assert_outcome(answer, 413)

    def test_a_body_in_chunks_above_the_cap_is_413(self, advisor: Advisor, tmp_path: Path) -> None:
        from io import BytesIO

        for client in clients(tmp_path, body_cap=1000):
            answer = client.post(
                VIEW,
                input_stream=BytesIO(b" " * 1001),
                content_type="application/json",
                headers={"Transfer-Encoding": "chunked"},
                environ_overrides={"wsgi.input_terminated": True},
            )
            assert_outcome(answer, 413)

    def test_a_body_at_the_cap_is_read(self, advisor: Advisor, tmp_path: Path) -> None:
        import json

        text = json.dumps(body()).encode().ljust(1000)
        for client in clients(tmp_path, body_cap=1000):
            answer = client.post(VIEW, data=text, content_type="application/json")
            assert answer.status_code == 200


class TestFailure:
    def test_a_bug_is_500_with_the_request_id_and_nothing_else(
        self, client: FlaskClient, advisor: Advisor, capfd: pytest.CaptureFixture[str]
    ) -> None:
        advisor.failure = ValueError("Doe, Jane, MRN 12345")
        answer = client.post(VIEW, json=body())
        assert_outcome(answer, 500)
        assert answer.headers["X-Request-ID"] in answer.text
        logged = capfd.readouterr().err
        assert answer.headers["X-Request-ID"] in logged
        assert "ValueError" in logged
        assert "test_routes.py" in logged
        assert "Doe" not in logged + answer.text


class TestHeaders:
    def test_answers_are_not_stored_by_anyone(self, client: FlaskClient) -> None:
        for answer in (client.post(VIEW, json=body()), client.post(VIEW, data=b"{")):
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"

    def test_a_request_id_is_taken_over_if_it_is_a_uuid(self, client: FlaskClient) -> None:
        given = "5f2c1f3e-1dd2-41b2-8000-080027b246c3"
        answer = client.get("/healthz", headers={"X-Request-ID": given})
        assert answer.headers["X-Request-ID"] == given
        answer = client.get("/healthz", headers={"X-Request-ID": "Doe, Jane"})
        assert "Doe" not in answer.headers["X-Request-ID"]


class TestCors:
    def preflight(self, client: FlaskClient, origin: str, path: str = VIEW) -> Any:
        return client.options(
            path,
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,content-type",
            },
        )

    @pytest.mark.parametrize(
        "origin", ["http://localhost:8080", "http://127.0.0.1:8080", "http://localhost"]
    )
    def test_open_mode_answers_pages_of_this_machine(
        self, client: FlaskClient, origin: str
    ) -> None:
        answer = self.preflight(client, origin)
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        allowed = answer.headers["Access-Control-Allow-Headers"].lower()
        assert "authorization" in allowed
        assert "content-type" in allowed

    @pytest.mark.parametrize(
        "origin",
        [
            "https://evil.example",
            "http://localhost.evil.example",
            "http://localhost:80.evil",
            "null",
        ],
    )
    def test_other_origins_get_no_header(self, client: FlaskClient, origin: str) -> None:
        assert "Access-Control-Allow-Origin" not in self.preflight(client, origin).headers

    def test_origins_are_compared_exactly(self, advisor: Advisor, tmp_path: Path) -> None:
        for client in clients(tmp_path, cors_origins=("https://ehr.example.org",)):
            for origin, allowed in [
                ("https://ehr.example.org", True),
                ("https://ehrxexample.org", False),
                ("https://ehr.example.org.evil.example", False),
                ("http://ehr.example.org", False),
                ("https://ehr.example.org:8443", False),
            ]:
                headers = self.preflight(client, origin).headers
                assert ("Access-Control-Allow-Origin" in headers) is allowed, origin

    @pytest.mark.parametrize(
        ("path", "data"),
        [(VIEW, b"{"), ("/cds-services/other", b"{}"), ("/nothing", b"{}")],
    )
    def test_errors_carry_the_headers_too(
        self, client: FlaskClient, path: str, data: bytes
    ) -> None:
        origin = "http://localhost:8080"
        answer = client.post(
            path, data=data, content_type="application/json", headers={"Origin": origin}
        )
        assert answer.status_code >= 400
        assert answer.headers["Access-Control-Allow-Origin"] == origin

    def test_a_bug_carries_the_headers_too(self, client: FlaskClient, advisor: Advisor) -> None:
        advisor.failure = ValueError()
        origin = "http://localhost:8080"
        answer = client.post(VIEW, json=body(), headers={"Origin": origin})
        assert answer.status_code == 500
        assert answer.headers["Access-Control-Allow-Origin"] == origin


class TestSupervision:
    def test_it_is_alive(self, client: FlaskClient) -> None:
        assert client.get("/healthz").status_code == 200

    def test_it_is_ready_with_tables_and_database(self, client: FlaskClient) -> None:
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json) == (200, {"tables": True, "database": True})

    def test_without_a_database_it_serves_but_is_not_ready(
        self, advisor: Advisor, tmp_path: Path
    ) -> None:
        for client in clients(tmp_path, database_url=f"sqlite:///{tmp_path}/none/x.sqlite"):
            assert client.post(VIEW, json=body()).status_code == 200
            answer = client.get("/readyz")
            assert (answer.status_code, answer.json["database"]) == (503, False)
