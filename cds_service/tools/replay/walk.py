"""One patient through time: the service's question at every moment at which it may matter.

A moment is a new fact that the logic reads, and every full hour while heparin runs. Each is
answered as an EHR would be answered, from what was known by then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from cds_service.advice import Rulebook
from cds_service.chart.concepts import Concepts
from cds_service.chart.facts import Chart, HookContext
from cds_service.chart.fhir_json import codings, member, source, text
from cds_service.chart.known import Version, ends_of, versions
from cds_service.chart.query_result import QueryResult, QueryState, Resource
from cds_service.chart.reader import read_chart
from cds_service.chart.resources import ReadCache
from cds_service.fhir.queries import FhirQuery
from cds_service.tools.replay.heights import height_of
from cds_service.tools.replay.stays import Stay, stays_of
from cds_service.tools.replay.transfusions import transfusions

HOUR = timedelta(hours=1)
HOOK = "patient-view"

KnownResults = dict[str, QueryResult]


class _Sourced(Protocol):
    """Anything in a chart that names the resource it was read from."""

    @property
    def source(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Archive:
    """What all patients of an export share."""

    plan: tuple[FhirQuery, ...]
    answered: frozenset[str]  # queries that the export answers at all
    medications: Mapping[str, Resource] = field(default_factory=dict)
    locations: Mapping[str, str] = field(default_factory=dict)  # Location id -> its name


@dataclass(frozen=True, slots=True)
class Past:
    """All of one patient: what became known when, and the chart in the end."""

    asked: HookContext
    chart: Chart
    always: tuple[Resource, ...]
    dated: tuple[Version, ...]  # in the order in which they became known
    moments: tuple[datetime, ...]
    until: datetime | None  # the last fact; nothing is known of later
    undated: int  # resources nobody can tell when they became known
    person: Resource  # the Patient; empty when the export has none
    stays: tuple[Stay, ...]  # where the patient was
    transfused: tuple[datetime, ...]  # when red cells were known to be given
    height_cm: float | None  # the newest on record


def read_past(
    patient: str, resources: Iterable[Resource], archive: Archive, rules: Rulebook
) -> Past:
    """Sort a patient's resources by when they became known; those no rule reads are left out."""
    asked = HookContext(HOOK, patient)
    everything = tuple(resources)
    chart = read_chart(asked, _answers(everything, archive), rules.concepts)
    read = _sources(chart)
    ends = ends_of(everything)
    read_ones = [r for r in everything if _matters(r, read)]
    told = [versions(resource, ends) for resource in read_ones]
    flat = [version for each in told for version in each]
    dated = sorted(
        ((v.since, place, v) for place, v in enumerate(flat) if v.since is not None),
        key=lambda one: one[:2],
    )
    moments = {v.since for v in flat if v.since is not None and source(v.resource) in read}
    stays = [v.since for v in flat if v.since is not None]
    return Past(
        asked=asked,
        chart=chart,
        always=tuple(v.resource for v in flat if v.since is None),
        dated=tuple(v for _, _, v in dated),
        moments=tuple(sorted(moments)),
        until=max(stays, default=None),
        undated=sum(not each for each in told),
        person=next((r for r in everything if r["resourceType"] == "Patient"), {}),
        stays=stays_of(everything, archive.locations, ends.placing),
        transfused=transfusions(everything, archive.medications, ends),
        height_cm=height_of(everything, ends.placing),
    )


def walk_through(
    past: Past, archive: Archive, concepts: Concepts, tell: Callable[[datetime, Chart], bool]
) -> None:
    """Ask at every moment; `tell` takes the chart of then and says whether heparin runs."""
    known, coming = _Known(past.always, archive), deque(past.dated)
    kept: ReadCache = {}
    ends = (*past.moments[1:], past.until) if past.moments else ()
    for moment, end in zip(past.moments, ends, strict=True):
        for now in _hours(moment, end or moment):
            known.learn_until(now, coming)
            if not tell(now, read_chart(past.asked, known.answers(), concepts, kept)):
                break


