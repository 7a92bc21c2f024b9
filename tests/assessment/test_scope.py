"""Gate 1: which draft opens what, and when opening a chart speaks (clinical logic 4)."""

import pytest

from cds_service.assessment.recommend.registry import TOPICS
from cds_service.assessment.recommend.scope import scope_of
from cds_service.chart.facts import Form, HookContext, Route, Use
from tests.builders import (
    MINUTE,
    condition,
    draft,
    failed,
    failing,
    given,
    heparin,
    judge_chart,
    lab,
    order,
    raised,
    running,
    spec,
    topics,
    weight,
)

ALWAYS = {"notAssessed", "adultOnly"}
GONE = failed("administrations")
SUBCUTANEOUS = Route.SUBCUTANEOUS
EVERYTHING = set(TOPICS)
OTHER = {"anticoagulantCombination", "bleedingRisk"}
HIT = {"hitSuspected", "hitPossible"}
RESISTANCE = {
    "heparinEffectLost",
    "anticoagulantSwitch",
    "heparinDoseCeiling",
    "antithrombinDose",
    "thrombosisOnHeparin",
    "heparinResistance",
    "assayDiscordance",
}


def opened(*drafts, hook="order-sign"):
    return set(scope_of(HookContext(hook, "pat"), drafts).topics)


@spec(
    "one, opens",
    ("a heparin infusion", raised(1600), EVERYTHING),
    ("a heparin infusion without a rate", draft("heparin", form=Form.UNKNOWN), EVERYTHING),
    (
        "a flush",
        draft("heparin", dose=20, use=Use.NO_THERAPY),
        HIT | {"anticoagulantCombination"} | ALWAYS,
    ),
    (
        "heparin under the skin",
        draft("heparin", dose=5000, route=Route.SUBCUTANEOUS),
        HIT | {"anticoagulantCombination"} | ALWAYS,
    ),
    ("LMWH", draft("enoxaparin", dose=80), HIT | {"anticoagulantCombination"} | ALWAYS),
    (
        "antithrombin",
        draft("antithrombin", dose=2000),
        {"antithrombinOverdose", "antithrombinUnchecked", "bleedingRisk"}
        | HIT
        | RESISTANCE
        | ALWAYS,
    ),
    ("argatroban", draft("argatroban"), OTHER | ALWAYS),
    ("bivalirudin", draft("bivalirudin"), OTHER | ALWAYS),
    ("fondaparinux", draft("fondaparinux"), OTHER | ALWAYS),
    ("apixaban", draft("apixaban"), OTHER | ALWAYS),
    ("dabigatran", draft("dabigatran"), OTHER | ALWAYS),
    ("danaparoid", draft("danaparoid"), OTHER | ALWAYS),
    ("warfarin", draft("warfarin"), {"warfarinInHit"} | ALWAYS),
    ("clopidogrel", draft("clopidogrel"), {"antiplateletWithHeparin"} | ALWAYS),
    ("aspirin alone", draft("aspirin"), set()),
    ("protamine", draft("protamine"), set()),
    ("andexanet", draft("andexanet"), set()),
    ("nothing", None, set()),
)
def test_what_a_draft_opens(one, opens):
    assert opened(*([one] if one else [])) == opens


@pytest.mark.parametrize("status", ["stopped", "cancelled", "completed", "entered-in-error"])
def test_a_draft_that_stops_an_order_opens_nothing(status):
    assert opened(raised(1600, status=status)) == set()


@spec(
    "hook, selected, opens",
    ("selected", "order-select", True, True),
    ("in the background of a selection", "order-select", False, False),
    ("signed, selected or not", "order-sign", False, True),
)
def test_order_select_looks_at_what_was_picked(hook, selected, opens):
    assert bool(opened(raised(1600, selected=selected), hook=hook)) is opens


def test_several_drafts_open_what_each_opens():
    assert opened(draft("warfarin"), draft("clopidogrel")) == {
        "warfarinInHit",
        "antiplateletWithHeparin",
        *ALWAYS,
    }


