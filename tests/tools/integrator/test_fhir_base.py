"""Faults of a server are told in a line; the token is in none of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import responses

from cds_service.tools.integrator.fhir_base import FhirBase, NotAnswered

BASE = "https://ehr.example.org/fhir"
TOKEN = "t0p-secret"


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def base() -> Iterator[FhirBase]:
    with FhirBase(BASE, TOKEN) as connected:
        yield connected


def outcome(text: Any) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"diagnostics": text}]}


def refused(base: FhirBase, path: str = "Patient/a") -> str:
    with pytest.raises(NotAnswered) as fault:
        base.get(path)
    return str(fault.value)


def test_the_token_goes_into_the_header(wire: responses.RequestsMock, base: FhirBase) -> None:
    wire.get(f"{BASE}/Patient/a", json={"resourceType": "Patient"})

    base.get("Patient/a")

    assert wire.calls[0].request.headers["Authorization"] == f"Bearer {TOKEN}"


def test_without_a_token_no_netrc_is_asked(
    wire: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "netrc").write_text("machine ehr.example.org login a password b")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    wire.get(f"{BASE}/Patient/a", json={"resourceType": "Patient"})

    with FhirBase(BASE) as base:
        base.get("Patient/a")

    assert "Authorization" not in wire.calls[0].request.headers


def test_a_server_that_repeats_the_token_is_not_quoted(
    wire: responses.RequestsMock, base: FhirBase
) -> None:
    wire.get(f"{BASE}/Patient/a", json=outcome(f"bad token {TOKEN}"), status=401)

    said = refused(base)

    assert said == "GET Patient/a: 401 Unauthorized bad token [token]"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'"x"', b"null"])
def test_what_is_no_resource_is_refused(
    wire: responses.RequestsMock, base: FhirBase, body: bytes
) -> None:
    wire.get(f"{BASE}/Patient/a", body=body)

    assert "the answer is no" in refused(base)


@pytest.mark.parametrize("issue", [None, "x", [None], [{"details": "x"}], [{"details": {}}]])
def test_an_odd_outcome_still_gives_the_status(
    wire: responses.RequestsMock, base: FhirBase, issue: Any
) -> None:
    wire.get(f"{BASE}/Patient/a", json={"issue": issue}, status=500)

    assert refused(base) == "GET Patient/a: 500 Internal Server Error"


def test_a_long_diagnosis_is_cut(wire: responses.RequestsMock, base: FhirBase) -> None:
    wire.get(f"{BASE}/Patient/a", json=outcome("x" * 5000), status=500)

    assert len(refused(base)) < 400


def test_a_redirect_is_not_followed(wire: responses.RequestsMock, base: FhirBase) -> None:
    elsewhere = {"Location": "https://elsewhere.example.org/"}
    wire.get(f"{BASE}/Patient/a", status=302, headers=elsewhere)

    assert "redirects" in refused(base)
    assert len(wire.calls) == 1


def test_no_answer_names_the_kind_of_fault(wire: responses.RequestsMock, base: FhirBase) -> None:
    wire.get(f"{BASE}/Patient/a", body=requests.ConnectTimeout(f"{TOKEN}"))

    assert refused(base) == "GET Patient/a: no answer (ConnectTimeout)."


def test_a_search_that_leaves_the_base_ends(wire: responses.RequestsMock, base: FhirBase) -> None:
    link = [{"relation": "next", "url": "https://elsewhere.example.org/fhir?page=2"}]
    wire.get(f"{BASE}/Patient", json={"resourceType": "Bundle", "link": link})

    with pytest.raises(NotAnswered, match="another server"):
        list(base.search("Patient"))


def test_a_search_in_a_circle_ends(wire: responses.RequestsMock, base: FhirBase) -> None:
    link = [{"relation": "next", "url": f"{BASE}/Patient"}]
    wire.get(f"{BASE}/Patient", json={"resourceType": "Bundle", "link": link})

    with pytest.raises(NotAnswered, match="no end"):
        list(base.search("Patient"))


def test_includes_and_warnings_are_no_matches(wire: responses.RequestsMock, base: FhirBase) -> None:
    entry: list[Any] = [
        {"resource": {"id": "a"}},
        {"resource": {"id": "b"}, "search": {"mode": "match"}},
        {"resource": {"id": "c"}, "search": {"mode": "include"}},
        {"resource": {"id": "d"}, "search": {"mode": "outcome"}},
        {"search": {}},
        None,
    ]
    wire.get(f"{BASE}/Patient", json={"entry": entry, "link": "none"})

    assert [found["id"] for found in base.search("Patient")] == ["a", "b"]


@pytest.mark.parametrize(
    "url", ["ehr.example.org", "ftp://a/b", "https://u:p@a/b", "https://a/fhir?x=1", "https://a#b"]
)
def test_what_is_no_base_is_refused(url: str) -> None:
    with pytest.raises(NotAnswered, match="FHIR base"):
        FhirBase(url)


@pytest.mark.parametrize("token", ["a b", "a\nb", "schlüssel"])
def test_a_token_that_no_header_carries_is_not_quoted(token: str) -> None:
    with pytest.raises(NotAnswered) as fault:
        FhirBase(BASE, token)
    assert token not in str(fault.value)


@pytest.mark.parametrize(
    ("status", "fault"), [(204, False), (404, False), (410, False), (409, True)]
)
def test_a_resource_that_is_gone_already_is_no_fault(
    wire: responses.RequestsMock, base: FhirBase, status: int, fault: bool
) -> None:
    wire.delete(f"{BASE}/Patient/a", status=status)

    if not fault:
        base.delete("Patient/a")
    else:
        with pytest.raises(NotAnswered, match="409"):
            base.delete("Patient/a")