def chart_at(past: Past, archive: Archive, concepts: Concepts, now: datetime) -> Chart:
    """The chart as it was known at one moment, without a walk up to it."""
    known = _Known(past.always, archive)
    known.learn_until(now, deque(past.dated))
    return read_chart(past.asked, known.answers(), concepts)


def _hours(since: datetime, until: datetime) -> Iterator[datetime]:
    """A moment, and each full hour before the next: for as long as heparin runs."""
    yield since
    tick = since.replace(minute=0, second=0, microsecond=0) + HOUR
    while tick < until:
        yield tick
        tick += HOUR


class _Known:
    """The record as it stands: what each query would answer now."""

    def __init__(self, always: Iterable[Resource], archive: Archive) -> None:
        self._archive = archive
        self._by_query: dict[str, dict[str, Resource]] = {s.key: {} for s in archive.plan}
        self._answers: KnownResults = {}
        for resource in always:
            self.learn(resource)

    def learn_until(self, now: datetime, coming: deque[Version]) -> None:
        """Take in what has become known by now."""
        while coming and coming[0].since is not None and coming[0].since <= now:
            self.learn(coming.popleft().resource)

    def learn(self, resource: Resource) -> None:
        """Take in a resource, or its newer state."""
        for search in self._archive.plan:
            if found_by(search, resource):
                place = text(member(resource, "id")) or str(id(resource))
                self._by_query[search.key][place] = resource
                self._answers.pop(search.key, None)

    def answers(self) -> KnownResults:
        """One answer per query; only what has changed is put together anew."""
        for search in self._archive.plan:
            if search.key not in self._answers:
                found = tuple(self._by_query[search.key].values())
                self._answers[search.key] = _answer(search, found, self._archive)
        return self._answers


def found_by(search: FhirQuery, resource: Resource) -> bool:
    """Whether a query would have found a resource: by type, and Observations by code."""
    if resource["resourceType"] != search.resource:
        return False
    if not search.codes:
        return True
    return any(coding.code in search.codes for coding in codings(member(resource, "code")))


def _answers(everything: Iterable[Resource], archive: Archive) -> KnownResults:
    everything = tuple(everything)
    return {
        search.key: _answer(search, tuple(r for r in everything if found_by(search, r)), archive)
        for search in archive.plan
    }


def _answer(search: FhirQuery, found: tuple[Resource, ...], archive: Archive) -> QueryResult:
    if search.key not in archive.answered:
        return QueryResult(QueryState.NOT_SUPPLIED, problem="not in the export")
    state = QueryState.SUPPLIED if found else QueryState.EMPTY
    return QueryResult(state, (*found, *_referred(found, archive)))


def _referred(found: Iterable[Resource], archive: Archive) -> Iterator[Resource]:
    """The Medications that orders and administrations point to, as `_include` brings them."""
    for resource in found:
        pointed = text(member(resource, "medicationReference", "reference")).rpartition("/")[2]
        medication = archive.medications.get(pointed)
        if medication is not None:
            yield medication
            yield from _parts(medication, archive)


def _parts(medication: Resource, archive: Archive) -> Iterator[Resource]:
    for ingredient in medication.get("ingredient", ()):
        pointed = text(member(ingredient, "itemReference", "reference")).rpartition("/")[2]
        if pointed in archive.medications:
            yield archive.medications[pointed]


def _sources(chart: Chart) -> frozenset[str]:
    """Every resource that the logic read, or left out with a word."""
    groups: tuple[Iterable[_Sourced], ...] = (
        *chart.results.values(),
        chart.administrations,
        chart.orders,
        chart.conditions,
        chart.allergies,
        chart.procedures,
        chart.tests,
        chart.skipped,
    )
    return frozenset(one.source for group in groups for one in group)


def _matters(resource: Resource, read: frozenset[str]) -> bool:
    return resource["resourceType"] in ("Patient", "Encounter") or source(resource) in read
