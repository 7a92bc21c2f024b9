"""A bleed under heparin, and a start in spite of one or of its risk (clinical logic 6)."""

from cds_service.assessment.model.recommendation import Indicator
from cds_service.assessment.model.verdict import Reason
from tests.builders import (
    MINUTE,
    cards_of,
    condition,
    deleted,
    draft,
    due,
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
    procedure,
    raised,
    recommended,
    running,
    spec,
    starts,
    stopped,
    topics,
    unreadable,
    weight,
)

BLEED = condition("bleeding_major", 5)
EPIDURAL = procedure("neuraxial_catheter", 10, 10, label="epidural catheter")


def fell(by, high=13.4, first=20, last=2):
    return (lab("hemoglobin", high, first), lab("hemoglobin", round(high - by, 2), last))


def bleeding_card(*facts, hook="patient-view"):
    return item(judge_chart(*facts, hook=hook), "bleedingOnHeparin")


@spec(
    "facts, indicator",
    ("a major bleed", (BLEED,), Indicator.CRITICAL),
    ("recorded two days ago", (condition("bleeding_major", 48),), Indicator.CRITICAL),
    ("a minute earlier", (condition("bleeding_major", 48 + MINUTE),), None),
    ("an intracranial bleed", (condition("bleeding_intracranial", 5),), Indicator.CRITICAL),
    ("another bleed", (condition("bleeding", 5),), None),
    ("over", (condition("bleeding_major", 5, active=False),), None),
    ("haemoglobin fell by 2", fell(2), Indicator.WARNING),
    ("by 1.99", fell(1.99), None),
    ("over more than a day", fell(3, first=27), None),
    ("two days ago", fell(3, first=60, last=48), Indicator.WARNING),
    ("a minute earlier", fell(3, first=60, last=48 + MINUTE), None),
    ("unreadable since", (lab("hemoglobin", 13, 20), unreadable("hemoglobin", 2)), None),
    ("platelets just under 25", (lab("platelets", 24.9),), Indicator.WARNING),
    ("platelets at 25", (lab("platelets", 25),), None),
    ("platelets of three days ago", (lab("platelets", 10, 72),), None),
    ("both", (BLEED, lab("platelets", 10)), Indicator.CRITICAL),
    ("nothing", (), None),
    ("nothing could be read", (failed("conditions", "blood"),), None),
)
def test_a_bleed_on_heparin(facts, indicator):
    found = bleeding_card(*running(hours_ago=90), *facts)
    assert (found.indicator if found else None) is indicator


def test_a_bleed_that_nobody_has_dated_is_named_and_is_no_alarm():
    found = bleeding_card(*running(hours_ago=90), condition("bleeding_major", None))

    assert found.indicator.value == "warning"
    assert Reason("bleeding", "undated") in found.open


@spec(
    "facts",
    ("no heparin", ()),
    ("heparin stopped", (heparin(1600, 48, 5),)),
    ("a flush alone", (order("heparin", dose=20),)),
)
def test_without_treatment_heparin_running_there_is_no_such_card(facts):
    assert bleeding_card(*facts, BLEED) is None


def test_it_offers_to_stop_the_order_and_recommends_nothing():
    found = bleeding_card(*running(), BLEED)
    assert stopped(found) == {"MedicationRequest/heparin"}
    assert recommended(found) == set()
    assert starts(found) == {}
    assert not any(choice.recommended for choice in found.choices)


def test_what_is_drafted_is_taken_back_with_it():
    assert deleted(bleeding_card(*running(), BLEED, raised(1800), hook="order-sign")) == {
        "MedicationRequest/draft-heparin"
    }


@spec(
    "facts, tests",
    ("nothing known", (), {"anti_xa", "platelets", "fibrinogen"}),
    ("anti-Xa 4 h ago", (lab("anti_xa", 0.5, 4),), {"platelets", "fibrinogen"}),
    (
        "a minute earlier",
        (lab("anti_xa", 0.5, 4 + MINUTE),),
        {"anti_xa", "platelets", "fibrinogen"},
    ),
    ("an aPTT serves", (lab("aptt", 80, 3),), {"platelets", "fibrinogen"}),
    ("a site without anti-Xa", (lab("aptt", 80, 9),), {"aptt", "platelets", "fibrinogen"}),
    (
        "anti-Xa would be foreign",
        (lab("anti_xa", 1.5, 9), given("apixaban", 20, 5)),
        {"aptt", "platelets", "fibrinogen"},
    ),
    ("platelets known", (lab("platelets", 200, 1),), {"anti_xa", "fibrinogen"}),
    ("fibrinogen is ordered", (ordered_test("fibrinogen"),), {"anti_xa", "platelets"}),
)
def test_it_orders_what_is_not_known_of_the_last_four_hours(facts, tests):
    assert offered_tests(bleeding_card(*running(), BLEED, *facts)) == tests


