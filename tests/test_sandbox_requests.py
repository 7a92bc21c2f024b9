"""Requests in the shapes a public browser EHR sends: none is an error for its shape.

An order before its medication is chosen, `category` as an object, a Bundle without a type, a
result without a date, prefetch keys we never asked for, a FHIR server that is not there. The
project's own are invented; nine real ones are read where the real data are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.fault_tables import open_facts, service
from tests.wire_rules import faults

OWN = Path(__file__).parent / "data" / "sandbox"
ORIGIN = "http://127.0.0.1:8080"

Json = dict[str, Any]


@dataclass(frozen=True)
class Expected:
    status: int
    topics: tuple[str, ...] = ()


UNAVAILABLE = Expected(412)
SILENT = Expected(200)
NOT_ASSESSED = Expected(200, ("notAssessed",))

EXPECTED = {
    "select-nothing-chosen-yet": SILENT,
    "select-heparin-as-pill": NOT_ASSESSED,
    "select-other-drug": SILENT,
    "sign-heparin-among-others": NOT_ASSESSED,
    "sign-heparin-as-pill": NOT_ASSESSED,
    "sign-incomplete-authorization": NOT_ASSESSED,
    "sign-nothing-drafted": SILENT,
    "view": UNAVAILABLE,
    "view-without-prefetch": UNAVAILABLE,
}
# The real ones, by file: what they draft is told by their names and bodies.
REAL = {
    "select-cds-services_p-select-1.json": SILENT,  # no medication yet
    "select-cds-services_p-select-2.json": NOT_ASSESSED,
    "sign-cds-services_p-multi-1.json": NOT_ASSESSED,
    "sign-cds-services_p-sign-1.json": NOT_ASSESSED,
    "tab-cds-services_p-412-1.json": UNAVAILABLE,
    "tab-cds-services_p-multi-2.json": NOT_ASSESSED,
    "tab-cds-services_p-select-3.json": SILENT,
    "tab-cds-services_p-sign-2.json": NOT_ASSESSED,
    "tab-cds-services_p-view-1.json": UNAVAILABLE,
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    with service(tmp_path_factory.mktemp("sandbox")) as client:
        yield client


def post(client: FlaskClient, body: Json) -> Any:
    """To our service for the body's hook; the paths on record are another service's."""
    headers = {"Accept": "application/json", "Origin": ORIGIN}
    return client.post(f"/cds-services/heparin-{body['hook']}", json=body, headers=headers)


def check(response: Any, expected: Expected) -> None:
    assert response.status_code == expected.status, response.text
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    if expected.status == 412:
        assert response.json["resourceType"] == "OperationOutcome"
        assert response.json["issue"][0]["code"] == "incomplete"
        return
    assert faults(response.json) == []
    found = tuple(card["source"]["topic"]["code"] for card in response.json["cards"])
    assert found == expected.topics


def test_every_own_request_is_expected_something_of() -> None:
    assert {file.stem for file in OWN.glob("*.json")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_own_requests_are_answered_as_the_logic_says(client: FlaskClient, name: str) -> None:
    body = json.loads((OWN / f"{name}.json").read_text(encoding="utf-8"))
    check(post(client, body), EXPECTED[name])


def test_what_the_card_names_is_what_neither_prefetch_nor_server_gave(client: FlaskClient) -> None:
    """The result without a date came under a foreign key: it is a part, not the answer."""
    body = json.loads((OWN / "sign-heparin-as-pill.json").read_text(encoding="utf-8"))
    told = open_facts(post(client, body))
    assert "aPTT and anti-Xa (only partly received)" in told
    unread = told.split(" (query failed, could not be read)")[0].split(", ")
    assert {"problem list", "allergies", "platelets", "heparin dose"} <= set(unread)


@pytest.mark.parametrize("file", REAL)
def test_real_requests_are_answered_as_the_logic_says(
    client: FlaskClient, real_data: Path, file: str
) -> None:
    recorded = json.loads((real_data / "sandbox-requests" / file).read_text(encoding="utf-8"))
    check(post(client, recorded["body"]), REAL[file])


def test_all_real_requests_are_known(real_data: Path) -> None:
    found = {file.name for file in (real_data / "sandbox-requests").glob("*.json")}
    assert found == set(REAL)
