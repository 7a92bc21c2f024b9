"""Ceiling, dose, clot, resistance, discordance, what cannot be assessed (clinical logic 5)."""

from dataclasses import replace

from cds_service.chart.facts import Problem
from cds_service.chart.query_result import QueryState
from tests.builders import (
    MINUTE,
    cards_of,
    condition,
    draft,
    due,
    every_start,
    failed,
    failing,
    given,
    heparin,
    item,
    judge_chart,
    lab,
    offered_tests,
    order,
    ordered_test,
    organs_well,
    procedure,
    protocol,
    raised,
    running,
    spec,
    topics,
    unreadable,
    weight,
    why,
)

OVER = 2100  # U/h: 50,400 U/day; above 20 U/kg/h up to 105 kg
ON = lab("anti_xa", 0.5, 3)


@spec(
    "facts, indicator",
    ("above 20 U/kg/h", (*running(OVER), weight(100)), "info"),
    ("at 20 U/kg/h", (*running(OVER), weight(105)), None),
    ("weight unknown", running(OVER), "critical"),
    ("under the ceiling", (*running(2083), weight(100)), None),
    (
        "antithrombin measured 48 h ago",
        (*running(OVER), weight(100), lab("antithrombin", 90, 48)),
        None,
    ),
    (
        "a minute earlier",
        (*running(OVER), weight(100), lab("antithrombin", 90, 48 + MINUTE)),
        "info",
    ),
    (
        "antithrombin measured and unreadable",
        (*running(OVER), weight(100), unreadable("antithrombin")),
        "info",
    ),
    (
        "antithrombin measured, and another at an unknown time",
        (*running(OVER), weight(100), lab("antithrombin", 90), lab("antithrombin", 40, None)),
        "info",
    ),
)
def test_dose_ceiling(facts, indicator):
    found = item(judge_chart(*facts, ON, raised(OVER)), "heparinDoseCeiling")
    assert (found.indicator.value if found else None) == indicator


ALONG = tuple(lab("anti_xa", 0.5, hours) for hours in (12, 21, 30, 39))
BETWEEN = (heparin(2000, 40, 20), heparin(1700, 20, 2))  # the gap lies before
KG_80, KG_84 = weight(80), weight(84)  # 2,100 U/h: 26.3 and 25.0 U/kg/h


@spec(
    "facts, indicator",
    ("on target", (*running(OVER), weight(100), ON), "info"),
    ("no weight", (*running(OVER), ON), "critical"),
    ("failing", (*failing(rate=OVER, kg=100),), "warning"),
    ("failing at 25 U/kg/h", (*failing(rate=OVER, kg=84),), "critical"),
    ("a raise drafted", (*running(1900), weight(100), ON, raised(OVER, name="up")), "warning"),
    ("a raise to 25 U/kg/h", (*running(1900), KG_84, ON, raised(OVER, name="up")), "critical"),
    ("a first order past the ceiling", (KG_80, raised(OVER, name="up")), "critical"),
    ("25 U/kg/h and no level", (*running(OVER), KG_84), "warning"),
    ("25 U/kg/h under the ceiling, no level", (*running(2000), KG_80), "warning"),
    ("just under 25, no level", (*running(1999), KG_80), None),
    ("25 U/kg/h, with levels all along", (*running(2000), KG_80, ON, *ALONG), None),
    ("a level after half a day without", (*running(2000), KG_80, ON), "warning"),
    ("turned down to 22.5", (heparin(2000, 20, 3), heparin(1800, 3), KG_80), "warning"),
    ("to just under", (heparin(2000, 20, 3), heparin(1799, 3), KG_80), None),
    ("half a day ago", (heparin(2000, 30, 13), heparin(1800, 13), KG_80), "warning"),
    ("after six steep hours", (heparin(2000, 19, 13), heparin(1800, 13), KG_80), None),
    ("clearly lower in between", (*BETWEEN, heparin(2000, 2), KG_80, ON), None),
)
def test_how_loud_the_ceiling_is(facts, indicator):
    found = item(judge_chart(*facts, draft("heparin", rate=900)), "heparinDoseCeiling")
    assert (found.indicator.value if found else None) == indicator


