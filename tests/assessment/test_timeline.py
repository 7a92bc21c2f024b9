"""The kinds of charting an infusion comes in, and what runs by each (clinical logic 2.6).

Each row of a table is one kind. Rows of the chart are given in one order here; that no order and
no id matters is a law of its own (`test_timeline_laws.py`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cds_service.assessment.measure.infusion import Infusion
from cds_service.chart.facts import Administration, Amount, Form, Order, Problem
from cds_service.chart.fhir_datetime import Stretch
from cds_service.chart.query_result import QueryState
from tests.builders import (
    MINUTE,
    NOW,
    ago,
    answer,
    failed,
    given,
    heparin,
    judge_chart,
    measured,
    order,
    spec,
    weight,
    why,
)

HOUR = timedelta(hours=1)
UNKNOWN = "unknown"
TEN_MINUTES = 10 * MINUTE
A, B = "MedicationRequest/a", "MedicationRequest/b"


def row(
    rate: float | None, hours: float, until: float | None = None, *, name: str = "", **changes: Any
) -> Administration:
    """A charted row of an infusion, with whatever else is said of it."""
    known = {k: changes.pop(k) for k in ("unit", "point", "problem", "halted") if k in changes}
    source = f"MedicationAdministration/{name or f'{hours}-{rate}'}"
    return replace(heparin(rate, hours, until, source=source, **known), **changes)


def stopped(rate: float | None, hours: float, until: float | None = None, **changes: Any) -> Any:
    """A row of status "stopped"."""
    return row(rate, hours, until, halted=True, status="stopped", **changes)


def bag(hours: float, **changes: Any) -> Administration:
    """ "New bag", without a rate."""
    return row(None, hours, point=True, bag=True, **changes)


def with_dose(one: Administration, units: float) -> Administration:
    """The same with a dose."""
    return replace(one, dosage=replace(one.dosage, dose=Amount(units, "[IU]")))


def pushed(one: Administration) -> Administration:
    """The same, called a bolus."""
    return replace(one, bolus=True, form=Form.SINGLE)


def under(request: str, one: Administration) -> Administration:
    """The same, carrying out an order."""
    return replace(one, request=request)


def over_time(units: float, hours: float, until: float, **changes: Any) -> Administration:
    """A dose over a Period, as the reader gives it: with its mean rate."""
    one = row(units / (hours - until), hours, until, **changes)
    dosage = replace(one.dosage, dose=Amount(units, "[IU]"), spread=True)
    return replace(one, dosage=dosage)


def ordered(name: str, rate: float | None = 1600, hours: float | None = 48, **how: Any) -> Order:
    """An infusion order; `site`, `begins`, `ends` and `replaces` as well as the builder's own."""
    changes = {k: how.pop(k) for k in ("site", "begins", "ends", "replaces") if k in how}
    form = Form.INFUSION if rate is None else None
    return replace(
        order("heparin", rate=rate, hours_ago=hours, name=name, form=form, **how), **changes
    )


def infusion(*facts: Any) -> Infusion:
    return measured(*facts).infusion


def now(found: Infusion) -> tuple[str, float | None]:
    """Whether it runs, and how fast."""
    return found.running.truth.value, found.rate


def hours_of(found: Infusion) -> list[float]:
    return [round((NOW - at) / HOUR, 2) for at in found.changes]


