"""Which levels can be trusted to show heparin's effect, and until when not (logic 2.4)."""

from cds_service.assessment.measure.suspect_samples import is_suspect
from cds_service.chart.facts import Form
from tests.builders import (
    MINUTE,
    ago,
    answer,
    choosing,
    condition,
    failed,
    given,
    heparin,
    judge_chart,
    lab,
    measured,
    order,
    running,
    spec,
    unreadable,
    weight,
    why,
)
from tests.builders import protocol as row

GOOD = (lab("creatinine", 1.0), weight(72))


def levels(*facts, rows=None):
    return measured(*(rows or running()), *facts).levels


def reasons(level):
    return {r.why for r in level.usable.reasons}


# --- anti-Xa: reads low ------------------------------------------------------------------------


@spec(
    "facts, reason",
    ("bilirubin just under 15", (lab("bilirubin", 14.9, 10),), ""),
    ("bilirubin at 15", (lab("bilirubin", 15, 10),), "icteric"),
    ("bilirubin of 72 h before the draw", (lab("bilirubin", 20, 74),), "icteric"),
    ("bilirubin a minute older", (lab("bilirubin", 20, 74 + MINUTE),), ""),
    ("a newer one below the line", (lab("bilirubin", 20, 30), lab("bilirubin", 9, 10)), ""),
    ("a newer one after the draw", (lab("bilirubin", 20, 30), lab("bilirubin", 9, 1)), ""),
    ("a newer one above", (lab("bilirubin", 9, 30), lab("bilirubin", 20, 10)), "icteric"),
    ("an unreadable newer one", (lab("bilirubin", 20, 30), unreadable("bilirubin", 10)), "icteric"),
    ("free haemoglobin just under 70", (lab("plasma_hemoglobin", 69.9, 10),), ""),
    ("free haemoglobin at 70", (lab("plasma_hemoglobin", 70, 10),), "freeHemoglobin"),
    ("free haemoglobin of 24 h", (lab("plasma_hemoglobin", 90, 26),), "freeHemoglobin"),
    ("a minute older", (lab("plasma_hemoglobin", 90, 26 + MINUTE),), ""),
)
def test_what_makes_an_anti_xa_read_low(facts, reason):
    found = levels(lab("anti_xa", 0.2, 2), *facts, *GOOD).anti_xa
    assert reasons(found) == ({reason} if reason else set())
    assert found.at_least is bool(reason)


def test_a_flag_of_the_laboratory_is_enough():
    assert reasons(levels(lab("anti_xa", 0.2, 2, hemolysed=True)).anti_xa) == {"hemolysed"}


@spec(
    "value, below",
    ("under the line it may be higher", 0.2, "unknown"),
    ("at the line it is not below", 0.3, "no"),
    ("above the target it is not below either", 0.8, "no"),
)
def test_what_reads_low_still_counts_as_not_below(value, below):
    found = judge_chart(*running(), lab("anti_xa", value), lab("bilirubin", 20), *GOOD)
    assert answer(found, "below_target") == below


@spec(
    "value, above",
    ("above, it is above", 0.8, "yes"),
    ("in range, it may be above", 0.6, "unknown"),
)
def test_what_reads_low_and_lies_above_is_above(value, above):
    found = judge_chart(*running(), lab("anti_xa", value), lab("bilirubin", 20), *GOOD)
    assert answer(found, "above_target") == above


def test_beside_an_anti_xa_that_reads_low_the_aptt_decides():
    facts = (lab("anti_xa", 0.2), lab("bilirubin", 20), lab("aptt", 70))
    assert answer(judge_chart(*running(), *facts, *GOOD), "below_target") == "no"
    facts = (lab("anti_xa", 0.2), lab("bilirubin", 20), lab("aptt", 50))
    assert answer(judge_chart(*running(), *facts, *GOOD), "below_target") == "yes"


# --- anti-Xa: another drug's ----------------------------------------------------------------


@spec(
    "facts, until",
    ("apixaban: 72 h after the dose", (given("apixaban", 10),), -62),
    ("enoxaparin: 24 h", (given("enoxaparin", 10, 80),), -14),
    ("fondaparinux: 5 d", (given("fondaparinux", 10),), -110),
    ("the last of several", (given("apixaban", 30), given("apixaban", 10)), -62),
)
def test_when_another_drugs_effect_has_passed(facts, until):
    assert levels(lab("anti_xa", 0.5, 2), *facts, *GOOD).anti_xa.until == ago(until)


