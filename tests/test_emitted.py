"""Every resource the service ever suggests is good FHIR, for the right patient, and a draft.

Over all fixtures, hooks, styles and protocols, with the fixtures' own drafts and others. Judged
by fhirkit (structure, by another author), fhir.resources, and the rules that neither knows.
"""

from __future__ import annotations

from typing import Any

import fhirkit
import pytest
from fhir.resources.R4B import get_fhir_model_class

from tests.calls import Answered, Json, every_answer
from tests.cases import cases
from tests.fhir_rules import RULES, faults

NAMES = sorted(cases())

GOOD: Json = {
    "resourceType": "MedicationRequest",
    "status": "draft",
    "intent": "order",
    "subject": {"reference": "Patient/p"},
    "medicationCodeableConcept": {"text": "heparin"},
}


def actions(name: str, kind: str) -> list[tuple[Answered, Json]]:
    """Every action of a kind, with the answer it stands in."""
    return [(a, one) for a in every_answer(name) for one in a.actions if one["type"] == kind]


def drafted(answer: Answered) -> dict[str, Json]:
    """The orders of the call's own drafts, by reference."""
    bundle = answer.request["context"].get("draftOrders", {})
    resources = [entry["resource"] for entry in bundle.get("entry", ())]
    return {f"{r['resourceType']}/{r['id']}": r for r in resources}


@pytest.mark.parametrize("name", NAMES)
def test_every_suggested_resource_is_valid_for_both_validators(name: str) -> None:
    for answer, action in actions(name, "create") + actions(name, "update"):
        resource = action["resource"]
        found = [str(issue) for issue in fhirkit.validate(resource)]
        assert not found, (answer.name, found)
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)


@pytest.mark.parametrize("name", NAMES)
def test_every_suggested_resource_keeps_the_rules_that_validators_miss(name: str) -> None:
    for answer, action in actions(name, "create") + actions(name, "update"):
        assert not faults(action["resource"]), answer.name


@pytest.mark.parametrize("name", NAMES)
def test_what_is_created_is_a_draft_order_for_the_patient_of_the_call(name: str) -> None:
    patient = cases()[name].patient["id"]
    encounter = cases()[name].request["context"].get("encounterId")
    for answer, action in actions(name, "create"):
        resource = action["resource"]
        assert resource["resourceType"] in ("MedicationRequest", "ServiceRequest"), answer.name
        assert (resource["status"], resource["intent"]) == ("draft", "order")
        assert resource["subject"] == {"reference": f"Patient/{patient}"}
        assert "id" not in resource, "the EHR gives it one"
        if encounter:
            assert resource["encounter"] == {"reference": f"Encounter/{encounter}"}


@pytest.mark.parametrize("name", NAMES)
def test_an_update_is_the_whole_order_on_record_with_another_status(name: str) -> None:
    record = {(r["resourceType"], r["id"]): r for r in cases()[name].resources}
    for answer, action in actions(name, "update"):
        resource = action["resource"]
        original = record[resource["resourceType"], resource["id"]]
        assert resource == original | {"status": "stopped"}, answer.name
        assert original["status"] == "active", "only what runs can be stopped"


@pytest.mark.parametrize("name", NAMES)
def test_a_delete_names_a_draft_of_the_call(name: str) -> None:
    for answer, action in actions(name, "delete"):
        assert "resource" not in action
        assert drafted(answer)[action["resourceId"]]["status"] == "draft", answer.name


@pytest.mark.parametrize("name", NAMES)
def test_no_suggestion_both_deletes_and_updates_one_order(name: str) -> None:
    for answer in every_answer(name):
        for card in answer.cards:
            for suggestion in card.get("suggestions", ()):
                targets = [target(action) for action in suggestion["actions"]]
                named = [one for one in targets if one]
                assert len(named) == len(set(named)), answer.name


def target(action: Json) -> str:
    """The order an action is about; nothing for a create."""
    resource = action.get("resource", {})
    known = f"{resource.get('resourceType')}/{resource['id']}" if "id" in resource else ""
    return action.get("resourceId", known)


def test_the_fixtures_make_every_kind_of_suggestion() -> None:
    kinds = {
        (action["type"], action.get("resource", {}).get("resourceType"))
        for name in NAMES
        for answer in every_answer(name)
        for action in answer.actions
    }
    assert kinds == {
        ("create", "MedicationRequest"),
        ("create", "ServiceRequest"),
        ("update", "MedicationRequest"),
        ("delete", None),
    }


BAD: dict[str, Json] = {
    "contained_without_use": {"contained": [{"resourceType": "Medication", "id": "m"}]},
    "codes_without_system": {"dispenseRequest": {"quantity": {"value": 1, "code": "mg"}}},
    "references_to_nothing": {"medicationReference": {"reference": "#m"}},
    "periods_backwards": {"validityPeriod": {"start": "2026-03-02", "end": "2026-03-01"}},
    "systems_not_absolute": {"category": [{"coding": [{"system": "loinc", "code": "1"}]}]},
    "scripts_in_narrative": {"text": {"status": "generated", "div": "<div><script/></div>"}},
    "codes_outside_bindings": {"status": "nonsense"},
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_each_own_rule_finds_its_fault_and_nothing_in_a_good_resource(rule: Any) -> None:
    assert list(rule(GOOD | BAD[rule.__name__]))
    assert not list(rule(GOOD))


@pytest.mark.parametrize(
    "change",
    [{"subject": None}, {"subject": {"ref": "Patient/p"}}, {"priority": []}, {"madeUp": 1}],
)
def test_the_independent_validator_is_awake(change: Json) -> None:
    assert not fhirkit.validate(GOOD)
    assert fhirkit.validate(GOOD | change)
