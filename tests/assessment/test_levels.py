"""aPTT and anti-Xa: current, steady, paired, and where they stand to the target (logic 2, 3)."""

from cds_service.assessment.model.verdict import Truth, compared
from cds_service.chart.facts import Problem
from tests.builders import (
    MINUTE,
    answer,
    failed,
    given,
    heparin,
    judge_chart,
    lab,
    measured,
    order,
    protocol,
    running,
    spec,
    unreadable,
    weight,
    why,
)


def levels(*facts):
    return measured(*running(), *facts).levels


@spec(
    "result, current, reason",
    ("twelve hours old", lab("anti_xa", 0.2, 12), True, ""),
    ("a minute older", lab("anti_xa", 0.2, 12 + MINUTE), False, "anti_xa: stale"),
    ("implausible", unreadable("anti_xa"), False, "anti_xa: implausible"),
    (
        "a unit not in the table",
        unreadable("anti_xa", problem=Problem.UNIT),
        False,
        "anti_xa: unit",
    ),
    ("neither a number nor a reason", lab("anti_xa", None), False, "anti_xa: unreadable"),
    ("no number", unreadable("anti_xa", problem=Problem.UNREADABLE), False, "anti_xa: unreadable"),
    ("no date", lab("anti_xa", 0.2, None), False, "anti_xa: undated"),
    ("drawn in the future", lab("anti_xa", 0.2, -1), False, "anti_xa: ahead"),
    ("five minutes ahead", lab("anti_xa", 0.2, -5 * MINUTE), True, ""),
    (
        "more ahead than clocks differ",
        lab("anti_xa", 0.2, -5.04 * MINUTE),
        False,
        "anti_xa: ahead",
    ),
)
def test_whether_an_anti_xa_is_current(result, current, reason):
    verdict = levels(result).anti_xa.current
    assert verdict.yes is current
    assert why(verdict.reasons) == ({reason} if reason else set())


def test_a_query_that_failed_is_no_missing_result():
    assert why(levels(failed("coagulation")).aptt.current.reasons) == {"aptt: failed"}


def test_the_newest_result_counts_even_if_it_cannot_be_read():
    found = levels(lab("anti_xa", 0.2, 5), unreadable("anti_xa", 2))
    assert found.anti_xa.current.unknown
    assert found.below.unknown


def test_a_preliminary_result_counts_and_is_named_so():
    found = levels(lab("anti_xa", 0.2, 3, preliminary=True))
    assert found.below.yes
    assert found.anti_xa.evidence.how == "preliminary"


@spec(
    "concept, since_change, steady",
    ("anti-Xa four hours after the change", "anti_xa", 4, True),
    ("anti-Xa a minute earlier", "anti_xa", 4 - MINUTE, False),
    ("aPTT six hours after the change", "aptt", 6, True),
    ("aPTT a minute earlier", "aptt", 6 - MINUTE, False),
    ("drawn before the change, which does not count back", "anti_xa", -1, True),
)
def test_steady_after_a_change(concept, since_change, steady):
    drawn = 1.0
    changed = drawn + since_change
    found = measured(
        heparin(1200, 48, max(changed, 0)), heparin(1600, max(changed, 0)), lab(concept, 0.5, drawn)
    ).levels
    level = found.anti_xa if concept == "anti_xa" else found.aptt
    assert level.steady.yes is steady
    if not steady:
        assert why(level.steady.reasons) == {f"{concept}: tooEarly"}


@spec(
    "rows",
    ("a start", (heparin(1600, 4),)),
    ("a rate change of a tenth", (heparin(1600, 48, 4), heparin(1760, 4))),
    ("a hold", (heparin(1600, 48, 6), heparin(0, 6, 4), heparin(1600, 4))),
)
def test_every_kind_of_change_makes_a_level_unsteady(rows):
    assert measured(*rows, lab("anti_xa", 0.2, 1)).levels.anti_xa.steady.unknown


def test_a_change_of_less_than_a_tenth_leaves_a_level_steady():
    rows = (heparin(1600, 48, 2), heparin(1759, 2))
    assert measured(*rows, lab("anti_xa", 0.2, 1)).levels.anti_xa.steady.yes


def test_without_a_running_infusion_no_level_is_steady():
    found = measured(heparin(1600, 48, 5), lab("anti_xa", 0.2, 1)).levels
    assert why(found.anti_xa.steady.reasons) == {"anti_xa: notRunning"}


@spec(
    "apart, paired",
    ("two hours apart", 2, True),
    ("a minute more", 2 + MINUTE, False),
    ("one draw", 0, True),
)
def test_a_pair_is_drawn_close_together(apart, paired):
    assert levels(lab("anti_xa", 0.2, 2), lab("aptt", 70, 2 + apart)).paired is paired


