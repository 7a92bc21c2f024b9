"""A card with nothing left to do rests, one step quieter, until its results are due (logic 6)."""

from tests.builders import (
    MINUTE,
    due,
    failing,
    heparin,
    judge_chart,
    lab,
    order,
    ordered_test,
    raised,
    running,
    spec,
    weight,
)

OVER = (*running(2100), weight(84), lab("anti_xa", 0.5, 3), raised(2310))  # critical: a raise
AT = "antithrombin"


@spec(
    "facts, indicator",
    ("nothing ordered", (), "critical"),
    ("ordered a day ago", (ordered_test(AT, hours_ago=24),), "warning"),
    ("longer ago than it takes", (ordered_test(AT, hours_ago=24 + MINUTE),), "critical"),
    ("drafted in this call", (ordered_test(AT, status="draft", drafted=True),), "warning"),
    ("ordered without a time", (ordered_test(AT, hours_ago=None),), "critical"),
    ("cancelled", (ordered_test(AT, hours_ago=1, status="revoked"),), "critical"),
)
def test_a_critical_card_rests_as_a_warning(facts, indicator):
    card = due(judge_chart(*OVER, *facts), "heparinDoseCeiling")
    assert card.indicator.value == indicator


@spec(
    "facts, indicator",
    ("nothing ordered", (), "warning"),
    ("one of two", (ordered_test("fibrinogen", hours_ago=1),), "warning"),
    ("both", (ordered_test("fibrinogen", hours_ago=1), ordered_test("factor_viii", 1)), "info"),
    (
        "four hours ago",
        (ordered_test("fibrinogen", hours_ago=4), ordered_test("factor_viii", 4)),
        "info",
    ),
    (
        "one of them longer ago",
        (ordered_test("fibrinogen", 4 + MINUTE), ordered_test("factor_viii", 1)),
        "warning",
    ),
)
def test_a_warning_rests_as_information(facts, indicator):
    levels = (lab(AT, 90), lab("aptt", 50, 3))
    card = due(judge_chart(*failing(*levels, *facts)), "heparinResistance")
    assert card.indicator.value == indicator


@spec(
    "facts, indicator, offered",
    ("nothing ordered", (), "warning", True),
    ("ordered a day ago", (order(AT, dose=2500, hours_ago=24),), "info", False),
    ("longer ago", (order(AT, dose=2500, hours_ago=24 + MINUTE),), "warning", True),
    ("cancelled", (order(AT, dose=2500, hours_ago=2, status="cancelled"),), "warning", True),
)
def test_a_dose_that_is_ordered_is_not_offered_again(facts, indicator, offered):
    card = due(judge_chart(*failing(lab(AT, 55), *facts)), "antithrombinDose")
    assert card.indicator.value == indicator
    assert bool(card.choices) is offered


@spec(
    "hours, said",
    ("three days on heparin", 72, True),
    ("a minute less", 72 - MINUTE, False),
)
def test_from_the_third_day_heparin_itself_lowers_antithrombin(hours, said):
    facts = (
        heparin(1400, hours, 24),
        heparin(1600, 24),
        order("heparin", rate=1600),
        weight(80, 90),
    )
    levels = (lab("anti_xa", 0.16, 26), lab("anti_xa", 0.18, 3), lab(AT, 75))
    card = due(judge_chart(*facts, *levels, raised(1700)), "heparinResistance")
    assert ("resistance.loweredByHeparin" in card.notes) is said