@spec(
    "rows, expected, changes",
    # one row after the other
    ("a rate and the next", (row(1600, 30, 20), row(1800, 20)), ("yes", 1800), [30, 20]),
    ("an open row ends where the next begins", (row(1600, 30), row(1800, 20)), ("yes", 1800), None),
    (
        "a rate at a moment holds until the next",
        (row(1600, 30, point=True), row(1800, 20, point=True)),
        ("yes", 1800),
        [30, 20],
    ),
    (
        "a Period that ends where it begins is a moment",
        (row(1600, 30, 30), row(1800, 20, 20)),
        ("yes", 1800),
        [30, 20],
    ),
    (
        "overlapping: the newer ends the older",
        (row(1600, 30, 15), row(1800, 20, 1)),
        ("yes", 1800),
        None,
    ),
    ("a row that ended long ago", (row(1600, 30, 3),), ("no", None), [30]),
    # pieces of one rate
    (
        "pieces that touch",
        (row(1600, 30, 20), row(1600, 20, 10), row(1600, 10)),
        ("yes", 1600),
        [30],
    ),
    ("a piece inside a longer row", (row(1600, 30), row(1600, 20, 10)), ("yes", 1600), [30]),
    ("a piece inside a closed row", (row(1600, 30, 1), row(1600, 20, 10)), ("yes", 1600), [30]),
    (
        "a moment inside a closed row ends with it",
        (row(1600, 30, 5), row(1600, 20, point=True)),
        ("no", None),
        [30],
    ),
    (
        "a moment at the start of a closed row ends with it",
        (row(1600, 30, 5), row(1600, 30, point=True)),
        ("no", None),
        [30],
    ),
    ("a piece within a twentieth", (row(1600, 30), row(1680, 20, 10)), ("yes", 1600), [30]),
    (
        "a piece that was stopped at its end, inside",
        (row(1600, 30), stopped(1600, 20, 10)),
        ("yes", 1600),
        [30],
    ),
    ("stopped where the next begins", (stopped(1600, 30, 10), row(1600, 10)), ("yes", 1600), [30]),
    (
        "stopped a minute before the next",
        (stopped(1600, 30, 10 + MINUTE), row(1600, 10)),
        ("yes", 1600),
        [30, 10.02, 10],
    ),
    # inner rows at another rate
    (
        "a pump's bolus inside an open row",
        (row(1600, 30), row(30_000, 3, 3 - TEN_MINUTES)),
        ("yes", 1600),
        [30],
    ),
    (
        "a pump's bolus inside rates at moments",
        (row(1600, 30, point=True), row(30_000, 3, 3 - TEN_MINUTES), row(1600, 1, point=True)),
        ("yes", 1600),
        [30],
    ),
    (
        "a pump's bolus across the seam of two pieces",
        (row(1600, 30, 3), row(1600, 3), row(30_000, 3 + 5 * MINUTE, 3 - 5 * MINUTE)),
        ("yes", 1600),
        [30],
    ),
    (
        "a pump's bolus at the start",
        (row(1600, 30), row(30_000, 30, 30 - TEN_MINUTES)),
        ("yes", 1600),
        [30],
    ),
    ("an hour at three times the rate", (row(1600, 30), row(4800, 3, 2)), ("yes", 1600), [30]),
    (
        "half a minute more than an hour",
        (row(1600, 30), row(4800, 4, 3 - MINUTE / 2)),
        (UNKNOWN, None),
        None,
    ),
    (
        "an hour at a little less than three times",
        (row(1600, 30), row(4799, 4, 3)),
        (UNKNOWN, None),
        None,
    ),
    (
        "three short rows in a row are no bolus",
        (row(500, 30), row(1600, 5, 4), row(1600, 4, 3), row(1600, 3, 2.5)),
        (UNKNOWN, None),
        None,
    ),
    (
        "an inner row at another rate: after it nobody knows",
        (row(1600, 30), row(1800, 20, 10)),
        (UNKNOWN, None),
        [30, 20, 10],
    ),
    ("the same in a closed row", (row(1600, 30, 1), row(1800, 20, 10)), (UNKNOWN, None), None),
    (
        "a further row tells",
        (row(1600, 30), row(1800, 20, 10), row(1700, 5)),
        ("yes", 1700),
        [30, 20, 10, 5],
    ),
    (
        "inside a rate at a moment, too",
        (row(1600, 30, point=True), row(1600, 20, 10)),
        (UNKNOWN, None),
        None,
    ),
    # stops and holds
    ("a stop", (row(1600, 30), row(None, 3, halted=True)), ("no", None), [30, 3]),
    (
        "a stop where a row begins",
        (row(1600, 30), row(None, 10, halted=True), row(1600, 10)),
        ("yes", 1600),
        [30],
    ),
    (
        "a rate of zero where a row begins",
        (row(1600, 30), row(0, 10, halted=True), row(1800, 10)),
        ("yes", 1800),
        [30, 10],
    ),
    (
        "a hold and its restart",
        (row(1600, 30), row(0, 20, halted=True), row(1600, 10)),
        ("yes", 1600),
        [30, 20, 10],
    ),
    (
        "on hold at its end",
        (row(1600, 30, 10, halted=True, status="on-hold"),),
        ("no", None),
        [30, 10],
    ),
    (
        "a stop in words inside a longer row",
        (row(1600, 30), row(1600, 20, 10, halted=True, status="stopped", stopped=True)),
        ("no", None),
        [30, 10],
    ),
    # rows without a rate
    ("a new bag ends nothing", (row(1600, 30, point=True), bag(20), bag(3)), ("yes", 1600), [30]),
    (
        "a new bag in the change of a bag",
        (row(1600, 30, 11), bag(10.5), row(1600, 10)),
        ("yes", 1600),
        [30],
    ),
    (
        "a new bag after a stop runs at an unknown rate",
        (row(1600, 30), row(0, 20, halted=True), bag(10)),
        ("yes", None),
        [30, 20, 10],
    ),
    ("a new bag alone runs at an unknown rate", (bag(10),), ("yes", None), [10]),
    ("a bag before the first rate", (bag(31), row(1600, 30)), ("yes", 1600), [30]),
    ("an open row without a rate", (row(1600, 30, 20), row(None, 12)), ("yes", None), None),
    # two rates at one moment
    (
        "two rates at one moment",
        (row(1600, 10, name="a"), row(1800, 10, name="b")),
        ("yes", None),
        [10],
    ),
    (
        "two rates at one moment, at moments",
        (row(1600, 10, point=True), row(1800, 10, point=True)),
        ("yes", None),
        [10],
    ),
    ("the next rate tells", (row(1600, 10), row(1800, 10), row(1700, 5)), ("yes", 1700), [10, 5]),
    ("within a twentieth they are one", (row(1600, 10), row(1680, 10)), ("yes", 1680), [10]),
    ("a little more", (row(1600, 10), row(1680.5, 10)), ("yes", None), [10]),
    # what cannot be read
    (
        "a rate that cannot be read",
        (row(1600, 30), row(None, 20, problem=Problem.UNIT)),
        ("yes", None),
        [30, 20],
    ),
    (
        "and the next that can",
        (row(None, 30, problem=Problem.UNIT), row(1600, 20)),
        ("yes", 1600),
        [30, 20],
    ),
    ("an end that cannot be read", (row(1600, 30, unread_end=True),), (UNKNOWN, None), None),
    ("and a further row", (row(1600, 30, unread_end=True), row(1600, 20)), ("yes", 1600), None),
)
def test_what_runs_by_the_rows(rows: Any, expected: Any, changes: Any) -> None:
    for facts in (rows, rows[::-1]):
        found = infusion(*facts)
        assert now(found) == expected
        if changes is not None:
            assert hours_of(found) == changes


