"""One call of a hook as plain values: the body of a request, read and checked.

Reads requests of CDS Hooks 1.0 to the 3.0 ballot: what we do not need is never looked at, what we
need may have been written by any of the real clients. https://cds-hooks.hl7.org/2.0/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.chart.facts import HookContext
from cds_service.errors import MalformedRequest
from cds_service.fhir.bundles import BundlePage, read_page
from cds_service.hooks.services import Service
from cds_service.outbound.base_url import is_odd
from cds_service.outbound.json_text import is_within_depth_limit

_LONGEST_ID = 200  # Epic's ids run to almost 200 characters; FHIR's own limit is 64


@dataclass(frozen=True, slots=True)
class HookRequest:
    """One call: what it asks, what came along, and where more can be had."""

    context: HookContext
    instance: str
    prefetch: Mapping[str, Any]
    fhir_server: str = ""
    access_token: str = ""  # transient: sent to the FHIR server, never kept or logged


def read_call(body: object, service: Service) -> HookRequest:
    """The call a request body makes; refuses what cannot be one and names the field."""
    if not isinstance(body, Mapping):
        raise MalformedRequest("The body must be a JSON object.")
    if _text(body, "hook") != service.hook:
        raise MalformedRequest(f"This service answers the hook {service.hook}.", "hook")
    context = _context(body)
    prefetch = body.get("prefetch")
    return HookRequest(
        context=_hook_context(service.hook, context, _string(body.get("fhirServer"))),
        instance=_text(body, "hookInstance"),
        prefetch=prefetch if isinstance(prefetch, Mapping) else {},
        fhir_server=_string(body.get("fhirServer")),
        access_token=_access_token(body.get("fhirAuthorization")),
    )


def _hook_context(hook: str, context: Mapping[str, Any], base: str) -> HookContext:
    patient_id = _text(context, "patientId", "context.").removeprefix("Patient/")
    if not patient_id or is_odd(patient_id):  # such would change the path of a query
        raise MalformedRequest("context.patientId is not an id.", "context.patientId")
    drafts = None if hook == "patient-view" else _drafts(context)
    return HookContext(
        hook=hook,
        patient_id=patient_id,
        drafts=drafts.resources if drafts else (),
        selections=_selections(context.get("selections")),
        user=_string(context.get("userId")),
        encounter=_string(context.get("encounterId")),
        full_urls=drafts.full_urls if drafts else {},
        base=base,
    )


def _context(body: Mapping[str, Any]) -> Mapping[str, Any]:
    if "context" not in body:
        raise MalformedRequest("context is missing.", "context")
    context = body["context"]
    if not isinstance(context, Mapping):
        raise MalformedRequest("context must be an object.", "context")
    return context


def _drafts(context: Mapping[str, Any]) -> BundlePage | None:
    """The drafted orders; None if the EHR left them out (Epic does, for want of a scope)."""
    bundle = context.get("draftOrders")
    if bundle is None:
        return None
    page = read_page(bundle)
    if page is None:
        raise MalformedRequest("context.draftOrders must be a Bundle.", "context.draftOrders")
    if not is_within_depth_limit(bundle):
        raise MalformedRequest("context.draftOrders is nested too deeply.", "context.draftOrders")
    return page


def _selections(value: object) -> frozenset[str]:
    if value is None:
        return frozenset()
    if not isinstance(value, list):
        raise MalformedRequest("context.selections must be an array.", "context.selections")
    return frozenset(selection for selection in value if isinstance(selection, str))


def _text(holder: Mapping[str, Any], name: str, path: str = "") -> str:
    """A required string; the value itself is never repeated in the refusal."""
    field = path + name
    if name not in holder:
        raise MalformedRequest(f"{field} is missing.", field)
    value = holder[name]
    if not isinstance(value, str):
        raise MalformedRequest(f"{field} must be a string.", field)
    if not value.strip() or len(value) > _LONGEST_ID:
        raise MalformedRequest(f"{field} must have between 1 and {_LONGEST_ID} characters.", field)
    return value.strip()


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _access_token(authorization: object) -> str:
    """The bearer token; an incomplete authorization counts as none."""
    if not isinstance(authorization, Mapping):
        return ""
    token = _string(authorization.get("access_token"))
    # What cannot stand in a header is no token.
    return token if token.isascii() and token.isprintable() and " " not in token else ""
