"""The rules as FHIR: valid by two authors' validators, complete, and honest about what they are."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import fhirkit
import pytest
from click.testing import CliRunner
from fhir.resources.R4B import get_fhir_model_class

from cds_service.assessment.recommend.registry import TOPICS
from cds_service.cli import main
from cds_service.rulebook.load import PROTOCOLS, rulebook
from cds_service.tools.handover.knowledge import knowledge
from cds_service.tools.handover.terminology import terminology_resources
from tests.calls import every_answer
from tests.cases import cases
from tests.fhir_rules import faults

URL = "https://hospital.example.org/fhir"

Json = dict[str, Any]


def written(protocol: str = "default") -> list[Json]:
    path = PROTOCOLS[protocol]
    return knowledge(rulebook(path), path.read_bytes(), URL, "1.0")


def only(resources: list[Json], kind: str) -> Json:
    (found,) = [one for one in resources if one["resourceType"] == kind]
    return found


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_resource_is_valid_for_both_validators(protocol: str) -> None:
    for resource in written(protocol):
        assert not [str(issue) for issue in fhirkit.validate(resource)], resource["id"]
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
        assert not list(faults(resource)), resource["id"]


def test_every_card_is_an_action_in_the_order_of_the_service() -> None:
    actions = only(written(), "PlanDefinition")["action"]

    assert [one["title"] for one in actions[:-1]] == list(TOPICS)
    for action in actions[:-1]:
        assert action["condition"][0]["expression"]["language"] == "text/plain"


def test_what_is_offered_is_defined_and_what_is_defined_is_offered() -> None:
    resources = written()
    offers = only(resources, "PlanDefinition")["action"][-1]["action"]
    activities = [r for r in resources if r["resourceType"] == "ActivityDefinition"]

    assert [o["definitionCanonical"] for o in offers] == [f"{a['url']}|1.0" for a in activities]


def test_every_order_that_a_card_creates_has_its_definition() -> None:
    activities = [r for r in written() if r["resourceType"] == "ActivityDefinition"]
    defined = {
        (a["kind"], (a.get("code") or a.get("productCodeableConcept"))["coding"][0]["code"])
        for a in activities
    }
    created = {
        (one["resource"]["resourceType"], concept["coding"][0]["code"])
        for name in sorted(cases())
        for answer in every_answer(name)
        for one in answer.actions
        if one["type"] == "create"
        and (
            concept := one["resource"].get("code")
            or one["resource"].get("medicationCodeableConcept")
        )
    }

    assert created
    assert created <= defined


def test_the_library_holds_the_protocol_to_the_byte() -> None:
    library = only(written(), "Library")
    content = {one["title"]: b64decode(one["data"]) for one in library["content"]}

    assert content["protocol"] == PROTOCOLS["default"].read_bytes()
    assert b"antithrombinDose" in content["explanation"]
    assert only(written(), "PlanDefinition")["library"] == [f"{library['url']}|1.0"]


def test_the_data_asked_for_are_value_sets_that_the_terminology_has() -> None:
    rules = rulebook()
    addresses = {one["url"] for one in terminology_resources(rules.concepts, URL, "1.0")}
    needs = only(written(), "Library")["dataRequirement"]
    asked = {f["valueSet"] for need in needs for f in need.get("codeFilter", ())}

    assert len(asked) > 20
    assert asked <= addresses
    assert {need["type"] for need in needs} == {q.resource for q in rules.concepts.queries.values()}


def test_every_resource_says_that_it_is_no_program() -> None:
    assert all("not a program" in resource["description"] for resource in written())


def test_terminology_and_rules_share_a_folder(tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert run(main, ["terminology", "--out", str(tmp_path), "--url", URL]).exit_code == 0
    terms = {file.name for file in tmp_path.iterdir()}
    outcome = run(main, ["export", "--out", str(tmp_path), "--url", URL])

    assert outcome.exit_code == 0, outcome.output
    assert terms < {file.name for file in tmp_path.iterdir()}
    plan = json.loads((tmp_path / "PlanDefinition-heparin-cds-default.json").read_text())
    assert plan["url"] == f"{URL}/PlanDefinition/heparin-cds-default"


def test_two_protocols_share_a_folder(tmp_path: Path) -> None:
    for protocol in PROTOCOLS:
        CliRunner().invoke(main, ["export", "--out", str(tmp_path), "--protocol", protocol])

    plans = {file.name for file in tmp_path.glob("PlanDefinition-*.json")}
    assert plans == {f"PlanDefinition-heparin-cds-{name}.json" for name in PROTOCOLS}


def test_a_faulty_protocol_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text("name = 1")
    asked = ["export", "--out", str(tmp_path / "k"), "--protocol", str(tmp_path / "p.toml")]

    outcome = CliRunner().invoke(main, asked)

    assert outcome.exit_code == 1
    assert "p.toml" in outcome.output
    assert not (tmp_path / "k").exists()