@spec(
    "facts, told",
    ("with a weight", (weight(100),), "Heparin 2,100 U/h (21.0 U/kg/h), 50,400 U/day"),
    ("without", (), "Heparin 2,100 U/h, 50,400 U/day, weight not known"),
)
def test_the_ceiling_is_judged_by_weight_where_that_is_known(facts, told):
    cards = cards_of(judge_chart(*running(OVER), *facts, ON, raised(OVER)))
    (summary,) = (card.summary for card in cards if card.topic == "heparinDoseCeiling")
    assert summary.startswith(told)


@spec(
    "facts, tests",
    ("anti-Xa current", (ON,), {"antithrombin"}),
    ("anti-Xa not current", (lab("anti_xa", 0.5, 13),), {"antithrombin", "anti_xa"}),
    ("pending", (ON, ordered_test("antithrombin")), set()),
    ("drafted", (ON, ordered_test("antithrombin", status="draft", drafted=True)), set()),
    (
        "the order was cancelled",
        (ON, ordered_test("antithrombin", status="revoked")),
        {"antithrombin"},
    ),
    ("ordered without a date", (ON, ordered_test("antithrombin", None)), set()),
    ("on hold", (ON, ordered_test("antithrombin", status="on-hold")), set()),
)
def test_what_the_ceiling_asks_for(facts, tests):
    found = judge_chart(*running(OVER), weight(100), raised(OVER), *facts)
    assert offered_tests(due(found, "heparinDoseCeiling")) == tests


def test_the_ceiling_speaks_of_the_drafted_rate():
    card = due(judge_chart(*running(1900), weight(104), ON, raised(2100)), "heparinDoseCeiling")
    assert card.values["rate"] == 2100
    assert card.indicator.value == "warning"


@spec(
    "level, topic",
    ("70 %", 70, "heparinResistance"),
    ("just under 70 %", 69.9, "antithrombinDose"),
    ("50 %", 50, "antithrombinDose"),
    ("just under 50 %", 49.9, "anticoagulantSwitch"),
)
def test_the_tier_picks_the_card(level, topic):
    found = topics(judge_chart(*failing(lab("antithrombin", level))))
    assert {topic} == found & {"heparinResistance", "antithrombinDose", "anticoagulantSwitch"}


CLOT = condition("vte", onset=10)


@spec(
    "facts, speaks",
    ("antithrombin unknown", (), True),
    ("antithrombin of 70", (lab("antithrombin", 70),), True),
    ("antithrombin just under 70: the dose card", (lab("antithrombin", 69.9),), False),
)
def test_thrombosis_on_heparin(facts, speaks):
    found = judge_chart(*failing(CLOT, *facts))
    assert ("thrombosisOnHeparin" in topics(found)) is speaks
    assert "heparinResistance" not in topics(found)


@spec(
    "facts, speaks",
    ("high, on target", (*running(1600), weight(80), ON), True),
    ("not high, below target", (*running(900), weight(80), lab("anti_xa", 0.2, 3)), True),
    ("on target at any dose", (*running(900), weight(80), ON), True),
    ("above target", (*running(900), weight(80), lab("anti_xa", 0.8, 3)), False),
)
def test_a_clot_alone_is_no_card(facts, speaks):
    found = judge_chart(*facts, CLOT, raised(1000))
    assert ("thrombosisOnHeparin" in topics(found)) is speaks


def test_thrombosis_is_critical_and_asks_for_antithrombin_first():
    card = due(judge_chart(*failing(CLOT)), "thrombosisOnHeparin")
    assert why(card.open) == {"antithrombin: missing"}
    assert card.indicator.value == "critical"
    assert offered_tests(card) == {"antithrombin", "aptt"}


HEAVY = (*running(1700), weight(80))  # 40,800 U/day at 21 U/kg/h


