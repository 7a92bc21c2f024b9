"""The chart as the page shows it: who the patient is, what was measured, what is ordered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cds_service.demo.fixtures import Fixture, Resource
from cds_service.demo.infusion import (
    DrawnSegment,
    active_infusion,
    dose_of_day,
    draws_heparin_infusion,
    events,
    medication_name,
    rate_ordered,
    segments,
)
from cds_service.demo.search import moment_of
from cds_service.demo.times import ago, clock_time, ward_zone
from cds_service.demo.tracks import IMPLAUSIBLE, UNREADABLE, Reading, Tracks, readings

STATE_WORDS = {
    "": "",  # of a track without a band
    "below": "low",
    "within": "in range",
    "above": "high",
    IMPLAUSIBLE: "implausible",
    UNREADABLE: "unit unknown",
}
SETTLED = ("inactive", "resolved", "remission")
NOT_TRUE = ("refuted", "entered-in-error")


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest result of one track, for the banner."""

    label: str
    shown: str
    when: str
    state: str


@dataclass(frozen=True, slots=True)
class Banner:
    """What stands above every page of a chart."""

    name: str
    age: str
    sex: str
    weight: str
    weight_note: str
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
    clock: str
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
        weight_note=STATE_WORDS[weights[-1].state] if weights else "",
        weight_kg=weight_kg,
        problems=tuple(_texts(case.resources, "Condition")),
        allergies=tuple(_texts(case.resources, "AllergyIntolerance")),
        heparin=heparin,
        heparin_note=note,
        latest=tuple(_latest(case, tracks)),
    )


def plausible_weight(case: Fixture, tracks: Tracks) -> float | None:
    """The newest weight in kg, if it may be one of a person."""
    weights = readings(case.resources, tracks.weight)
    return weights[-1].usable if weights else None


def running_rate(case: Fixture, tracks: Tracks) -> Mapping[str, float]:
    """The rate of heparin by unit: as charted, else as ordered; empty if neither can be told."""
    weight_kg = plausible_weight(case, tracks)
    now = _under_way(case, weight_kg)
    order = active_infusion(case)
    rate = now.units_per_hour if now else None
    if rate is None and order is not None:
        rate = rate_ordered(order, case, weight_kg)
    if rate is None or not tracks.may_be_true(rate, weight_kg):
        return {}
    by_weight = {"U/kg/h": round(rate / weight_kg, 1)} if weight_kg else {}
    return {"U/h": round(rate), **by_weight}


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
    zone, weight_kg = ward_zone(case), plausible_weight(case, tracks)

    def row(at: datetime, what: str, shown: str, state: str = "") -> ReadingRow:
        return ReadingRow(at, clock_time(at, case.now, zone), what, shown, state)

    labs = [
        row(one.at, track.label, one.shown, STATE_WORDS[one.state])
        for track in tracks.drawn
        for one in readings(case.resources, track)
    ]
    rates = [
        row(one.start, "Heparin infusion", _rate_in_words(one)) for one in segments(case, weight_kg)
    ]
    done = [row(one.at, "Event", one.label) for one in events(case)]
    return tuple(sorted((*labs, *rates, *done), key=lambda row: row.at, reverse=True))


def _age(birth_date: str, now: datetime) -> str:
    born = moment_of(birth_date)
    if born is None:
        return "age unknown"
    before_birthday = (now.month, now.day) < (born.month, born.day)
    return f"{now.year - born.year - before_birthday} years"


def _latest(case: Fixture, tracks: Tracks) -> Iterator[Latest]:
    zone = ward_zone(case)
    for track in tracks.drawn:
        found = readings(case.resources, track)
        if not found:
            yield Latest(track.label, "not measured", "", "")
            continue
        newest = found[-1]
        when = f"{clock_time(newest.at, case.now, zone)}, {ago(newest.at, case.now)}"
        yield Latest(track.label, _written(newest), when, STATE_WORDS[newest.state])


def _written(reading: Reading) -> str:
    return reading.shown if reading.usable is None or "<" in reading.shown else _plain(reading)


def _plain(reading: Reading) -> str:
    return f"{reading.track.write(reading.value or 0)} {reading.track.unit}"


def _under_way(case: Fixture, weight_kg: float | None) -> DrawnSegment | None:
    """The stretch of the infusion that reaches the present."""
    infusion = segments(case, weight_kg)
    return infusion[-1] if infusion and infusion[-1].end >= case.now else None


def _rate_in_words(one: DrawnSegment) -> str:
    rate = one.units_per_hour
    return f"unknown ({one.unknown})" if rate is None else f"{rate:,.0f} U/h"


def _heparin_now(case: Fixture, weight_kg: float | None) -> tuple[str, str]:
    now = _under_way(case, weight_kg)
    if now is None:
        return _heparin_ordered(case, weight_kg), ""
    if now.units_per_hour is None:
        return "rate unknown", now.unknown
    rate = now.units_per_hour
    by_weight = f"{rate / weight_kg:.1f} U/kg/h, " if weight_kg else ""
    day = dose_of_day(segments(case, weight_kg), case.now)
    units = "24 h dose unknown" if day is None else f"{day:,.0f} U in 24 h"
    return f"{rate:,.0f} U/h", f"{by_weight}{units}"


def _heparin_ordered(case: Fixture, weight_kg: float | None) -> str:
    """Where nothing is charted as running, the active order is all there is."""
    order = active_infusion(case)
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
