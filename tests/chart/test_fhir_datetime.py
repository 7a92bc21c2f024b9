from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from cds_service.chart.facts import Chart, HookContext
from cds_service.chart.fhir_datetime import (
    DATE_ONLY,
    NO_ZONE,
    Period,
    Placing,
    Stretch,
    earliest,
    latest,
    read_instant,
    read_period,
    recorded,
)
from cds_service.chart.query_result import QueryResult, QueryState
from cds_service.chart.reader import read_chart
from tests.chart.builders import observation, shipped

BERLIN = Placing(ZoneInfo("Europe/Berlin"))
TICK = timedelta(microseconds=1)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("2026-11-22T10:00:00Z", utc(2026, 11, 22, 10)),
        ("2026-11-22T10:00:00+01:00", utc(2026, 11, 22, 9)),
        ("2026-11-22T10:00:00-05:00", utc(2026, 11, 22, 15)),
        ("2026-11-22T10:00:00.5Z", utc(2026, 11, 22, 10, 0, 0, 500000)),
        ("2026-11-22T10:00:00.123456789Z", utc(2026, 11, 22, 10, 0, 0, 123456)),
        ("2026-11-22T10:00Z", utc(2026, 11, 22, 10)),
        (" 2026-11-22T10:00:00Z ", utc(2026, 11, 22, 10)),
        # not FHIR, and yet only one moment can be meant
        ("2026-11-22T10:00:00+0000", utc(2026, 11, 22, 10)),
        ("2026-11-22T10:00:00+0100", utc(2026, 11, 22, 9)),
        ("2026-11-22T10:00:00.25-0530", utc(2026, 11, 22, 15, 30, 0, 250000)),
        ("2026-11-22T10:00:00+00", utc(2026, 11, 22, 10)),
        ("2026-11-22T10:00-05", utc(2026, 11, 22, 15)),
        ("2026-11-22t10:00:00z", utc(2026, 11, 22, 10)),
        ("2026-11-22 10:00:00Z", utc(2026, 11, 22, 10)),
        ("2026-11-22 10:00:00 +01:00", utc(2026, 11, 22, 9)),
        ("2026-11-22T10:00:00,5Z", utc(2026, 11, 22, 10, 0, 0, 500000)),
        ("2026-11-22T24:00:00Z", utc(2026, 11, 23)),
        ("2026-12-31T24:00Z", utc(2027, 1, 1)),
        ("2026-12-31T23:59:60Z", utc(2027, 1, 1)),
        ("2026-11-22T10:00:60+01:00", utc(2026, 11, 22, 9, 1)),
    ],
)
def test_a_time_with_its_zone_is_one_moment(written: str, read_as: datetime) -> None:
    at = read_instant(written)
    assert at == read_as
    assert type(at) is datetime


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-22T10:00:00+15:00",
        "2026-11-22T10:00:00+01:60",
        "2026-11-22T24:00:01Z",
        "2026-11-22T24:30:00Z",
        "2026-11-22T25:00:00Z",
        "2026-11-22T10:60:00Z",
        "2026-11-22T10:00:61Z",
        "2026-02-30T10:00:00Z",
        "2026-02-30T10:00:00",
        "2026-02-30",
        "2026-13",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31T24:00:00Z",
        "0001-01-01T00:00:00",
        "1492",
        "２０２６-11-22",
        "2026-11-22T10:00:00 CET",
        "22.11.2026",
        "11/22/2026",
        "2026-11-22T10",
        "20261122",
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
    assert read_instant(written, BERLIN) is None


