"""Queries to the FHIR server of a call: in parallel, page by page, under one deadline.

Ends in one `QueryResult` per query whatever happens; a server that fails costs only its answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote

from cds_service.chart.query_result import QueryResult, QueryState, Resource
from cds_service.errors import FhirFault
from cds_service.fhir.bundles import (
    BundlePage,
    is_outcome,
    newest_resources_first,
    of_type,
    reaches_past,
    read_page,
)
from cds_service.fhir.queries import FhirQuery
from cds_service.outbound.base_url import next_within
from cds_service.outbound.http import Deadline, FhirHttp

_PARALLEL = 12  # reads at a time for one call: all of its queries at once
_REFUSED = 400  # a parameter that the server does not know, or does not want
_GRACE_SECONDS = 0.2  # for reads that were cut off to hand over what they have

Key = TypeVar("Key")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class FhirLimits:
    """How much one call may read."""

    seconds: float = 4.0
    pages: int = 20  # of one query
    bytes: int = 16_000_000  # of one query
    medications: int = 30


@dataclass(frozen=True, slots=True)
class FhirServer:
    """A FHIR server as a caller named it; the token lives as long as the call."""

    base: str
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class FhirReader:
    """All reads of one call."""

    http: FhirHttp
    endpoint: FhirServer
    limits: FhirLimits
    deadline: Deadline

    def search_all(
        self, searches: Iterable[FhirQuery], patient_id: str, now: datetime
    ) -> dict[str, QueryResult]:
        """One answer per query."""
        tasks = {
            search.key: lambda search=search: self._search(search, patient_id, now)
            for search in searches
        }
        late = QueryResult(QueryState.FAILED, problem="timed out")
        return _in_parallel(tasks, self.deadline, late)

    def read_all(self, references: Iterable[str]) -> Mapping[str, Resource | FhirFault]:
        """Each referenced resource ("Medication/123"), or why it could not be read."""
        tasks = {
            reference: lambda reference=reference: self._read(reference) for reference in references
        }
        return _in_parallel(tasks, self.deadline, FhirFault("timed out"))

    def _search(self, search: FhirQuery, patient_id: str, now: datetime) -> QueryResult:
        """One query; some servers refuse to sort, include or count: then once more without."""
        query, plain = search.url(patient_id), search.plain_url(patient_id)
        found, fault = self._pages(search, query, search.since(now))
        if fault is not None and fault.status == _REFUSED and plain != query:
            found, fault = self._pages(search, plain, None)
            found.sort()
        return found.whole() if fault is None else found.part(str(fault))

    def _pages(
        self, search: FhirQuery, query: str, since: datetime | None
    ) -> tuple[_Collected, FhirFault | None]:
        """Page after page, as far as needed; and what ended it early."""
        collected = _Collected(search, since)
        url = f"{self.endpoint.base.rstrip('/')}/{query}"
        seen: set[str] = set()
        try:
            while len(seen) < self.limits.pages:
                seen.add(url)
                page = self._page(url, collected)
                if collected.add(page):
                    return collected, None
                url = self._next(url, page, seen)
        except FhirFault as fault:
            return collected, fault
        return collected, FhirFault(f"more than {self.limits.pages} pages")

    def _page(self, url: str, collected: _Collected) -> BundlePage:
        cap = self.limits.bytes - collected.size
        value, size = self.http.get(url, self.endpoint.token, self.deadline, cap)
        collected.size += size
        page = read_page(value)
        if page is None or is_outcome(value) or not (page.readable and page.answers_search):
            raise FhirFault("not an answer to a search")
        return page

    def _next(self, url: str, page: BundlePage, seen: set[str]) -> str:
        following = next_within(self.endpoint.base, url, page.next_url)
        if following is None or not page.next_url:
            raise FhirFault("next page is elsewhere")
        if following in seen:
            raise FhirFault("pages go round in circles")
        return following

    def _read(self, reference: str) -> Resource | FhirFault:
        resource_type, _, resource_id = reference.partition("/")
        url = f"{self.endpoint.base.rstrip('/')}/{resource_type}/{quote(resource_id, safe='')}"
        try:
            value, _ = self.http.get(url, self.endpoint.token, self.deadline, self.limits.bytes)
        except FhirFault as fault:
            return fault
        page = read_page(value)
        matches = of_type(page.resources, resource_type) if page else ()
        return matches[0] if matches else FhirFault("not the resource asked for")


@dataclass(slots=True)
class _Collected:
    """What the pages of one query have given so far."""

    search: FhirQuery
    since: datetime | None
    resources: list[Resource] = field(default_factory=list)
    matches: list[Resource] = field(default_factory=list)
    full_urls: dict[str, Resource] = field(default_factory=dict)
    size: int = 0

    def add(self, page: BundlePage) -> bool:
        """Take a page in; whether the query is complete with it."""
        matches = of_type(page.resources, self.search.resource)
        if page.resources and not matches:
            raise FhirFault("not an answer to a search")
        self.resources += page.resources
        self.matches += matches
        self.full_urls |= page.full_urls
        if page.troubled:
            raise FhirFault("the server reported an error for it")
        if self._reaches_back():
            return True
        if not page.goes_on and len(self.matches) < (page.total or 0):
            raise FhirFault("fewer came than were found")
        return not page.goes_on

    def _reaches_back(self) -> bool:
        """Whether the oldest match lies before the query's window: newest come first."""
        return self.since is not None and reaches_past(self.matches, self.since)

    def sort(self) -> None:
        """Newest first, as the server was asked to."""
        self.resources.sort(key=newest_resources_first)

    def whole(self) -> QueryResult:
        state = QueryState.SUPPLIED if self.matches else QueryState.EMPTY
        return QueryResult(state, tuple(self.resources), full_urls=self.full_urls)

    def part(self, problem: str) -> QueryResult:
        state = QueryState.PARTIAL if self.resources else QueryState.FAILED
        return QueryResult(state, tuple(self.resources), problem, self.full_urls)


def _in_parallel(
    tasks: Mapping[Key, Callable[[], Result]], deadline: Deadline, late: Result
) -> dict[Key, Result]:
    """Run all tasks; those not done by the deadline are cut off and count as `late`."""
    if not tasks:
        return {}
    pool = ThreadPoolExecutor(min(_PARALLEL, len(tasks)), thread_name_prefix="fhir")
    futures = {key: pool.submit(task) for key, task in tasks.items()}
    _, hanging = wait(futures.values(), timeout=max(deadline.remaining, 0))
    if hanging:
        deadline.cut()
        wait(hanging, timeout=_GRACE_SECONDS)
    pool.shutdown(wait=False, cancel_futures=True)
    return {
        key: future.result() if future.done() and not future.cancelled() else late
        for key, future in futures.items()
    }
