"""HTTP: routes, and every way a request can end without cards.

An error's status stands in one table; its body is an OperationOutcome that names the field and
never repeats a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

import structlog
from flask import Blueprint, Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST
from werkzeug.exceptions import HTTPException

from cds_service.errors import (
    BodyTooLarge,
    Busy,
    FactsUnavailable,
    HeparinCdsError,
    MalformedRequest,
    NotAuthenticated,
    NotStored,
    RequestRefused,
    TookTooLong,
    UnknownCard,
    UnknownService,
    UnreadableJson,
    WrongMediaType,
)
from cds_service.hooks.feedback import read_feedback
from cds_service.hooks.request import read_call
from cds_service.hooks.services import SERVICES, discovery, find_service
from cds_service.ledger.database import Ledger
from cds_service.ledger.feedback import store_feedback
from cds_service.logs import log, where
from cds_service.metrics import Metrics
from cds_service.outbound.json_text import read_json, write_json
from cds_service.outbound.workload import Workload
from cds_service.security.clients import ClientPolicy
from cds_service.service import CdsService, handle
from cds_service.web.description import description

# HTTP status and the FHIR issue code that goes with it.
STATUSES: Mapping[type[HeparinCdsError], tuple[int, str]] = {
    MalformedRequest: (400, "structure"),
    UnreadableJson: (400, "structure"),
    NotAuthenticated: (401, "login"),
    UnknownService: (404, "not-found"),
    UnknownCard: (404, "not-found"),
    FactsUnavailable: (412, "incomplete"),
    BodyTooLarge: (413, "too-long"),
    WrongMediaType: (415, "not-supported"),
    NotStored: (503, "transient"),
    Busy: (503, "throttled"),
    TookTooLong: (503, "timeout"),
}
# A later version may say more behind a dash; version ff is none.
_TRACE_PARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})"
    r"-[0-9a-f]{2}(-[ -~]{0,200})?"
)
_HTTP_ISSUES = {404: "not-found", 405: "not-supported", 413: "too-long"}

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
        return _json(discovery(cds.practices.of(client.name).templates))

    @blueprint.post("/cds-services/<service_id>")
    def call(service_id: str) -> Response:
        client = authenticate()
        service = find_service(service_id)
        with (
            cds.metrics.call_timer(service.hook),
            Workload(cds.limits, cds.room) as work,
        ):
            hook_call = read_call(_body(work), service)
            _name_in_logs(client=client.name, hook=service.hook, instance=_uuid(hook_call.instance))
            return _json({"cards": handle(hook_call, client, cds, work)})

    @blueprint.post("/cds-services/<service_id>/feedback")
    def feed_back(service_id: str) -> Response:
        client = authenticate()
        service = find_service(service_id)
        with Workload(cds.limits, cds.room) as work:
            items = read_feedback(_body(work))
        topics = store_feedback(ledger, items, client.name, service.id, cds.clock())
        cds.metrics.feedback((topics[item.card], item.outcome) for item in items)
        return _json({"received": len(items)})

    return blueprint


def operations_routes(cds: CdsService, ledger: Ledger) -> Blueprint:
    """What those ask who run and connect the service."""
    blueprint = Blueprint("supervisor", __name__)

    @blueprint.get("/openapi.json")
    def describe() -> Response:
        return _json(description(cds.public_url))

    @blueprint.get("/metrics")
    def metrics() -> Response:
        return Response(cds.metrics.text(), content_type=CONTENT_TYPE_LATEST)

    @blueprint.get("/healthz")
    def alive() -> Response:
        return _json({"status": "alive"})

    @blueprint.get("/readyz")
    def ready() -> Response:
        checks = {"tables": True, "database": ledger.ready()}
        return _json(checks, 200 if all(checks.values()) else 503)

    return blueprint


def prepare(app: Flask, counts: Metrics) -> None:
    """Request ids, headers and error answers for every route of the application."""

    def finish(response: Response) -> Response:
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            counts.refusal(response.status_code)
        return _finish(response)

    app.before_request(_begin)
    app.after_request(finish)
    app.register_error_handler(RequestRefused, _refused)
    app.register_error_handler(UnreadableJson, _unreadable)
    app.register_error_handler(NotStored, _not_stored)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def outcome(code: str, text: str, field: str = "", severity: str = "error") -> dict[str, Any]:
    """An OperationOutcome with one issue."""
    issue = {"severity": severity, "code": code, "diagnostics": text}
    return {
        "resourceType": "OperationOutcome",
        "issue": [issue | ({"expression": [field]} if field else {})],
    }


def _body(work: Workload) -> object:
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


def _json(value: object, status: int = 200, media_type: str = "application/json") -> Response:
    return Response(write_json(value), status, content_type=media_type)


def _error(kind: type[HeparinCdsError], text: str, field: str = "") -> Response:
    status, code = STATUSES[kind]
    log().warning("refused", status=status, field=field)
    return _json(outcome(code, text, field), status, "application/fhir+json")


def _refused(error: RequestRefused) -> Response:
    if isinstance(error, NotAuthenticated):
        log().warning("not authenticated", reason=error.reason)
        response = _error(NotAuthenticated, error.message)
        response.headers["WWW-Authenticate"] = "Bearer"
        return response
    return _error(type(error), error.message, error.field)


def _unreadable(_error_: UnreadableJson) -> Response:
    return _error(UnreadableJson, "The body is not JSON, or is nested too deeply.")


def _not_stored(error: NotStored) -> Response:
    return _error(NotStored, str(error))


def _http(error: HTTPException) -> Response:
    """Werkzeug's own refusals: unknown path, wrong method, body too large."""
    status = error.code or 500
    log().warning("refused", status=status)
    text = error.name
    if status == 404:
        text = f"There is nothing here; services: {', '.join(SERVICES)}."
    response = _json(
        outcome(_HTTP_ISSUES.get(status, "processing"), text), status, "application/fhir+json"
    )
    kept = error.get_headers() if status == 405 else []
    response.headers.extend([(k, v) for k, v in kept if k.lower() == "allow"])
    return response


def _unexpected(error: Exception) -> Response:
    """The one blanket handler: a bug ends here, logged without any value it tripped over."""
    log().error("failed", **where(error))
    text = f"The service failed; its log tells more under request id {g.request_id}."
    return _json(outcome("exception", text), 500, "application/fhir+json")


def _begin() -> None:
    g.request_id = _uuid(request.headers.get("X-Request-ID", "")) or str(uuid4())
    structlog.contextvars.clear_contextvars()
    _name_in_logs(request_id=g.request_id, **_trace(request.headers.get("traceparent", "")))


def _finish(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _name_in_logs(**fields: str) -> None:
    structlog.contextvars.bind_contextvars(**fields)


def _trace(text: str) -> dict[str, str]:
    """The trace that a client says its call belongs to: https://www.w3.org/TR/trace-context/."""
    found = _TRACE_PARENT.fullmatch(text)
    if found is None or not found["trace"].strip("0") or not found["parent"].strip("0"):
        return {}
    return {"trace_id": found["trace"], "parent_id": found["parent"]}


def _uuid(text: str) -> str:
    """The text if it is a UUID: only then can it hold nothing else."""
    try:
        return str(UUID(text))
    except ValueError:
        return ""