def test_what_still_runs_has_no_end():
    still = given("danaparoid", 200, point=False, form=Form.INFUSION)
    assert levels(lab("anti_xa", 0.5, 2), still, *GOOD).anti_xa.until is None


@spec(
    "facts, expected",
    ("charting is kept, and none of the drug", (heparin(1600, 48),), set()),
    ("nothing at all is charted", (order("heparin", rate=1600),), {"foreign.lmwh"}),
)
def test_an_order_stands_for_doses_only_where_none_are_charted(facts, expected):
    enoxaparin = order("enoxaparin", dose=80, hours_ago=20)
    found = measured(*facts, lab("anti_xa", 0.5, 2), enoxaparin, *GOOD).levels.anti_xa
    assert reasons(found) == expected


def test_a_site_without_charting_takes_orders_for_doses():
    by = choosing(administrations_kept=False)
    facts = (*running(), lab("anti_xa", 0.5, 2), order("enoxaparin", dose=80, hours_ago=20), *GOOD)
    assert reasons(measured(*facts, by=by).levels.anti_xa) == {"foreign.lmwh"}


def test_another_drugs_anti_xa_is_no_pseudo_resistance():
    facts = (lab("anti_xa", 0.5), lab("aptt", 50), given("apixaban", 10))
    assert answer(judge_chart(*running(), *facts), "pseudo_resistance") == "no"


# --- aPTT --------------------------------------------------------------------------------------


@spec(
    "facts, reason",
    ("lupus anticoagulant on record", (condition("lupus_anticoagulant"),), "lupus"),
    ("fibrinogen just under 100", (lab("fibrinogen", 99, 5),), "lowFibrinogen"),
    ("fibrinogen at 100", (lab("fibrinogen", 100, 5),), ""),
    ("fibrinogen of 48 h before", (lab("fibrinogen", 80, 49),), "lowFibrinogen"),
    ("fibrinogen older", (lab("fibrinogen", 80, 49 + MINUTE),), ""),
    ("baseline at 40 s", (lab("aptt", 40, 60),), ""),
    ("baseline above 40 s", (lab("aptt", 40.1, 60),), "prolongedBaseline"),
    ("baseline of 7 d before heparin", (lab("aptt", 45, 48 + 168),), "prolongedBaseline"),
    ("baseline a minute older", (lab("aptt", 45, 48 + 168 + MINUTE),), ""),
    (
        "baseline under apixaban",
        (lab("aptt", 45, 60), given("apixaban", 61)),
        "",
    ),
)
def test_what_prolongs_an_aptt(facts, reason):
    found = levels(lab("aptt", 50, 1), *facts).aptt
    assert reasons(found) == ({reason} if reason else set())


def test_after_heparinase_an_aptt_shows_no_heparin():
    assert reasons(levels(lab("aptt", 35, 1, heparinase=True)).aptt) == {"heparinase"}


@spec(
    "ended, disturbed",
    ("24 h before the draw", 25, False),
    ("a minute less", 25 - MINUTE, True),
)
def test_a_thrombin_inhibitor_disturbs_for_a_day_before_the_draw(ended, disturbed):
    infused = given("argatroban", 40, form=Form.INFUSION, until=ended)
    found = levels(lab("aptt", 50, 1), infused).aptt
    assert reasons(found) == ({"dti"} if disturbed else set())
    assert found.until == (ago(ended - 24) if disturbed else None)


@spec(
    "hours, disturbed",
    ("24 h before the draw", 25, False),
    ("a minute less", 25 - MINUTE, True),
)
def test_a_thrombolytic_disturbs_for_a_day_before_the_draw(hours, disturbed):
    found = levels(lab("aptt", 50, 1), given("alteplase", hours, 50)).aptt
    assert reasons(found) == ({"thrombolytic"} if disturbed else set())


# --- suspect samples ---------------------------------------------------------------------------


@spec(
    "before, now, suspect",
    ("risen by 1.5", 0.3, 1.8, True),
    ("risen by less", 0.3, 1.79, False),
    ("fallen", 1.9, 0.3, False),
)
def test_an_anti_xa_that_jumps_is_suspect(before, now, suspect):
    found = levels(lab("anti_xa", before, 10), lab("anti_xa", now, 2))
    assert is_suspect(found.newest_anti_xa) is suspect