@spec(
    "rows, units",
    ("a pump's bolus, by rate and time", (row(1600, 30), row(30_000, 3, 3 - TEN_MINUTES)), 5000),
    (
        "a pump's bolus, by its dose",
        (row(1600, 30), with_dose(row(30_000, 3, 3 - TEN_MINUTES), 4800)),
        4800,
    ),
    ("a push", (row(1600, 30), given("heparin", 3, 5000)), 5000),
    ("a push at a rate", (row(1600, 30), pushed(row(6000, 3, 2.5))), 3000),
    ("a new bag", (row(1600, 30), with_dose(bag(3), 25_000)), 0),
    (
        "the content of a bag, whatever it is called",
        (row(1600, 30), given("heparin", 3, 10_000)),
        0,
    ),
    ("a little less is a bolus", (row(1600, 30), given("heparin", 3, 9999)), 9999),
    (
        "a dose under an infusion order",
        (row(1600, 30), ordered("a"), under(A, given("heparin", 3, 1600))),
        0,
    ),
    (
        "called a bolus there",
        (row(1600, 30), ordered("a"), under(A, pushed(given("heparin", 3, 1600)))),
        1600,
    ),
    (
        "a dose under an order of doses",
        (row(1600, 30), order("heparin", dose=5000, name="a"), under(A, given("heparin", 3, 5000))),
        5000,
    ),
)
def test_what_is_a_bolus(rows: Any, units: float) -> None:
    found = infusion(*rows)
    assert found.bolus_units == pytest.approx(units)
    assert now(found) == ("yes", 1600)
    assert hours_of(found) == [30]


# --- orders ----------------------------------------------------------------------------------

PURGE = {"site": "impella"}


