"""Habits of real EHRs that must not change a card: one request, written in many ways.

Each quirk rewrites a fixture's call with complete prefetch; the cards must say the same.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.calls import Json
from tests.cases import cases, searches, tables
from tests.fault_tables import healthy, open_facts, service

Quirk = Callable[[Json], None]  # changes a call in place

FIXTURES = (
    "01-antithrombin-dose",  # order-select, heparin in U/h drafted
    "06-pseudo-resistance",  # order-select, a Medication beside the draft
    "11-overdose-draft",  # order-sign, antithrombin drafted in IU
    "18-hit-by-score",  # order-sign
    "28-ecmo-and-crrt",  # patient-view, mL/h
    "32-orders-only",  # patient-view, no administration at all
)
EHR = "https://ehr.example.org/api/FHIR/R4"


def resources(call: Json) -> Iterator[Json]:
    """Every resource in prefetch and among the drafts."""
    bundles = [*call["prefetch"].values(), call["context"].get("draftOrders") or {}]
    for bundle in bundles:
        yield from (entry["resource"] for entry in bundle.get("entry", ()))


def drafts(call: Json) -> list[Json]:
    entries = call["context"].get("draftOrders", {}).get("entry", ())
    return [e["resource"] for e in entries if e["resource"]["resourceType"] == "MedicationRequest"]


def orders(call: Json) -> list[Json]:
    kinds = ("MedicationRequest", "MedicationAdministration")
    return [one for one in resources(call) if one["resourceType"] in kinds]


def rewritten(call: Json, text: str) -> None:
    """Put a changed text of the call in its place."""
    changed = json.loads(text)
    call.clear()
    call.update(changed)


# -- envelope


def bundles_without_type_and_links(call: Json) -> None:
    for bundle in [*call["prefetch"].values(), call["context"].get("draftOrders", {})]:
        bundle.pop("type", None)
        for entry in bundle.get("entry", ()):
            entry.pop("fullUrl", None)


def collections(call: Json) -> None:
    for bundle in call["prefetch"].values():
        if bundle["resourceType"] == "Bundle":
            bundle["type"] = "collection"


def a_patient_in_a_bundle(call: Json) -> None:
    call["prefetch"]["patient"] = {
        "resourceType": "Bundle",
        "entry": [{"resource": call["prefetch"]["patient"]}],
    }


def one_entry_as_an_object(call: Json) -> None:
    bundle = call["prefetch"]["allergies"]
    (bundle["entry"],) = bundle["entry"]


def null_for_nothing_found(call: Json) -> None:
    for key, bundle in call["prefetch"].items():
        if not bundle.get("entry", [bundle]):
            call["prefetch"][key] = None


def a_warning_beside_the_data(call: Json) -> None:
    """Epic says "no results" so, and adds hints."""
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "warning", "code": "not-found", "details": {"text": "hint"}}],
    }
    for bundle in call["prefetch"].values():
        if bundle["resourceType"] == "Bundle":
            entry = {"resource": outcome, "search": {"mode": "outcome"}}
            bundle["entry"] = [entry, *bundle.get("entry", ())]


def foreign_resources_and_empty_entries(call: Json) -> None:
    entries = [
        {"resource": {"resourceType": "Practitioner", "id": "dr"}},
        {"fullUrl": "urn:uuid:5f2c1f3e-1dd2-41b2-8000-080027b246c3"},
        {"resource": {"resourceType": "NutritionOrder", "id": "n", "status": "draft"}},
    ]
    for bundle in [*call["prefetch"].values(), call["context"].get("draftOrders", {})]:
        if bundle.get("entry"):
            bundle["entry"] = [*entries, *bundle["entry"]]


def keys_told_by_self_links(call: Json) -> None:
    """A site that never read discovery types our queries under names of its own."""
    patient = call["context"]["patientId"]
    plan = {search.key: search for search in searches(tables())}
    sent = call["prefetch"]
    call["prefetch"] = {}
    for number, (key, value) in enumerate(sent.items()):
        if value["resourceType"] == "Bundle":
            url = f"{EHR}/{plan[key].url(patient)}"
            value["link"] = [{"relation": "self", "url": url}]
        call["prefetch"][f"-query {number}"] = value


def keys_told_by_content(call: Json) -> None:
    """Only Observations need our own query: what another did not ask for it cannot tell."""
    labs = ("coagulation", "blood", "body")
    call["prefetch"] = {
        key if key in labs or not value.get("entry", [value]) else f"site-{key}": value
        for key, value in call["prefetch"].items()
    }


def twice_under_other_names(call: Json) -> None:
    call["prefetch"] |= {f"again-{key}": value for key, value in call["prefetch"].items()}


# -- the call itself


def a_client_with_ideas_of_its_own(call: Json) -> None:
    call["hookInstance"] = "f0b1c9d2-4e1a-11ef-9d3a-0242ac120002"  # by time
    call["extension"] = {"com.example.request": {"version": "1.0", "trigger": [18]}}
    call["context"]["userId"] = "PractitionerRole/a.b-c_d"
    call["context"]["unheardOf"] = {"x": None}
    call["fhirAuthorization"] = {"token_type": "Bearer", "scope": "Patient (Read) [R4]"}


def patient_ids_with_their_type(call: Json) -> None:
    call["context"]["patientId"] = f"Patient/{call['context']['patientId']}"


# -- ids and references


def ids_of_200_characters(call: Json) -> None:
    ids = {one["id"] for one in resources(call)} | {call["context"]["patientId"]}
    text = json.dumps(call)
    for id_ in sorted(ids, key=len, reverse=True):
        long = f"e{'Xy.7-' * 40}"[: 198 - len(id_)] + id_
        text = re.sub(rf'(?<=["/]){re.escape(id_)}(?=")', long, text)
    rewritten(call, text)


def ids_with_odd_characters(call: Json) -> None:
    patient = call["context"]["patientId"]
    text = json.dumps(call)
    rewritten(call, re.sub(rf'(?<=["/]){re.escape(patient)}(?=")', f"{patient}~x_1+", text))


def absolute_references(call: Json) -> None:
    text = json.dumps(call)
    kinds = "Patient|Encounter|Medication|MedicationRequest|Practitioner|Observation"
    text = re.sub(rf'"reference": "((?:{kinds})/)', rf'"reference": "{EHR}/\1', text)
    rewritten(call, text)


def references_to_versions(call: Json) -> None:
    text = re.sub(
        r'"reference": "([^#"]*?/[^"/]+)"', r'"reference": "\1/_history/3"', json.dumps(call)
    )
    rewritten(call, text)


# -- medicines


def medications_contained(call: Json) -> None:
    for order in orders(call):
        concept = order.pop("medicationCodeableConcept", None)
        if concept:
            order["contained"] = [{"resourceType": "Medication", "id": "m", "code": concept}]
            order["medicationReference"] = {"reference": "#m"}


def medications_beside(call: Json) -> None:
    """Epic sends Medication entries next to the drafts, referred to relatively."""
    for draft in drafts(call):
        concept = draft.pop("medicationCodeableConcept", None)
        if concept:
            id_ = f"m.of-{draft['id']}"
            draft["medicationReference"] = {"reference": f"Medication/{id_}"}
            medication = {"resourceType": "Medication", "id": id_, "code": concept}
            call["context"]["draftOrders"]["entry"].append({"resource": medication})


def medications_by_full_url(call: Json) -> None:
    uuid = "5f2c1f3e-1dd2-41b2-8000-080027b246c3"
    for draft in drafts(call)[:1]:
        concept = draft.pop("medicationCodeableConcept", None)
        if concept:
            draft["medicationReference"] = {"reference": f"urn:uuid:{uuid}", "type": "Medication"}
            medication = {"resourceType": "Medication", "id": uuid, "code": concept}
            entry = {"fullUrl": f"urn:uuid:{uuid}", "resource": medication}
            call["context"]["draftOrders"]["entry"].append(entry)


def many_codings(call: Json) -> None:
    """A site's own code systems first."""
    for order in orders(call):
        concept = order.get("medicationCodeableConcept", {})
        if concept.get("coding"):
            foreign = [
                {"system": "urn:oid:2.16.840.1.113883.6.162", "code": "83100020102030"},
                {"system": "urn:oid:1.2.840.114350.1.13.0.1.7.2.698288", "code": "4711"},
            ]
            concept["coding"] = [*foreign, *concept["coding"]]


