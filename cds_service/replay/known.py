"""What was known of a resource, and from when on: a replay must not look ahead.

An export holds the last word on everything. A running infusion had no end yet, a problem that
has resolved was active, an order that has ended stood. Where a resource does not say when it
became known, the end of its encounter does (diagnoses are coded at discharge); without that it
is left out, and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cds_service.chart.facts import Resource
from cds_service.chart.instants import Period, read_instant, read_period
from cds_service.chart.json_reading import each, member, reference, text
from cds_service.chart.observations import drawn

_DAY_ONLY = len("2026-01-01")
_OVER = ("completed", "stopped")


@dataclass(frozen=True, slots=True)
class Ends:
    """What ended when, as the rest of the export tells it."""

    encounters: Mapping[str, datetime] = field(default_factory=dict)  # encounter id -> its end
    orders: Mapping[str, datetime] = field(default_factory=dict)  # order id -> last given under it


@dataclass(frozen=True, slots=True)
class Version:
    """A resource as it stood from a moment on; without one it was always known."""

    since: datetime | None
    resource: Resource


def versions(resource: Resource, ends: Ends) -> tuple[Version, ...]:
    """Every state of a resource, in time order; none if nobody can tell when it was known."""
    kind = text(member(resource, "resourceType"))
    if kind == "MedicationRequest":
        found = tuple(_order(resource, ends))
    else:
        found = tuple(_READERS.get(kind, _always)(resource))
    if found:
        return found
    discharged = ends.encounters.get(reference(member(resource, "encounter")).id)
    return (Version(discharged, resource),) if discharged else ()


def ends_of(resources: Iterable[Resource]) -> Ends:
    """When each encounter ended, as far as it has, and when something was last given by order."""
    everything = tuple(resources)
    stays = (r for r in everything if text(member(r, "resourceType")) == "Encounter")
    dated = ((text(member(r, "id")), read_period(member(r, "period")).end) for r in stays)
    return Ends(
        encounters={stay: end for stay, end in dated if end is not None},
        orders=_last_given(everything),
    )


def _last_given(resources: Iterable[Resource]) -> Mapping[str, datetime]:
    """Order id -> the end of the last administration that names it."""
    last: dict[str, datetime] = {}
    for resource in resources:
        if text(member(resource, "resourceType")) != "MedicationAdministration":
            continue
        order = reference(member(resource, "request")).id
        period = _when(resource, "effectiveDateTime", "effectivePeriod")
        at = period.end or period.start
        if order and at is not None:
            last[order] = max(at, last.get(order, at))
    return last


def _always(resource: Resource) -> Iterable[Version]:
    yield Version(None, resource)


def _observation(resource: Resource) -> Iterable[Version]:
    """From its issue on; a sample that is drawn is not yet a result."""
    since = _told(resource, "issued") or drawn(resource)
    if since is not None:
        yield Version(since, resource)


def _administration(resource: Resource) -> Iterable[Version]:
    """A rate is known from its start on, a total only when it is in."""
    period = _when(resource, "effectiveDateTime", "effectivePeriod")
    dosage = next(iter(each(member(resource, "dosage"))), None)
    rated = any(member(dosage, rate) is not None for rate in ("rateQuantity", "rateRatio"))
    if not rated and member(dosage, "dose") is not None:
        period = Period(period.end or period.start)
    yield from _stretch(resource, period, "effectivePeriod", "in-progress")


def _procedure(resource: Resource) -> Iterable[Version]:
    period = _when(resource, "performedDateTime", "performedPeriod")
    yield from _stretch(resource, period, "performedPeriod", "in-progress")


def _encounter(resource: Resource) -> Iterable[Version]:
    period = read_period(member(resource, "period"))
    yield from _stretch(resource, period, "period", "in-progress")


def _order(resource: Resource, ends: Ends) -> Iterable[Version]:
    """Active until the end it states, else until something was last given by it.

    Without either, its status is taken as exported: nobody can tell when it changed.
    """
    since, status = _told(resource, "authoredOn"), text(member(resource, "status"))
    if since is None:
        return
    end = max(_order_ends(resource), default=None)
    if end is None and status in _OVER:  # an active order without an end is running still
        end = ends.orders.get(text(member(resource, "id")))
    if end is None or end <= since or status not in (*_OVER, "active"):
        yield Version(since, resource)
        return
    yield Version(since, {**resource, "status": "active"})
    yield Version(end, {**resource, "status": "completed" if status == "active" else status})


def _order_ends(resource: Resource) -> Iterable[datetime]:
    stated = [member(resource, "dispenseRequest", "validityPeriod")]
    for dosage in each(member(resource, "dosageInstruction")):
        stated.append(member(dosage, "timing", "repeat", "boundsPeriod"))
    return (end for period in stated if (end := read_period(period).end) is not None)


def _test_order(resource: Resource) -> Iterable[Version]:
    since = _told(resource, "authoredOn")
    if since is not None:
        yield Version(since, resource)


def _finding(resource: Resource) -> Iterable[Version]:
    """A problem or allergy: active until it abated."""
    since = (
        _told(resource, "recordedDate")
        or _told(resource, "onsetDateTime")
        or read_instant(member(resource, "onsetPeriod", "start"))
    )
    if since is None:
        return
    abated = _told(resource, "abatementDateTime") or read_instant(
        member(resource, "abatementPeriod", "start")
    )
    if abated is None or abated <= since:
        yield Version(since, resource)
        return
    standing = {k: v for k, v in resource.items() if not k.startswith("abatement")}
    yield Version(since, {**standing, "clinicalStatus": {"coding": [{"code": "active"}]}})
    yield Version(abated, resource)


def _stretch(resource: Resource, period: Period, key: str, running: str) -> Iterable[Version]:
    """Without its end until that came."""
    start, end = period.start or period.end, period.end
    if start is None:
        return
    if end is None or end <= start:
        yield Version(start, resource)
        return
    opened = {k: v for k, v in dict(resource[key]).items() if k != "end"}
    dosage = {**resource, key: opened, "status": running}
    if isinstance(resource.get("dosage"), dict):
        dosage["dosage"] = {k: v for k, v in resource["dosage"].items() if k != "dose"}
    yield Version(start, dosage)
    yield Version(end, resource)


def _when(resource: Resource, point: str, period: str) -> Period:
    if member(resource, point) is not None:
        return Period(_told(resource, point))
    return read_period(member(resource, period))


def _told(resource: Resource, key: str) -> datetime | None:
    """A moment; of a day alone its end, so that nothing is known before it happened."""
    written = text(member(resource, key))
    at = read_instant(written)
    return at + timedelta(days=1) if at and len(written) <= _DAY_ONLY else at


_READERS: Mapping[str, Callable[[Resource], Iterable[Version]]] = {
    "Observation": _observation,
    "MedicationAdministration": _administration,
    "Condition": _finding,
    "AllergyIntolerance": _finding,
    "Procedure": _procedure,
    "ServiceRequest": _test_order,
    "Encounter": _encounter,
}
