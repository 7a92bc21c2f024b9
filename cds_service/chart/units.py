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
        # With neither, the row's empty spelling says whether a bare number is taken.
        by_text = self.factor(row, unit) if unit or not code else None
        if not code:
            return by_text
        by_code = self.factor(row, code)
        if by_code is None:  # the code may name a unit of something else: then the text is no help
            return None if code.casefold() in self._known else by_text
        return None if by_text is not None and by_code != by_text else by_code

    def unit(self, spelling: str) -> Unit | None:
        """A unit of dose or rate: "U/kg/h", "mL/hour" and "U/24h" are read, "units in 24 h" is
        not.
        """
        return self._unit_by(spelling)

    def _unit(self, spelling: str) -> Unit | None:
        amount, *denominators = _PER.split(spelling.strip())
        kinds = [kind for kind in AMOUNTS if self.factor(kind, amount)]
        per = self._per([inner for outer in denominators for inner in self._opened(outer)])
        if len(kinds) != 1 or per is None:
            return None
        per_kg, per_hour, hours = per
        worth = (self.factor(kinds[0], amount) or 0.0) / hours
        return Unit(kinds[0], worth, per_kg, per_hour, self._is_micro(kinds[0], amount))

    def _per(self, parts: list[str]) -> tuple[bool, bool, float] | None:
        """Whether a unit is per kg, per time, and per how many hours; None for anything else."""
        bodies = [part for part in parts if self.factor("body", part)]
        hours = [h for part in parts if (h := self.factor("time", part))]
        if len(bodies) + len(hours) != len(parts) or max(len(bodies), len(hours)) > 1:
            return None
        return bool(bodies), bool(hours), hours[0] if hours else 1.0

    def _is_micro(self, kind: str, amount: str) -> bool:
        return kind == "mass" and self.factor("mass", amount) == self.factor("mass", "ug")

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
    """A number to ten digits, free of what binary multiplication leaves: 0.57 x 100 is 57."""
    return float(f"{value:.10g}")
