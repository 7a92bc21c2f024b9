"""Far above target, and the aPTT under a thrombin inhibitor (clinical logic 6, `aboveTarget`)."""

from cds_service.assessment.model.recommendation import Indicator
from cds_service.chart.facts import Form
from tests.builders import (
    MINUTE,
    cards_of,
    draft,
    due,
    failed,
    given,
    heparin,
    item,
    judge_chart,
    lab,
    offered_tests,
    order,
    ordered_test,
    raised,
    running,
    spec,
    topics,
    weight,
)

ABOVE = "aboveTarget"


def speaks(*facts, hook="patient-view"):
    return ABOVE in topics(judge_chart(*facts, hook=hook))


def argatroban(hours=20.0, until=None, **how):
    return given("argatroban", hours, rate=0.5, until=until, point=False, form=Form.INFUSION, **how)


FAR = lab("anti_xa", 1.4, 5)


@spec(
    "facts, said",
    ("far above", (*running(), FAR), True),
    ("above, not far", (*running(), lab("anti_xa", 0.75, 5)), False),
    ("on target", (*running(), lab("anti_xa", 0.5, 5)), False),
    ("no heparin runs", (FAR,), False),
    ("stopped since", (heparin(1600, 48, 3), FAR), False),
)
def test_far_above_under_heparin(facts, said):
    assert speaks(*facts) is said


@spec(
    "rate, said",
    ("a lowering", 1200, False),
    ("a raise, which another card tells", 1800, False),
)
def test_what_is_drafted_tells_it(rate, said):
    assert speaks(*running(), FAR, raised(rate), hook="order-sign") is said


@spec(
    "hours, tests",
    ("four hours old", 4, set()),
    ("older", 4 + MINUTE, {"anti_xa"}),
)
def test_the_level_is_asked_for_again_where_it_is_old(hours, tests):
    found = due(judge_chart(*running(), lab("anti_xa", 1.4, hours), hook="patient-view"), ABOVE)
    assert offered_tests(found) == tests
    assert found.indicator is Indicator.WARNING
    assert found.choices == ()


def test_the_repeat_that_is_ordered_is_only_named():
    facts = (*running(), FAR, ordered_test("anti_xa", hours_ago=1))
    assert offered_tests(item(judge_chart(*facts, hook="patient-view"), ABOVE)) == set()


EXPOSED = heparin(1000, 200, 150)
BASE = lab("aptt", 30, 201)
LATE = lab("aptt", 30, 19)
OLD = lab("aptt", 30, 369)


@spec(
    "facts, said",
    ("no baseline, at 100 s", (argatroban(), lab("aptt", 100)), False),
    ("no baseline, above", (argatroban(), lab("aptt", 100.1)), True),
    ("three times the baseline of 30 s", (argatroban(), BASE, lab("aptt", 90)), False),
    ("above", (argatroban(), BASE, lab("aptt", 90.1)), True),
    ("of 40 s: the fixed line", (argatroban(), lab("aptt", 40, 201), lab("aptt", 100)), False),
    ("above it", (argatroban(), lab("aptt", 40, 201), lab("aptt", 101)), True),
    (
        "bivalirudin, 2.5 times the baseline",
        (given("bivalirudin", 9, rate=0.1, rate_unit="mg/kg/h", point=False, form=Form.INFUSION),
         BASE, lab("aptt", 75)),
        False,
    ),
    (
        "above",
        (given("bivalirudin", 9, rate=0.1, rate_unit="mg/kg/h", point=False, form=Form.INFUSION),
         BASE, lab("aptt", 75.1)),
        True,
    ),
    ("a baseline from after the start is none", (argatroban(), LATE, lab("aptt", 95)), False),
    ("a baseline of another week is none", (argatroban(), OLD, lab("aptt", 95)), False),
    ("an aPTT of 12 h ago", (argatroban(), lab("aptt", 140, 12)), True),
    ("older", (argatroban(), lab("aptt", 140, 12 + MINUTE)), False),
    ("a limit below the line", (argatroban(), lab("aptt", 90, comparator=">")), False),
    ("stopped", (argatroban(until=3), lab("aptt", 140)), False),
    ("desirudin has no range of its own", (given("argatroban", 30, 5), lab("aptt", 140)), False),
)  # fmt: skip
def test_under_a_thrombin_inhibitor(facts, said):
    assert speaks(EXPOSED, *facts) is said


def test_by_order_alone_where_no_infusion_is_charted():
    ordered = order("argatroban", rate=0.5, unit="ug/kg/min")
    assert speaks(given("enoxaparin", 100, 40), ordered, lab("aptt", 140))


def test_the_card_names_the_drug_and_the_line():
    found = judge_chart(EXPOSED, argatroban(), lab("aptt", 128), hook="patient-view")
    (card,) = [c for c in cards_of(found) if c.topic == ABOVE]
    assert card.summary == "aPTT 128 s under argatroban, above 100 s"


def test_without_heparin_before_it_opening_a_chart_says_nothing():
    assert not speaks(argatroban(), lab("aptt", 140))


def test_a_failed_query_is_no_level():
    assert not speaks(*running(), failed("coagulation"))


def test_with_heparin_drafted_beside_it_the_aptt_is_still_shown():
    facts = (EXPOSED, argatroban(), weight(80), lab("aptt", 140), draft("heparin", rate=900))
    assert speaks(*facts, hook="order-sign")


JUMP = (lab("anti_xa", 0.4, 9), lab("anti_xa", 1.95, 1))


def test_a_suspect_sample_is_to_be_redrawn():
    found = due(judge_chart(*running(), *JUMP, hook="patient-view"), ABOVE)
    assert found.summary == "suspect"
    assert offered_tests(found) == {"anti_xa"}
    (card,) = [
        c for c in cards_of(judge_chart(*running(), *JUMP, hook="patient-view")) if c.topic == ABOVE
    ]
    assert (
        "anti-Xa 1.95 IU/mL on heparin 1,600 U/h looks drawn from the heparin line" in card.summary
    )


@spec(
    "facts, summary",
    ("the jump after a raise is no suspicion", (heparin(1000, 48, 8), heparin(1600, 8)), None),
    ("a jump of half a day ago", (*running(), lab("anti_xa", 1.95, 12)), "suspect"),
)
def test_when_a_jump_is_suspect(facts, summary):
    levels = (
        (lab("anti_xa", 0.4, 20), lab("anti_xa", 1.95, 2))
        if summary is None
        else (lab("anti_xa", 0.4, 20),)
    )
    found = item(judge_chart(*facts, *levels, hook="patient-view"), ABOVE)
    assert (found.summary if found and found.summary == "suspect" else None) == summary