@spec(
    "facts, expected, parts",
    (
        "two orders, both standing, both charted",
        (ordered("a"), ordered("b"), row(1800, 30, request=A), row(500, 10, request=B)),
        ("yes", 2300),
        ["", ""],
    ),
    (
        "a purge by its own words",
        (row(1800, 30), row(300, 10, **PURGE)),
        ("yes", 2100),
        ["", "impella"],
    ),
    (
        "a purge by its order's words",
        (ordered("b", 300, **PURGE), row(1800, 30), row(300, 10, request=B)),
        ("yes", 2100),
        ["", "impella"],
    ),
    (
        "a purge that is ordered and not charted",
        (ordered("b", 300, **PURGE), row(1800, 30)),
        ("yes", 2100),
        ["", "impella"],
    ),
    (
        "a purge at an unknown rate",
        (ordered("b", None, **PURGE), row(1800, 30)),
        ("yes", None),
        ["", "impella"],
    ),
    (
        "a purge that was stopped",
        (row(1800, 30), row(300, 10, **PURGE), row(0, 5, halted=True, **PURGE)),
        ("yes", 1800),
        ["", "impella"],
    ),
    (
        "a new order for the old one: one infusion",
        (
            ordered("a", status="stopped"),
            ordered("b"),
            row(1800, 30, request=A),
            row(1600, 10, request=B),
        ),
        ("yes", 1600),
        [""],
    ),
    (
        "an order that is not on record any more",
        (ordered("b"), row(1800, 30, request=A), row(1600, 10, request=B)),
        ("yes", 1600),
        [""],
    ),
    (
        "orders that could not be read: replaced or added, nobody knows",
        (failed("orders"), row(1800, 30, request=A), row(500, 10, request=B)),
        ("yes", None),
        [""],
    ),
    (
        "the older order stands, the newer has ended",
        (
            ordered("a"),
            ordered("b", status="stopped"),
            row(1800, 30, request=A),
            row(500, 10, request=B),
        ),
        ("yes", None),
        [""],
    ),
    (
        "a row without an order beside one with an order that stands",
        (ordered("a"), row(1800, 30, request=A), row(500, 10)),
        ("yes", None),
        [""],
    ),
    (
        "the same rate is no doubt",
        (ordered("a"), row(1800, 30, request=A), row(1800, 10)),
        ("yes", 1800),
        [""],
    ),
    (
        "a row of its own order clears the doubt, once the other is over",
        (ordered("a"), row(1800, 30, request=A), row(500, 10, 8), row(1700, 5, request=A)),
        ("yes", 1700),
        [""],
    ),
    (
        "a row beside two orders, of neither",
        (
            *(ordered("a"), ordered("b")),
            *(row(1800, 30, request=A), row(500, 20, request=B), row(300, 10)),
        ),
        ("yes", None),
        ["", "", ""],
    ),
    (
        "rates under no order beside rows of two orders that only say it runs: one drip",
        (
            *(ordered("a"), ordered("b")),
            *(row(None, 30, request=A), row(None, 20, request=B), row(700, 10)),
        ),
        ("yes", 700),
        [""],
    ),
    (
        "where one of these names a rate it cannot be told",
        (
            *(ordered("a"), ordered("b")),
            *(row(1800, 30, request=A), row(None, 20, request=B), row(700, 10)),
        ),
        ("yes", None),
        ["", "", ""],
    ),
    (
        "an ended order beside two that stand is over where they begin",
        (
            *(ordered("a"), ordered("b"), ordered("c", status="completed")),
            row(900, 40, request="MedicationRequest/c"),
            *(row(1800, 30, request=A), row(500, 20, request=B)),
        ),
        ("yes", 2300),
        ["", "", ""],
    ),
    (
        "another bag is the same infusion",
        (row(1800, 30), row(1600, 10, name="other-brand")),
        ("yes", 1600),
        [""],
    ),
)
def test_infusions_side_by_side_and_one_after_the_other(
    facts: Any, expected: Any, parts: list[str]
) -> None:
    for given_so in (facts, facts[::-1]):
        found = infusion(*given_so)
        assert now(found) == expected
        assert sorted(line.site for line in found.lines) == sorted(parts)


