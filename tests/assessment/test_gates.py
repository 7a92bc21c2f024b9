"""Age, HIT and bleeding before every finding: yes, no, unknown (clinical logic 4)."""

from datetime import date

import pytest

from cds_service.chart.facts import Form, Person, Route, Use
from cds_service.chart.query_result import QueryState
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
    procedure,
    running,
    spec,
    topics,
    unreadable,
    why,
)

CHILD = person(born=date(2008, 3, 11))  # 18 tomorrow
WEEK = 7 * 24


def lysis(hours):
    return given("alteplase", hours, rate=1, rate_unit="mg/h", point=False, form=Form.INFUSION)


@spec(
    "who, gate",
    ("a day under 18", CHILD, "yes"),
    ("18 today", person(born=date(2008, 3, 10)), "no"),
    ("grown", person(60), "no"),
    ("without a birth date", nobody_knows_when_born(), "unknown"),
)
def test_gate_2(who, gate):
    assert measured(who).gates.under_age.truth.value == gate


@spec(
    "state, reason",
    ("not on record", {}, "birthDate: missing"),
    ("the query failed", failed("patient"), "birthDate: failed"),
    ("partial", failed("patient", state=QueryState.PARTIAL), "birthDate: partial"),
    ("no date", Person("p1", None, "male", birth_unread=True), "birthDate: unreadable"),
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
    ("fell in 24 h", (lab("hemoglobin", 11, 25), lab("hemoglobin", 8, 1)), "yes"),
    ("fell in a minute more", (lab("hemoglobin", 11, 25 + MINUTE), lab("hemoglobin", 8, 1)), "no"),
    ("fell a day ago", (lab("hemoglobin", 11, 40), lab("hemoglobin", 8, 24)), "yes"),
    ("earlier", (lab("hemoglobin", 11, 40), lab("hemoglobin", 8, 24 + MINUTE)), "no"),
    (
        "on heparin two days ago",
        (*running(hours_ago=90), lab("hemoglobin", 11, 60), lab("hemoglobin", 8, 48)),
        "yes",
    ),
    (
        "on heparin, a minute earlier",
        (*running(hours_ago=90), lab("hemoglobin", 11, 60), lab("hemoglobin", 8, 48 + MINUTE)),
        "no",
    ),
    (
        "before heparin began",
        (*running(hours_ago=29), lab("hemoglobin", 11, 40), lab("hemoglobin", 8, 30)),
        "no",
    ),
    (
        "fell, drawn at a limit only",
        (lab("hemoglobin", 11, 20), lab("hemoglobin", 8, 1, comparator="<")),
        "unknown",
    ),
    (
        "fell and rose again",
        (lab("hemoglobin", 11, 20), lab("hemoglobin", 8, 10), lab("hemoglobin", 10, 1)),
        "no",
    ),
    ("rose by 2", (lab("hemoglobin", 8, 20), lab("hemoglobin", 11, 1)), "no"),
    ("one count alone", (lab("hemoglobin", 7, 1),), "no"),
    ("haemoglobin unreadable", (lab("hemoglobin", 11, 20), unreadable("hemoglobin", 1)), "unknown"),
    ("haemoglobin long ago unreadable", (unreadable("hemoglobin", 25),), "no"),
    ("one at an unknown time", (lab("hemoglobin", 11, 1), lab("hemoglobin", 7, None)), "unknown"),
    (
        "fell to less than 8",
        (lab("hemoglobin", 10, 20), lab("hemoglobin", 8, 1, comparator="<")),
        "unknown",
    ),
    (
        "fell to more than 8",
        (lab("hemoglobin", 10, 20), lab("hemoglobin", 8, 1, comparator=">=")),
        "unknown",
    ),
    (
        "fell from less than 10",
        (lab("hemoglobin", 10, 20, comparator="<="), lab("hemoglobin", 8, 1)),
        "no",
    ),
    ("one dated ahead", (lab("hemoglobin", 11, 1), lab("hemoglobin", 7, -1)), "unknown"),
    ("platelets unreadable", (unreadable("platelets"),), "unknown"),
    ("platelets at an unknown time", (lab("platelets", 20, None),), "unknown"),
    ("platelets just under 50", (lab("platelets", 49.9),), "yes"),
    ("platelets at 50", (lab("platelets", 50),), "no"),
    ("platelets 48 h ago", (lab("platelets", 20, 48),), "yes"),
    ("platelets a minute earlier", (lab("platelets", 20, 48 + MINUTE),), "no"),
    ("platelets never measured", (), "no"),
    ("platelets low in HIT", (lab("platelets", 30), condition("hit")), "no"),
    ("a major bleed", (condition("bleeding_major", 5),), "yes"),
    ("an intracranial bleed", (condition("bleeding_intracranial", 5),), "yes"),
    ("the problem list failed", (failed("conditions"),), "unknown"),
    ("the blood counts failed", (failed("blood"),), "unknown"),
    ("partial", (failed("blood", state=QueryState.PARTIAL),), "unknown"),
    ("failed, but a sign is there", (failed("blood"), condition("bleeding", 5)), "yes"),
    (
        "an empty answer is an answer",
        (failed("blood", "conditions", state=QueryState.EMPTY),),
        "no",
    ),
)
def test_gate_4(facts, gate):
    assert measured(*facts).gates.bleeding.truth.value == gate


DAY_3 = 72
MONTHS_3 = 90 * 24


def catheter(start=None, end=None, **how):
    return procedure("neuraxial_catheter", start, end, **how)


