"""Administrations that state a dose and no rate: which of them are an infusion's, and how fast it
ran.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from cds_service.assessment.measure.charted_volumes import Hourly, Portion, hourly, mean_rates
from cds_service.chart.facts import Administration, Amount, Form

Stream = Callable[[Administration], tuple[str, str]]


def is_amount(row: Administration) -> bool:
    """Whether a row is a dose in units at one moment: a bolus, or one of an hourly series."""
    dose, moment = row.dosage.dose, row.end is None or row.end == row.start
    plain = not row.halted and row.dosage.rate is None and row.dosage.problem is None
    return plain and moment and not row.bag and dose is not None and dose.unit == "[IU]"


def one_an_hour(
    rows: Iterable[Administration], stream: Stream, rule: Hourly
) -> tuple[list[Administration], list[Administration]]:
    """Split rows into amounts charted one an hour, as stretches of an infusion, and all others.

    Rows come sorted by start. `stream` names the series that a row belongs to; each series is
    looked at by itself.
    """
    series, alone = _by_stream(rows, stream)
    stretched: list[Administration] = []
    for found in series:
        stretches = hourly([row.start for row in found if row.start], rule)
        for row, stretch in zip(found, stretches, strict=True):
            if stretch is None:
                alone.append(row)
            else:
                stretched.append(_over(row, *stretch))
    return stretched, alone


def _by_stream(
    rows: Iterable[Administration], stream: Stream
) -> tuple[list[list[Administration]], list[Administration]]:
    """The amounts of each series, and the rows that are no amount or are called a bolus."""
    series: dict[tuple[str, str], list[Administration]] = {}
    others: list[Administration] = []
    for row in rows:
        if is_amount(row) and not row.bolus:
            series.setdefault(stream(row), []).append(row)
        else:
            others.append(row)
    return list(series.values()), others


def _over(row: Administration, start: datetime, end: datetime) -> Administration:
    """A dose as an infusion's row between two moments; its rate carries the dose's units until
    averaged.
    """
    dose = row.dosage.dose
    rate = Amount(dose.value, "[IU]/h", dose.from_text, dose.per_ml) if dose else None
    # `spread` marks an amount over time, whose rate is still to be averaged with its neighbours.
    dosage = replace(row.dosage, rate=rate, spread=True)
    return replace(row, start=start, end=end, point=False, form=Form.INFUSION, dosage=dosage)


def mean_rates_of(
    rows: Iterable[Administration], stream: Stream, over: timedelta
) -> Mapping[int, float]:
    """The mean rate (U/h) of every amount charted over time, by the identity (`id`) of its row."""
    by_stream: dict[tuple[str, str], list[tuple[Administration, Portion]]] = {}
    for row in rows:
        portion = _portion(row)
        if portion is not None:
            by_stream.setdefault(stream(row), []).append((row, portion))
    means: dict[int, float] = {}
    for found in by_stream.values():
        found.sort(key=lambda one: (one[1].start, one[1].end, one[1].units))
        rates = mean_rates((portion for _, portion in found), over)
        means |= {id(row): rate for (row, _), rate in zip(found, rates, strict=True)}
    return means


def _portion(row: Administration) -> Portion | None:
    """The units of a dose that is spread over its row's own Period; None for any other row."""
    dose = row.dosage.dose
    if not row.dosage.spread or row.start is None or row.end is None:
        return None
    return Portion(row.start, row.end, dose.value) if dose and dose.unit == "[IU]" else None
