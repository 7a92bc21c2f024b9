from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from cds_service.demo.fixtures import FixtureError, load_cases, shifted
from cds_service.demo.pages import FIXTURES
from tests.demo.builders import CASE_MD, NOW, PATIENT, REQUEST, case_of, observation, write_case


def test_a_case_is_read_whole(tmp_path: Path) -> None:
    (case,) = load_cases(write_case(tmp_path))
    assert (case.name, case.now, case.hook) == ("01-ada", NOW, "patient-view")
    assert case.one_line.startswith("Ada Probe")
    assert case.story.startswith("# A patient of the tests")
    assert case.front_matter["topics"] == ["notAssessed"]
    assert case.patient == PATIENT
    assert case.request == REQUEST


def test_now_may_be_written_as_text(tmp_path: Path) -> None:
    text = CASE_MD.replace("2026-03-02T14:00:00Z", '"2026-03-02T14:00:00Z"')
    (case,) = load_cases(write_case(tmp_path, case_md=text))
    assert case.now == NOW


def test_all_faults_are_told_at_once_with_their_case(tmp_path: Path) -> None:
    write_case(tmp_path, "01-no-front", case_md="# nothing")
    write_case(tmp_path, "02-no-hook", case_md=CASE_MD.replace("hook =", "hooks ="))
    write_case(tmp_path, "03-no-offset", case_md=CASE_MD.replace(":00Z", ":00"))
    write_case(tmp_path, "04-no-patient", resources=())
    write_case(tmp_path, "05-other", request={**REQUEST, "context": {"patientId": "somebody-else"}})
    write_case(tmp_path, "06-lost")
    (tmp_path / "06-lost" / "server.json").unlink()
    with pytest.raises(FixtureError) as caught:
        load_cases(tmp_path)
    told = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in told] == [
        "01-no-front",
        "02-no-hook",
        "03-no-offset",
        "04-no-patient",
        "05-other",
        "06-lost",
    ]


def test_one_id_is_one_resource_across_all_cases(tmp_path: Path) -> None:
    write_case(tmp_path, "01-ada")
    write_case(tmp_path, "02-same")
    assert len(load_cases(tmp_path)) == 2
    write_case(tmp_path, "03-other", resources=({**PATIENT, "gender": "male"},))
    with pytest.raises(FixtureError, match="03-other: Patient/ada is another resource"):
        load_cases(tmp_path)


@pytest.mark.parametrize(
    ("element", "before", "after"),
    [
        ("effectiveDateTime", "2026-03-02T13:00:00Z", "2026-03-12T14:30:00Z"),
        ("effectiveDateTime", "2026-03-02T13:00:00+00:00", "2026-03-12T14:30:00+00:00"),
        ("effectiveDateTime", "2026-03-02T13:00:00-05:00", "2026-03-12T14:30:00-05:00"),
        ("effectiveDateTime", "2026-03-02T13:00:00.250Z", "2026-03-12T14:30:00.250Z"),
        ("effectiveDateTime", "2026-03-02T13:00Z", "2026-03-12T14:30Z"),
        ("effectiveDateTime", "2026-03-02T13:00:00", "2026-03-12T14:30:00"),
        ("issued", "2026-03-02T23:00:00Z", "2026-03-13T00:30:00Z"),
        ("birthDate", "1961-05-14", "1961-05-24"),
        ("onsetDateTime", "2018-06-25", "2018-07-05"),
        ("onsetDateTime", "2018-06", "2018-06"),
        ("onsetDateTime", "2018", "2018"),
        ("onsetDateTime", "2018-13", "2018-13"),
        ("effectiveDateTime", "2026-02-30T13:00:00Z", "2026-02-30T13:00:00Z"),
        ("effectiveDateTime", "yesterday", "yesterday"),
        ("birthDate", "9999-12-31", "9999-12-31"),
        ("valueString", "2026-03-02", "2026-03-02"),
        ("code", "2026", "2026"),
        ("display", "2026-03-02T13:00:00Z", "2026-03-02T13:00:00Z"),
    ],
)
def test_a_time_moves_with_the_present_and_keeps_its_form(
    element: str, before: str, after: str
) -> None:
    later = NOW + timedelta(days=10, hours=1, minutes=30)
    moved = shifted(case_of({"resourceType": "Observation", "id": "o", element: before}), later)
    assert moved.resources[1][element] == after
    assert moved.now == later


def test_times_deep_inside_and_in_lists_move_too() -> None:
    resource = {
        "resourceType": "MedicationAdministration",
        "id": "m",
        "effectivePeriod": {"start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z"},
        "timing": [{"event": ["2026-03-01T08:00:00Z"]}],
    }
    moved = shifted(case_of(resource), NOW + timedelta(days=1)).resources[1]
    assert moved["effectivePeriod"] == {
        "start": "2026-03-02T00:00:00Z",
        "end": "2026-03-03T00:00:00Z",
    }
    assert moved["timing"] == [{"event": ["2026-03-02T08:00:00Z"]}]


def test_the_drafts_of_the_request_move_too() -> None:
    request = {"context": {"draftOrders": {"entry": [{"resource": {"authoredOn": "2026-03-02"}}]}}}
    moved = shifted(replace(case_of(), request=request), NOW + timedelta(days=2))
    entry = moved.request["context"]["draftOrders"]["entry"][0]
    assert entry["resource"]["authoredOn"] == "2026-03-04"


@for_all(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=4000)))
def test_what_lies_how_far_back_stays_so(by: timedelta) -> None:
    by = timedelta(seconds=int(by.total_seconds()))
    lab = observation("3274-8", 0.2, "[IU]/mL", "2026-03-02T11:00:00+02:00")
    moved = shifted(case_of(lab), NOW + by)
    drawn = datetime.fromisoformat(moved.resources[1]["effectiveDateTime"])
    assert moved.now - drawn == timedelta(hours=5)


def test_there_and_back_is_the_same_patient() -> None:
    later = NOW + timedelta(days=400, minutes=7)
    case = case_of(observation("3274-8", 0.2, "[IU]/mL", "2026-03-02T11:00:00Z"))
    assert shifted(shifted(case, later), NOW) == case


def test_the_projects_own_fixtures_can_be_read_and_moved_to_their_own_present() -> None:
    cases = load_cases(FIXTURES)
    assert len(cases) >= 12
    for case in cases:
        assert shifted(case, case.now) == case


def test_every_birthday_keeps_its_patients_age() -> None:
    for case in load_cases(FIXTURES):
        moved = shifted(case, datetime(2031, 7, 4, 9, 15, tzinfo=UTC))
        lived = [
            (one.now.date() - datetime.fromisoformat(one.patient["birthDate"]).date()).days
            for one in (case, moved)
            if "birthDate" in one.patient
        ]
        assert len(set(lived)) <= 1, case.name
