"""The protocol's numbers as a clinician reads them on a card."""

import pytest

from cds_service.cards.card import ClientCapabilities
from tests.builders import (
    cards_of,
    condition,
    draft,
    failed,
    failing,
    given,
    judge_chart,
    lab,
    order,
    ordered_test,
    organs_well,
    procedure,
    raised,
    running,
    spec,
    unreadable,
    weight,
)


def card(topic, *facts, hook="order-sign", style=None):
    shown = cards_of(judge_chart(*facts, hook=hook), style)
    return next(c for c in shown if c.topic == topic)


def in_words(topic, *facts, **how):
    """Summary and detail of one card."""
    one = card(topic, *facts, **how)
    return f"{one.summary}\n{one.detail}"


WELL = organs_well()
DOSE = failing(lab("antithrombin", 55))
SWITCH = failing(lab("antithrombin", 45))
HEAVY = (*running(2100), weight(100), lab("anti_xa", 0.5, 3), raised(2100))


@spec(
    "topic, facts, words",
    (
        "the dose with its formula",
        "antithrombinDose",
        DOSE,
        "(100 - 55) % x 80 kg / 1.4 = 2,571 IU; predicted 100 %",
    ),
    (
        "the draft that is the multiplied form",
        "antithrombinOverdose",
        (*DOSE, draft("antithrombin", dose=5040)),
        "multiply-by-1.4 figure: 1.96 times the labelled dose",
    ),
    (
        "recheck and maintenance",
        "antithrombinDose",
        DOSE,
        "Recheck antithrombin and anti-Xa in 2-6 h; then 60 % of it every 24 h",
    ),
    (
        "argatroban",
        "anticoagulantSwitch",
        SWITCH,
        "| 0.5 µg/kg/min (2.4 mg/h at 80 kg); label 2 if not critically ill, never above 10 | 2 h",
    ),
    (
        "argatroban's label",
        "anticoagulantSwitch",
        SWITCH,
        "label 2 if not critically ill, never above 10 | 2 h | 1.5-3 x baseline, at most 100 s |",
    ),
    (
        "bivalirudin",
        "anticoagulantSwitch",
        SWITCH,
        "| 0.15 mg/kg/h (12 mg/h at 80 kg) | 2-4 h | 1.5-2.5 x baseline |",
    ),
    (
        "protamine",
        "bleedingOnHeparin",
        (*running(1000), condition("bleeding_major", 5), raised(900)),
        "1 mg for every 100 U of the last 3 h, at most 50 mg in one dose",
    ),
    (
        "after lysis",
        "bleedingRisk",
        (given("alteplase", 5, 50), raised(900)),
        "the aPTT is below 2 times normal",
    ),
    (
        "bivalirudin on ECMO",
        "anticoagulantSwitch",
        (*SWITCH, procedure("ecmo", running=True)),
        "On ECMO bivalirudin has been run at 0.04-0.26 mg/kg/h",
    ),
    ("the ceiling", "heparinDoseCeiling", HEAVY, "50,400 U/day"),
    (
        "platelets for warfarin",
        "warfarinInHit",
        (condition("hit"), draft("warfarin"), lab("platelets", 90)),
        "wait for 150",
    ),
)
def test_a_card_prints_the_protocols_numbers(topic, facts, words):
    assert words in in_words(topic, *facts)


def test_no_second_figure_of_antithrombin_stands_on_the_dose_card():
    assert "5,040" not in in_words("antithrombinDose", *DOSE)


