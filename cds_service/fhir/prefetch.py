"""What came along with a call: the client's prefetch, sorted to our queries.

Clients need not use our key names (some never read discovery), so an answer is found by key,
then by the Bundle's `self` link, then by what the Bundle holds. A query nothing answers is "not
supplied": that is something else than "nothing on record".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from cds_service.chart.query_result import QueryResult, QueryState, Resource
from cds_service.fhir.bundles import BundlePage, is_outcome, of_type, reaches_past, read_page
from cds_service.fhir.queries import FhirQuery, codes_asked, filters
from cds_service.outbound.json_text import is_within_depth_limit

Prefetch = Mapping[str, Any]

_NO_FILTERS = frozenset({"patient", "subject", "_sort", "_count", "_include", "_format", "_total"})
_SENT_ON = frozenset({"MedicationRequest"})  # to stop an order a card repeats it whole
NO_ANSWER = "not an answer to a search"
_NOT_SUPPLIED = QueryResult(QueryState.NOT_SUPPLIED)


def read_prefetch(
    prefetch: Prefetch, plan: Iterable[FhirQuery], now: datetime
) -> dict[str, QueryResult]:
    """One answer for each query of the plan, whatever the client sent."""
    plan = tuple(plan)
    ours = {search.key for search in plan}
    foreign = [
        page
        for key, value in prefetch.items()
        if key not in ours and (page := read_page(value)) and not is_outcome(value)
    ]
    return {search.key: _answer(prefetch, foreign, search, now) for search in plan}


def _answer(
    prefetch: Prefetch, foreign: list[BundlePage], search: FhirQuery, now: datetime
) -> QueryResult:
    if search.key in prefetch:
        by_key = _read_value(prefetch[search.key], search, now)
        if by_key is not None:
            return by_key
    return _by_self_link(foreign, search, now) or _by_content(foreign, search, now) or _NOT_SUPPLIED


def _read_value(value: object, search: FhirQuery, now: datetime) -> QueryResult | None:
    """The answer under our own key; None if it is no FHIR answer to this query at all."""
    if value is None:
        return QueryResult(QueryState.EMPTY)
    if is_outcome(value):
        return QueryResult(QueryState.FAILED, problem="the EHR reported an error for it")
    page = read_page(value)
    return _read_page(page, search, now) if page else None


def _read_page(page: BundlePage, search: FhirQuery, now: datetime) -> QueryResult | None:
    matches = of_type(page.resources, search.resource)
    if not page.answers_search:
        return _part(page, matches, NO_ANSWER)
    if _is_of_another_kind(page, matches):
        return None
    if search.resource in _SENT_ON and not is_within_depth_limit(matches):
        return QueryResult(QueryState.FAILED, problem="it is nested too deeply")
    problem = _why_incomplete(page, matches, search, now)
    if problem:
        return _part(page, matches, problem)
    state = QueryState.SUPPLIED if matches else QueryState.EMPTY
    return QueryResult(state, page.resources, full_urls=page.full_urls)


def _is_of_another_kind(page: BundlePage, matches: tuple[Resource, ...]) -> bool:
    """Whether a page holds nothing that can be read, or resources of other types only."""
    return not page.readable or (bool(page.resources) and not matches)


def _why_incomplete(
    page: BundlePage, matches: tuple[Resource, ...], search: FhirQuery, now: datetime
) -> str:
    if page.troubled:
        return "the EHR reported an error for it"
    cut_off = _has_more(page, matches, search) and not _is_covered(matches, search, now)
    return "only the first page was sent" if cut_off else ""


def _part(page: BundlePage, matches: tuple[Resource, ...], problem: str) -> QueryResult:
    state = QueryState.PARTIAL if matches else QueryState.FAILED
    return QueryResult(state, page.resources if matches else (), problem, page.full_urls)


def _has_more(page: BundlePage, matches: tuple[Resource, ...], search: FhirQuery) -> bool:
    """Whether the search found more than was sent.

    CDS Hooks 1.0 forbids page links: a full page that says nothing else may be cut off.
    """
    if page.total is not None:
        return page.total > len(matches) or page.goes_on
    return page.goes_on or (search.count is not None and len(matches) == search.count)


def _is_covered(matches: tuple[Resource, ...], search: FhirQuery, now: datetime) -> bool:
    since = search.since(now)
    return since is not None and reaches_past(matches, since)


def _by_self_link(
    foreign: list[BundlePage], search: FhirQuery, now: datetime
) -> QueryResult | None:
    """Searches of the same type: together for all our codes they are our query, else a part.

    A search without codes (by category, say) is taken for ours if it found any of our codes;
    where ours has none either, one that filters by nothing is ours even if it found nothing.
    """
    found: list[QueryResult] = []
    asked: set[str] = set()
    for page in foreign:
        codes = _codes_for(page, search)
        result = _read_page(page, search, now) if codes is not None else None
        if result and codes is not None:
            found.append(result)
            asked |= codes
    return _joined(found, "" if asked >= search.codes else "the EHR's query differs")


def _codes_for(page: BundlePage, search: FhirQuery) -> frozenset[str] | None:
    """Which of our codes a page was searched by; None where it was not searched for us."""
    if not page.self_url or _type_searched(page.self_url) != search.resource:
        return None
    codes = codes_asked(page.self_url)
    if codes:
        return codes if codes & search.codes else None
    return search.codes if _answers(page, search) else None


def _by_content(foreign: list[BundlePage], search: FhirQuery, now: datetime) -> QueryResult | None:
    """Bundles without a `self` link that hold what this query asks for.

    What an unknown query for Observations did not ask for, its answer cannot tell.
    """
    held = [page for page in foreign if not page.self_url and _holds(page, search)]
    found = [answer for page in held if (answer := _read_page(page, search, now))]
    return _joined(found, "the EHR's query is not known" if search.codes else "")


def _joined(found: list[QueryResult], reservation: str) -> QueryResult | None:
    """Several results as one; a reservation makes it a part."""
    if not found:
        return None
    problem = reservation or _first_problem(found)
    resources = tuple(resource for result in found for resource in result.resources)
    urls = {url: one for result in found for url, one in result.full_urls.items()}
    return QueryResult(_state_of(resources, problem), resources, problem, urls)


def _first_problem(found: list[QueryResult]) -> str:
    return next((result.problem for result in found if not result.state.is_complete), "")


def _state_of(resources: tuple[Resource, ...], problem: str) -> QueryState:
    if problem:
        return QueryState.PARTIAL if resources else QueryState.FAILED
    return QueryState.SUPPLIED if resources else QueryState.EMPTY


def _answers(page: BundlePage, search: FhirQuery) -> bool:
    return _holds(page, search) or (not search.codes and filters(page.self_url) <= _NO_FILTERS)


def _holds(page: BundlePage, search: FhirQuery) -> bool:
    matches = of_type(page.resources, search.resource)
    if not search.codes:
        return bool(matches)
    return any(search.codes & _codes(resource) for resource in matches)


def _codes(resource: Resource) -> frozenset[str]:
    concept = resource.get("code")
    codings = concept.get("coding") if isinstance(concept, Mapping) else None
    return frozenset(
        coding["code"]
        for coding in (codings if isinstance(codings, list) else [])
        if isinstance(coding, Mapping) and isinstance(coding.get("code"), str)
    )


def _type_searched(url: str) -> str:
    segments = url.partition("?")[0].rstrip("/").split("/")
    return segments[-2] if segments[-1] == "_search" and len(segments) > 1 else segments[-1]
