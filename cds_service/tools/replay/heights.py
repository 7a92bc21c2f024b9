"""A patient's height, for the body mass index of the report's groups: no rule reads heights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from cds_service.chart.fhir_datetime import Placing
from cds_service.chart.fhir_json import codings, member, number, text
from cds_service.chart.observations import drawn
from cds_service.chart.query_result import Resource
from cds_service.rulebook.toml_table import read_table

TABLE = Path(__file__).with_name("heights.toml")
CM = 100.0  # in a metre


@dataclass(frozen=True, slots=True)
class HeightTable:
    """Codes by system, factors of units to cm, and what a height of an adult may be."""

    lowest_cm: float
    highest_cm: float
    units: Mapping[str, float]
    codes: Mapping[str, tuple[str, ...]]


@cache
def height_table() -> HeightTable:
    """The table of the package."""
    return read_table(TABLE, HeightTable)


def height_codes() -> frozenset[str]:
    """Every code of a height, whatever its system."""
    return frozenset(code for codes in height_table().codes.values() for code in codes)


def height_of(resources: Iterable[Resource], placing: Placing) -> float | None:
    """The newest height on record in cm, if there is a plausible one."""
    return max(_heights(resources, placing), default=(None, None), key=_when)[1]


def bmi(weight_kg: float | None, height_cm: float | None) -> float | None:
    """kg/m2, where both are known."""
    if not weight_kg or not height_cm:
        return None
    return round(weight_kg / (height_cm / CM) ** 2, 1)


def _when(one: tuple[datetime | None, float | None]) -> float:
    return one[0].timestamp() if one[0] else 0.0


def _heights(
    resources: Iterable[Resource], placing: Placing
) -> Iterator[tuple[datetime | None, float | None]]:
    table = height_table()
    known = {(system, code) for system, codes in table.codes.items() for code in codes}
    for one in resources:
        if one["resourceType"] != "Observation" or text(one.get("status")) == "entered-in-error":
            continue
        if known.isdisjoint((c.system, c.code) for c in codings(member(one, "code"))):
            continue
        value = _in_cm(member(one, "valueQuantity"), table)
        if value is not None:
            yield drawn(one, placing), value


def _in_cm(quantity: object, table: HeightTable) -> float | None:
    value = number(member(quantity, "value"))
    spelt = (text(member(quantity, "code")), text(member(quantity, "unit")))
    factor = next((table.units[unit] for unit in spelt if unit in table.units), None)
    if factor is None or value is None:
        return None
    cm = value * factor
    return round(cm, 1) if table.lowest_cm <= cm <= table.highest_cm else None
