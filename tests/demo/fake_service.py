"""A CDS service that answers what the test tells it to, with the demo EHR beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.serving import make_server

from cds_service.demo import create_demo
from cds_service.demo.pages import FIXTURES, clock
from cds_service.settings import Settings

LOINC = "http://loinc.org"
PATIENT = "{{context.patientId}}"
HOOKS = ("patient-view", "order-select", "order-sign")
PREFETCH = {
    "patient": f"Patient/{PATIENT}",
    "labs": f"Observation?patient={PATIENT}&code={LOINC}|3274-8,{LOINC}|27811-9"
    "&_sort=-date&_count=50",
    "given": f"MedicationAdministration?patient={PATIENT}&_sort=-effective-time&_count=200"
    "&_include=MedicationAdministration:medication",
    "encounter": "Encounter/{{context.encounterId}}",
    "nobody": "Patient/{{context.relative}}",
}


@dataclass
class FakeService:
    """What the page will get, and what it sent."""

    answers: dict[str, Any] = field(default_factory=dict)  # hook -> body, or (body, status)
    calls: list[dict[str, Any]] = field(default_factory=list)
    feedback: list[dict[str, Any]] = field(default_factory=list)
    delays: dict[str, float] = field(default_factory=dict)  # hook -> seconds
    feedback_status: int = 200
    hooks: tuple[str, ...] = HOOKS
    url: str = ""


def create_fake(service: FakeService, fixtures: Path = FIXTURES) -> Flask:
    """The demo as app.py mounts it, over a service with canned answers."""
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(create_demo(Settings(open=True, demo=True), fixtures, clock))

    @app.get("/cds-services")
    def discovery() -> Response:
        shared = {"title": "Fake", "description": "Answers as told", "prefetch": PREFETCH}
        return jsonify(
            services=[{"hook": hook, "id": f"fake-{hook}", **shared} for hook in service.hooks]
        )

    @app.post("/cds-services/<service_id>")
    def call(service_id: str) -> tuple[Any, int]:
        service.calls.append(request.get_json())
        hook = service_id.removeprefix("fake-")
        time.sleep(service.delays.get(hook, 0))
        answer = service.answers.get(hook, {"cards": []})
        return answer if isinstance(answer, tuple) else (answer, 200)

    @app.post("/cds-services/<service_id>/feedback")
    def feedback(service_id: str) -> tuple[Any, int]:
        service.feedback.extend(request.get_json()["feedback"])
        return {}, service.feedback_status

    return app


@contextmanager
def serving(app: Flask, service: FakeService) -> Iterator[FakeService]:
    """The app on a free port of the loopback, for as long as the block lasts."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    service.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