@pytest.mark.parametrize(
    ("written", "placing", "first", "last", "said"),
    [
        (
            "2026-11-22",
            BERLIN,
            utc(2026, 11, 21, 23),
            utc(2026, 11, 22, 23) - TICK,
            "22 Nov 2026",
        ),
        (
            "2026-11",
            BERLIN,
            utc(2026, 10, 31, 23),
            utc(2026, 11, 30, 23) - TICK,
            "2026-11",
        ),
        ("2026", BERLIN, utc(2025, 12, 31, 23), utc(2026, 12, 31, 23) - TICK, "2026"),
        (
            "2026-10-25",
            BERLIN,
            utc(2026, 10, 24, 22),
            utc(2026, 10, 25, 23) - TICK,
            "25 Oct 2026",
        ),
        (
            "2026-10-25T02:30",
            BERLIN,
            utc(2026, 10, 25, 0, 30),
            utc(2026, 10, 25, 1, 30),
            "25 Oct 2026 02:30",
        ),
        (
            "2026-11-22",
            Placing(),
            utc(2026, 11, 21, 10),
            utc(2026, 11, 23, 14) - TICK,
            "22 Nov 2026",
        ),
        (
            "2026-11-22T10:00",
            Placing(),
            utc(2026, 11, 21, 20),
            utc(2026, 11, 23),
            "22 Nov 2026 10:00",
        ),
    ],
)
def test_what_is_left_open_is_a_stretch(
    written: str, placing: Placing, first: datetime, last: datetime, said: str
) -> None:
    at = read_instant(written, placing)
    assert isinstance(at, Stretch)
    assert (earliest(at), latest(at), at.written) == (first, last, said)
    assert at.why == (NO_ZONE if "T" in written else DATE_ONLY)
    assert type(earliest(at)) is type(latest(at)) is datetime


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-11-22T10:00:00", utc(2026, 11, 22, 9)),
        ("2026-11-22 10:00", utc(2026, 11, 22, 9)),
        ("2026-07-22T10:00:00.5", utc(2026, 7, 22, 8, 0, 0, 500000)),
        ("2026-11-22T24:00:00", utc(2026, 11, 22, 23)),
    ],
)
def test_the_hospitals_zone_makes_a_time_without_one_exact(written: str, moment: datetime) -> None:
    at = read_instant(written, BERLIN)
    assert at == moment
    assert type(at) is datetime


def test_hours_across_the_change_of_the_clocks_are_hours_that_passed() -> None:
    before, after = (
        read_instant("2026-10-24T12:00", BERLIN),
        read_instant("2026-10-25T12:00", BERLIN),
    )
    assert before is not None
    assert after is not None
    assert after - before == timedelta(hours=25)


ONE = {"effectiveDateTime": "2026-11-22T10:00:00-05:00", "meta": {"lastUpdated": "2026+02:00"}}


@pytest.mark.parametrize(
    ("others", "exact"),
    [
        ([ONE], utc(2026, 11, 22, 15)),
        ([ONE, {"issued": "2026-11-22T10:00:00Z"}], utc(2026, 11, 22, 15)),
        ([ONE, {"meta": {"lastUpdated": "2026-11-22T10:00:00+01:00"}}], utc(2026, 11, 22, 15)),
        ([ONE, {"period": [{"start": "2026-07-22T10:00:00-04:00"}]}], None),
        ([{"issued": "2026-11-22T10:00:00Z"}], None),
        ([{"issued": "2026-11-22T10:00:00+00:00"}], utc(2026, 11, 22, 10)),
        ([], None),
    ],
    ids=["shared", "Z apart", "metadata apart", "two offsets", "Z alone", "+00:00", "nothing"],
)
def test_else_the_offset_that_the_patients_times_share(
    others: list[object], exact: datetime | None
) -> None:
    at = read_instant("2026-11-22T10:00:00", Placing(None, others))
    assert (at if exact else type(at)) == (exact or Stretch)


@pytest.mark.parametrize(
    ("zone", "drawn"),
    [(ZoneInfo("Australia/Adelaide"), utc(2026, 11, 21, 23, 30)), (None, utc(2026, 11, 22, 9))],
)
def test_the_zone_of_the_call_goes_before_the_patients_own(
    zone: ZoneInfo | None, drawn: datetime
) -> None:
    told = observation("3274-8", 0.4, "[IU]/mL", id="told")
    untold = observation("14979-9", 50, "s", effectiveDateTime="2026-11-22T10:00:00")
    chart = chart_of(told, untold, zone=zone)
    assert [one.at for one in chart.of("aptt")] == [drawn]


def test_another_patients_offset_says_nothing_of_this_one() -> None:
    told = observation("3274-8", 0.4, "[IU]/mL", id="x", subject={"reference": "Patient/other"})
    untold = observation("14979-9", 50, "s", effectiveDateTime="2026-11-22T10:00:00")
    (one,) = chart_of(told, untold).of("aptt")
    assert isinstance(one.at, Stretch)