def test_text_and_order_hold_one_dose():
    one = card("antithrombinDose", *DOSE)
    suggestion = one.suggestions[0]
    assert "2,571 IU" in suggestion.label
    resource = suggestion.actions[0].resource
    quantity = resource["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]
    assert (quantity["value"], quantity["code"]) == (2571, "[IU]")


CROWD = (
    *failing(lab("antithrombin", 55)),
    draft("antithrombin", dose=9000),
    draft("clopidogrel", dose=75),
    order("apixaban", dose=5, per_day=2),
    given("andexanet", 20),
    condition("nephrotic"),
)


def test_at_most_three_cards_and_the_rest_is_one_line_of_the_last():
    shown = cards_of(judge_chart(*CROWD))
    assert len(shown) == 3
    assert [c.indicator for c in shown] == ["critical", "critical", "critical"]
    assert "Also: " in shown[-1].detail
    assert all("Also: " not in c.detail for c in shown[:-1])


def test_what_could_not_be_assessed_is_never_dropped():
    shown = cards_of(judge_chart(*CROWD, failed("tests", "allergies")))
    assert len(shown) == 3
    assert shown[-1].topic == "notAssessed"


def test_an_override_reason_stands_on_warnings_and_never_on_information():
    for one in cards_of(judge_chart(*CROWD, failed("allergies"))):
        assert bool(one.override_reasons) is (one.indicator != "info")


def test_a_test_is_offered_once_on_the_most_urgent_card():
    shown = cards_of(
        judge_chart(*running(2200), weight(100), condition("vte", onset=5), raised(2300))
    )
    offered = [
        a.resource["code"]["coding"][0]["code"]
        for c in shown
        for s in c.suggestions
        for a in s.actions
        if a.type == "create"
    ]
    assert len(offered) == len(set(offered))
    assert "27811-9" in offered


@pytest.mark.parametrize(
    "style", [ClientCapabilities(single_action=True), ClientCapabilities(selection_behavior="any")]
)
def test_a_client_of_single_actions_gets_no_start_and_in_hit_only_stops(style):
    for facts, kinds in ((SWITCH, {"create"}), ((*SWITCH, condition("hit")), {"update", "delete"})):
        shown = cards_of(judge_chart(*facts), style)
        actions = [a for c in shown for s in c.suggestions for a in s.actions]
        assert {a.type for a in actions} == kinds
        assert all(len(s.actions) == 1 for c in shown for s in c.suggestions)
        made = [a.resource["resourceType"] for a in actions if a.type == "create"]
        assert set(made) <= {"ServiceRequest"}


def test_a_client_of_single_actions_still_gets_tests():
    shown = cards_of(judge_chart(*failing()), ClientCapabilities(single_action=True))
    created = [a.resource["resourceType"] for c in shown for s in c.suggestions for a in s.actions]
    assert set(created) == {"ServiceRequest"}


def test_a_level_just_under_a_line_is_not_rounded_onto_it():
    assert "49.9 %" in in_words("anticoagulantSwitch", *failing(lab("antithrombin", 49.9)))


def test_both_organs_impaired_names_the_lowest_starts():
    facts = (
        *failing(lab("antithrombin", 45), lab("creatinine", 6, 1), lab("creatinine", 6, 60)),
        lab("bilirubin", 5, 1),
    )
    words = in_words("anticoagulantSwitch", *facts)
    assert "argatroban 0.2 µg/kg/min, bivalirudin 0.05 mg/kg/h" in words


def test_an_unreadable_newest_aptt_is_named_before_anything_starts():
    words = in_words("hitSuspected", *SWITCH, condition("hit"), unreadable("aptt"))
    assert "newest aPTT cannot be read" in words


def test_a_circuit_names_its_interval():
    words = in_words("heparinResistance", *failing(procedure("ecmo", running=True)))
    assert "anti-Xa every 8 h (6 h in the first 48 h)" in words


@spec(
    "topic, facts",
    ("on the resistance card", "heparinResistance", failing(ordered_test("antithrombin"))),
    ("in HIT", "hitSuspected", (*SWITCH, condition("hit"), ordered_test("hit_antibody"))),
    ("on the ceiling", "heparinDoseCeiling", (*HEAVY, ordered_test("antithrombin"))),
)
def test_a_test_that_is_pending_is_named_and_not_ordered_again(topic, facts):
    one = card(topic, *facts)
    assert "Ordered already: " in one.detail
    ordered = facts[-1].concept
    code = {"antithrombin": "27811-9", "hit_antibody": "34701-3"}[ordered]
    actions = [a for s in one.suggestions for a in s.actions if a.type == "create"]
    assert code not in [
        c["code"] for a in actions for c in a.resource.get("code", {}).get("coding", ())
    ]


@pytest.mark.parametrize(
    ("result", "limit"), [(lab("aptt", 130), "100 s"), (lab("aptt_ratio", 3.1), "2.5 x")]
)
def test_the_upper_limit_of_the_aptt_is_shown_in_the_unit_of_the_test(result, limit):
    """Told by which test it is of: a site's limits may be of any size."""
    positive = lab("hit_functional", None, positive=True)
    told = in_words("hitSuspected", *running(), weight(80), raised(1800), positive, *WELL, result)
    assert f"aPTT is over {limit}:" in told
