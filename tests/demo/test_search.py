from __future__ import annotations

from typing import Any

import pytest

from cds_service.demo.search import SearchRefusedError, search
from tests.demo.builders import LOINC, observation

Json = dict[str, Any]


def lab(id_: str, code: str = "3274-8", patient: str = "Patient/ada", **when: Any) -> Json:
    base = observation(code, 1, "s", "2026-03-01T00:00:00Z")
    del base["effectiveDateTime"]
    return {**base, "id": id_, "subject": {"reference": patient}, **when}


def found(resources: list[Json], *parameters: tuple[str, str], kind: str = "Observation") -> str:
    return " ".join(entry["id"] for entry in search(resources, kind, parameters).matches)


@pytest.mark.parametrize("name", ["patient", "subject"])
@pytest.mark.parametrize("wanted", ["ada", "Patient/ada"])
def test_a_patient_is_found_by_id_or_reference(name: str, wanted: str) -> None:
    labs = [
        lab("a"),
        lab("b", patient="https://ehr.example.org/fhir/Patient/ada"),
        lab("c", patient="Patient/bob"),
        {"resourceType": "Observation", "id": "d"},
    ]
    assert found(labs, (name, wanted)) == "a b"


def test_allergies_name_their_patient_in_another_element() -> None:
    allergy = {"resourceType": "AllergyIntolerance", "id": "a", "patient": {"reference": "x/ada"}}
    assert found([allergy], ("patient", "ada"), kind="AllergyIntolerance") == "a"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (f"{LOINC}|3274-8", "anti-xa"),
        (f"{LOINC}|3274-8,{LOINC}|27811-9", "anti-xa at"),
        (f"{LOINC}|", "anti-xa at"),
        ("27811-9", "at"),
        ("|LOCAL", "local"),
        ("|3274-8", ""),
        ("http://other|3274-8", ""),
    ],
)
def test_codes_are_matched_as_tokens(code: str, expected: str) -> None:
    labs = [lab("anti-xa"), lab("at", "27811-9"), lab("local")]
    labs[2]["code"] = {"coding": [{"code": "LOCAL"}], "text": "3274-8"}
    assert found(labs, ("code", code)) == expected


def test_a_medication_order_is_matched_by_its_medication() -> None:
    order = {
        "resourceType": "MedicationRequest",
        "id": "m",
        "medicationCodeableConcept": {"coding": [{"system": "rx", "code": "5224"}]},
    }
    assert found([order], ("code", "rx|5224"), kind="MedicationRequest") == "m"


@pytest.mark.parametrize("as_list", [True, False])
def test_a_category_may_be_an_object_as_some_ehrs_write_it(as_list: bool) -> None:
    category = {"coding": [{"system": "s", "code": "laboratory"}]}
    entry = lab("a", category=[category] if as_list else category)
    assert found([entry, lab("b")], ("category", "laboratory")) == "a"


def test_status_and_id_narrow() -> None:
    labs = [lab("a"), {**lab("b"), "status": "preliminary"}]
    assert found(labs, ("status", "final,amended")) == "a"
    assert found(labs, ("_id", "b")) == "b"


TIMED = [
    lab("early", effectiveDateTime="2026-03-01T10:00:00Z"),
    lab("undated"),
    lab("late", effectiveDateTime="2026-03-01T12:00:00+01:00"),
    lab("day", effectiveDateTime="2026-03-01"),
    lab("broken", effectiveDateTime="some time"),
    lab("period", effectivePeriod={"start": "2026-02-27T00:00:00Z", "end": "2026-03-03T00:00:00Z"}),
    lab("open", effectivePeriod={"start": "2026-02-28T00:00:00Z"}),
]


def test_newest_first_counts_periods_by_their_end_and_open_ones_as_newest() -> None:
    order = "open period late early day undated broken"
    assert found(TIMED, ("_sort", "-date")) == order


def test_oldest_first_counts_periods_by_their_start_and_undated_last() -> None:
    order = "period open day early late undated broken"
    assert found(TIMED, ("_sort", "date")) == order


def test_a_month_or_a_year_is_its_beginning() -> None:
    conditions = [
        {"resourceType": "Condition", "id": id_, "recordedDate": when}
        for id_, when in [("month", "2026-02"), ("year", "2025"), ("day", "2026-01-31")]
    ]
    newest = found(conditions, ("_sort", "-recorded-date"), kind="Condition")
    assert newest == "month day year"


def test_pages_follow_each_other_without_gap_or_repeat() -> None:
    labs = [lab(str(number)) for number in range(5)]
    first = search(labs, "Observation", [("_count", "2")])
    second = search(labs, "Observation", [("_count", "2"), ("_offset", "2")])
    last = search(labs, "Observation", [("_count", "2"), ("_offset", "4")])
    assert [page.total for page in (first, second, last)] == [5, 5, 5]
    assert [page.next_offset for page in (first, second, last)] == [2, 4, None]
    shown = [entry["id"] for page in (first, second, last) for entry in page.matches]
    assert shown == ["0", "1", "2", "3", "4"]


def test_a_count_of_zero_has_no_next_page() -> None:
    page = search([lab("a")], "Observation", [("_count", "0")])
    assert (page.matches, page.total, page.next_offset) == ((), 1, None)


def given(id_: str, **medication: Any) -> Json:
    return {"resourceType": "MedicationAdministration", "id": id_, **medication}


def test_medications_referenced_on_the_page_come_along() -> None:
    everything = [
        given("a", medicationReference={"reference": "Medication/bag"}),
        given("b", medicationReference={"reference": "https://ehr.example.org/Medication/vial"}),
        given("c", medicationReference={"display": "heparin"}),
        given("d", medicationCodeableConcept={"text": "heparin"}),
        {"resourceType": "Medication", "id": "bag"},
        {"resourceType": "Medication", "id": "vial"},
        {"resourceType": "Medication", "id": "else"},
    ]
    include = ("_include", "MedicationAdministration:medication")
    page = search(everything, "MedicationAdministration", [include])
    assert [entry["id"] for entry in page.included] == ["bag", "vial"]
    assert search(everything, "MedicationAdministration", []).included == ()


@pytest.mark.parametrize(
    ("kind", "parameter", "named"),
    [
        ("Basic", ("_id", "a"), "type Basic"),
        ("Observation", ("value-quantity", "1"), "parameter value-quantity"),
        ("Observation", ("_sort", "-code"), "_sort by code"),
        ("Observation", ("_count", "ten"), "_count"),
        ("Observation", ("_count", "²"), "_count"),
        ("Observation", ("_include", "Observation:subject"), "_include of Observation:subject"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(
    kind: str, parameter: tuple[str, str], named: str
) -> None:
    with pytest.raises(SearchRefusedError, match=named):
        search([], kind, [parameter])
