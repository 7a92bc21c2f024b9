from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from cds_service.chart.known import Ends, ends_of, versions
from tests.tools.replay.hospital import START, at, infusion, lab, of

Json = dict[str, Any]


def hours(when: datetime | None) -> float | None:
    return None if when is None else (when - START) / timedelta(hours=1)


def since(resource: Json, ends: Ends | None = None) -> list[float | None]:
    return [hours(version.since) for version in versions(resource, ends or Ends())]


def order(status: str, **more: Any) -> Json:
    return {
        "resourceType": "MedicationRequest",
        "status": status,
        "authoredOn": at(1),
        **of("p"),
    } | more


UNTIL_9 = {"dispenseRequest": {"validityPeriod": {"start": at(1), "end": at(9)}}}


def test_a_result_is_known_when_it_is_issued_not_when_it_is_drawn() -> None:
    assert since(lab("p", "3274-8", 4, 0.2, "[IU]/mL", told=1.5)) == [5.5]


def test_a_result_without_issue_is_known_when_drawn() -> None:
    result = lab("p", "3274-8", 4, 0.2, "[IU]/mL")
    del result["issued"]

    assert since(result) == [4]


def test_a_running_infusion_has_no_end_until_it_ended() -> None:
    running, ended = versions(infusion("p", 2, 8, 1500), Ends())

    assert (hours(running.since), hours(ended.since)) == (2, 8)
    assert running.resource["status"] == "in-progress"
    assert running.resource["effectivePeriod"] == {"start": at(2)}
    assert ended.resource == infusion("p", 2, 8, 1500)


def test_the_total_of_a_running_infusion_is_not_known() -> None:
    charted = infusion("p", 2, 8, 1500)
    charted["dosage"]["dose"] = {"value": 9000, "unit": "units"}

    running, ended = versions(charted, Ends())

    assert "dose" not in running.resource["dosage"]
    assert ended.resource["dosage"]["dose"]["value"] == 9000


def test_a_dose_over_time_without_a_rate_is_known_at_its_end() -> None:
    charted = infusion("p", 2, 8, 1500)
    charted["dosage"] = {"dose": {"value": 9000, "unit": "units"}}

    assert since(charted) == [8]


@pytest.mark.parametrize("status", ["completed", "stopped", "active"])
def test_an_order_is_active_until_the_end_it_states(status: str) -> None:
    standing, over = versions(order(status, **UNTIL_9), Ends())

    assert (hours(standing.since), hours(over.since)) == (1, 9)
    assert standing.resource["status"] == "active"
    assert over.resource["status"] == ("completed" if status == "active" else status)


@pytest.mark.parametrize("status", ["completed", "stopped"])
def test_an_order_that_states_no_end_is_active_until_it_was_last_given(status: str) -> None:
    by_it = {"request": {"reference": "MedicationRequest/o"}}
    given = [infusion("p", 2, 5, 1500) | by_it, infusion("p", 5, 8, 1600) | by_it]

    standing, over = versions(order(status, id="o"), ends_of([*given, infusion("p", 2, 20, 900)]))

    assert (hours(standing.since), hours(over.since)) == (1, 8)
    assert (standing.resource["status"], over.resource["status"]) == ("active", status)


def test_the_end_an_order_states_counts_before_what_was_given() -> None:
    given = infusion("p", 2, 12, 1500) | {"request": {"reference": "MedicationRequest/o"}}

    assert since(order("completed", id="o", **UNTIL_9), ends_of([given])) == [1, 9]


def test_an_active_order_without_an_end_stands_on() -> None:
    given = infusion("p", 2, 12, 1500) | {"request": {"reference": "MedicationRequest/o"}}

    assert since(order("active", id="o"), ends_of([given])) == [1]


def test_an_order_without_an_end_that_was_never_given_is_taken_as_exported() -> None:
    (version,) = versions(order("completed"), Ends())

    assert version.resource["status"] == "completed"


@pytest.mark.parametrize("status", ["entered-in-error", "draft", "cancelled"])
def test_an_order_that_never_stood_does_not_stand(status: str) -> None:
    (version,) = versions(order(status, **UNTIL_9), Ends())

    assert version.resource["status"] == status


def test_a_resolved_problem_was_active_before() -> None:
    problem = {
        "resourceType": "Condition",
        "recordedDate": at(0),
        "clinicalStatus": {"coding": [{"code": "resolved"}]},
        "abatementDateTime": at(5),
    }

    active, resolved = versions(problem, Ends())

    assert active.resource["clinicalStatus"] == {"coding": [{"code": "active"}]}
    assert "abatementDateTime" not in active.resource
    assert (hours(resolved.since), resolved.resource) == (5, problem)


def test_a_diagnosis_without_a_date_is_known_at_discharge() -> None:
    stay = {"resourceType": "Encounter", "id": "e", "period": {"start": at(0), "end": at(90)}}
    problem = {"resourceType": "Condition", "encounter": {"reference": "Encounter/e"}}

    assert since(problem, ends_of([stay])) == [90]


def test_what_nobody_can_date_is_left_out() -> None:
    assert versions({"resourceType": "AllergyIntolerance"}, Ends()) == ()
    assert versions({"resourceType": "MedicationRequest", "status": "active"}, Ends()) == ()
    assert versions({"resourceType": "Condition"}, Ends()) == ()
    assert versions({"resourceType": "ServiceRequest"}, Ends()) == ()


def test_a_day_is_known_when_it_is_over() -> None:
    problem = {"resourceType": "Condition", "recordedDate": "2026-03-01"}
    elsewhere = lab("p", "3274-8", 4, 0.2, "[IU]/mL") | {"issued": "2026-03-01T12:00:00-05:00"}

    # 8:00 UTC is the start; midnight in New York is 21 hours later, midnight anywhere 30.
    (by_its_other_times,) = since(problem, ends_of([elsewhere | {"effectiveDateTime": "2026-03"}]))
    (nowhere,) = since(problem)

    assert by_its_other_times == pytest.approx(21, abs=1e-6)
    assert nowhere == pytest.approx(30, abs=1e-6)


def test_a_result_of_a_day_is_known_when_that_day_is_over() -> None:
    result = lab("p", "3274-8", 4, 0.2, "[IU]/mL") | {"effectiveDateTime": "2026-03-01"}
    del result["issued"]

    assert since(result) == [pytest.approx(30, abs=1e-6)]


def test_a_stay_is_open_until_it_ended() -> None:
    stay = {
        "resourceType": "Encounter",
        "status": "finished",
        "period": {"start": at(0), "end": at(9)},
    }

    running, ended = versions(stay, Ends())

    assert running.resource["status"] == "in-progress"
    assert ended.resource["status"] == "finished"


def test_a_circuit_runs_until_it_ended() -> None:
    crrt = {"resourceType": "Procedure", "performedPeriod": {"start": at(3), "end": at(30)}}

    assert since(crrt) == [3, 30]
    assert since({"resourceType": "Procedure", "performedDateTime": at(4)}) == [4]


def test_the_person_was_always_known() -> None:
    assert since({"resourceType": "Patient", "id": "p"}) == [None]
