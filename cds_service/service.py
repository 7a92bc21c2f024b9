"""One call, from its request to its cards: silence first, then facts, then advice, then the record.

The order matters: most drafts are no concern of ours and are answered before any query is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import perf_counter
from typing import Any
from uuid import uuid4

from cds_service.advice import Advice, advise, is_in_scope
from cds_service.cards.card import Card, ClientCapabilities, LinkTargets
from cds_service.chart.query_result import QueryResult
from cds_service.errors import FactsUnavailable, NotStored, TookTooLong
from cds_service.fhir.retrieval import FhirAccess, Retriever, not_allowed, retrieve, states
from cds_service.hooks.request import HookRequest
from cds_service.ledger.calls import CallOutcome, CallRecorder
from cds_service.ledger.overrides import OverrideSubject, downgrade_overridden, facts_by_topic
from cds_service.logs import log
from cds_service.metrics import Metrics
from cds_service.outbound.workload import CallLimits, Room, Workload
from cds_service.rulebook.practice import Practice, Practices
from cds_service.security.clients import ClientPolicy

Address = Callable[[], str]  # the base URL under which users reach this service; "": not known


@dataclass(frozen=True, slots=True)
class CdsService:
    """What a call needs, joined once at start (app.py)."""

    practices: Practices
    retriever: Retriever
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    recorder: CallRecorder
    metrics: Metrics
    public_url: str = ""
    rules_url: str = ""  # of the page of the rules, where it is hosted elsewhere
    smart: bool = False  # whether the SMART app is served
    recorded: bool = True  # false only for the demo's look back (web/demo_variants.py)
    limits: CallLimits = field(default_factory=CallLimits)
    room: Room = field(default_factory=Room)
    record_required: bool = False  # advice that could not be written down is not given


def handle(
    request: HookRequest, client: ClientPolicy, cds: CdsService, work: Workload, address: Address
) -> list[dict[str, Any]]:
    """Return the cards for one call in wire form, after writing down what was advised.

    `address` is asked where cards may have links: without one they have none.

    Raises `FactsUnavailable` (412), `TookTooLong` or `NotStored` (503); never returns an empty
    list in their place.
    """
    practice = cds.practices.of(client.name)
    hook = request.context.hook
    if not is_in_scope(request.context, practice.rulebook, work.still):
        cds.metrics.call(hook, "notOurs")
        return []
    began, outcome, call_id = perf_counter(), "failed", str(uuid4())
    advice: Advice | None = None
    cards: list[dict[str, Any]] = []
    try:
        style = capabilities(client, link_targets(cds, address(), call_id))
        advice = advise_on_request(request, client, practice, cds, work, style)
        cards = [card.wire(cds.new_id) for card in _shown(advice, request, client, cds)]
        outcome = "cards" if cards else "silent"
    except FactsUnavailable:
        outcome = "unavailable"
        raise
    except TookTooLong:
        outcome = "late"
        raise
    finally:
        milliseconds = round((perf_counter() - began) * 1000)
        facts = {} if advice is None else facts_by_topic(advice.findings)
        ended = CallOutcome(call_id, outcome, milliseconds, advice, cards, facts)
        recorded = not cds.recorded or cds.recorder.record(
            request, client.name, practice, ended, cds.clock()
        )
        cds.metrics.call(hook, outcome)
    if cds.record_required and not recorded:
        raise NotStored("The advice could not be recorded, and is not given without a record.")
    cds.metrics.cards(cards)
    cds.metrics.topics(advice.due)
    return cards


def capabilities(client: ClientPolicy, targets: LinkTargets) -> ClientCapabilities:
    """What this client's EHR can take, as its profile says."""
    return ClientCapabilities(
        selection_behavior=client.selection_behavior,
        single_action=client.single_action,
        links=client.links,
        targets=targets,
    )


def link_targets(cds: CdsService, address: str, call_id: str) -> LinkTargets:
    """Where the links of one call lead, below the address of this service; "" is not known."""
    if not address:
        return LinkTargets(cds.rules_url)
    launch = f"{address}{SMART_LAUNCH}" if cds.smart else ""
    return LinkTargets(cds.rules_url or f"{address}{RULES_PAGE}", launch, call_id)


RULES_PAGE = "/explain"
SMART_LAUNCH = "/smart/launch"


def advise_on_request(
    request: HookRequest,
    client: ClientPolicy,
    practice: Practice,
    cds: CdsService,
    work: Workload,
    style: ClientCapabilities,
) -> Advice:
    """Retrieve the facts and advise on them; for a call that is in scope."""
    now, context = cds.clock(), request.context
    with cds.metrics.stage("gather"):
        retriever = replace(cds.retriever, queries=practice.queries)
        results = retrieve_for(request, client, retriever, now, work)
    work.still()
    cds.metrics.queries(results)
    log().info("gathered", client=client.name, hook=context.hook, queries=states(results))
    placed = replace(context, zone=context.zone or practice.zone)
    with cds.metrics.stage("advise"):
        advice = advise(placed, results, practice.rulebook, now, style, work.still)
    if context.hook == "patient-view" and advice.findings.nothing_of_medicines:
        raise FactsUnavailable(
            "Neither prefetch nor fhirServer gave any of the patient's medicines.", "prefetch"
        )
    return advice


def retrieve_for(
    request: HookRequest,
    client: ClientPolicy,
    retriever: Retriever,
    now: datetime,
    work: Workload | None = None,
) -> Mapping[str, QueryResult]:
    """One result per query; a FHIR server that this client may not name is not asked."""
    server = client.allowed_fhir_server(request.fhir_server)
    access = FhirAccess(server, request.fhir_server, request.access_token) if server else None
    results = retrieve(request.prefetch, access, request.context, retriever, now, work)
    return not_allowed(results) if request.fhir_server and access is None else results


def _shown(
    advice: Advice, request: HookRequest, client: ClientPolicy, cds: CdsService
) -> tuple[Card, ...]:
    """The cards, quieter where a clinician has overridden them already."""
    patient = cds.recorder.patient(client.name, request.context.patient_id)
    subject = OverrideSubject(client.name, patient)
    return downgrade_overridden(
        advice.cards, advice.findings, cds.recorder.ledger, subject, cds.clock()
    )
