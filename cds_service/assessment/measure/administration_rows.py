"""Turns heparin administrations into the rows of each infusion, and into boluses. Clinical logic
2.6.

Rows belong to one infusion when they run to the same site (a listed word such as "impella"; none
for the systemic infusion) or carry out the same standing order. Another strength, bag or brand does
not make another infusion.
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
from cds_service.assessment.model.case import HOUR, Case
from cds_service.assessment.model.times import AHEAD, UNDATED
from cds_service.assessment.model.verdict import Reason
from cds_service.chart.facts import Administration, Amount, Form, Order, Problem

_END_UNREAD = Reason("heparinRunning", "endUnread")


@dataclass(frozen=True, slots=True)
class Charted:
    """The rows of one infusion, in time order."""

    site: str
    rows: tuple[Row, ...]


class Charting:
    """Sorts a case's intravenous heparin administrations into infusions and boluses.

    `weight` is in kg; without one, doses per kg count as 0 U and rates per kg stay unknown.
    """

    def __init__(self, case: Case, weight: float | None) -> None:
        self._case, self._weight = case, weight
        self._orders = heparin_orders(case)
        # Only orders that stand can part one site's rows: an ended order was replaced by the next.
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
        # Pumps that chart volumes send "1,450 units" each hour: that is an infusion, not a bolus an
        # hour.
        hourly, self._pushed = self._amounts(single)
        self._infused = [*infused, *hourly]
        over = case.protocol.span("heparin.mean_over")
        self._means = mean_rates_of(self._infused, self._stream, over)

    def boluses(self) -> tuple[Bolus, ...]:
        """The doses charted as boluses, oldest first; those found inside an infusion are not among
        them.
        """
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
        """Why the infusion's past is open: rows of an infusion without a time, or in the future."""
        rows = [row for row in unplaced(self._case, "heparin") if is_treatment_row(row)]
        whys = {UNDATED if row.start is None else AHEAD for row in rows if _is_rated(row)}
        return tuple(Reason("heparinDose", why) for why in sorted(whys))

    def _is_infused(self, row: Administration) -> bool:
        if row.bag:  # A bag that was hung runs, whatever else its row is called.
            return True
        # A bolus given by an infusion's pump is still a bolus, and says nothing about the running
        # rate.
        if row.bolus or is_amount(row):
            return False
        return row.form is Form.INFUSION or (row.halted and row.form is not Form.SINGLE)

    def _amounts(
        self, single: list[Administration]
    ) -> tuple[list[Administration], list[Administration]]:
        """Split single doses into those that belong to an infusion and those that are boluses."""
        protocol = self._case.protocol
        rule = Hourly(
            protocol.span("heparin.hourly_shortest"),
            protocol.span("heparin.hourly_longest"),
            int(protocol["heparin.hourly_rows"]),
        )
        infused, alone = one_an_hour(single, self._stream, rule)
        pushed: list[Administration] = []
        for row in alone:
            # A lone amount under an infusion's order is what the pump gave, unless it is called a
            # bolus.
            called = row.form is Form.INFUSION or self._is_under_infusion(row)
            (infused if called and not row.bolus else pushed).append(row)
        return infused, pushed

    def _stream(self, row: Administration) -> tuple[str, str]:
        """What tells one charted series from another: amounts are added up within a site and an
        order.
        """
        return self._site(row), row.request

    def _is_under_infusion(self, row: Administration) -> bool:
        order = self._orders.get(row.request)
        return order is not None and is_heparin_infusion(order)

    def _site(self, row: Administration) -> str:
        order = self._orders.get(row.request)
        return row.site or (order.site if order else "")

    def _therapy(self) -> Iterator[Administration]:
        """Leave out rows too slow for treatment, unless their own order also runs at a treatment
        rate.
        """
        slow, treated = [], set()
        for row in self._infused:
            # A few U/h keep an arterial line open. Added to the infusion they would move its rate.
            if is_therapy_rate(self._case, self._rate(row)):
                treated.add(row.request)
                yield row
            else:
                slow.append(row)
        # A treatment infusion weaned to a few U/h is still one.
        yield from (row for row in slow if row.request and row.request in treated)

    def _rate(self, row: Administration) -> Amount | None:
        mean = self._means.get(id(row))
        rate = row.dosage.rate
        return replace(rate, value=mean) if rate and mean is not None else rate

    def _rows(self, row: Administration) -> Iterator[Row]:
        """A charted row as the merging takes it; a stop at its end becomes a row of its own."""
        if row.start is None:
            return
        dosage = replace(row.dosage, rate=self._rate(row))
        rate, why = stated_rate(self._case, dosage, self._weight)
        bare = _names_no_rate(row, why)
        stop = _is_stop(row, rate, bare=bare)
        instant = row.end == row.start  # a Period of no length says no more than a moment
        ended = self._ended_order(row)
        new = Row(
            kind=_kind(stop=stop, bare=bare),
            start=row.start,
            end=None if stop or instant else row.end,
            rate=rate,
            source=row.source,
            written=row.dosage.written,
            why=why,
            charted=charted_rate(dosage),
            point=row.point or instant,
            order=row.request,
            # Of two orders, an open row of the ended one must not run on beside the new rate.
            over=self._is_over(row),
            ended=ended is not None,
            order_end=ended.ends if ended else None,
            units=self._stated_units(row),
        )
        yield from _split_at_stop(new, row, stop=stop)

    def _ended_order(self, row: Administration) -> Order | None:
        """The order that a row carries out, where it is on record as ended."""
        order = self._orders.get(row.request)
        return order if order is not None and has_ended(self._case, order) else None

    def _is_over(self, row: Administration) -> bool:
        """Whether the order of a row no longer stands; one that is not on record does not."""
        if not row.request:
            return False
        if row.request not in self._orders:
            # Unknown orders are no ended orders: only a complete query shows that an order is gone.
            return self._case.is_complete("orders")
        return self._ended_order(row) is not None

    def _stated_units(self, row: Administration) -> float | None:
        """Units of the dose that a row states; None where it states none that can be read."""
        return None if row.dosage.dose is None else self._units(row) or None

    def _units(self, row: Administration) -> float:
        """Units that a row gave: its dose, else its rate times its hours; 0 where unknown."""
        dose = row.dosage.dose
        return dose_units(dose or _over_its_hours(row), self._weight)

    def _any_rated(self, rows: list[Row]) -> bool:
        """Whether a row of a standing order says more than that something runs."""
        return any(row.order in self._standing for row in rows if row.kind is not Kind.BARE)

    def _apart(self, rows: list[Row]) -> Iterator[list[Row]]:
        """The rows of one site as infusions: one, unless several orders stand for it."""
        standing = sorted({row.order for row in rows} & self._standing)
        # Several bags, strengths or brands under one order are one infusion. So are rows that only
        # say "it runs" under several orders, beside rates charted under none: the same drip twice.
        if len(standing) <= 1 or not self._any_rated(rows):
            yield rows
            return
        infusions = [_of_orders(rows, {order}) for order in standing]
        yield from infusions
        others = [row for row in rows if row.order not in standing]
        if others:
            yield _beside(others, infusions)


