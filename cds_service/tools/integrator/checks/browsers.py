"""CORS: an EHR in a browser calls from another origin, and asks beforehand without credentials."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.tools.integrator.checks.outcome import CheckOutcome, held, skipped, status
from cds_service.tools.integrator.checks.subject import CheckSubject
from cds_service.tools.integrator.service import ServiceResponse

AREA = "Browsers (CORS)"
USUAL_ORIGIN = "http://localhost:8080"  # allowed in open mode
STRANGER = "https://stranger.example"
UNKNOWN = "no-such-service"


def browser_checks(subject: CheckSubject) -> Iterator[CheckOutcome]:
    """Preflight, then the headers on answers and on errors."""
    origin = subject.origin or USUAL_ORIGIN
    before = _preflight(subject, origin)
    allowed = _allows(before, origin)
    if not allowed and not subject.origin:
        why = "not allowed for http://localhost:8080; name a browser client's by --origin"
        yield skipped(AREA, "preflight and headers", why)
    else:
        yield status(AREA, "preflight asks for no token", before.status, 200, 204)
        yield held(AREA, "preflight allows the origin", allowed, origin)
        yield held(AREA, "preflight allows the headers", _names(before, "Allow-Headers"))
        yield held(AREA, "preflight allows POST", "POST" in _header(before, "Allow-Methods"))
        yield from _answers(subject, origin)
    stranger = _preflight(subject, STRANGER)
    yield held(AREA, "another origin is not allowed", not _allows(stranger, STRANGER))


def _answers(subject: CheckSubject, origin: str) -> Iterator[CheckOutcome]:
    service, headers = subject.service, {"Origin": origin}
    found = service.ask("GET", service.url(), headers=headers)
    yield held(AREA, "headers on discovery", _allows(found, origin))
    refused = service.ask("POST", service.url(UNKNOWN), b"{}", headers)
    yield held(AREA, "headers on an error", _allows(refused, origin), str(refused.status))


def _preflight(subject: CheckSubject, origin: str) -> ServiceResponse:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return subject.service.ask("OPTIONS", subject.url("patient-view"), headers=asked)


def _header(answer: ServiceResponse, name: str) -> str:
    return answer.headers.get(f"Access-Control-{name}", "")


def _allows(answer: ServiceResponse, origin: str) -> bool:
    return _header(answer, "Allow-Origin") in (origin, "*")


def _names(answer: ServiceResponse, name: str) -> bool:
    allowed = _header(answer, name).lower()
    return all(header in allowed for header in ("authorization", "content-type"))
