"""When a patient was given red cells, for the outcomes of a replay: no rule reads transfusions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from cds_service.chart.fhir_json import codings, member, text, texts
from cds_service.chart.known import Ends, versions
from cds_service.chart.query_result import Resource
from cds_service.rulebook.toml_table import read_table

TABLE = Path(__file__).with_name("transfusions.toml")
NOT_DONE = ("not-done", "entered-in-error", "preparation")


@dataclass(frozen=True, slots=True)
class SystemCodes:
    """Codes of one system."""

    system: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TransfusionTable:
    """How a transfusion is told."""

    words: tuple[str, ...]
    never: tuple[str, ...]  # with one of these words it is something else
    codes: tuple[SystemCodes, ...]


def transfusions(
    resources: Iterable[Resource], medications: Mapping[str, Resource], ends: Ends
) -> tuple[datetime, ...]:
    """When each transfusion of a patient became known, in order of time."""
    found = set[datetime]()
    for resource in resources:
        if any(_is_transfusion(concept) for concept in _concepts(resource, medications)):
            found.update(one.since for one in versions(resource, ends)[:1] if one.since)
    return tuple(sorted(found))


def _concepts(resource: Resource, medications: Mapping[str, Resource]) -> Iterable[object]:
    """What a drug or procedure that was done is called, inline or by reference."""
    kind = text(member(resource, "resourceType"))
    if text(member(resource, "status")) in NOT_DONE:
        return
    if kind == "Procedure":
        yield member(resource, "code")
    elif kind == "MedicationAdministration":
        pointed = text(member(resource, "medicationReference", "reference")).rpartition("/")[2]
        yield member(resource, "medicationCodeableConcept")
        yield member(medications.get(pointed), "code")


def _is_transfusion(concept: object) -> bool:
    table = _table()
    by_code = {(one.system, code) for one in table.codes for code in one.codes}
    if not by_code.isdisjoint((one.system, one.code) for one in codings(concept)):
        return True
    told = " ".join(texts(concept)).lower()
    return any(word in told for word in table.words) and not any(w in told for w in table.never)


@cache
def _table() -> TransfusionTable:
    return read_table(TABLE, TransfusionTable)
