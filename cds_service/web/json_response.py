"""A value as a JSON response."""

from __future__ import annotations

from flask import Response

from cds_service.outbound.json_text import write_json


def json_response(
    value: object, status: int = 200, media_type: str = "application/json"
) -> Response:
    """A response with `value` as its body; the default is 200, application/json."""
    return Response(write_json(value), status, content_type=media_type)
