"""All answers for one call: prefetch first, then the FHIR server for what is lacking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from cds_service.chart.query_result import QueryResult, QueryState
from cds_service.fhir.circuit_breaker import NOT_ANSWERING, CircuitBreaker
from cds_service.fhir.client import Endpoint, FhirReader, Limits
from cds_service.fhir.medication_references import with_medications
from cds_service.fhir.prefetch import read_prefetch
from cds_service.fhir.queries import FhirQuery
from cds_service.hooks.request import HookRequest
from cds_service.outbound.base_url import parse_address
from cds_service.outbound.http import Deadline, FhirHttp
from cds_service.outbound.workload import Workload
from cds_service.security.clients import ClientPolicy

NOT_ALLOWED = "FHIR server not allowed"


@dataclass(frozen=True, slots=True)
class Sources:
    """What gathering needs, set up once at start."""

    plan: tuple[FhirQuery, ...]
    http: FhirHttp
    limits: Limits
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)


def retrieve(
    call: HookRequest,
    caller: ClientPolicy,
    sources: Sources,
    now: datetime,
    work: Workload | None = None,
) -> dict[str, QueryResult]:
    """One answer per query, with whatever could be had within the limits of the call."""
    sent = read_prefetch(call.prefetch, sources.plan, now)
    if not call.fhir_server:
        return sent
    lacking = [search for search in sources.plan if not sent[search.key].state.answered]
    server = parse_address(call.fhir_server)
    if server is None or not caller.allows_fhir_server(call.fhir_server):
        return {key: _unfetched(answer) for key, answer in sent.items()}
    if lacking and not sources.breaker.lets(server):
        silence = QueryResult(QueryState.FAILED, problem=NOT_ANSWERING)
        return sent | {s.key: _better(sent[s.key], silence) for s in lacking}
    reader = _reader(call, sources, work)
    fetched = reader.search_all(lacking, call.asked.patient_id, now)
    if lacking:
        sources.breaker.learn(server, fetched.values())
    answers = {key: _better(answer, fetched.get(key)) for key, answer in sent.items()}
    return with_medications(answers, reader.read_all, sources.limits.medications, call.asked)


def states(answers: Mapping[str, QueryResult]) -> dict[str, str]:
    """How each query ended, for the log."""
    return {
        key: f"{answer.state.value}: {answer.problem}" if answer.problem else answer.state.value
        for key, answer in answers.items()
    }


def _reader(call: HookRequest, sources: Sources, work: Workload | None) -> FhirReader:
    seconds = sources.limits.seconds
    return FhirReader(
        sources.http,
        Endpoint(call.fhir_server, call.access_token),
        sources.limits,
        Deadline(min(seconds, work.remaining) if work else seconds, work),
    )


def _unfetched(answer: QueryResult) -> QueryResult:
    return answer if answer.state.answered else replace(answer, problem=NOT_ALLOWED)


def _better(sent: QueryResult, fetched: QueryResult | None) -> QueryResult:
    """What was fetched, unless the part that was sent tells more."""
    if fetched is None:
        return sent
    if fetched.state.answered or len(fetched.resources) >= len(sent.resources):
        return fetched
    return sent
