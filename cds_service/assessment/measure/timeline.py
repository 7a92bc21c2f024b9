"""One infusion over time: charted rows become segments of one rate. Clinical logic 2.6.

Takes rows of one infusion, whoever charted them. Neither ids nor the order in which rows arrive
decide anything: every choice is by time and by rate.
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
    """One infusion: its segments in time order, none overlapping, and the boluses found inside
    it.
    """

    segments: tuple[Segment, ...]
    boluses: tuple[Bolus, ...] = ()


def merged(rows: Iterable[Row], rules: Rules) -> Merged:
    """Turn the rows of one infusion into segments; short rows at a multiple of it are boluses."""
    ordered = _with_order_ends(sorted(rows, key=_place))
    inner = _inner_boluses(ordered, rules)
    segments = Sweep(rules).over(_without(ordered, inner))
    return Merged(tuple(segments), tuple(_bolus(row) for row in inner))


def _place(row: Row) -> tuple[object, ...]:
    """Sort by time; what else tells two rows apart only makes the order a fixed one."""
    rate = -1.0 if row.rate is None else row.rate
    # The source comes last: ids never decide what holds, only which of two equal rows is shown.
    return (row.start, row.end is None, row.end or row.start, row.kind.value, rate, row.source)


def _bolus(row: Row) -> Bolus:
    units = row.units if row.units is not None else (row.rate or 0.0) * (row.hours or 0.0)
    return Bolus(row.start, units, row.source)


def _with_order_ends(ordered: list[Row]) -> list[Row]:
    """End an open row of an ended order at the order's end, where a row of another order
    follows.
    """
    later: set[str] = set()
    found = []
    for row in reversed(ordered):
        # Without a row of another order the infusion may have gone on under the ended one.
        others_follow = len(later) > 1 or bool(later - {row.order})
        later.add(row.order)
        if others_follow and row.kind is Kind.RATE and row.end is None:
            row = replace(row, end=_order_end(row))
        found.append(row)
    return found[::-1]


def _order_end(row: Row) -> datetime | None:
    return row.order_end if row.order_end is not None and row.order_end > row.start else None


def _inner_boluses(ordered: list[Row], rules: Rules) -> list[Row]:
    """Short rows at a multiple of the rate that runs on around them, in time order."""
    suspects = list(_steep(ordered, rules)) if _may_hold_boluses(ordered, rules) else []
    if not suspects:
        return []
    base = Sweep(rules).over(_without(ordered, suspects))
    inner = _covered(suspects, list(base), rules)
    return [row for run in _runs(inner) if _length(run) <= rules.bolus_longest for row in run]


def _may_hold_boluses(ordered: list[Row], rules: Rules) -> bool:
    """Whether there is a short row, and another that it may be a bolus of."""
    return len(ordered) > 1 and any(_is_short(row, rules) for row in ordered)


def _without(rows: list[Row], others: list[Row]) -> list[Row]:
    """The rows that are not among the others, by identity: two rows may say the same."""
    out = {id(row) for row in others}
    return [row for row in rows if id(row) not in out] if out else rows


def _is_short(row: Row, rules: Rules) -> bool:
    # An open row, or a rate at a moment, runs until the next one: it is no bolus, however high.
    if row.kind is not Kind.RATE or row.end is None or row.point:
        return False
    return row.end - row.start <= rules.bolus_longest


def _steep(ordered: list[Row], rules: Rules) -> Iterator[Row]:
    """Short rows that begin while something slower is charted: what may be a bolus."""
    charted = _SlowestFirst()
    for _, batch in groupby(ordered, key=lambda row: row.start):
        rows = [row for row in batch if row.kind is Kind.RATE]
        charted.add(rows)
        for row in rows:
            slowest = charted.at(row.start)
            if slowest and _is_short(row, rules) and _times(row, slowest, rules):
                yield row


class _SlowestFirst:
    """The rates charted so far; gives the slowest that has not ended."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Row]] = []
        self._places = count()  # tells rows of one pace apart: rows themselves have no order

    def add(self, rows: Iterable[Row]) -> None:
        for row in rows:
            heappush(self._heap, (_pace(row), next(self._places), row))

    def at(self, moment: datetime) -> Row | None:
        while self._heap and _ended(self._heap[0][2], moment):
            heappop(self._heap)
        return self._heap[0][2] if self._heap else None


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
    # Rates per kg without a weight: compared as charted, if both are in one unit.
    if row.charted is None or slower.charted is None or row.charted[0] != slower.charted[0]:
        return False
    return slower.charted[1] > 0 and row.charted[1] >= rules.bolus_times * slower.charted[1]


def _covered(rows: Iterable[Row], base: list[Segment], rules: Rules) -> list[Row]:
    """The rows during all of which the base runs, at no more than the part of their rate."""
    found, place = [], 0
    for row in rows:
        while place < len(base) and _ended(base[place], row.start):
            place += 1
        if _is_covered(row, base, place, rules):
            found.append(row)
    return found


def _is_covered(row: Row, base: list[Segment], place: int, rules: Rules) -> bool:
    """Whether the base, from the segment at `place` on, runs through the whole of a row."""
    reach = row.start
    while place < len(base) and base[place].start <= reach and _times(row, base[place], rules):
        end = base[place].end
        if end is None or (row.end is not None and end >= row.end):
            return True
        reach, place = end, place + 1
    return False


def _runs(rows: list[Row]) -> Iterator[list[Row]]:
    """Group rows that touch or overlap: one after another they may be longer than a bolus is."""
    run: list[Row] = []
    until: datetime | None = None
    for row in rows:
        if until is not None and row.start > until:
            yield run
            run, until = [], None
        run.append(row)
        until = max((at for at in (until, row.end) if at is not None), default=None)
    if run:
        yield run


def _length(run: list[Row]) -> timedelta:
    return max(row.end or row.start for row in run) - run[0].start
