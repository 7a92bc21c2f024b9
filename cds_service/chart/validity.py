"""From when until when an order says it runs, beside the time at which it was written.

Reads `timing.repeat.bounds[x]` of the instructions and `dispenseRequest.validityPeriod`; where both
are given, the narrower holds. https://hl7.org/fhir/R4/datatypes.html#Timing
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from cds_service.chart.administrations import ReaderTables
from cds_service.chart.fhir_datetime import Period, read_period
from cds_service.chart.fhir_json import each, member
from cds_service.chart.query_result import Resource
from cds_service.chart.units import read_quantity

_LONGEST_HOURS = 24.0 * 36_525  # a century: beyond it something else is meant


def validity(
    resource: Resource, authored: datetime | None, tables: ReaderTables
) -> tuple[datetime | None, datetime | None]:
    """When an order begins and ends.

    It begins at the latest of the starts given, `authored` among them, and ends at the earliest
    end.
    """
    valid = read_period(member(resource, "dispenseRequest", "validityPeriod"), tables.placing)
    leading = _leading(member(resource, "dosageInstruction"))
    bounds = _together([_bounds(node, authored, tables) for node in leading])
    starts = [at for at in (authored, valid.start, bounds.start) if at is not None]
    ends = [at for at in (valid.end, bounds.end) if at is not None]
    return max(starts, default=None), min(ends, default=None)


def _leading(instructions: object) -> list[object]:
    """The instructions with a rate, as they lead the dosage; without any, all of them."""
    nodes = list(each(instructions))
    return [node for node in nodes if _has_rate(node)] or nodes


def _has_rate(node: object) -> bool:
    holders = (*each(member(node, "doseAndRate")), node)
    return any(
        member(holder, key) is not None
        for holder in holders
        for key in ("rateQuantity", "rateRatio")
    )


def _bounds(node: object, authored: datetime | None, tables: ReaderTables) -> Period:
    repeat = member(node, "timing", "repeat")
    stated = read_period(member(repeat, "boundsPeriod"), tables.placing)
    hours = tables.vocabulary.concepts.units["time"]
    if stated.start is not None or stated.end is not None:
        return stated
    longest = _hours(member(repeat, "boundsDuration"), hours)
    longest = longest or _hours(member(repeat, "boundsRange", "high"), hours)
    if authored is None or longest is None:
        return Period()
    return Period(None, authored + timedelta(hours=longest))


def _hours(node: object, hours: Mapping[str, float]) -> float | None:
    quantity = read_quantity(node)
    worth = hours.get(quantity.code) or hours.get(quantity.unit)
    if quantity.value is None or worth is None or quantity.value <= 0:
        return None
    length = quantity.value * worth
    return length if length <= _LONGEST_HOURS else None


def _together(bounds: list[Period]) -> Period:
    """Of several instructions the earliest start and the latest end; open if one is."""
    starts = [one.start for one in bounds]
    ends = [one.end for one in bounds]
    return Period(_unless_open(starts, min), _unless_open(ends, max))


def _unless_open(
    times: list[datetime | None], choose: Callable[[list[datetime]], datetime]
) -> datetime | None:
    known = [at for at in times if at is not None]
    return choose(known) if known and len(known) == len(times) else None
