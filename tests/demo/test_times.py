from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from cds_service.demo.times import ago, clock_time, ward_zone
from tests.demo.builders import NOW, case_of, observation

EAST = timezone(timedelta(hours=9))


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(5, "5 min ago"), (59, "59 min ago"), (60, "1 h ago"), (4319, "72 h ago"), (4320, "3 d ago")],
)
def test_how_long_ago_is_told_as_on_a_ward(minutes: int, words: str) -> None:
    assert ago(NOW - timedelta(minutes=minutes), NOW) == words


@pytest.mark.parametrize(
    ("at", "zone", "words"),
    [
        ("2026-03-02T11:05:00+00:00", UTC, "11:05"),
        ("2026-03-01T23:05:00+00:00", UTC, "1 Mar 23:05"),
        ("2026-03-02T13:30:00+00:00", EAST, "22:30"),
        ("2026-03-01T16:30:00+00:00", EAST, "01:30"),
        ("2026-03-01T13:30:00+00:00", EAST, "1 Mar 22:30"),
    ],
)
def test_a_clock_time_has_its_date_unless_it_is_today(at: str, zone: timezone, words: str) -> None:
    assert clock_time(datetime.fromisoformat(at), NOW, zone) == words


def test_a_chart_is_written_in_the_zone_of_its_newest_entry() -> None:
    old = observation("3274-8", 0.2, "IU/mL", "2026-03-01T11:00:00+01:00")
    new = observation("3274-8", 0.2, "IU/mL", "2026-03-02T06:00:00-05:00")
    to_come = observation("3274-8", 0.2, "IU/mL", "2026-03-05T06:00:00+09:00")
    undated = {**old, "effectiveDateTime": "soon"}
    zone = ward_zone(case_of(old, new, to_come, undated))
    assert zone.utcoffset(None) == timedelta(hours=-5)
    assert ward_zone(case_of()).utcoffset(None) == timedelta(0)
