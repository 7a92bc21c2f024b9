"""Medicines that cannot be identified: whether they may be heparin, by their dosage alone.

What runs at a rate, or is dosed in international units or without any unit, may be heparin; a
tablet in milligrams is not.
"""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.chart.facts import Route
from cds_service.chart.fhir_datetime import Period
from cds_service.chart.fhir_json import each, member, text, written
from cds_service.chart.route_and_use import AdministrationVocabulary
from cds_service.chart.units import Quantity, Units, read_quantity
from cds_service.chart.unknown_medicine_orders import UnidentifiedMedicine

_RATES = ("rateQuantity", "rateRatio", "rateRange")


class UnknownMedicines:
    """Reads the dosages of unidentified medicines with one table of units."""

    def __init__(self, units: Units, giving: AdministrationVocabulary) -> None:
        self._units = units
        self._giving = giving

    def read(
        self, source: str, dosages: tuple[object, ...], period: Period, *, is_open: bool
    ) -> UnidentifiedMedicine:
        """One order or administration; what is swallowed is no heparin, whatever its units."""
        if self._giving.route(dosages) is Route.ORAL:
            return UnidentifiedMedicine(
                source, period.start, period.end, is_open, rate=False, weighs=False
            )
        rate = any(self._runs(node) for node in dosages)
        return UnidentifiedMedicine(
            source=source,
            start=period.start,
            end=period.end,
            open=is_open,
            rate=rate,
            weighs=rate or any(self._weighs(q) for node in dosages for q in _doses(node)),
            written=next((amount for node in dosages if (amount := _amount_text(node))), ""),
        )

    def _runs(self, node: object) -> bool:
        """A rate in whatever unit, a dose per time, or a text that speaks of an infusion."""
        stated = any(member(one, key) is not None for one in _parts(node) for key in _RATES)
        per_time = any(u.per_hour for q in _doses(node) if (u := self._units.unit_of(q)))
        in_words = self._giving.is_infusion([member(node, "method")], [text(member(node, "text"))])
        return stated or per_time or in_words

    def _weighs(self, dose: Quantity) -> bool:
        unit = self._units.unit_of(dose)
        unitless = dose.value is not None and not (dose.unit or dose.code)
        return unitless or (unit is not None and unit.kind == "iu")


def _parts(node: object) -> Iterator[object]:
    yield from each(member(node, "doseAndRate"))
    yield node


def _doses(node: object) -> Iterator[Quantity]:
    for part in _parts(node):
        for key in ("doseQuantity", "dose"):
            if (dose := member(part, key)) is not None:
                yield read_quantity(dose)
        for end in ("low", "high"):
            if (dose := member(part, "doseRange", end)) is not None:
                yield read_quantity(dose)


def _amount_text(node: object) -> str:
    """The rate, else the dose, else the text, as the record has it."""
    rates = (read_quantity(member(part, "rateQuantity")) for part in _parts(node))
    for quantity in (*rates, *_doses(node)):
        if quantity.value is not None:
            return f"{written(quantity.value)} {quantity.unit or quantity.code}".strip()
    return text(member(node, "text"))