@spec(
    "facts, suspect",
    ("a first level", (lab("anti_xa", 2.0, 2),), False),
    ("12 h apart", (lab("anti_xa", 0.3, 14), lab("anti_xa", 2.0, 2)), True),
    ("a minute more", (lab("anti_xa", 0.3, 14 + MINUTE), lab("anti_xa", 2.0, 2)), False),
    ("it stays: taken as true", (lab("anti_xa", 0.3, 9), lab("anti_xa", 2.0, 5),
     lab("anti_xa", 2.1, 2)), False),
)  # fmt: skip
def test_what_a_level_is_compared_with(facts, suspect):
    assert is_suspect(levels(*facts).newest_anti_xa) is suspect


@spec(
    "rate, suspect",
    ("the same rate", 1600, True),
    ("a raise of less than 5 %", 1679, True),
    ("a raise of more than 5 %", 1681, False),
    ("lowered", 1200, True),
)
def test_a_raise_explains_a_rise(rate, suspect):
    rows = (heparin(1600, 48, 9), heparin(rate, 9))
    found = levels(lab("anti_xa", 0.3, 10), lab("anti_xa", 2.0, 2), rows=rows)
    assert is_suspect(found.newest_anti_xa) is suspect


@spec(
    "facts, suspect",
    ("to 150 s, no anti-Xa", (lab("aptt", 70, 10), lab("aptt", 150, 2)), True),
    ("to less than 150 s", (lab("aptt", 70, 10), lab("aptt", 149, 2)), False),
    ("it was there before", (lab("aptt", 150, 10), lab("aptt", 180, 2)), False),
    (
        "a usable anti-Xa of the same draw",
        (lab("aptt", 70, 10), lab("aptt", 160, 2), lab("anti_xa", 0.6, 2)),
        False,
    ),
    (
        "an anti-Xa more than two hours apart",
        (lab("aptt", 70, 10), lab("aptt", 160, 2), lab("anti_xa", 0.6, 4 + MINUTE)),
        True,
    ),
)
def test_an_aptt_that_jumps_is_suspect(facts, suspect):
    assert is_suspect(levels(*facts).newest_aptt) is suspect


def test_a_suspect_level_decides_nothing():
    found = judge_chart(*running(), lab("anti_xa", 0.2, 10), lab("anti_xa", 1.9, 2))
    assert {answer(found, rule) for rule in ("below_target", "above_target")} == {"unknown"}
    assert why(found.verdicts["above_target"].reasons) >= {"anti_xa: suspect"}


# --- too early: decides nothing and hides nothing ----------------------------------------------


def test_a_level_drawn_too_early_leaves_the_steady_one_before_standing():
    rows = (heparin(1400, 48, 4), heparin(1600, 4))
    found = judge_chart(*rows, lab("anti_xa", 0.18, 5), lab("anti_xa", 0.5, 1))
    assert answer(found, "below_target") == "yes"
    assert found.measured.levels.anti_xa.rate == 1400
    assert found.measured.levels.newest_anti_xa.value == 0.5


@spec(
    "hours, below",
    ("steady one of twelve hours", 12, "yes"),
    ("a minute older", 12 + MINUTE, "unknown"),
)
def test_a_steady_level_stands_for_twelve_hours(hours, below):
    rows = (heparin(1400, 48, 4), heparin(1600, 4))
    found = judge_chart(*rows, lab("anti_xa", 0.18, hours), lab("anti_xa", 0.5, 1))
    assert answer(found, "below_target") == below


def test_an_unreadable_newest_level_is_not_passed_over():
    rows = (heparin(1400, 48, 4), heparin(1600, 4))
    found = judge_chart(*rows, lab("anti_xa", 0.18, 5), unreadable("anti_xa", 1))
    assert answer(found, "below_target") == "unknown"


def test_steadiness_is_judged_at_the_moment_of_drawing():
    """A change after the draw does not make the level unsteady."""
    rows = (heparin(1600, 48, 1), heparin(1800, 1))
    assert answer(judge_chart(*rows, lab("anti_xa", 0.18, 2)), "below_target") == "yes"


def test_without_medicines_a_low_level_is_low_whosever_it_is():
    found = judge_chart(*running(), lab("anti_xa", 0.2), failed("orders"))
    assert answer(found, "below_target") == "yes"


def test_the_lines_of_trust_are_the_sites_own():
    facts = (*running(), lab("anti_xa", 0.2), lab("bilirubin", 10), *GOOD)
    kit = row(trust__bilirubin_line=8)
    assert reasons(measured(*facts, by=kit).levels.anti_xa) == {"icteric"}
