"""MedicationAdministrations of our drugs: what was given, when, how fast, and what for.

The status "completed" does not prove that something was given: some systems say "not given" in
`dosage.method` alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from cds_service.chart.dosages import DosageReader
from cds_service.chart.facts import Administration, Amount, Dosage, Form, Order, Route, Skipped, Use
from cds_service.chart.fhir_datetime import NOWHERE, Period, Placing, read_instant, read_period
from cds_service.chart.fhir_json import codings, each, member, reference, source, text
from cds_service.chart.goals import GoalReader
from cds_service.chart.medication_lookup import MedicationResolver, ResolvedMedication, concepts_at
from cds_service.chart.query_result import Resource
from cds_service.chart.resources import NO_MEDICATION, STATUS, PatientResources
from cds_service.chart.route_and_use import AdministrationVocabulary
from cds_service.chart.unknown_medicine_orders import UnidentifiedMedicine
from cds_service.chart.unknown_medicines import UnknownMedicines
from cds_service.chart.vocabulary import Vocabulary

_READ = frozenset({"completed", "in-progress", "stopped", "on-hold", "not-done"})
_WHEN = ("effective", "occurence", "occurrence")  # R4; R5 as published, with its slip; R5 mended
_HALTED = frozenset({"stopped", "on-hold"})


@dataclass(frozen=True, slots=True)
class ReaderTables:
    """The look-ups that an order or an administration is read with."""

    vocabulary: Vocabulary
    pharmacy: MedicationResolver
    dosing: DosageReader
    giving: AdministrationVocabulary
    goals: GoalReader
    unknown: UnknownMedicines
    placing: Placing = NOWHERE  # of times without zone

    def unidentified(
        self, resource: Resource, dosages: Iterable[object], period: Period, *, is_open: bool
    ) -> UnidentifiedMedicine:
        """What can be said of a medicine that cannot be identified."""
        return self.unknown.read(source(resource), tuple(dosages), period, is_open=is_open)

    def is_named(self, one: UnidentifiedMedicine, resource: Resource) -> bool:
        """Whether it is named among what was left out: by a local code only if it may be
        heparin.
        """
        return one.weighs or not codings(concepts_at(resource, "medication"))

    def measured_in(self, medicine: ResolvedMedication) -> str:
        """The kind of unit a drug's doses must be in."""
        return self.vocabulary.concepts.drugs[medicine.drug.key].measured_in


def read_administrations(
    resources: PatientResources, tables: ReaderTables
) -> tuple[tuple[Administration, ...], list[UnidentifiedMedicine], list[Skipped]]:
    """All of known drugs, newest first; those of unidentified medicines; and what was left out."""
    found, skipped = resources.read("MedicationAdministration", partial(_read, tables=tables))
    given = [one for one in found if isinstance(one, Administration)]
    unidentified = [one for one in found if isinstance(one, UnidentifiedMedicine)]
    return tuple(sorted(given, key=_newest_first)), unidentified, skipped


def _read(
    resource: Resource, tables: ReaderTables
) -> list[Administration | UnidentifiedMedicine | Skipped]:
    medicines = tables.pharmacy.medicines(resource)
    if medicines is None:
        return _unknown(resource, tables)
    if medicines and text(member(resource, "status")) not in _READ:
        return [Skipped(source(resource), STATUS, medicines[0].drug.key)]
    return [_administration(resource, one, tables) for one in medicines]


def _unknown(
    resource: Resource, tables: ReaderTables
) -> list[Administration | UnidentifiedMedicine | Skipped]:
    """An administration of an unidentified medicine, unless the row says that nothing was given."""
    dosages = each(member(resource, "dosage"))[:1]
    methods = [member(dosage, "method") for dosage in dosages]
    status = text(member(resource, "status"))
    if status not in _READ or _is_not_given(resource, status, methods, tables):
        return []
    _, period = _when(resource, tables.placing)
    is_open = status == "in-progress" and period.end is None
    one = tables.unidentified(resource, dosages, period, is_open=is_open)
    return [one, Skipped(one.source, NO_MEDICATION)] if tables.is_named(one, resource) else [one]


def _newest_first(one: Administration) -> tuple[object, ...]:
    return (
        one.start is None,
        -one.start.timestamp() if one.start else 0.0,
        one.drug.key,
        one.dosage.written,
        one.source,
    )


