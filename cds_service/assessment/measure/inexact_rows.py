"""Rows whose times are not exact: where their order cannot be told, neither can the rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from cds_service.assessment.measure.segments import Kind, Row
from cds_service.assessment.model.verdict import Reason
from cds_service.chart.fhir_datetime import Stretch, earliest, latest


def in_order(rows: Iterable[Row]) -> tuple[Row, ...]:
    """The rows of one infusion; those that may have begun in another order without their rates.

    Where all rows that may have changed places say the same, their order does not matter.
    """
    found: list[Row] = []
    for group in _groups(sorted(rows, key=lambda row: earliest(row.start))):
        loose = next((row.start for row in group if isinstance(row.start, Stretch)), None)
        if loose is None or len({(row.kind, row.rate, row.charted) for row in group}) == 1:
            found.extend(group)
        else:
            stops = any(row.kind is Kind.STOP for row in group)
            fact = "heparinRunning" if stops else "heparinDose"
            why = Reason(fact, loose.why, loose.written)
            found.extend(_without_rate(row, why) for row in group)
    return tuple(found)


def _groups(rows: list[Row]) -> Iterator[list[Row]]:
    """Rows whose starts may lie in another order than their earliest moments."""
    group: list[Row] = []
    until: datetime | None = None
    for row in rows:
        if until is not None and earliest(row.start) > until:
            yield group
            group, until = [], None
        group.append(row)
        until = latest(row.start) if until is None else max(until, latest(row.start))
    if group:
        yield group


def _without_rate(row: Row, why: Reason) -> Row:
    if row.kind is Kind.BARE:
        return row
    return replace(row, kind=Kind.RATE, rate=None, charted=None, why=why)
