"""Goes once through the rows of one infusion, in time order, and writes down what runs when.

One row holds at a time. A newer row at the same rate changes nothing; at another rate it ends the
one that holds; a stop is rate zero; a row without a rate ends nothing.
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
    """The row that runs now: since when, and what comes when it ends."""

    row: Row
    since: datetime
    end: datetime | None
    stops: bool = False  # rate zero from its end
    outlasted: bool = False  # a longer row was running: after its end nobody knows

    def over_at(self, at: datetime) -> bool:
        return self.end is not None and self.end <= at

    def outlasts(self, row: Row) -> bool:
        """Whether it runs on after a row has ended, or is open."""
        return self.end is None or (row.end is not None and row.end < self.end)


class Sweep:
    """Turns rows, sorted by start, into segments. One use each: it holds the state of its sweep."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._out: list[Segment] = []
        self._hold: _Hold | None = None
        self._bag: Row | None = None  # hung while nothing was charted as running
        self._doubt: _Hold | None = None  # of another order, and not known to be replaced
        self._outer: _Hold | None = None  # a longer Period that an inner row has ended

    def over(self, rows: Iterable[Row]) -> tuple[Segment, ...]:
        """The segments of one infusion; the last may be open."""
        for at, batch in groupby(rows, key=lambda row: row.start):
            self._end_before(at)
            self._take(at, tuple(batch))
        self._finish()
        return tuple(self._out)

    def _take(self, at: datetime, rows: tuple[Row, ...]) -> None:
        """Rows of one moment: a rate counts before a stop, a stop before a row without a rate."""
        rated = [row for row in rows if row.kind is Kind.RATE]
        stops = [row for row in rows if row.kind is Kind.STOP]
        if rated:
            self._rate(at, self._one(rated))
        elif stops:
            self._stop(at, stops[0])
        else:
            self._bare(rows[0])

    def _one(self, rated: list[Row]) -> Row:
        """Make one row of rows that begin together; where their rates differ the rate is
        unknown.
        """
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
        elif hold.row.kind is not Kind.RATE:
            self._write(hold, at)
            self._begin(at, row)
        elif same_rate(row, hold.row, self._rules.same):
            self._go_on(at, row, hold)
        else:
            self._change(at, row, hold)

    def _change(self, at: datetime, row: Row, hold: _Hold) -> None:
        """Another rate ends what holds; what that leaves in doubt is kept for later rows."""
        self._write(hold, at)
        longer = hold.outlasts(row)
        # Two orders stand: the new row may replace the rate or come on top of it.
        if hold.row.order != row.order and not hold.row.over:
            self._doubt = hold
        # Only a Period claims to run until its end; a rate at a moment is over with the next one.
        if longer and not hold.row.point:
            self._outer = hold
        self._begin(at, row, outlasted=longer and row.end is not None)

    def _go_on(self, at: datetime, row: Row, hold: _Hold) -> None:
        """The same rate: inside a Period nothing changes; else the newer row says until when."""
        inside = row.point or (hold.outlasts(row) and row.end is not None)
        if inside and not hold.row.point:
            return
        self._write(hold, at)
        self._begin(at, row, outlasted=hold.row.point and row.end is not None)

    def _begin(self, at: datetime, row: Row, *, outlasted: bool = False) -> None:
        doubt = self._doubt
        if doubt is not None and (doubt.over_at(at) or doubt.row.order == row.order):
            self._doubt = None
        if self._doubt is not None:
            # The other order still stands, so this rate may come on top of that one.
            row = replace(row, rate=None, charted=None, why=REPLACES_OR_ADDS)
        if self._outer is not None and not self._is_inside(row, self._outer):
            self._outer = None
        outlasted = outlasted or self._outer is not None
        self._hold = _Hold(row, at, row.end, row.stops, outlasted)

    def _is_inside(self, row: Row, outer: _Hold) -> bool:
        return row.end is not None and (outer.end is None or row.end < outer.end)

    def _stop(self, at: datetime, row: Row) -> None:
        self._settle_bag(at)
        # A stop ends whatever may still have run beside or around it.
        self._doubt = self._outer = None
        if self._hold is not None:
            # A second stop changes nothing: the pause began with the first.
            if self._hold.row.kind is Kind.STOP:
                return
            self._write(self._hold, at)
        self._hold = _Hold(row, at, None)

    def _bare(self, row: Row) -> None:
        """A row without a rate says only that something runs, where nothing else says so."""
        if self._hold is None or self._hold.row.kind is Kind.STOP:
            self._bag = self._bag or row

    def _settle_bag(self, at: datetime) -> None:
        """A bag hung within a short pause before the next rate is a change of the bag, and is
        dropped.
        """
        bag, self._bag = self._bag, None
        # A bag hung hours before the next rate ran meanwhile, at a rate nobody charted.
        if bag is not None and at - bag.start > self._rules.gap:
            self._hang(bag)
            self._end_before(at)

    def _hang(self, bag: Row) -> None:
        if self._hold is not None:
            self._write(self._hold, bag.start)
        self._hold = _Hold(bag, bag.start, bag.end)

    def _end_before(self, at: datetime) -> None:
        """Write down what ended before a moment, and hold what it leaves behind."""
        hold = self._hold
        if hold is None or hold.end is None or hold.end > at:
            return
        self._write(hold, hold.end)
        self._hold = None
        # The next row begins exactly here: no pause lies between.
        if hold.end == at and not hold.outlasted and not hold.stops:
            return
        self._hold = self._after(hold, hold.end)

    def _after(self, hold: _Hold, end: datetime) -> _Hold | None:
        if hold.stops:
            # "Stopped" as a status, with nothing charted after it, is a stop.
            zero = replace(hold.row, kind=Kind.STOP, start=end, end=None, rate=0.0, charted=None)
            return _Hold(zero, end, None)
        if hold.outlasted:
            # A short row inside a longer one has ended: the longer may run on, or may have been
            # replaced.
            lost = Row(Kind.BARE, end, None, None, hold.row.source, why=OUTLASTED)
            return _Hold(lost, end, None)
        return None

    def _finish(self) -> None:
        """Write down the last row: open, or ended with what that leaves."""
        if self._bag is not None:
            self._hang(self._bag)
        hold = self._hold
        if hold is None:
            return
        self._write(hold, hold.end)
        if hold.end is not None and (after := self._after(hold, hold.end)):
            self._write(after, None)

    def _write(self, hold: _Hold, end: datetime | None) -> None:
        if end is not None and end <= hold.since:
            return
        new = _segment(hold, end)
        last = self._out[-1] if self._out else None
        if last is not None and last.end == new.start and _is_one(last, new):
            self._out[-1] = replace(new, start=last.start)
        else:
            self._out.append(new)


def _segment(hold: _Hold, end: datetime | None) -> Segment:
    row, stopped = hold.row, hold.row.kind is Kind.STOP
    return Segment(
        start=hold.since,
        end=end,
        rate=0.0 if stopped else row.rate,
        source=row.source,
        written=row.written,
        why=_why(row),
        # Only a reason about "running" leaves open whether anything ran; others are about the rate.
        state_known=stopped or row.why is None or row.why.fact != OUTLASTED.fact,
        charted=None if stopped else row.charted,
        order=row.order,
        ended=row.ended,
    )


def _together(rated: list[Row]) -> Row:
    """One row for rows that begin together: the end and the order that they agree on."""
    longest = max(map(_lasting, rated))
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
    """How late a row ends, to find the one that says the most about the end: an open one is
    last.
    """
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
