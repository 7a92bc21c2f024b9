"""MedicationRequests of our drugs: on record, and drafted in this session.

A home medicine has one of the categories `community`, `discharge` or `patientspecified`, or was
reported by the patient: it says what was taken, not what runs here. A draft is never one, whatever
its category: the public CDS Hooks sandbox stamps `community` on every draft.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from cds_service.chart.administrations import ReaderTables
from cds_service.chart.facts import ENDING, Dosage, Form, HookContext, Order, Route, Skipped, Use
from cds_service.chart.fhir_datetime import Period, read_instant
from cds_service.chart.fhir_json import codings, each, member, reference, source, text
from cds_service.chart.goal import Goal
from cds_service.chart.medication_lookup import ResolvedMedication, concepts_at, points_at
from cds_service.chart.query_result import Resource
from cds_service.chart.resources import NO_MEDICATION, STATUS, PatientResources
from cds_service.chart.selections import Selected
from cds_service.chart.unknown_medicine_orders import UnidentifiedMedicine
from cds_service.chart.validity import validity

_HOME = frozenset({"community", "discharge", "patientspecified"})
_NO_ORDER = frozenset({"entered-in-error", "unknown"})
_STANDING = frozenset({"active", "on-hold", ""})


def read_orders(
    resources: PatientResources, tables: ReaderTables
) -> tuple[tuple[Order, ...], list[UnidentifiedMedicine], list[Skipped]]:
    """All orders on record of known drugs, newest first; the unidentified; and what was left
    out.
    """
    found, skipped = resources.read("MedicationRequest", partial(_read, tables=tables))
    orders = [one for one in found if isinstance(one, Order)]
    unidentified = [one for one in found if isinstance(one, UnidentifiedMedicine)]
    return tuple(sorted(orders, key=_newest_first)), unidentified, skipped


def _read(resource: Resource, tables: ReaderTables) -> list[Order | UnidentifiedMedicine | Skipped]:
    medicines = tables.pharmacy.medicines(resource)
    if medicines is None:
        return _unknown(resource, tables)
    if medicines and _is_no_order(resource):
        return [Skipped(source(resource), STATUS, medicines[0].drug.key)]
    return [_order(resource, one, tables) for one in medicines]


def _unknown(
    resource: Resource, tables: ReaderTables
) -> list[Order | UnidentifiedMedicine | Skipped]:
    """An order of an unidentified medicine; a home medicine is not one that is given here."""
    if _is_no_order(resource):
        return []
    dosages = each(member(resource, "dosageInstruction"))
    standing = text(member(resource, "status")) in _STANDING
    one = tables.unidentified(
        resource,
        dosages,
        Period(read_instant(member(resource, "authoredOn"), tables.placing)),
        is_open=standing and not _is_home(resource),
    )
    return [one, Skipped(one.source, NO_MEDICATION)] if tables.is_named(one, resource) else [one]


def read_drafts(
    resources: PatientResources, asked: HookContext, tables: ReaderTables
) -> tuple[tuple[Order, ...], list[UnidentifiedMedicine]]:
    """The drafted orders of known drugs, and those whose medicine cannot be identified."""
    selected = Selected(asked)
    orders: list[Order] = []
    unidentified: list[UnidentifiedMedicine] = []
    for resource in resources.of("MedicationRequest"):
        resources.still()
        if member(resource, "doNotPerform") is True:
            continue
        chosen = resource in selected
        medicines = tables.pharmacy.medicines(resource)
        if medicines is None and not _is_begun(resource, asked):
            continue
        if medicines is None:
            unidentified.append(_unidentified_draft(resource, tables, chosen))
        orders += [_order(resource, one, tables, chosen) for one in medicines or ()]
    return tuple(orders), unidentified


def _is_begun(resource: Resource, asked: HookContext) -> bool:
    """Whether a draft names a medicine at all: what is just being chosen is not yet an order."""
    named = concepts_at(resource, "medication") or points_at(resource, "medication")
    return bool(named) or asked.hook != "order-select"


def _unidentified_draft(
    resource: Resource, tables: ReaderTables, selected: bool
) -> UnidentifiedMedicine:
    ends = text(member(resource, "status")) in ENDING
    dosages = each(member(resource, "dosageInstruction"))
    one = tables.unidentified(resource, dosages, Period(), is_open=not ends)
    return replace(one, drafted=True, selected=selected)


def _newest_first(order: Order) -> tuple[object, ...]:
    return (
        order.authored is None,
        -order.authored.timestamp() if order.authored else 0.0,
        order.drug.key,
        order.dosage.written,
        order.source,
    )


def _is_no_order(resource: Resource) -> bool:
    withdrawn = text(member(resource, "status")) in _NO_ORDER
    return withdrawn or member(resource, "doNotPerform") is True


def _order(
    resource: Resource,
    medicine: ResolvedMedication,
    tables: ReaderTables,
    selected: bool | None = None,
) -> Order:
    """An order; `selected` is given for drafts alone."""
    dosages = each(member(resource, "dosageInstruction"))
    dosage = tables.dosing.of_order(dosages, tables.measured_in(medicine), medicine.concentration)
    route = tables.giving.route(dosages)
    drafted = selected is not None
    authored = read_instant(member(resource, "authoredOn"), tables.placing)
    begins, ends = validity(resource, authored, tables)
    form = _form(dosage, route, _words(resource, dosages, medicine), tables)
    return Order(
        drug=medicine.drug,
        source=source(resource),
        status=text(member(resource, "status")),
        authored=authored,
        form=form,
        route=route,
        use=_use(resource, dosages, medicine, form, tables),
        dosage=dosage,
        resource=resource,
        drafted=drafted,
        selected=selected is not False,
        replaces=reference(member(resource, "priorPrescription")).source,
        home=not drafted and _is_home(resource),
        intent=text(member(resource, "intent")) or "order",
        goal=_goal(resource, dosages, medicine, tables),
        begins=begins,
        ends=ends,
        site=tables.giving.site(medicine, resource, dosages),
    )


def _use(
    resource: Resource,
    dosages: tuple[object, ...],
    medicine: ResolvedMedication,
    form: Form,
    tables: ReaderTables,
) -> Use:
    """The therapeutic use; an order of unknown form is no therapy if its text says "flush the
    line".
    """
    phrases = [text(member(dosage, "text")) for dosage in dosages]
    if form is Form.UNKNOWN and tables.giving.is_no_therapy(phrases):
        return Use.NO_THERAPY
    return tables.giving.use(medicine, resource, dosages)


def _goal(
    resource: Resource,
    dosages: tuple[object, ...],
    medicine: ResolvedMedication,
    tables: ReaderTables,
) -> Goal:
    """The goal of a heparin infusion, wherever the order has words: product, note, dosage."""
    if medicine.drug.family != "heparin":
        return Goal()
    notes = (text(member(note, "text")) for note in each(member(resource, "note")))
    parts = (text(member(one, part)) for one in dosages for part in ("text", "patientInstruction"))
    return tables.goals.read(one for one in (*medicine.texts, *notes, *parts) if one)


def _words(
    resource: Resource, dosages: Iterable[object], medicine: ResolvedMedication
) -> tuple[list[object], list[str]]:
    """The concepts and texts that may call an order an infusion."""
    dosages = tuple(dosages)
    concepts = [member(dosage, "method") for dosage in dosages]
    phrases = [text(member(dosage, "text")) for dosage in dosages]
    return [*concepts, member(resource, "category")], [*phrases, *medicine.texts]


def _form(
    dosage: Dosage, route: Route, words: tuple[list[object], list[str]], tables: ReaderTables
) -> Form:
    if route in (Route.SUBCUTANEOUS, Route.ORAL):
        return Form.SINGLE
    if dosage.rate or tables.giving.is_infusion(*words):
        return Form.INFUSION
    return Form.SINGLE if dosage.dose else Form.UNKNOWN


def _is_home(resource: Resource) -> bool:
    codes = {coding.code for coding in codings(member(resource, "category"))}
    reported = True in (member(resource, "reportedBoolean"), member(resource, "reported"))
    return bool(codes & _HOME) or reported or member(resource, "reportedReference") is not None
