"""Age, HIT and bleeding before every finding: yes, no, unknown (clinical logic 4)."""

from datetime import date

import pytest

from cds_service.chart.facts import Route, State, Use
from tests.builders import (
    MINUTE,
    ago,
    condition,
    draft,
    due,
    every_start,
    failed,
    failing,
    given,
    judge_chart,
    lab,
    measured,
    nobody_knows_when_born,
    order,
    person,
    running,
    spec,
    topics,
    unreadable,
    why,
)

CHILD = person(born=date(2008, 3, 11))  # 18 tomorrow
WEEK = 7 * 24


@spec(
    "who, gate",
    ("a day under 18", CHILD, "yes"),
    ("18 today", person(born=date(2008, 3, 10)), "no"),
    ("grown", person(60), "no"),
    ("without a birth date", nobody_knows_when_born(), "unknown"),
)
def test_gate_2(who, gate):
    assert measured(who).gates.under_age.answer.value == gate


@spec(
    "state, reason",
    ("not on record", {}, "birthDate: missing"),
    ("the query failed", failed("patient"), "birthDate: failed"),
    ("partial", failed("patient", state=State.PARTIAL), "birthDate: partial"),
)
def test_gate_2_unknown_says_why(state, reason):
    assert why(measured(nobody_knows_when_born(), state).gates.reasons) == {reason}


@spec(
    "facts, gate",
    ("nothing", (), "no"),
    ("recorded seven days ago", (condition("bleeding", WEEK),), "yes"),
    ("recorded a minute earlier", (condition("bleeding", WEEK + MINUTE),), "no"),
    ("begun long ago, recorded now", (condition("bleeding", 5, onset=900),), "yes"),
    ("recorded long ago, begun now", (condition("bleeding", 900, onset=5),), "yes"),
    ("undated", (condition("bleeding", None),), "yes"),
    ("without a status", (condition("bleeding", 5, active=None),), "yes"),
    ("resolved", (condition("bleeding", 5, active=False),), "no"),
    ("haemoglobin fell by 2", (lab("hemoglobin", 10.2, 20), lab("hemoglobin", 8.2, 1)), "yes"),
    ("fell by a little less", (lab("hemoglobin", 10.2, 20), lab("hemoglobin", 8.21, 1)), "no"),
    ("fell in 24 h", (lab("hemoglobin", 11, 24), lab("hemoglobin", 8, 1)), "yes"),
    ("fell in a minute more", (lab("hemoglobin", 11, 24 + MINUTE), lab("hemoglobin", 8, 1)), "no"),
    (
        "fell and rose again",
        (lab("hemoglobin", 11, 20), lab("hemoglobin", 8, 10), lab("hemoglobin", 10, 1)),
        "no",
    ),
    ("rose by 2", (lab("hemoglobin", 8, 20), lab("hemoglobin", 11, 1)), "no"),
    ("one count alone", (lab("hemoglobin", 7, 1),), "no"),
    ("haemoglobin unreadable", (lab("hemoglobin", 11, 20), unreadable("hemoglobin", 1)), "no"),
    ("platelets just under 50", (lab("platelets", 49.9),), "yes"),
    ("platelets at 50", (lab("platelets", 50),), "no"),
    ("platelets 48 h ago", (lab("platelets", 20, 48),), "yes"),
    ("platelets a minute earlier", (lab("platelets", 20, 48 + MINUTE),), "no"),
    ("platelets never measured", (), "no"),
    ("the problem list failed", (failed("conditions"),), "unknown"),
    ("the blood counts failed", (failed("blood"),), "unknown"),
    ("partial", (failed("blood", state=State.PARTIAL),), "unknown"),
    ("failed, but a sign is there", (failed("blood"), condition("bleeding", 5)), "yes"),
    ("an empty answer is an answer", (failed("blood", "conditions", state=State.EMPTY),), "no"),
)
def test_gate_4(facts, gate):
    assert measured(*facts).gates.bleeding.answer.value == gate


FULL = failing(lab("antithrombin", 45))  # would open a switch and a dose


@spec(
    "fact",
    ("no birth date", nobody_knows_when_born()),
    ("the problem list failed", failed("conditions")),
    ("the problem list is partial", failed("conditions", state=State.PARTIAL)),
    ("the allergies failed", failed("allergies")),
    ("the allergies were not supplied", failed("allergies", state=State.NOT_SUPPLIED)),
    ("the blood counts failed", failed("blood")),
    ("under age", CHILD),
    ("bleeding", condition("bleeding", 5)),
)
@pytest.mark.parametrize("level", [45, 55])
def test_with_a_gate_closed_or_unknown_nothing_is_started(fact, level):
    found = judge_chart(*failing(lab("antithrombin", level), fact))
    assert every_start(found) == set()


def test_with_every_gate_open_the_same_patient_is_offered_both():
    assert every_start(judge_chart(*FULL)) == {"argatroban", "bivalirudin", "antithrombin"}


