"""The target of an infusion: its order's, the site's, or the default (logic 2.5)."""

from dataclasses import replace
from datetime import date

from cds_service.assessment.model.protocol import SiteTarget
from cds_service.chart.goal import Goal
from tests.builders import (
    DAY,
    MINUTE,
    aiming,
    answer,
    choosing,
    condition,
    goal,
    heparin,
    judge_chart,
    lab,
    measured,
    order,
    procedure,
    protocol,
    running,
    spec,
    why,
)

LOW = goal((0.2, 0.4))


def target(*facts, by=None):
    return measured(*facts, by=by).target


def ranges(found):
    return [(r.low, r.high) for r in found.anti_xa]


def below(*facts, by=None):
    return answer(judge_chart(*facts, by=by), "below_target")


@spec(
    "value, low",
    ("just under the ordered limit", 0.199, "yes"),
    ("at it", 0.2, "no"),
    ("under the default's limit alone", 0.29, "no"),
)
def test_the_orders_target_decides(value, low):
    found = judge_chart(*aiming(LOW), lab("anti_xa", value))
    assert answer(found, "below_target") == low
    assert found.measured.target.source == "order"
    assert found.measured.target.order == "MedicationRequest/heparin"


@spec(
    "value, high",
    ("at the ordered upper limit", 0.4, "no"),
    ("just above it", 0.401, "yes"),
)
def test_the_orders_upper_limit_decides(value, high):
    assert answer(judge_chart(*aiming(LOW), lab("anti_xa", value)), "above_target") == high


def test_without_a_word_of_it_the_default_holds():
    found = target(*running())
    assert (ranges(found), found.source, found.leads) == ([(0.3, 0.7)], "default", "")


def test_one_target_for_all_where_a_protocol_says_so():
    by = choosing(ordered_target=False)
    assert below(*aiming(LOW), lab("anti_xa", 0.29), by=by) == "yes"


@spec(
    "wanted, reason",
    ("words that cannot be read", Goal(unread=True), "goalUnread"),
    ("an intensity that the site does not list", Goal(intensities=("low intensity",)), "intensity"),
    (
        "two goals that differ",
        Goal((*goal((0.3, 0.7)).ranges, *LOW.ranges)),
        "twoGoals",
    ),
)
def test_a_target_that_cannot_be_read_is_unknown(wanted, reason):
    found = judge_chart(*aiming(wanted), lab("anti_xa", 0.05))
    assert why(found.verdicts["below_target"].reasons) == {f"target: {reason}"}
    assert answer(found, "above_target") == "unknown"


def test_one_goal_stated_twice_is_one():
    assert below(*aiming(Goal((*LOW.ranges, *LOW.ranges))), lab("anti_xa", 0.25)) == "no"


def test_a_named_intensity_means_what_the_site_says():
    site = SiteTarget("anti_xa", 0.2, 0.5, "ward standard", date(2026, 1, 1))
    by = replace(protocol(), intensities={"low intensity": site})
    assert ranges(target(*aiming(Goal(intensities=("low intensity",))), by=by)) == [(0.2, 0.5)]


def test_a_range_that_was_read_stands_whatever_intensity_is_beside_it():
    assert ranges(target(*aiming(Goal(LOW.ranges, intensities=("low intensity",))))) == [(0.2, 0.4)]


# --- whose order -------------------------------------------------------------------------------


def test_rows_that_name_an_order_take_its_target_alone():
    rows = (
        heparin(1600, 48, request="MedicationRequest/a"),
        order("heparin", rate=1600, name="a", status="completed"),
        order("heparin", rate=300, name="b", goal=LOW),
    )
    assert target(*rows).source == "default"


def test_rows_without_an_order_take_what_any_active_one_says():
    rows = (heparin(1600, 48), order("heparin", rate=1600, name="a", goal=LOW))
    assert ranges(target(*rows)) == [(0.2, 0.4)]
    stopped = order("heparin", rate=1600, name="a", goal=LOW, status="stopped")
    assert target(heparin(1600, 48), stopped).source == "default"


