"""What real EHRs send, against the letter of the specification: thirteen points, each survived."""

import copy
from typing import Any

import pytest
import responses

from tests.cases import cases
from tests.service import CASE, Service, fhir_server, prefetch_of, request_of, topics

Json = dict[str, Any]
UFH = {
    "system": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "code": "5224",
    "display": "heparin",
}
EPIC_RXNORM = "urn:oid:2.16.840.1.113883.6.88"


def drafted(request: Json) -> Json:
    """The first drafted order of a request."""
    draft: Json = request["context"]["draftOrders"]["entry"][0]["resource"]
    return draft


def changed(**draft: Any) -> Json:
    """The request of CASE with its drafted order changed; None leaves a field out."""
    request = copy.deepcopy(request_of(CASE)) | {"prefetch": prefetch_of(CASE)}
    order = drafted(request)
    order.update(draft)
    for name in [name for name, value in draft.items() if value is None]:
        del order[name]
    return request


def sure(service: Service, request: Json) -> list[str]:
    """The topics for a request that must be answered, whatever its shape."""
    answer = service.post(request)
    assert answer.status_code == 200
    return topics(answer)


def test_b7_1_one_odd_resource_costs_only_itself(service: Service) -> None:
    whole = prefetch_of()
    odd: list[Any] = [None, 7, {"resource": 7}, {"resource": {"resourceType": "Observation"}}]
    odd += [{"resource": {"resourceType": "Observation", "code": "x", "valueQuantity": []}}]
    whole["coagulation"]["entry"] += odd
    assert "antithrombinDose" in topics(service.call(prefetch=whole))


def test_b7_2_an_object_where_an_array_is_due(service: Service) -> None:
    request = changed(category={"coding": [{"code": "inpatient"}]})
    del request["context"]["draftOrders"]["type"]
    request["context"]["draftOrders"]["entry"].append({})
    request["context"]["draftOrders"]["entry"].append({"resource": {"resourceType": "Basic"}})
    assert sure(service, request) == ["antithrombinDose"]


def test_b7_3_an_order_without_medication_or_intent(service: Service) -> None:
    request = changed(
        medicationCodeableConcept=None, medicationReference={}, intent=None, contained=[]
    )
    assert sure(service, request) == []


CONTAINED = [{"resourceType": "Medication", "id": "m", "code": {"coding": [UFH]}}]


@pytest.mark.parametrize(
    "medication",
    [
        {"medicationCodeableConcept": {"coding": [UFH]}},
        {"medicationCodeableConcept": {"coding": [{**UFH, "system": EPIC_RXNORM}]}},
        {"medicationCodeableConcept": {"coding": [{"system": "urn:x", "code": "1"}, UFH]}},
        {"medicationCodeableConcept": {"text": "heparin 25,000 units in 500 mL infusion"}},
        {"medicationReference": {"reference": "#m"}, "contained": CONTAINED},
        {"medicationReference": {"display": "heparin 25,000 units/500 mL"}},
    ],
    ids=["code", "oid", "several codings", "text", "contained", "display"],
)
def test_b7_4_medication_in_every_form(service: Service, medication: Json) -> None:
    bare = {"medicationCodeableConcept": None, "medicationReference": None}
    order = drafted(request_of(CASE))
    gone = {name: None for name in bare if name in order and name not in medication}
    assert sure(service, changed(**(gone | medication))) != []


@pytest.mark.parametrize(
    "reference", ["Medication/m9", "https://ehr.example.org/fhir/Medication/m9"]
)
def test_b7_4_medication_beside_the_orders(service: Service, reference: str) -> None:
    order = drafted(request_of(CASE))
    gone = {"medicationCodeableConcept": None} if "medicationCodeableConcept" in order else {}
    request = changed(**(gone | {"medicationReference": {"reference": reference}}))
    medication = {"resourceType": "Medication", "id": "m9", "code": {"coding": [UFH]}}
    request["context"]["draftOrders"]["entry"].append({"resource": medication})
    assert sure(service, request) != []


