"""Reads a whole chart: the query results, and the drafts of the hook call itself.

Reads entry by entry and never raises: an entry that cannot be read is named in `skipped`. The chart
depends on what came, not on the order in which it came.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from cds_service.chart.administrations import (
    ReaderTables,
    by_their_administrations,
    by_their_orders,
    read_administrations,
)
from cds_service.chart.concentrations import ConcentrationReader
from cds_service.chart.concepts import Concepts
from cds_service.chart.conditions import read_allergies, read_conditions
from cds_service.chart.dosages import DosageReader
from cds_service.chart.facts import Chart, HookContext, Order, Person
from cds_service.chart.fhir_datetime import Placing, read_birth_date, read_instant
from cds_service.chart.fhir_json import member, reference, server, text
from cds_service.chart.goals import GoalReader
from cds_service.chart.medication_lookup import MedicationResolver
from cds_service.chart.observations import ObservationReader, read_observations
from cds_service.chart.orders import read_drafts, read_orders
from cds_service.chart.procedures import read_procedures, read_tests
from cds_service.chart.query_result import QueryResult, QueryState, Resource
from cds_service.chart.references import Located
from cds_service.chart.resources import (
    PatientResources,
    ReadCache,
    Still,
    bare_id,
    index_resources,
    is_of_others,
    on_and_on,
)
from cds_service.chart.route_and_use import AdministrationVocabulary
from cds_service.chart.units import Units
from cds_service.chart.unknown_medicine_orders import UnidentifiedMedicine
from cds_service.chart.unknown_medicines import UnknownMedicines
from cds_service.chart.vocabulary import Vocabulary

_STAYS = 5  # an encounter may be part of another: the ward's of the hospital's


@dataclass(frozen=True, slots=True)
class _Lexicon:
    """All look-ups over one table of concepts, ready to read any chart with."""

    vocabulary: Vocabulary
    observations: ObservationReader
    strengths: ConcentrationReader
    dosing: DosageReader
    giving: AdministrationVocabulary
    goals: GoalReader
    unknown: UnknownMedicines

    def tables(self, resources: PatientResources) -> ReaderTables:
        """What orders and administrations of one chart are read with."""
        pharmacy = MedicationResolver(self.vocabulary, self.strengths, resources.medications)
        return ReaderTables(
            self.vocabulary,
            pharmacy,
            self.dosing,
            self.giving,
            self.goals,
            self.unknown,
            resources.placing,
        )


@lru_cache(maxsize=64)  # by identity: a running service has a table or one for each client
def _lexicon(concepts: Concepts) -> _Lexicon:
    vocabulary, units = Vocabulary(concepts), Units(concepts.units)
    giving = AdministrationVocabulary(vocabulary)
    return _Lexicon(
        vocabulary,
        ObservationReader(vocabulary, units),
        ConcentrationReader(concepts, units),
        DosageReader(units, concepts.timings),
        giving,
        GoalReader(concepts.goals),
        UnknownMedicines(units, giving),
    )


def read_chart(
    asked: HookContext,
    query_results: Mapping[str, QueryResult],
    concepts: Concepts,
    kept: ReadCache | None = None,
    still: Still = on_and_on,
) -> Chart:
    """Everything that is known about the patient of one hook call.

    `kept` is a cache for whoever reads one patient time and again from the same objects. `still` is
    called before each resource, and may raise to give up.
    """
    resources, drafted = (
        replace(one, still=still) for one in _sorted_out(asked, query_results, kept)
    )
    lexicon = _lexicon(concepts)
    tables, vocabulary = lexicon.tables(resources), lexicon.vocabulary
    results, unread = read_observations(resources, lexicon.observations)
    given, unidentified_given, not_given = read_administrations(resources, tables)
    orders, unidentified_orders, no_orders = read_orders(resources, tables)
    administrations = by_their_orders(given, orders)
    drafts, unidentified_drafts = read_drafts(drafted, asked, tables)
    conditions, refuted = read_conditions(resources, vocabulary)
    allergies, no_allergies = read_allergies(resources, vocabulary)
    procedures, not_done = read_procedures(resources, vocabulary)
    left_out = [unread, not_given, no_orders, refuted, no_allergies, not_done]
    skipped = {*resources.skipped, *drafted.skipped, *(one for group in left_out for one in group)}
    return Chart(
        person=_person(resources, asked),
        states={key: _state(query_results, key, asked) for key in concepts.queries},
        results=results,
        administrations=administrations,
        orders=by_their_administrations(orders, administrations),
        drafts=drafts,
        conditions=conditions,
        allergies=allergies,
        procedures=procedures,
        tests=(
            *read_tests(resources, vocabulary),
            *read_tests(drafted, vocabulary, drafted=True),
        ),
        skipped=tuple(sorted(skipped, key=lambda one: (one.source, one.reason, one.concept))),
        unidentified=(*unidentified_given, *unidentified_orders, *unidentified_drafts),
        admitted=_admitted(resources, asked),
    )


def _sorted_out(
    asked: HookContext, query_results: Mapping[str, QueryResult], kept: ReadCache | None
) -> tuple[PatientResources, PatientResources]:
    """The record and the drafts; each lends the other its Medications."""
    sent = [one for query_result in query_results.values() for one in query_result.resources]
    located = _located(asked, query_results)
    gathered = index_resources(sent, asked.patient_id, asked.drafts, located)
    ours = [one for group in gathered.by_type.values() for one in group]
    placing = Placing(asked.zone, ours)
    lent = sent if asked.drafts else ()
    drafted = index_resources(asked.drafts, asked.patient_id, lent, located)
    return replace(gathered, kept=kept, placing=placing), replace(drafted, placing=placing)


def _located(asked: HookContext, query_results: Mapping[str, QueryResult]) -> Located:
    """What entries and the call itself say of where resources lie."""
    urls = {
        url: one
        for query_result in query_results.values()
        for url, one in query_result.full_urls.items()
    }
    return Located(urls | dict(asked.full_urls), frozenset({server(asked.base)} - {""}))


def read_drafted(
    asked: HookContext, concepts: Concepts, still: Still = on_and_on
) -> tuple[tuple[Order, ...], list[UnidentifiedMedicine]]:
    """The drafts alone, from the context of the call: what gate 1 needs before any query is
    sent.
    """
    drafted = index_resources(asked.drafts, asked.patient_id, located=_located(asked, {}))
    drafted = replace(drafted, placing=Placing(asked.zone), still=still)
    return read_drafts(drafted, asked, _lexicon(concepts).tables(drafted))


def _state(query_results: Mapping[str, QueryResult], key: str, asked: HookContext) -> QueryState:
    """How a query ended; one that brought other patients' resources only has failed, not found
    nothing.
    """
    query_result = query_results.get(key)
    if query_result is None:
        return QueryState.NOT_SUPPLIED
    mixed_up = query_result.state.is_complete and is_of_others(
        query_result.resources, bare_id(asked.patient_id)
    )
    return QueryState.FAILED if mixed_up else query_result.state


def _person(resources: PatientResources, asked: HookContext) -> Person:
    patient = next(iter(resources.of("Patient")), None)
    sex = text(member(patient, "gender"))
    written = member(patient, "birthDate")
    born = read_birth_date(written)
    return Person(
        id=bare_id(asked.patient_id),
        birth_date=born,
        birth_unread=born is None and written is not None,
        sex=sex if sex in ("male", "female") else "",
    )


def _admitted(resources: PatientResources, asked: HookContext) -> datetime | None:
    """When the stay began: the encounter of the call, else the newest in progress."""
    stays = {text(member(one, "id")): one for one in resources.of("Encounter")}
    begun = [_begin(stays, one, resources.placing) for one in _current(stays, asked)]
    return max((start for start in begun if start), default=None)


def _current(stays: Mapping[str, Resource], asked: HookContext) -> list[Resource]:
    named = stays.get(bare_id(asked.encounter)) if asked.encounter else None
    if named:
        return [named]
    return [one for one in stays.values() if text(member(one, "status")) == "in-progress"]


def _begin(stays: Mapping[str, object], stay: object, placing: Placing) -> datetime | None:
    """The start of the whole stay that an encounter is part of."""
    starts = list(_starts(stays, stay, placing))
    return min(starts, default=None)


def _starts(stays: Mapping[str, object], stay: object, placing: Placing) -> Iterator[datetime]:
    for _ in range(_STAYS):
        start = read_instant(member(stay, "period", "start"), placing)
        if start:
            yield start
        stay = stays.get(reference(member(stay, "partOf")).id)
