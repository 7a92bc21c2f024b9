"""At a line the more cautious band of two neighbouring values stands (logic 2.2)."""

from tests.builders import (
    MINUTE,
    given,
    lab,
    measured,
    procedure,
    running,
    spec,
    unreadable,
    weight,
)


def at(*levels):
    """The tier of antithrombin."""
    return measured(*running(), *levels, lab("anti_xa", 0.5)).antithrombin.tier


@spec(
    "now, before, tier",
    ("just under 50, 50 before", 49, 50, "low"),
    ("just under 50, 49 before", 49, 49, "severe"),
    ("a tenth under 50", 45, 55, "low"),
    ("more than a tenth under 50", 44.96, 55, "severe"),
    ("just under 70", 66, 72, "lowNormal"),
    ("just under 80", 76, 85, "normal"),
    ("just above a line: the higher stands anyway", 51, 40, "low"),
)
def test_just_under_a_line_the_higher_tier_stands(now, before, tier):
    assert at(lab("antithrombin", now, 3), lab("antithrombin", before, 20)) == tier


@spec(
    "more, tier",
    ("72 h older", (lab("antithrombin", 55, 75),), "low"),
    ("a minute older", (lab("antithrombin", 55, 75 + MINUTE),), "severe"),
    ("a dose between", (lab("antithrombin", 55, 30), given("antithrombin", 20, 2000)), "severe"),
    ("a dose before both", (lab("antithrombin", 55, 30), given("antithrombin", 40, 2000)), "low"),
    ("an unreadable one between", (lab("antithrombin", 55, 30), unreadable("antithrombin", 20)),
     "low"),
    ("only a limit before", (lab("antithrombin", 55, 30, comparator=">"),), "severe"),
    ("none before", (), "severe"),
)  # fmt: skip
def test_which_value_before_counts(more, tier):
    assert at(lab("antithrombin", 47, 3), *more) == tier


def kidney(*creatinines, more=()):
    """Man of 60, 72 kg: clearance is 80 / creatinine."""
    found = measured(*running(), weight(72), *creatinines, *more)
    return found.organs


def clearance(value, hours):
    return lab("creatinine", 80 / value, hours)


@spec(
    "now, before, impaired",
    ("at 60, under it before", 60, 59, "yes"),
    ("a tenth above, under it before", 66, 59, "yes"),
    ("more than a tenth above", 66.1, 59, "no"),
    ("above both times", 62, 61, "no"),
    ("under it now", 59, 90, "yes"),
)
def test_just_above_the_line_a_kidney_stays_impaired(now, before, impaired):
    found = kidney(clearance(now, 5), clearance(before, 40))
    assert found.renal.truth.value == impaired


def test_dialysis_between_begins_anew():
    over = procedure("hemodialysis", 35, 30)
    assert kidney(clearance(61, 5), clearance(59, 40), more=(over,)).renal.no


def test_the_line_of_the_lowest_dose_does_not_flap_either():
    assert kidney(clearance(31, 5), clearance(29, 40)).at_most
    assert not kidney(clearance(31, 5), clearance(31, 40)).at_most


@spec(
    "now, before, impaired",
    ("at 1.5, over it before", 1.5, 1.6, "yes"),
    ("a tenth under, over it before", 1.35, 1.6, "yes"),
    ("more than a tenth under", 1.34, 1.6, "no"),
    ("under it both times", 1.4, 1.4, "no"),
)
def test_just_under_the_line_a_liver_stays_impaired(now, before, impaired):
    found = measured(*running(), lab("bilirubin", now, 5), lab("bilirubin", before, 40))
    assert found.organs.hepatic.truth.value == impaired