def test_two_active_orders_that_differ_are_candidates():
    rows = (
        heparin(1600, 48),
        order("heparin", rate=1600, name="a", goal=LOW),
        order("heparin", rate=1600, name="b", goal=goal((0.3, 0.7))),
    )
    assert [below(*rows, lab("anti_xa", value)) for value in (0.19, 0.25, 0.3)] == [
        "yes",
        "unknown",
        "no",
    ]


# --- one test's target -------------------------------------------------------------------------


def test_where_the_order_names_the_aptt_the_aptt_decides():
    rows = aiming(goal(aptt=(50, 70)))
    assert below(*rows, lab("anti_xa", 0.2), lab("aptt", 55)) == "no"
    assert below(*rows, lab("anti_xa", 0.5), lab("aptt", 49)) == "yes"
    assert below(*rows, lab("anti_xa", 0.2)) == "unknown"
    assert answer(judge_chart(*rows, lab("aptt", 71)), "above_target") == "yes"


def test_where_the_order_names_the_anti_xa_the_aptt_decides_nothing():
    assert below(*aiming(LOW), lab("aptt", 45)) == "unknown"


def test_a_goal_in_times_the_control_is_judged_by_the_ratio():
    rows = aiming(goal(aptt_ratio=(2.0, 3.0)))
    assert below(*rows, lab("aptt", 70), lab("aptt_ratio", 1.9)) == "yes"
    found = judge_chart(*rows, lab("aptt", 40))
    assert answer(found, "below_target") == "unknown"


# --- by indication -----------------------------------------------------------------------------

STROKE = condition("ischemic_stroke", 48)


@spec(
    "facts, expected",
    ("VV-ECMO", procedure("vv_ecmo", running=True), [(0.2, 0.3), (0.3, 0.7)]),
    ("VV-ECMO over for a day", procedure("vv_ecmo", 90, 24), [(0.2, 0.3), (0.3, 0.7)]),
    ("VV-ECMO over for longer", procedure("vv_ecmo", 90, 24 + MINUTE), [(0.3, 0.7)]),
    ("other ECMO", procedure("ecmo", running=True), [(0.3, 0.7)]),
    ("stroke of 14 days", condition("ischemic_stroke", 14 * DAY), [(0.2, 0.4), (0.3, 0.7)]),
    ("an older stroke", condition("ischemic_stroke", 14 * DAY + MINUTE), [(0.3, 0.7)]),
)
def test_where_several_targets_are_in_use_all_are_candidates(facts, expected):
    assert ranges(target(*running(), facts)) == expected


@spec(
    "value, low, high",
    ("below all", 0.19, "yes", "no"),
    ("below one only", 0.25, "unknown", "no"),
    ("at the highest of the lower limits", 0.3, "no", "no"),
    ("above one only", 0.41, "no", "unknown"),
    ("above all", 0.71, "no", "yes"),
)
def test_candidates_answer_only_where_all_agree(value, low, high):
    found = judge_chart(*running(), STROKE, lab("anti_xa", value))
    assert answer(found, "below_target") == low
    assert answer(found, "above_target") == high


def test_the_order_settles_it():
    assert below(*aiming(goal((0.3, 0.7))), STROKE, lab("anti_xa", 0.25)) == "yes"


def test_the_sites_own_range_settles_it():
    site = SiteTarget("anti_xa", 0.2, 0.4, "stroke unit", date(2026, 1, 1))
    by = replace(protocol(), indications={"ischemic_stroke": site})
    found = target(*running(), STROKE, by=by)
    assert (ranges(found), found.source) == ([(0.2, 0.4)], "site")


def test_two_indications_with_ranges_of_the_site_that_differ_are_candidates():
    sites = {
        "ischemic_stroke": SiteTarget("anti_xa", 0.2, 0.4, "stroke unit", date(2026, 1, 1)),
        "vv_ecmo": SiteTarget("anti_xa", 0.2, 0.3, "ICU", date(2026, 1, 1)),
    }
    by = replace(protocol(), indications=sites)
    found = target(*running(), STROKE, procedure("vv_ecmo", running=True), by=by)
    assert set(ranges(found)) == {(0.2, 0.4), (0.2, 0.3)}
    assert found.source == "candidates"
