"""CDS Hooks: who may call (11), over HTTP, with registered clients."""

import base64
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import responses
import structlog
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.service import CASE, Service, prefetch_of, request_of
from tests.tokens import claims, ec_key, key_set, sign

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
    (tmp_path / "clients.toml").write_text(CLIENTS)
    (tmp_path / "keys.json").write_text(json.dumps(key_set()))
    service = Service(
        tmp_path,
        open=False,
        clients=tmp_path / "clients.toml",
        public_url=PUBLIC,
        cors_origins=("https://ehr.example.org",),
    )
    yield service
    service.close()
    structlog.reset_defaults()


DISCOVERY = "/cds-services"


def discovered(service: Service, token: str) -> int:
    """The status of a discovery with this token."""
    answer = service.client.get(DISCOVERY, headers={"Authorization": f"Bearer {token}"})
    status: int = answer.status_code
    return status


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def headers(service: Service, path: str, **changes: Any) -> dict[str, str]:
    token = sign(claims(service.now, PUBLIC + path, **changes), headers={"jku": None})
    return {"Authorization": f"Bearer {token}"}


def test_8_3_9_2_11_1_11_2_discovery_call_and_feedback_want_a_token(service: Service) -> None:
    assert service.client.get("/cds-services").status_code == 401
    assert service.client.post(SELECT, json=request_of()).status_code == 401
    assert service.client.post(SELECT + "/feedback", json={"feedback": []}).status_code == 401


def test_2_10_8_3_11_4_each_with_its_own_address_as_audience(service: Service) -> None:
    body = request_of(CASE) | {"prefetch": prefetch_of(CASE)}
    for path, payload in [(SELECT, body), (SELECT + "/feedback", {"feedback": []})]:
        answer = service.client.post(path, json=payload, headers=headers(service, path))
        assert answer.status_code == 200
    answer = service.client.get("/cds-services", headers=headers(service, "/cds-services"))
    assert answer.status_code == 200
    wrong = headers(service, "/cds-services")
    assert service.client.post(SELECT, json=body, headers=wrong).status_code == 401


@pytest.mark.parametrize("header", [{"kid": None}, {"kid": ""}, {"typ": "at+jwt"}])
def test_11_3_header_fields_that_are_missing_or_wrong(service: Service, header: Any) -> None:
    token = sign(claims(service.now, PUBLIC + DISCOVERY), headers={"jku": None} | header)
    assert discovered(service, token) == 401


@pytest.mark.parametrize("claim", ["iss", "aud", "exp", "iat", "jti"])
def test_11_4_a_claim_left_out(service: Service, claim: str) -> None:
    told = claims(service.now, PUBLIC + DISCOVERY, **{claim: None})
    assert discovered(service, sign(told, headers={"jku": None})) == 401


@pytest.mark.parametrize("alg", ["none", "HS256", "HS384", "RS256"])
def test_11_5_none_symmetric_and_other_algorithms(service: Service, alg: str) -> None:
    """Signed, where it can be, with what everybody knows: the public key."""
    head, payload, _ = sign(claims(service.now, PUBLIC + DISCOVERY)).split(".")
    head = encoded(json.dumps({"alg": alg, "kid": "k1", "typ": "JWT"}).encode())
    known = ec_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{head}.{payload}"
    mac = hmac.new(known, signed.encode(), f"sha{alg[2:]}") if alg.startswith("HS") else None
    assert discovered(service, f"{signed}.{encoded(mac.digest()) if mac else ''}") == 401


@pytest.mark.parametrize(
    ("changes", "header"),
    [({"iss": "https://evil.example"}, {"jku": None}), ({}, {"jku": "https://evil.example/k"})],
)
def test_11_6_who_is_not_registered_is_refused_and_not_asked(
    service: Service, changes: Any, header: Any
) -> None:
    token = sign(claims(service.now, PUBLIC + DISCOVERY, **changes), headers=header)
    with responses.RequestsMock() as wire:
        assert discovered(service, token) == 401
        assert not wire.calls


def test_11_9_no_certificate_of_a_client_is_asked_for(service: Service) -> None:
    """TLS is the proxy's: what it forwards of a certificate lets nobody in."""
    told = {"X-SSL-Client-Verify": "SUCCESS", "X-Forwarded-Client-Cert": "Subject=EHR"}
    assert service.client.get(DISCOVERY, headers=told).status_code == 401


def test_11_7_a_token_counts_once(service: Service) -> None:
    once = headers(service, "/cds-services")
    assert service.client.get("/cds-services", headers=once).status_code == 200
    assert service.client.get("/cds-services", headers=once).status_code == 401


def test_9_2_11_8_no_reason_is_told_and_the_log_tells_it_without_the_token(
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


def test_9_3_an_unknown_service_is_told_to_nobody_without_a_token(service: Service) -> None:
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


def test_7_13_the_profile_of_the_client_shapes_the_cards(service: Service) -> None:
    name = "05-unmeasured"
    body = request_of(name) | {"prefetch": prefetch_of(name)}
    path = f"/cds-services/heparin-{body['hook']}"
    (card,) = service.client.post(path, json=body, headers=headers(service, path)).json["cards"]
    assert card["selectionBehavior"] == "any"
    assert all(len(suggestion["actions"]) == 1 for suggestion in card["suggestions"])


def test_supervision_needs_no_token(service: Service) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/explain"):
        assert service.client.get(path).status_code == 200
