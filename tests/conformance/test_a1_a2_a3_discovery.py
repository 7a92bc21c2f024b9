"""CDS Hooks: transport and JSON (1), discovery (2), prefetch templates (3)."""

import json
import re
import socket
import threading
from typing import Any
from urllib.parse import parse_qs

import pytest
import responses
from sqlalchemy import event

from cds_service.errors import StartRefused
from cds_service.hooks.services import SERVICES
from cds_service.ledger.calls import calls
from cds_service.settings import Settings
from tests.calls import request
from tests.cases import cases
from tests.fault_tables import healthy, serving
from tests.faulty_server import faulty
from tests.service import CASE, Service, fhir_server, prefetch_of, request_of, topics


def services(service: Service) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service.client.get("/cds-services").json["services"]
    return found


def templates(service: Service) -> dict[str, str]:
    found: dict[str, str] = services(service)[0]["prefetch"]
    return found


class TestTransport:
    def test_1_1_json_goes_in_and_comes_out(self, service: Service) -> None:
        answer = service.call()
        assert answer.mimetype == "application/json"
        assert service.client.get("/cds-services").mimetype == "application/json"

    def test_1_1_outside_of_open_mode_the_address_is_https(self) -> None:
        environ = {
            "CDS_CLIENTS": "c.toml",
            "CDS_LEDGER_KEY": "x" * 32,
            "CDS_PUBLIC_URL": "http://cds.example.org",
        }
        with pytest.raises(StartRefused, match="https"):
            Settings.from_environ(environ)

    def test_1_2_nothing_empty_in_discovery(self, service: Service) -> None:
        text = service.client.get("/cds-services").text
        assert not re.search(r'null|""|\[\]|{}', text)

    def test_1_3_resources_take_the_ordinary_form(self, service: Service) -> None:
        for suggestion in service.call().json["cards"][0]["suggestions"]:
            for action in suggestion["actions"]:
                assert action["resource"]["resourceType"] in ("MedicationRequest", "ServiceRequest")

    def test_1_4_strict_json_without_comments(self, service: Service) -> None:
        json.loads(service.call().data, parse_constant=pytest.fail)

    def test_1_5_a_call_with_whole_prefetch_waits_for_nothing_but_the_ledger(
        self, service: Service
    ) -> None:
        """Time is no matter for a test; what takes it can be counted."""
        statements: list[str] = []

        @event.listens_for(service.app.extensions["ledger"].engine, "before_cursor_execute")
        def count(*given: Any) -> None:
            statements.append(given[2])

        service.call()  # the first also clears away what is old
        counts = []
        for entries in (1, 20):
            prefetch = prefetch_of()
            prefetch["coagulation"]["entry"] *= entries
            statements.clear()
            with responses.RequestsMock() as wire:
                service.call(prefetch=prefetch)
                assert not wire.calls
            counts.append(len(statements))
        assert counts[0] == counts[1] <= 4

    def test_1_5_all_queries_are_asked_before_the_first_is_answered(self, service: Service) -> None:
        """So that a call waits as long as the slowest, and not for one after the other."""
        everybody = threading.Barrier(len(prefetch_of()))
        answer = serving(healthy())

        def behave(line: socket.socket, head: bytes) -> None:
            everybody.wait(60)
            answer(line, head)

        patient = Service(service.path.parent, fhir_deadline_seconds=30)
        with faulty(behave) as server:
            answered = patient.post(request_of() | {"fhirServer": server.base})
        patient.close()
        assert topics(answered) == ["antithrombinDose"]
        assert not everybody.broken

    def test_1_5_what_is_none_of_ours_costs_no_query_and_no_row(self, service: Service) -> None:
        with responses.RequestsMock() as wire:
            draft = request(CASE, "order-select", "ibuprofen")
            answer = service.post(draft | {"fhirServer": "http://127.0.0.1:9/fhir"})
            assert not wire.calls
        assert (answer.json, service.rows(calls)) == ({"cards": []}, [])


class TestDiscovery:
    def test_2_1_at_its_path_with_200(self, service: Service) -> None:
        answer = service.client.get("/cds-services")
        assert answer.status_code == 200
        assert isinstance(answer.json["services"], list)

    def test_2_2_there_are_services(self, service: Service) -> None:
        assert len(services(service)) == 3

    def test_2_3_each_has_hook_description_and_id(self, service: Service) -> None:
        for entry in services(service):
            assert all(isinstance(entry[name], str) for name in ("hook", "description", "id"))

    def test_2_4_each_has_a_title(self, service: Service) -> None:
        assert all(entry["title"] for entry in services(service))

    def test_2_5_prefetch_is_an_object_of_strings(self, service: Service) -> None:
        for entry in services(service):
            assert all(isinstance(template, str) for template in entry["prefetch"].values())
            assert isinstance(entry["usageRequirements"], str)

    def test_2_6_2_7_2_9_no_field_of_the_ballot_and_no_extension_is_sent(
        self, service: Service
    ) -> None:
        known = {"hook", "title", "description", "id", "prefetch", "usageRequirements"}
        assert all(set(entry) <= known for entry in services(service))

    def test_2_8_each_service_has_an_id_of_its_own(self, service: Service) -> None:
        ids = [entry["id"] for entry in services(service)]
        assert len(set(ids)) == len(ids)

    def test_2_10_a_wrong_method_is_4xx(self, service: Service) -> None:
        assert service.client.post("/cds-services").status_code == 405


TOKEN = re.compile(r"{{(.*?)}}")


class TestTemplates:
    def test_3_1_each_is_a_relative_read_or_search(self, service: Service) -> None:
        for template in templates(service).values():
            assert re.match(r"[A-Z][A-Za-z]+[/?]", template)

    def test_3_2_3_3_the_only_token_is_the_patient(self, service: Service) -> None:
        tokens = {t for template in templates(service).values() for t in TOKEN.findall(template)}
        assert tokens == {"context.patientId"}

    def test_3_4_nothing_of_the_ballot_is_used(self, service: Service) -> None:
        for template in templates(service).values():
            assert not re.search(r"today\(|resolve\(|ofType\(|%[a-z]", template)

    def test_3_5_parameters_are_portable(self, service: Service) -> None:
        for template in templates(service).values():
            names = set(parse_qs(template.partition("?")[2]))
            assert names <= {"patient", "code", "_count", "_sort", "_include"}

    @pytest.mark.parametrize("name", [CASE, "03-severe-deficiency-switch", "09-hit-on-record"])
    def test_3_6_the_client_may_honour_none_some_or_all(self, service: Service, name: str) -> None:
        service.now = cases()[name].now
        whole = prefetch_of(name)
        with fhir_server(name) as base:
            expected = topics(service.call(name))
            for kept in ([], ["patient", "conditions"], list(whole)):
                sent = {key: whole[key] for key in kept}
                assert topics(service.call(name, prefetch=sent, fhirServer=base)) == expected

    def test_3_7_3_8_a_first_page_is_completed_from_the_server(self, service: Service) -> None:
        cut = prefetch_of()
        cut["coagulation"]["link"] = [{"relation": "next", "url": "https://x/next"}]
        cut["coagulation"]["entry"] = cut["coagulation"]["entry"][:1]
        with fhir_server() as base:
            answer = service.call(prefetch=cut, fhirServer=base)
        assert topics(answer) == ["antithrombinDose"]

    def test_every_service_lists_what_it_asks_itself(self, service: Service) -> None:
        assert len({json.dumps(entry["prefetch"]) for entry in services(service)}) == 1
        assert set(prefetch_of()) == set(templates(service))
        assert request_of()["hook"] in {entry.hook for entry in SERVICES.values()}
