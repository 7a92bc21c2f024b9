"""Findings of the second reading: confirmed, far above, effect lost, loud, undecided (logic 3)."""

from dataclasses import replace

from tests.builders import (
    MINUTE,
    aiming,
    answer,
    choosing,
    condition,
    failed,
    given,
    goal,
    heparin,
    judge_chart,
    lab,
    order,
    procedure,
    protocol,
    running,
    spec,
    unreadable,
    weight,
    why,
)

KG = weight(80, 60)
# 17.5 U/kg/h, raised to 20 U/kg/h 24 h ago: the story of a confirmed resistance.
COURSE = (heparin(1400, 60, 24), heparin(1600, 24), KG)
EARLIER, LATER = lab("anti_xa", 0.16, 26), lab("anti_xa", 0.18, 3)
TWO = (*COURSE, EARLIER, LATER)
# The same, but the required rate has nothing to say: no aPTT, and two levels only.
NO_NEED = {"required_rate__fewest_pairs": 4.0}


def findings(*facts, by=None):
    return judge_chart(*facts, by=by)


def confirmed(*facts, by=None):
    return answer(findings(*facts, by=by), "confirmed")


def by_levels(**rows):
    """The protocol without the help of the required rate."""
    return protocol(**(NO_NEED | rows))


# --- confirmed by two levels -------------------------------------------------------------------


@spec(
    "facts, expected",
    ("two low levels with a raise between", TWO, "yes"),
    ("one low level", (*COURSE, LATER), "no"),
    ("two low levels without a raise", (*running(), KG, EARLIER, LATER), "no"),
    (
        "a raise of just under a tenth",
        (heparin(1600 / 1.0995, 60, 24), heparin(1600, 24), KG, EARLIER, LATER),
        "no",
    ),
    (
        "a raise of a tenth",
        (heparin(1600 / 1.1, 60, 24), heparin(1600, 24), KG, EARLIER, LATER),
        "yes",
    ),
    ("drawn 48 h apart", (heparin(1400, 90, 24), heparin(1600, 24), KG,
                          lab("anti_xa", 0.16, 51), LATER), "yes"),
    ("drawn further apart", (heparin(1400, 90, 24), heparin(1600, 24), KG,
                             lab("anti_xa", 0.16, 51 + MINUTE), LATER), "no"),
    ("the later one 12 h old", (*COURSE, EARLIER, lab("anti_xa", 0.18, 12)), "yes"),
    ("the later one too old", (*COURSE, EARLIER, lab("anti_xa", 0.18, 12 + MINUTE)), "unknown"),
    ("the later one 0.05 below", (*COURSE, EARLIER, lab("anti_xa", 0.25, 3)), "yes"),
    ("the later one less than that below", (*COURSE, EARLIER, lab("anti_xa", 0.2503, 3)), "no"),
    ("the earlier one at target", (*COURSE, lab("anti_xa", 0.3, 26), LATER), "no"),
    ("the earlier one drawn too early", (heparin(1400, 28, 24), heparin(1600, 24), KG,
                                         lab("anti_xa", 0.16, 25), LATER), "no"),
    ("one in between at target", (*TWO, lab("anti_xa", 0.35, 12)), "no"),
    ("the earlier one another drug's", (*TWO, given("enoxaparin", 40, 80)), "no"),
    ("the later one another drug's", (*TWO, given("enoxaparin", 10, 80)), "unknown"),
    ("the earlier one before antithrombin", (*TWO, given("antithrombin", 25, 2000)), "unknown"),
)  # fmt: skip
def test_confirmed_by_two_levels(facts, expected):
    found = confirmed(*facts, by=by_levels())
    assert found == expected if expected != "unknown" else found != "yes"


@spec(
    "rate, spared",
    ("at 120 % of the running rate", 1920, True),
    ("at a little more", 1921, False),
)
def test_a_level_at_target_counts_against_it_at_about_the_present_rate(rate, spared):
    """Lowered since: what it took to reach the target is hardly more than what runs."""
    rows = (
        heparin(1400, 70, 44),
        heparin(rate, 44, 34),
        heparin(1400, 34, 24),
        heparin(1600, 24),
        KG,
    )
    facts = (*rows, lab("anti_xa", 0.31, 36), lab("anti_xa", 0.16, 25), LATER)
    assert (confirmed(*facts, by=by_levels()) == "no") is spared


