"""What those ask who run and connect the service: /healthz /readyz /metrics /openapi.json."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST

from cds_service.ledger.database import Ledger
from cds_service.service import CdsService
from cds_service.web.json_response import json_response

_DOCUMENT = Path(__file__).with_name("openapi.json")


def operations_routes(cds: CdsService, ledger: Ledger) -> Blueprint:
    """What those ask who run and connect the service."""
    blueprint = Blueprint("supervisor", __name__)

    @blueprint.get("/openapi.json")
    def describe() -> Response:
        return json_response(openapi_document(cds.public_url))

    @blueprint.get("/metrics")
    def metrics() -> Response:
        return Response(cds.metrics.text(), content_type=CONTENT_TYPE_LATEST)

    @blueprint.get("/healthz")
    def alive() -> Response:
        return json_response({"status": "alive"})

    @blueprint.get("/readyz")
    def ready() -> Response:
        checks = {"tables": True, "database": ledger.ready()}
        return json_response(checks, 200 if all(checks.values()) else 503)

    return blueprint


def openapi_document(public_url: str) -> dict[str, Any]:
    """The OpenAPI document of `openapi.json`, naming the public URL if there is one."""
    return _document() | ({"servers": [{"url": public_url}]} if public_url else {})


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_DOCUMENT.read_text(encoding="utf-8"))
    return document
