from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from cds_service.chart.instants import Period, read_instant, read_period


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("2026-11-22T10:00:00Z", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22T10:00:00+01:00", datetime(2026, 11, 22, 9, tzinfo=UTC)),
        ("2026-11-22T10:00:00-05:00", datetime(2026, 11, 22, 15, tzinfo=UTC)),
        ("2026-11-22T10:00:00.5Z", datetime(2026, 11, 22, 10, 0, 0, 500000, tzinfo=UTC)),
        ("2026-11-22T10:00:00.123456789Z", datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)),
        ("2026-11-22T10:00Z", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        (" 2026-11-22T10:00:00Z ", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2026-11", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026", datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_time_is_read(written: str, read_as: datetime) -> None:
    assert read_instant(written) == read_as


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-22T10:00:00",
        "2026-11-22 10:00:00Z",
        "2026-11-22T10:00:00+0100",
        "2026-11-22T10:00:00+15:00",
        "2026-11-22T10:00:00+01:60",
        "2026-11-22T24:00:00Z",
        "2026-11-22T10:60:00Z",
        "2026-11-22T10:00:60Z",
        "2026-02-30T10:00:00Z",
        "2026-02-30",
        "2026-13",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "1492",
        "２０２６-11-22",
        "22.11.2026",
        "",
        "now",
        20261122,
        1.5,
        True,
        None,
        [],
        {},
    ],
)
def test_what_is_no_time_is_none(written: object) -> None:
    assert read_instant(written) is None


def test_the_offset_is_kept_for_the_card() -> None:
    at = read_instant("2026-11-22T10:00:00-05:30")
    assert at is not None
    assert at.tzinfo == timezone(-timedelta(hours=5, minutes=30))


def test_each_end_of_a_period_is_read_by_itself() -> None:
    day = datetime(2026, 11, 22, tzinfo=UTC)
    assert read_period({"start": "2026-11-22", "end": "never"}) == Period(day, None)
    assert read_period({"end": "2026-11-22"}) == Period(None, day)
    assert read_period("yesterday") == Period()


def test_only_a_period_in_order_has_a_length() -> None:
    day, next_day = datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)
    assert Period(day, next_day).hours == 24
    for without in (Period(next_day, day), Period(day, day), Period(day), Period(None, day)):
        assert without.hours is None