def test_levels_that_are_not_steady_make_no_pair():
    rows = (heparin(1200, 48, 7), heparin(1600, 7))
    assert not measured(*rows, lab("anti_xa", 0.2, 2), lab("aptt", 70, 2)).levels.paired


@spec(
    "value, comparator, limit, under, expected",
    ("below", 0.2999, "", 0.3, True, Truth.YES),
    ("at the limit is not below", 0.3, "", 0.3, True, Truth.NO),
    ("above", 0.31, "", 0.3, True, Truth.NO),
    ("<0.1 is below 0.3", 0.1, "<", 0.3, True, Truth.YES),
    ("<0.3 is below 0.3", 0.3, "<", 0.3, True, Truth.YES),
    ("<0.5 says nothing about 0.3", 0.5, "<", 0.3, True, Truth.UNKNOWN),
    (">0.3 is not below 0.3", 0.3, ">", 0.3, True, Truth.NO),
    (">0.2 says nothing about 0.3", 0.2, ">", 0.3, True, Truth.UNKNOWN),
    ("above the upper limit", 0.7001, "", 0.7, False, Truth.YES),
    ("at the upper limit is not above", 0.7, "", 0.7, False, Truth.NO),
    (">0.7 is above 0.7", 0.7, ">", 0.7, False, Truth.YES),
    (">0.5 says nothing about 0.7", 0.5, ">", 0.7, False, Truth.UNKNOWN),
    ("<0.7 is not above 0.7", 0.7, "<", 0.7, False, Truth.NO),
    ("<0.9 says nothing about 0.7", 0.9, "<", 0.7, False, Truth.UNKNOWN),
    ("<=0.29 is below 0.3", 0.29, "<=", 0.3, True, Truth.YES),
    ("<=0.3 may be 0.3", 0.3, "<=", 0.3, True, Truth.UNKNOWN),
    (">=0.3 is not below 0.3", 0.3, ">=", 0.3, True, Truth.NO),
    (">=0.29 may be below 0.3", 0.29, ">=", 0.3, True, Truth.UNKNOWN),
    (">=0.71 is above 0.7", 0.71, ">=", 0.7, False, Truth.YES),
    (">=0.7 may be 0.7", 0.7, ">=", 0.7, False, Truth.UNKNOWN),
    ("<=0.7 is not above 0.7", 0.7, "<=", 0.7, False, Truth.NO),
    ("<=0.71 may be above 0.7", 0.71, "<=", 0.7, False, Truth.UNKNOWN),
)
def test_values_and_comparators(value, comparator, limit, under, expected):
    assert compared(value, comparator, limit, under=under) is expected


APIXABAN = given("apixaban", 10)


@spec(
    "facts, below",
    ("anti-Xa just under 0.3", (lab("anti_xa", 0.299),), "yes"),
    ("anti-Xa at 0.3", (lab("anti_xa", 0.3),), "no"),
    ("anti-Xa just above 0.3", (lab("anti_xa", 0.301),), "no"),
    ("anti-Xa of another drug under 0.3 is still under", (lab("anti_xa", 0.2), APIXABAN), "yes"),
    ("anti-Xa of another drug at 0.3 is unknown", (lab("anti_xa", 0.3), APIXABAN), "unknown"),
    (
        "anti-Xa of another drug at 0.3, then the aPTT decides",
        (lab("anti_xa", 0.3), APIXABAN, lab("aptt", 50)),
        "yes",
    ),
    (
        "anti-Xa at 0.3, medicines not read, aPTT low: which one leads is unknown",
        (lab("anti_xa", 0.3), failed("orders"), lab("aptt", 50)),
        "unknown",
    ),
    (
        "anti-Xa at 0.3, medicines not read, aPTT adequate: both say no",
        (lab("anti_xa", 0.3), failed("orders"), lab("aptt", 70)),
        "no",
    ),
    ("a usable anti-Xa leads over the aPTT", (lab("anti_xa", 0.5), lab("aptt", 50)), "no"),
    ("aPTT just under 60 s, alone", (lab("aptt", 59.9),), "yes"),
    ("aPTT at 60 s", (lab("aptt", 60),), "no"),
    ("aPTT just above 60 s", (lab("aptt", 60.1),), "no"),
    ("anti-Xa stale, aPTT low", (lab("anti_xa", 0.5, 13), lab("aptt", 50)), "yes"),
    ("anti-Xa unreadable, aPTT low", (unreadable("anti_xa"), lab("aptt", 50)), "yes"),
    ("anti-Xa unreadable, aPTT unreadable", (unreadable("anti_xa"), unreadable("aptt")), "unknown"),
    ("both absent", (), "unknown"),
    ("both stale", (lab("anti_xa", 0.1, 13), lab("aptt", 50, 13)), "unknown"),
    ("the query failed", (failed("coagulation"),), "unknown"),
    ("<0.1", (lab("anti_xa", 0.1, comparator="<"),), "yes"),
    ("<0.4 leaves it open", (lab("anti_xa", 0.4, comparator="<"),), "unknown"),
    ("<0.4, then the aPTT", (lab("anti_xa", 0.4, comparator="<"), lab("aptt", 70)), "no"),
    ("aPTT >200", (lab("aptt", 200, comparator=">"),), "no"),
    ("ratio just under 1.5", (lab("aptt_ratio", 1.499),), "yes"),
    ("ratio at 1.5", (lab("aptt_ratio", 1.5),), "no"),
    ("an aPTT in seconds leads over its ratio", (lab("aptt", 70), lab("aptt_ratio", 1.2)), "no"),
)
def test_below_target(facts, below):
    assert answer(judge_chart(*running(), *facts), "below_target") == below


