"""Units by an explicit table: a spelling is in its row, or the value is refused.

A result has one row of spellings. Doses and rates are taken apart: an amount (international
units, mass or volume), then per kg and per time, each part by its own row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from cds_service.chart.fhir_json import number, text

AMOUNTS = ("iu", "mass", "volume")
COMPARATORS = {sign: sign for sign in ("", "<", "<=", ">", ">=")}

_PER = re.compile(r"\s*/\s*|\s+per\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A FHIR Quantity as sent; `value` is None where it is no finite number."""

    value: float | None
    unit: str = ""
    code: str = ""
    comparator: str | None = ""  # None: one we do not know


@dataclass(frozen=True, slots=True)
class Unit:
    """What one of a unit is worth: IU, mg or mL, and per what."""

    kind: str
    factor: float  # to IU, mg or mL; per hour where `per_hour`
    per_kg: bool = False
    per_hour: bool = False
    micro: bool = False  # written in micrograms


class Units:
    """All rows of spellings. Case counts only where a row tells two spellings apart by it."""

    def __init__(self, rows: Mapping[str, Mapping[str, float]]) -> None:
        self._rows = rows
        self._folded = {
            name: {spelling.casefold(): factor for spelling, factor in row.items()}
            for name, row in rows.items()
        }
        self._known = {spelling for row in self._folded.values() for spelling in row if spelling}
        # The same few spellings come thousands of times over.
        self._factor_by = lru_cache(maxsize=4096)(self._factor)
        self._unit_by = lru_cache(maxsize=4096)(self._unit)

    def factor(self, row: str, spelling: str) -> float | None:
        """What the spelling is worth in a row's canonical unit."""
        exact = self._rows.get(row, {}).get(spelling)
        return self._folded.get(row, {}).get(spelling.casefold()) if exact is None else exact

    def factor_of(self, row: str, quantity: Quantity) -> float | None:
        """The same for a Quantity: by its code, else its unit text; None if they contradict."""
        return self._factor_by(row, quantity.code, quantity.unit)

    def _factor(self, row: str, code: str, unit: str) -> float | None:
        by_code = self.factor(row, code) if code else None
        by_text = self.factor(row, unit) if unit else None
        if by_code is None and by_text is None:
            return self.factor(row, "") if not (code or unit) else None
        if by_code is None and code.casefold() in self._known:
            return None  # the code names a unit of something else
        if by_code is not None and by_text is not None and by_code != by_text:
            return None
        return by_text if by_code is None else by_code

    def unit(self, spelling: str) -> Unit | None:
        """A unit of dose or rate: "U/kg/h", "mL/hour", "units in 24 h" not, "U/24h" yes."""
        return self._unit_by(spelling)

    def _unit(self, spelling: str) -> Unit | None:
        amount, *denominators = _PER.split(spelling.strip())
        parts = [inner for outer in denominators for inner in self._opened(outer)]
        bodies = [part for part in parts if self.factor("body", part)]
        hours = [h for part in parts if (h := self.factor("time", part))]
        kinds = [kind for kind in AMOUNTS if self.factor(kind, amount)]
        if len(kinds) != 1 or len(bodies) + len(hours) != len(parts):
            return None
        if len(bodies) > 1 or len(hours) > 1:
            return None
        worth = (self.factor(kinds[0], amount) or 0.0) / (hours[0] if hours else 1.0)
        micro = kinds[0] == "mass" and self.factor("mass", amount) == self.factor("mass", "ug")
        return Unit(kinds[0], worth, bool(bodies), bool(hours), micro)

    def unit_of(self, quantity: Quantity) -> Unit | None:
        """The same for a Quantity; None if its code and its unit text contradict."""
        by_code = self.unit(quantity.code) if quantity.code else None
        by_text = self.unit(quantity.unit) if quantity.unit else None
        if by_code and by_text and by_code != by_text:
            return None
        return by_code or by_text

    def _opened(self, part: str) -> tuple[str, ...]:
        """ "(kg.h)" holds two units, "(24.h)" one."""
        if self.factor("time", part) or not (part.startswith("(") and part.endswith(")")):
            return (part,)
        return tuple(part[1:-1].split("."))


def read_quantity(node: object) -> Quantity:
    """Any JSON as a Quantity; what is missing stays empty."""
    if not isinstance(node, dict):
        return Quantity(None)
    return Quantity(
        number(node.get("value")),
        text(node.get("unit")),
        text(node.get("code")),
        COMPARATORS.get(text(node.get("comparator"))),
    )


def rounded(value: float) -> float:
    """Free of what multiplication leaves behind: 0.57 x 100 is 57."""
    return float(f"{value:.10g}")
