"""Administrations that state an amount and no rate: an infusion's, and how fast it ran."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from cds_service.assessment.measure.charted_volumes import Hourly, Portion, hourly, mean_rates
from cds_service.chart.facts import Administration, Amount, Form

Stream = Callable[[Administration], tuple[str, str]]


def is_amount(row: Administration) -> bool:
    """A dose at one moment, without a rate: a bolus, or one of an hourly series."""
    dose, moment = row.dosage.dose, row.end is None or row.end == row.start
    plain = not row.halted and row.dosage.rate is None and row.dosage.problem is None
    return plain and moment and not row.bag and dose is not None and dose.unit == "[IU]"


def one_an_hour(
    rows: Iterable[Administration], stream: Stream, rule: Hourly
) -> tuple[list[Administration], list[Administration]]:
    """Amounts charted one an hour, as stretches of an infusion; and all the other rows.

    Rows come sorted by start; each stream is looked at by itself.
    """
    by_stream: dict[tuple[str, str], list[Administration]] = {}
    alone: list[Administration] = []
    for row in rows:
        if is_amount(row) and not row.bolus:
            by_stream.setdefault(stream(row), []).append(row)
        else:
            alone.append(row)
    stretched: list[Administration] = []
    for found in by_stream.values():
        stretches = hourly([row.start for row in found if row.start], rule)
        for row, stretch in zip(found, stretches, strict=True):
            if stretch is None:
                alone.append(row)
            else:
                stretched.append(_over(row, *stretch))
    return stretched, alone


def _over(row: Administration, start: datetime, end: datetime) -> Administration:
    """A dose as the stretch it ran in."""
    dose = row.dosage.dose
    rate = Amount(dose.value, "[IU]/h", dose.from_text, dose.per_ml) if dose else None
    dosage = replace(row.dosage, rate=rate, spread=True)
    return replace(row, start=start, end=end, point=False, form=Form.INFUSION, dosage=dosage)


def mean_rates_of(
    rows: Iterable[Administration], stream: Stream, over: timedelta
) -> Mapping[int, float]:
    """The mean rate of every amount charted over time, by the identity of its row."""
    by_stream: dict[tuple[str, str], list[tuple[Administration, Portion]]] = {}
    for row in rows:
        dose = row.dosage.dose
        if row.dosage.spread and row.start and row.end and dose and dose.unit == "[IU]":
            stretch = Portion(row.start, row.end, dose.value)
            by_stream.setdefault(stream(row), []).append((row, stretch))
    means: dict[int, float] = {}
    for found in by_stream.values():
        found.sort(key=lambda one: (one[1].start, one[1].end, one[1].units))
        rates = mean_rates((stretch for _, stretch in found), over)
        means |= {id(row): rate for (row, _), rate in zip(found, rates, strict=True)}
    return means
