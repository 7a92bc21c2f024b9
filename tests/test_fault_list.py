"""Every fault of a FHIR server and of a token, once each over HTTP: what is answered.

How each fault is told apart stands in tests/outbound/test_http.py, tests/fhir/test_client.py and
tests/security/test_jwt.py; what several of them mean for each hook in docs/when-data-fail.md.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import responses
from cryptography.hazmat.primitives.asymmetric import ec
from flask.testing import FlaskClient

from cds_service.security import jwt
from cds_service.security.clients import Client
from cds_service.security.jwks import JwksCache, key_source
from tests.calls import Json, request
from tests.fault_tables import (
    CASE,
    HASTE,
    PATIENT,
    ask,
    cut_off,
    healthy,
    server,
    service,
    serving,
    status,
)
from tests.faulty_server import Behaviour, answering, dripping, hanging
from tests.service import Service
from tests.tokens import JKU, claims, ec_key, key_set, public_jwk, rsa_key, sign

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\n"
HTML = b"<html><body>Sign in</body></html>"
BUNDLE = {"resourceType": "Bundle", "type": "searchset"}


def redirected(line: socket.socket, _: bytes) -> None:
    line.sendall(
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    )


def endless_pages(line: socket.socket, head: bytes) -> None:
    """Each page names a next one, within the base, and holds nothing."""
    path = head.split(b" ")[1].decode()
    number = int(found[1]) + 1 if (found := re.search(r"page=(\d+)", path)) else 1
    link = [{"relation": "next", "url": f"Observation?page={number}"}]
    answering(json.dumps(BUNDLE | {"link": link}).encode())(line, head)


def next_elsewhere(line: socket.socket, head: bytes) -> None:
    link = [{"relation": "next", "url": "http://127.0.0.1:9/fhir?page=1"}]
    answering(json.dumps(BUNDLE | {"link": link}).encode())(line, head)


def fifty_megabytes(line: socket.socket, _: bytes) -> None:
    line.sendall(HEAD + b"Content-Length: 50000000\r\n\r\n")
    for _ in range(50):
        line.sendall(b" " * 1_000_000)


# Answered so to every query, nothing can be known of the patient.
FAULTS: Mapping[str, Behaviour] = {
    "401": status(401),
    "403": status(403),
    "404": status(404),
    "429": status(429),
    "500": status(500),
    "hang": hanging,
    "slow drip": dripping(b" " * 100_000, 0.02, HEAD + b"Content-Length: 100000\r\n\r\n"),
    "truncated JSON": cut_off,
    "HTML page": answering(HTML, "text/html"),
    "HTML page called FHIR": answering(HTML),
    "empty body": answering(b""),
    "wrong type": answering(b'{"resourceType": "CapabilityStatement"}'),
    "no object": answering(b"[7]"),
    "endless next links": endless_pages,
    "next link to another host": next_elsewhere,
    "redirect": redirected,
    "50 MB": fifty_megabytes,
    "deeply nested JSON": answering(b'{"a":' * 5000 + b"1" + b"}" * 5000),
    "NaN": answering(b'{"resourceType": "Bundle", "total": NaN}'),
    "1e400": answering(b'{"resourceType": "Bundle", "total": 1e400}'),
}
SLOW = ("hang", "slow drip")


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    with service(tmp_path_factory.mktemp("patient")) as client:
        yield client


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    with service(tmp_path_factory.mktemp("hasty"), HASTE) as client:
        yield client


def topics(answer: Any) -> list[str]:
    return [card["source"]["topic"]["code"] for card in answer.json["cards"]]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_fhir_server(fault: str, patient: FlaskClient, hasty: FlaskClient) -> None:
    client = hasty if fault in SLOW else patient
    with server(FAULTS[fault]) as base:
        viewed = ask(client, request(CASE, "patient-view"), base)
        signed = ask(client, request(CASE, "order-sign"), base)
    assert (viewed.status_code, viewed.json["issue"][0]["code"]) == (412, "incomplete")
    assert (signed.status_code, topics(signed)) == (200, ["notAssessed"])


def changed(key: str, change: Callable[[str], str]) -> Mapping[str, Any]:
    """Whole answers, but one rewritten as text."""
    answers: dict[str, Any] = dict(healthy())
    answers[key] = change(json.dumps(answers[key])).encode()
    return answers


def test_ten_thousand_entries_are_read(patient: FlaskClient) -> None:
    def many(text: str) -> str:
        bundle = json.loads(text)
        old = dict(bundle["entry"][-1]["resource"], effectiveDateTime="2025-01-01T00:00:00Z")
        bundle["entry"] += [{"resource": old | {"id": f"o{n}"}} for n in range(10_000)]
        return json.dumps(bundle)

    with server(serving(changed("coagulation", many))) as base:
        answer = ask(patient, request(CASE, "order-sign"), base)
    assert (answer.status_code, topics(answer)) == (200, ["antithrombinDose"])


def test_of_duplicate_keys_the_last_counts(patient: FlaskClient) -> None:
    def twice(text: str) -> str:
        return text.replace('"resourceType": "Bundle"', '"entry": 7, "resourceType": "Bundle"', 1)

    with server(serving(changed("coagulation", twice))) as base:
        answer = ask(patient, request(CASE, "order-sign"), base)
    assert (answer.status_code, topics(answer)) == (200, ["antithrombinDose"])


PUBLIC = "https://cds.example.org"
DISCOVERY = PUBLIC + "/cds-services"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
OTHER = ec.generate_private_key(ec.SECP384R1())
CLIENTS = f"""
[[client]]
name = "General"
issuer = "https://ehr.example.org/fhir"
jku = "{JKU}"
"""


def at(seconds: int) -> int:
    return int(NOW.timestamp()) + seconds


def token(key: Any = None, alg: str = "ES384", headers: Json | None = None, **told: Any) -> str:
    return sign(claims(NOW, DISCOVERY, **told), key, alg, headers)


TOKENS: Mapping[str, Callable[[], str]] = {
    "none at all": lambda: "",
    "other algorithm": lambda: token(rsa_key(), "RS256", {"kid": "r1"}),
    "wrong audience": lambda: token(aud=PUBLIC + "/cds-services/heparin-order-sign"),
    "expired": lambda: token(iat=at(-900), exp=at(-600)),
    "of the future": lambda: token(iat=at(600), exp=at(900)),
    "unknown issuer": lambda: token(iss="https://evil.example/fhir"),
    "key URL not listed": lambda: token(headers={"jku": "https://evil.example/jwks.json"}),
    "key id missing": lambda: token(headers={"kid": None}),
    "key rotated away": lambda: token(OTHER, headers={"kid": "old"}),
    "signed by another key": lambda: token(OTHER),
    "100 kB": lambda: token(more="x" * 100_000),
}


@pytest.fixture
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service that lets in one EHR, and whose keys grow old by the service's own clock."""

    def keys(client: Client, *_: object) -> JwksCache:
        return JwksCache(key_source(client).fetch, lambda: service.now.timestamp())

    monkeypatch.setattr(jwt, "key_source", keys)
    (tmp_path / "clients.toml").write_text(CLIENTS)
    path = tmp_path / "clients.toml"
    service = Service(tmp_path, open=False, clients=path, public_url=PUBLIC)
    service.now = NOW
    yield service
    service.close()


