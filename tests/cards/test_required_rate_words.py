"""The required rate and the target on a card, in words (logic 2.5, 4)."""

from dataclasses import replace

import pytest

from cds_service.cards.required_rate_words import required_rate_told, target_told
from tests.builders import (
    aiming,
    cards_of,
    condition,
    failing,
    goal,
    heparin,
    judge_chart,
    lab,
    procedure,
    protocol,
    raised,
    running,
    spec,
    weight,
)
from tests.cases import tables

KG = weight(80, 60)
RAISED = (heparin(1440, 60, 24), heparin(1760, 24), KG)
LOW = (*RAISED, lab("anti_xa", 0.18, 26), lab("anti_xa", 0.24, 3))


def measured(*facts):
    return judge_chart(*facts).measured


def need_in_words(*facts):
    return required_rate_told(measured(*facts), tables().wording)


def test_where_the_limit_lies_with_its_interval_and_how_sure():
    """The reference's third worked example: 18 then 22 U/kg/h, 0.18 then 0.24."""
    assert need_in_words(*LOW) == (
        "0.30 lies at about 25 U/kg/h (20-31), 2,000 U/h; very likely above 20"
    )


@spec(
    "facts, words",
    ("one pair", (*running(1440, 60), KG, lab("anti_xa", 0.3, 3)), "fewer than two steady levels"),
    ("no weight", (*running(1440, 60), lab("anti_xa", 0.3, 3)), "Weight: not on record"),
    (
        "a level that does not fit",
        (
            *running(1300, 70),
            KG,
            *(lab("anti_xa", v, h) for v, h in ((0.42, 60), (0.48, 48), (0.45, 36), (0.05, 3))),
        ),
        "0.05 does not fit the levels before",
    ),
    (
        "sepsis since",
        (*LOW, condition("sepsis", 1, onset=1)),
        "sepsis, CRRT or ECMO since the last steady level",
    ),
    (
        "far beyond the rates used",
        (*RAISED, lab("anti_xa", 0.05, 26), lab("anti_xa", 0.06, 3)),
        "0.30 lies above 33 U/kg/h, beyond the rates used; almost certainly above 20",
    ),
)  # fmt: skip
def test_what_is_shown_where_no_number_may_be(facts, words):
    assert words in need_in_words(*facts)


def test_by_aptt_the_limit_is_in_seconds():
    facts = (lab("aptt", 30, 80), lab("aptt", 52, 20), lab("aptt", 54, 3))
    assert need_in_words(*running(1440, 60), KG, *facts).startswith("60 s lies at about ")


def row(cards, name):
    """A row of the table of the first card."""
    lines = [line for card in cards for line in card.detail.splitlines()]
    return next((line for line in lines if line.startswith(f"| {name} ")), "")


def test_both_stand_on_a_card_that_judges_a_level():
    cards = cards_of(judge_chart(*failing(lab("antithrombin", 60))))
    assert "0.30-0.70 IU/mL (default)" in row(cards, "Target")
    assert "0.30 lies at about" in row(cards, "Required rate")


def test_while_the_effect_is_lost_no_required_rate_is_shown():
    lost = (lab("anti_xa", 0.42, 30), lab("anti_xa", 0.46, 20), lab("anti_xa", 0.08, 2))
    cards = cards_of(judge_chart(*running(1800, 60), KG, *lost, raised(1900)))
    assert cards
    assert row(cards, "Required rate") == ""


@spec(
    "facts, words",
    (
        "default",
        (*running(), lab("anti_xa", 0.5)),
        "Anti-Xa 0.30-0.70 IU/mL (default)",
    ),
    (
        "by order",
        (*aiming(goal((0.2, 0.4))), lab("anti_xa", 0.5)),
        "Anti-Xa 0.20-0.40 IU/mL (by the order)",
    ),
    (
        "by order, the aPTT alone",
        (*aiming(goal(aptt=(50, 70))), lab("anti_xa", 0.5), lab("aptt", 55)),
        "aPTT 50-70 s (by the order)",
    ),
    (
        "candidates",
        (*running(), procedure("vv_ecmo", running=True), lab("anti_xa", 0.5)),
        "0.20-0.30 or 0.30-0.70 IU/mL",
    ),
    (
        "both tests in use",
        (*running(), lab("anti_xa", 0.5), lab("aptt", 70)),
        "Anti-Xa 0.30-0.70 IU/mL; aPTT 60-100 s",
    ),
)
def test_the_target_in_words(facts, words):
    assert words in target_told(measured(*facts), tables().wording)


def test_a_target_that_cannot_be_read_says_so():
    words = target_told(
        measured(*aiming(replace(goal(), unread=True)), lab("anti_xa", 0.2)), tables().wording
    )
    assert words == ("Target: the order's words could not be read as a range (by the order)")


@pytest.mark.parametrize("step", [50, 100])
def test_the_pumps_step_is_the_protocols(step):
    found = judge_chart(*LOW, by=protocol(required_rate__rounded_to=step)).measured
    assert f"{2000:,} U/h" in required_rate_told(found, tables().wording)
    assert found.need.rate.units_per_hour(80, found.case.protocol) % step == 0
