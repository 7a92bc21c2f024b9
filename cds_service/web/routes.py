"""The CDS Hooks endpoints: discovery, the hooks, feedback."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from flask import Blueprint, Response, request

from cds_service.errors import BodyTooLarge, WrongMediaType
from cds_service.hooks.feedback import read_feedback
from cds_service.hooks.request import read_call
from cds_service.hooks.services import discovery, find_service
from cds_service.ledger.database import Ledger
from cds_service.ledger.feedback import store_feedback
from cds_service.outbound.base_url import parse_address
from cds_service.outbound.json_text import read_json
from cds_service.outbound.workload import Workload
from cds_service.security.clients import ClientPolicy
from cds_service.service import CdsService, handle
from cds_service.web.json_response import json_response
from cds_service.web.request_ids import name_in_logs, uuid_or_empty

Authenticate = Callable[[], ClientPolicy]  # reads the current request; raises NotAuthenticated


def hook_routes(
    cds: CdsService, authenticate: Authenticate, ledger: Ledger, prefix: str = ""
) -> Blueprint:
    """The CDS Hooks endpoints, at the root or under a prefix of their own."""
    name = prefix.strip("/").replace("/", "-") or "cds"
    blueprint = Blueprint(name, __name__, url_prefix=prefix or None)

    @blueprint.get("/cds-services")
    def discover() -> Response:
        client = authenticate()
        return json_response(discovery(cds.practices.of(client.name).templates))

    @blueprint.post("/cds-services/<service_id>")
    def call(service_id: str) -> Response:
        client = authenticate()
        service = find_service(service_id)
        with (
            cds.metrics.call_timer(service.hook),
            Workload(cds.limits, cds.room) as work,
        ):
            hook_call = read_call(read_body(work), service)
            name_in_logs(
                client=client.name, hook=service.hook, instance=uuid_or_empty(hook_call.instance)
            )
            cards = handle(hook_call, client, cds, work, partial(_address, cds))
            return json_response({"cards": cards})

    @blueprint.post("/cds-services/<service_id>/feedback")
    def feed_back(service_id: str) -> Response:
        client = authenticate()
        service = find_service(service_id)
        with Workload(cds.limits, cds.room) as work:
            items = read_feedback(read_body(work))
        topics = store_feedback(ledger, items, client.name, service.id, cds.clock())
        cds.metrics.feedback((topics[item.card], item.outcome) for item in items)
        return json_response({"received": len(items)})

    return blueprint


def _address(cds: CdsService) -> str:
    """Where links of this answer lead: the public URL, else, in open mode, as we were reached."""
    if cds.public_url:
        return cds.public_url
    reached = request.root_url.rstrip("/")
    return reached if parse_address(reached) is not None else ""


def read_body(work: Workload) -> object:
    """The JSON of the request.

    A body sent in chunks is silently cut at MAX_CONTENT_LENGTH, which is one byte above our cap.
    """
    if request.mimetype and not re.search(r"[/+]json\b", request.mimetype):
        raise WrongMediaType("The body must be application/json.", "Content-Type")
    text = request.get_data(cache=False)
    request.environ.get("heparin_cds.body_read", _nothing)()
    if len(text) >= (request.max_content_length or 0):
        raise BodyTooLarge("The body is larger than this service reads.")
    work.still()
    work.count(len(text))
    work.hold(text)
    return read_json(text)


def _nothing() -> None:
    """Under a server that does not ask when the body was read."""