@spec(
    "facts, indicator, tests",
    ("failing, antithrombin unknown", failing(), "warning", {"antithrombin", "aptt"}),
    ("both levels current", failing(lab("aptt", 55, 3)), "warning", {"antithrombin"}),
    (
        "failing, antithrombin normal",
        failing(lab("antithrombin", 90)),
        "warning",
        {"fibrinogen", "factor_viii", "aptt"},
    ),
    (
        "fibrinogen on record 48 h ago",
        failing(lab("antithrombin", 90), lab("fibrinogen", 300, 48)),
        "warning",
        {"factor_viii", "aptt"},
    ),
    (
        "fibrinogen a minute earlier",
        failing(lab("antithrombin", 90), lab("fibrinogen", 300, 48 + MINUTE)),
        "warning",
        {"fibrinogen", "factor_viii", "aptt"},
    ),
    ("raised on target, antithrombin unknown", (*HEAVY, ON), "info", {"antithrombin", "aptt"}),
    ("raised, antithrombin low", (*HEAVY, ON, lab("antithrombin", 60)), "info", {"aptt"}),
    ("raised, antithrombin severe", (*HEAVY, ON, lab("antithrombin", 40)), "info", {"aptt"}),
    ("raised above target, unknown", (*HEAVY, lab("anti_xa", 0.8, 3)), "info", {"antithrombin"}),
    (
        "raised above target, normal",
        (*HEAVY, lab("anti_xa", 0.8, 3), lab("antithrombin", 90)),
        "info",
        set(),
    ),
    ("raised, level unknown", HEAVY, "info", {"antithrombin", "anti_xa", "aptt"}),
)
def test_resistance(facts, indicator, tests):
    card = due(judge_chart(*facts, raised(1700, name="again")), "heparinResistance")
    assert card.indicator.value == indicator
    assert offered_tests(card) == tests


@spec(
    "facts, note",
    ("low without failing", (*HEAVY, ON, lab("antithrombin", 60)), "resistance.noDose"),
    ("above target", (*HEAVY, lab("anti_xa", 0.8, 3)), "resistance.aboveTarget"),
    ("normal", failing(lab("antithrombin", 90)), "resistance.notAntithrombin"),
    (
        "responded",
        (heparin(2200, 60, 20), heparin(1710, 20), weight(80), ON, given("antithrombin", 22, 2000)),
        "resistance.responded",
    ),
    (
        "refractory",
        failing(given("antithrombin", 20, 2000), lab("antithrombin", 90)),
        "resistance.refractory",
    ),
    ("acute phase", failing(lab("fibrinogen", 600)), "contributor.acutePhase"),
    ("at risk", failing(condition("nephrotic")), "contributor.risk"),
    ("sepsis", failing(condition("sepsis")), "population.sepsis"),
    ("a circuit", failing(procedure("ecmo", running=True)), "population.circuit"),
    ("cancer", failing(condition("cancer")), "population.cancer"),
    ("pregnancy", failing(condition("pregnancy")), "population.pregnancy"),
    ("cardiac surgery", failing(procedure("cardiac_surgery", 60)), "population.cardiacSurgery"),
)
def test_what_the_resistance_card_says(facts, note):
    assert note in due(judge_chart(*facts, raised(1700, name="again")), "heparinResistance").notes


@spec(
    "facts, notes",
    ("failing, antithrombin unknown", failing(), set()),
    ("failing, normal", failing(lab("antithrombin", 90)), {"resistance.notAntithrombin"}),
    ("failing, low-normal", failing(lab("antithrombin", 75)), {"resistance.notAntithrombin"}),
    ("raised, low", (*HEAVY, ON, lab("antithrombin", 60)), {"resistance.noDose"}),
    ("raised, severe", (*HEAVY, ON, lab("antithrombin", 40)), {"resistance.noDose"}),
    ("raised, unknown", (*HEAVY, ON), set()),
    (
        "raised, on target after a dose",
        (*HEAVY, ON, given("antithrombin", 50, 2000), lab("antithrombin", 90)),
        {"resistance.notAntithrombin", "resistance.responded"},
    ),
    (
        "raised, a dose and no level after it yet",
        (*HEAVY, ON, given("antithrombin", 5, 2000), lab("antithrombin", 90)),
        {"resistance.notAntithrombin"},
    ),
)
def test_the_resistance_card_says_no_more_of_antithrombin_than_is_so(facts, notes):
    card = due(judge_chart(*facts, raised(1700, name="again")), "heparinResistance")
    assert {note for note in card.notes if note.startswith("resistance.")} == notes


