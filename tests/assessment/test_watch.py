"""Baseline, monitoring and andexanet: what to measure and when (clinical logic 5)."""

from dataclasses import replace

from cds_service.chart.facts import Use
from cds_service.chart.fhir_datetime import DATE_ONLY, Stretch
from tests.builders import (
    MINUTE,
    ago,
    cards_of,
    condition,
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
    organs_well,
    procedure,
    raised,
    running,
    spec,
    topics,
    unreadable,
    weight,
)

DAY = 24
COUNTED = (lab("platelets", 220, 2),)


def overdue(*facts, hook="order-sign"):
    """The tests that are overdue; a raise is drafted so that the card may speak."""
    extra = () if hook == "patient-view" else (raised(1000),)
    return offered_tests(item(judge_chart(*facts, *extra, hook=hook), "monitoringDue"))


OLD = lab("anti_xa", 0.5, 10)
TODAY = Stretch.between(ago(12), ago(-12), DATE_ONLY, "10 Mar 2026")  # midnight to midnight
LAST_DAYS = Stretch.between(ago(36), ago(0), DATE_ONLY, "09 Mar 2026")
EARLY, LATER = running(1000, 40), running(1000, 60)


@spec(
    "facts, tests",
    ("early: a level nine hours ago", (*EARLY, lab("anti_xa", 0.5, 9)), set()),
    ("early: a minute more", (*EARLY, lab("anti_xa", 0.5, 9 + MINUTE)), {"anti_xa"}),
    ("early: none since the start, nine hours ago", running(1000, 9), set()),
    ("early: none, and a minute more", running(1000, 9 + MINUTE), {"anti_xa"}),
    ("48 h are early still", (*running(1000, 48), lab("anti_xa", 0.5, 10)), {"anti_xa"}),
    ("a minute more is later", (*running(1000, 48 + MINUTE), lab("anti_xa", 0.5, 10)), set()),
    ("later: a level 18 h ago", (*LATER, lab("anti_xa", 0.5, 18)), set()),
    ("later: a minute more", (*LATER, lab("anti_xa", 0.5, 18 + MINUTE)), {"anti_xa"}),
    ("an aPTT serves as well", (*LATER, lab("aptt", 70, 10)), set()),
    ("a ratio serves as well", (*LATER, lab("aptt_ratio", 2, 10)), set()),
    ("a site without anti-Xa: the aPTT", (*LATER, lab("aptt", 70, 20)), {"aptt"}),
    (
        "a site with both: the anti-Xa",
        (*LATER, lab("aptt", 70, 20), lab("anti_xa", 0.4, 30)),
        {"anti_xa"},
    ),
    ("an unreadable level was drawn", (*EARLY, unreadable("anti_xa", 3)), set()),
    ("one at an unknown time", (*EARLY, OLD, lab("anti_xa", 0.5, None)), set()),
    ("one dated ahead", (*EARLY, OLD, lab("anti_xa", 0.5, -1)), set()),
    ("one of the day", (*EARLY, OLD, replace(OLD, at=TODAY)), set()),
    ("an aPTT at an unknown time", (*EARLY, OLD, lab("aptt", 70, None)), set()),
    (
        "an undated one issued before the last",
        (*EARLY, OLD, replace(lab("anti_xa", 0.5, None), issued=ago(11))),
        {"anti_xa"},
    ),
    ("it is pending", (*EARLY, lab("anti_xa", 0.5, 10), ordered_test("anti_xa")), set()),
    ("nothing runs", (), set()),
    ("the query failed", (*EARLY, failed("coagulation")), set()),
)
def test_levels_that_are_overdue(facts, tests):
    assert overdue(*facts, *COUNTED) == tests


def test_when_resistance_is_suspected_both_levels_are_ordered():
    facts = (*running(1800, 40), weight(80), *COUNTED, lab("anti_xa", 0.5, 10))
    assert overdue(*facts, lab("antithrombin", 90, 5)) == {"anti_xa", "aptt"}