@spec(
    "facts, by, reason",
    ("weight not known", [f for f in TWO if f is not KG], None, "weight: missing"),
    (
        "by order only",
        (order("heparin", rate=1600, hours_ago=24), KG, LATER),
        None,
        "",
    ),
)
def test_what_confirmation_needs_besides(facts, by, reason):
    verdict = findings(*facts, by=by).verdicts["confirmed"]
    assert not verdict.yes
    assert why(verdict.reasons) == ({reason} if reason else set())


def test_high_in_units_alone_opens_tests_only():
    """38,400 U/day is 19.2 U/kg/h at 83.5 kg."""
    facts = [f for f in TWO if f is not KG] + [weight(83.5, 60)]
    found = findings(*facts, by=by_levels())
    assert answer(found, "failing") == "yes"
    assert answer(found, "confirmed") == "no"


def test_two_infusions_side_by_side_confirm_nothing_by_levels():
    impella = replace(order("heparin", rate=300, name="purge"), site="impella")
    row = heparin(300, 60, request=impella.source)
    found = findings(*TWO, impella, replace(row, site="impella") if hasattr(row, "site") else row)
    assert answer(found, "confirmed") != "yes"


APTT = (*COURSE, lab("aptt", 45, 26), lab("aptt", 48, 3))
DATED = {"aptt_range": "site"}


@spec(
    "options, facts, expected",
    ("the range not set", {}, (), "unknown"),
    ("set, but an anti-Xa could be had", DATED, (), "unknown"),
    ("set, and no anti-Xa", DATED | {"anti_xa_measured": False}, (), "yes"),
    (
        "and an acute phase",
        DATED | {"anti_xa_measured": False},
        (lab("fibrinogen", 700, 5),),
        "no",
    ),
)
def test_an_aptt_alone_opens_a_drug_only_in_the_laboratorys_own_range(options, facts, expected):
    by = choosing(by_levels(), **options)
    assert confirmed(*APTT, *facts, by=by) == expected


def test_an_aptt_confirms_by_five_seconds():
    by = choosing(by_levels(), aptt_range="site", anti_xa_measured=False)
    course = (*COURSE, lab("aptt", 45, 26))
    assert confirmed(*course, lab("aptt", 55, 3), by=by) == "yes"
    assert confirmed(*course, lab("aptt", 55.02, 3), by=by) == "no"


def test_a_ratio_confirms_by_a_tenth():
    by = choosing(by_levels(), aptt_range="site", anti_xa_measured=False)
    course = (*COURSE, lab("aptt_ratio", 1.2, 26))
    assert confirmed(*course, lab("aptt_ratio", 1.4, 3), by=by) == "yes"
    assert confirmed(*course, lab("aptt_ratio", 1.4005, 3), by=by) == "no"


def test_with_confirmation_off_one_level_is_enough():
    facts = (*running(), KG, LATER)
    assert confirmed(*facts) == "no"
    assert confirmed(*facts, by=choosing(confirmation=False)) == "yes"


def test_refractory_confirms_by_itself():
    facts = (*running(), KG, given("antithrombin", 20, 2000), lab("antithrombin", 90), LATER)
    assert confirmed(*facts, by=by_levels()) == "yes"


# --- confirmed by the required rate ------------------------------------------------------------

# Three steady levels at one rate of 20 U/kg/h: no raise, but the target lies far above.
NEED = (
    *running(1600, 70),
    KG,
    lab("anti_xa", 0.15, 40),
    lab("anti_xa", 0.16, 20),
    lab("anti_xa", 0.15, 3),
)


def test_the_required_rate_confirms_without_a_raise():
    found = findings(*NEED)
    assert found.measured.need.rate.confirms
    assert answer(found, "confirmed") == "yes"
    assert confirmed(*NEED, by=by_levels()) == "no"


@spec(
    "facts, expected",
    ("20 U/kg/h ran, and less runs now", (heparin(1600, 70, 2), heparin(1580, 2), KG), "no"),
    ("a level above the upper limit", (*running(1600, 70), KG, lab("anti_xa", 0.71, 30)), "no"),
    ("a level in range", (*running(1600, 70), KG, lab("anti_xa", 0.32, 30)), "yes"),
)
def test_what_the_required_rate_needs_besides(facts, expected):
    assert confirmed(*facts, *NEED[3:]) == expected


# --- far above ---------------------------------------------------------------------------------