def fell_to(count, before=200, hours=72):
    return (lab("platelets", before, 2 + hours), lab("platelets", count, 2))


@spec(
    "facts, risk",
    ("nothing", (), "no"),
    (
        "an intracranial bleed 90 days ago",
        (condition("bleeding_intracranial", MONTHS_3),),
        "yes",
    ),
    ("a minute earlier", (condition("bleeding_intracranial", MONTHS_3 + MINUTE),), "no"),
    ("another bleed a month ago", (condition("bleeding_major", 30 * 24),), "no"),
    ("an organ injured a week ago", (condition("organ_injury", WEEK),), "yes"),
    ("a minute earlier", (condition("organ_injury", WEEK + MINUTE),), "no"),
    ("major trauma", (condition("trauma", 5),), "yes"),
    ("healed", (condition("trauma", 5, active=False),), "no"),
    ("spinal surgery 90 days ago", (procedure("neurosurgery", MONTHS_3, MONTHS_3),), "yes"),
    (
        "a minute earlier",
        (procedure("neurosurgery", MONTHS_3 + MINUTE, MONTHS_3 + MINUTE),),
        "no",
    ),
    ("an epidural catheter lies", (catheter(900, running=True),), "yes"),
    ("placed three days ago", (catheter(DAY_3, DAY_3),), "yes"),
    ("a minute earlier", (catheter(DAY_3 + MINUTE, DAY_3 + MINUTE),), "no"),
    ("placed, to come out later", (catheter(50, None),), "yes"),
    ("out for less than a day", (catheter(200, 24 - MINUTE),), "yes"),
    ("out for a day", (catheter(200, 24),), "no"),
    (
        "its removal recorded apart",
        (catheter(200, 200), procedure("neuraxial_removal", 23, 23)),
        "yes",
    ),
    (
        "removed a day ago",
        (catheter(40, 40), procedure("neuraxial_removal", 24, 24)),
        "no",
    ),
    (
        "placed after another was removed",
        (catheter(10, 10), procedure("neuraxial_removal", 24, 24)),
        "yes",
    ),
    ("10 mg of alteplase", (given("alteplase", 5, 10),), "yes"),
    ("9.9 mg", (given("alteplase", 5, 9.9),), "no"),
    ("4 and 6 mg", (given("alteplase", 5, 4), given("alteplase", 4, 6)), "yes"),
    ("a day ago", (given("alteplase", 24, 10),), "yes"),
    ("a minute earlier", (given("alteplase", 24 + MINUTE, 10),), "no"),
    ("not given", (given("alteplase", 5, 10, done=False),), "no"),
    ("5 mg of tenecteplase", (given("tenecteplase", 5, 5),), "yes"),
    ("4.98 mg", (given("tenecteplase", 5, 4.98),), "no"),
    ("1 mg/h into the lung artery for 10 h", (lysis(10),), "yes"),
    ("for 9.9 h", (lysis(9.9),), "no"),
    ("a dose that is not known", (given("alteplase", 5),), "yes"),
    ("a dose in another unit", (given("alteplase", 5, 1, unit="[IU]"),), "yes"),
    ("a drug without a line", (given("streptokinase", 5, 1),), "yes"),
    ("haemoglobin fell by 1.5", (lab("hemoglobin", 10.2, 20), lab("hemoglobin", 8.7, 1)), "yes"),
    ("by a little less", (lab("hemoglobin", 10.2, 20), lab("hemoglobin", 8.71, 1)), "no"),
    ("platelets fell by 30 % to 80", fell_to(80, 80 / 0.7), "yes"),
    ("by a little less", fell_to(80, 114), "no"),
    ("to 80.1", fell_to(80.1), "no"),
    ("to 50", fell_to(50), "yes"),
    ("a minute too slowly", fell_to(60, hours=72 + MINUTE), "no"),
    ("long ago", (lab("platelets", 200, 60), lab("platelets", 60, 49)), "no"),
    ("in HIT", (*fell_to(60), condition("hit")), "no"),
    ("the procedures failed", (failed("procedures"),), "unknown"),
    ("the administrations failed", (failed("administrations"),), "unknown"),
    ("the problem list failed", (failed("conditions"),), "unknown"),
    ("the blood counts are partial", (failed("blood", state=QueryState.PARTIAL),), "unknown"),
    ("failed, but a sign is there", (failed("blood"), given("alteplase", 5, 50)), "yes"),
)
def test_gate_4_high_risk(facts, risk):
    assert measured(*facts).gates.high_risk.truth.value == risk


FULL = failing(lab("antithrombin", 45))  # would open a switch and a dose


@spec(
    "fact",
    ("no birth date", nobody_knows_when_born()),
    ("the problem list failed", failed("conditions")),
    ("the problem list is partial", failed("conditions", state=QueryState.PARTIAL)),
    ("the allergies failed", failed("allergies")),
    ("the allergies were not supplied", failed("allergies", state=QueryState.NOT_SUPPLIED)),
    ("the blood counts failed", failed("blood")),
    ("under age", CHILD),
    ("bleeding", condition("bleeding", 5)),
    ("a high risk of bleeding", condition("bleeding_intracranial", 50 * 24)),
    ("the procedures failed", failed("procedures")),
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
    counts = ((200, 10 * day), (195, 4 * day), (count, 2 * day))
    platelets = [lab("platelets", n, h) for n, h in counts]
    facts = (*running(900, 9 * day), *platelets, draft("heparin", rate=900))
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