def _place(row: Administration) -> tuple[object, ...]:
    return (row.start, row.end is None, row.end or row.start, row.source)


def _is_rated(row: Administration) -> bool:
    """Whether a row is an infusion's: it states a rate or a stop, and is called no bolus."""
    return not row.bolus and (row.dosage.rate is not None or row.halted)


def _names_no_rate(row: Administration, why: Reason | None) -> bool:
    """Whether a row only says that something runs: it has no rate, or charts a new bag in text."""
    if why is None:
        return False
    return why.why == "noRate" or (row.bag and why.why == Problem.TEXT_ONLY.value)


def _is_stop(row: Administration, rate: float | None, *, bare: bool) -> bool:
    """Whether a row is nothing but a stop: stopped or held, and with no rate that ran before it."""
    return row.halted and (rate == 0 or bare or row.end is None)


def _kind(*, stop: bool, bare: bool) -> Kind:
    if stop:
        return Kind.STOP
    return Kind.BARE if bare else Kind.RATE


def _split_at_stop(new: Row, charted: Administration, *, stop: bool) -> Iterator[Row]:
    if charted.unread_end and not stop:
        # It has ended, at a time nobody can read: neither its rate nor its silence can be trusted.
        yield replace(new, rate=None, charted=None, why=_END_UNREAD)
    elif new.end is None:
        yield new
    elif charted.halted and (charted.status != "stopped" or charted.stopped):
        yield new
        yield replace(new, kind=Kind.STOP, start=new.end, end=None, rate=0.0)
    else:
        # Status "stopped" alone also marks a rate that another one follows at once.
        yield replace(new, stops=charted.halted)


def _over_its_hours(row: Administration) -> Amount | None:
    """The dose that a row's rate comes to over its Period."""
    rate = row.dosage.rate
    if rate is None or row.start is None or row.end is None or row.end <= row.start:
        return None
    hours = (row.end - row.start) / HOUR
    return Amount(rate.value * hours, rate.unit.removesuffix("/h"))


def _of_orders(rows: list[Row], orders: set[str]) -> list[Row]:
    return [row for row in rows if row.order in orders]


def _beside(others: list[Row], infusions: list[list[Row]]) -> list[Row]:
    """Rows that carry out none of several standing orders, as an infusion of their own."""
    begun = sorted(min(row.start for row in rows) for rows in infusions)
    return [_beside_orders(row, begun) for row in others]


def _beside_orders(row: Row, begun: list[datetime]) -> Row:
    """A row that carries out none of several standing orders, whose first rows began at `begun`.

    A row of an ended order is over where an order's first row begins. Nobody can tell whether any
    other row replaces an order's rate or adds to it, so its rate is unknown.
    """
    if row.over:
        following = begun[bisect_right(begun, row.start) :][:1]
        ends = [at for at in (row.order_end, *following) if at is not None and at > row.start]
        return replace(row, end=min(ends, default=None)) if row.end is None else row
    if row.kind is not Kind.RATE:
        return row
    return replace(row, rate=None, charted=None, why=REPLACES_OR_ADDS)