RUN = running(1200, 60)


@spec(
    "facts, expected",
    ("one level at 1.0", (lab("anti_xa", 1.0, 5),), "no"),
    ("one level above 1.0", (lab("anti_xa", 1.001, 5),), "yes"),
    ("one aPTT at 120 s", (lab("aptt", 120, 5),), "no"),
    ("one aPTT above 120 s", (lab("aptt", 120.1, 5),), "yes"),
    ("one ratio above 3", (lab("aptt_ratio", 3.01, 5),), "yes"),
    ("one ratio at 3", (lab("aptt_ratio", 3, 5),), "no"),
    ("two by more than 0.10", (lab("anti_xa", 0.8005, 12), lab("anti_xa", 0.8005, 5)), "yes"),
    ("two running by 0.10", (lab("anti_xa", 0.8, 12), lab("anti_xa", 0.8, 5)), "no"),
    ("two aPTT by more than 10 s", (lab("aptt", 110.1, 12), lab("aptt", 110.1, 5)), "yes"),
    ("two aPTT by 10 s", (lab("aptt", 110, 12), lab("aptt", 110, 5)), "no"),
    ("two ratios by more than 0.25", (lab("aptt_ratio", 2.7505, 12), lab("aptt_ratio", 2.7505, 5)),
     "yes"),
    ("two ratios by 0.25", (lab("aptt_ratio", 2.75, 12), lab("aptt_ratio", 2.75, 5)), "no"),
    ("one of the two only", (lab("anti_xa", 0.6, 12), lab("anti_xa", 0.9, 5)), "no"),
    ("the newest in range again", (lab("anti_xa", 1.2, 12), lab("anti_xa", 0.6, 5)), "no"),
    ("no level", (), "unknown"),
    ("unreadable", (unreadable("anti_xa"),), "unknown"),
    ("too old", (lab("anti_xa", 1.2, 13),), "unknown"),
)  # fmt: skip
def test_far_above(facts, expected):
    assert answer(findings(*RUN, *facts), "far_above") == expected


@spec(
    "level, expected",
    ("issued two hours ago", lab("anti_xa", 1.2, 4, issued=2), "yes"),
    ("issued a minute later", lab("anti_xa", 1.2, 4, issued=2 - MINUTE), "no"),
    ("not said when issued, drawn three hours ago", lab("anti_xa", 1.2, 3), "yes"),
    ("drawn a little later", lab("anti_xa", 1.2, 3 - 0.3 * MINUTE), "no"),
)
def test_it_speaks_two_hours_after_the_ward_could_know(level, expected):
    assert answer(findings(*RUN, level), "far_above") == expected


def test_a_newer_level_that_is_still_far_does_not_begin_the_wait_again():
    facts = (lab("anti_xa", 1.2, 8), lab("anti_xa", 1.1, 1))
    assert answer(findings(*RUN, *facts), "far_above") == "yes"


@spec(
    "rows, expected",
    ("lowered by 5 % since", (heparin(1200, 60, 3), heparin(1140, 3)), "no"),
    ("lowered by less", (heparin(1200, 60, 3), heparin(1140.3, 3)), "yes"),
    ("held for half an hour", (heparin(1200, 60, 3), heparin(0, 3, 2.5), heparin(1200, 2.5)), "no"),
    ("lowered before it was drawn", (heparin(1400, 60, 9), heparin(1200, 9)), "yes"),
    ("raised since", (heparin(1200, 60, 3), heparin(1400, 3)), "yes"),
    ("nothing runs any more", (heparin(1200, 60, 3),), "no"),
)
def test_what_was_done_about_it_since(rows, expected):
    assert answer(findings(*rows, lab("anti_xa", 1.2, 6)), "far_above") == expected


def test_far_above_is_measured_from_the_ordered_target():
    facts = (lab("anti_xa", 0.45, 12), lab("anti_xa", 0.45, 5))
    assert answer(findings(*aiming(goal((0.2, 0.3)), 1200), *facts), "far_above") == "yes"
    assert answer(findings(*RUN, *facts), "far_above") == "no"


# --- effect lost -------------------------------------------------------------------------------

BEFORE = (lab("anti_xa", 0.42, 30), lab("anti_xa", 0.46, 20))


