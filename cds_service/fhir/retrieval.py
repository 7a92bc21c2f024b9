"""One result for each query of a call: prefetch first, then the FHIR server for what is lacking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from cds_service.chart.facts import HookContext
from cds_service.chart.query_result import QueryResult, QueryState
from cds_service.fhir.circuit_breaker import NOT_ANSWERING, CircuitBreaker
from cds_service.fhir.client import FhirLimits, FhirReader, FhirServer
from cds_service.fhir.medication_references import with_medications
from cds_service.fhir.prefetch import read_prefetch
from cds_service.fhir.queries import FhirQuery
from cds_service.outbound.base_url import Address
from cds_service.outbound.http import Deadline, FhirHttp
from cds_service.outbound.workload import Workload

NOT_ALLOWED = "FHIR server not allowed"


@dataclass(frozen=True, slots=True)
class FhirAccess:
    """The FHIR server of one call, which its client may name, and the token for it."""

    server: Address
    base_url: str  # as the client wrote it
    token: str = ""


@dataclass(frozen=True, slots=True)
class Retriever:
    """What retrieval needs, set up once at start."""

    queries: tuple[FhirQuery, ...]
    http: FhirHttp
    limits: FhirLimits
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)


def retrieve(
    prefetch: Mapping[str, Any],
    access: FhirAccess | None,
    context: HookContext,
    retriever: Retriever,
    now: datetime,
    work: Workload | None = None,
) -> dict[str, QueryResult]:
    """Return one result per query key, with whatever could be had within the call's limits.

    Without `access` only prefetch is read. Never raises for a server that fails: its queries end
    as `QueryState.FAILED` with the problem in words.
    """
    sent = read_prefetch(prefetch, retriever.queries, now)
    if access is None:
        return sent
    lacking = [query for query in retriever.queries if not sent[query.key].state.is_complete]
    if lacking and not retriever.breaker.lets(access.server):
        silence = QueryResult(QueryState.FAILED, problem=NOT_ANSWERING)
        return _merged(sent, dict.fromkeys((query.key for query in lacking), silence))
    reader = _reader(access, retriever, work)
    fetched = reader.search_all(lacking, context.patient_id, now)
    if lacking:
        retriever.breaker.learn(access.server, fetched.values())
    results = _merged(sent, fetched)
    return with_medications(results, reader.read_all, retriever.limits.medications, context)


def _merged(
    sent: Mapping[str, QueryResult], fetched: Mapping[str, QueryResult]
) -> dict[str, QueryResult]:
    return {key: _better(result, fetched.get(key)) for key, result in sent.items()}


def not_allowed(results: Mapping[str, QueryResult]) -> dict[str, QueryResult]:
    """The results of a call whose FHIR server its client may not name: the cards say so."""
    return {
        key: result if result.state.is_complete else replace(result, problem=NOT_ALLOWED)
        for key, result in results.items()
    }


def states(results: Mapping[str, QueryResult]) -> dict[str, str]:
    """How each query ended, for the log."""
    return {
        key: f"{result.state.value}: {result.problem}" if result.problem else result.state.value
        for key, result in results.items()
    }


def _reader(access: FhirAccess, retriever: Retriever, work: Workload | None) -> FhirReader:
    seconds = retriever.limits.seconds
    return FhirReader(
        retriever.http,
        FhirServer(access.base_url, access.token),
        retriever.limits,
        Deadline(min(seconds, work.remaining) if work else seconds, work),
    )


def _better(sent: QueryResult, fetched: QueryResult | None) -> QueryResult:
    """What was fetched, unless the part that was sent tells more."""
    if fetched is None:
        return sent
    if fetched.state.is_complete or len(fetched.resources) >= len(sent.resources):
        return fetched
    return sent