@spec(
    "facts, expected",
    (
        "its order was stopped, the last row is open",
        (ordered("a", status="stopped"), row(1600, 30, request=A)),
        UNKNOWN,
    ),
    ("cancelled", (ordered("a", status="cancelled"), row(1600, 30, request=A)), UNKNOWN),
    ("completed", (ordered("a", status="completed"), row(1600, 30, request=A)), UNKNOWN),
    ("on hold", (ordered("a", status="on-hold"), row(1600, 30, request=A)), UNKNOWN),
    ("past its end", (ordered("a", ends=ago(1)), row(1600, 30, request=A)), UNKNOWN),
    ("before its end", (ordered("a", ends=ago(-1)), row(1600, 30, request=A)), "yes"),
    ("at its end", (ordered("a", ends=NOW), row(1600, 30, request=A)), UNKNOWN),
    ("it stands", (ordered("a"), row(1600, 30, request=A)), "yes"),
    (
        "another infusion order stands",
        (ordered("a", status="stopped"), ordered("b"), row(1600, 30, request=A)),
        "yes",
    ),
    (
        "an infusion order elsewhere stands",
        (ordered("a", status="stopped"), ordered("b", **PURGE), row(1600, 30, request=A)),
        "yes",  # the purge runs by its order
    ),
    ("its order is not on record", (row(1600, 30, request=A),), "yes"),
    (
        "a closed row of an ended order",
        (ordered("a", status="completed"), row(1600, 30, 1, request=A)),
        "yes",
    ),
    (
        "it has ended, and so has the row",
        (ordered("a", status="completed"), row(1600, 30, 3, request=A)),
        "no",
    ),
)
def test_an_open_row_that_is_outlived_by_its_order(facts: Any, expected: str) -> None:
    assert infusion(*facts).running.truth.value == expected


def test_where_one_infusion_may_still_run_the_dose_is_unknown() -> None:
    facts = (ordered("a", status="stopped"), ordered("b", **PURGE), row(1600, 30, request=A))
    found = measured(*facts)
    assert found.infusion.rate is None
    assert why(found.dose.known.reasons) == {"heparinRunning: orderEnded"}


def test_an_open_row_of_an_ended_order_ends_with_it_where_another_follows() -> None:
    old = ordered("a", status="completed", ends=ago(20))
    facts = (old, ordered("b"), row(1800, 30, request=A), row(1600, 10, request=B))
    found = infusion(*facts)
    assert hours_of(found) == [30, 10]
    assert found.rate_at(ago(21)) == 1800
    assert found.rate_at(ago(15)) == 0
    assert found.since == ago(10)


@spec(
    "facts, expected, reasons",
    (
        "orders that a site word tells apart",
        (ordered("a", 1800), ordered("b", 300, **PURGE)),
        ("yes", 2100),
        set(),
    ),
    (
        "orders that none tells apart",
        (ordered("a", 1800), ordered("b", 300)),
        ("yes", None),
        {"heparinDose: severalOrders"},
    ),
    (
        "two of them at one site",
        (ordered("a", 1800), ordered("b", 300, **PURGE), ordered("c", 400, **PURGE)),
        ("yes", None),
        {"heparinDose: severalOrders"},
    ),
    ("one still to begin", (ordered("a", begins=ago(-1)),), ("no", None), set()),
    ("one past its end", (ordered("a", ends=ago(1)),), ("no", None), set()),
    (
        "one of eight days that began today",
        (ordered("a", hours=192, begins=ago(3)),),
        ("yes", 1600),
        set(),
    ),
    (
        "one that began eight days ago",
        (ordered("a", hours=200, begins=ago(192)),),
        (UNKNOWN, None),
        {"heparinRunning: oldOrder"},
    ),
    (
        "new bags under an order",
        (ordered("a"), bag(10), given("heparin", 5, 25_000)),
        ("yes", 1600),
        set(),
    ),
)
def test_by_orders_alone(facts: Any, expected: Any, reasons: set[str]) -> None:
    found = infusion(*facts)
    assert now(found) == expected
    assert why(found.reasons) == reasons
    assert found.by_order or expected[0] == "no"


def test_an_order_runs_since_it_began() -> None:
    found = infusion(ordered("a", hours=20, begins=ago(1)))
    assert (hours_of(found), found.since) == ([1], ago(1))


# --- amounts over time -------------------------------------------------------------------------


def hourly(*units: float, unit: str = "[IU]", minutes: float = 60, last: float = 1) -> list[Any]:
    """Doses charted one an hour, the last of them so many hours ago."""
    first = last + (len(units) - 1) * minutes / 60
    return [
        given("heparin", first - place * minutes / 60, dose, unit=unit)
        for place, dose in enumerate(units)
    ]