def test_what_was_not_selected_is_still_background():
    """The unpicked raise is no reason to speak, but counts once another draft is."""
    facts = (*running(), weight(80), lab("anti_xa", 0.9, 3))
    hidden = raised(1800, selected=False)
    assert topics(judge_chart(*facts, hidden, hook="order-select")) == set()
    shown = draft("heparin", rate=1600, name="picked")
    assert "aboveTargetRaise" in topics(judge_chart(*facts, hidden, shown, hook="order-select"))


def test_on_opening_a_chart_no_card_is_about_a_draft():
    about_drafts = {
        "antithrombinUnchecked",
        "warfarinInHit",
        "antiplateletWithHeparin",
        "aboveTargetRaise",
        "bleedingRisk",
        "pseudoResistance",
        "baselineTests",
    }
    assert opened(hook="patient-view") == EVERYTHING - about_drafts


@spec(
    "facts, speaks",
    ("while heparin runs", (*failing(),), {"heparinResistance"}),
    (
        "heparin by order",
        (order("heparin", rate=1600), weight(80), lab("anti_xa", 0.1)),
        {"heparinResistance"},
    ),
    ("nothing runs", (weight(80), lab("anti_xa", 0.1)), set()),
    ("heparin ended three hours ago", (heparin(2000, 48, 3), weight(80)), set()),
    (
        "HIT on record, a flush stands",
        (condition("hit"), order("heparin", dose=20, use=Use.NO_THERAPY)),
        {"hitSuspected"},
    ),
    ("HIT on record, no heparin", (condition("hit"),), set()),
    (
        "an allergy naming HIT, LMWH stands",
        (condition("heparin_hit"), order("enoxaparin", dose=40)),
        {"hitSuspected"},
    ),
    (
        "an allergy, LMWH given today",
        (condition("heparin"), given("enoxaparin", 5, 40)),
        {"hitPossible"},
    ),
    ("an allergy, no heparin", (condition("heparin"),), set()),
    ("a flush alone", (order("heparin", dose=20, use=Use.NO_THERAPY),), set()),
    ("a child on heparin", (condition("sepsis"), *running(900)), set()),
)
def test_when_opening_a_chart_speaks(facts, speaks):
    facts = [f for f in facts if getattr(f, "drafted", False) is False]
    shown = topics(judge_chart(*facts, hook="patient-view"))
    assert shown - {"monitoringDue"} == speaks


def test_what_could_not_be_read_speaks_on_opening_a_chart_only_with_heparin_in_play():
    assert topics(judge_chart(failed("conditions"), hook="patient-view")) == set()
    assert "notAssessed" in topics(
        judge_chart(*running(), failed("conditions"), hook="patient-view")
    )
    flush = order("heparin", dose=20, use=Use.NO_THERAPY)
    assert topics(judge_chart(flush, failed("conditions"), hook="patient-view")) == set()
    medicines = failed("administrations", "orders")
    assert "notAssessed" in topics(judge_chart(medicines, hook="patient-view"))


OLD = 7 * 24


@spec(
    "facts, speaks",
    ("an infusion runs", running(), True),
    ("an order that stands a week", (order("heparin", rate=900, hours_ago=OLD), GONE), True),
    (
        "a minute longer",
        (order("heparin", rate=900, hours_ago=OLD + MINUTE), GONE),
        False,
    ),
    (
        "an order that ended within three days",
        (order("heparin", rate=900, hours_ago=72, status="stopped"), GONE),
        True,
    ),
    ("heparin under the skin", (order("heparin", dose=5000, route=SUBCUTANEOUS), GONE), False),
    ("LMWH", (order("enoxaparin", dose=40), GONE), False),
    ("no heparin", (GONE,), False),
)
def test_on_opening_a_chart_what_is_not_read_matters_where_heparin_runs_or_may_run(facts, speaks):
    """The administrations failed, so that nobody knows; and the allergies did."""
    shown = topics(judge_chart(*facts, failed("allergies"), hook="patient-view"))
    assert ("notAssessed" in shown) is speaks


@spec(
    "facts, nothing",
    ("both failed", (failed("administrations", "orders"),), True),
    ("the orders answered", (failed("administrations"),), False),
    ("the administrations answered", (failed("orders"),), False),
    ("both answered", (), False),
)
def test_nothing_of_medicines_can_be_had(facts, nothing):
    assert judge_chart(*facts, hook="patient-view").nothing_of_medicines is nothing
