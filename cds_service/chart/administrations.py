"""MedicationAdministrations of our drugs: what was given, when, how fast, and what for.

A status of "completed" does not prove that something was given: some systems say "not given" in
the method alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from cds_service.chart.dosages import Dosing
from cds_service.chart.facts import Administration, Dosage, Form, Order, Resource, Route, Skipped
from cds_service.chart.giving import Giving
from cds_service.chart.goals import GoalReader
from cds_service.chart.instants import NOWHERE, Period, Placing, read_instant, read_period
from cds_service.chart.json_reading import each, member, reference, source, text
from cds_service.chart.medications import Medicine, Pharmacy
from cds_service.chart.record import NO_MEDICATION, STATUS, Record
from cds_service.chart.vocabulary import Vocabulary

_READ = frozenset({"completed", "in-progress", "stopped", "on-hold", "not-done"})
_HALTED = frozenset({"stopped", "on-hold"})


@dataclass(frozen=True, slots=True)
class Reading:
    """The tables an order or an administration is read with."""

    vocabulary: Vocabulary
    pharmacy: Pharmacy
    dosing: Dosing
    giving: Giving
    goals: GoalReader
    placing: Placing = NOWHERE  # of times without zone

    def measured_in(self, medicine: Medicine) -> str:
        """The kind of unit a drug's doses must be in."""
        return self.vocabulary.concepts.drugs[medicine.drug.key].measured_in


def read_administrations(
    record: Record, reading: Reading
) -> tuple[tuple[Administration, ...], list[Skipped]]:
    """All of known drugs, newest first, and what was left out."""
    found, skipped = record.read("MedicationAdministration", partial(_read, reading=reading))
    return tuple(sorted(found, key=_newest_first)), skipped


def _read(resource: Resource, reading: Reading) -> list[Administration | Skipped]:
    medicines = reading.pharmacy.medicines(resource)
    if medicines is None:
        return [Skipped(source(resource), NO_MEDICATION)]
    if medicines and text(member(resource, "status")) not in _READ:
        return [Skipped(source(resource), STATUS, medicines[0].drug.key)]
    return [_administration(resource, one, reading) for one in medicines]


def _newest_first(one: Administration) -> tuple[object, ...]:
    return (
        one.start is None,
        -one.start.timestamp() if one.start else 0.0,
        one.source,
        one.drug.key,
    )


def _administration(resource: Resource, medicine: Medicine, reading: Reading) -> Administration:
    dosages = each(member(resource, "dosage"))[:1]
    methods = [member(dosage, "method") for dosage in dosages]
    status = text(member(resource, "status"))
    point, period = _when(resource, reading.placing)
    stretch = period if _is_long(period, reading) else Period()
    dosage = reading.dosing.of_administration(
        dosages, reading.measured_in(medicine), medicine.concentration, stretch
    )
    route = reading.giving.route(dosages)
    telling = [*methods, member(resource, "category")]
    no_rate_left = dosage.rate is not None and dosage.rate.value == 0
    stopped = no_rate_left or reading.giving.is_halt(methods)
    bag = reading.giving.is_bag(telling, [text(member(one, "text")) for one in dosages])
    return Administration(
        drug=medicine.drug,
        source=source(resource),
        given=not _is_not_given(resource, status, methods, reading),
        start=period.start,
        end=period.end,
        unread_end=period.unread_end,
        point=point,
        halted=status in _HALTED or stopped,
        form=Form.INFUSION if bag else _form(dosage, route, point, telling, reading),
        route=route,
        use=reading.giving.use(medicine, resource, dosages),
        dosage=dosage,
        request=reference(member(resource, "request")).source,
        status=status,
        site=reading.giving.site(medicine, resource, dosages),
        bag=bag,
        bolus=reading.giving.is_single(telling),
        stopped=stopped,
    )


def by_their_orders(
    administrations: Iterable[Administration], orders: Iterable[Order]
) -> tuple[Administration, ...]:
    """Where an administration names no route, its order's: a bar-code chart often has none."""
    routes = {order.source: order.route for order in orders}
    return tuple(_on_route(one, routes.get(one.request)) for one in administrations)


def _on_route(one: Administration, ordered: Route | None) -> Administration:
    if one.route is not Route.UNKNOWN or ordered in (None, Route.UNKNOWN):
        return one
    single = ordered in (Route.SUBCUTANEOUS, Route.ORAL)
    return replace(one, route=ordered, form=Form.SINGLE if single else one.form)


def _when(resource: Resource, placing: Placing) -> tuple[bool, Period]:
    """Whether it is a point in time, and its period; one that ends where it starts is a point."""
    at = member(resource, "effectiveDateTime")
    if at is not None:
        return True, Period(read_instant(at, placing))
    period = read_period(member(resource, "effectivePeriod"), placing)
    return (True, Period(period.start)) if period.is_point else (False, period)


def _is_long(period: Period, reading: Reading) -> bool:
    minutes = reading.vocabulary.concepts.infusion_minutes
    return period.hours is not None and period.hours * 60 > minutes


def _is_not_given(resource: Resource, status: str, methods: list[object], reading: Reading) -> bool:
    reasons = each(member(resource, "statusReason"))
    return status == "not-done" or reading.giving.is_not_given([*methods, *reasons])


def _form(
    dosage: Dosage, route: Route, point: bool, telling: list[object], reading: Reading
) -> Form:
    """By what is charted first, by what it is called second."""
    if reading.giving.is_single(telling) or route in (Route.SUBCUTANEOUS, Route.ORAL):
        return Form.SINGLE
    if dosage.rate or reading.giving.is_infusion(telling, ()):
        return Form.INFUSION
    if dosage.dose:
        return Form.SINGLE
    return Form.INFUSION if reading.giving.is_infusion((), (dosage.written,)) else Form.UNKNOWN