@spec(
    "rows, expected, boluses",
    ("one an hour", hourly(*[1600] * 12), ("yes", 1600), 0),
    ("three of them suffice", hourly(1600, 1600, 1600), ("yes", 1600), 0),
    ("two may be boluses", hourly(1600, 1600), ("no", None), 3200),
    ("charted early", hourly(*[1200] * 12, minutes=45), ("yes", 1600), 0),
    ("more often: boluses", hourly(*[1000] * 3, minutes=44.7), ("no", None), 3000),
    ("charted late", hourly(*[2000] * 12, minutes=75), ("yes", 1600), 0),
    ("less often: boluses", hourly(*[1000] * 3, minutes=75.5), ("no", None), 3000),
    ("called boluses", [pushed(one) for one in hourly(*[1600] * 4)], ("no", None), 6400),
    ("up and down by rounding", hourly(1600, 1800, 1500, 1700, 1500, 1700), ("yes", 1600), 0),
    ("the last of them three hours ago", hourly(*[1600] * 6, last=3), ("no", None), 0),
    (
        "doses over Periods",
        [
            over_time(1600, 5, 4),
            over_time(1800, 4, 3),
            over_time(1500, 3, 2),
            over_time(1500, 2, 1),
        ],
        ("yes", 1600),
        0,
    ),
    (
        "a dose over a long Period is its own mean",
        [over_time(16_000, 15, 5), over_time(9000, 5, 0)],
        ("yes", 1800),
        0,
    ),
    (
        "Periods apart do not count together",
        [over_time(2000, 4, 3), over_time(1600, 2, 1)],
        ("yes", 1600),
        0,
    ),
    (
        "four hours count",
        [over_time(3000, 5, 4), *(over_time(1600, h, h - 1) for h in (4, 3, 2, 1))],
        ("yes", 1600),
        0,
    ),
    (
        "and a part of what reaches into them",
        [over_time(6000, 6, 3), over_time(1600, 3, 2), over_time(1200, 2, 0.8)],
        ("yes", 1600),
        0,
    ),
)
def test_amounts_over_time_are_stretches_with_a_mean_rate(
    rows: Any, expected: Any, boluses: float
) -> None:
    found = infusion(*rows)
    assert found.running.truth.value == expected[0]
    assert found.rate == (expected[1] and pytest.approx(expected[1]))
    assert found.bolus_units == boluses


def test_hourly_amounts_at_one_rate_are_steady() -> None:
    found = infusion(*hourly(1600, 1700, 1500, 1600, 1700, 1500, 1600, 1600, last=0.5))
    assert hours_of(found) == [8.5]


# --- rates that can be true --------------------------------------------------------------------


def of_strength(per_ml: float, rate: float = 1600) -> Administration:
    """A rate that was charted in mL/h."""
    one = row(rate, 30)
    return replace(one, dosage=replace(one.dosage, rate=Amount(rate, "[IU]/h", False, per_ml)))


@spec(
    "facts, rate, reason",
    ("a bag's strength", (of_strength(1000),), 1600, ""),
    ("a vial's strength", (of_strength(1001),), None, "vialStrength"),
    ("10,000 U/h without a weight", (row(10_000, 30),), 10_000, ""),
    ("a little more", (row(10_001, 30),), None, "implausible"),
    ("1e9 U/h", (row(1e9, 30), weight(80)), None, "implausible"),
    ("100 U/kg/h in U/h", (row(8000, 30), weight(80)), 8000, ""),
    ("a little more", (row(8001, 30), weight(80)), None, "implausible"),
    ("10,001 U/h at 120 kg", (row(10_001, 30), weight(120)), 10_001, ""),
    ("100 U/kg/h", (row(100, 30, unit="[IU]/kg/h"), weight(80)), 8000, ""),
    ("a little more", (row(100.1, 30, unit="[IU]/kg/h"), weight(80)), None, "implausible"),
    ("the same without a weight", (row(100.1, 30, unit="[IU]/kg/h"),), None, "implausible"),
    ("by order", (ordered("a", 10_001),), None, "implausible"),
    ("once, long ago", (row(1e6, 30), row(1600, 20)), 1600, ""),
)
def test_rates_that_cannot_be_true_leave_the_dose_unknown(
    facts: Any, rate: float | None, reason: str
) -> None:
    found = judge_chart(*facts, hook="patient-view")
    assert now(found.measured.infusion) == ("yes", rate)
    assert answer(found, "very_high") == ("unknown" if rate is None else answer(found, "very_high"))
    assert why(found.measured.infusion.reasons) == ({f"heparinDose: {reason}"} if reason else set())
    assert ("notAssessed" in {item.topic for item in found.items}) == bool(reason)


