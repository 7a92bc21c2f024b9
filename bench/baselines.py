"""What the service is compared with: other ways to answer the same calls. `BENCH_WAY` picks one.

constant  reads the body, parses nothing, answers one card: the ceiling
scan      orjson, then a look at every Observation's code, value and time
models    every Bundle of the prefetch as fhir.resources models
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import orjson
from flask import Flask, Response, request

WANTED = frozenset({"14979-9", "3274-8", "27811-9"})
CARD = {
    "uuid": "00000000-0000-4000-8000-000000000000",
    "summary": "Heparin failing at 1,900 U/h: measure antithrombin",
    "indicator": "warning",
    "detail": "one card, always the same",
    "source": {"label": "baseline"},
}
CONSTANT = orjson.dumps({"cards": [CARD]})


def constant() -> bytes:
    """The ceiling."""
    request.get_data(cache=False)
    return CONSTANT


def scan() -> bytes:
    """Plain dictionaries."""
    prefetch = orjson.loads(request.get_data(cache=False))["prefetch"]
    found = [
        (resource["effectiveDateTime"], resource["valueQuantity"]["value"])
        for bundle in prefetch.values()
        for entry in bundle.get("entry", ())
        if (resource := entry["resource"])["resourceType"] == "Observation"
        for coding in resource["code"]["coding"]
        if coding["system"] == "http://loinc.org" and coding["code"] in WANTED
    ]
    return _card(max(found, default=("", 0.0)), len(found))


def models() -> bytes:
    """Everything validated."""
    from fhir.resources.R4B.bundle import Bundle

    prefetch = orjson.loads(request.get_data(cache=False))["prefetch"]
    found: list[Any] = []
    for value in prefetch.values():
        if value["resourceType"] == "Bundle":
            found += _wanted(Bundle.model_validate(value))
    return _card(max(found, default=("", 0.0)), len(found))


def _wanted(bundle: Any) -> list[Any]:
    observations = [
        entry.resource
        for entry in bundle.entry or ()
        if type(entry.resource).__name__ == "Observation"
    ]
    return [
        (str(one.effectiveDateTime), float(one.valueQuantity.value))
        for one in observations
        if any(coding.code in WANTED for coding in one.code.coding)
    ]


def _card(newest: tuple[str, float], count: int) -> bytes:
    return orjson.dumps({"cards": [CARD | {"detail": f"{newest[1]} at {newest[0]} of {count}"}]})


WAYS: dict[str, Callable[[], bytes]] = {"constant": constant, "scan": scan, "models": models}


def create(way: Callable[[], bytes]) -> Flask:
    """A service of one route."""
    app = Flask(__name__)

    @app.post("/cds-services/<_service>")
    def call(_service: str) -> Response:
        return Response(way(), content_type="application/json")

    @app.get("/healthz")
    def alive() -> str:
        return "alive"

    return app


app = create(WAYS[os.environ.get("BENCH_WAY", "constant")])
