"""What is written down of a call, over HTTP with the real advice and the project's patients."""

import json
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cds_service.fhir.queries import query_templates
from cds_service.ledger.calls import calls, cards
from tests.cases import cases, tables
from tests.faulty_server import answering, faulty
from tests.service import CASE, Service, request_of


def test_a_call_is_written_down_with_what_was_shown(service: Service) -> None:
    answer = service.call()
    (call,) = service.rows(calls)
    assert call.hook == "order-select"
    assert call.client == "open"
    assert call.user.startswith("Practitioner")
    assert call.outcome == "cards"
    assert call.protocol == tables().protocol.name
    assert call.protocol_hash == tables().protocol.digest
    assert set(call.answers.values()) <= {"yes", "no", "unknown"}
    assert call.at == service.now.replace(tzinfo=None)
    (card,), (sent,) = service.rows(cards), answer.json["cards"]
    assert (card.uuid, card.topic, card.indicator) == (sent["uuid"], "antithrombinDose", "warning")
    assert card.call == call.id
    assert card.suggestions == [suggestion["uuid"] for suggestion in sent["suggestions"]]


def test_the_patient_is_a_keyed_hash(service: Service) -> None:
    service.call()
    (call,) = service.rows(calls)
    assert len(call.patient) == 64
    assert "hr-01" not in service.dumped()


def test_the_same_patient_has_the_same_hash(service: Service) -> None:
    service.call()
    service.call()
    first, second = service.rows(calls)
    assert first.patient == second.patient
    assert first.id != second.id


def test_silence_is_written_down_too(service: Service) -> None:
    assert service.call("02-silent-start").json == {"cards": []}
    (call,) = service.rows(calls)
    assert call.outcome == "silent"
    assert service.rows(cards) == []


def test_a_call_without_any_medicines_is_written_down(service: Service) -> None:
    body = {"hook": "patient-view", "hookInstance": "i", "context": {"patientId": "x"}}
    assert service.client.post("/cds-services/heparin-patient-view", json=body).status_code == 412
    assert [call.outcome for call in service.rows(calls)] == ["unavailable"]


def test_a_call_that_does_not_concern_us_leaves_no_row(service: Service) -> None:
    body = {"hook": "order-sign", "hookInstance": "i", "context": {"patientId": "x"}}
    assert service.client.post("/cds-services/heparin-order-sign", json=body).status_code == 200
    assert service.rows(calls) == []
    assert b'hook="order-sign",outcome="notOurs"' in service.client.get("/metrics").data


def test_skipped_resources_are_counted(service: Service) -> None:
    stranger = {
        "resourceType": "Condition",
        "id": "s",
        "subject": {"reference": "Patient/other"},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "73397007"}]},
    }
    prefetch = {"conditions": {"resourceType": "Bundle", "entry": [{"resource": stranger}]}}
    service.post(request_of() | {"prefetch": prefetch})
    (call,) = service.rows(calls)
    assert call.skipped == 1


def test_old_calls_are_purged_with_their_cards(tmp_path: Path, database: str) -> None:
    service = Service(tmp_path, database_url=database, retention_days=30)
    service.call()
    service.now += timedelta(days=31)
    service.call()
    (call,) = service.rows(calls)
    assert {card.call for card in service.rows(cards)} == {call.id}
    service.close()