@spec(
    "facts, speaks",
    ("treatment heparin runs", (*running(), draft("warfarin", dose=5)), True),
    ("treatment heparin drafted", (draft("heparin", rate=800),), True),
    ("antithrombin drafted", (draft("antithrombin", dose=1000),), True),
    ("a thrombin inhibitor drafted", (draft("argatroban", rate=0.5),), True),
    ("a thrombin inhibitor stands", (order("bivalirudin", rate=0.1), draft("warfarin")), True),
    ("treatment LMWH drafted", (draft("enoxaparin", dose=80, per_day=2),), True),
    (
        "a flush drafted",
        (draft("heparin", dose=20, use=Use.NO_THERAPY),),
        False,
    ),
    (
        "prophylaxis drafted",
        (draft("heparin", dose=5000, per_day=2, route=Route.SUBCUTANEOUS),),
        False,
    ),
)
def test_under_age_one_card_says_adults_only(facts, speaks):
    found = judge_chart(CHILD, *facts)
    assert topics(found) == ({"adultOnly"} if speaks else set())


@spec(
    "facts, topic",
    ("HIT on record", (condition("hit"),), "hitSuspected"),
    ("an allergy naming HIT", (condition("heparin_hit"),), "hitSuspected"),
    ("a positive antibody", (lab("hit_antibody", 2.0),), "hitSuspected"),
    ("a heparin allergy", (condition("heparin"),), "hitPossible"),
)
def test_under_age_hit_and_allergy_on_record_still_speak(facts, topic):
    assert topics(judge_chart(CHILD, *running(), draft("heparin", rate=900), *facts)) == {
        topic,
        "adultOnly",
    }


@spec(
    "count, grown",
    ("4Ts at least 4", 90, "hitSuspected"),
    ("4Ts of three", 130, "hitPossible"),
)
def test_under_age_no_score_is_computed(count, grown):
    day = 24
    counts = (lab("platelets", 200, 10 * day), lab("platelets", count, 2 * day))
    facts = (*running(900, 9 * day), *counts, draft("heparin", rate=900))
    assert topics(judge_chart(CHILD, *facts)) == {"adultOnly"}
    assert grown in topics(judge_chart(*facts))


def test_a_fall_of_haemoglobin_is_shown_from_its_highest_to_its_last():
    values = ((10, 20), (11, 10), (9, 5), (8, 1))
    verdict = measured(*(lab("hemoglobin", n, h) for n, h in values)).gates.bleeding
    assert [(fact.value, fact.unit, fact.at) for fact in verdict.facts] == [
        (11, "g/dL", ago(10)),
        (8, "g/dL", ago(1)),
    ]


def test_under_age_no_threshold_speaks():
    facts = (*running(2500), lab("anti_xa", 0.1, 3), lab("antithrombin", 40))
    assert topics(judge_chart(CHILD, *facts, draft("heparin", rate=2800))) == {"adultOnly"}


@spec(
    "facts, topic, reason",
    ("bleeding", (condition("bleeding", 5),), "anticoagulantSwitch", "bleeding: active"),
    (
        "haemoglobin fell",
        (lab("hemoglobin", 11, 20), lab("hemoglobin", 8, 1)),
        "anticoagulantSwitch",
        "bleeding: active",
    ),
)
def test_in_bleeding_the_card_stands_and_says_why_nothing_is_offered(facts, topic, reason):
    card = due(judge_chart(*FULL, *facts), topic)
    assert reason in why(card.withheld)


@spec(
    "facts, speaks",
    ("a thrombin inhibitor stands", (order("argatroban", rate=0.5),), True),
    ("antithrombin stands", (order("antithrombin", dose=1000),), True),
    ("antithrombin was given an hour ago", (given("antithrombin", 1, 1000),), True),
    ("neither", (order("warfarin", dose=5),), False),
)
def test_opening_a_childs_chart_speaks_of_these_drugs_without_heparin(facts, speaks):
    found = judge_chart(CHILD, *facts, hook="patient-view")
    assert topics(found) == ({"adultOnly"} if speaks else set())


@spec(
    "hours, speaks",
    ("a day ago", 24, True),
    ("a minute earlier", 24 + MINUTE, False),
)
def test_a_thrombin_inhibitor_is_in_play_for_a_day(hours, speaks):
    facts = (CHILD, given("argatroban", hours, 5), draft("warfarin", dose=5))
    assert ("adultOnly" in topics(judge_chart(*facts))) is speaks


def test_platelets_under_50_in_hit_are_no_bleeding_that_hides_the_card():
    found = judge_chart(*FULL, condition("hit"), lab("platelets", 30))
    assert "hitSuspected" in topics(found)


def test_a_thrombin_inhibitor_that_was_given_is_in_play_for_a_child():
    facts = (CHILD, given("argatroban", 3, 5), draft("warfarin", dose=5))
    assert "adultOnly" in topics(judge_chart(*facts))
