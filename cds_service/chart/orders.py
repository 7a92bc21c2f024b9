"""MedicationRequests of our drugs: on record, and drafted in this session.

A home medicine is one of the categories `community`, `discharge` or `patientspecified`, or one the
patient reported: it says what was taken, not what is running here. A draft never is, whatever
its category: the public sandbox stamps `community` on every draft.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from cds_service.chart.administrations import Reading
from cds_service.chart.facts import Asked, Dosage, Form, Goal, Order, Resource, Route, Skipped
from cds_service.chart.instants import read_instant
from cds_service.chart.json_reading import codings, each, member, reference, source, text
from cds_service.chart.medications import Medicine
from cds_service.chart.record import NO_MEDICATION, STATUS, Record
from cds_service.chart.validity import validity

_HOME = frozenset({"community", "discharge", "patientspecified"})
_NO_ORDER = frozenset({"entered-in-error", "unknown"})


def read_orders(record: Record, reading: Reading) -> tuple[tuple[Order, ...], list[Skipped]]:
    """All orders on record of known drugs, newest first, and what was left out."""
    found, skipped = record.read("MedicationRequest", partial(_read, reading=reading))
    return tuple(sorted(found, key=_newest_first)), skipped


def _read(resource: Resource, reading: Reading) -> list[Order | Skipped]:
    medicines = reading.pharmacy.medicines(resource)
    if medicines is None:
        return [Skipped(source(resource), NO_MEDICATION)]
    if medicines and _is_no_order(resource):
        return [Skipped(source(resource), STATUS, medicines[0].drug.key)]
    return [_order(resource, one, reading) for one in medicines]


def read_drafts(record: Record, asked: Asked, reading: Reading) -> tuple[Order, ...]:
    """The drafted orders of known drugs; one without a medication is not yet an order."""
    return tuple(
        _order(resource, medicine, reading, _is_selected(resource, asked))
        for resource in record.of("MedicationRequest")
        for medicine in reading.pharmacy.medicines(resource) or ()
        if member(resource, "doNotPerform") is not True
    )


def _newest_first(order: Order) -> tuple[object, ...]:
    return (
        order.authored is None,
        -order.authored.timestamp() if order.authored else 0.0,
        order.source,
        order.drug.key,
    )


def _is_no_order(resource: Resource) -> bool:
    withdrawn = text(member(resource, "status")) in _NO_ORDER
    return withdrawn or member(resource, "doNotPerform") is True


def _is_selected(resource: Resource, asked: Asked) -> bool:
    """Without selections every draft counts: order-sign signs them all."""
    if not asked.selections:
        return True
    ours = source(resource)
    names = {ours, f"urn:uuid:{text(member(resource, 'id'))}", text(member(resource, "id"))}
    return any(one in names or one.endswith(f"/{ours}") for one in asked.selections)


def _order(
    resource: Resource, medicine: Medicine, reading: Reading, selected: bool | None = None
) -> Order:
    """An order; `selected` is given for drafts alone."""
    dosages = each(member(resource, "dosageInstruction"))
    dosage = reading.dosing.of_order(dosages, reading.measured_in(medicine), medicine.concentration)
    route = reading.giving.route(dosages)
    drafted = selected is not None
    authored = read_instant(member(resource, "authoredOn"), reading.placing)
    begins, ends = validity(resource, authored, reading)
    return Order(
        drug=medicine.drug,
        source=source(resource),
        status=text(member(resource, "status")),
        authored=authored,
        form=_form(dosage, route, _words(resource, dosages, medicine), reading),
        route=route,
        use=reading.giving.use(medicine, resource, dosages),
        dosage=dosage,
        resource=resource,
        drafted=drafted,
        selected=selected is not False,
        replaces=reference(member(resource, "priorPrescription")).source,
        home=not drafted and _is_home(resource),
        intent=text(member(resource, "intent")) or "order",
        goal=_goal(resource, dosages, medicine, reading),
        begins=begins,
        ends=ends,
        site=reading.giving.site(medicine, resource, dosages),
    )


def _goal(
    resource: Resource, dosages: tuple[object, ...], medicine: Medicine, reading: Reading
) -> Goal:
    """The goal of a heparin infusion, wherever the order has words: product, note, dosage."""
    if medicine.drug.family != "heparin":
        return Goal()
    notes = (text(member(note, "text")) for note in each(member(resource, "note")))
    parts = (text(member(one, part)) for one in dosages for part in ("text", "patientInstruction"))
    return reading.goals.read(one for one in (*medicine.texts, *notes, *parts) if one)


def _words(
    resource: Resource, dosages: Iterable[object], medicine: Medicine
) -> tuple[list[object], list[str]]:
    """The concepts and texts that may call an order an infusion."""
    dosages = tuple(dosages)
    concepts = [member(dosage, "method") for dosage in dosages]
    said = [text(member(dosage, "text")) for dosage in dosages]
    return [*concepts, member(resource, "category")], [*said, *medicine.texts]


def _form(
    dosage: Dosage, route: Route, words: tuple[list[object], list[str]], reading: Reading
) -> Form:
    if route in (Route.SUBCUTANEOUS, Route.ORAL):
        return Form.SINGLE
    if dosage.rate or reading.giving.is_infusion(*words):
        return Form.INFUSION
    return Form.SINGLE if dosage.dose else Form.UNKNOWN


def _is_home(resource: Resource) -> bool:
    codes = {coding.code for coding in codings(member(resource, "category"))}
    reported = member(resource, "reportedBoolean") is True
    return bool(codes & _HOME) or reported or member(resource, "reportedReference") is not None
