from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from cds_service.demo.fixtures import Fixture, load_cases
from cds_service.demo.pages import FIXTURES, WIDTHS
from cds_service.demo.timeline import CLEAR, Drawing, Lane, draw
from cds_service.demo.tracks import load_tracks
from tests.demo.builders import (
    NOW,
    case_of,
    given,
    heparin,
    observation,
    ordered,
    per_hour,
)

TRACKS = load_tracks()


def lane(drawing: Drawing, key: str) -> Lane:
    return next(one for one in drawing.lanes if one.key == key)


def labs(*values: float) -> list[dict[str, object]]:
    """Anti-Xa values six hours apart, the last now."""
    times = [NOW - timedelta(hours=6 * back) for back in reversed(range(len(values)))]
    pairs = zip(values, times, strict=True)
    return [observation("3274-8", value, "IU/mL", at.isoformat()) for value, at in pairs]


@pytest.mark.parametrize("width", WIDTHS.values())
@pytest.mark.parametrize("case", load_cases(FIXTURES), ids=lambda case: str(case.name))
def test_everything_of_every_fixture_stands_inside_the_drawing(case: Fixture, width: int) -> None:
    drawing = draw(case, TRACKS, width)
    for one in drawing.lanes:
        for mark in one.marks:
            assert drawing.left <= mark.x <= drawing.right
            assert one.top <= mark.y <= one.bottom
    for x, y, *_ in drawing.events:
        assert drawing.left <= x <= drawing.right
        assert y <= drawing.height
    assert all(drawing.left <= x <= drawing.right for x, _ in drawing.hours)


def test_a_mark_has_the_shape_of_its_state() -> None:
    drawing = draw(case_of(*labs(0.1, 0.5, 0.9)), TRACKS, 860)
    assert [mark.state for mark in lane(drawing, "antiXa").marks] == ["below", "within", "above"]


def test_the_band_lies_where_its_limits_are_written() -> None:
    anti_xa = lane(draw(case_of(*labs(0.5)), TRACKS, 860), "antiXa")
    assert anti_xa.band is not None
    (low, _), (high, _) = anti_xa.ticks
    assert anti_xa.band == (high, pytest.approx(low - high))
    assert high < anti_xa.marks[0].y < low


def test_one_point_has_no_line() -> None:
    anti_xa = lane(draw(case_of(*labs(0.5)), TRACKS, 860), "antiXa")
    assert len(anti_xa.marks) == 1
    assert anti_xa.path == ""


def test_the_newest_value_is_always_written_and_none_over_another() -> None:
    crowded = [
        observation("3274-8", 0.4, "IU/mL", (NOW - timedelta(minutes=20 * n)).isoformat())
        for n in range(30)
    ]
    marks = lane(draw(case_of(*crowded), TRACKS, 350), "antiXa").marks
    written = [mark.x for mark in marks if mark.text]
    assert marks[-1].text == "0.40"
    assert len(written) < len(marks)
    assert all(b - a >= CLEAR for a, b in pairwise(written))
    assert all(mark.says for mark in marks)


def test_a_comparator_is_written_with_its_value() -> None:
    quantity = {"value": 0.1, "unit": "IU/mL", "comparator": "<"}
    low = observation("3274-8", 0, "", "2026-03-02T11:00:00Z", valueQuantity=quantity)
    assert lane(draw(case_of(low), TRACKS, 860), "antiXa").marks[0].text == "<0.10"


def test_the_rate_is_drawn_in_steps_with_a_gap_where_it_was_held() -> None:
    case = case_of(
        heparin("2026-03-01T10:00:00Z", "2026-03-01T16:00:00Z", rate=per_hour(1440)),
        heparin("2026-03-01T16:00:00Z", "2026-03-02T00:00:00Z", rate=per_hour(1600)),
        heparin("2026-03-02T04:00:00Z", "2026-03-02T08:00:00Z", rate=per_hour(1600)),
        heparin("2026-03-02T08:00:00Z", rate=per_hour(1600)),
    )
    rate = lane(draw(case, TRACKS, 860), "rate")
    assert [step[0] for step in rate.path.split() if step[0] in "ML"] == ["M", "L", "M", "L"]
    assert [mark.text for mark in rate.marks] == ["1,440", "1,600"]


def test_the_dose_of_the_day_ends_at_the_present_dose() -> None:
    case = case_of(heparin("2026-03-01T02:00:00Z", rate=per_hour(1600)))
    (mark,) = lane(draw(case, TRACKS, 860), "day").marks
    assert mark.text == "38,400"


