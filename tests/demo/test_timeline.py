from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from cds_service.demo.fixtures import Fixture, load_cases
from cds_service.demo.pages import FIXTURES, WIDTHS
from cds_service.demo.timeline import CLEAR, Drawing, Lane, draw
from cds_service.demo.tracks import load_tracks
from tests.demo.builders import NOW, case_of, given, heparin, observation, per_hour

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


def test_one_point_has_no_line_and_a_value_without_a_unit_no_point() -> None:
    odd = observation("3274-8", 0.2, "furlongs", "2026-03-02T01:00:00Z")
    anti_xa = lane(draw(case_of(odd, *labs(0.5)), TRACKS, 860), "antiXa")
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
    assert [text for _, text in narrow] == ["now", "−48 h", "−96 h", "−144 h", "−192 h"]
    assert len(wide) > len(narrow)


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
