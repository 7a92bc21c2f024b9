"""From administrations to the rows of each infusion, and to boluses. Clinical logic 2.6.

Which rows are one infusion is told by the orders they carry out and by listed site words alone:
another strength, bag or brand is the same infusion.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from cds_service.assessment.measure.active_orders import (
    has_ended,
    heparin_orders,
    infusion_orders,
    is_heparin_infusion,
)
from cds_service.assessment.measure.charted_amounts import is_amount, mean_rates_of, one_an_hour
from cds_service.assessment.measure.charted_volumes import Hourly
from cds_service.assessment.measure.doses_given import unplaced
from cds_service.assessment.measure.inexact_rows import in_order
from cds_service.assessment.measure.rates import (
    charted_rate,
    dose_units,
    is_content,
    is_therapy_rate,
    is_treatment_row,
    stated_rate,
)
from cds_service.assessment.measure.segments import REPLACES_OR_ADDS, Bolus, Kind, Row
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.verdict import Reason
from cds_service.chart.facts import Administration, Amount, Form, Order, Problem

END_UNREAD = Reason("heparinRunning", "endUnread")


@dataclass(frozen=True, slots=True)
class Charted:
    """The rows of one infusion."""

    site: str
    rows: tuple[Row, ...]


class Charting:
    """What is charted of heparin into a vein: infusions, each with its rows, and boluses."""

    def __init__(self, case: Case, weight: float | None) -> None:
        self._case, self._weight = case, weight
        self._orders = heparin_orders(case)
        self._standing = {order.source for order in infusion_orders(case)}
        given = [
            row
            for row in case.given("heparin")
            if is_treatment_row(row) and row.start is not None and not is_content(case, row)
        ]
        infused: list[Administration] = []
        single: list[Administration] = []
        for row in sorted(given, key=_place):
            (infused if self._is_infused(row) else single).append(row)
        hourly, self._pushed = self._amounts(single)
        self._infused = [*infused, *hourly]
        over = case.protocol.span("heparin.mean_over")
        self._means = mean_rates_of(self._infused, self._stream, over)

    def boluses(self) -> tuple[Bolus, ...]:
        """Boluses charted as such, oldest first; those inside an infusion are not among them."""
        return tuple(
            Bolus(row.start, self._units(row), row.source)
            for row in self._pushed
            if row.start is not None and row.form is Form.SINGLE
        )

    def infusions(self) -> tuple[Charted, ...]:
        """The rows of every infusion on record, those of the systemic one first."""
        by_site: dict[str, list[Row]] = {}
        for row in self._therapy():
            by_site.setdefault(self._site(row), []).extend(self._rows(row))
        return tuple(
            Charted(site, in_order(rows))
            for site in sorted(by_site)
            for rows in self._apart(by_site[site])
        )

    def unplaced(self) -> tuple[Reason, ...]:
        """Why rows of an infusion that stand at no time, or at one to come, leave it open."""
        rows = (row for row in unplaced(self._case, "heparin") if is_treatment_row(row))
        rated = (row for row in rows if row.dosage.rate is not None or row.halted)
        whys = ("undated" if row.start is None else "ahead" for row in rated if not row.bolus)
        return tuple(Reason("heparinDose", why) for why in sorted(set(whys)))

    def _is_infused(self, row: Administration) -> bool:
        if row.bag:
            return True
        if row.bolus or is_amount(row):
            return False
        return row.form is Form.INFUSION or (row.halted and row.form is not Form.SINGLE)

    def _amounts(
        self, single: list[Administration]
    ) -> tuple[list[Administration], list[Administration]]:
        """Single doses that are an infusion's, and those that are boluses."""
        protocol = self._case.protocol
        rule = Hourly(
            protocol.span("heparin.hourly_shortest"),
            protocol.span("heparin.hourly_longest"),
            int(protocol["heparin.hourly_rows"]),
        )
        infused, alone = one_an_hour(single, self._stream, rule)
        pushed: list[Administration] = []
        for row in alone:
            called = row.form is Form.INFUSION or self._is_under_infusion(row)
            (infused if called and not row.bolus else pushed).append(row)
        return infused, pushed

    def _stream(self, row: Administration) -> tuple[str, str]:
        """Rows of one stream are charted by one hand: amounts count together within it."""
        return self._site(row), row.request

    def _is_under_infusion(self, row: Administration) -> bool:
        order = self._orders.get(row.request)
        return order is not None and is_heparin_infusion(order)

    def _site(self, row: Administration) -> str:
        order = self._orders.get(row.request)
        return row.site or (order.site if order else "")

    def _therapy(self) -> Iterator[Administration]:
        """Without those too slow for treatment, unless their own order runs at a higher rate."""
        slow, treated = [], set()
        for row in self._infused:
            if is_therapy_rate(self._case, self._rate(row)):
                treated.add(row.request)
                yield row
            else:
                slow.append(row)
        yield from (row for row in slow if row.request and row.request in treated)

    def _rate(self, row: Administration) -> Amount | None:
        mean = self._means.get(id(row))
        rate = row.dosage.rate
        return replace(rate, value=mean) if rate and mean is not None else rate

    def _rows(self, row: Administration) -> Iterator[Row]:
        """A row as the merging takes it; a stop within it is a row of its own."""
        dosage = replace(row.dosage, rate=self._rate(row))
        rate, why = stated_rate(self._case, dosage, self._weight)
        start, end = row.start, row.end
        if start is None:
            return
        order = self._orders.get(row.request)
        bare = why is not None and (
            why.why == "noRate" or (row.bag and why.why == Problem.TEXT_ONLY.value)
        )
        halted = row.halted and (rate == 0 or bare or end is None)
        new = Row(
            kind=Kind.STOP if halted else Kind.BARE if bare else Kind.RATE,
            start=start,
            end=None if halted or end == start else end,
            rate=rate,
            source=row.source,
            written=row.dosage.written,
            why=why,
            charted=charted_rate(dosage),
            point=row.point or end == start,
            order=row.request,
            over=self._is_over(row, order),
            ended=order is not None and has_ended(self._case, order),
            order_end=order.ends if order and has_ended(self._case, order) else None,
            units=None if row.dosage.dose is None else self._units(row) or None,
        )
        if row.unread_end and not halted:
            yield replace(new, rate=None, charted=None, why=END_UNREAD)
        elif halted or end is None or end == start:
            yield new
        elif row.halted and (row.status != "stopped" or row.stopped):
            yield new
            yield replace(new, kind=Kind.STOP, start=end, end=None, rate=0.0)
        else:
            yield replace(new, stops=row.halted)

    def _is_over(self, row: Administration, order: Order | None) -> bool:
        """Whether the order of a row has ended; one that is not on record no longer stands."""
        if not row.request:
            return False
        if order is None:
            return self._case.is_complete("orders")
        return has_ended(self._case, order)

    def _units(self, row: Administration) -> float:
        dose, rate = row.dosage.dose, row.dosage.rate
        if dose is None and rate is not None and row.start and row.end and row.end > row.start:
            hours = (row.end - row.start).total_seconds() / 3600
            plain = rate.unit.removesuffix("/h")
            return dose_units(Amount(rate.value * hours, plain), self._weight)
        return dose_units(dose, self._weight)

    def _apart(self, rows: list[Row]) -> Iterator[list[Row]]:
        """The rows of one site as infusions: one, unless several orders stand for it."""
        standing = {row.order for row in rows} & self._standing
        if len(standing) <= 1:
            yield rows
            return
        by_order: dict[str, list[Row]] = {}
        for row in rows:
            by_order.setdefault(row.order if row.order in standing else "", []).append(row)
        others = by_order.pop("", [])
        yield from (by_order[order] for order in sorted(by_order))
        if others:
            firsts = sorted(min(row.start for row in found) for found in by_order.values())
            yield [_of_none(row, firsts) for row in others]


def _place(row: Administration) -> tuple[object, ...]:
    return (row.start, row.end is None, row.end or row.start, row.source)


def _of_none(row: Row, firsts: list[datetime]) -> Row:
    """A row beside several standing orders, of none of them.

    One of an ended order is over where an order's first row begins; of the others nobody can
    tell whether they replace or add.
    """
    if row.over:
        following = firsts[bisect_right(firsts, row.start) :][:1]
        ends = [at for at in (row.order_end, *following) if at is not None and at > row.start]
        return replace(row, end=min(ends, default=None)) if row.end is None else row
    if row.kind is not Kind.RATE:
        return row
    return replace(row, rate=None, charted=None, why=REPLACES_OR_ADDS)