CIRCUIT = procedure("ecmo", 90, running=True)


@spec(
    "facts, tests",
    ("twelve hours ago", (*LATER, CIRCUIT, lab("anti_xa", 0.5, 12)), set()),
    ("a minute more", (*LATER, CIRCUIT, lab("anti_xa", 0.5, 12 + MINUTE)), {"anti_xa"}),
    (
        "an aPTT does not serve",
        (*LATER, CIRCUIT, lab("aptt", 70, 2), lab("anti_xa", 0.5, 13)),
        {"anti_xa"},
    ),
    ("early: the shorter interval wins", (*EARLY, CIRCUIT, lab("anti_xa", 0.5, 10)), {"anti_xa"}),
    (
        "on CRRT too",
        (*LATER, procedure("crrt", 90, running=True), lab("anti_xa", 0.5, 13)),
        {"anti_xa"},
    ),
    (
        "counted from the start of the circuit",
        (*LATER, procedure("ecmo", 11, running=True), lab("aptt", 70, 2)),
        set(),
    ),
    (
        "and overdue an hour and a half later",
        (*LATER, procedure("ecmo", 12 + MINUTE, running=True), lab("aptt", 70, 2)),
        {"anti_xa"},
    ),
)
def test_on_a_circuit_the_anti_xa_is_due_every_eight_hours(facts, tests):
    assert overdue(*facts, *COUNTED) == tests


LEVEL = lab("anti_xa", 0.5, 2)


@spec(
    "facts, tests",
    ("early: 36 h ago", (*running(1000, 47), lab("platelets", 200, 36)), set()),
    (
        "early: a minute more",
        (*running(1000, 47), lab("platelets", 200, 36 + MINUTE)),
        {"platelets"},
    ),
    ("early: none, begun 36 h ago", running(1000, 36), set()),
    ("early: none, a minute more", running(1000, 36 + MINUTE), {"platelets"}),
    ("later: 108 h ago", (*running(1000, 150), lab("platelets", 200, 108)), set()),
    (
        "later: a minute more",
        (*running(1000, 150), lab("platelets", 200, 108 + MINUTE)),
        {"platelets"},
    ),
    ("day 14", (*running(1000, 14 * DAY), lab("platelets", 200, 200)), {"platelets"}),
    (
        "a minute after day 14",
        (*running(1000, 14 * DAY + MINUTE), lab("platelets", 200, 200)),
        set(),
    ),
    ("the query failed", (*running(1000, 150), failed("blood")), set()),
)
def test_platelets_that_are_overdue(facts, tests):
    assert overdue(*facts, LEVEL, lab("aptt", 70, 2)) == tests


SEPSIS = (*running(1000, 150), condition("sepsis"), LEVEL)


@spec(
    "facts, tests",
    ("all daily: 36 h ago", [lab(t, 200, 36) for t in ("platelets", "inr", "fibrinogen")], set()),
    (
        "a minute more",
        [lab(t, 200, 36 + MINUTE) for t in ("platelets", "inr", "fibrinogen")],
        {"platelets", "inr", "fibrinogen"},
    ),
    (
        "one of them",
        [lab("platelets", 200, 5), lab("inr", 1.2, 40), lab("fibrinogen", 300, 3)],
        {"inr"},
    ),
)
def test_in_sepsis_platelets_inr_and_fibrinogen_are_due_daily(facts, tests):
    assert overdue(*SEPSIS, *facts) == tests


def suspected(hours):
    """A requirement raised since so many hours, on target."""
    both = (lab("anti_xa", 0.5, 2), lab("aptt", 70, 2))
    return (*running(1800, hours), weight(80), *COUNTED, *both)