@pytest.mark.parametrize(
    "dosage",
    [
        None,
        [],
        {"text": "per protocol"},
        [{"doseQuantity": {"value": 1800, "unit": "Units/hr"}}],
        [{"extension": [{"url": "https://x/ordered-dose", "valueQuantity": {"value": 1800}}]}],
        [{"doseAndRate": [{"rateRatio": {"numerator": {"value": 1800}}}]}],
        [{"doseAndRate": {"rateQuantity": {"value": "1800"}}}],
        "text",
    ],
)
def test_b7_5_dose_anywhere_or_nowhere(service: Service, dosage: object) -> None:
    sure(service, changed(dosageInstruction=dosage))


def test_b7_6_any_instance_no_encounter_any_user(service: Service) -> None:
    for user in ("Practitioner/1", "PractitionerRole/1", "Patient/1", "RelatedPerson/1", ""):
        request = changed()
        request["hookInstance"] = "5f2c1f3e-1dd2-11b2-8000-080027b246c3"
        request["context"] |= {"userId": user, "more": {"x": 1}}
        request["context"].pop("encounterId", None)
        assert sure(service, request) == ["antithrombinDose"]


def test_b7_7_prefetch_in_collections_under_other_names(service: Service) -> None:
    whole = prefetch_of()
    renamed: Json = {
        f"-{key}": value | {"type": "collection"}
        for key, value in whole.items()
        if key not in ("coagulation", "blood", "body")
    }
    observations = {key: whole[key] for key in ("coagulation", "blood", "body")}
    known = topics(service.call(prefetch=renamed | observations))
    assert "antithrombinDose" in known


@pytest.mark.parametrize("status", [401, 403])
def test_b7_8_a_refused_token_is_no_error_of_ours(service: Service, status: int) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        import re

        wire.get(re.compile(r"http://127\.0\.0\.1:9/.*"), status=status)
        answer = service.post(
            request_of()
            | {
                "fhirServer": "http://127.0.0.1:9/fhir",
                "fhirAuthorization": {"access_token": "short", "expires_in": 1},
            }
        )
    assert answer.status_code == 200
    assert "notAssessed" in topics(answer)


def test_b7_8_an_incomplete_authorization_is_none(service: Service) -> None:
    with fhir_server() as base:
        more = {"fhirServer": base, "fhirAuthorization": {"token_type": "Bearer", "scope": "x"}}
        assert sure(service, request_of() | more) == ["antithrombinDose"]


def test_b7_10_feedback_as_epic_writes_it(service: Service) -> None:
    (card,) = service.call().json["cards"]
    item = {
        "card": card["uuid"],
        "outcome": "overridden",
        "outcomeTimestamp": "2026-03-02T14:01:00Z",
        "overrideReasons": {"extension": {"com.epic": {"x": 1}}},
    }
    path = "/cds-services/heparin-order-sign/feedback"
    assert service.client.post(path, json={"feedback": [item, item]}).status_code == 200


def test_b7_12_the_same_call_has_the_same_answer(service: Service) -> None:
    def shown() -> list[tuple[str, str]]:
        cards = service.call().json["cards"]
        return [(card["summary"], card["detail"]) for card in cards]

    assert shown() == shown() == shown()


def test_b7_13_a_server_of_the_callers_choice_is_not_asked(service: Service) -> None:
    with responses.RequestsMock() as wire:
        for server in (
            "http://169.254.169.254/latest",
            "https://evil.example/fhir",
            "http://localhost@evil.example/",
            "file:///etc/passwd",
        ):
            assert "notAssessed" in sure(service, request_of() | {"fhirServer": server})
        assert not wire.calls


def test_every_fixture_survives_every_entry_without_its_resource(service: Service) -> None:
    for name in sorted(cases())[:5]:
        hollow = {key: {"resourceType": "Bundle", "entry": [{}]} for key in prefetch_of(name)}
        assert service.call(name, prefetch=hollow).status_code in (200, 412)


@pytest.mark.parametrize("id_", [None, "", 7])
def test_a_draft_without_an_id_is_never_to_be_deleted(service: Service, id_: object) -> None:
    name = "11-overdose-draft"
    request = copy.deepcopy(request_of(name)) | {"prefetch": prefetch_of(name)}
    for entry in request["context"]["draftOrders"]["entry"]:
        entry["resource"]["id"] = id_
    answer = service.post(request)
    actions = [
        action
        for card in answer.json["cards"]
        for suggestion in card.get("suggestions", ())
        for action in suggestion["actions"]
    ]
    assert all(action["type"] != "delete" for action in actions)