def test_a_low_normal_antithrombin_is_explained_as_a_normal_one_is():
    card = due(judge_chart(*failing(lab("antithrombin", 75))), "heparinResistance")
    assert offered_tests(card) == {"fibrinogen", "factor_viii", "aptt"}


@spec(
    "facts, cited",
    ("by anti-Xa", failing(), ("levels.anti_xa_low", "heparin.high_daily_dose")),
    (
        "by aPTT",
        (*running(), lab("aptt", 50), weight(80), raised(1800)),
        ("levels.aptt_low", "heparin.high_daily_dose"),
    ),
    ("on target", (*HEAVY, ON, raised(1800)), ("heparin.high_daily_dose",)),
)
def test_a_card_cites_the_lines_that_this_patient_crossed(facts, cited):
    assert due(judge_chart(*facts), "heparinResistance").limits == cited


def test_a_level_that_is_too_old_is_not_shown():
    card = due(judge_chart(*failing(lab("aptt", 55, 13))), "heparinResistance")
    assert {fact.fact for fact in card.facts} == {
        "dailyDose",
        "documentedDose",
        "rate",
        "anti_xa",
        "target",
        "required_rate",
        "weight",
    }


@spec(
    "facts, summary",
    ("failing, unknown", failing(), "failing.unknown"),
    ("failing, known", failing(lab("antithrombin", 90)), "failing.known"),
    ("raised, unknown", (*HEAVY, ON), "raised.unknown"),
    ("raised, known", (*HEAVY, ON, lab("antithrombin", 60)), "raised.known"),
    ("refractory", failing(given("antithrombin", 20, 2000), lab("antithrombin", 90)), "refractory"),
)
def test_the_summary_of_the_resistance_card(facts, summary):
    card = due(judge_chart(*facts, raised(1700, name="again")), "heparinResistance")
    assert card.summary == summary


def test_the_ceiling_tells_resistance_while_antithrombin_is_unknown():
    facts = (*running(OVER), weight(100), lab("anti_xa", 0.2, 3), raised(OVER))
    assert topics(judge_chart(*facts)) & {"heparinDoseCeiling", "heparinResistance"} == {
        "heparinDoseCeiling"
    }


MASKED = (lab("anti_xa", 0.2, 3), lab("aptt", 70, 3))


@spec(
    "facts, speaks",
    ("masked on a usual dose", (*running(900), weight(80), *MASKED), True),
    ("masked on a high dose too", (*running(1600), weight(80), *MASKED), True),
    ("not masked", (*running(900), weight(80), ON, lab("aptt", 70, 3)), False),
    (
        "masked past the ceiling, not suspected",
        (*running(OVER, 5), lab("anti_xa", 0.2, 0.5), lab("aptt", 70, 0.5)),
        False,
    ),
)
def test_discordance(facts, speaks):
    assert ("assayDiscordance" in topics(judge_chart(*facts, raised(950)))) is speaks


@spec(
    "facts, tests",
    ("nothing on record", (), {"antithrombin", "inr", "fibrinogen"}),
    ("antithrombin known", (lab("antithrombin", 90),), {"inr", "fibrinogen"}),
    ("INR 48 h ago", (lab("inr", 1.1, 48),), {"antithrombin", "fibrinogen"}),
    (
        "INR a minute earlier",
        (lab("inr", 1.1, 48 + MINUTE),),
        {"antithrombin", "inr", "fibrinogen"},
    ),
)
def test_what_discordance_asks_for(facts, tests):
    found = judge_chart(*running(900), weight(80), *MASKED, raised(950), *facts)
    card = due(found, "assayDiscordance")
    assert card.indicator.value == "warning"
    assert offered_tests(card) == tests


def test_discordance_never_offers_to_raise_heparin():
    found = judge_chart(*running(900), weight(80), *MASKED, raised(950))
    assert "heparin" not in every_start(found)


# --- what could not be read --------------------------------------------------------------------


