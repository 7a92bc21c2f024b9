"""What is ours is marked, stands by itself, and can be removed without leaving a gap."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.tools.integrator.ours import (
    TAG,
    _references,
    is_ours,
    name_of,
    removal,
    removal_order,
    transaction,
)
from tests.cases import cases


def resource(name: str, *refers: str, **more: Any) -> dict[str, Any]:
    kind, id_ = name.split("/")
    links = [{"reference": target} for target in refers]
    return {"resourceType": kind, "id": id_, "link": links, **more}


@pytest.mark.parametrize("name", cases())
def test_a_patient_is_one_transaction_that_refers_to_nothing_outside(name: str) -> None:
    entries = transaction(cases()[name].resources)["entry"]
    named = {entry["request"]["url"] for entry in entries}
    outside = {r for e in entries for r in _references(e["resource"]) if "/" in r} - named

    assert len(named) == len(entries) == len(cases()[name].resources)
    assert all(is_ours(entry["resource"]) for entry in entries)
    assert {entry["request"]["method"] for entry in entries} == {"PUT"}
    assert not outside
    assert "https://ehr.example.org" not in str(
        [r for e in entries for r in e["resource"].get("medicationReference", {}).values()]
    )


def test_tags_that_were_there_stay() -> None:
    tagged = resource("Patient/a", meta={"tag": [{"code": "x"}], "profile": ["p"]})

    (entry,) = transaction([tagged])["entry"]

    assert entry["resource"]["meta"] == {"tag": [{"code": "x"}, TAG], "profile": ["p"]}


@pytest.mark.parametrize(
    "meta",
    [
        None,
        {},
        {"tag": None},
        {"tag": "fixture"},
        {"tag": [None, "fixture"]},
        {"tag": [{"code": "fixture"}]},
        {"tag": [{"system": TAG["system"], "code": "another"}]},
    ],
)
def test_what_does_not_carry_our_tag_is_not_ours(meta: Any) -> None:
    assert not is_ours({"resourceType": "Patient", "id": "a", "meta": meta})


def test_what_refers_goes_before_what_is_referred_to() -> None:
    found = [
        resource("Patient/p"),
        resource("Encounter/e", "Patient/p"),
        resource("MedicationRequest/new", "MedicationRequest/old", "Encounter/e"),
        resource("MedicationRequest/old", "https://ehr.example.org/fhir/Patient/p/_history/2"),
    ]

    order = removal_order(found)

    assert order.index("MedicationRequest/new") < order.index("MedicationRequest/old")
    assert order.index("MedicationRequest/new") < order.index("Encounter/e")
    assert order[-1] == "Patient/p"


def test_a_circle_is_removed_too() -> None:
    found = [resource("Encounter/e", "Condition/c"), resource("Condition/c", "Encounter/e")]

    assert sorted(removal_order(found)) == ["Condition/c", "Encounter/e"]


def test_a_reference_to_oneself_or_outside_is_no_matter() -> None:
    assert removal_order([resource("Patient/a", "Patient/a", "Organization/x")]) == ["Patient/a"]


def test_removal_names_each_once() -> None:
    bundle = removal([name_of(resource("Patient/a"))])

    assert bundle["entry"] == [{"request": {"method": "DELETE", "url": "Patient/a"}}]
