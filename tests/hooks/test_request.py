from typing import Any

import pytest

from cds_service.errors import MalformedRequest, UnknownService
from cds_service.hooks.request import HookRequest, read_call
from cds_service.hooks.services import SERVICES, discovery, find_service

Json = dict[str, Any]

VIEW = SERVICES["heparin-patient-view"]
SELECT = SERVICES["heparin-order-select"]
SIGN = SERVICES["heparin-order-sign"]
DRAFT = {"resourceType": "MedicationRequest", "id": "a"}


def body(hook: str = "patient-view", **changes: Any) -> Json:
    """A minimal request; a change to None leaves the field out."""
    whole: Json = {
        "hook": hook,
        "hookInstance": "7b4913a8-d722-4a65-8b80-af1f6a211d6f",
        "context": {"patientId": "p1", "userId": "Practitioner/1"},
    } | changes
    return {name: value for name, value in whole.items() if value is not None}


def order(hook: str = "order-sign", **context: Any) -> Json:
    return body(hook, context={"patientId": "p1", **context})


def refused(request: object, service: Any = VIEW) -> MalformedRequest:
    with pytest.raises(MalformedRequest) as refusal:
        read_call(request, service)
    return refusal.value


class TestDiscovery:
    def test_there_is_one_service_per_hook(self) -> None:
        assert sorted((service.hook, service.id) for service in SERVICES.values()) == [
            ("order-select", "heparin-order-select"),
            ("order-sign", "heparin-order-sign"),
            ("patient-view", "heparin-patient-view"),
        ]

    def test_every_entry_says_all_a_client_needs(self) -> None:
        for entry in discovery({"patient": "Patient/{{context.patientId}}"})["services"]:
            for field in ("id", "hook", "title", "description", "usageRequirements"):
                assert isinstance(entry[field], str)
                assert entry[field]
            assert entry["prefetch"] == {"patient": "Patient/{{context.patientId}}"}

    def test_an_unknown_service_is_refused(self) -> None:
        assert find_service("heparin-order-sign") is SIGN
        with pytest.raises(UnknownService):
            find_service("heparin")


class TestRequired:
    @pytest.mark.parametrize("request_body", [None, 7, "text", [], [body()], True])
    def test_a_body_that_is_no_object_is_refused(self, request_body: object) -> None:
        assert "object" in refused(request_body).message

    @pytest.mark.parametrize("field", ["hook", "hookInstance", "context"])
    def test_a_missing_field_is_named(self, field: str) -> None:
        error = refused(body(**{field: None}))
        assert error.field == field
        assert "missing" in error.message

    @pytest.mark.parametrize("field", ["hook", "hookInstance", "context"])
    @pytest.mark.parametrize("value", [7, True, ["patient-view"], "", " "])
    def test_a_field_of_the_wrong_type_is_named(self, field: str, value: object) -> None:
        assert refused(body(**{field: value})).field == field

    @pytest.mark.parametrize(
        "context", [{}, {"patientId": None}, {"patientId": 7}, {"patientId": ""}]
    )
    def test_the_patient_is_required(self, context: Json) -> None:
        assert refused(body(context=context)).field == "context.patientId"

    @pytest.mark.parametrize("patient_id", [".", "..", "Patient/", "Patient/..", "x" * 201])
    def test_a_patient_id_that_is_none_is_refused(self, patient_id: str) -> None:
        assert refused(body(context={"patientId": patient_id})).field == "context.patientId"

    def test_the_hook_of_another_service_is_refused(self) -> None:
        assert refused(body("order-sign"), VIEW).field == "hook"

    @pytest.mark.parametrize("drafts", ["text", 7, [], [DRAFT], {"entry": []}])
    def test_drafts_of_the_wrong_type_are_refused(self, drafts: object) -> None:
        assert refused(order(draftOrders=drafts), SIGN).field == "context.draftOrders"

    @pytest.mark.parametrize("selections", ["text", 7, {}])
    def test_selections_of_the_wrong_type_are_refused(self, selections: object) -> None:
        request = order("order-select", draftOrders=bundle(DRAFT), selections=selections)
        assert refused(request, SELECT).field == "context.selections"

    def test_no_refusal_repeats_a_value(self) -> None:
        for request in (
            body("Doe, Jane"),
            body(context="Doe, Jane"),
            order(draftOrders="Doe, Jane"),
        ):
            with pytest.raises(MalformedRequest) as refusal:
                read_call(request, SIGN if request["hook"] == "order-sign" else VIEW)
            assert "Doe" not in str(refusal.value)