def test_a_bolus_from_the_pump_is_not_judged_by_its_rate() -> None:
    found = infusion(row(1600, 30), row(60_000, 3, 3 - 5 * MINUTE), weight(80))
    assert now(found) == ("yes", 1600)
    assert found.reasons == ()


def test_pieces_by_weight_are_one_rate_also_without_a_weight() -> None:
    rows = [row(20, h, h - 10, unit="[IU]/kg/h") for h in (30, 20, 10)]
    assert hours_of(infusion(*rows)) == [30]
    assert hours_of(infusion(*rows, row(22, 0.5, unit="[IU]/kg/h"))) == [30, 0.5]


# --- times that are not exact ------------------------------------------------------------------


def day(first: float, last: float) -> Stretch:
    """Some moment between two."""
    return Stretch.between(ago(first), ago(last), "dateOnly", "some day")


@spec(
    "rows, expected",
    ("a day of its own", (row(1600, 72), row(1800, 30, start=day(30, 20))), ("yes", 1800)),
    (
        "a day on which another row begins",
        (row(1600, 25), row(1800, 30, start=day(30, 20))),
        ("yes", None),
    ),
    (
        "and the next row tells",
        (row(1600, 25), row(1800, 30, start=day(30, 20)), row(1700, 5)),
        ("yes", 1700),
    ),
    (
        "at the same rate their order does not matter",
        (row(1600, 25), row(1600, 30, start=day(30, 20))),
        ("yes", 1600),
    ),
    (
        "a stop on a day on which another row begins",
        (row(1600, 25), row(0, 30, halted=True, start=day(30, 20))),
        (UNKNOWN, None),
    ),
    ("an end on some moment of today", (row(1600, 30, 12, end=day(12, -12)),), (UNKNOWN, None)),
    ("an end on a day that is over", (row(1600, 60, 36, end=day(36, 12)),), ("no", None)),
    ("a rate at no time", (row(1600, 30), row(1800, 20, start=None)), ("yes", None)),
    ("nothing but a rate at no time", (row(1800, 20, start=None),), (UNKNOWN, None)),
    ("a rate dated ahead", (row(1600, 30), row(1800, -1)), ("yes", None)),
)
def test_rows_whose_times_are_not_exact(rows: Any, expected: Any) -> None:
    assert now(infusion(*rows)) == expected


# --- questions about the past --------------------------------------------------------------------

COURSE = (
    row(1500, 40, 30),
    row(1600, 30, 20),
    row(0, 20, halted=True),
    row(1600, 18, 10),
    row(2000, 9, 5),
    row(None, 5, 3, problem=Problem.UNIT),
    row(2000, 3),
    given("heparin", 16, 5000),
)


@spec(
    "hours, rate, since",
    ("before it began", 41, 0, None),
    ("at its start", 40, 1500, 40),
    ("after a small step", 29, 1600, 40),
    ("in a hold", 19, 0, None),
    ("after the restart", 17, 1600, 18),
    ("in the change of a bag", 9.5, 1600, 18),
    ("after a raise", 8, 2000, 9),
    ("where the rate cannot be read", 4, None, 5),
    ("after that", 2, 2000, 3),
)
def test_what_ran_at_a_moment_and_since_when(
    hours: float, rate: float | None, since: float | None
) -> None:
    found = infusion(*COURSE)
    assert found.rate_at(ago(hours)) == rate
    assert found.steady_since(ago(hours)) == (None if since is None else ago(since))


UNREAD = row(None, 5, 3, problem=Problem.UNIT)
FAST = row(1e9, 5, 3)


@spec(
    "rows, why",
    ("the same rate around it", (row(2000, 30, 5), UNREAD, row(2000, 3)), "unit"),
    ("the same around what nobody runs", (row(2000, 30, 5), FAST, row(2000, 3)), "implausible"),
    ("another rate after it", (row(2000, 30, 5), UNREAD, row(1600, 3)), "tooEarly"),
    ("a small step after it", (row(2000, 30, 5), UNREAD, row(2100, 3)), "unit"),
    ("a hold after it", (row(2000, 30, 5), UNREAD, row(0, 3, 2.5), row(2000, 2.5)), "tooEarly"),
    ("the start before it", (row(2000, 5.4, 5), UNREAD, row(2000, 3)), "tooEarly"),
    ("it came first", (UNREAD, row(2000, 3)), "tooEarly"),
    ("it runs still", (row(2000, 30, 5), row(None, 5, problem=Problem.UNIT)), "unit"),
    ("an end unread", (row(2000, 30, 5), row(2000, 5, unread_end=True), row(2000, 3)), "endUnread"),
    ("nothing ran any more", (row(2000, 30, 5), UNREAD), "notRunning"),
    ("it was over before", (row(2000, 30, 9), row(None, 9, 8), row(2000, 8)), ""),
)
def test_a_row_that_is_not_read_is_no_change_and_no_standstill(
    rows: tuple[Administration, ...], why: str
) -> None:
    found = infusion(*rows).steady_for(ago(0.5), 5 * HOUR, "anti_xa")
    assert (found.yes, [reason.why for reason in found.reasons]) == (not why, [why] if why else [])