def test_a_long_infusion_shows_its_last_eight_days() -> None:
    case = case_of(
        heparin("2026-02-10T10:00:00Z", "2026-02-11T00:00:00Z", rate=per_hour(1440)),
        heparin("2026-02-11T00:00:00Z", rate=per_hour(1600)),
        given("heparin", 5000, "2026-02-10T10:00:00Z"),
    )
    drawing = draw(case, TRACKS, 860)
    assert drawing.summary == "Timeline of the last 192 hours"
    assert [mark.text for mark in lane(drawing, "rate").marks] == ["1,600"]
    assert drawing.events == ()


def test_hours_are_written_as_densely_as_there_is_room() -> None:
    case = case_of(heparin("2026-02-10T10:00:00Z", rate=per_hour(1440)))
    wide, narrow = (draw(case, TRACKS, width).hours for width in WIDTHS.values())
    assert [text for _, text in narrow] == ["now 14:00", "24 Feb", "26 Feb", "28 Feb"]
    assert len(wide) > len(narrow)


def test_a_short_course_has_clock_times_in_the_zone_of_the_chart() -> None:
    lab = observation("3274-8", 0.3, "IU/mL", "2026-03-02T06:00:00-05:00")
    hours = draw(
        case_of(heparin("2026-03-02T02:00:00Z", rate=per_hour(1440)), lab), TRACKS, 860
    ).hours
    assert [text for _, text in hours] == ["now 09:00", "12:00", "18:00", "2 Mar", "06:00"]


@pytest.mark.parametrize(
    ("rate", "why"),
    [(16, "rate cannot be read"), (16000, "16,000 U/h charted, implausible")],
)
def test_a_rate_that_cannot_be_told_is_a_band_and_no_line_at_zero(rate: float, why: str) -> None:
    unit = "U/h" if rate > 1000 else "mL/h"
    case = case_of(
        heparin("2026-03-01T10:00:00Z", "2026-03-02T02:00:00Z", rate=per_hour(rate, unit)),
        heparin("2026-03-02T02:00:00Z", rate=per_hour(1600)),
    )
    drawing = draw(case, TRACKS, 860)
    rate_lane, day = lane(drawing, "rate"), lane(drawing, "day")
    (band,) = rate_lane.unknown
    assert band[2] == why
    assert [mark.text for mark in rate_lane.marks] == ["1,600"]
    assert rate_lane.path.startswith(f"M{band[0] + band[1]:g} ")
    (unsure,) = day.unknown
    assert unsure[0] == pytest.approx(band[0], abs=30)  # drawn by the hour
    assert unsure[0] + unsure[1] == drawing.right
    assert day.marks == ()


def test_an_order_that_nothing_is_charted_for_is_a_band() -> None:
    order = ordered(
        "heparin",
        authoredOn="2026-03-01T02:00:00Z",
        dosageInstruction=[{"text": "infusion", "doseAndRate": [per_hour(1600)]}],
    )
    drawing = draw(case_of(order), TRACKS, 860)
    ((_, width, why),) = lane(drawing, "rate").unknown
    assert why == "1,600 U/h ordered, none charted"
    assert width > 100
    assert lane(drawing, "rate").path == ""


@pytest.mark.parametrize(
    ("value", "unit", "state"),
    [(3.1, "IU/mL", "implausible"), (31, "IU/mL", "implausible"), (0.3, "drops", "unreadable")],
)
def test_a_value_of_no_use_is_flagged_on_the_floor_and_joins_no_line(
    value: float, unit: str, state: str
) -> None:
    odd = observation("3274-8", value, unit, "2026-03-02T01:00:00Z")
    anti_xa = lane(draw(case_of(*labs(0.4, 0.5), odd), TRACKS, 860), "antiXa")
    (flag,) = [mark for mark in anti_xa.marks if mark.state == state]
    assert flag.text == f"{value:g} {unit} ?"
    assert flag.y == anti_xa.bottom - 6
    assert f" {flag.y}" not in anti_xa.path
    assert anti_xa.path.count("L") == 1
    alone = lane(draw(case_of(*labs(0.4, 0.5)), TRACKS, 860), "antiXa")
    assert anti_xa.path == alone.path  # nor does it move the scale


def test_events_are_written_towards_the_middle() -> None:
    case = case_of(
        given("heparin", 5000, "2026-02-28T16:00:00Z"),
        given("antithrombin", 2500, "2026-03-02T13:00:00Z"),
    )
    events = draw(case, TRACKS, 860).events
    assert [(kind, anchor) for _, _, kind, _, anchor in events] == [
        ("heparin", "start"),
        ("antithrombin", "end"),
    ]
