from __future__ import annotations

from typing import Any

import pytest

from cds_service.chart.facts import Amount, Form, HookContext, Route, Skipped, Use
from cds_service.chart.reader import read_drafted
from tests.chart.builders import (
    AT_TEN,
    LOINC,
    RXNORM,
    SNOMED,
    Json,
    concept,
    named,
    order,
    ordered,
    quantity,
    read,
    shipped,
    skipped,
)

RATE: Json = {"doseAndRate": [{"rateQuantity": quantity(1800, "U/h")}]}
DOSE: Json = {"doseAndRate": [{"doseQuantity": quantity(5000, "U")}]}
CATEGORY = "http://terminology.hl7.org/CodeSystem/medicationrequest-category"


def test_an_order_keeps_its_resource_whole() -> None:
    resource = order(RATE, extension=[{"url": "urn:x", "valueString": "kept"}])
    one = ordered(resource)
    assert one.resource == resource
    assert (one.source, one.status, one.authored) == ("MedicationRequest/m1", "active", AT_TEN)
    assert (one.active, one.drafted, one.stops, one.intent) == (True, False, False, "order")
    assert one.dosage.rate == Amount(1800, "[IU]/h")


@pytest.mark.parametrize("status", ["entered-in-error", "unknown"])
def test_an_order_that_is_none_is_named(status: str) -> None:
    assert skipped(order(RATE, status=status)) == Skipped(
        "MedicationRequest/m1", "status", "heparin"
    )


def test_an_order_not_to_give_is_none() -> None:
    assert skipped(order(RATE, doNotPerform=True)).reason == "status"
    assert not read(drafts=[order(RATE, doNotPerform=True)]).drafts


@pytest.mark.parametrize("status", ["active", "on-hold", "stopped", "completed", "cancelled"])
def test_other_statuses_are_kept_as_they_are(status: str) -> None:
    assert ordered(order(RATE, status=status)).status == status


@pytest.mark.parametrize(
    ("dosage", "more", "form"),
    [
        (RATE, {}, Form.INFUSION),
        (DOSE, {}, Form.SINGLE),
        ({**DOSE, "text": "continuous infusion"}, {}, Form.INFUSION),
        ({"text": "heparin drip per protocol"}, {}, Form.INFUSION),
        ({"method": concept(text="Infusion")}, {}, Form.INFUSION),
        ({}, {"medicationCodeableConcept": concept(text="heparin infusion")}, Form.INFUSION),
        ({"text": "infusion", "route": concept(text="SC")}, {}, Form.SINGLE),
        ({"text": "as directed"}, {}, Form.UNKNOWN),
    ],
)
def test_the_form_follows_rate_route_and_words(
    dosage: Json, more: dict[str, Any], form: Form
) -> None:
    assert ordered(order(dosage, **more)).form is form


def test_route_and_use_are_read_from_the_instructions() -> None:
    one = ordered(order({**DOSE, "route": concept((SNOMED, "34206005"))}))
    assert (one.route, one.use) == (Route.SUBCUTANEOUS, Use.THERAPY)
    lock = ordered(order({**DOSE, "route": concept(text="catheter lock")}))
    assert (lock.route, lock.use) == (Route.OTHER, Use.NO_THERAPY)


def test_a_prior_prescription_is_what_it_replaces() -> None:
    prior = {"reference": "https://ehr.example.org/fhir/MedicationRequest/m0"}
    assert ordered(order(RATE, priorPrescription=prior)).replaces == "MedicationRequest/m0"
    assert ordered(order(RATE)).replaces == ""


def test_intents_other_than_order_are_distinguished() -> None:
    assert ordered(order(RATE, intent="plan")).intent == "plan"
    assert ordered(order(RATE, intent=None)).intent == "order"


@pytest.mark.parametrize(
    ("more", "home"),
    [
        ({}, False),
        ({"category": [concept((CATEGORY, "inpatient"))]}, False),
        ({"category": [concept((CATEGORY, "community"))]}, True),
        ({"category": concept((CATEGORY, "community"))}, True),
        ({"category": [concept((CATEGORY, "discharge"))]}, True),
        ({"category": [concept((CATEGORY, "patientspecified"))]}, True),
        ({"reportedBoolean": True}, True),
        ({"reportedBoolean": "true"}, False),
        ({"reportedReference": {"reference": "Patient/p1"}}, True),
    ],
)
def test_a_home_medicine_is_known_by_category_or_report(more: dict[str, Any], home: bool) -> None:
    assert ordered(order(RATE, **more)).home is home
    (draft,) = read(drafts=[order(RATE, **more)]).drafts
    assert not draft.home, "the sandbox stamps community on every draft"


def test_orders_come_newest_first() -> None:
    chart = read(
        order(RATE, id="undated", authoredOn=None),
        order(RATE, id="old", authoredOn="2026-11-20"),
        order(RATE, id="new"),
    )
    assert [one.source.partition("/")[2] for one in chart.orders] == ["new", "old", "undated"]


