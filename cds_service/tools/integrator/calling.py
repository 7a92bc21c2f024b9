"""One call of a hook, made up as an EHR would make it up from a FHIR server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from cds_service.tools.integrator.fhir_base import FhirBase, NotAnswered
from cds_service.tools.integrator.prefetching import Fetched, fetch_prefetch
from cds_service.tools.integrator.service import RemoteCdsService, ServiceResponse

Json = dict[str, Any]

TOKEN_LIFE_SECONDS = 300
USER = "Practitioner/heparin-cds-integrator"


@dataclass(frozen=True, slots=True)
class CallResult:
    """What was asked for beforehand, sent, and answered."""

    fetched: tuple[Fetched, ...]
    request: Json
    answer: ServiceResponse


def entry_for(service: RemoteCdsService, hook: str) -> Json:
    """The discovery entry that serves a hook."""
    for entry in service.services():
        if entry.get("hook") == hook and isinstance(entry.get("id"), str):
            return entry
    raise NotAnswered(f"{service.url()}: no service for the hook {hook}.")


def context(hook: str, patient: str, drafts: Iterable[Json] = ()) -> Json:
    """The context of a call; every draft counts as chosen."""
    known: Json = {"userId": USER, "patientId": patient}
    if hook == "patient-view":
        return known
    orders = list(drafts)
    entries = [{"resource": order} for order in orders]
    known["draftOrders"] = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    if hook == "order-select":
        known["selections"] = [f"{order['resourceType']}/{order['id']}" for order in orders]
    return known


def request_of(hook: str, context: Json, **more: Any) -> Json:
    """The body of a call."""
    return {"hook": hook, "hookInstance": str(uuid4()), "context": context, **more}


def templates_of(entry: Mapping[str, Any]) -> dict[str, str]:
    """The prefetch templates that an entry advertises."""
    prefetch = entry.get("prefetch")
    rows = prefetch.items() if isinstance(prefetch, dict) else []
    return {key: template for key, template in rows if isinstance(template, str)}


def call_service(
    service: RemoteCdsService,
    base: FhirBase,
    body_context: Json,
    hook: str,
    token: str,
    prefetch: bool,
) -> CallResult:
    """Ask the FHIR server what the service wants to know beforehand, then the service."""
    service.refuse_to_leak(token)
    entry = entry_for(service, hook)
    fetched = fetch_prefetch(base, templates_of(entry), body_context) if prefetch else ()
    body = request_of(hook, body_context, fhirServer=base.url)
    if token:
        body["fhirAuthorization"] = _authorization(token, body_context["patientId"])
    if fetched:
        body["prefetch"] = {one.key: one.value for one in fetched}
    return CallResult(fetched, body, service.post(service.url(entry["id"]), body))


def _authorization(token: str, patient: str) -> Json:
    return {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": TOKEN_LIFE_SECONDS,
        "scope": "patient/*.read",
        "subject": "heparin-cds",
        "patient": patient,
    }
