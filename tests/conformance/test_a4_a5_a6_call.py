"""CDS Hooks: the call (4), the states of prefetch (5), FHIR access (6)."""

import json
import re
from typing import Any

import pytest
import responses

from cds_service.ledger.calls import calls
from tests.service import Service, bundle, fhir_server, prefetch_of, request_of, topics

Json = dict[str, Any]

BASE = "https://fhir.test/r4"
LOCAL = "http://127.0.0.1:9/fhir"
ANYTHING = re.compile(r"http://127\.0\.0\.1:9/fhir/.*")
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}
WARNING = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "x"}]}


class TestCall:
    def test_4_1_hook_instance_and_context_are_enough(self, service: Service) -> None:
        assert service.post(request_of()).status_code == 200

    @pytest.mark.parametrize(
        "more",
        [
            {"fhirServer": "https://not.allowed/fhir"},
            {"fhirAuthorization": {}},
            {"fhirAuthorization": {"access_token": "t"}},
            {"prefetch": {}},
            {"prefetch": None},
        ],
    )
    def test_4_2_all_else_may_be_there_or_missing(self, service: Service, more: Json) -> None:
        assert service.post(request_of() | more).status_code == 200

    def test_4_3_extensions_are_ignored(self, service: Service) -> None:
        extended = service.call(extension={"com.example": {"a": [1]}}, newField="x")
        assert topics(extended) == topics(service.call())

    def test_4_4_any_instance_is_one_call(self, service: Service) -> None:
        for instance in ("5f2c1f3e-1dd2-11b2-8000-080027b246c3", "constant", "constant"):
            service.call(hookInstance=instance)
        assert len(service.rows(calls)) == 3

    def test_4_5_no_version_of_fhir_is_asked_for(self, service: Service) -> None:
        body = json.dumps(request_of() | {"prefetch": prefetch_of()})
        assert "fhirVersion" not in body + service.client.get("/cds-services").text
        assert topics(service.call()) == ["antithrombinDose"]

    @pytest.mark.parametrize("version", ["1.0", "2.0", "3.0-ballot"])
    def test_4_2_6_1_6_5_requests_of_all_versions_are_read(
        self, service: Service, version: str
    ) -> None:
        authorization: Json = {
            "access_token": "t",
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "patient/*.read" if version != "3.0-ballot" else "patient/*.rs",
            "subject": "us",
        }
        if version != "1.0":
            authorization["patient"] = "hr-01"
        more = {"extension": {"com.example.version": version}} if version == "3.0-ballot" else {}
        answer = service.call(fhirAuthorization=authorization, fhirServer=BASE, **more)
        assert topics(answer) == ["antithrombinDose"]


def with_state(key: str, value: object) -> Json:
    return prefetch_of() | {key: value}


def without(key: str) -> Json:
    return {name: value for name, value in prefetch_of().items() if name != key}


