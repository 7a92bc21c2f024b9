"""Each infusion by itself: what is charted of it, whether it runs now, and how fast.

Where no administrations are on record the standing orders are taken instead, and the card says "not
confirmed as given".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from cds_service.assessment.measure.active_orders import infusion_orders
from cds_service.assessment.measure.administration_rows import Charted, Charting
from cds_service.assessment.measure.rates import (
    IMPLAUSIBLE,
    VIAL_STRENGTH,
    charted_rate,
    is_implausible,
    rate_in_units_per_hour,
)
from cds_service.assessment.measure.segments import Bolus, Kind, Rules, Segment
from cds_service.assessment.measure.timeline import merged
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.times import at_or_after
from cds_service.assessment.model.verdict import NO, YES, Reason, Verdict, unknown
from cds_service.chart.facts import Administration, Amount, Form, Order, Use
from cds_service.chart.fhir_datetime import latest


@dataclass(frozen=True, slots=True)
class Line:
    """One infusion: the site it runs to, its segments over time, and whether it runs now."""

    site: str  # a key of the listed sites; empty for the systemic infusion
    segments: tuple[Segment, ...]  # in time order, none overlapping
    running: Verdict
    by_order: bool = False
    rated: bool = True  # a rate or a stop is charted, not only that something runs
    boluses: tuple[Bolus, ...] = ()  # found inside it

    @property
    def last(self) -> Segment:
        return self.segments[-1]

    @property
    def rate(self) -> float | None:
        """U/h now, when it runs and is readable."""
        return self.last.rate if self.running.yes else None

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why its present rate is not known; empty where it is, or where nothing runs."""
        if self.running.no or self.rate is not None:
            return ()
        return tuple(dict.fromkeys((*self.running.reasons, *self.last.reasons)))


def merging_rules(case: Case) -> Rules:
    """The protocol's numbers for merging rows."""
    protocol = case.protocol
    return Rules(
        same=protocol["heparin.same_rate"],
        bolus_longest=protocol.span("heparin.bolus_longest"),
        bolus_times=protocol["heparin.bolus_rate"],
        gap=protocol.span("heparin.ended_within"),
    )


def charted_lines(case: Case, charting: Charting, weight: float | None) -> tuple[Line, ...]:
    """Every infusion on record, however old; `weight` in kg."""
    rules, running = merging_rules(case), _Running(case)
    found = []
    for charted in charting.infusions():
        one = merged(charted.rows, rules)
        segments = tuple(_plausible(case, segment, weight) for segment in one.segments)
        if segments:
            verdict = running.of(charted, segments)
            # A chart of bags alone shows that heparin runs; how fast, the order has to say.
            rated = any(row.kind is not Kind.BARE for row in charted.rows)
            found.append(Line(charted.site, segments, verdict, False, rated, one.boluses))
    return tuple(found)


def _plausible(case: Case, segment: Segment, weight: float | None) -> Segment:
    """Take away a rate that cannot be true, and its charted form: nothing is compared with it
    either.
    """
    # Its mL/h were multiplied by a vial's strength: the charted form is as wrong as the rate.
    if segment.why is not None and segment.why.why == VIAL_STRENGTH:
        return replace(segment, charted=None)
    if not is_implausible(case, segment.rate, segment.charted, weight):
        return segment
    why = Reason("heparinDose", IMPLAUSIBLE, segment.written)
    return replace(segment, rate=None, charted=None, why=why)


def is_recent(case: Case, line: Line) -> bool:
    """Whether an infusion ran within `heparin.administration_window`, or may still run."""
    last, since = line.last, case.ago("heparin.administration_window")
    if last.end is None:
        return last.rate != 0 or last.start >= since
    return latest(last.end) >= since


class _Running:
    """Whether an infusion that is charted runs now."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._standing = infusion_orders(case)
        self._sites = {order.site for order in self._standing}
        self._lately = charted_lately(case)

    def of(self, charted: Charted, segments: tuple[Segment, ...]) -> Verdict:
        """Whether it runs now (clinical logic 2.6, "running now")."""
        last = segments[-1]
        if last.rate == 0:
            return NO
        if not last.state_known:
            return unknown(*last.reasons)
        if last.end is not None:
            since = self._case.ago("heparin.ended_within")
            return at_or_after(last.end, since, "heparinRunning")
        # Orders name their site too: a purge's order does not keep the systemic infusion running.
        stands = charted.site in self._sites
        if last.ended and not stands:
            return unknown(Reason("heparinRunning", "orderEnded"))
        return YES if self._lately or stands else unknown(Reason("heparinRunning", "uncharted"))


def charted_lately(case: Case) -> bool:
    """Whether treatment heparin was charted within `heparin.administration_window`.

    A bolus counts too: an open row is only believed while somebody still charts.
    """
    since = case.ago("heparin.administration_window")
    rows = (a for a in case.given("heparin") if a.use is Use.THERAPY)
    return any(a.start is not None and a.start >= since for a in rows)


def by_orders(case: Case, weight: float | None, without: Iterable[str] = ()) -> tuple[Line, ...]:
    """The standing infusion orders as infusions, one a site, leaving out the sites in `without`."""
    charted = frozenset(without)
    by_site: dict[str, list[Order]] = {}
    for order in infusion_orders(case):
        if order.site not in charted:
            by_site.setdefault(order.site, []).append(order)
    return tuple(_ordered(case, site, by_site[site], weight) for site in sorted(by_site))


def _ordered(case: Case, site: str, orders: list[Order], weight: float | None) -> Line:
    """The standing orders of one site as one infusion, at the newest order's rate.

    Where several orders stand, nobody knows which are still carried out: the rate is unknown.
    """
    recent = [o for o in orders if o.begun and o.begun >= case.ago("heparin.order_age")]
    newest = max(recent or orders, key=lambda o: (o.begun or case.now, o.dosage.written, o.source))
    segment = _ordered_segment(case, newest, weight)
    if len(orders) > 1:
        why = Reason("heparinDose", "severalOrders")
        segment = replace(segment, rate=None, charted=None, why=why)
    # Orders are often left active after the drug was stopped; an old one proves nothing.
    old = unknown(Reason("heparinRunning", "oldOrder"))
    return Line(site, (segment,), YES if recent else old, by_order=True)


def _ordered_segment(case: Case, order: Order, weight: float | None) -> Segment:
    rate, why = rate_in_units_per_hour(case, order.dosage, weight)
    return Segment(
        start=order.begun or case.now,
        end=None,
        rate=rate,
        source=order.source,
        written=order.dosage.written,
        why=why,
        charted=charted_rate(order.dosage),
        order=order.source,
    )


def dti_runs(case: Case) -> bool:
    """Whether a direct thrombin inhibitor runs.

    Told by its administrations; by its orders only where no heparin infusion is charted.
    """
    rows = [a for a in case.given("dti") if a.form is not Form.SINGLE]
    if rows:
        return _still_runs(case, rows[0])
    # Where heparin is charted, an inhibitor that ran would be charted as well: its order alone is
    # old.
    charted = any(a.form is Form.INFUSION for a in case.given("heparin"))
    return bool(case.active_orders("dti")) and not charted


def _still_runs(case: Case, newest: Administration) -> bool:
    if newest.halted or _is_zero(newest.dosage.rate):
        return False
    if newest.end is not None:
        return newest.end >= case.ago("heparin.ended_within")
    return newest.start is None or newest.start >= case.ago("heparin.administration_window")


def _is_zero(rate: Amount | None) -> bool:
    return rate is not None and rate.value == 0
