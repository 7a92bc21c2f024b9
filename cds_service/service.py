"""From one call to its cards: silence first, then facts, then advice.

The order matters: most drafts are no concern of ours and are answered before any query is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import perf_counter
from typing import Any

from cds_service.advice import Advice, advise, is_in_scope
from cds_service.cards.card import Card, ClientCapabilities
from cds_service.errors import FactsUnavailable, NotStored, TookTooLong
from cds_service.fhir.retrieval import Sources, retrieve, states
from cds_service.hooks.request import HookRequest
from cds_service.ledger.calls import Audit, CallOutcome
from cds_service.ledger.overrides import Subject, downgrade_overridden, facts_by_topic
from cds_service.logs import log
from cds_service.metrics import Metrics
from cds_service.outbound.workload import CallLimits, Room, Workload
from cds_service.rulebook.practice import Practice, Practices
from cds_service.security.clients import ClientPolicy


@dataclass(frozen=True, slots=True)
class CdsService:
    """What answering needs, joined once at start."""

    practices: Practices
    sources: Sources
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    audit: Audit
    counts: Metrics
    public_url: str = ""
    recorded: bool = True  # false only for the demo's look back (beside_the_demo.py)
    limits: CallLimits = field(default_factory=CallLimits)
    room: Room = field(default_factory=Room)
    record_required: bool = False  # advice that could not be written down is not given


def handle(
    call: HookRequest, caller: ClientPolicy, desk: CdsService, work: Workload
) -> list[dict[str, Any]]:
    """The cards for one call, in wire form; what was advised is written down."""
    practice = desk.practices.of(caller)
    if not is_in_scope(call.asked, practice.rulebook, work.still):
        desk.counts.call(call.asked.hook, "notOurs")
        return []
    began, outcome = perf_counter(), "failed"
    advice: Advice | None = None
    cards: list[dict[str, Any]] = []
    try:
        advice = advise_on_request(call, caller, practice, desk, work)
        cards = [card.wire(desk.new_id) for card in _shown(advice, call, caller, desk)]
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
        answered = CallOutcome(outcome, milliseconds, advice, cards, facts)
        recorded = not desk.recorded or desk.audit.record(
            call, caller, practice, answered, desk.clock()
        )
        desk.counts.call(call.asked.hook, outcome)
    if desk.record_required and not recorded:
        raise NotStored("The advice could not be recorded, and is not given without a record.")
    desk.counts.cards(cards)
    desk.counts.topics([item.topic for item in advice.findings.items], cards, practice.is_silent)
    return cards


def _shown(
    advice: Advice, call: HookRequest, caller: ClientPolicy, desk: CdsService
) -> tuple[Card, ...]:
    """The cards, quieter where a clinician has answered them already."""
    subject = Subject(caller.name, desk.audit.patient(caller, call.asked.patient_id))
    return downgrade_overridden(
        advice.cards, advice.findings, desk.audit.ledger, subject, desk.clock()
    )


def advise_on_request(
    call: HookRequest, caller: ClientPolicy, practice: Practice, desk: CdsService, work: Workload
) -> Advice:
    """The advice for a call that may concern us."""
    now = desk.clock()
    with desk.counts.stage("gather"):
        answers = retrieve(call, caller, replace(desk.sources, plan=practice.plan), now, work)
    work.still()
    desk.counts.queries(answers)
    log().info("gathered", client=caller.name, hook=call.asked.hook, queries=states(answers))
    style = ClientCapabilities(
        selection_behavior=caller.selection_behavior, single_action=caller.single_action
    )
    asked = replace(call.asked, zone=call.asked.zone or practice.zone)
    with desk.counts.stage("advise"):
        advice = advise(asked, answers, practice.rulebook, now, style, work.still)
    if call.asked.hook == "patient-view" and advice.findings.nothing_of_medicines:
        raise FactsUnavailable(
            "Neither prefetch nor fhirServer gave any of the patient's medicines.", "prefetch"
        )
    return advice
