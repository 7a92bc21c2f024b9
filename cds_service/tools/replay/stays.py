"""Where a patient was and who they are, for the burden of cards by ward and by group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from cds_service.chart.fhir_datetime import Placing, earliest, latest, read_birth_date, read_period
from cds_service.chart.fhir_json import each, member, reference, text
from cds_service.chart.query_result import Resource

NOT_CODED = "not coded"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"


@dataclass(frozen=True, slots=True)
class Stay:
    """One place and the time there; without an end the patient is there still."""

    place: str
    start: datetime
    end: datetime | None

    def holds(self, at: datetime) -> bool:
        """Whether the patient was there at a moment."""
        return self.start <= at and (self.end is None or at < self.end)


def stays_of(
    resources: Iterable[Resource], names: Mapping[str, str], placing: Placing
) -> tuple[Stay, ...]:
    """Every place of the patient's encounters, in order of time."""
    found = (
        stay
        for resource in resources
        if text(member(resource, "resourceType")) == "Encounter"
        for stay in _stays(resource, names, placing)
    )
    return tuple(sorted(found, key=lambda stay: (stay.start, stay.place)))


def place_at(stays: Iterable[Stay], at: datetime) -> str:
    """Where the patient was; of several places the one entered last, "" when none is on record."""
    return max(
        ((s.start, s.place) for s in stays if s.holds(at)), default=(at, ""), key=lambda one: one[0]
    )[1]


def _stays(encounter: Resource, names: Mapping[str, str], placing: Placing) -> Iterator[Stay]:
    """The encounter's locations with a period; without any, its class of care."""
    located = False
    for location in each(member(encounter, "location")):
        period = read_period(member(location, "period"), placing)
        place = member(location, "location")
        name = text(member(place, "display")) or names.get(reference(place).id, "")
        if period.start is not None and (name or reference(place).id):
            located = True
            yield _stay(name or reference(place).id, period.start, period.end)
    whole = read_period(member(encounter, "period"), placing)
    kind = member(encounter, "class")
    said = text(member(kind, "display")) or text(member(kind, "code"))
    if not located and said and whole.start is not None:
        yield _stay(said, whole.start, whole.end)


def _stay(place: str, start: datetime, end: datetime | None) -> Stay:
    return Stay(place, earliest(start), None if end is None else latest(end))


# --- who ---------------------------------------------------------------------------------------


def sex_of(patient: Resource) -> str:
    """Administrative gender, as recorded."""
    return text(member(patient, "gender")) or NOT_CODED


def age_at(patient: Resource, at: datetime | None) -> int | None:
    """Whole years at a moment."""
    born = read_birth_date(member(patient, "birthDate"))
    if born is None or at is None:
        return None
    before_birthday = (at.month, at.day) < (born.month, born.day)
    return at.year - born.year - before_birthday


def ethnicity_of(patient: Resource) -> str:
    """Race and ethnicity by the US Core extensions, where a hospital codes them."""
    found = []
    for extension in each(member(patient, "extension")):
        if text(member(extension, "url")) in (f"{US_CORE}race", f"{US_CORE}ethnicity"):
            parts = {text(member(p, "url")): p for p in each(member(extension, "extension"))}
            said = text(member(parts.get("text"), "valueString")) or text(
                member(parts.get("ombCategory"), "valueCoding", "display")
            )
            found += [said] if said else []
    return ", ".join(found) or NOT_CODED