def bundle(*resources: Json, **fields: Any) -> Json:
    entry = [{"resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "entry": entry, **fields}


class TestTolerated:
    def call(self, **changes: Any) -> HookRequest:
        return read_call(body(**changes), VIEW)

    def test_the_least_request_is_read(self) -> None:
        call = self.call(context={"patientId": "p1"})
        assert call.context.patient_id == "p1"
        assert call.context.user == ""
        assert call.context.drafts == ()
        assert call.prefetch == {}
        assert call.fhir_server == ""

    @pytest.mark.parametrize(
        "instance",
        [
            "7b4913a8-d722-4a65-8b80-af1f6a211d6f",
            "5f2c1f3e-1dd2-11b2-8000-080027b246c3",
            "constant",
        ],
    )
    def test_any_hook_instance_is_taken(self, instance: str) -> None:
        assert self.call(hookInstance=instance).instance == instance

    def test_ids_as_long_and_dotted_as_real_ones_are_taken(self) -> None:
        patient_id = "e.Xy-" * 39
        assert self.call(context={"patientId": patient_id}).context.patient_id == patient_id

    def test_a_patient_given_as_a_reference_is_its_id(self) -> None:
        assert self.call(context={"patientId": "Patient/p1"}).context.patient_id == "p1"

    @pytest.mark.parametrize("user", [None, 7, {}, []])
    def test_a_user_that_is_none_is_left_out(self, user: object) -> None:
        assert self.call(context={"patientId": "p1", "userId": user}).context.user == ""

    @pytest.mark.parametrize(
        "user", ["Practitioner/1", "PractitionerRole/1", "Patient/1", "RelatedPerson/1"]
    )
    def test_users_of_all_four_types_are_taken(self, user: str) -> None:
        assert self.call(context={"patientId": "p1", "userId": user}).context.user == user

    @pytest.mark.parametrize("prefetch", [None, "text", 7, [], True])
    def test_prefetch_that_is_none_is_none(self, prefetch: object) -> None:
        assert self.call(prefetch=prefetch).prefetch == {}

    def test_unknown_fields_and_extensions_are_ignored(self) -> None:
        call = self.call(
            extension={"com.epic.cdshooks.request.bpa-trigger-action": "18"},
            futureField=[1, 2],
            context={"patientId": "p1", "extension": {"x": 1}, "new": {}},
        )
        assert call.context.patient_id == "p1"

    @pytest.mark.parametrize(
        "authorization",
        [
            None,
            "token",
            [],
            {},
            {"token_type": "Bearer"},
            {"access_token": None},
            {"access_token": 7},
            {"access_token": "two words"},
            {"access_token": "line\r\nX-Evil: 1"},
            {"access_token": "tökén"},
        ],
    )
    def test_an_incomplete_authorization_counts_as_none(self, authorization: object) -> None:
        assert self.call(fhirAuthorization=authorization).access_token == ""

    def test_an_access_token_is_taken_whatever_its_scope_says(self) -> None:
        call = self.call(
            fhirServer="https://ehr.example.org/fhir",
            fhirAuthorization={"access_token": "abc", "scope": "Epic.Some API (R4) Name"},
        )
        assert call.access_token == "abc"
        assert call.fhir_server == "https://ehr.example.org/fhir"

    @pytest.mark.parametrize("server", [None, 7, [], {}])
    def test_a_server_that_is_none_is_none(self, server: object) -> None:
        assert self.call(fhirServer=server).fhir_server == ""


class TestDrafts:
    def test_an_order_hook_without_drafts_has_none(self) -> None:
        assert read_call(order(), SIGN).context.drafts == ()
        assert read_call(order(draftOrders=None), SIGN).context.drafts == ()
        assert read_call(order("order-select"), SELECT).context.drafts == ()

    def test_every_entry_is_kept_medications_too(self) -> None:
        medication = {"resourceType": "Medication", "id": "m"}
        call = read_call(order(draftOrders=bundle(DRAFT, medication)), SIGN)
        assert call.context.drafts == (DRAFT, medication)

    def test_a_bundle_without_type_and_entries_without_resource_are_taken(self) -> None:
        drafts = {"resourceType": "Bundle", "entry": [{}, None, {"resource": DRAFT}]}
        assert read_call(order(draftOrders=drafts), SIGN).context.drafts == (DRAFT,)

    def test_selections_are_references(self) -> None:
        request = order(
            "order-select",
            draftOrders=bundle(DRAFT),
            selections=["MedicationRequest/a", 7, None],
        )
        assert read_call(request, SELECT).context.selections == {"MedicationRequest/a"}

    def test_patient_view_has_no_drafts(self) -> None:
        request = body(context={"patientId": "p1", "draftOrders": bundle(DRAFT)})
        assert read_call(request, VIEW).context.drafts == ()
