"""What was known of a resource, and from when on: who asks about the past must not look ahead.

An export holds the last word on everything. A running infusion had no end yet, a problem that
has resolved was active, an order that has ended stood. Where a resource does not say when it
became known, the end of its encounter does (diagnoses are coded at discharge); without that it
is left out, and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from cds_service.chart.fhir_datetime import (
    NOWHERE,
    Period,
    Placing,
    latest,
    read_instant,
    read_period,
)
from cds_service.chart.fhir_json import each, member, reference, text
from cds_service.chart.observations import drawn
from cds_service.chart.query_result import Resource

_OVER = ("completed", "stopped")


@dataclass(frozen=True, slots=True)
class Ends:
    """What ended when, as the rest of the export tells it."""

    encounters: Mapping[str, datetime] = field(default_factory=dict)  # encounter id -> its end
    orders: Mapping[str, datetime] = field(default_factory=dict)  # order id -> last given under it
    placing: Placing = NOWHERE  # of times without zone, by the patient's other times


@dataclass(frozen=True, slots=True)
class Version:
    """A resource as it stood from a moment on; without one it was always known."""

    since: datetime | None
    resource: Resource


def versions(resource: Resource, ends: Ends) -> tuple[Version, ...]:
    """Every state of a resource, in time order; none if nobody can tell when it was known."""
    kind = text(member(resource, "resourceType"))
    found = tuple(_READERS.get(kind, _always)(resource, ends))
    if found:  # what may have become known at some moment of a stretch is known at its end
        return tuple(replace(v, since=latest(v.since)) if v.since else v for v in found)
    discharged = ends.encounters.get(reference(member(resource, "encounter")).id)
    return (Version(discharged, resource),) if discharged else ()


def ends_of(resources: Iterable[Resource]) -> Ends:
    """When each encounter ended, as far as it has, and when something was last given by order."""
    everything = tuple(resources)
    placing = Placing(nodes=everything)
    stays = (r for r in everything if text(member(r, "resourceType")) == "Encounter")
    dated = ((text(member(r, "id")), read_period(member(r, "period"), placing).end) for r in stays)
    return Ends(
        encounters={stay: latest(end) for stay, end in dated if end is not None},
        orders=_last_given(everything, placing),
        placing=placing,
    )


def _last_given(resources: Iterable[Resource], placing: Placing) -> Mapping[str, datetime]:
    """Order id -> the end of the last administration that names it."""
    last: dict[str, datetime] = {}
    for resource in resources:
        if text(member(resource, "resourceType")) != "MedicationAdministration":
            continue
        order = reference(member(resource, "request")).id
        period = _when(resource, placing, "effectiveDateTime", "effectivePeriod")
        at = period.end or period.start
        if order and at is not None:
            last[order] = max(latest(at), last.get(order, latest(at)))
    return last


def _always(resource: Resource, _: Ends) -> Iterable[Version]:
    yield Version(None, resource)


def _observation(resource: Resource, ends: Ends) -> Iterable[Version]:
    """From its issue on; a sample that is drawn is not yet a result."""
    since = _last_moment(resource, ends.placing, "issued") or drawn(resource, ends.placing)
    if since is not None:
        yield Version(since, resource)


def _administration(resource: Resource, ends: Ends) -> Iterable[Version]:
    """A rate is known from its start on, a total only when it is in."""
    period = _when(resource, ends.placing, "effectiveDateTime", "effectivePeriod")
    dosage = next(iter(each(member(resource, "dosage"))), None)
    rated = any(member(dosage, rate) is not None for rate in ("rateQuantity", "rateRatio"))
    if not rated and member(dosage, "dose") is not None:
        period = Period(period.end or period.start)
    yield from _stretch(resource, period, "effectivePeriod", "in-progress")


def _procedure(resource: Resource, ends: Ends) -> Iterable[Version]:
    period = _when(resource, ends.placing, "performedDateTime", "performedPeriod")
    yield from _stretch(resource, period, "performedPeriod", "in-progress")


def _encounter(resource: Resource, ends: Ends) -> Iterable[Version]:
    period = read_period(member(resource, "period"), ends.placing)
    yield from _stretch(resource, period, "period", "in-progress")


def _order(resource: Resource, ends: Ends) -> Iterable[Version]:
    """Active until the end it states, else until something was last given by it.

    Without either, its status is taken as exported: nobody can tell when it changed.
    """
    since, status = (
        _last_moment(resource, ends.placing, "authoredOn"),
        text(member(resource, "status")),
    )
    if since is None:
        return
    end = max(_order_ends(resource, ends.placing), default=None)
    if end is None and status in _OVER:  # an active order without an end is running still
        end = ends.orders.get(text(member(resource, "id")))
    if end is None or end <= since or status not in (*_OVER, "active"):
        yield Version(since, resource)
        return
    yield Version(since, {**resource, "status": "active"})
    yield Version(end, {**resource, "status": "completed" if status == "active" else status})


def _order_ends(resource: Resource, placing: Placing) -> Iterable[datetime]:
    stated = [member(resource, "dispenseRequest", "validityPeriod")]
    for dosage in each(member(resource, "dosageInstruction")):
        stated.append(member(dosage, "timing", "repeat", "boundsPeriod"))
    return (end for period in stated if (end := read_period(period, placing).end) is not None)


def _test_order(resource: Resource, ends: Ends) -> Iterable[Version]:
    since = _last_moment(resource, ends.placing, "authoredOn")
    if since is not None:
        yield Version(since, resource)


def _finding(resource: Resource, ends: Ends) -> Iterable[Version]:
    """A problem or allergy: active until it abated."""
    since, abated = _begun(resource, ends.placing), _abated(resource, ends.placing)
    if since is None:
        return
    if abated is None or abated <= since:
        yield Version(since, resource)
        return
    standing = _without(resource, "abatement")
    yield Version(since, {**standing, "clinicalStatus": {"coding": [{"code": "active"}]}})
    yield Version(abated, resource)


def _begun(resource: Resource, placing: Placing) -> datetime | None:
    return (
        _last_moment(resource, placing, "recordedDate")
        or _last_moment(resource, placing, "onsetDateTime")
        or read_instant(member(resource, "onsetPeriod", "start"), placing)
    )


def _abated(resource: Resource, placing: Placing) -> datetime | None:
    period = member(resource, "abatementPeriod", "start")
    return _last_moment(resource, placing, "abatementDateTime") or read_instant(period, placing)


def _without(node: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """A resource or element without the keys that begin so."""
    return {key: value for key, value in node.items() if not key.startswith(prefix)}


def _stretch(resource: Resource, period: Period, key: str, running: str) -> Iterable[Version]:
    """A row with a Period: without its end, and as running, until that end came."""
    start, end = period.start or period.end, period.end
    if start is None:
        return
    if end is None or end <= start:
        yield Version(start, resource)
        return
    opened = {k: v for k, v in dict(resource[key]).items() if k != "end"}
    yield Version(start, {**_without_dose(resource), key: opened, "status": running})
    yield Version(end, resource)


def _without_dose(resource: Resource) -> Resource:
    """The total is known at the end only; the rate is known while it runs."""
    dosage = resource.get("dosage")
    if not isinstance(dosage, dict):
        return resource
    return {**resource, "dosage": {k: v for k, v in dosage.items() if k != "dose"}}


def _when(resource: Resource, placing: Placing, point: str, period: str) -> Period:
    if member(resource, point) is not None:
        return Period(_last_moment(resource, placing, point))
    return read_period(member(resource, period), placing)


def _last_moment(resource: Resource, placing: Placing, key: str) -> datetime | None:
    """The last moment that a recorded time can mean, so that nothing is known before it was."""
    at = read_instant(member(resource, key), placing)
    return None if at is None else latest(at)


_READERS: Mapping[str, Callable[[Resource, Ends], Iterable[Version]]] = {
    "Observation": _observation,
    "MedicationAdministration": _administration,
    "MedicationRequest": _order,
    "Condition": _finding,
    "AllergyIntolerance": _finding,
    "Procedure": _procedure,
    "ServiceRequest": _test_order,
    "Encounter": _encounter,
}
