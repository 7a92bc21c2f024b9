"""Until when a charted drug ran: one reading, whoever asks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cds_service.assessment.measure.doses_given import spans, unplaced
from cds_service.chart.facts import Administration, Form
from tests.builders import (
    MINUTE,
    ago,
    case,
    failing,
    given,
    lab,
    measured,
    order,
    spec,
    why,
)


def infused(hours_ago: float, until: float | None = None, *, point: bool = False) -> Administration:
    return given(
        "bivalirudin", hours_ago, rate=0.15, rate_unit="mg/kg/h", until=until, point=point,
        form=Form.INFUSION,
    )  # fmt: skip


BOLUS = given("bivalirudin", 200, 60, point=False)
STOP = replace(infused(100, point=True), dosage=given("bivalirudin", 1, rate=0.0).dosage)


@spec(
    "facts, until",
    ("a bolus whose record has an open end", (BOLUS,), 200),
    ("a bolus with an end", (given("bivalirudin", 200, 60, until=199, point=False),), 199),
    ("a dose at a moment", (given("bivalirudin", 200, 60),), 200),
    ("an infusion that ended", (infused(200, 150),), 150),
    ("an open infusion", (infused(200),), 0),
    ("a rate at a moment", (infused(70, point=True),), 0),
    ("an old rate at a moment", (infused(80, point=True),), 80),
    ("the same while an order stands", (infused(80, point=True), order("bivalirudin")), 0),
    ("the same under a stopped order",
     (infused(80, point=True), order("bivalirudin", status="stopped")), 80),
    ("rate zero", (STOP,), 100),
)  # fmt: skip
def test_until_when_a_drug_ran(facts, until):
    (span,) = spans(case(*facts), "dti")
    assert span[2] == ago(until)


def test_an_open_infusion_runs_until_the_next_row_of_its_drug():
    rows = spans(case(infused(200), STOP, given("argatroban", 150)), "dti")
    assert [(start, until) for _, start, until in rows] == [
        (ago(100), ago(100)),
        (ago(150), ago(150)),
        (ago(200), ago(100)),
    ]


@pytest.mark.parametrize("hours", [-1, -6 * MINUTE, None])
def test_what_was_given_at_no_known_time_is_kept_apart(hours):
    row = given("bivalirudin", 1)
    row = replace(row, start=None if hours is None else ago(hours))
    one = case(row)
    assert unplaced(one, "dti") == (row,)
    assert list(spans(one, "dti")) == []
    assert unplaced(case(replace(row, given=False)), "dti") == ()


@spec(
    "facts, disturbed",
    ("a bolus 200 h ago, its record open", (BOLUS,), False),
    ("a bolus 2 h ago, its record open", (given("bivalirudin", 2, 60, point=False),), True),
    ("a bolus at an unknown time", (replace(BOLUS, start=None),), True),
    ("a bolus dated ahead", (replace(BOLUS, start=ago(-3)),), True),
    ("an infusion that may still run", (infused(200),), True),
)
def test_a_thrombin_inhibitor_disturbs_the_aptt_while_it_acts(facts, disturbed):
    aptt = measured(failing(lab("aptt", 50, 1), *facts)).levels.aptt
    assert why(aptt.usable.reasons) == ({"aptt: dti"} if disturbed else set())


@spec(
    "facts, reason",
    ("a bolus 200 h ago, its record open", (BOLUS,), set()),
    ("a bolus 20 h before", (given("bivalirudin", 22, 60, point=False),), {"afterDti"}),
    ("a bolus at an unknown time", (replace(BOLUS, start=None),), {"afterDti"}),
)
def test_an_antithrombin_level_after_a_thrombin_inhibitor(facts, reason):
    found = measured(failing(lab("antithrombin", 55, 2), *facts)).antithrombin
    assert {r.why for r in found.known.reasons} == reason