def test_its_summary_names_the_rate_and_the_sign():
    found = judge_chart(*running(), weight(80), *fell(3.2), hook="patient-view")
    (card,) = [c for c in cards_of(found) if c.topic == "bleedingOnHeparin"]
    assert "1,600 U/h (20.0 U/kg/h)" in card.summary
    assert "13.4 to 10.2 g/dL in 18 h" in card.summary


RISK = "bleedingRisk"


@spec(
    "drafted, speaks",
    ("a start of heparin", (raised(1200),), True),
    ("a raise", (*running(1600), raised(1800)), True),
    ("a raise of less than a twentieth", (*running(1600), raised(1660)), False),
    ("a lowering", (*running(1600), raised(1400)), False),
    ("antithrombin", (draft("antithrombin", dose=2000),), True),
    ("a thrombin inhibitor", (draft("argatroban", rate=0.5, unit="ug/kg/min"),), True),
    ("apixaban at treatment dose", (draft("apixaban", dose=5, per_day=2),), True),
    ("apixaban as prophylaxis", (draft("apixaban", dose=2.5, per_day=2),), False),
    ("a flush", (draft("heparin", dose=20),), False),
    ("LMWH", (draft("enoxaparin", dose=80, per_day=2),), False),
    ("clopidogrel", (draft("clopidogrel", dose=75),), False),
)
def test_what_is_drafted_beside_a_risk(drafted, speaks):
    found = judge_chart(*drafted, EPIDURAL, hook="order-sign")
    assert (RISK in topics(found)) is speaks


@spec(
    "sign, note",
    ("a catheter", EPIDURAL, "risk.neuraxial"),
    ("lysis", given("alteplase", 3, 50), "risk.lysis"),
    ("a bleed in the head", condition("bleeding_intracranial", 900), "risk.neurosurgery"),
    ("spinal surgery", procedure("neurosurgery", 99, 98), "risk.neurosurgery"),
    ("trauma", condition("trauma", 9), None),
    ("a bleed now", condition("bleeding", 9), None),
)
def test_it_names_the_sign_and_what_is_usual(sign, note):
    found = due(judge_chart(raised(1200), sign, hook="order-sign"), RISK)
    assert found.notes == ((note,) if note else ())
    assert found.indicator is Indicator.WARNING
    assert found.choices == ()
    assert found.tests == ()


def test_a_small_fall_of_haemoglobin_is_a_row_of_other_cards_and_no_card():
    found = judge_chart(*failing(lab("antithrombin", 55)), *fell(1.6), hook="order-sign")
    assert RISK not in topics(found)
    assert starts(due(found, "antithrombinDose")) == {}
    (card,) = [c for c in cards_of(found) if c.topic == "antithrombinDose"]
    assert card.detail.startswith("**Bleeding risk: haemoglobin 13.4 to 11.8 g/dL in 18 h. ")


def test_on_opening_a_chart_no_draft_is_judged():
    assert RISK not in topics(judge_chart(*running(), EPIDURAL, hook="patient-view"))


@spec(
    "sign, line",
    ("platelets", lab("platelets", 40), "Bleeding: platelets 40 10³/µL"),
    ("another bleed", condition("bleeding", 5), "Bleeding: bleeding, 10 Mar 07:00"),
    ("a catheter", EPIDURAL, "Bleeding risk: epidural catheter, 10 Mar 02:00"),
)
def test_every_card_opens_with_the_bleed_or_its_risk(sign, line):
    found = judge_chart(*failing(lab("antithrombin", 55)), sign, hook="order-select")
    card = next(c for c in cards_of(found) if c.topic == "antithrombinDose")
    assert card.detail.startswith(f"**{line}. ")


def test_text_of_the_record_in_the_first_line_is_harmless():
    bleed = condition("bleeding_major", 5, label="[GI bleed](http://evil) <b>")
    (card, *_) = cards_of(judge_chart(*running(), bleed, hook="patient-view"))
    assert "](http" not in card.detail
    assert "<b>" not in card.detail
