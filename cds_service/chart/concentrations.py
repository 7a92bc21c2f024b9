"""How much drug is in a millilitre: from ingredient strengths, product codes or a product's name.

Vials are diluted before they run, so only the preparation itself counts: the strength of its
ingredient, never the strength of the vial that went in. Where two sources differ, there is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cds_service.chart.concepts import Concepts
from cds_service.chart.fhir_json import member
from cds_service.chart.units import Quantity, Unit, Units, read_quantity, rounded
from cds_service.chart.vocabulary import folded

_NUMBER = r"(?<![\d.,])(\d{1,3}(?:,\d{3})+|\d{1,9})(\.\d{1,6})?(?![\d,])"


@dataclass(frozen=True, slots=True)
class Concentration:
    """IU or mg in one mL."""

    per_ml: float
    kind: str  # "iu" or "mass"
    from_text: bool = False


class ConcentrationReader:
    """Finds concentrations with one table of units and products."""

    def __init__(self, concepts: Concepts, units: Units) -> None:
        self._units = units
        self._products = {folded(code): per_ml for code, per_ml in concepts.products.items()}
        self._in_text = _pattern(concepts)

    def found(
        self, strengths: Iterable[object], products: Iterable[str], names: Iterable[str]
    ) -> Concentration | None:
        """The concentration, if ingredient strengths, product codes and names all agree on one."""
        stated = {found for node in strengths if (found := self._of_ratio(node))}
        stated |= self._of_products(products)
        named = {found for name in names for found in self._in_name(name)}
        return next(iter(stated or named)) if _agree(stated | named) else None

    def _of_products(self, codes: Iterable[str]) -> set[Concentration]:
        """Of ready-made bags, whose product codes are listed with their IU per mL."""
        return {Concentration(self._products[c], "iu") for c in codes if c in self._products}

    def _of_ratio(self, node: object) -> Concentration | None:
        """Ingredient.strength, such as 25,000 [IU] in 250 mL."""
        amount = self._measured(read_quantity(member(node, "numerator")), ("iu", "mass"))
        volume = self._measured(read_quantity(member(node, "denominator")), ("volume",))
        if amount is None or volume is None:
            return None
        return _concentration(*amount, volume[0], from_text=False)

    def _measured(self, quantity: Quantity, kinds: tuple[str, ...]) -> tuple[float, str] | None:
        unit = self._units.unit_of(quantity)
        if quantity.value is None or quantity.comparator or unit is None:
            return None
        return (quantity.value * unit.factor, unit.kind) if _plain(unit, kinds) else None

    def _in_name(self, name: str) -> Iterator[Concentration]:
        for match in self._in_text.finditer(name):
            amount, fraction, unit, volume, volume_fraction, volume_unit = match.groups()
            worth = self._units.unit(unit)
            millilitres = self._units.unit(volume_unit)
            if worth is None or millilitres is None or _is_ambiguous(amount, fraction):
                continue
            found = _concentration(
                _value(amount, fraction) * worth.factor,
                worth.kind,
                (_value(volume, volume_fraction) if volume else 1.0) * millilitres.factor,
                from_text=True,
            )
            if found:
                yield found


def _agree(found: set[Concentration]) -> bool:
    return len({(one.per_ml, one.kind) for one in found}) == 1


def _plain(unit: Unit, kinds: tuple[str, ...]) -> bool:
    return unit.kind in kinds and not unit.per_kg and not unit.per_hour


def _concentration(
    amount: float, kind: str, volume: float, *, from_text: bool
) -> Concentration | None:
    if amount <= 0 or volume <= 0:
        return None
    return Concentration(rounded(amount / volume), kind, from_text)


def _value(whole: str, fraction: str | None) -> float:
    return float(whole.replace(",", "") + (fraction or ""))


def _is_ambiguous(whole: str, fraction: str | None) -> bool:
    """ "25.000" is twenty-five thousand in some countries."""
    # A dot and three digits.
    return fraction is not None and len(fraction) == 4 and "," not in whole


def _pattern(concepts: Concepts) -> re.Pattern[str]:
    """ "25,000 units/250 mL", "25000 units in D5W 250 mL", "100 UNT/ML"."""
    amounts = _spellings([*concepts.units["iu"], *concepts.units["mass"]])
    volumes = _spellings(concepts.units["volume"])
    percent = r"(?:\d{1,2}(?:\.\d{1,3})?\s?%\s?)?"
    fluid = rf"(?:{percent}(?:{_spellings(concepts.diluents)})\s?{percent}[,:]?\s?)?"
    return re.compile(
        rf"{_NUMBER}\s?({amounts})\s?(?:/|\bper\b|\bin\b)\s?{fluid}(?:{_NUMBER}\s?)?({volumes})\b",
        re.IGNORECASE,
    )


def _spellings(known: Iterable[str]) -> str:
    return "|".join(re.escape(one) for one in sorted(known, key=len, reverse=True))
