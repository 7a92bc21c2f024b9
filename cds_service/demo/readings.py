"""The chart as the page shows it: who the patient is, what was measured, what is ordered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cds_service.demo.fixtures import Fixture, Resource
from cds_service.demo.infusion import (
    dose_of_day,
    draws_heparin_infusion,
    events,
    medication_name,
    rate_ordered,
    segments,
)
from cds_service.demo.search import moment_of
from cds_service.demo.tracks import Reading, Tracks, readings

STATE_WORDS = {"below": "low", "within": "in range", "above": "high"}
SETTLED = ("inactive", "resolved", "remission")
NOT_TRUE = ("refuted", "entered-in-error")


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest result of one track, for the banner."""

    label: str
    shown: str
    ago: str
    state: str


@dataclass(frozen=True, slots=True)
class Banner:
    """What stands above every page of a chart."""

    name: str
    age: str
    sex: str
    weight: str
    weight_kg: float | None
    problems: tuple[str, ...]
    allergies: tuple[str, ...]
    heparin: str
    heparin_note: str
    latest: tuple[Latest, ...]


@dataclass(frozen=True, slots=True)
class ChartedOrder:
    """An order of the chart that is still active."""

    reference: str
    name: str
    dose: str
    heparin: bool  # an intravenous infusion of it


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """One line of the timeline in words."""

    at: datetime
    what: str
    shown: str
    state: str


def banner(case: Fixture, tracks: Tracks) -> Banner:
    """The head of the chart."""
    patient = case.patient
    weights = readings(case.resources, tracks.weight)
    weight_kg = plausible_weight(case, tracks)
    heparin, note = _heparin_now(case, weight_kg)
    return Banner(
        name=full_name(patient),
        age=_age(patient.get("birthDate", ""), case.now),
        sex=str(patient.get("gender", "sex unknown")),
        weight=weights[-1].shown if weights else "not recorded",
        weight_kg=weight_kg,
        problems=tuple(_texts(case.resources, "Condition")),
        allergies=tuple(_texts(case.resources, "AllergyIntolerance")),
        heparin=heparin,
        heparin_note=note,
        latest=tuple(_latest(case, tracks)),
    )


def plausible_weight(case: Fixture, tracks: Tracks) -> float | None:
    """The newest weight in kg, if it may be one of a person."""
    weights = [one.value for one in readings(case.resources, tracks.weight)]
    newest = weights[-1] if weights else None
    return newest if newest and 1 <= newest <= 400 else None


def full_name(patient: Resource) -> str:
    """Given and family name as registered."""
    name: Mapping[str, Any] = next(iter(patient.get("name", [])), {})
    parts = [*name.get("given", []), name.get("family", "")]
    return name.get("text") or " ".join(part for part in parts if part) or "Name unknown"


def charted_orders(case: Fixture) -> tuple[ChartedOrder, ...]:
    """Orders for drugs and tests that are active, drugs first."""
    kinds = ("MedicationRequest", "ServiceRequest")
    active = [one for one in case.resources if one.get("status") == "active"]
    ordered = [one for kind in kinds for one in active if one["resourceType"] == kind]
    return tuple(_charted(one, case) for one in ordered)


def table_rows(case: Fixture, tracks: Tracks) -> tuple[ReadingRow, ...]:
    """Everything the timeline draws, newest first."""
    labs = [
        ReadingRow(one.at, track.label, one.shown, STATE_WORDS.get(one.state, ""))
        for track in tracks.drawn
        for one in readings(case.resources, track)
    ]
    rates = [
        ReadingRow(one.start, "Heparin infusion", f"{one.units_per_hour:,.0f} U/h", "")
        for one in segments(case, plausible_weight(case, tracks))
    ]
    done = [ReadingRow(one.at, "Event", one.label, "") for one in events(case)]
    return tuple(sorted((*labs, *rates, *done), key=lambda row: row.at, reverse=True))


def ago(at: datetime, now: datetime) -> str:
    """How long before the present, in the words of a ward."""
    minutes = round((now - at).total_seconds() / 60)
    if minutes < 60:
        return f"{minutes} min ago"
    return f"{round(minutes / 60)} h ago" if minutes < 72 * 60 else f"{round(minutes / 1440)} d ago"


def _age(birth_date: str, now: datetime) -> str:
    born = moment_of(birth_date)
    if born is None:
        return "age unknown"
    before_birthday = (now.month, now.day) < (born.month, born.day)
    return f"{now.year - born.year - before_birthday} years"


def _latest(case: Fixture, tracks: Tracks) -> Iterator[Latest]:
    for track in tracks.drawn:
        found = readings(case.resources, track)
        if not found:
            yield Latest(track.label, "not measured", "", "")
            continue
        newest = found[-1]
        state = STATE_WORDS.get(newest.state, "")
        yield Latest(track.label, _written(newest), ago(newest.at, case.now), state)


def _written(reading: Reading) -> str:
    return reading.shown if reading.value is None or "<" in reading.shown else _plain(reading)


def _plain(reading: Reading) -> str:
    return f"{reading.track.write(reading.value or 0)} {reading.track.unit}"


def _heparin_now(case: Fixture, weight_kg: float | None) -> tuple[str, str]:
    infusion = segments(case, weight_kg)
    if not infusion or infusion[-1].end < case.now:
        return _heparin_ordered(case, weight_kg), ""
    rate = infusion[-1].units_per_hour
    by_weight = f"{rate / weight_kg:.1f} U/kg/h, " if weight_kg else ""
    return f"{rate:,.0f} U/h", f"{by_weight}{dose_of_day(infusion, case.now):,.0f} U in 24 h"


def _heparin_ordered(case: Fixture, weight_kg: float | None) -> str:
    """Where nothing is charted as given, the active order is all there is."""
    active = (one for one in case.resources if one.get("status") == "active")
    orders = (one for one in active if one["resourceType"] == "MedicationRequest")
    order = next((one for one in orders if draws_heparin_infusion(one, case)), None)
    if order is None:
        return "not running"
    rate = rate_ordered(order, case, weight_kg)
    return "ordered, rate not readable" if rate is None else f"{rate:,.0f} U/h by order"


def _texts(resources: Iterable[Resource], kind: str) -> Iterator[str]:
    for entry in resources:
        if entry["resourceType"] == kind and not _is(entry, "verificationStatus", NOT_TRUE):
            code = entry.get("code", {})
            displays = [one["display"] for one in code.get("coding", []) if "display" in one]
            text = next(iter([*filter(None, [code.get("text")]), *displays, "without a name"]))
            yield f"{text} (history)" if _is(entry, "clinicalStatus", SETTLED) else text


def _is(resource: Resource, element: str, codes: tuple[str, ...]) -> bool:
    codings = resource.get(element, {}).get("coding", [])
    return any(one.get("code") in codes for one in codings)


def _charted(order: Resource, case: Fixture) -> ChartedOrder:
    reference = f"{order['resourceType']}/{order['id']}"
    if order["resourceType"] == "ServiceRequest":
        text = order.get("code", {}).get("text", "test")
        return ChartedOrder(reference, text, "", heparin=False)
    name = medication_name(order, case)
    dosage: Mapping[str, Any] = next(iter(order.get("dosageInstruction", [])), {})
    return ChartedOrder(
        reference, name, str(dosage.get("text", "")), draws_heparin_infusion(order, case)
    )
