"""Rows whose start is not an exact time: where their order is unknown, so are their rates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from cds_service.assessment.measure.segments import Kind, Row
from cds_service.assessment.model.verdict import Reason
from cds_service.chart.fhir_datetime import Stretch, earliest, latest


def in_order(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Sort the rows of one infusion by start.

    Rows that may have begun in another order lose their rates, unless they all say the same.
    """
    found: list[Row] = []
    for group in _groups(sorted(rows, key=lambda row: earliest(row.start))):
        why = _why_unordered(group)
        found.extend(group if why is None else [_without_rate(row, why) for row in group])
    return tuple(found)


def _why_unordered(group: list[Row]) -> Reason | None:
    """Why the order of some rows decides and is unknown; the reason names the inexact time."""
    inexact = next((row.start for row in group if isinstance(row.start, Stretch)), None)
    if inexact is None or len({(row.kind, row.rate, row.charted) for row in group}) == 1:
        return None
    # With a stop among them even whether anything runs is open, not only how fast.
    stops = any(row.kind is Kind.STOP for row in group)
    return Reason("heparinRunning" if stops else "heparinDose", inexact.why, inexact.written)


def _groups(rows: list[Row]) -> Iterator[list[Row]]:
    """Split rows into groups whose starts overlap, so that the order within a group may be
    another.
    """
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
    if row.kind is Kind.BARE:  # It says only that something runs, which holds in any order.
        return row
    return replace(row, kind=Kind.RATE, rate=None, charted=None, why=why)