@pytest.mark.parametrize(
    ("selections", "selected"),
    [
        ((), True),
        (("MedicationRequest/m1",), True),
        (("https://ehr.example.org/fhir/MedicationRequest/m1",), True),
        (("urn:uuid:m1",), True),
        (("m1",), True),
        (("MedicationRequest/m1/_history/2",), True),
        (("https://ehr.example.org/fhir/MedicationRequest/m1/_history/2",), True),
        (("MedicationRequest/m2",), False),
        (("ServiceRequest/m1",), False),
        (("MedicationRequest/m2", "MedicationRequest/xm1"), False),
        (("MedicationRequest/xm1",), True),  # names no entry: then all of them count
        (("https://ehr.example.org/fhir/",), True),
        (("",), True),
    ],
)
def test_a_draft_is_selected_or_background(selections: tuple[str, ...], selected: bool) -> None:
    others = [
        order(RATE, status="draft", id="m2", medicationCodeableConcept=concept(text="ibuprofen")),
        named("ServiceRequest", concept((LOINC, "777-3")), status="draft", id="m1"),
    ]
    drafts = [order(RATE, status="draft"), *others]
    (draft,) = read(drafts=drafts, selections=selections).drafts
    assert (draft.drafted, draft.selected) == (True, selected)


@pytest.mark.parametrize("status", ["stopped", "cancelled", "completed", "entered-in-error"])
def test_a_draft_may_end_an_order(status: str) -> None:
    (draft,) = read(drafts=[order(RATE, status=status)]).drafts
    assert draft.stops


def test_a_draft_as_the_public_sandbox_sends_it_is_read() -> None:
    """Without a medication at first, then with `category` as an object and pills for a unit."""
    resource: Json = {
        "resourceType": "MedicationRequest",
        "id": "request-123",
        "status": "draft",
        "subject": {"reference": "Patient/p1"},
        "authoredOn": "2026-11-22",
        "category": {"coding": [{"system": CATEGORY, "code": "community"}]},
    }
    assert read(drafts=[resource]) == read()
    named_so = resource | {
        "medicationCodeableConcept": {
            "text": "heparin sodium, porcine 1000 UNT/ML Injectable Solution",
            "coding": [{"system": RXNORM, "code": "9990003", "display": "heparin sodium"}],
        },
        "dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": 1, "code": "{pill}"}}]}],
    }
    (draft,) = read(drafts=[named_so]).drafts
    assert (draft.drug.key, draft.form, draft.intent) == ("heparin", Form.UNKNOWN, "order")


def test_drafts_of_other_types_and_patients_are_left() -> None:
    foreign = order(RATE, subject={"reference": "Patient/p2"})
    chart = read(drafts=[{"resourceType": "Task", "id": "t"}, foreign, "nonsense"])
    assert not chart.drafts
    assert {one.reason for one in chart.skipped} == {"otherPatient", "malformed"}


def test_a_draft_does_not_hide_the_order_it_changes() -> None:
    chart = read(order(RATE), drafts=[order(RATE, status="draft")])
    assert (len(chart.orders), len(chart.drafts)) == (1, 1)


def test_tests_are_orders_of_known_observations() -> None:
    code = concept((LOINC, "27811-9"))
    ordered_test = named("ServiceRequest", code, status="active", intent="order")
    drafted_test = ordered_test | {"id": "n2", "status": "draft", "intent": "proposal"}
    chart = read(ordered_test, drafts=[drafted_test])
    assert [(t.concept, t.status, t.drafted) for t in chart.tests] == [
        ("antithrombin", "active", False),
        ("antithrombin", "draft", True),
    ]


@pytest.mark.parametrize(
    "more",
    [
        {"intent": "proposal"},
        {"intent": "plan"},
        {"status": "entered-in-error"},
        {"doNotPerform": True},
        {"code": concept((LOINC, "2345-7"))},
        {"code": None},
    ],
)
def test_what_is_no_order_of_a_known_test_is_left(more: dict[str, Any]) -> None:
    plain = named("ServiceRequest", concept((LOINC, "27811-9")), status="active", intent="order")
    assert not read(plain | more).tests


def test_the_drafts_can_be_read_alone() -> None:
    unknown = order(RATE, id="m2", medicationCodeableConcept=concept(("urn:local", "4711")))
    asked = HookContext("order-sign", "p1", (order(RATE), unknown))
    orders, untold = read_drafted(asked, shipped())
    chart = read(drafts=asked.drafts)
    assert (orders, tuple(untold)) == (chart.drafts, chart.unidentified)
    assert [one.source for one in (*orders, *untold)] == [
        "MedicationRequest/m1",
        "MedicationRequest/m2",
    ]
