"""Exception to HTTP status and OperationOutcome, in one table; every other end of a request.

An outcome names the field that was refused and never repeats a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, g
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
from cds_service.hooks.services import SERVICES
from cds_service.logs import log, where
from cds_service.web.json_response import json_response

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
_HTTP_ISSUES = {404: "not-found", 405: "not-supported", 413: "too-long"}


def register_error_handlers(app: Flask) -> None:
    """Give every exception of a request its status and outcome."""
    app.register_error_handler(RequestRefused, _refused)
    app.register_error_handler(UnreadableJson, _unreadable)
    app.register_error_handler(NotStored, _not_stored)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def operation_outcome(
    code: str, text: str, field: str = "", severity: str = "error"
) -> dict[str, Any]:
    """An OperationOutcome with one issue."""
    issue = {"severity": severity, "code": code, "diagnostics": text}
    return {
        "resourceType": "OperationOutcome",
        "issue": [issue | ({"expression": [field]} if field else {})],
    }


def _error(kind: type[HeparinCdsError], text: str, field: str = "") -> Response:
    status, code = STATUSES[kind]
    log().warning("refused", status=status, field=field)
    return json_response(operation_outcome(code, text, field), status, "application/fhir+json")


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
    """Turn Werkzeug's HTTP errors (404, 405, 413) into an OperationOutcome."""
    status = error.code or 500
    log().warning("refused", status=status)
    text = error.name
    if status == 404:
        text = f"There is nothing here; services: {', '.join(SERVICES)}."
    response = json_response(
        operation_outcome(_HTTP_ISSUES.get(status, "processing"), text),
        status,
        "application/fhir+json",
    )
    kept = error.get_headers() if status == 405 else []
    response.headers.extend([(k, v) for k, v in kept if k.lower() == "allow"])
    return response


def _unexpected(error: Exception) -> Response:
    """The one blanket handler: a bug ends here, logged without any value it tripped over."""
    log().error("failed", **where(error))
    text = f"The service failed; its log tells more under request id {g.request_id}."
    return json_response(operation_outcome("exception", text), 500, "application/fhir+json")
