"""One infusion over time: charted rows become stretches of one rate. Clinical logic 2.6.

Works on rows alone, whoever charted them; which rows are one infusion is told elsewhere. Neither
ids nor the order in which rows arrive decide anything: every choice is by time and by rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count, groupby

from cds_service.assessment.measure.segments import Bolus, Kind, Row, Rules, Segment
from cds_service.assessment.measure.timeline_sweep import Sweep


@dataclass(frozen=True, slots=True)
class Merged:
    """One infusion: its stretches in time order, none overlapping, and boluses found in it."""

    segments: tuple[Segment, ...]
    boluses: tuple[Bolus, ...] = ()


def merged(rows: Iterable[Row], rules: Rules) -> Merged:
    """The rows of one infusion as stretches; short inner rows at a multiple are boluses."""
    ordered = _with_order_ends(sorted(rows, key=_place))
    inner = _inner_boluses(ordered, rules)
    kept = [row for row in ordered if id(row) not in inner]
    found = [row for row in ordered if id(row) in inner]
    return Merged(tuple(Sweep(rules).over(kept)), tuple(_bolus(row) for row in found))


def _place(row: Row) -> tuple[object, ...]:
    """By time; what else tells two rows apart only makes the order a fixed one."""
    rate = -1.0 if row.rate is None else row.rate
    return (row.start, row.end is None, row.end or row.start, row.kind.value, rate, row.source)


def _bolus(row: Row) -> Bolus:
    units = row.units if row.units is not None else (row.rate or 0.0) * (row.hours or 0.0)
    return Bolus(row.start, units, row.source)


def _with_order_ends(ordered: list[Row]) -> list[Row]:
    """An open row of an ended order ends with it, where a row of another order follows."""
    later: set[str] = set()
    found = []
    for row in reversed(ordered):
        others_follow = len(later) > 1 or bool(later - {row.order})
        later.add(row.order)
        if others_follow and row.kind is Kind.RATE and row.end is None:
            row = replace(row, end=_order_end(row))
        found.append(row)
    return found[::-1]


def _order_end(row: Row) -> datetime | None:
    return row.order_end if row.order_end is not None and row.order_end > row.start else None


def _inner_boluses(ordered: list[Row], rules: Rules) -> set[int]:
    """Short rows at a multiple of the rate that runs on around them, by identity."""
    candidates = [row for row in ordered if _is_short(row, rules)]
    if not candidates or len(ordered) == 1:
        return set()
    suspects = {id(row) for row in _steep(ordered, rules)}
    if not suspects:
        return set()
    base = Sweep(rules).over([row for row in ordered if id(row) not in suspects])
    inner = _covered((row for row in ordered if id(row) in suspects), list(base), rules)
    return {id(row) for run in _runs(inner) if _length(run) <= rules.bolus_longest for row in run}


def _is_short(row: Row, rules: Rules) -> bool:
    if row.kind is not Kind.RATE or row.end is None or row.point:
        return False
    return row.end - row.start <= rules.bolus_longest


def _steep(ordered: list[Row], rules: Rules) -> Iterator[Row]:
    """Short rows that begin while something slower is charted: what may be a bolus."""
    slow: list[tuple[float, int, Row]] = []  # a heap, the slowest first
    places = count()
    for _, batch in groupby(ordered, key=lambda row: row.start):
        rows = [row for row in batch if row.kind is Kind.RATE]
        for row in rows:
            heappush(slow, (_pace(row), next(places), row))
        for row in rows:
            while slow and _ended(slow[0][2], row.start):
                heappop(slow)
            if slow and _is_short(row, rules) and _times(row, slow[0][2], rules):
                yield row


def _ended(row: Row | Segment, at: datetime) -> bool:
    return row.end is not None and row.end <= at


def _pace(row: Row) -> float:
    if row.rate is not None:
        return row.rate
    return row.charted[1] if row.charted else 0.0


def _times(row: Row, slower: Row | Segment, rules: Rules) -> bool:
    """Whether a row runs at the multiple of another's rate, both in one unit."""
    if row.rate is not None and slower.rate is not None:
        return slower.rate > 0 and row.rate >= rules.bolus_times * slower.rate
    if row.charted is None or slower.charted is None or row.charted[0] != slower.charted[0]:
        return False
    return slower.charted[1] > 0 and row.charted[1] >= rules.bolus_times * slower.charted[1]


def _covered(rows: Iterable[Row], base: list[Segment], rules: Rules) -> list[Row]:
    """The rows during all of which the base runs, at no more than the part of their rate."""
    found, place = [], 0
    for row in rows:
        while place < len(base) and _ended(base[place], row.start):
            place += 1
        reach, here = row.start, place
        while here < len(base) and base[here].start <= reach and _times(row, base[here], rules):
            end = base[here].end
            if end is None or (row.end is not None and end >= row.end):
                found.append(row)
                break
            reach, here = end, here + 1
    return found


def _runs(rows: list[Row]) -> Iterator[list[Row]]:
    """Rows that touch or overlap, together: an hour's bolus is not many short ones in a row."""
    run: list[Row] = []
    until: datetime | None = None
    for row in rows:
        if run and until is not None and row.start > until:
            yield run
            run, until = [], None
        run.append(row)
        until = row.end if until is None or (row.end and row.end > until) else until
    if run:
        yield run


def _length(run: list[Row]) -> timedelta:
    return max(row.end or row.start for row in run) - run[0].start
