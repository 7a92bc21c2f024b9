"""All points in order; one that cannot be finished is a fault and does not end the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from cds_service.tools.integrator.checks.browsers import browser_checks
from cds_service.tools.integrator.checks.discovery import discovery_checks
from cds_service.tools.integrator.checks.feedback import feedback_checks
from cds_service.tools.integrator.checks.hooks import hook_checks
from cds_service.tools.integrator.checks.identity import identity_checks
from cds_service.tools.integrator.checks.loopback import fhir_on_loopback
from cds_service.tools.integrator.checks.outcome import CheckOutcome, held
from cds_service.tools.integrator.checks.patient import check_patient
from cds_service.tools.integrator.checks.refusals import refusal_checks
from cds_service.tools.integrator.checks.subject import CheckSubject
from cds_service.tools.integrator.fhir_base import NotAnswered
from cds_service.tools.integrator.service import RemoteCdsService, ServiceResponse

AREAS: Mapping[str, Callable[[CheckSubject], Iterator[CheckOutcome]]] = {
    "Browsers (CORS)": browser_checks,
    "Hooks": hook_checks,
    "Refusals": refusal_checks,
    "Feedback": feedback_checks,
    "Identity (JWT)": identity_checks,
}


def run(service: RemoteCdsService, origin: str = "", fhir_port: int = 0) -> Iterator[CheckOutcome]:
    """Every outcome, as it is known."""
    discovered = service.discover()
    yield from discovery_checks(service, discovered)
    rows = _services_in(discovered)
    if rows is None:
        return
    patient = check_patient(datetime.now(UTC))
    # A service elsewhere cannot reach this machine; a registered client names registered servers.
    known = service.is_here and (service.identity is None or fhir_port > 0)
    with fhir_on_loopback(patient.resources, fhir_port) as base:
        subject = CheckSubject(service, patient, base, known, origin)
        subject = subject.with_entries(row for row in rows if isinstance(row, dict))
        for area, checks in AREAS.items():
            yield from _finished(area, checks(subject))


def _services_in(discovered: ServiceResponse) -> list[Any] | None:
    body = discovered.json
    rows = body.get("services") if discovered.status == 200 and isinstance(body, dict) else None
    return rows if isinstance(rows, list) else None


def _finished(area: str, outcomes: Iterator[CheckOutcome]) -> Iterator[CheckOutcome]:
    try:
        yield from outcomes
    except NotAnswered as fault:
        yield held(area, "looked at to the end", False, str(fault))
