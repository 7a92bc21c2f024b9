"""Feedback: https://cds-hooks.hl7.org/2.0/#feedback. What is sent here stays in its ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from cds_service.tools.integrator.calling import templates_of
from cds_service.tools.integrator.checks.outcome import CheckOutcome, skipped, status
from cds_service.tools.integrator.checks.subject import CheckSubject
from cds_service.tools.integrator.fhir_base import FhirBase
from cds_service.tools.integrator.prefetching import fetch_prefetch

AREA = "Feedback"
HOOK = "order-select"

Json = dict[str, Any]


def feedback_checks(subject: CheckSubject) -> Iterator[CheckOutcome]:
    """A card of the built-in patient taken and overridden; an unknown one; what is no feedback."""
    service, url = subject.service, subject.url(HOOK, "feedback")
    card = _card(subject)
    if card is None:
        yield skipped(AREA, "a card accepted, overridden", "no card with a uuid was shown")
    else:
        for what, item in _items(card):
            yield status(AREA, what, service.post(url, {"feedback": [item]}).status, 200)
        batch = {"feedback": [item for _, item in _items(card)] * 2}
        yield status(AREA, "both in one batch, twice", service.post(url, batch).status, 200)
    unknown = {"feedback": [_item(str(uuid4()), "overridden")]}
    yield status(AREA, "an unknown card", service.post(url, unknown).status, 404)
    yield status(AREA, "no feedback array", service.post(url, {}).status, 400)
    no_outcome = {"feedback": [_item(str(uuid4()), "considered")]}
    yield status(AREA, "an unknown outcome", service.post(url, no_outcome).status, 400)


def _card(subject: CheckSubject) -> Json | None:
    context = subject.patient.context(HOOK)
    with FhirBase(subject.fhir) as base:
        found = fetch_prefetch(base, templates_of(subject.entry(HOOK)), context)
    cards = subject.call(HOOK, prefetch={row.key: row.value for row in found}).cards
    return next((card for card in cards if isinstance(card.get("uuid"), str)), None)


def _items(card: Json) -> Iterator[tuple[str, Json]]:
    taken = [{"id": s["uuid"]} for s in card.get("suggestions") or [] if s.get("uuid")][:1]
    if taken:
        yield "a suggestion accepted", _item(card["uuid"], "accepted", acceptedSuggestions=taken)
    reasons = card.get("overrideReasons") or []
    reason = {"reason": reasons[0]} if reasons else {}
    override = reason | {"userComment": "heparin-cds check"}
    yield "a card overridden", _item(card["uuid"], "overridden", overrideReason=override)


def _item(card: str, outcome: str, **more: Any) -> Json:
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"card": card, "outcome": outcome, "outcomeTimestamp": at, **more}
