"""Cards that used to come and go while nothing about the patient had changed.

Kinds found by counting repeats on the simulated unit: a short hold, a level that wanders about the
line, a required rate that falls silent, a raise of this very moment.
"""

from cds_service.assessment.model.recommendation import Indicator
from cds_service.chart.facts import Form
from tests.builders import (
    MINUTE,
    cards_of,
    condition,
    due,
    given,
    heparin,
    item,
    judge_chart,
    lab,
    order,
    running,
    spec,
    starts,
    topics,
    weight,
)

BLEED = condition("bleeding_major", 5)
STANDS = order("heparin", rate=1600)
ARGATROBAN = given("argatroban", 0.5, rate=0.5, point=False, form=Form.INFUSION)


def held(hours, until=None, *, status="active"):
    """Held since so many hours, under an order of this status."""
    return (
        heparin(1600, 48, hours),
        heparin(0, hours, until),
        order("heparin", rate=1600, status=status),
    )


def bleed_told(*facts):
    found = item(judge_chart(*facts, BLEED, hook="patient-view"), "bleedingOnHeparin")
    return found.indicator if found else None


@spec(
    "facts, indicator",
    ("running", (heparin(1600, 48), STANDS), Indicator.CRITICAL),
    ("held for an hour", held(1), Indicator.CRITICAL),
    ("held for two", held(2), Indicator.CRITICAL),
    ("a minute longer", held(2 + MINUTE), None),
    ("its order is stopped", held(1, status="stopped"), None),
    ("restarted", (*held(1, 0.5), heparin(1600, 0.5)), Indicator.CRITICAL),
    ("never ran", (heparin(0, 1), STANDS), None),
    ("argatroban runs instead", (*held(1), ARGATROBAN), None),
)
def test_a_bleed_is_told_through_a_short_hold(facts, indicator):
    assert bleed_told(*facts) is indicator


def test_through_a_hold_the_card_says_that_it_is_held():
    found = judge_chart(*held(1), BLEED, hook="patient-view")

    summary = next(c.summary for c in cards_of(found) if c.topic == "bleedingOnHeparin")

    assert "held now" in summary


@spec(
    "facts, topic",
    ("HIT on record", (condition("hit", None),), "hitSuspected"),
    (
        "platelets that fell on day six",
        (heparin(1600, 144, 48), lab("platelets", 220, 150), lab("platelets", 100, 2)),
        "hitPossible",
    ),
)
def test_other_dangers_are_told_through_it_too(facts, topic):
    assert topic in topics(judge_chart(*held(1), *facts, hook="patient-view"))


JUMP = (lab("anti_xa", 0.45, 10), lab("anti_xa", 2.2, 2))


@spec(
    "facts, summary",
    ("at an unchanged rate", (heparin(1600, 48), STANDS), "suspect"),
    ("during a hold", held(1), None),
    ("after it", (*held(1, 0.5), heparin(1600, 0.5)), None),
    ("lowered since", (heparin(1600, 48, 1), heparin(1300, 1), STANDS), None),
    ("lowered a little", (heparin(1600, 48, 1), heparin(1560, 1), STANDS), "suspect"),
)
def test_a_suspect_level_that_the_ward_has_answered_is_not_asked_for_again(facts, summary):
    found = item(judge_chart(*facts, *JUMP, hook="patient-view"), "aboveTarget")

    assert (found.summary if found else None) == summary


@spec(
    "before, summary",
    ("on target", 80, "suspect"),
    ("above, not far", 120, "suspect"),
    ("far above already", 121, ""),
)
def test_an_aptt_that_was_far_above_already_has_not_jumped(before, summary):
    levels = (lab("aptt", before, 10), lab("aptt", 150, 4))

    found = due(judge_chart(*running(), *levels, hook="patient-view"), "aboveTarget")

    assert found.summary == summary


# --- a level that wanders about the line --------------------------------------------------------

KG = weight(80, 60)
HIGH = (heparin(1950, 60), order("heparin", rate=1950), KG)  # 24.4 U/kg/h
NOISE = 0.27  # 0.03 below the target


def loudness(*levels, facts=HIGH):
    drawn = [lab("anti_xa", value, hours) for value, hours in levels]
    return due(judge_chart(*facts, *drawn, hook="patient-view"), "heparinResistance").indicator