@spec(
    "facts, above",
    ("anti-Xa at 0.7", (lab("anti_xa", 0.7),), "no"),
    ("anti-Xa just above 0.7", (lab("anti_xa", 0.701),), "yes"),
    ("anti-Xa leads over the aPTT", (lab("anti_xa", 0.5), lab("aptt", 120)), "no"),
    ("anti-Xa of another drug above: unknown", (lab("anti_xa", 0.9), APIXABAN), "unknown"),
    (
        "anti-Xa of another drug above: the aPTT decides",
        (lab("anti_xa", 0.9), APIXABAN, lab("aptt", 101)),
        "yes",
    ),
    (
        "anti-Xa of another drug above, and the aPTT is not: unknown",
        (lab("anti_xa", 0.9), APIXABAN, lab("aptt", 80)),
        "unknown",
    ),
    ("anti-Xa of another drug in range is not above", (lab("anti_xa", 0.5), APIXABAN), "no"),
    ("aPTT at 100 s", (lab("aptt", 100),), "no"),
    ("aPTT just above 100 s", (lab("aptt", 100.1),), "yes"),
    ("ratio at 2.5", (lab("aptt_ratio", 2.5),), "no"),
    ("ratio just above 2.5", (lab("aptt_ratio", 2.501),), "yes"),
    ("absent", (), "unknown"),
    ("stale", (lab("anti_xa", 0.9, 13),), "unknown"),
    ("implausible", (unreadable("anti_xa"),), "unknown"),
)
def test_above_target(facts, above):
    assert answer(judge_chart(*running(), *facts), "above_target") == above


def test_above_target_needs_no_steady_level():
    found = judge_chart(heparin(1600, 2), lab("anti_xa", 0.9, 1))
    assert answer(found, "above_target") == "yes"
    assert answer(found, "below_target") == "unknown"


@spec(
    "facts, on",
    ("in range", (lab("anti_xa", 0.5),), "yes"),
    ("at the lower line", (lab("anti_xa", 0.3),), "yes"),
    ("at the upper line", (lab("anti_xa", 0.7),), "yes"),
    ("below", (lab("anti_xa", 0.2),), "no"),
    ("above", (lab("anti_xa", 0.8),), "no"),
    ("unknown", (), "unknown"),
)
def test_on_target_is_otherwise_known(facts, on):
    assert answer(judge_chart(*running(), *facts), "on_target") == on


@spec(
    "anti_xa, aptt, masked, pseudo",
    ("low under adequate", lab("anti_xa", 0.29), lab("aptt", 60), "yes", "no"),
    ("low under low", lab("anti_xa", 0.29), lab("aptt", 59.9), "no", "no"),
    ("at 0.3 over adequate", lab("anti_xa", 0.3), lab("aptt", 60), "no", "no"),
    ("in range over short", lab("anti_xa", 0.3), lab("aptt", 59.9), "no", "yes"),
    ("at 0.7 over short", lab("anti_xa", 0.7), lab("aptt", 59.9), "no", "yes"),
    ("above over short", lab("anti_xa", 0.71), lab("aptt", 59.9), "no", "no"),
    ("no aPTT", lab("anti_xa", 0.29), unreadable("aptt"), "unknown", "no"),
    ("no anti-Xa", unreadable("anti_xa"), lab("aptt", 59.9), "no", "unknown"),
)
def test_the_patterns_of_a_pair(anti_xa, aptt, masked, pseudo):
    found = judge_chart(*running(), anti_xa, aptt)
    assert answer(found, "masked") == masked
    assert answer(found, "pseudo_resistance") == pseudo


