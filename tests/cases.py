"""The project's patients as tests use them: answers of the queries, the call, the cards.

What an EHR would answer to each query is worked out here from the whole record, by resource
type and code, without the demo's FHIR endpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cds_service.advice import Advice, Rulebook, advise
from cds_service.cards.card import ClientCapabilities
from cds_service.chart.facts import HookContext
from cds_service.chart.query_result import QueryResult, QueryState
from cds_service.demo.fixtures import Fixture, load_cases
from cds_service.fhir.queries import FhirQuery, fhir_queries
from cds_service.hooks.request import read_call
from cds_service.hooks.services import SERVICES
from cds_service.rulebook.load import PROTOCOLS, rulebook

FIXTURES = Path(__file__).parent.parent / "fhir_fixtures"


@cache
def cases() -> Mapping[str, Fixture]:
    """Every fixture by name."""
    return {case.name: case for case in load_cases(FIXTURES)}


@cache
def tables(protocol: str = "default") -> Rulebook:
    """The shipped tables, loaded once."""
    return rulebook(PROTOCOLS[protocol])


def called(request: Mapping[str, Any]) -> HookContext:
    """A hook call's own facts, read as the service reads them."""
    service = next(s for s in SERVICES.values() if s.hook == request["hook"])
    return read_call(dict(request), service).context


def searches(rules: Rulebook) -> tuple[FhirQuery, ...]:
    """The queries of the tables."""
    return fhir_queries(rules.concepts)


def answered(resources: Iterable[Mapping[str, Any]], rules: Rulebook) -> dict[str, QueryResult]:
    """Each query's answer from the whole record of one patient."""
    everything = tuple(resources)
    medications = tuple(r for r in everything if r["resourceType"] == "Medication")
    answers = {}
    for search in searches(rules):
        found = tuple(r for r in everything if _matches(r, search))
        state = QueryState.SUPPLIED if found else QueryState.EMPTY
        kept = medications if search.key in ("administrations", "orders") else ()
        answers[search.key] = QueryResult(state, (*found, *kept))
    return answers


def _matches(resource: Mapping[str, Any], search: FhirQuery) -> bool:
    if resource["resourceType"] != search.resource:
        return False
    codes = {c.get("code") for c in resource.get("code", {}).get("coding", ())}
    return not search.codes or bool(codes & search.codes)


def advice_for(
    name: str, protocol: str = "default", style: ClientCapabilities | None = None
) -> Advice:
    """What the service advises for a fixture, by the spine itself."""
    case, rules = cases()[name], tables(protocol)
    return advise(called(case.request), answered(case.resources, rules), rules, case.now, style)


def wire(advice: Advice) -> list[dict[str, Any]]:
    """The cards as JSON, with counted instead of random uuids."""
    counter = iter(range(10_000))
    return [card.wire(lambda: f"uuid-{next(counter)}") for card in advice.cards]
