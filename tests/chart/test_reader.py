from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from cds_service.chart.facts import HookContext, Skipped
from cds_service.chart.query_result import QueryResult, QueryState
from cds_service.chart.reader import read_chart
from tests.chart.builders import AT_TEN, PATIENT, TEN, Json, observation, read, shipped, skipped


def patient(**more: Any) -> Json:
    return {"resourceType": "Patient", "id": "p1"} | more


def stay(name: str, start: str, status: str = "in-progress", **more: Any) -> Json:
    return {
        "resourceType": "Encounter",
        "id": name,
        "status": status,
        "subject": PATIENT,
        "period": {"start": start},
    } | more


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("1960-02-29", date(1960, 2, 29)),
        ("1960", date(1960, 12, 31)),
        ("1960-02", date(1960, 2, 29)),
        ("1961-02-29", None),
        ("1960-13", None),
        ("60", None),
        (1960, None),
        (None, None),
    ],
)
def test_a_birth_date_is_never_earlier_than_it_may_be(written: object, read_as: date) -> None:
    assert read(patient(birthDate=written)).person.birth_date == read_as


@pytest.mark.parametrize(
    ("gender", "sex"),
    [("male", "male"), ("female", "female"), ("other", ""), ("unknown", ""), (1, ""), (None, "")],
)
def test_sex_is_stated_or_not(gender: object, sex: str) -> None:
    assert read(patient(gender=gender)).person.sex == sex


def test_the_person_is_the_one_asked_for() -> None:
    chart = read(patient(id="p2", birthDate="1960-01-01"))
    assert (chart.person.id, chart.person.birth_date) == ("p1", None)
    assert chart.skipped == (Skipped("Patient/p2", "otherPatient"),)


def test_a_patient_id_may_come_with_its_type() -> None:
    asked = HookContext("patient-view", "Patient/p1")
    answer = QueryResult(
        QueryState.SUPPLIED, (patient(gender="male"), observation("777-3", 150, "K/uL"))
    )
    chart = read_chart(asked, {"blood": answer}, shipped())
    assert (chart.person.id, chart.person.sex) == ("p1", "male")
    assert chart.of("platelets")[0].value == 150


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/p1"},
        {"reference": "https://ehr.example.org/fhir/Patient/p1"},
        {"reference": "Patient/p1/_history/2"},
        {"reference": "urn:uuid:p1"},
        {"display": "somebody"},
        {"identifier": {"value": "123"}},
        {},
        None,
    ],
)
def test_ours_or_unstated_is_accepted(subject: Json | None) -> None:
    assert read(observation("777-3", 150, "K/uL", subject=subject)).of("platelets")


@pytest.mark.parametrize(
    "reference",
    ["Patient/p2", "Group/p1", "#p1", "urn:uuid:p2", "https://ehr.example.org/Patient/p2", "p1"],
)
def test_anybody_else_is_refused(reference: str) -> None:
    other = observation("777-3", 150, "K/uL", subject={"reference": reference})
    assert skipped(other).reason == "otherPatient"


def test_each_query_has_a_state() -> None:
    states = read().states
    assert set(states) == set(shipped().queries)
    assert states["coagulation"] is QueryState.SUPPLIED
    assert states["orders"] is QueryState.NOT_SUPPLIED


def lab(subject: Json) -> Json:
    return observation("777-3", 150, "K/uL") | {"subject": subject}


OTHER: Json = {"reference": "Patient/p2"}
DRUG: Json = {"resourceType": "Medication", "id": "m"}


@pytest.mark.parametrize(
    ("sent", "resources", "read_as"),
    [
        (QueryState.SUPPLIED, (lab(OTHER),), QueryState.FAILED),
        (QueryState.SUPPLIED, (DRUG, lab(OTHER), lab(OTHER)), QueryState.FAILED),
        (QueryState.SUPPLIED, (lab(OTHER), lab(PATIENT)), QueryState.SUPPLIED),
        (QueryState.SUPPLIED, (lab({}),), QueryState.SUPPLIED),
        (QueryState.SUPPLIED, (DRUG,), QueryState.SUPPLIED),
        (QueryState.EMPTY, (), QueryState.EMPTY),
        (QueryState.PARTIAL, (lab(OTHER),), QueryState.PARTIAL),
        (QueryState.NOT_SUPPLIED, (), QueryState.NOT_SUPPLIED),
    ],
)
def test_an_answer_about_others_only_is_none(
    sent: QueryState, resources: tuple[Json, ...], read_as: QueryState
) -> None:
    """It does not say that nothing is on record of this patient."""
    answer = QueryResult(sent, resources)
    chart = read_chart(HookContext("patient-view", "p1"), {"blood": answer}, shipped())
    assert chart.states["blood"] is read_as


@pytest.mark.parametrize("node", [None, 7, "text", [], {}, {"id": "x"}, {"resourceType": 3}])
def test_what_is_no_resource_is_named(node: object) -> None:
    assert read(node).skipped == (Skipped("", "malformed"),)


def test_resources_of_other_types_are_no_problem() -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": []}
    assert not read(outcome, {"resourceType": "Device", "id": "d"}).skipped


def test_of_two_copies_the_later_version_counts() -> None:
    def version(value: float, **meta: object) -> Json:
        return observation("777-3", value, "K/uL", meta=meta)

    pairs = [
        (version(1, lastUpdated="2026-11-22T10:00:00Z"), version(2)),
        (
            version(1, lastUpdated="2026-11-22T10:00:00Z"),
            version(2, lastUpdated="2026-11-22T09:59:00Z"),
        ),
        (version(1, versionId="10"), version(2, versionId="9")),
        (version(1, versionId="1"), version(2, versionId="x")),
    ]
    for later, earlier in pairs:
        for order in ((later, earlier), (earlier, later)):
            (one,) = read(*order).of("platelets")
            assert one.value == 1


def test_the_same_resource_from_two_queries_counts_once() -> None:
    one = observation("777-3", 150, "K/uL")
    assert len(read(one, dict(one), one).of("platelets")) == 1
    nameless = observation("777-3", 150, "K/uL", id=None)
    assert len(read(nameless, dict(nameless)).of("platelets")) == 1
    assert len(read(nameless, nameless | {"issued": TEN}).of("platelets")) == 2


def test_a_resource_nested_beyond_reason_is_read_where_it_can_be() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    nested = observation("777-3", 150, "K/uL", note=deep)
    assert read(nested, dict(nested)).of("platelets")[0].value == 150


def test_admission_is_the_newest_stay_in_progress() -> None:
    chart = read(
        stay("old", "2026-11-01T10:00:00Z"),
        stay("new", TEN),
        stay("newer but over", "2026-11-22T12:00:00Z", status="finished"),
        stay("undated", "soon"),
    )
    assert chart.admitted == AT_TEN


def test_the_ward_belongs_to_the_stay_in_the_hospital() -> None:
    hospital = stay("hospital", "2026-11-01T10:00:00Z")
    ward = stay("ward", TEN, partOf={"reference": "Encounter/hospital"})
    assert read(hospital, ward).admitted == datetime(2026, 11, 1, 10, tzinfo=UTC)
    loop = stay("ward", TEN, partOf={"reference": "Encounter/ward"})
    assert read(loop).admitted == AT_TEN


def test_the_encounter_of_the_call_comes_first() -> None:
    asked_for = stay("asked", "2026-11-20T10:00:00Z", status="arrived")
    chart = read(asked_for, stay("new", TEN), encounter="asked")
    assert chart.admitted == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert read(stay("new", TEN), encounter="gone").admitted == AT_TEN
    assert read().admitted is None