@spec(
    "facts, tests",
    ("not suspected", (*running(1000, 40), LEVEL), set()),
    ("suspected, early, 36 h ago", (*suspected(47), lab("antithrombin", 90, 36)), set()),
    ("a minute more", (*suspected(47), lab("antithrombin", 90, 36 + MINUTE)), {"antithrombin"}),
    ("later, 108 h ago", (*suspected(150), lab("antithrombin", 90, 108)), set()),
    (
        "a minute more, later",
        (*suspected(150), lab("antithrombin", 90, 108 + MINUTE)),
        {"antithrombin"},
    ),
    (
        "after a dose, not suspected",
        (*running(1000, 47), LEVEL, given("antithrombin", 46, 2000), lab("antithrombin", 90, 36.1)),
        {"antithrombin"},
    ),
)
def test_antithrombin_that_is_overdue(facts, tests):
    found = judge_chart(*facts, *COUNTED, raised(1000))
    assert offered_tests(item(found, "monitoringDue")) & {"antithrombin"} == tests


@spec(
    "facts, tests",
    ("six hours after the dose", (given("antithrombin", 6, 2000),), set()),
    ("a minute more", (given("antithrombin", 6 + MINUTE, 2000),), {"antithrombin"}),
    ("drawn since", (given("antithrombin", 6, 2000), lab("antithrombin", 90, 3)), set()),
    (
        "drawn with it",
        (given("antithrombin", 8, 2000), lab("antithrombin", 90, 8)),
        {"antithrombin"},
    ),
    (
        "drawn before it",
        (given("antithrombin", 8, 2000), lab("antithrombin", 90, 9)),
        {"antithrombin"},
    ),
)
def test_after_a_dose_antithrombin_is_due_within_six_hours(facts, tests):
    assert overdue(*running(1000, 20), LEVEL, *COUNTED, *facts) == tests


def test_the_card_names_the_interval_and_the_last_result():
    card = due(
        judge_chart(*LATER, lab("anti_xa", 0.5, 20), *COUNTED, hook="patient-view"), "monitoringDue"
    )
    assert card.indicator.value == "info"
    assert card.values["hours"] == 12
    assert [f.how for f in card.facts] == ["last"]


# --- baseline --------------------------------------------------------------------------------

RISK = condition("sepsis")


def baseline(*facts, hook="order-sign"):
    return offered_tests(item(judge_chart(*facts, hook=hook), "baselineTests"))


ALL = {"antithrombin", "aptt", "platelets"}


@spec(
    "facts, tests",
    ("a first order in a patient at risk", (raised(1200), RISK), ALL),
    ("no risk", (raised(1200),), set()),
    ("heparin runs", (*running(1000), raised(1200), RISK), set()),
    ("heparin runs without an order", (heparin(1000, 40), raised(1200), RISK), set()),
    (
        "an order stands while a thrombin inhibitor runs",
        (order("heparin", rate=1000), order("argatroban", rate=0.5), raised(1200), RISK),
        set(),
    ),
    ("heparin ran until three hours ago", (heparin(1000, 40, 3), raised(1200), RISK), ALL),
    (
        "an order stands, nothing charted yet",
        (order("heparin", rate=1000, hours_ago=1), raised(1200), RISK),
        set(),
    ),
    (
        "a standing flush is no such order",
        (order("heparin", dose=20, use=Use.NO_THERAPY), raised(1200), RISK),
        ALL,
    ),
    (
        "24 h ago is on record",
        (raised(1200), RISK, lab("antithrombin", 90, 24)),
        ALL - {"antithrombin"},
    ),
    ("a minute more is not", (raised(1200), RISK, lab("antithrombin", 90, 24 + MINUTE)), ALL),
    ("all on record", (raised(1200), RISK, *(lab(t, 70, 5) for t in ALL)), set()),
    ("pending", (raised(1200), RISK, ordered_test("antithrombin")), ALL - {"antithrombin"}),
    ("the query failed", (raised(1200), RISK, failed("coagulation")), set()),
    ("the counts failed", (raised(1200), RISK, failed("blood")), set()),
    ("a bolus is no infusion", (draft("heparin", dose=5000), RISK), set()),
    (
        "heparin runs, ECMO began 24 h ago",
        (*running(1000), raised(1200), procedure("ecmo", 24, running=True)),
        ALL,
    ),
    (
        "heparin runs, ECMO began a minute earlier",
        (*running(1000), raised(1200), procedure("ecmo", 24 + MINUTE, running=True)),
        set(),
    ),
    (
        "heparin runs, CRRT began",
        (*running(1000), raised(1200), procedure("crrt", 3, running=True)),
        ALL,
    ),
    (
        "heparin runs, ECMO of unknown start",
        (*running(1000), raised(1200), procedure("ecmo", None, running=True)),
        set(),
    ),
)
def test_baseline(facts, tests):
    assert baseline(*facts) == tests