def _administration(
    resource: Resource, medicine: ResolvedMedication, tables: ReaderTables
) -> Administration:
    dosages = each(member(resource, "dosage"))[:1]
    methods = [member(dosage, "method") for dosage in dosages]
    status = text(member(resource, "status"))
    point, period = _when(resource, tables.placing)
    # A Period of minutes is how long a nurse took to give a bolus, not an infusion.
    stretch = period if _is_long(period, tables) else Period()
    dosage = tables.dosing.of_administration(
        dosages, tables.measured_in(medicine), medicine.concentration, stretch
    )
    route = tables.giving.route(dosages)
    telling = [*methods, member(resource, "category")]
    no_rate_left = dosage.rate is not None and dosage.rate.value == 0
    stopped = no_rate_left or tables.giving.is_halt(methods)
    bag = tables.giving.is_bag(telling, [text(member(one, "text")) for one in dosages])
    return Administration(
        drug=medicine.drug,
        source=source(resource),
        given=not _is_not_given(resource, status, methods, tables),
        start=period.start,
        end=period.end,
        unread_end=period.unread_end,
        point=point,
        halted=status in _HALTED or stopped,
        form=Form.INFUSION if bag else _form(dosage, route, point, telling, tables),
        route=route,
        use=tables.giving.use(medicine, resource, dosages),
        dosage=dosage,
        request=reference(member(resource, "request")).source,
        status=status,
        site=tables.giving.site(medicine, resource, dosages),
        bag=bag,
        bolus=tables.giving.is_single(telling),
        stopped=stopped,
    )


def by_their_orders(
    administrations: Iterable[Administration], orders: Iterable[Order]
) -> tuple[Administration, ...]:
    """Administrations with the route of their order, where they name none: bar-code charting often
    does not.
    """
    routes = {order.source: order.route for order in orders}
    return tuple(_on_route(one, routes.get(one.request)) for one in administrations)


def by_their_administrations(
    orders: Iterable[Order], administrations: Iterable[Administration]
) -> tuple[Order, ...]:
    """Heparin orders without a dose or a route, as their administrations show them.

    Rows that were flushes, or went into a circuit, make the order no therapy; subcutaneous ones
    make it subcutaneous, in the largest dose given. One row of any other kind leaves the order as
    it is.
    """
    carried: dict[str, list[Administration]] = {}
    for one in administrations:
        if one.given is not False and one.request:
            carried.setdefault(one.request, []).append(one)
    return tuple(_shown(order, carried.get(order.source, [])) for order in orders)


def _shown(order: Order, rows: list[Administration]) -> Order:
    if not rows or not _leaves_open(order):
        return order
    doses = _injected([one for one in rows if one.use is Use.THERAPY])
    if doses is None:
        return order
    if not doses:
        return replace(order, use=Use.NO_THERAPY)
    dosage = order.dosage
    if dosage.dose is None:
        largest = max(doses, key=lambda dose: dose.value)
        dosage = replace(dosage, dose=largest, problem=None)
    return replace(order, route=Route.SUBCUTANEOUS, form=Form.SINGLE, dosage=dosage)


def _leaves_open(order: Order) -> bool:
    """Whether a heparin order does not say by which way it is given, or how much."""
    if order.drug.family != "heparin" or order.dosage.rate:
        return False
    unsized = order.route is Route.SUBCUTANEOUS and order.dosage.dose is None
    return order.route is Route.UNKNOWN or unsized


def _injected(rows: list[Administration]) -> list[Amount] | None:
    """The doses of subcutaneous injections, in one unit; None where a row is anything else."""
    found = [one.dosage.dose for one in rows if _is_injection(one)]
    doses = [dose for dose in found if dose is not None]
    if len(doses) < len(rows) or len({dose.unit for dose in doses}) > 1:
        return None
    return doses


def _is_injection(one: Administration) -> bool:
    return one.route is Route.SUBCUTANEOUS and one.dosage.problem is None


def _on_route(one: Administration, ordered: Route | None) -> Administration:
    if one.route is not Route.UNKNOWN or ordered in (None, Route.UNKNOWN):
        return one
    single = ordered in (Route.SUBCUTANEOUS, Route.ORAL)
    return replace(one, route=ordered, form=Form.SINGLE if single else one.form)


def _when(resource: Resource, placing: Placing) -> tuple[bool, Period]:
    """Whether it is a point in time, and its period; a Period that ends where it starts is a
    point.
    """
    for name in _WHEN:
        if (at := member(resource, f"{name}DateTime")) is not None:
            return True, Period(read_instant(at, placing))
        if (stretch := member(resource, f"{name}Period")) is not None:
            period = read_period(stretch, placing)
            return (True, Period(period.start)) if period.is_point else (False, period)
    return False, Period()


def _is_long(period: Period, tables: ReaderTables) -> bool:
    minutes = tables.vocabulary.concepts.infusion_minutes
    return period.hours is not None and period.hours * 60 > minutes


def _is_not_given(
    resource: Resource, status: str, methods: list[object], tables: ReaderTables
) -> bool:
    reasons = each(member(resource, "statusReason"))
    return status == "not-done" or tables.giving.is_not_given([*methods, *reasons])


def _form(
    dosage: Dosage, route: Route, point: bool, telling: list[object], tables: ReaderTables
) -> Form:
    """The form by what is charted (a rate, a dose), else by what it is called."""
    if tables.giving.is_single(telling) or route in (Route.SUBCUTANEOUS, Route.ORAL):
        return Form.SINGLE
    if dosage.rate or tables.giving.is_infusion(telling, ()):
        return Form.INFUSION
    if dosage.dose:
        return Form.SINGLE
    return Form.INFUSION if tables.giving.is_infusion((), (dosage.written,)) else Form.UNKNOWN
