"""Heparin as the chart records it, for drawing: rates over time, the last 24 h, doses given.

For the eye only. What the service makes of the same record it works out for itself. A rate that
cannot be told, or cannot be true, is unknown: never zero.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from cds_service.demo.fixtures import Fixture, Resource
from cds_service.demo.search import moment_of
from cds_service.demo.tracks import load_tracks

DAY = timedelta(hours=24)
SMALLEST_BOLUS = 500  # units; below stand flushes and locks
NOT_IN_THE_PATIENT = ("not given", "circuit")  # as the local systems write it
FACTORS = {"u/h": 1.0, "u/min": 60.0, "u/d": 1 / 24}  # to U/h
SPELLINGS = (("[usp'u]", "u"), ("[iu]", "u"), ("units", "u"), ("iu", "u"), ("hour", "h"))
STRENGTH = re.compile(r"([\d,]+)\s*units?\s*(?:/|in)\s*([\d.]*)\s*mL", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DrawnSegment:
    """A stretch of an infusion at one rate; none where the rate cannot be told or be true."""

    start: datetime
    end: datetime
    units_per_hour: float | None
    unknown: str = ""  # why there is no rate, in the words of the page


@dataclass(frozen=True, slots=True)
class Event:
    """Something given or done at one moment."""

    at: datetime
    kind: str  # "heparin", "antithrombin", "procedure"
    label: str


def rate_ordered(order: Resource, case: Fixture, weight_kg: float | None) -> float | None:
    """U/h of an order for a heparin infusion; none where no rate can be read."""
    for dosage in order.get("dosageInstruction", []):
        for rate in dosage.get("doseAndRate", []):
            return _units_per_hour(rate, order, case, weight_kg)
    return None


def draws_heparin_infusion(order: Resource, case: Fixture) -> bool:
    """Whether a medication order is for heparin into a vein, continuously."""
    if "heparin" not in medication_name(order, case).lower():
        return False
    for dosage in order.get("dosageInstruction", []):
        rates = dosage.get("doseAndRate", [])
        rated = any("rateQuantity" in one or "rateRatio" in one for one in rates)
        said = "infusion" in str(dosage.get("text", "")).lower()
        if (rated or said) and "circuit" not in _way(dosage):
            return True
    return False


def segments(case: Fixture, weight_kg: float | None) -> tuple[DrawnSegment, ...]:
    """The heparin infusion, oldest first; of overlapping stretches the newer ends the older."""
    found = [_segment(entry, case, weight_kg) for entry in _given(case, "heparin")]
    charted = [one for one in found if one]
    ordered = sorted(charted or _not_charted(case, weight_kg), key=lambda one: one.start)
    ends = [one.start for one in ordered[1:]]
    cut = [
        replace(one, end=min(one.end, following))
        for one, following in zip(ordered, [*ends, case.now], strict=False)
    ]
    return tuple(one for one in cut if one.end > one.start)


def dose_of_day(infusion: tuple[DrawnSegment, ...], until: datetime) -> float | None:
    """Units infused in the 24 h before a moment; none if a rate of that day is unknown."""
    total = 0.0
    for one in infusion:
        stretch = min(one.end, until) - max(one.start, until - DAY)
        if stretch <= timedelta():
            continue
        if one.units_per_hour is None:
            return None
        total += stretch / timedelta(hours=1) * one.units_per_hour
    return total


def active_infusion(case: Fixture) -> Resource | None:
    """The first order for a heparin infusion that is active."""
    active = (one for one in case.resources if one.get("status") == "active")
    orders = (one for one in active if one["resourceType"] == "MedicationRequest")
    return next((one for one in orders if draws_heparin_infusion(one, case)), None)


def events(case: Fixture) -> tuple[Event, ...]:
    """Boluses of heparin, doses of antithrombin, procedures; oldest first."""
    boluses = [_bolus(entry) for entry in _given(case, "heparin")]
    antithrombin = [_dose(entry, "antithrombin") for entry in _given(case, "antithrombin")]
    procedures = [_procedure(entry) for entry in case.resources]
    found = (one for one in (*boluses, *antithrombin, *procedures) if one and one.at <= case.now)
    return tuple(sorted(found, key=lambda one: one.at))


def medication_name(resource: Resource, case: Fixture) -> str:
    """What the drug is called, wherever it stands: inline, contained, referenced."""
    concept = resource.get("medicationCodeableConcept") or _medication(resource, case).get("code")
    return _concept_text(concept or resource.get("medicationReference") or {})


def _concept_text(concept: Mapping[str, Any]) -> str:
    displays = [one["display"] for one in concept.get("coding", []) if "display" in one]
    texts = [concept.get("text"), *displays, concept.get("display"), "medication without a name"]
    return str(next(text for text in texts if text))


def _medication(resource: Resource, case: Fixture) -> Resource:
    wanted = resource.get("medicationReference", {}).get("reference", "")
    id_ = wanted.rpartition("/")[2].removeprefix("#")
    held = [*resource.get("contained", []), *case.resources]
    found = (one for one in held if one["resourceType"] == "Medication" and one.get("id") == id_)
    return next(found, {})


def _given(case: Fixture, drug: str) -> list[Resource]:
    return [
        entry
        for entry in case.resources
        if entry["resourceType"] == "MedicationAdministration"
        and drug in medication_name(entry, case).lower()
        and entry.get("status") in ("in-progress", "completed", "on-hold", "stopped")
        and not any(word in _way(entry.get("dosage", {})) for word in NOT_IN_THE_PATIENT)
    ]


def _way(dosage: Mapping[str, Any]) -> str:
    """Route and method in words."""
    texts = (str(dosage.get(name, {}).get("text", "")) for name in ("route", "method"))
    return " ".join(texts).lower()


def _start(resource: Resource) -> datetime | None:
    begun = resource.get("effectivePeriod", {}).get("start")
    return moment_of(resource.get("effectiveDateTime") or begun or "")


def _segment(resource: Resource, case: Fixture, weight_kg: float | None) -> DrawnSegment | None:
    dosage, start = resource.get("dosage", {}), _start(resource)
    if start is None or not _is_stretch(resource):
        return None
    end = moment_of(resource.get("effectivePeriod", {}).get("end", "")) or case.now
    rate = _units_per_hour(dosage, resource, case, weight_kg)
    if rate is None:
        return DrawnSegment(start, min(end, case.now), None, "rate cannot be read")
    if not load_tracks().may_be_true(rate, weight_kg):
        return DrawnSegment(
            start, min(end, case.now), None, f"{rate:,.0f} U/h charted, implausible"
        )
    return DrawnSegment(start, min(end, case.now), rate)


def _is_stretch(resource: Resource) -> bool:
    """An infusion has a rate, or lasts without a dose of its own; the rest was given at once."""
    dosage = resource.get("dosage", {})
    lasts = "effectivePeriod" in resource and "dose" not in dosage
    return lasts or "rateQuantity" in dosage or "rateRatio" in dosage


def _not_charted(case: Fixture, weight_kg: float | None) -> list[DrawnSegment]:
    """Where nothing is charted as given, an active order tells that something runs, not what."""
    order = active_infusion(case)
    start = moment_of(order.get("authoredOn", "")) if order else None
    if order is None or start is None:
        return []
    rate = rate_ordered(order, case, weight_kg)
    said = "rate cannot be read" if rate is None else f"{rate:,.0f} U/h ordered, none charted"
    return [DrawnSegment(start, case.now, None, said)]


def _units_per_hour(
    dosage: Mapping[str, Any], resource: Resource, case: Fixture, weight_kg: float | None
) -> float | None:
    value, unit = _rate(dosage)
    if value is None:
        return None
    if unit == "u/kg/h":
        return value * weight_kg if weight_kg else None
    if unit == "ml/h":
        strength = _units_per_ml(resource, case)
        return value * strength if strength else None
    return value * FACTORS[unit] if unit in FACTORS else None


def _rate(dosage: Mapping[str, Any]) -> tuple[float | None, str]:
    if quantity := dosage.get("rateQuantity"):
        unit = quantity.get("code") or quantity.get("unit") or ""
        return quantity.get("value"), _spelt(unit)
    ratio = dosage.get("rateRatio", {})
    upper, lower = ratio.get("numerator", {}), ratio.get("denominator", {})
    if not upper.get("value") or not lower.get("value"):
        return None, ""
    return upper["value"] / lower["value"], _spelt(f"{_unit(upper)}/{_unit(lower)}")


def _unit(quantity: Mapping[str, Any]) -> str:
    return str(quantity.get("code") or quantity.get("unit") or "")


def _spelt(unit: str) -> str:
    written = unit.lower()
    for theirs, ours in SPELLINGS:
        written = written.replace(theirs, ours)
    return written


def _units_per_ml(resource: Resource, case: Fixture) -> float | None:
    medication = _medication(resource, case)
    for ingredient in medication.get("ingredient", []):
        strength = ingredient.get("strength", {})
        upper, lower = strength.get("numerator", {}), strength.get("denominator", {})
        if upper.get("value") and lower.get("value"):
            return float(upper["value"] / lower["value"])
    written = STRENGTH.search(medication_name(resource, case))
    if written is None:
        return None
    return float(written[1].replace(",", "")) / float(written[2] or 1)


def _bolus(resource: Resource) -> Event | None:
    dosage = resource.get("dosage", {})
    large = dosage.get("dose", {}).get("value", 0) >= SMALLEST_BOLUS
    return _dose(resource, "heparin") if large and "subcutaneous" not in _way(dosage) else None


def _dose(resource: Resource, kind: str) -> Event | None:
    at, dose = _start(resource), resource.get("dosage", {}).get("dose", {})
    if at is None or not dose.get("value"):
        return None
    names = {"heparin": "Heparin bolus", "antithrombin": "Antithrombin"}
    unit = {"heparin": "U", "antithrombin": "IU"}[kind]
    return Event(at, kind, f"{names[kind]} {dose['value']:,.0f} {unit}")


def _procedure(resource: Resource) -> Event | None:
    if resource["resourceType"] != "Procedure":
        return None
    begun = resource.get("performedPeriod", {}).get("start")
    at = moment_of(resource.get("performedDateTime") or begun or "")
    return Event(at, "procedure", _concept_text(resource.get("code", {}))) if at else None