def chart_of(*resources: dict[str, object], zone: ZoneInfo | None = None) -> Chart:
    asked = HookContext("patient-view", "p1", zone=zone)
    return read_chart(asked, {"x": QueryResult(QueryState.SUPPLIED, resources)}, shipped())


def test_a_reading_that_hangs_on_other_times_is_not_kept() -> None:
    """Of one patient read time and again, what is known of the offset may change."""
    asked, kept = HookContext("patient-view", "p1"), {}  # type: ignore[var-annotated]
    untold = observation("14979-9", 50, "s", effectiveDateTime="2026-11-22T10:00:00")
    told = observation("3274-8", 0.4, "[IU]/mL", id="told")
    drawn = []
    for resources in ((untold,), (untold, told)):
        answers = {"x": QueryResult(QueryState.SUPPLIED, resources)}
        (one,) = read_chart(asked, answers, shipped(), kept).of("aptt")
        drawn.append(type(one.at))
    assert drawn == [Stretch, datetime]
    assert [held[0] for held in kept.values()] == [told]


def test_a_stretch_moves_and_is_copied_as_a_whole() -> None:
    day = read_instant("2026-11-22", BERLIN)
    assert isinstance(day, Stretch)
    hour = timedelta(hours=1)
    for moved, by in ((day + hour, hour), (hour + day, hour), (day - hour, -hour)):
        assert (earliest(moved), latest(moved)) == (earliest(day) + by, day.latest + by)
    pickled = pickle.loads(pickle.dumps(day))  # noqa: S301  # our own
    same = (copy.copy(day), copy.deepcopy(day), pickled)
    for one in (*same, day.astimezone(UTC)):
        assert (one, one.latest, one.why, one.written) == (day, day.latest, day.why, day.written)
    assert day - (day - hour) == hour
    assert utc(2026, 11, 22) - day == hour
    assert recorded(day) == "22 Nov 2026"
    assert recorded(utc(2026, 11, 22, 7)) == "22 Nov 07:00"


def test_the_offset_is_kept_for_the_card() -> None:
    at = read_instant("2026-11-22T10:00:00-05:30")
    assert at is not None
    assert at.tzinfo == timezone(-timedelta(hours=5, minutes=30))


DAY, NEXT = "2026-11-22T10:00:00Z", "2026-11-23T10:00:00Z"
START, END = utc(2026, 11, 22, 10), utc(2026, 11, 23, 10)


@pytest.mark.parametrize(
    ("written", "period"),
    [
        ({"start": DAY, "end": NEXT}, Period(START, END)),
        ({"start": DAY}, Period(START)),
        ({"end": NEXT}, Period(None, END)),
        ({"start": DAY, "end": "never"}, Period(START, None, unread_end=True)),
        ({"start": NEXT, "end": DAY}, Period(END, None, unread_end=True)),
        ({"start": NEXT, "end": "2026-11-20"}, Period(END, None, unread_end=True)),
        ("yesterday", Period()),
    ],
)
def test_each_end_of_a_period_is_read_by_itself(written: object, period: Period) -> None:
    assert read_period(written) == period


def test_an_end_on_the_day_of_the_start_lies_after_it() -> None:
    period = read_period({"start": DAY, "end": "2026-11-22"}, Placing(UTC))
    assert period.end is not None
    assert (earliest(period.end), latest(period.end)) == (START, utc(2026, 11, 23) - TICK)
    assert not period.is_point


def test_only_a_period_in_order_has_a_length() -> None:
    assert Period(START, END).hours == 24
    for without in (Period(END, START), Period(START, START), Period(START), Period(None, START)):
        assert without.hours is None


def test_a_period_of_no_length_is_a_point() -> None:
    assert read_period({"start": DAY, "end": "2026-11-22T11:00:00+01:00"}).is_point
    assert not read_period({"start": DAY, "end": NEXT}).is_point
    assert not read_period({"start": "2026-11-22", "end": "2026-11-22"}).is_point
    assert not Period().is_point
