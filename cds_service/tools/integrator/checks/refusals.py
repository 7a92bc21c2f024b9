"""What is no call is refused with the right status and words, never with a 500."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cds_service.tools.integrator.calling import request_of
from cds_service.tools.integrator.checks.outcome import CheckOutcome, held, status
from cds_service.tools.integrator.checks.subject import CheckSubject

AREA = "Refusals"
HOOK = "patient-view"
HUGE = 1 << 30  # only declared, never sent


def refusal_checks(subject: CheckSubject) -> Iterator[CheckOutcome]:
    """400, 404, 405, 413 and 415, and the body of an error."""
    service, url = subject.service, subject.url(HOOK)
    good = request_of(HOOK, subject.patient.context(HOOK))
    for what, body in _broken(good):
        yield status(AREA, what, service.post(url, body).status, 400)
    no_json = service.ask("POST", url, b'{"hook": ')
    yield status(AREA, "not JSON", no_json.status, 400)
    body = no_json.json
    is_outcome = isinstance(body, dict) and body.get("resourceType") == "OperationOutcome"
    yield held(AREA, "the error is an OperationOutcome", is_outcome)
    unknown = service.post(service.url("no-such-service"), good)
    yield status(AREA, "unknown service", unknown.status, 404)
    yield status(AREA, "GET where POST is due", service.ask("GET", url).status, 405)
    xml = service.ask("POST", url, b"<call/>", {"Content-Type": "application/xml"})
    yield status(AREA, "declared as XML", xml.status, 415)
    yield status(AREA, "declared as one gigabyte", service.declare(url, HUGE), 413)


def _broken(good: dict[str, Any]) -> Iterator[tuple[str, object]]:
    for field in ("hook", "hookInstance", "context"):
        yield f"{field} missing", {k: v for k, v in good.items() if k != field}
    yield "context of the wrong type", good | {"context": "none"}
    yield "patientId missing", good | {"context": {"userId": "Practitioner/a"}}
    yield "another hook", good | {"hook": "order-dispatch"}
