"""One patient's record as a hospital sends it: along with the call, or from its FHIR server.

Entries may say where they lie (`fullUrl`), in whatever form; the FHIR server answers searches by
type, patient and code, and reads by id, as the entries stand.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from flask.testing import FlaskClient

from cds_service.app import create_app
from cds_service.fhir.queries import FhirQuery, codes_asked
from cds_service.settings import Settings
from tests.cases import searches, tables
from tests.databases import new_database
from tests.faulty_server import faulty
from tests.oracle import chart as fhir_chart
from tests.vignettes import FAILING, NOW

Json = dict[str, Any]

HEPARIN = {"coding": [{"system": fhir_chart.RXNORM, "code": "5224", "display": "heparin"}]}
ANTITHROMBIN = {"coding": [{"system": fhir_chart.RXNORM, "code": "1009"}], "text": "antithrombin"}
LOCAL = {"coding": [{"system": "urn:hospital:formulary", "code": "470011"}]}
INSTANCE = "0f3c1f57-5bdf-4b4d-8bd1-27c3d7e2a9ad"
NOT_FOUND = {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}
REFUSED = frozenset({"_sort", "_include", "_count"})


@dataclass
class Hospital:
    """What is on record, and how the FHIR server behaves."""

    resources: list[Json]
    included: list[Json] = field(default_factory=list)  # Medications that come along
    held: list[Json] = field(default_factory=list)  # those that only a read gives
    urls: Mapping[str, str] = field(default_factory=dict)  # fullUrl by Type/id
    refused: frozenset[str] = frozenset()  # parameters answered by 400
    asked: list[str] = field(default_factory=list)

    def bundle(self, search: FhirQuery) -> Json:
        """What a search finds, with the Medications that come along."""
        found = [one for one in self.resources if _found_by(search, one)]
        if search.key in ("orders", "administrations"):
            found += self.included
        return {"resourceType": "Bundle", "type": "searchset", "entry": [*map(self.entry, found)]}

    def entry(self, resource: Json) -> Json:
        url = self.urls.get(f"{resource['resourceType']}/{resource.get('id', '')}")
        return {"resource": resource} | ({"fullUrl": url} if url else {})

    def prefetch(self) -> Json:
        """The answers to all queries as they come along with a call."""
        return {
            search.key: self.bundle(search) if "?" in search.template else self.resources[0]
            for search in searches(tables())
        }

    def behave(self, line: socket.socket, head: bytes) -> None:
        """Answer one request to the FHIR server."""
        target = unquote(head.split(b" ")[1].decode())
        self.asked.append(target.removeprefix("/fhir/"))
        url = urlsplit(target)
        if REFUSED & self.refused & parse_qs(url.query).keys():
            _send(line, 400, NOT_FOUND)
            return
        answer = self._answer(url.path.split("/")[2:], target)
        _send(line, 200 if answer else 404, answer or NOT_FOUND)

    def _answer(self, path: list[str], target: str) -> Json | None:
        if len(path) == 2:
            everything = [*self.resources, *self.included, *self.held]
            wanted = ("/".join(path),)
            return next(
                (r for r in everything if f"{r['resourceType']}/{r.get('id')}" in wanted), None
            )
        plan = [s for s in searches(tables()) if s.resource == path[0]]
        found = [s for s in plan if s.codes == codes_asked(target)]
        return self.bundle(found[0]) if found else None


def record(**changes: Any) -> list[Json]:
    """Everything on record of a man on 1,600 U/h with low levels: `FAILING` of bedside.py."""
    found = fhir_chart.resources(FAILING, NOW)
    return [one for key, rows in found.items() for one in changes.get(key, rows)]


def antithrombin_draft(**medication: Any) -> Json:
    """6,720 IU at 80 kg and 55 %: far too much, whichever way the drug is named."""
    dose = {"doseAndRate": [{"doseQuantity": {"value": 6720, "unit": "IU"}}]}
    return draft([dose], **medication)


def draft(dosages: list[Json], **more: Any) -> Json:
    made = {
        "resourceType": "MedicationRequest",
        "id": "draft-1",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": f"Patient/{fhir_chart.PATIENT}"},
        "dosageInstruction": dosages,
    }
    return made | more


def call(hook: str, *entries: Json, selections: list[str] | None = None) -> Json:
    """A hook call; entries of the draft Bundle may be bare resources."""
    context: Json = {"userId": "Practitioner/1", "patientId": fhir_chart.PATIENT}
    if hook != "patient-view":
        whole = [one if "resource" in one else {"resource": one} for one in entries]
        context["draftOrders"] = {"resourceType": "Bundle", "type": "collection", "entry": whole}
    if hook == "order-select":
        named = [f"{e['resource']['resourceType']}/{e['resource'].get('id')}" for e in whole]
        context["selections"] = named if selections is None else selections
    return {"hook": hook, "hookInstance": INSTANCE, "context": context}


def by_prefetch(client: FlaskClient, hospital: Hospital, body: Json) -> list[Json]:
    """The cards where everything came along and there is no server to ask."""
    return _cards(client, body | {"prefetch": hospital.prefetch()})


def by_server(client: FlaskClient, hospital: Hospital, body: Json) -> list[Json]:
    """The cards where nothing came along."""
    with serving(hospital) as base:
        return _cards(client, body | {"fhirServer": base})


def both_ways(client: FlaskClient, hospital: Hospital, body: Json) -> list[Json]:
    """The cards, the same either way."""
    sent, fetched = by_prefetch(client, hospital, body), by_server(client, hospital, body)
    assert sent == fetched
    return sent


@contextmanager
def service(folder: Path) -> Iterator[FlaskClient]:
    """The whole service at the moment of the record."""
    given = {"CDS_OPEN": "1", "CDS_LOG_LEVEL": "error", "CDS_DATABASE_URL": new_database(folder)}
    app = create_app(Settings.from_environ(given), rulebook=tables(), clock=lambda: NOW)
    yield app.test_client()
    app.extensions["ledger"].close()


@contextmanager
def serving(hospital: Hospital) -> Iterator[str]:
    with faulty(hospital.behave) as server:
        yield server.base


def topics(cards: list[Json]) -> list[str]:
    return [card["source"]["topic"]["code"] for card in cards]


def text_of(cards: list[Json]) -> str:
    return "\n".join(f"{card['summary']}\n{card['detail']}" for card in cards)


def _cards(client: FlaskClient, body: Json) -> list[Json]:
    response = client.post(f"/cds-services/heparin-{body['hook']}", json=body)
    assert response.status_code == 200, response.json
    return [_comparable(card) for card in response.json["cards"]]


def _comparable(card: Json) -> Json:
    """Without what differs from answer to answer."""
    for suggestion in card.get("suggestions", ()):
        suggestion.pop("uuid")
    card.pop("uuid")
    return card


def _found_by(search: FhirQuery, resource: Json) -> bool:
    if resource["resourceType"] != search.resource:
        return False
    codes = {coding.get("code") for coding in resource.get("code", {}).get("coding", ())}
    return not search.codes or bool(codes & search.codes)


def _send(line: socket.socket, code: int, body: Json) -> None:
    text = json.dumps(body).encode()
    head = f"HTTP/1.1 {code} X\r\nContent-Type: application/fhir+json\r\n"
    line.sendall(f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text)
