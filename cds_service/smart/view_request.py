"""The body of a request for a view: whose record, from which FHIR base, and the record itself.

Nothing in it can make the service open a connection: `iss` only chooses the tables, and a body that
carries a server to call or a token is refused, so that a mistake in a page cannot leak one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.errors import MalformedRequest
from cds_service.outbound.base_url import is_odd

FIELDS = frozenset({"iss", "patient", "prefetch"})
LONGEST_ID = 200  # characters, as in a hook call
LONGEST_URL = 2000


@dataclass(frozen=True, slots=True)
class ViewRequest:
    """What the page sends."""

    iss: str
    patient_id: str
    prefetch: Mapping[str, Any]  # by the keys of the queries, as in a hook call


def read_view_request(body: object) -> ViewRequest:
    """The request of a body; refuses what cannot be one and names the field, never its value."""
    if not isinstance(body, Mapping):
        raise MalformedRequest("The body must be a JSON object.")
    if not set(body) <= FIELDS:
        raise MalformedRequest(f"The body may hold {', '.join(sorted(FIELDS))} and nothing else.")
    prefetch = body.get("prefetch")
    if not isinstance(prefetch, Mapping):
        raise MalformedRequest("prefetch must be an object.", "prefetch")
    patient = _text(body, "patient", LONGEST_ID).removeprefix("Patient/")
    if not patient or is_odd(patient):
        raise MalformedRequest("patient is not an id.", "patient")
    return ViewRequest(_text(body, "iss", LONGEST_URL), patient, prefetch)


def _text(body: Mapping[str, Any], field: str, longest: int) -> str:
    value = body.get(field)
    if not isinstance(value, str) or not value.strip() or len(value) > longest:
        text = f"{field} must be a string of 1 to {longest} characters."
        raise MalformedRequest(text, field)
    return value.strip()