OTHERS = ALL - {"antithrombin"}


@spec(
    "result, tests",
    ("measured in the last day", lab("antithrombin", 90, 5), OTHERS),
    ("at an unknown time", lab("antithrombin", 90, None), OTHERS),
    ("dated ahead", lab("antithrombin", 90, -1), OTHERS),
    (
        "of yesterday or today",
        replace(OLD, concept="antithrombin", at=LAST_DAYS),
        OTHERS,
    ),
    ("cannot be read", unreadable("antithrombin", 5), ALL),
    ("read, two days old", lab("antithrombin", 90, 48), ALL),
)
def test_the_baseline_asks_for_what_was_not_measured(result, tests):
    """Never for what may have been; what cannot be read was not."""
    assert baseline(RISK, raised(1200), result) == tests


def test_baseline_is_about_a_draft():
    assert baseline(RISK, hook="patient-view") == set()


# --- andexanet -------------------------------------------------------------------------------


@spec(
    "facts, speaks",
    ("heparin runs", (*running(), given("andexanet", 30)), True),
    ("heparin is drafted", (raised(1000), given("andexanet", 30)), True),
    ("running or not is unknown", (heparin(1000, 73), raised(900), given("andexanet", 30)), True),
    ("too long ago", (*running(), given("andexanet", 49)), False),
)
def test_andexanet(facts, speaks):
    found = judge_chart(*facts, raised(1000))
    assert ("andexanetExposure" in topics(found)) is speaks
    if speaks:
        assert due(found, "andexanetExposure").indicator.value == "critical"


def test_andexanet_without_heparin_says_nothing():
    found = judge_chart(given("andexanet", 5), hook="patient-view")
    assert topics(found) == set()


def test_andexanet_is_named_among_what_contributes():
    card = due(judge_chart(*failing(given("andexanet", 20))), "heparinResistance")
    assert "contributor.andexanet" in card.notes


ANDEXANET = given("andexanet", 20, 800)


def test_after_andexanet_its_card_leads_and_no_other_asks_for_the_acute_phase():
    facts = failing(lab("antithrombin", 90), ANDEXANET)
    found = judge_chart(*facts)
    assert next(card.topic for card in cards_of(found)) == "andexanetExposure"
    assert not any({"fibrinogen", "factor_viii"} & offered_tests(one) for one in found.items)
    without = judge_chart(*failing(lab("antithrombin", 90)))
    assert any({"fibrinogen", "factor_viii"} & offered_tests(one) for one in without.items)


def test_in_hit_it_still_speaks_and_leads():
    found = judge_chart(*failing(condition("hit"), ANDEXANET))
    assert [card.topic for card in cards_of(found)][:2] == ["andexanetExposure", "hitSuspected"]


@spec(
    "facts, note",
    ("organs known", organs_well(), "andexanet.starts"),
    ("organs not known", (), "andexanet.organs"),
    ("kidneys impaired", (lab("creatinine", 4), lab("bilirubin", 0.6)), "andexanet.organs"),
)
def test_it_names_the_starts_of_the_other_drugs_where_the_organs_allow(facts, note):
    found = judge_chart(*running(), weight(80), *facts, ANDEXANET, hook="patient-view")
    assert note in due(found, "andexanetExposure").notes
