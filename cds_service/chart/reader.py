"""Reads a whole chart: the answers to the queries and the hook call's own drafts.

Entry by entry, and never raises: what cannot be read costs that entry and is named in `skipped`.
The result depends on what came, not on the order it came in.
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
from cds_service.chart.query_result import QueryResult, QueryState
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

    def reading(self, record: PatientResources) -> ReaderTables:
        """What orders and administrations of one chart are read with."""
        pharmacy = MedicationResolver(self.vocabulary, self.strengths, record.medications)
        return ReaderTables(
            self.vocabulary,
            pharmacy,
            self.dosing,
            self.giving,
            self.goals,
            self.unknown,
            record.placing,
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
    answers: Mapping[str, QueryResult],
    concepts: Concepts,
    kept: ReadCache | None = None,
    still: Still = on_and_on,
) -> Chart:
    """Everything that is known about the patient of one hook call.

    Whoever asks about one patient time and again may hand in what to keep readings in. `still` is
    called before each resource, and may raise to give up.
    """
    record, drafted = (replace(one, still=still) for one in _sorted_out(asked, answers, kept))
    lexicon = _lexicon(concepts)
    reading, vocabulary = lexicon.reading(record), lexicon.vocabulary
    results, unread = read_observations(record, lexicon.observations)
    given, unidentified_given, not_given = read_administrations(record, reading)
    orders, unidentified_orders, no_orders = read_orders(record, reading)
    administrations = by_their_orders(given, orders)
    drafts, unidentified_drafts = read_drafts(drafted, asked, reading)
    conditions, refuted = read_conditions(record, vocabulary)
    allergies, no_allergies = read_allergies(record, vocabulary)
    procedures, not_done = read_procedures(record, vocabulary)
    left_out = [unread, not_given, no_orders, refuted, no_allergies, not_done]
    skipped = {*record.skipped, *drafted.skipped, *(one for group in left_out for one in group)}
    return Chart(
        person=_person(record, asked),
        states={key: _state(answers, key, asked) for key in concepts.queries},
        results=results,
        administrations=administrations,
        orders=by_their_administrations(orders, administrations),
        drafts=drafts,
        conditions=conditions,
        allergies=allergies,
        procedures=procedures,
        tests=(
            *read_tests(record, vocabulary),
            *read_tests(drafted, vocabulary, drafted=True),
        ),
        skipped=tuple(sorted(skipped, key=lambda one: (one.source, one.reason, one.concept))),
        unidentified=(*unidentified_given, *unidentified_orders, *unidentified_drafts),
        admitted=_admitted(record, asked),
    )


def _sorted_out(
    asked: HookContext, answers: Mapping[str, QueryResult], kept: ReadCache | None
) -> tuple[PatientResources, PatientResources]:
    """The record and the drafts; each lends the other its Medications."""
    resources = [one for answer in answers.values() for one in answer.resources]
    located = _located(asked, answers)
    gathered = index_resources(resources, asked.patient_id, asked.drafts, located)
    ours = [one for group in gathered.by_type.values() for one in group]
    placing = Placing(asked.zone, ours)
    lent = resources if asked.drafts else ()
    drafted = index_resources(asked.drafts, asked.patient_id, lent, located)
    return replace(gathered, kept=kept, placing=placing), replace(drafted, placing=placing)


def _located(asked: HookContext, answers: Mapping[str, QueryResult]) -> Located:
    """What entries and the call itself say of where resources lie."""
    urls = {url: one for answer in answers.values() for url, one in answer.full_urls.items()}
    return Located(urls | dict(asked.full_urls), frozenset({server(asked.base)} - {""}))


def read_drafted(
    asked: HookContext, concepts: Concepts, still: Still = on_and_on
) -> tuple[tuple[Order, ...], list[UnidentifiedMedicine]]:
    """The drafts alone, from the context of the call: what gate 1 needs, before any query."""
    drafted = index_resources(asked.drafts, asked.patient_id, located=_located(asked, {}))
    drafted = replace(drafted, placing=Placing(asked.zone), still=still)
    return read_drafts(drafted, asked, _lexicon(concepts).reading(drafted))


def _state(answers: Mapping[str, QueryResult], key: str, asked: HookContext) -> QueryState:
    """An answer about other patients only tells nothing of this one: it is no "nothing found"."""
    answer = answers.get(key)
    if answer is None:
        return QueryState.NOT_SUPPLIED
    mixed_up = answer.state.is_complete and is_of_others(
        answer.resources, bare_id(asked.patient_id)
    )
    return QueryState.FAILED if mixed_up else answer.state


def _person(record: PatientResources, asked: HookContext) -> Person:
    patient = next(iter(record.of("Patient")), None)
    sex = text(member(patient, "gender"))
    written = member(patient, "birthDate")
    born = read_birth_date(written)
    return Person(
        id=bare_id(asked.patient_id),
        birth_date=born,
        birth_unread=born is None and written is not None,
        sex=sex if sex in ("male", "female") else "",
    )


def _admitted(record: PatientResources, asked: HookContext) -> datetime | None:
    """When the stay began: the encounter of the call, else the newest in progress."""
    stays = {text(member(one, "id")): one for one in record.of("Encounter")}
    asked_for = stays.get(bare_id(asked.encounter)) if asked.encounter else None
    current = [one for one in stays.values() if text(member(one, "status")) == "in-progress"]
    begun = [_begin(stays, one, record.placing) for one in ([asked_for] if asked_for else current)]
    return max((start for start in begun if start), default=None)


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