class TestStates:
    """What is said when the conditions, which decide, come in each state."""

    def test_5_1_key_missing_is_unknown(self, service: Service) -> None:
        assert "notAssessed" in topics(service.call(prefetch=without("conditions")))

    def test_5_1_a_missing_key_is_fetched_if_there_is_a_server(self, service: Service) -> None:
        with fhir_server() as base:
            answer = service.call(prefetch=without("conditions"), fhirServer=base)
        assert topics(answer) == ["antithrombinDose"]

    def test_5_2_5_3_what_is_known_empty_is_not_fetched_again(self, service: Service) -> None:
        sent = prefetch_of() | {"allergies": None, "conditions": bundle()}
        with responses.RequestsMock() as wire:
            service.call(prefetch=sent, fhirServer=LOCAL)
            assert not wire.calls

    def test_5_4_a_failed_query_is_asked_once_more_by_ourselves(self, service: Service) -> None:
        sent = with_state("conditions", OUTCOME)
        with responses.RequestsMock() as wire:
            wire.get(url=ANYTHING, status=500)
            answer = service.call(prefetch=sent, fhirServer=LOCAL)
            assert len(wire.calls) == 1
        assert "notAssessed" in topics(answer)

    def test_5_2_null_is_known_empty(self, service: Service) -> None:
        answer = service.call(prefetch=with_state("allergies", None))
        assert topics(answer) == ["antithrombinDose"]

    def test_5_3_bundle_without_entries_is_known_empty(self, service: Service) -> None:
        answer = service.call(prefetch=with_state("allergies", bundle()))
        assert topics(answer) == ["antithrombinDose"]

    def test_5_4_operation_outcome_is_unknown(self, service: Service) -> None:
        answer = service.call(prefetch=with_state("conditions", OUTCOME))
        assert "notAssessed" in topics(answer)
        assert not any("suggestions" in card for card in answer.json["cards"])

    def test_5_5_outcome_entry_is_skipped(self, service: Service) -> None:
        whole = prefetch_of()
        whole["coagulation"]["entry"].insert(
            0, {"resource": WARNING, "search": {"mode": "outcome"}}
        )
        assert topics(service.call(prefetch=whole)) == ["antithrombinDose"]

    def test_5_6_next_link_without_a_server_is_partial(self, service: Service) -> None:
        whole = prefetch_of()
        whole["conditions"]["link"] = [{"relation": "next", "url": "https://x/next"}]
        assert "notAssessed" in topics(service.call(prefetch=whole))

    @pytest.mark.parametrize("value", ["<html>", 7, [], True, {}, bundle({"resourceType": "X"})])
    def test_5_7_a_broken_value_is_missing_and_never_a_500(
        self, service: Service, value: object
    ) -> None:
        answer = service.call(prefetch=with_state("conditions", value))
        assert answer.status_code == 200
        assert "notAssessed" in topics(answer)

    def test_5_7_an_unasked_key_is_ignored(self, service: Service) -> None:
        answer = service.call(prefetch=prefetch_of() | {"unasked": "text"})
        assert topics(answer) == ["antithrombinDose"]

    def test_5_8_no_medicines_at_all_is_412(self, service: Service) -> None:
        body = request_of() | {"hook": "patient-view", "context": {"patientId": "hr-01"}}
        assert service.post(body).status_code == 412

    def test_5_9_each_key_is_looked_at_by_itself(self, service: Service) -> None:
        for key in ("conditions", "allergies", "blood", "coagulation"):
            assert topics(service.call(prefetch=without(key))) != ["antithrombinDose"], key

    def test_5_10_empty_and_unknown_do_not_read_the_same(self, service: Service) -> None:
        empty = service.call(prefetch=with_state("coagulation", None)).text
        unknown = service.call(prefetch=without("coagulation")).text
        assert empty != unknown


class TestFhirAccess:
    AUTHORIZATION = {
        "access_token": "secret",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "Epic.Name (R4) patient/Observation.read",
        "subject": "us",
    }

    def test_6_1_6_2_6_5_the_token_goes_with_every_query_whatever_its_scope(
        self, service: Service
    ) -> None:
        with responses.RequestsMock() as wire:
            wire.get(url=ANYTHING, json=bundle())
            service.post(
                request_of() | {"fhirServer": LOCAL, "fhirAuthorization": self.AUTHORIZATION}
            )
            assert len(wire.calls) == len(prefetch_of())
            for call in wire.calls:
                assert call.request.headers["Authorization"] == "Bearer secret"

    def test_6_2_the_token_is_kept_nowhere(
        self, service: Service, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with responses.RequestsMock() as wire:
            wire.get(url=ANYTHING, status=401)
            answer = service.post(
                request_of() | {"fhirServer": LOCAL, "fhirAuthorization": self.AUTHORIZATION}
            )
        kept = answer.text + capfd.readouterr().err
        kept += "".join(f.read_text(errors="replace") for f in service.path.parent.glob("ledger*"))
        assert "secret" not in kept

    def test_6_3_6_4_either_way_gives_the_same(self, service: Service) -> None:
        with fhir_server() as base:
            fetched = service.post(request_of() | {"fhirServer": base})
        assert without_ids(fetched.json) == without_ids(service.call().json)

    def test_6_6_nothing_is_asked_after_the_answer(self, service: Service) -> None:
        with responses.RequestsMock() as wire:
            wire.get(url=ANYTHING, json=bundle())
            service.post(request_of() | {"fhirServer": LOCAL})
            asked = len(wire.calls)
            service.client.get("/readyz")
            assert len(wire.calls) == asked

    def test_6_7_a_server_without_authorization_is_asked_without_a_token(
        self, service: Service
    ) -> None:
        with responses.RequestsMock() as wire:
            wire.get(url=ANYTHING, json=bundle())
            service.post(request_of() | {"fhirServer": LOCAL})
            assert all("Authorization" not in call.request.headers for call in wire.calls)


def without_ids(answer: Json) -> Json:
    """The answer without the ids made for it."""

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(inner) for key, inner in value.items() if key != "uuid"}
        return [strip(inner) for inner in value] if isinstance(value, list) else value

    stripped: Json = strip(json.loads(json.dumps(answer)))
    return stripped