@spec(
    "levels, indicator",
    ("after one at target", ((0.31, 14), (NOISE, 3)), Indicator.INFO),
    ("after one at the limit itself", ((0.30, 14), (NOISE, 3)), Indicator.INFO),
    ("after one clearly below", ((0.20, 14), (NOISE, 3)), Indicator.WARNING),
    ("by itself", ((NOISE, 3),), Indicator.WARNING),
    ("clearly below after one at target", ((0.31, 14), (0.25, 3)), Indicator.WARNING),
    ("through another hardly below", ((0.31, 26), (0.28, 14), (NOISE, 3)), Indicator.INFO),
    ("which came from below", ((0.20, 26), (0.28, 14), (NOISE, 3)), Indicator.WARNING),
)
def test_a_level_that_hardly_lies_below_after_one_at_target_is_no_new_warning(levels, indicator):
    assert loudness(*levels) is indicator


def test_at_another_rate_the_level_before_says_nothing():
    lower = (heparin(1700, 60, 20), heparin(1950, 20), order("heparin", rate=1950), KG)

    assert loudness((0.31, 24), (NOISE, 3), facts=lower) is Indicator.WARNING


CEILING = (heparin(2200, 60), order("heparin", rate=2200), weight(90, 60))  # 24.4 U/kg/h


def ceiling(*levels, facts=CEILING):
    drawn = [lab("anti_xa", value, hours) for value, hours in levels]
    return due(judge_chart(*facts, *drawn, hook="patient-view"), "heparinDoseCeiling").indicator


@spec(
    "levels, indicator",
    ("on target", ((0.31, 14), (0.32, 3)), Indicator.INFO),
    ("hardly below", ((0.31, 14), (NOISE, 3)), Indicator.INFO),
    ("clearly below", ((0.31, 14), (0.22, 3)), Indicator.WARNING),
)
def test_so_at_the_ceiling(levels, indicator):
    assert ceiling(*levels) is indicator


# --- confirmed stays loud, a raise waits --------------------------------------------------------

RAISED = (heparin(1900, 60, 24), heparin(2200, 24), order("heparin", rate=2200), weight(100, 60))


def test_what_two_levels_confirm_stays_loud_where_the_required_rate_falls_silent():
    """New sepsis silences the required rate; it does not make the finding smaller."""
    levels = ((0.18, 26), (0.19, 14), (0.17, 5))
    sepsis = condition("sepsis", 1)

    assert ceiling(*levels, facts=RAISED) is Indicator.WARNING
    assert ceiling(*levels, facts=(*RAISED, sepsis)) is Indicator.WARNING


@spec(
    "hours, indicator",
    ("long before the level", 24, Indicator.WARNING),
    ("since the level", 1, Indicator.INFO),
    ("at this very moment", 0, Indicator.INFO),
)
def test_after_a_raise_an_unconfirmed_finding_waits_at_the_ceiling_too(hours, indicator):
    facts = (
        heparin(1900, 60, hours),
        heparin(2200, hours),
        order("heparin", rate=2200),
        weight(100, 60),
    )

    assert ceiling((0.15, 3), facts=facts) is indicator


# --- refractory by more than noise --------------------------------------------------------------


@spec(
    "level, offered",
    ("clearly below", 0.20, True),
    ("by the margin", 0.25, True),
    ("hardly below", 0.26, False),
)
def test_refractory_opens_a_switch_only_by_more_than_assay_noise(level, offered):
    facts = (
        *HIGH,
        given("antithrombin", 12, 2500),
        lab("antithrombin", 95, 4),
        lab("anti_xa", level, 3),
        lab("creatinine", 0.8),
        lab("bilirubin", 0.6),
    )

    found = item(judge_chart(*facts, hook="patient-view"), "heparinResistance")

    assert bool(starts(found)) is offered


@spec(
    "until, lost",
    ("the row is open", None, True),
    ("it ended after the draw", 2.5, True),
    ("it ended before the draw: the pump may be off", 3.5, False),
)
def test_no_effect_is_lost_where_the_infusion_had_ended(until, lost):
    levels = [lab("anti_xa", value, hours) for value, hours in ((0.5, 27), (0.52, 15), (0.05, 3))]
    chart = (heparin(1200, 60, until), weight(80, 60), *levels)

    found = judge_chart(*chart, order("heparin", rate=1200), hook="patient-view")

    assert found.verdicts["effect_lost"].yes is lost