def rxnorm_by_oid(call: Json) -> None:
    url = "http://www.nlm.nih.gov/research/umls/rxnorm"
    rewritten(call, json.dumps(call).replace(url, "urn:oid:2.16.840.1.113883.6.88"))


def category_as_an_object(call: Json) -> None:
    for one in resources(call):
        if isinstance(one.get("category"), list) and one["resourceType"] != "AllergyIntolerance":
            (one["category"],) = one["category"][:1]


def doses_directly_under_the_dosage(call: Json) -> None:
    """As in Epic's own example, and as R3 had it."""
    for draft in drafts(call):
        for dosage in draft.get("dosageInstruction", ()):
            for amount in dosage.pop("doseAndRate", ()):
                dosage.update(amount)


def rates_as_ratios(call: Json) -> None:
    for draft in drafts(call):
        for dosage in draft.get("dosageInstruction", ()):
            for amount in dosage.get("doseAndRate", ()):
                rate = amount.pop("rateQuantity", None)
                if rate:
                    assert rate["code"].endswith("/h"), rate
                    unit = rate["code"].removesuffix("/h")
                    hour = {"value": 1, "system": "http://unitsofmeasure.org", "code": "h"}
                    numerator = rate | {"code": unit, "unit": unit}
                    amount["rateRatio"] = {"numerator": numerator, "denominator": hour}