def statuses(service: Service, *tokens: str) -> list[int]:
    heads = [{"Authorization": f"Bearer {one}"} if one else {} for one in tokens]
    return [service.client.get("/cds-services", headers=head).status_code for head in heads]


@pytest.mark.parametrize("fault", TOKENS)
def test_a_fault_of_the_token(registered: Service, fault: str) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        wire.get(JKU, json=key_set())
        assert statuses(registered, TOKENS[fault](), token()) == [401, 200]
        assert {call.request.url for call in wire.calls} <= {JKU}


def test_a_token_counts_once(registered: Service) -> None:
    with responses.RequestsMock() as wire:
        wire.get(JKU, json=key_set())
        one = token()
        assert statuses(registered, one, one) == [200, 401]


def test_a_rotated_key_is_found(registered: Service) -> None:
    with responses.RequestsMock() as wire:
        wire.get(JKU, json=key_set())
        assert statuses(registered, token()) == [200]
        wire.replace(responses.GET, JKU, json=key_set(public_jwk(OTHER, "k2")))
        registered.now += timedelta(seconds=61)
        assert statuses(registered, token(OTHER, headers={"kid": "k2"}), token()) == [200, 401]


def test_while_the_key_host_is_down_nobody_is_let_in_and_known_keys_serve(
    registered: Service,
) -> None:
    with responses.RequestsMock() as wire:
        wire.get(JKU, status=503)
        assert statuses(registered, token(), token()) == [401, 401]
        wire.replace(responses.GET, JKU, json=key_set())
        registered.now += timedelta(seconds=61)
        assert statuses(registered, token()) == [200]
        wire.replace(responses.GET, JKU, status=503)
        registered.now += timedelta(hours=2)
        late = claims(registered.now, DISCOVERY)
        assert statuses(registered, sign(late, ec_key())) == [200]


def of_another(value: Json) -> Json:
    """The same answer about another patient."""
    changed: Json = json.loads(re.sub(rf'(?<=["/]){PATIENT}(?=")', "another", json.dumps(value)))
    return changed


OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}
WRONG = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Basic", "id": "b"}}]}

# Sent so for every query: what patient-view and order-sign of heparin answer.
PREFETCHED: Mapping[str, tuple[Callable[[Json], Any], int, list[str]]] = {
    "null": (lambda _: None, 200, ["notAssessed"]),  # no birth date: whether an adult is unknown
    "empty Bundle": (lambda _: BUNDLE, 200, ["notAssessed"]),
    "OperationOutcome": (lambda _: OUTCOME, 412, ["notAssessed"]),
    "string": (lambda _: "<html>", 412, ["notAssessed"]),
    "number": (lambda _: 7, 412, ["notAssessed"]),
    "wrong resource": (lambda _: WRONG, 412, ["notAssessed"]),
    "another patient's data": (of_another, 412, ["notAssessed"]),
}


@pytest.mark.parametrize("fault", PREFETCHED)
def test_a_fault_of_prefetch(fault: str, patient: FlaskClient) -> None:
    change, status_of_view, cards_of_sign = PREFETCHED[fault]
    prefetch = {key: change(value) for key, value in healthy().items()}
    viewed, signed = (
        patient.post(
            f"/cds-services/heparin-{hook}", json=request(CASE, hook) | {"prefetch": prefetch}
        )
        for hook in ("patient-view", "order-sign")
    )
    assert viewed.status_code == status_of_view
    assert (signed.status_code, topics(signed)) == (200, cards_of_sign)
