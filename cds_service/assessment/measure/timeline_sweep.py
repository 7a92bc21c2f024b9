"""Goes once through the rows of one infusion, in time order, and writes down what runs when.

One row holds at a time. What a newer row does to the one that holds: the same rate changes
nothing, another rate ends it there, a stop is rate zero, a row without a rate ends nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from cds_service.assessment.measure.segments import (
    OUTLASTED,
    REPLACES_OR_ADDS,
    TWO_RATES,
    Kind,
    Row,
    Rules,
    Segment,
    same_rate,
)
from cds_service.assessment.model.verdict import Reason


@dataclass(slots=True)
class _Hold:
    """What runs: from when, by which row, and what comes when it ends."""

    row: Row
    since: datetime
    end: datetime | None
    stops: bool = False  # rate zero from its end
    outlasted: bool = False  # a longer row was running: after its end nobody knows

    def over_at(self, at: datetime) -> bool:
        return self.end is not None and self.end <= at


class Sweep:
    """Rows, sorted by start, to segments."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._out: list[Segment] = []
        self._hold: _Hold | None = None
        self._bag: Row | None = None  # hung while nothing was charted as running
        self._doubt: _Hold | None = None  # of another order, and not known to be replaced
        self._outer: _Hold | None = None  # a longer Period that an inner row has ended

    def over(self, rows: Iterable[Row]) -> tuple[Segment, ...]:
        """The stretches of one infusion; the last may be open."""
        for at, batch in groupby(rows, key=lambda row: row.start):
            self._end_before(at)
            found = tuple(batch)
            rated = [row for row in found if row.kind is Kind.RATE]
            if rated:
                self._rate(at, self._one(rated))
            elif any(row.kind is Kind.STOP for row in found):
                self._stop(at, next(row for row in found if row.kind is Kind.STOP))
            else:
                self._bare(at, found)
        self._finish()
        return tuple(self._out)

    def _one(self, rated: list[Row]) -> Row:
        """Rows of one moment as one: rates that differ make it unknown."""
        if len(rated) == 1:
            return rated[0]
        last = _together(rated)
        highest = max(rated, key=lambda row: (row.rate is not None, row.rate or 0.0, row.written))
        if all(same_rate(row, highest, self._rules.same) for row in rated):
            return replace(
                last, rate=highest.rate, charted=highest.charted, written=highest.written
            )
        return replace(last, rate=None, charted=None, why=TWO_RATES, written="")

    def _rate(self, at: datetime, row: Row) -> None:
        self._settle_bag(at)
        hold = self._hold
        if hold is None:
            self._begin(at, row)
            return
        if hold.row.kind is not Kind.RATE:
            self._write(hold, at)
            self._begin(at, row)
            return
        longer = hold.end is None or (row.end is not None and row.end < hold.end)
        if same_rate(row, hold.row, self._rules.same):
            self._go_on(at, row, hold, longer=longer)
            return
        self._write(hold, at)
        if hold.row.order != row.order and not hold.row.over:
            self._doubt = hold
        if longer and not hold.row.point:
            self._outer = hold
        self._begin(at, row, outlasted=longer and row.end is not None)

    def _go_on(self, at: datetime, row: Row, hold: _Hold, *, longer: bool) -> None:
        """The same rate: inside a Period nothing changes; else the newer row says until when."""
        if not hold.row.point and (row.point or (longer and row.end is not None)):
            return
        self._write(hold, at)
        self._begin(at, row, outlasted=hold.row.point and row.end is not None)

    def _begin(self, at: datetime, row: Row, *, outlasted: bool = False) -> None:
        doubt = self._doubt
        if doubt is not None and (doubt.over_at(at) or doubt.row.order == row.order):
            self._doubt = None
        if self._doubt is not None:
            row = replace(row, rate=None, charted=None, why=REPLACES_OR_ADDS)
        if self._outer is not None and not self._is_inside(row, self._outer):
            self._outer = None
        outlasted = outlasted or self._outer is not None
        self._hold = _Hold(row, at, row.end, row.stops, outlasted)

    def _is_inside(self, row: Row, outer: _Hold) -> bool:
        return row.end is not None and (outer.end is None or row.end < outer.end)

    def _stop(self, at: datetime, row: Row) -> None:
        self._settle_bag(at)
        self._doubt = self._outer = None
        if self._hold is not None:
            if self._hold.row.kind is Kind.STOP:
                return
            self._write(self._hold, at)
        self._hold = _Hold(row, at, None)

    def _bare(self, at: datetime, rows: tuple[Row, ...]) -> None:
        """A row without a rate says only that something runs, where nothing else says so."""
        if self._hold is None or self._hold.row.kind is Kind.STOP:
            self._bag = self._bag or rows[0]

    def _settle_bag(self, at: datetime) -> None:
        """A bag hung within a short pause before the next rate is a change of the bag."""
        bag, self._bag = self._bag, None
        if bag is not None and at - bag.start > self._rules.gap:
            self._hang(bag)
            self._end_before(at)

    def _hang(self, bag: Row) -> None:
        if self._hold is not None:
            self._write(self._hold, bag.start)
        self._hold = _Hold(bag, bag.start, bag.end)

    def _end_before(self, at: datetime) -> None:
        """What ended before a moment, and what it leaves behind."""
        hold = self._hold
        if hold is None or hold.end is None or hold.end > at:
            return
        self._write(hold, hold.end)
        self._hold = None
        if hold.end == at and not hold.outlasted and not hold.stops:
            return
        self._hold = self._after(hold, hold.end)

    def _after(self, hold: _Hold, end: datetime) -> _Hold | None:
        if hold.stops:
            zero = replace(hold.row, kind=Kind.STOP, start=end, end=None, rate=0.0, charted=None)
            return _Hold(zero, end, None)
        if hold.outlasted:
            lost = Row(Kind.BARE, end, None, None, hold.row.source, why=OUTLASTED)
            return _Hold(lost, end, None)
        return None

    def _finish(self) -> None:
        """The last row: open, or ended and what that leaves."""
        if self._bag is not None:
            self._hang(self._bag)
        hold = self._hold
        if hold is None:
            return
        self._write(hold, hold.end)
        if hold.end is not None and (after := self._after(hold, hold.end)):
            self._write(after, None)

    def _write(self, hold: _Hold, end: datetime | None) -> None:
        row = hold.row
        if end is not None and end <= hold.since:
            return
        new = Segment(
            hold.since,
            end,
            0.0 if row.kind is Kind.STOP else row.rate,
            row.source,
            row.written,
            _why(row),
            state_known=row.why is None or row.why.fact != OUTLASTED.fact or row.kind is Kind.STOP,
            charted=None if row.kind is Kind.STOP else row.charted,
            order=row.order,
            ended=row.ended,
        )
        last = self._out[-1] if self._out else None
        if last is not None and last.end == new.start and _is_one(last, new):
            self._out[-1] = replace(new, start=last.start)
        else:
            self._out.append(new)


def _together(rated: list[Row]) -> Row:
    """What rows that begin together say of the end, and of their orders."""
    longest = max(_lasting(row) for row in rated)
    last = [row for row in rated if _lasting(row) == longest]
    orders = {row.order for row in rated}
    return replace(
        last[0],
        stops=any(row.stops for row in last),
        order=orders.pop() if len(orders) == 1 else "",
        over=all(row.over for row in rated),
        ended=all(row.ended for row in rated),
    )


def _lasting(row: Row) -> tuple[bool, datetime]:
    """Of rows that begin together the one that says the most about the end."""
    is_open = row.end is None and not row.point
    return is_open, row.start if row.end is None else row.end


def _why(row: Row) -> Reason | None:
    if row.kind is Kind.STOP or row.rate is not None:
        return None
    return row.why or Reason("heparinDose", "noRate", row.written)


def _is_one(last: Segment, new: Segment) -> bool:
    return (last.rate, last.charted, last.why, last.state_known) == (
        new.rate,
        new.charted,
        new.why,
        new.state_known,
    )