@spec(
    "rows, span, why",
    ("long enough after it", (UNREAD, row(2000, 3)), 3, ""),
    ("since before a row without a rate", (row(2000, 9, 5), UNREAD, row(2000, 3)), 6, ""),
    ("a stop", (row(2000, 9, 5), row(0, 5, 4), row(2000, 4)), 6, "tooShort"),
    ("an end unread", (row(2000, 9), row(1500, 5, unread_end=True), row(2000, 3)), 6, "endUnread"),
    ("too short in any case", (row(2000, 5, unread_end=True), row(2000, 3)), 6, "tooShort"),
)
def test_how_long_it_has_run_is_open_where_it_may_have_stood_still(
    rows: tuple[Administration, ...], span: float, why: str
) -> None:
    found = infusion(*rows).running_for(span * HOUR, "heparinDose")
    assert (found.yes, [reason.why for reason in found.reasons]) == (not why, [why] if why else [])


def test_a_smaller_step_counts_where_it_is_asked_for() -> None:
    found = infusion(*COURSE)
    assert found.steady_since(ago(29), percent=5) == ago(30)
    assert found.steady_since(ago(8), percent=30) == ago(18)


@spec(
    "hours, span, expected",
    ("nothing", 25, 6, "no"),
    ("a start", 38, 6, "yes"),
    ("a start before", 34, 6, "no"),
    ("a hold", 17, 3, "yes"),
    ("a bolus", 12, 4, "yes"),
    ("a bolus before", 11, 4, "no"),
    ("the change of a bag is no pause", 8, 2, "no"),
    ("a rate that cannot be read is no pause", 2, 4, "no"),
)
def test_a_bolus_or_a_pause_before_a_moment(hours: float, span: float, expected: str) -> None:
    found = infusion(*COURSE).bolus_or_pause_within(ago(hours), span * HOUR)
    assert found.truth.value == expected


def test_a_pause_is_unknown_where_it_is_not_known_whether_anything_ran() -> None:
    found = infusion(row(1600, 30), row(1800, 20, 10), row(1600, 5))
    assert found.bolus_or_pause_within(ago(4), 6 * HOUR).unknown
    assert found.bolus_or_pause_within(ago(4), 1 * HOUR).no
    assert found.rate_at(ago(7)) is None
    assert found.steady_since(ago(7)) is None


@spec(
    "hours, expected",
    ("raised since", 15, "yes"),
    ("a rate that cannot be read since", 8, "unknown"),
    ("not raised since", 2, "no"),
    ("at an unknown rate", 4, "unknown"),
    ("from a standstill", 19, "yes"),
)
def test_whether_the_rate_was_raised_since(hours: float, expected: str) -> None:
    assert infusion(*COURSE).raised_since(ago(hours)).truth.value == expected


def test_a_tenth_is_a_raise_and_a_little_less_is_none() -> None:
    assert infusion(row(1500, 30), row(1650, 10)).raised_since(ago(20)).yes
    assert infusion(row(1500, 30), row(1649, 10)).raised_since(ago(20)).no
    assert infusion(row(1500, 30), row(1649, 10)).raised_since(ago(20), percent=5).yes


def test_a_day_as_a_start_leaves_open_what_ran_on_it() -> None:
    found = infusion(row(1500, 72), row(1800, 30, start=day(30, 20)))
    assert found.rate_at(ago(31)) == 1500
    assert found.rate_at(ago(25)) is None
    assert found.rate_at(ago(20)) == 1800


def test_administrations_that_came_in_part_leave_the_dose_unknown() -> None:
    m = measured(failed("administrations", state=QueryState.PARTIAL), row(1600, 30))
    assert m.dose.known.unknown
