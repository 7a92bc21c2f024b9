"""A chart asked through the spine, with queries that fail if told so."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from cds_service.advice import Advice, Rulebook, advise, is_in_scope
from cds_service.chart.query_result import QueryResult, QueryState
from tests.cases import called, searches, tables, wire
from tests.laws.charts import NOW, Chart

Json = dict[str, Any]


def ask(chart: Chart, failed: Collection[str] = (), now: datetime = NOW) -> list[Json] | None:
    """The cards in wire form; None where the service would answer with an error status."""
    advice = advice_for(chart, failed, now)
    if advice is None:
        return []
    if chart.request["hook"] == "patient-view" and advice.findings.nothing_of_medicines:
        return None
    return wire(advice)


def advice_for(chart: Chart, failed: Collection[str] = (), now: datetime = NOW) -> Advice | None:
    """The advice; None where gate 1 keeps out what does not concern us."""
    rules, asked = tables(), called(chart.request)
    if not is_in_scope(asked, rules):
        return None
    answers = _answered(chart.resources, rules)
    answers |= {key: QueryResult(QueryState.FAILED, problem="HTTP 500") for key in failed}
    return advise(asked, answers, rules, now)


def _answered(resources: list[Json], rules: Rulebook) -> dict[str, QueryResult]:
    """Each query's answer, by resource type; of Observations those with one of its codes."""
    answers = {}
    for search in searches(rules):
        kept = [r for r in resources if r["resourceType"] == search.resource]
        if search.codes:
            kept = [r for r in kept if _codes(r) & search.codes]
        answers[search.key] = QueryResult(
            QueryState.SUPPLIED if kept else QueryState.EMPTY, tuple(kept)
        )
    return answers


def _codes(resource: Json) -> set[object]:
    return {coding.get("code") for coding in resource["code"].get("coding", ())}


def topics(cards: Iterable[Json]) -> dict[str, str]:
    """Topic -> indicator."""
    return {card["source"]["topic"]["code"]: card["indicator"] for card in cards}


def findings(cards: Iterable[Json]) -> list[tuple[str, str, str]]:
    """What a clinician would call the same answer: topic, indicator, summary."""
    return [(c["source"]["topic"]["code"], c["indicator"], c["summary"]) for c in cards]
