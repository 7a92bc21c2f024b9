"""The OpenAPI document says what the service does: checked against routes, errors and answers."""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
import structlog
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cds_service.hooks.services import SERVICES
from cds_service.web.errors import STATUSES
from cds_service.web.operations import openapi_document
from tests.cases import cases
from tests.service import Service, prefetch_of, request_of

Json = dict[str, Any]
DOCUMENT = openapi_document("")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("openapi"), log_level="error")
    yield service
    service.close()
    structlog.reset_defaults()


def validator(name: str) -> Any:
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return jsonschema_rs.validator_for(schema, validate_formats=True)


def test_every_route_is_described_and_no_other(service: Service) -> None:
    def described(rule: str) -> str:
        return rule.replace("<service_id>", "{id}")

    ours = {
        (described(rule.rule), method.lower())
        for rule in service.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    told = {
        (path, method)
        for path, item in DOCUMENT["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert ours == told


def test_every_status_of_the_error_table_is_described() -> None:
    told = {name.removeprefix("Error") for name in DOCUMENT["components"]["responses"]}
    assert {str(status) for status, _ in STATUSES.values()} <= told


def test_every_service_is_named() -> None:
    for path in ("/cds-services/{id}", "/cds-services/{id}/feedback"):
        (parameter,) = DOCUMENT["paths"][path]["parameters"]
        assert set(parameter["schema"]["enum"]) == set(SERVICES)


def test_the_version_is_that_of_the_package() -> None:
    assert DOCUMENT["info"]["version"] == version("heparin-cds")


def test_the_public_url_is_the_server() -> None:
    assert openapi_document("https://cds.example.org")["servers"] == [
        {"url": "https://cds.example.org"}
    ]
    assert "servers" not in DOCUMENT


def test_it_is_served(service: Service) -> None:
    assert service.client.get("/openapi.json").json["openapi"] == "3.1.0"


@pytest.mark.parametrize("name", sorted(cases()))
def test_every_answer_fits(service: Service, name: str) -> None:
    answer = service.call(name)
    assert answer.status_code == 200
    validator("Answer").validate(answer.json)


def test_discovery_fits(service: Service) -> None:
    validator("Discovery").validate(service.client.get("/cds-services").json)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"summary": "x" * 140},
        {"indicator": "hard-stop"},
        {"detail": ""},
        {"suggestions": []},
        {"uuid": "7"},
        {"unknown": 1},
        {"source": {"label": "x"}},
    ],
)
def test_a_card_against_the_specification_does_not_fit(service: Service, spoilt: Json) -> None:
    (card,) = service.call().json["cards"]
    validator("Card").validate(card)
    assert not validator("Card").is_valid(card | spoilt)


def test_suggestions_without_a_selection_behavior_do_not_fit(service: Service) -> None:
    (card,) = service.call().json["cards"]
    del card["selectionBehavior"]
    assert not validator("Card").is_valid(card)


@pytest.mark.parametrize("name", sorted(cases()))
def test_every_request_of_ours_fits(name: str) -> None:
    validator("HookRequest").validate(request_of(name) | {"prefetch": prefetch_of(name)})


@pytest.fixture(scope="module")
def api(service: Service) -> Any:
    return schemathesis.openapi.from_wsgi("/openapi.json", service.app)


CHECKS = [response_schema_conformance, status_code_conformance, content_type_conformance]
OPERATIONS = [
    (path, method)
    for path, item in DOCUMENT["paths"].items()
    for method in item
    if method != "parameters"
]


@pytest.mark.slow
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_generated_requests_get_described_answers(api: Any, path: str, method: str) -> None:
    @given(case=api[path][method].as_strategy())
    @settings(
        max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    def ask(case: Any) -> None:
        answer = case.call()
        case.validate_response(answer, checks=CHECKS)
        assert answer.status_code < 500

    ask()