@spec(
    "value, lost",
    ("fallen far below", 0.08, "yes"),
    ("a little lower, still in range", 0.32, "no"),
    ("below, but within what the levels allow", 0.28, "no"),
)
def test_effect_lost_by_the_required_rate(value, lost):
    found = findings(*running(1200, 60), KG, *BEFORE, lab("anti_xa", value, 2))
    assert len(found.measured.need.rate.steps) == 3
    assert answer(found, "effect_lost") == lost


@spec(
    "facts, lost",
    ("half the median of two", (*BEFORE, lab("anti_xa", 0.22, 2)), "yes"),
    ("a little more", (*BEFORE, lab("anti_xa", 0.221, 2)), "no"),
    ("one level before only", (BEFORE[0], lab("anti_xa", 0.1, 2)), "no"),
    ("half, and not below target", (lab("anti_xa", 0.62, 30), lab("anti_xa", 0.66, 20),
                                    lab("anti_xa", 0.31, 2)), "no"),
)  # fmt: skip
def test_without_a_weight_half_the_median_tells(facts, lost):
    found = findings(*running(780, 60), *facts)
    assert found.measured.need.rate is None
    assert answer(found, "effect_lost") == lost


@spec(
    "rows, lost",
    ("the rate within a tenth", (heparin(800, 60, 12), heparin(740, 12)), "yes"),
    ("lowered by more", (heparin(900, 60, 12), heparin(740, 12)), "no"),
    ("unchanged for six hours", (heparin(800, 60, 9), heparin(0, 9, 8), heparin(800, 8)), "yes"),
    ("for less", (heparin(800, 60, 9), heparin(0, 9, 7), heparin(800, 8 - MINUTE)), "no"),
    ("raised after the draw", (heparin(800, 60, 1), heparin(1000, 1)), "yes"),
)
def test_at_which_rates_the_effect_is_lost(rows, lost):
    assert answer(findings(*rows, *BEFORE, lab("anti_xa", 0.1, 2)), "effect_lost") == lost


def test_what_lost_its_effect_does_not_fail():
    facts = (*running(1600, 60), KG, *BEFORE, lab("anti_xa", 0.08, 2))
    found = findings(*facts)
    assert answer(found, "effect_lost") == "yes"
    assert answer(found, "failing") == "no"


def test_it_stands_until_the_next_usable_level():
    facts = (*running(1600, 60), KG, *BEFORE, lab("anti_xa", 0.08, 8), lab("anti_xa", 0.45, 2))
    assert answer(findings(*facts), "effect_lost") == "no"


# --- how loud, and what waits ------------------------------------------------------------------


def loud(*facts, by=None):
    return answer(findings(*facts, by=by), "loud")


@spec(
    "facts, expected",
    ("confirmed", TWO, "yes"),
    ("one level far below on 20 U/kg/h", (*running(1600, 60), KG, lab("anti_xa", 0.15, 3)), "yes"),
    ("one level just below", (*running(1600, 60), KG, lab("anti_xa", 0.29, 3)), "no"),
    ("nothing to estimate by", (*running(1600, 60), lab("anti_xa", 0.29, 3)), "yes"),
    ("requirement raised alone", (*running(1700, 60), KG, lab("anti_xa", 0.5, 3)), "no"),
    ("by aPTT alone, the range not set", (*running(1600, 60), KG, lab("aptt", 45, 3)), "no"),
    (
        "a raise since the level",
        (heparin(1600, 60, 1), heparin(1800, 1), KG, lab("anti_xa", 0.15, 3)),
        "no",
    ),
    ("nothing suspected", (*running(1200), KG, lab("anti_xa", 0.5)), "no"),
)
def test_how_loud(facts, expected):
    assert loud(*facts) == expected


def test_the_probability_that_makes_it_loud():
    facts = (*running(1600, 60), KG, lab("anti_xa", 0.15, 3))
    probability = findings(*facts).measured.need.probability
    for row, expected in ((probability, "yes"), (probability + 1e-9, "no")):
        assert loud(*facts, by=protocol(resistance__loud_probability=row)) == expected


def test_loud_is_from_sixty_five_per_cent():
    assert protocol()["resistance.loud_probability"] == 0.65


RAISED = (heparin(1400, 60, 24), heparin(1600, 24, 1), heparin(1800, 1), KG, EARLIER, LATER)