def single_objects_for_lists(call: Json) -> None:
    for draft in drafts(call):
        dosages = draft.get("dosageInstruction", [])
        if len(dosages) == 1:
            (draft["dosageInstruction"],) = dosages


def orders_without_intent(call: Json) -> None:
    for draft in drafts(call):
        draft.pop("intent", None)


def drafts_without_a_subject(call: Json) -> None:
    """The call says whose they are."""
    for draft in drafts(call):
        draft.pop("subject", None)


QUIRKS: tuple[Quirk, ...] = (
    bundles_without_type_and_links,
    collections,
    a_patient_in_a_bundle,
    one_entry_as_an_object,
    null_for_nothing_found,
    a_warning_beside_the_data,
    foreign_resources_and_empty_entries,
    keys_told_by_self_links,
    keys_told_by_content,
    twice_under_other_names,
    a_client_with_ideas_of_its_own,
    patient_ids_with_their_type,
    ids_of_200_characters,
    ids_with_odd_characters,
    absolute_references,
    references_to_versions,
    medications_contained,
    medications_beside,
    medications_by_full_url,
    many_codings,
    rxnorm_by_oid,
    category_as_an_object,
    doses_directly_under_the_dosage,
    rates_as_ratios,
    single_objects_for_lists,
    orders_without_intent,
    drafts_without_a_subject,
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    with service(tmp_path_factory.mktemp("quirks")) as client:
        yield client


def plain_call(name: str) -> Json:
    """A fixture's call with complete prefetch, nothing shared."""
    return copy.deepcopy({**cases()[name].request, "prefetch": healthy(name)})


def cards_in_short(client: FlaskClient, call: Json) -> list[tuple[Any, ...]]:
    """What a clinician reads and may do."""
    response = client.post(f"/cds-services/heparin-{call['hook']}", json=call)
    assert response.status_code == 200, response.text
    return [
        (card["source"]["topic"]["code"], card["indicator"], card["summary"], actions(card))
        for card in response.json["cards"]
    ]


def actions(card: Json) -> list[tuple[str, str]]:
    found = [a for s in card.get("suggestions", ()) for a in s["actions"]]
    return [(action["type"], action["description"]) for action in found]


@pytest.mark.parametrize("name", FIXTURES)
@pytest.mark.parametrize("quirk", QUIRKS, ids=lambda quirk: quirk.__name__)
def test_the_cards_say_the_same(client: FlaskClient, quirk: Quirk, name: str) -> None:
    plain, odd = plain_call(name), plain_call(name)
    quirk(odd)
    expected = cards_in_short(client, plain)
    assert expected, "silence would prove nothing"
    assert cards_in_short(client, odd) == expected


@pytest.mark.parametrize("quirk", QUIRKS, ids=lambda quirk: quirk.__name__)
def test_each_quirk_changes_some_call(quirk: Quirk) -> None:
    def changes(name: str) -> bool:
        odd = plain_call(name)
        quirk(odd)
        return odd != plain_call(name)

    assert any(changes(name) for name in FIXTURES)


def test_delete_names_the_draft_by_its_long_id(client: FlaskClient) -> None:
    call = plain_call("11-overdose-draft")
    ids_of_200_characters(call)
    response = client.post("/cds-services/heparin-order-sign", json=call)
    deleted = [
        action["resourceId"]
        for card in response.json["cards"]
        for suggestion in card.get("suggestions", ())
        for action in suggestion["actions"]
        if action["type"] == "delete"
    ]
    known = {f"MedicationRequest/{draft['id']}" for draft in drafts(call)}
    assert deleted
    assert set(deleted) <= known
    assert len(deleted[0]) > 190


@pytest.mark.parametrize("name", ["", "a/b", "http://ehr/MedicationRequest/a", "a b", 7])
def test_a_draft_that_cannot_be_named_is_warned_of_and_not_deleted(
    client: FlaskClient, name: object
) -> None:
    call = plain_call("11-overdose-draft")
    expected = cards_in_short(client, call)
    for draft in drafts(call):
        draft["id"] = name
    answer = client.post("/cds-services/heparin-order-sign", json=call).json
    assert [card["summary"] for card in answer["cards"]] == [one[2] for one in expected]
    assert not any(
        action["type"] == "delete"
        for card in answer["cards"]
        for suggestion in card.get("suggestions", ())
        for action in suggestion["actions"]
    )


def test_heparin_known_by_its_display_alone_is_heparin(client: FlaskClient) -> None:
    call = plain_call("01-antithrombin-dose")
    expected = cards_in_short(client, call)
    for draft in drafts(call):
        draft.pop("medicationCodeableConcept")
        draft["medicationReference"] = {"display": "heparin 25,000 units/250 mL infusion"}
    assert cards_in_short(client, call) == expected


@pytest.mark.parametrize(
    "text",
    [
        "1,800 units/h",
        "18 units/kg/hr per protocol",
        "18 mL/h",
        "1,800 units per hour",
        "continuous infusion, rate by pharmacy",
    ],
)
def test_a_rate_in_text_only_is_an_infusion_of_unknown_rate(client: FlaskClient, text: str) -> None:
    """Epic's ordered dose stands in an extension and in free text: it is not guessed."""
    call = plain_call("01-antithrombin-dose")
    for draft in drafts(call):
        draft["dosageInstruction"] = [{"text": text, "extension": [{"url": "urn:x"}]}]
    response = client.post("/cds-services/heparin-order-select", json=call)
    topics = [card["source"]["topic"]["code"] for card in response.json["cards"]]
    assert topics == ["antithrombinDose", "notAssessed"]
    assert f"heparin dose: stands only in free text ({text})" in open_facts(response)