class TestWithoutADatabase:
    def test_advice_is_given_all_the_same_and_the_loss_is_named(
        self, service: Service, capfd: pytest.CaptureFixture[str]
    ) -> None:
        service.execute("ALTER TABLE call RENAME TO gone")
        assert service.call().json["cards"]
        assert "audit row not stored" in capfd.readouterr().err
        assert b"heparin_cds_audit_rows_lost_total 1.0" in service.client.get("/metrics").data

    @pytest.mark.slow
    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    def test_it_is_not_ready_until_it_can_write_again(self, service: Service) -> None:
        other = sqlite3.connect(service.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert service.call().json["cards"]
        assert service.client.get("/readyz").status_code == 503
        other.execute("ROLLBACK")
        other.close()
        assert service.client.get("/readyz").status_code == 200

    def test_feedback_is_refused(self, service: Service) -> None:
        card = service.call().json["cards"][0]["uuid"]
        service.execute("ALTER TABLE feedback RENAME TO gone")
        item = {"card": card, "outcome": "accepted", "outcomeTimestamp": "2026-03-02T11:59:00Z"}
        answer = service.client.post(
            "/cds-services/heparin-order-sign/feedback", json={"feedback": [item]}
        )
        assert answer.status_code == 503
        assert answer.json["resourceType"] == "OperationOutcome"


class TestNothingOfThePatient:
    """A name, a number and a token planted in every field end up nowhere."""

    PLANTED = ("Featherstonehaugh", "MRN-8842-X", "s3cr3t-t0ken")

    def plant(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.plant(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.plant(inner) for inner in value]
        return f"{value} {' '.join(self.PLANTED)}" if isinstance(value, str) else value

    def searched(self, service: Service, texts: str) -> None:
        ledger = service.dumped()
        metrics = service.client.get("/metrics").text
        for planted in self.PLANTED:
            assert planted not in texts + metrics
            assert planted not in ledger

    @pytest.mark.parametrize("field", ["display", "text", "name", "id", "everything"])
    def test_in_resources(
        self, service: Service, field: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        def planted(value: Any, key: str = "") -> Any:
            if isinstance(value, dict):
                return {k: planted(v, k) for k, v in value.items() if k != "resourceType"} | (
                    {"resourceType": value["resourceType"]} if "resourceType" in value else {}
                )
            if isinstance(value, list):
                return [planted(inner, key) for inner in value]
            return self.plant(value) if field in (key, "everything") else value

        resources = planted(json.loads(json.dumps(cases()[CASE].resources)))
        bundle = {"resourceType": "Bundle", "entry": [{"resource": r} for r in resources]}
        prefetch = dict.fromkeys(query_templates(tables().concepts), bundle)
        service.call(prefetch=prefetch)
        self.searched(service, capfd.readouterr().err)

    @pytest.mark.parametrize("answer", ["bundle", "outcome", "garbage", "next"])
    def test_in_what_a_fhir_server_answers(
        self, service: Service, answer: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        entries = [{"resource": self.plant(dict(r))} for r in cases()[CASE].resources[:30]]
        for entry, resource in zip(entries, cases()[CASE].resources, strict=False):
            entry["resource"]["resourceType"] = resource["resourceType"]
        bundle: dict[str, Any] = {"resourceType": "Bundle", "entry": entries}
        name, number, token = self.PLANTED
        bodies = {
            "bundle": bundle,
            "next": bundle | {"link": [{"relation": "next", "url": f"http://{name}/{number}"}]},
            "outcome": {"resourceType": "OperationOutcome", "issue": [{"diagnostics": name}]},
            "garbage": [name, number],
        }
        with faulty(answering(json.dumps(bodies[answer]).encode())) as server:
            service.call(
                prefetch=None,
                fhirServer=server.base,
                fhirAuthorization={"access_token": token, "token_type": "Bearer"},
            )
            assert any(token.encode() in head for head in server.requests), "sent, but to it only"
        self.searched(service, capfd.readouterr().err)

    def test_in_errors(self, service: Service, capfd: pytest.CaptureFixture[str]) -> None:
        request = self.plant(dict(cases()[CASE].request))
        texts = ""
        for changes in ({}, {"hook": "order-select"}, {"context": "Featherstonehaugh"}):
            answer = service.client.post(
                "/cds-services/heparin-order-select", json=request | changes
            )
            texts += answer.text if answer.status_code != 200 else ""
        path = "/cds-services/" + "Featherstonehaugh"
        texts += service.client.post(path, json=request).text + service.client.get(path).text
        self.searched(service, texts + capfd.readouterr().err)

    def test_in_the_names_of_user_and_call(
        self, service: Service, capfd: pytest.CaptureFixture[str]
    ) -> None:
        name = self.PLANTED[0]
        context = {**cases()[CASE].request["context"], "userId": f"{name}, Jane"}
        service.call(hookInstance=f"{name}, Jane", context=context)
        assert len(service.rows(calls)) == 1
        self.searched(service, capfd.readouterr().err)

    def test_in_authorization(self, service: Service, capfd: pytest.CaptureFixture[str]) -> None:
        service.call(
            fhirServer="https://Featherstonehaugh.example/MRN-8842-X",
            fhirAuthorization={"access_token": "s3cr3t-t0ken", "token_type": "Bearer"},
        )
        self.searched(service, capfd.readouterr().err)


def test_time_of_each_stage_is_measured(service: Service) -> None:
    service.call()
    found = service.client.get("/metrics").text
    for line in (
        'heparin_cds_stage_seconds_count{stage="advise"} 1.0',
        'heparin_cds_cards_total{indicator="warning",topic="antithrombinDose"} 1.0',
        'heparin_cds_calls_total{hook="order-select",outcome="cards"} 1.0',
        'heparin_cds_queries_total{query="coagulation",state="supplied"} 1.0',
    ):
        assert line in found
