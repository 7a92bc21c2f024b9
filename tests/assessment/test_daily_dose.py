"""The heparin infusion over time and the daily dose (clinical logic 2, "Heparin dose")."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cds_service.assessment.measure.infusion import Segment
from cds_service.assessment.measure.infusion_reader import longest_total
from cds_service.chart.facts import Amount, Form, Problem, Route, Use
from cds_service.chart.query_result import QueryState
from tests.builders import (
    MINUTE,
    NOW,
    ago,
    answer,
    draft,
    failed,
    given,
    heparin,
    judge_chart,
    measured,
    order,
    raised,
    spec,
    weight,
    why,
)

DAY_DOSE = 38_400.0  # 1,600 U/h


def dose_of(*facts):
    return measured(*facts).dose


def ordered_within(rate, begins, ends):
    """An order that states from when until when it runs."""
    one = order("heparin", rate=rate, name="a")
    return replace(one, begins=ago(begins), ends=ago(ends))


@spec(
    "facts, units, how",
    ("an open segment since two days", (heparin(1600, 48),), DAY_DOSE, "presentRate"),
    ("the present rate, however short", (heparin(1600, MINUTE),), DAY_DOSE, "presentRate"),
    (
        "the present rate, whatever ran before",
        (heparin(2400, 24, 1), heparin(1600, 1)),
        DAY_DOSE,
        "presentRate",
    ),
    (
        "a segment that has just ended: a bag change",
        (heparin(1600, 20, 2),),
        DAY_DOSE,
        "presentRate",
    ),
    (
        "after a hold the rate of the restart",
        (heparin(1600, 24, 12), heparin(None, 12, 8, halted=True), heparin(1500, 8)),
        36_000,
        "presentRate",
    ),
    (
        "without administrations the order's rate",
        (order("heparin", rate=1600),),
        DAY_DOSE,
        "byOrder",
    ),
    (
        "an order of seven days still serves",
        (order("heparin", rate=1600, hours_ago=168),),
        DAY_DOSE,
        "byOrder",
    ),
    (
        "administrations older than three days leave it to the order",
        (heparin(900, 100, 72 + MINUTE), order("heparin", rate=1600, hours_ago=60)),
        DAY_DOSE,
        "byOrder",
    ),
    (
        "a stop older than three days leaves it to a newer order",
        (heparin(900, 100, 72 + MINUTE, halted=True), order("heparin", rate=1600, hours_ago=60)),
        DAY_DOSE,
        "byOrder",
    ),
    (
        "U/kg/h with a weight",
        (heparin(20, 48, unit="[IU]/kg/h"), weight(80)),
        DAY_DOSE,
        "presentRate",
    ),
    (
        "point-in-time rates hold until the next",
        (heparin(1200, 24, point=True), heparin(1600, 12, point=True)),
        DAY_DOSE,
        "presentRate",
    ),
    (
        "of open segments the newer ends the older",
        (heparin(1800, 30), heparin(1700, 20), heparin(1600, 10)),
        DAY_DOSE,
        "presentRate",
    ),
)
def test_the_daily_dose(facts, units, how):
    dose = dose_of(*facts)
    assert dose.known.yes, why(dose.known.reasons)
    assert dose.units == pytest.approx(units)
    assert dose.evidence.how == how


@spec(
    "facts, units, hours",
    ("all of a day", (heparin(1600, 48),), 38_400, 24),
    ("the last 24 hours alone", (heparin(1000, 48, 12), heparin(1500, 12)), 30_000, 24),
    ("what is charted of it", (heparin(1600, 20, 12), heparin(1600, 8)), 25_600, 16),
    (
        "a hold is charted, and nothing ran",
        (heparin(1600, 20, 12, halted=True), heparin(1600, 8)),
        25_600,
        20,
    ),
    (
        "a rate that cannot be read tells nothing",
        (heparin(None, 20, problem=Problem.UNIT), heparin(1600, 8)),
        12_800,
        8,
    ),
)
def test_the_documented_total_is_shown_and_decides_nothing(facts, units, hours):
    dose = dose_of(*facts)
    assert dose.documented.value == pytest.approx(units)
    assert dose.documented.hours == pytest.approx(hours)
    assert dose.units == dose.evidence.value == facts[-1].dosage.rate.value * 24


@spec("facts", ("an order alone", (order("heparin", rate=1600),)), ("nothing", ()))
def test_without_charting_there_is_no_documented_total(facts):
    assert dose_of(*facts).documented is None


@spec(
    "facts, reason",
    ("nothing at all", (), "heparinDose: notRunning"),
    (
        "U/kg/h without a weight",
        (heparin(20, 48, unit="[IU]/kg/h"),),
        "heparinDose: noWeight",
    ),
    (
        "a dose that stands only in free text",
        (heparin(None, 48, problem=Problem.TEXT_ONLY),),
        "heparinDose: textOnly",
    ),
    (
        "mL/h of an unknown solution",
        (heparin(None, 48, problem=Problem.NO_CONCENTRATION),),
        "heparinDose: noConcentration",
    ),
    ("a unit we do not know", (heparin(5, 48, unit="mg/h"),), "heparinDose: unit"),
    ("an order without a rate", (order("heparin", form=Form.INFUSION),), "heparinDose: noRate"),
    (
        "an order a minute older than seven days",
        (order("heparin", rate=1600, hours_ago=168 + MINUTE),),
        "heparinRunning: oldOrder",
    ),
    (
        "an order without a date",
        (order("heparin", rate=1600, hours_ago=None),),
        "heparinRunning: oldOrder",
    ),
    (
        "administrations that failed",
        (failed("administrations"), order("heparin", rate=1600)),
        "heparinDose: failed",
    ),
    (
        "administrations that are partial",
        (failed("administrations", state=QueryState.PARTIAL), heparin(1600, 20)),
        "heparinDose: partial",
    ),
    (
        "an open segment of more than 72 hours without an order",
        (heparin(1600, 72 + MINUTE),),
        "heparinRunning: uncharted",
    ),
)
def test_a_dose_that_is_unknown_says_why(facts, reason):
    dose = dose_of(*facts)
    assert dose.known.unknown
    assert reason in why(dose.known.reasons)


@spec(
    "facts, running",
    ("an open segment", (heparin(1600, 48),), "yes"),
    ("a segment that ended two hours ago: a bag change", (heparin(1600, 48, 2),), "yes"),
    ("a segment that ended a minute earlier", (heparin(1600, 48, 2 + MINUTE),), "no"),
    ("an open segment of exactly 72 hours", (heparin(1600, 72),), "yes"),
    ("an open segment of over 72 hours", (heparin(1600, 72 + MINUTE),), "unknown"),
    (
        "the same with a standing infusion order",
        (heparin(1600, 72 + MINUTE), order("heparin", rate=1600, hours_ago=80)),
        "yes",
    ),
    (
        "the same with an order that was stopped",
        (heparin(1600, 72 + MINUTE), order("heparin", rate=1600, status="stopped")),
        "unknown",
    ),
    (
        "the same with newer heparin charting",
        (heparin(1600, 72 + MINUTE), given("heparin", 20, 2000)),
        "yes",
    ),
    (
        "the same with a newer flush only",
        (heparin(1600, 72 + MINUTE), given("heparin", 20, 20, use=Use.NO_THERAPY)),
        "unknown",
    ),
    ("a rate of zero", (heparin(1600, 48, 3), heparin(0, 3)), "no"),
    ("a rate of zero by weight, weight unknown", (heparin(0, 3, unit="[IU]/kg/h"),), "no"),
    ("a recorded stop", (heparin(1600, 48), heparin(None, 1, halted=True)), "no"),
    (
        "a stop that ends its own segment",
        (heparin(1600, 48, 1, halted=True),),
        "no",
    ),
    ("not given is not given", (heparin(1600, 48, given=False),), "no"),
    ("given or not is not said", (heparin(1600, 48, given=None),), "yes"),
    ("a flush", (heparin(1600, 48, use=Use.NO_THERAPY),), "no"),
    ("200 U/h is an infusion", (heparin(200, 48),), "yes"),
    ("199 U/h keeps a line open", (heparin(199, 48),), "no"),
    (
        "a rate by weight is therapy however low",
        (heparin(2, 48, unit="[IU]/kg/h"), weight(80)),
        "yes",
    ),
    ("subcutaneous", (heparin(1600, 48, route=Route.SUBCUTANEOUS),), "no"),
    ("a start in the future", (heparin(1600, -1),), "unknown"),
    ("a start within the skew of clocks", (heparin(1600, -5 * MINUTE),), "yes"),
    ("a start beyond the skew of clocks", (heparin(1600, -5.04 * MINUTE),), "unknown"),
    ("an order alone", (order("heparin", rate=1600),), "yes"),
    ("an order of 199 U/h", (order("heparin", rate=199),), "no"),
    ("an order of 200 U/h", (order("heparin", rate=200),), "yes"),
    ("an intravenous order without a rate", (order("heparin", form=Form.UNKNOWN),), "yes"),
    (
        "a subcutaneous order",
        (order("heparin", dose=5000, route=Route.SUBCUTANEOUS),),
        "no",
    ),
    ("a plan is no order", (order("heparin", rate=1600, intent="plan"),), "no"),
    ("a completed order", (order("heparin", rate=1600, status="completed"),), "no"),
    (
        "a thrombin inhibitor that runs",
        (
            heparin(1600, 48),
            given("argatroban", 5, rate=0.5, form=Form.INFUSION, point=False),
        ),
        "no",
    ),
    (
        "a thrombin inhibitor that ended two hours ago",
        (
            heparin(1600, 48),
            given("argatroban", 9, rate=0.5, form=Form.INFUSION, until=2 + MINUTE),
        ),
        "yes",
    ),
    (
        "a thrombin inhibitor set to zero",
        (heparin(1600, 48), given("argatroban", 9, rate=0.0, form=Form.INFUSION)),
        "yes",
    ),
    (
        "a thrombin inhibitor that was halted",
        (heparin(1600, 48), given("argatroban", 9, form=Form.INFUSION, halted=True)),
        "yes",
    ),
    (
        "an open thrombin inhibitor of three days",
        (
            heparin(1600, 48),
            given("argatroban", 72 + MINUTE, rate=0.5, form=Form.INFUSION, point=False),
        ),
        "yes",
    ),
    (
        "a thrombin inhibitor just ordered, heparin still charted",
        (heparin(1600, 48), order("argatroban", rate=0.5, unit="ug/kg/min")),
        "yes",
    ),
    (
        "a thrombin inhibitor and heparin, both by order",
        (order("heparin", rate=1600), order("bivalirudin", rate=0.1, unit="mg/kg/h")),
        "no",
    ),
    ("medicines that failed", (failed("administrations", "orders"),), "unknown"),
    ("orders that failed, nothing charted", (failed("orders"),), "unknown"),
)
def test_running_now(facts, running):
    assert measured(*facts).infusion.running.truth.value == running


def test_boluses_are_added_up_apart_and_decide_nothing():
    m = measured(
        heparin(1000, 48),
        given("heparin", 23, 5000),
        given("heparin", 2, 60, unit="[IU]/kg"),
        given("heparin", 24, 100),
        given("heparin", 24 + MINUTE, 9999),
        given("heparin", 4, 5000, route=Route.SUBCUTANEOUS),
        weight(80),
    )
    assert m.infusion.bolus_units == pytest.approx(5000 + 60 * 80 + 100)
    assert m.dose.units == pytest.approx(24_000)


@spec(
    "facts",
    ("under a standing order alone", (order("heparin", rate=1000),)),
    ("under an order that is too old", (order("heparin", rate=1000, hours_ago=200),)),
    ("without any infusion", ()),
)
def test_boluses_are_added_up_without_a_charted_infusion_too(facts):
    m = measured(*facts, given("heparin", 2, 60, unit="[IU]/kg"), weight(80))
    assert m.infusion.bolus_units == pytest.approx(60 * 80)


def test_an_order_alone_is_one_open_segment_from_when_it_was_written():
    found = measured(order("heparin", rate=20, unit="[IU]/kg/h", hours_ago=9), weight(80)).infusion
    source, written = "MedicationRequest/heparin", "20 [IU]/kg/h"
    (segment,) = found.segments
    assert (segment.start, segment.end, segment.rate) == (ago(9), None, 1600.0)
    assert (segment.source, segment.written) == (source, written)
    assert (found.changes, found.since, found.rate) == ((ago(9),), ago(9), 1600.0)
    assert (found.source, found.written) == (source, written)


@spec(
    "others",
    ("an older one", (order("heparin", rate=1000, hours_ago=20, name="a"),)),
    ("one of the same moment", (order("heparin", rate=1000, hours_ago=9, name="z"),)),
    ("one at the same rate", (order("heparin", rate=1600, hours_ago=20, name="a"),)),
    ("one older than a week", (order("heparin", rate=1000, hours_ago=200, name="a"),)),
    ("an undated one", (order("heparin", rate=1000, hours_ago=None, name="z"),)),
    ("one without a rate", (order("heparin", form=Form.INFUSION, name="a"),)),
)
def test_of_several_standing_orders_the_dose_is_unknown(others):
    new = order("heparin", rate=1600, hours_ago=9, name="m")
    for facts in ((new, *others), (*others, new)):
        m = measured(*facts)
        assert m.infusion.running.yes
        assert m.infusion.rate is None
        assert why(m.dose.known.reasons) == {"heparinDose: severalOrders"}


@spec(
    "other",
    ("stopped", order("heparin", rate=1000, status="stopped", name="a")),
    ("a bolus", order("heparin", dose=5000, name="a")),
    ("a flush", order("heparin", rate=1000, use=Use.NO_THERAPY, name="a")),
    ("replaced by the newer one", order("heparin", rate=1000, name="old")),
    ("past its end", ordered_within(1000, 48, 1)),
    ("still to begin", ordered_within(1000, -1, -24)),
)
def test_an_order_that_does_not_stand_is_not_counted(other):
    new = replace(order("heparin", rate=1600, hours_ago=9), replaces="MedicationRequest/old")
    assert measured(new, other).infusion.rate == 1600


def test_without_heparin_there_is_no_segment_and_no_change():
    found = measured().infusion
    assert (found.segments, found.changes, found.rate, found.since) == ((), (), None, None)


@spec(
    "rows, hours, most",
    ("one rate", ((1000, 10, 4),), 24, 6000),
    ("the best part of a long run", ((1000, 60, 40), (2000, 40, 30), (500, 30, 0)), 24, 34_000),
    ("a window that begins within a segment", ((1000, 48, 12), (2000, 12, 0)), 24, 36_000),
    ("an open segment counts up to now", ((1000, 6, None),), 24, 6000),
    ("a gap counts as nothing", ((1000, 30, 20), (1000, 10, 0)), 24, 14_000),
    ("a rate that cannot be read counts as nothing", ((None, 30, 20), (1000, 10, 0)), 24, 10_000),
    ("a shorter window", ((1000, 10, 0),), 2, 2000),
    ("nothing", (), 24, 0),
)
def test_the_most_units_in_any_window(rows, hours, most):
    parts = [
        Segment(ago(since), None if until is None else ago(until), rate, "")
        for rate, since, until in rows
    ]
    assert longest_total(parts, NOW, timedelta(hours=hours)) == pytest.approx(most)


def test_a_bolus_by_weight_adds_nothing_while_the_weight_is_unknown():
    m = measured(heparin(1000, 48), given("heparin", 2, 60, unit="[IU]/kg"), given("heparin", 3))
    assert m.infusion.bolus_units == 0


def test_dose_by_weight_is_the_daily_dose_over_24_hours_and_the_weight():
    assert dose_of(heparin(1600, 48), weight(80)).per_kg_h == pytest.approx(20)
    assert dose_of(heparin(1600, 48)).per_kg_h is None


@spec(
    "steps, changes",
    ("a start is a change", ((1600, 30),), (30,)),
    ("a tenth up is a change", ((1500, 30), (1650, 10)), (30, 10)),
    ("a tenth down is a change", ((1500, 30), (1350, 10)), (30, 10)),
    ("a little less than a tenth is none", ((1500, 30), (1649, 10)), (30,)),
    ("a hold and its restart are changes", ((1500, 30), (0, 20), (1500, 10)), (30, 20, 10)),
    ("a hold that is charted twice is one", ((1500, 30), (0, 20), (0, 10)), (30, 20)),
    ("a rate that cannot be read may be a change", ((1500, 30), (None, 10)), (30, 10)),
    ("small steps add up", ((1500, 30), (1600, 20), (1700, 10), (1800, 5)), (30, 10)),
)
def test_changes_of_the_rate(steps, changes):
    rows = [heparin(r, at, problem=None if r is not None else Problem.UNIT) for r, at in steps]
    found = measured(*rows).infusion.changes
    assert [round((measured().case.now - at).total_seconds() / 3600, 3) for at in found] == list(
        changes
    )


@spec(
    "gap, since",
    ("a bag change of two hours goes on", 2, 48),
    ("a longer gap begins a new run", 2 + MINUTE, 10),
)
def test_the_run_goes_on_over_a_bag_change(gap, since):
    m = measured(heparin(1600, 48, 10 + gap), heparin(1600, 10))
    assert (m.case.now - m.infusion.since).total_seconds() / 3600 == pytest.approx(since)
    assert len(m.infusion.changes) == (1 if since == 48 else 2)


@spec(
    "one, drafted",
    ("an infusion in U/h", raised(1800), [1800.0]),
    ("an infusion in U/kg/h", raised(20, unit="[IU]/kg/h"), [1600.0]),
    ("below therapy", raised(199), []),
    ("at therapy", raised(200), [200.0]),
    ("a flush", raised(1800, use=Use.NO_THERAPY), []),
    ("a bolus", draft("heparin", dose=5000), []),
    ("a dose into a vein, once or not", draft("heparin", dose=5000, form=Form.UNKNOWN), []),
    (
        "no route, no dose and no rate: it may become an infusion",
        draft("heparin", form=Form.UNKNOWN, route=Route.UNKNOWN),
        [None],
    ),
    (
        "a route of another kind",
        draft("heparin", form=Form.UNKNOWN, route=Route.OTHER),
        [None],
    ),
    (
        "a dose that cannot be read",
        draft("heparin", form=Form.UNKNOWN, route=Route.UNKNOWN, problem=Problem.UNIT),
        [None],
    ),
    (
        "a dose that can",
        draft("heparin", dose=5000, form=Form.UNKNOWN, route=Route.UNKNOWN),
        [],
    ),
    (
        "under the skin without a dose",
        draft("heparin", form=Form.SINGLE, route=Route.SUBCUTANEOUS),
        [],
    ),
    (
        "a flush without a dose",
        draft("heparin", form=Form.UNKNOWN, route=Route.UNKNOWN, use=Use.NO_THERAPY),
        [],
    ),
    (
        "an order on record that says as little",
        order("heparin", form=Form.UNKNOWN, route=Route.UNKNOWN),
        [],
    ),
    ("a draft that stops an order", raised(1800, status="stopped"), []),
    ("another drug", draft("enoxaparin", dose=80), []),
)
def test_drafted_rates(one, drafted):
    assert [d.rate for d in measured(one, weight(80)).drafted] == drafted


def test_the_highest_drafted_rate_comes_first():
    rows = measured(raised(1500, name="a"), raised(1900, name="b"), raised(1700, name="c")).drafted
    assert [d.rate for d in rows] == [1900, 1700, 1500]


@spec(
    "hours, early",
    ("six hours after protamine", 6, True),
    ("a minute later", 6 + MINUTE, False),
)
def test_after_protamine_it_is_too_early_for_findings_of_heparins_effect(hours, early):
    found = judge_chart(
        heparin(1800, 48), order("heparin", rate=1800), weight(80), given("protamine", hours, 25)
    )
    assert answer(found, "high") == ("unknown" if early else "yes")
    assert answer(found, "resistance_suspected") == ("unknown" if early else "yes")


def test_protamine_does_not_turn_a_no_into_unknown():
    found = judge_chart(heparin(800, 48), weight(80), given("protamine", 1, 25))
    assert answer(found, "high") == "no"


def test_a_large_dose_of_subcutaneous_heparin_has_no_dose_finding():
    found = judge_chart(order("heparin", dose=10_000, per_day=2, route=Route.SUBCUTANEOUS))
    assert answer(found, "high") == "no"
    assert found.measured.dose.known.unknown


def test_an_amount_in_a_unit_that_is_no_dose_adds_no_bolus():
    row = given("heparin", 2, 5, unit="mg")
    assert measured(heparin(1600, 48), row).infusion.bolus_units == 0
    assert row.dosage.dose == Amount(5, "mg")
