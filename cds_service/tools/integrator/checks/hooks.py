"""Each hook about the built-in patient, with the data sent along and with the data fetched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cds_service.tools.integrator.calling import templates_of
from cds_service.tools.integrator.checks.card_rules import faults
from cds_service.tools.integrator.checks.outcome import CheckOutcome, held, skipped, status
from cds_service.tools.integrator.checks.patient import UNRELATED
from cds_service.tools.integrator.checks.subject import HOOKS, NOTHING_KNOWN, CheckSubject
from cds_service.tools.integrator.fhir_base import FhirBase
from cds_service.tools.integrator.prefetching import fetch_prefetch
from cds_service.tools.integrator.service import ServiceResponse

UNREAD = "notAssessed"
# A registered client may make the service read from registered servers only.
NOT_KNOWN = "the service may not read from this machine: say --fhir-port, and register it"


def hook_checks(subject: CheckSubject) -> Iterator[CheckOutcome]:
    """All three hooks, each in both ways, and what order-select has to bear."""
    for hook in HOOKS:
        prefetch = _prefetch(subject, hook)
        by_prefetch = subject.call(hook, prefetch=prefetch, extension={"org.example": {"a": 1}})
        yield from _answered(hook, "data sent along", by_prefetch)
        yield from _fetched(subject, hook, by_prefetch)
        yield from MORE.get(hook, _nothing_more)(subject)


def _prefetch(subject: CheckSubject, hook: str) -> Mapping[str, Any]:
    context = subject.patient.context(hook)
    with FhirBase(subject.fhir) as base:
        return {
            r.key: r.value for r in fetch_prefetch(base, templates_of(subject.entry(hook)), context)
        }


def _answered(hook: str, way: str, answer: ServiceResponse) -> Iterator[CheckOutcome]:
    yield status(hook, f"{way}: answered", answer.status, 200)
    if answer.status != 200:
        return
    found = faults(answer.json)
    count, took = len(answer.cards), answer.milliseconds
    yield held(hook, f"{way}: cards as CDS Hooks wants", not found, "; ".join(found))
    unread = UNREAD in _topics(answer)
    note = f"{count} card{'' if count == 1 else 's'}, {took} ms"
    if not answer.cards:
        note += ": every topic silent, or off?"
    yield held(hook, f"{way}: read by the service", not unread, note)


def _fetched(
    subject: CheckSubject, hook: str, by_prefetch: ServiceResponse
) -> Iterator[CheckOutcome]:
    if not subject.fhir_is_known:
        yield skipped(hook, "data fetched", NOT_KNOWN)
        return
    answer = subject.call(hook, fhirServer=subject.fhir)
    yield from _answered(hook, "data fetched", answer)
    yield held(hook, "both ways give the same cards", _said(answer) == _said(by_prefetch))


def _silent(subject: CheckSubject) -> Iterator[CheckOutcome]:
    """Drafts that are none of its business are answered, with nothing."""
    hook = "order-select"
    bare = {key: value for key, value in subject.patient.draft.items() if key in BARE}
    for what, draft in (("order without a medication", bare), ("unrelated order", UNRELATED)):
        answer = subject.call(hook, draft)
        silent = answer.status == 200 and answer.json == {"cards": []}
        yield held(hook, f"{what}: no cards, no error", silent, str(answer.status))


BARE = ("resourceType", "id", "status", "subject")


def _not_known(subject: CheckSubject) -> Iterator[CheckOutcome]:
    """Silence would be taken for "nothing wrong"."""
    hook, what = "patient-view", "every query failed: told, not silence"
    keys = templates_of(subject.entry(hook)) or {"patient": ""}
    failed = subject.call(hook, prefetch=dict.fromkeys(keys, NOTHING_KNOWN))
    told = failed.status == 412 or (failed.status == 200 and bool(failed.cards))
    yield held(hook, what, told, str(failed.status))
    yield status(hook, "no data at all: 412", subject.call(hook).status, 412)


def _nothing_more(_subject: CheckSubject) -> Iterator[CheckOutcome]:
    yield from ()


MORE = {"patient-view": _not_known, "order-select": _silent}


def _topics(answer: ServiceResponse) -> list[str]:
    sources = [card.get("source") for card in answer.cards]
    topics = [source.get("topic") for source in sources if isinstance(source, dict)]
    return [str(topic.get("code")) for topic in topics if isinstance(topic, dict)]


def _said(answer: ServiceResponse) -> list[tuple[Any, Any]]:
    return [(card.get("indicator"), card.get("summary")) for card in answer.cards]
