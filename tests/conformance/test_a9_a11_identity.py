"""CDS Hooks: who may call (11), over HTTP, with registered clients."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.service import CASE, Service, prefetch_of, request_of
from tests.tokens import claims, key_set, sign

PUBLIC = "https://cds.example.org"
SELECT = "/cds-services/heparin-order-select"
CLIENTS = """
[[client]]
name = "General"
issuer = "https://ehr.example.org/fhir"
jwks_file = "keys.json"
selection_behavior = "any"
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    import json

    (tmp_path / "clients.toml").write_text(CLIENTS)
    (tmp_path / "keys.json").write_text(json.dumps(key_set()))
    yield Service(
        tmp_path,
        open=False,
        clients=tmp_path / "clients.toml",
        public_url=PUBLIC,
        cors_origins=("https://ehr.example.org",),
    )
    structlog.reset_defaults()


def headers(service: Service, path: str, **changes: Any) -> dict[str, str]:
    token = sign(claims(service.now, PUBLIC + path, **changes), headers={"jku": None})
    return {"Authorization": f"Bearer {token}"}


def test_11_2_discovery_call_and_feedback_want_a_token(service: Service) -> None:
    assert service.client.get("/cds-services").status_code == 401
    assert service.client.post(SELECT, json=request_of()).status_code == 401
    assert service.client.post(SELECT + "/feedback", json={"feedback": []}).status_code == 401


def test_11_4_each_with_its_own_address_as_audience(service: Service) -> None:
    body = request_of(CASE) | {"prefetch": prefetch_of(CASE)}
    for path, payload in [(SELECT, body), (SELECT + "/feedback", {"feedback": []})]:
        answer = service.client.post(path, json=payload, headers=headers(service, path))
        assert answer.status_code == 200
    answer = service.client.get("/cds-services", headers=headers(service, "/cds-services"))
    assert answer.status_code == 200
    wrong = headers(service, "/cds-services")
    assert service.client.post(SELECT, json=body, headers=wrong).status_code == 401


def test_11_7_a_token_counts_once(service: Service) -> None:
    once = headers(service, "/cds-services")
    assert service.client.get("/cds-services", headers=once).status_code == 200
    assert service.client.get("/cds-services", headers=once).status_code == 401


def test_9_11_8_401_tells_no_reason_and_the_log_tells_it_without_the_token(
    service: Service, capfd: pytest.CaptureFixture[str]
) -> None:
    bodies = set()
    sent = [
        {},
        headers(service, SELECT, iss="https://evil.example"),
        headers(service, SELECT, exp=1),
    ]
    for given in sent:
        answer = service.client.post(SELECT, json=request_of(), headers=given)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        bodies.add(answer.text)
    logged = capfd.readouterr().err
    assert len(bodies) == 1
    assert "expired" in logged
    for given in sent[1:]:
        assert given["Authorization"].split(".")[2] not in logged


def test_9_an_unknown_service_is_told_to_nobody_without_a_token(service: Service) -> None:
    assert service.client.post("/cds-services/other", json={}).status_code == 401


def test_11_10_a_preflight_needs_no_token_and_a_401_carries_the_headers(service: Service) -> None:
    origin = {"Origin": "https://ehr.example.org"}
    asked = origin | {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    assert service.client.options(SELECT, headers=asked).status_code == 200
    answer = service.client.post(SELECT, json=request_of(), headers=origin)
    assert answer.status_code == 401
    assert answer.headers["Access-Control-Allow-Origin"] == "https://ehr.example.org"


def test_11_the_profile_of_the_client_shapes_the_cards(service: Service) -> None:
    name = "05-unmeasured"
    body = request_of(name) | {"prefetch": prefetch_of(name)}
    path = f"/cds-services/heparin-{body['hook']}"
    (card,) = service.client.post(path, json=body, headers=headers(service, path)).json["cards"]
    assert card["selectionBehavior"] == "any"
    assert all(len(suggestion["actions"]) == 1 for suggestion in card["suggestions"])


def test_supervision_needs_no_token(service: Service) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json"):
        assert service.client.get(path).status_code == 200