def test_without_a_pair_no_pattern_is_ruled_in():
    found = judge_chart(*running(), lab("anti_xa", 0.2, 2), lab("aptt", 70, 5))
    assert answer(found, "masked") == "unknown"
    found = judge_chart(*running(), lab("anti_xa", 0.5, 2), lab("aptt", 50, 5))
    assert answer(found, "pseudo_resistance") == "unknown"


def test_a_low_anti_xa_of_another_drug_is_still_masked():
    found = judge_chart(*running(), lab("anti_xa", 0.2), lab("aptt", 70), APIXABAN)
    assert answer(found, "masked") == "yes"


@spec(
    "facts, reason",
    ("baseline of 40 s", (lab("aptt", 40, 60),), ""),
    ("baseline just above 40 s", (lab("aptt", 40.1, 60),), "aptt: prolongedBaseline"),
    ("the newest before the start is the baseline", (lab("aptt", 80, 90), lab("aptt", 35, 60)), ""),
    ("an unreadable baseline", (unreadable("aptt", 60),), ""),
    (
        "a baseline drawn just after heparin was ordered",
        (order("heparin", rate=1600, hours_ago=70), lab("aptt", 45, 64 + MINUTE)),
        "",
    ),
    (
        "warfarin and INR just above 1.5",
        (order("warfarin", dose=5), lab("inr", 1.51)),
        "aptt: warfarin",
    ),
    ("warfarin and INR at 1.5", (order("warfarin", dose=5), lab("inr", 1.5)), ""),
    (
        "warfarin given and INR raised",
        (given("warfarin", 20, 5), lab("inr", 2.1)),
        "aptt: warfarin",
    ),
    ("INR raised without warfarin", (lab("inr", 2.1),), ""),
    ("warfarin, INR too old", (order("warfarin", dose=5), lab("inr", 2.1, 49 + MINUTE)), ""),
    (
        "warfarin, INR unreadable",
        (order("warfarin", dose=5), unreadable("inr")),
        "aptt: warfarin",
    ),
    (
        "warfarin, another INR at an unknown time",
        (order("warfarin", dose=5), lab("inr", 1.2), lab("inr", 3, None)),
        "aptt: warfarin",
    ),
    ("warfarin, no INR", (order("warfarin", dose=5),), ""),
    (
        "warfarin, INR of two days before",
        (order("warfarin", dose=5), lab("inr", 2.1, 49)),
        "aptt: warfarin",
    ),
    (
        "a thrombin inhibitor by order",
        (order("argatroban", rate=0.5, unit="ug/kg/min"),),
        "aptt: dti",
    ),
)
def test_what_makes_an_aptt_unusable(facts, reason):
    usable = levels(lab("aptt", 50, 1), *facts).aptt.usable
    assert why(usable.reasons) == ({reason} if reason else set())


def test_an_aptt_drawn_on_heparin_is_no_baseline():
    """The order stands for longer than administrations are asked for."""
    long_order = order("heparin", rate=1600, hours_ago=120)
    found = measured(heparin(1600, 70), long_order, lab("aptt", 75, 90), lab("aptt", 50, 2)).levels
    assert found.aptt.usable.yes
    found = measured(heparin(1600, 70), long_order, lab("aptt", 45, 130), lab("aptt", 50, 2)).levels
    assert why(found.aptt.usable.reasons) == {"aptt: prolongedBaseline"}


def test_an_aptt_on_record_before_any_heparin_is_usable():
    assert measured(lab("aptt", 45, 3)).levels.aptt.usable.yes


@spec(
    "result, over",
    ("absent", None, "no"),
    ("at 100 s", lab("aptt", 100), "no"),
    ("above 100 s", lab("aptt", 100.1), "yes"),
    ("above 100 s but old", lab("aptt", 150, 13), "no"),
    ("a ratio at 2.5", lab("aptt_ratio", 2.5), "no"),
    ("a ratio above 2.5", lab("aptt_ratio", 2.51), "yes"),
    ("unreadable", unreadable("aptt"), "unknown"),
    (">90 s", lab("aptt", 90, comparator=">"), "unknown"),
)
def test_a_current_aptt_over_the_upper_line_forbids_a_start(result, over):
    found = levels(*([result] if result else [])).over_high_aptt
    assert found.truth.value == over


def test_the_lines_are_the_protocols_own():
    found = judge_chart(*running(), lab("anti_xa", 0.32), by=protocol(levels__anti_xa_low=0.35))
    assert answer(found, "below_target") == "yes"


def test_the_weight_has_no_part_in_a_level():
    assert levels(lab("anti_xa", 0.2), weight(80)).below.yes