def test_a_confirmed_finding_waits_only_where_the_required_rate_is_reached():
    found = findings(*RAISED)
    assert answer(found, "raised_since_level") == "yes"
    assert answer(found, "confirmed") == "yes"
    assert answer(found, "waits") == "no"
    reached = (heparin(1400, 60, 24), heparin(1600, 24, 1), heparin(2700, 1), KG, EARLIER, LATER)
    assert answer(findings(*reached), "waits") == "yes"


@spec(
    "facts, risen",
    ("levels that could not be read", (*RAISED[:3], KG, failed("coagulation")), "unknown"),
    ("no level on record", (*RAISED[:3], KG), "no"),
    ("whether it runs is not known", (heparin(1600, 80), KG, LATER), "unknown"),
)
def test_a_raise_since_a_level_that_is_not_known(facts, risen):
    assert answer(findings(*facts), "raised_since_level") == risen


def test_an_unconfirmed_finding_waits_for_the_level_after_a_raise():
    rows = (heparin(1600, 60, 1), heparin(1800, 1), KG, LATER)
    assert answer(findings(*rows), "waits") == "yes"
    assert answer(findings(*running(1600, 60), KG, LATER), "waits") == "no"


# --- undecided ---------------------------------------------------------------------------------


@spec(
    "facts, reasons",
    (
        "target unreadable",
        (*aiming(replace(goal(), unread=True)), KG, LATER),
        {"target: goalUnread"},
    ),
    ("two candidates", (*running(), KG, condition("ischemic_stroke"), lab("anti_xa", 0.25, 3)),
     {"target: candidates"}),
    ("two candidates, below none", (*running(), KG, condition("ischemic_stroke"),
                                    lab("anti_xa", 0.31, 3)), set()),
    ("target unreadable, level in the default's range",
     (*aiming(replace(goal(), unread=True)), KG, lab("anti_xa", 0.35, 3)), set()),
    ("a level that is unreadable", (*running(), KG, unreadable("anti_xa")),
     {"anti_xa: implausible"}),
    ("another drug's, not below", (*running(), KG, lab("anti_xa", 0.5), given("apixaban", 10)),
     {"anti_xa: foreign.oralXa"}),
    ("suspect", (*running(), KG, lab("anti_xa", 0.2, 10), lab("anti_xa", 2.0, 2)),
     {"anti_xa: suspect"}),
    ("too early is no such fact", (heparin(1600, 8), KG, lab("anti_xa", 0.1, 6)), set()),
    ("no level at all", (*running(), KG), set()),
    ("weight not known, 1,400 U/h, below target", (*running(1400), lab("anti_xa", 0.2)),
     {"weight: missing"}),
    ("weight not known, 800 U/h, below target", (*running(800), lab("anti_xa", 0.2)), set()),
    ("not high", (*running(1200), KG, unreadable("anti_xa")), set()),
    ("failing: told already", (*running(), KG, LATER), set()),
)  # fmt: skip
def test_what_a_missing_fact_leaves_open(facts, reasons):
    verdict = findings(*facts).verdicts["undecided"]
    assert why(verdict.reasons) == reasons


# --- the weight of the course ------------------------------------------------------------------


@spec(
    "weights, kg",
    ("the newest at the start", (weight(90, 100), weight(80, 70), weight(84, 10)), 80),
    ("a later one from a tenth on", (weight(80, 70), weight(88, 10)), 88),
    ("a later one within a tenth", (weight(80, 70), weight(87.95, 10)), 80),
    ("the first after the start", (weight(80, 40), weight(84, 10)), 80),
    ("none", (), None),
)
def test_rates_are_judged_by_the_weight_of_the_course(weights, kg):
    found = findings(*running(1600, 60), *weights, lab("anti_xa", 0.5)).measured
    assert found.course_weight.kg == kg
    assert found.weight.kg == (weights[-1].value if weights else None)


def test_a_new_course_has_a_weight_of_its_own():
    facts = (weight(80, 410), weight(84, 70), lab("anti_xa", 0.5))
    for ended, kg in ((60 + 120, 80), (60 + 120 + MINUTE, 84)):
        rows = (heparin(1600, 400, ended), heparin(1600, 60))
        assert findings(*rows, *facts).measured.course_weight.kg == kg


# --- the required rate on a chart --------------------------------------------------------------


def need(*facts):
    return findings(*facts).measured.need


THREE = (lab("anti_xa", 0.2, 40), lab("anti_xa", 0.22, 20), lab("anti_xa", 0.21, 3))
STEADY = (*running(1440, 70), KG)


