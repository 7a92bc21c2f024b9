"""The read-only FHIR R4 endpoint over the fixtures: metadata, read, search.

Searches are answered by `search.py`; here they become HTTP. Nothing is ever written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, g, request

from cds_service.demo.search import SORT_ELEMENTS, Page, Resource, SearchRefusedError, search

MEDIA_TYPE = "application/fhir+json"
SEARCH_TYPES = {"patient": "reference", "subject": "reference"}


PRESENT = "/demo/fhir"
EARLIER = "/demo/earlier/<int:hours>/fhir"  # the same patients as they were hours ago


ANY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def create_fhir(
    name: str,
    prefix: str,
    everything: Callable[[int], Sequence[Resource]],
    public_url: str,
    guard: Callable[[], Response | None] = lambda: None,
) -> Blueprint:
    """The endpoint; `everything` gives all resources as they were so many hours ago.

    `guard` is asked before each request, and may answer it.
    """
    endpoint = Endpoint(prefix, everything, public_url)
    fhir = Blueprint(name, __name__, url_prefix=prefix)
    fhir.url_value_preprocessor(_keep_hours_ago)
    fhir.before_request(guard)
    fhir.add_url_rule("/metadata", "metadata", endpoint.metadata)
    fhir.add_url_rule("/<kind>/<id_>", "read", endpoint.read)
    fhir.add_url_rule("/<kind>", "search", endpoint.search)
    fhir.add_url_rule("/", "root", not_served, methods=ANY_METHOD, defaults={"_rest": ""})
    fhir.add_url_rule("/<path:_rest>", "rest", not_served, methods=ANY_METHOD)
    return fhir


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What is served, and where."""

    prefix: str
    everything: Callable[[int], Sequence[Resource]]
    public_url: str

    @property
    def base(self) -> str:
        """The address of the endpoint as its callers see it."""
        path = self.prefix.replace("<int:hours>", str(g.hours_ago))
        return (self.public_url or request.url_root).rstrip("/") + path

    def metadata(self) -> Response:
        """https://hl7.org/fhir/R4/http.html#capabilities"""
        return answer(_capabilities(self.base))

    def read(self, kind: str, id_: str) -> Response:
        """https://hl7.org/fhir/R4/http.html#read"""
        for entry in self.everything(g.hours_ago):
            if (entry["resourceType"], entry["id"]) == (kind, id_):
                return answer(entry)
        return fhir_outcome(404, "not-found", f"There is no {kind} with this id.")

    def search(self, kind: str) -> Response:
        """https://hl7.org/fhir/R4/http.html#search"""
        asked = tuple(request.args.items(multi=True))
        try:
            page = search(self.everything(g.hours_ago), kind, asked)
        except SearchRefusedError as refusal:
            return fhir_outcome(400, "not-supported", f"The search was refused: {refusal}.")
        return answer(searchset(page, f"{self.base}/{kind}", asked, self.base))


def not_served(_rest: str) -> Response:
    """Everything else: other interactions are not there, and nothing is ever written."""
    if request.method == "GET":
        return fhir_outcome(404, "not-found", "Served here: metadata, Type/id and Type?search.")
    return fhir_outcome(405, "not-supported", "This endpoint is read only.")


def _keep_hours_ago(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    g.hours_ago = values.pop("hours", 0) if values else 0


def searchset(page: Page, url: str, asked: Sequence[tuple[str, str]], base: str) -> Resource:
    """The page as a searchset Bundle with its self and next links."""
    links = [{"relation": "self", "url": _with_query(url, asked)}]
    if page.next_offset is not None:
        onward = [pair for pair in asked if pair[0] != "_offset"]
        onward.append(("_offset", str(page.next_offset)))
        links.append({"relation": "next", "url": _with_query(url, onward)})
    entries = [_entry(resource, "match", base) for resource in page.matches]
    entries += [_entry(resource, "include", base) for resource in page.included]
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": page.total, "link": links}
    return {**bundle, "entry": entries} if entries else bundle


def answer(resource: Resource, status: int = 200) -> Response:
    """A resource as a FHIR answer."""
    body = json.dumps(resource, ensure_ascii=False)
    return Response(body, status, mimetype=MEDIA_TYPE, headers={"Cache-Control": "no-store"})


def fhir_outcome(status: int, code: str, text: str) -> Response:
    """An OperationOutcome as a FHIR answer."""
    issue = {"severity": "error", "code": code, "diagnostics": text}
    return answer({"resourceType": "OperationOutcome", "issue": [issue]}, status)


def _entry(resource: Resource, mode: str, base: str) -> Mapping[str, Any]:
    url = f"{base}/{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": url, "resource": resource, "search": {"mode": mode}}


def _with_query(url: str, pairs: Sequence[tuple[str, str]]) -> str:
    return f"{url}?{urlencode(pairs, safe=':/|,')}" if pairs else url


def _capabilities(base: str) -> Resource:
    """https://hl7.org/fhir/R4/capabilitystatement.html"""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-22",
        "kind": "instance",
        "implementation": {"description": "Invented patients, read only", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [{"mode": "server", "resource": [_served(kind) for kind in SORT_ELEMENTS]}],
    }


def _served(kind: str) -> Mapping[str, Any]:
    names = {"_id", "patient", "subject", "code", "category", "status", *SORT_ELEMENTS[kind]}
    searched = [{"name": name, "type": SEARCH_TYPES.get(name, "token")} for name in sorted(names)]
    return {
        "type": kind,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "searchParam": searched,
    }
