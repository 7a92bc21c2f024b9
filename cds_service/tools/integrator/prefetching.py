"""Prefetch as a client does it: templates filled in, asked of the FHIR server, put by key.

A key whose template cannot be filled in is left out; a failed query is sent as the server's
OperationOutcome would be, so that the service can tell it from "nothing on record".
https://cds-hooks.hl7.org/2.0/#prefetch-template
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cds_service.tools.integrator.fhir_base import GONE, FhirBase, NotAnswered, matches

SIDE_BY_SIDE = 6
USERS = {  # token -> type of the user it names
    "userPractitionerId": "Practitioner",
    "userPractitionerRoleId": "PractitionerRole",
    "userPatientId": "Patient",
    "userRelatedPersonId": "RelatedPerson",
}

_TOKEN = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Fetched:
    """One key: what was asked and what came of it."""

    key: str
    url: str  # relative to the base
    value: Any  # a resource, or None: asked, and nothing there
    told: str


def filled(template: str, context: Mapping[str, Any]) -> str | None:
    """The template for this call, or None if one of its tokens means nothing here."""
    tokens = {name: _meaning(name, context) for name in _TOKEN.findall(template)}
    if not all(tokens.values()):
        return None
    path, mark, query = template.partition("?")
    path = _TOKEN.sub(lambda m: quote(str(tokens[m[1]]), safe="/"), path)
    query = _TOKEN.sub(lambda m: quote(str(tokens[m[1]]), safe=""), query)
    return path + mark + query


def fetch_prefetch(
    base: FhirBase, templates: Mapping[str, str], context: Mapping[str, Any]
) -> tuple[Fetched, ...]:
    """Every key that can be asked for, several at a time."""
    asked = {key: url for key, t in templates.items() if (url := filled(t, context))}
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return tuple(pool.map(lambda item: _fetched(base, *item), asked.items()))


def _meaning(token: str, context: Mapping[str, Any]) -> str:
    """What a token stands for: a plain value of the context, or the user's id by type."""
    if token in USERS:
        kind, _, id_ = str(context.get("userId", "")).partition("/")
        return id_ if kind == USERS[token] else ""
    value = context.get(token.removeprefix("context."), "")
    return value if token.startswith("context.") and isinstance(value, str) else ""


def _fetched(base: FhirBase, key: str, url: str) -> Fetched:
    try:
        value = base.get(url)
    except NotAnswered as fault:
        if fault.status in GONE and "?" not in url:
            return Fetched(key, url, None, "not there")
        return Fetched(key, url, _outcome(), f"failed: {fault}")
    return Fetched(key, url, value, _told(value))


def _told(value: Mapping[str, Any]) -> str:
    if value.get("resourceType") != "Bundle":
        return str(value.get("resourceType", "no resource"))
    links = value.get("link")
    more = any(
        isinstance(link, dict) and link.get("relation") == "next"
        for link in (links if isinstance(links, list) else [])
    )
    count = sum(1 for _ in matches(value))
    return f"{count} resource{'' if count == 1 else 's'}{', more on a next page' if more else ''}"


def _outcome() -> dict[str, Any]:
    issue = {"severity": "error", "code": "processing", "diagnostics": "The query failed."}
    return {"resourceType": "OperationOutcome", "issue": [issue]}
