"""Request ids and traces of the headers, put into logs if they can hold nothing else."""

from __future__ import annotations

import re
from http import HTTPStatus
from uuid import UUID, uuid4

import structlog
from flask import Flask, Response, g, request

from cds_service.metrics import Metrics

# A later version may say more behind a dash; version ff is none.
_TRACE_PARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})"
    r"-[0-9a-f]{2}(-[ -~]{0,200})?"
)


def prepare(app: Flask, metrics: Metrics) -> None:
    """Set request ids, headers and the count of refusals for every route of the application."""

    def finish(response: Response) -> Response:
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            metrics.refusal(response.status_code)
        return _finish(response)

    app.before_request(_begin)
    app.after_request(finish)


def name_in_logs(**fields: str) -> None:
    """Add fields to each log line of the present request."""
    structlog.contextvars.bind_contextvars(**fields)


def uuid_or_empty(text: str) -> str:
    """The text if it is a UUID: only then can it hold nothing else."""
    try:
        return str(UUID(text))
    except ValueError:
        return ""


def _begin() -> None:
    g.request_id = uuid_or_empty(request.headers.get("X-Request-ID", "")) or str(uuid4())
    structlog.contextvars.clear_contextvars()
    name_in_logs(request_id=g.request_id, **_trace(request.headers.get("traceparent", "")))


def _finish(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _trace(text: str) -> dict[str, str]:
    """The trace that a client says its call belongs to: https://www.w3.org/TR/trace-context/."""
    found = _TRACE_PARENT.fullmatch(text)
    if found is None or not found["trace"].strip("0") or not found["parent"].strip("0"):
        return {}
    return {"trace_id": found["trace"], "parent_id": found["parent"]}
