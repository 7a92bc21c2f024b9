from __future__ import annotations

from typing import Any

import pytest

from cds_service.demo.fixtures import Fixture
from cds_service.demo.history import earlier, moments
from tests.demo.builders import NOW, PATIENT, case_of, heparin, observation, ordered, per_hour


def known(case: Fixture, hours: int) -> list[str]:
    return [one["id"] for one in earlier(case, hours).resources]


def test_now_is_the_chart_as_it_is() -> None:
    case = case_of(observation("3274-8", 0.2, "IU/mL", "2026-03-02T13:59:00Z"))
    assert earlier(case, 0) == case


def test_the_present_moves_back() -> None:
    assert (NOW - earlier(case_of(), 6).now).total_seconds() == 6 * 3600


@pytest.mark.parametrize(
    ("times", "is_known"),
    [
        ({"effectiveDateTime": "2026-03-02T08:00:00Z"}, True),
        ({"effectiveDateTime": "2026-03-02T08:01:00Z"}, False),
        ({"effectiveDateTime": "2026-03-02T07:00:00Z", "issued": "2026-03-02T09:00:00Z"}, False),
        ({"effectivePeriod": {"start": "2026-03-02T09:00:00Z"}}, False),
        ({"authoredOn": "2026-03-02T09:00:00Z"}, False),
        ({"recordedDate": "2026-03-02"}, True),
        ({"onsetDateTime": "2026-03-03"}, False),
        ({"performedDateTime": "2026-03-02T09:00:00Z"}, False),
        ({"performedPeriod": {"end": "2026-03-02T09:00:00Z"}}, True),
        ({"recordedDate": "some time"}, True),
        ({}, True),
    ],
)
def test_what_came_later_was_not_known_six_hours_ago(times: Any, is_known: bool) -> None:
    resource = {"resourceType": "Observation", "id": "o", **times}
    assert known(case_of(resource), 6) == [PATIENT["id"], *(["o"] if is_known else [])]


def test_what_ended_later_was_under_way() -> None:
    ended = heparin("2026-03-01T10:00:00Z", "2026-03-02T10:00:00Z", rate=per_hour(1600))
    before = earlier(case_of(ended), 6).resources[1]
    assert before["effectivePeriod"] == {"start": "2026-03-01T10:00:00Z"}
    assert before["status"] == "in-progress"
    assert earlier(case_of(ended), 3).resources[1] == ended


def test_an_order_stays_as_it_reads_today() -> None:
    order = ordered("heparin", authoredOn="2026-03-01T10:00:00Z")
    assert earlier(case_of(order), 6).resources[1] == order


def test_one_looks_again_after_each_result_and_now_and_then() -> None:
    case = case_of(
        observation("3274-8", 0.2, "IU/mL", "2026-03-02T10:30:00Z"),
        observation("27811-9", 55, "%", "2026-03-02T08:00:00Z", issued="2026-03-02T09:00:00Z"),
        observation("777-3", 200, "10*9/L", "2026-03-02T07:00:00Z"),
        observation("3274-8", 0.2, "IU/mL", "unknown"),
        observation("3274-8", 0.2, "IU/mL", "2026-02-02T10:30:00Z"),
    )
    assert moments(case, {"3274-8", "27811-9"}, 24) == [20, 16, 12, 8, 5, 4, 3, 0]


def test_however_short_the_time_the_present_is_looked_at() -> None:
    assert moments(case_of(), set(), 3) == [2, 1, 0]