@spec(
    "facts, reason",
    ("the problem list", (failed("conditions"),), "conditions: failed"),
    ("the allergies", (failed("allergies"),), "allergies: failed"),
    ("the platelets", (failed("blood"),), "platelets: failed"),
    ("aPTT and anti-Xa", (failed("coagulation"),), "levels: failed"),
    ("the administrations", (failed("administrations"),), "heparinDose: failed"),
    ("the orders", (failed("orders"),), "heparinDose: failed"),
    ("partial", (failed("conditions", state=QueryState.PARTIAL),), "conditions: partial"),
    ("not supplied", (failed("blood", state=QueryState.NOT_SUPPLIED),), "platelets: not supplied"),
)
def test_what_decides_and_could_not_be_read_is_named(facts, reason):
    card = due(judge_chart(*running(), weight(80), ON, raised(1700), *facts), "notAssessed")
    assert reason in why(card.open)
    assert card.indicator.value == "info"


@spec(
    "facts, speaks",
    ("open for three days and more", (heparin(1600, 73),), True),
    ("for nearly a week", (heparin(1600, 7 * 24 - 1),), True),
    ("for more than a week: nobody closed it", (heparin(1600, 7 * 24 + 1),), False),
    ("a rate of one moment, days ago", (heparin(1600, 73, point=True),), False),
    ("ended days ago", (heparin(1600, 100, 73),), False),
)
def test_an_infusion_whose_row_was_never_closed_is_named_when_a_chart_is_opened(facts, speaks):
    """No order stands and nothing was charted since: whether it runs is unknown, not no."""
    card = item(judge_chart(*facts, weight(80), hook="patient-view"), "notAssessed")
    assert (card is not None) is speaks
    if speaks:
        assert "heparinRunning: uncharted" in why(card.open)


@spec(
    "facts, reason",
    ("an uncharted infusion", (heparin(1600, 73),), "heparinRunning: uncharted"),
    ("an old order", (order("heparin", rate=1600, hours_ago=200),), "heparinRunning: oldOrder"),
    (
        "a rate in free text",
        (heparin(None, 40, problem=Problem.TEXT_ONLY),),
        "heparinDose: textOnly",
    ),
    (
        "a drafted rate by weight",
        (*running(), raised(20, unit="[IU]/kg/h", name="b")),
        "heparinDose: noWeight",
    ),
)
def test_a_dose_that_cannot_be_read_is_named(facts, reason):
    card = due(judge_chart(*facts, raised(1700)), "notAssessed")
    assert reason in why(card.open)


@spec(
    "facts, speaks",
    ("both levels unreadable", (unreadable("anti_xa"), unreadable("aptt")), True),
    ("one of them readable", (unreadable("anti_xa"), lab("aptt", 70)), False),
    ("never drawn is only missing", (), False),
    ("only old ones", (lab("anti_xa", 0.5, 20),), False),
)
def test_levels_that_cannot_be_read(facts, speaks):
    found = judge_chart(*running(1000), weight(80), raised(1050), *facts)
    assert ("notAssessed" in topics(found)) is speaks


def test_an_empty_answer_is_an_answer():
    empty = failed("conditions", "allergies", "procedures", state=QueryState.EMPTY)
    found = judge_chart(*running(1000), weight(80), ON, raised(1050), empty)
    assert "notAssessed" not in topics(found)


@spec(
    "topic, facts",
    ("HIT", "hitSuspected", (condition("hit"),)),
    ("resistance", "heparinResistance", ()),
    ("a dose", "antithrombinDose", (lab("antithrombin", 55),)),
    ("a switch", "anticoagulantSwitch", (lab("antithrombin", 45),)),
    ("a clot", "thrombosisOnHeparin", (CLOT,)),
)
def test_a_topic_that_is_off_is_not_shown_and_silent_ones_are_recorded(topic, facts):
    shipped = protocol()
    off = replace(shipped, topics={**shipped.topics, topic: "off"})
    silent = replace(shipped, topics={**shipped.topics, topic: "silent"})
    assert topic in topics(judge_chart(*failing(*facts)))
    assert topic not in topics(judge_chart(*failing(*facts), by=off))
    found = judge_chart(*failing(*facts), by=silent)
    assert topic not in topics(found)
    assert topic in {item.topic for item in found.silent}


@spec("kg", ("of 70 kg", 70), ("of 120 kg: 51,840 U/day", 120))
def test_a_first_order_at_the_standard_start_is_silent(kg):
    found = judge_chart(draft("heparin", rate=18 * kg), weight(kg), *organs_well())
    assert topics(found) == set()