def test_the_required_rate_of_a_chart():
    """18 U/kg/h at 80 kg; the worked sum itself is held by test_required_rate."""
    found = need(*STEADY, *THREE)
    assert found.rate.pairs == 3
    assert [pair.rate for pair in found.pairs] == [1440] * 3
    assert found.concept == "anti_xa"


@spec(
    "facts, reason",
    ("no weight", (*running(1440, 70), *THREE), "weight: missing"),
    ("target unknown", (*aiming(replace(goal(), unread=True), 1440, 70), KG, *THREE),
     "target: goalUnread"),
    ("candidates", (*STEADY, condition("ischemic_stroke"), *THREE), "target: candidates"),
    ("protamine", (*STEADY, *THREE, given("protamine", 5)), "protamine: tooEarly"),
    ("lysis", (*STEADY, *THREE, given("alteplase", 20)), "aptt: thrombolytic"),
    ("an Xa inhibitor", (*STEADY, *THREE, given("apixaban", 60)), "anti_xa: foreign.oralXa"),
    ("medicines unread", (*STEADY, *THREE, failed("orders")), "anti_xa: medicinesUnknown"),
    ("aPTT without a baseline", (*STEADY, lab("aptt", 50, 20), lab("aptt", 50, 3)),
     "aptt: noBaseline"),
    ("aPTT in DIC", (*STEADY, lab("aptt", 30, 80), lab("aptt", 50, 3), condition("dic")),
     "aptt: lowFibrinogen"),
    ("a ratio", (*STEADY, lab("aptt_ratio", 1.4, 3)), "aptt: noBaseline"),
)  # fmt: skip
def test_when_the_chart_gives_no_required_rate(facts, reason):
    found = need(*facts)
    assert found.rate is None
    assert why(found.told.reasons) == {reason}


@spec(
    "rows, pairs",
    ("drawn six hours after a change", (heparin(1300, 70, 9), heparin(1440, 9)), 3),
    ("a minute sooner", (heparin(1300, 70, 9 - MINUTE), heparin(1440, 9 - MINUTE)), 2),
    ("a change of less than 5 %", (heparin(1380, 70, 5), heparin(1440, 5)), 3),
    ("a change of 5 % to 10 %", (heparin(1350, 70, 5), heparin(1440, 5)), 2),
    ("a bolus within six hours", (heparin(1440, 70), given("heparin", 8, 5000)), 2),
    ("a bolus before", (heparin(1440, 70), given("heparin", 9 + MINUTE, 5000)), 3),
)
def test_a_pair_is_steady_by_the_stricter_rule(rows, pairs):
    assert len(need(*rows, KG, *THREE).pairs) == pairs


@spec(
    "event, pairs",
    ("antithrombin", given("antithrombin", 30, 2000), 2),
    ("bypass", procedure("bypass", 30, 30), 2),
    ("plasma exchange", procedure("plasma_exchange", 30, 30), 2),
    ("nothing", condition("hypertension"), 3),
)
def test_what_begins_the_estimate_afresh(event, pairs):
    assert need(*STEADY, *THREE, event).rate.pairs == pairs


@spec(
    "event, silent",
    ("sepsis begun since the last level", condition("sepsis", 2, onset=2), True),
    ("septic shock", condition("septic_shock", 2, onset=2), True),
    ("CRRT begun", procedure("crrt", 2, running=True), True),
    ("ECMO begun", procedure("ecmo", 2, running=True), True),
    ("CRRT ended", procedure("crrt", 60, 2), True),
    ("sepsis before", condition("sepsis", 50, onset=50), False),
)
def test_after_a_known_change_it_is_silent_until_a_level_follows(event, silent):
    found = need(*STEADY, *THREE, event)
    assert (found.rate.silence == "changed") is silent
    assert (found.probability is None) is silent


def test_by_aptt_it_measures_from_the_patients_own_baseline():
    facts = (lab("aptt", 30, 80), lab("aptt", 48, 40), lab("aptt", 50, 20), lab("aptt", 49, 3))
    found = need(*STEADY, *facts)
    assert (found.concept, found.rate.pairs) == ("aptt", 3)


def test_an_aptt_at_the_cap_makes_no_pair():
    facts = (lab("aptt", 30, 80), lab("aptt", 150, 40), lab("aptt", 150, 20), lab("aptt", 49, 3))
    assert len(need(*STEADY, *facts).pairs) == 1
