"""The findings, each at its line (clinical logic 3)."""

from dataclasses import replace

import pytest

from cds_service.assessment.model.verdict import Evidence
from tests.builders import (
    MINUTE,
    ago,
    answer,
    choosing,
    condition,
    draft,
    failed,
    failing,
    given,
    heparin,
    judge_chart,
    lab,
    order,
    organs_well,
    protocol,
    raised,
    running,
    spec,
    unreadable,
    weight,
    why,
)


def findings(*facts, by=None):
    return judge_chart(*facts, by=by)


def at_daily(units):
    """Heparin at a daily dose."""
    return running(units / 24)


def by_weight(rate_per_kg, kg=80):
    """Heparin at a rate by weight, in U/h, with the weight."""
    return (*running(rate_per_kg * kg), weight(kg))


@spec(
    "facts, high",
    ("35,000 U/day, weight unknown: high for any weight", at_daily(35_000), "unknown"),
    ("800 U/h, weight unknown", running(800), "no"),
    ("just above 800 U/h, weight unknown", running(800.1), "unknown"),
    ("the same, weight implausible", (heparin(1000, 48), unreadable("weight")), "unknown"),
    ("the same, its query failed", (heparin(1000, 48), failed("body")), "unknown"),
    ("just above 35,000 U/day, weight unknown", at_daily(35_100), "yes"),
    ("just above 35,000 U/day at 70 kg", (*at_daily(35_100), weight(70)), "yes"),
    ("38,000 U/day at 18.5 U/kg/h: for the weight not high", by_weight(18.5, 85.6), "no"),
    ("38,000 U/day just above 18.5 U/kg/h", by_weight(18.55, 85.6), "yes"),
    ("under 35,000 U/day just under 19.95 U/kg/h", by_weight(19.94, 50), "no"),
    ("19.95 U/kg/h: pumps are rounded", by_weight(19.95, 50), "yes"),
    ("under 35,000 U/day at 20 U/kg/h", by_weight(20, 50), "yes"),
    ("running for six hours", (heparin(2000, 6),), "yes"),
    ("running for a minute less: too early", (heparin(2000, 6 - MINUTE),), "unknown"),
    ("20 U/kg/h for a minute under six hours", (heparin(1000, 6 - MINUTE), weight(50)), "unknown"),
    ("nothing runs", (), "no"),
    ("a rate that cannot be read", (heparin(None, 48),), "unknown"),
    ("administrations failed", (failed("administrations"),), "unknown"),
    ("orders failed, nothing charted", (failed("orders"),), "unknown"),
    ("the weight implausible: units alone", (*at_daily(35_100), unreadable("weight")), "yes"),
)
def test_high(facts, high):
    assert answer(findings(*facts), "high") == high


@spec(
    "facts, very_high",
    ("40,000 U/day, weight unknown", at_daily(40_000), "no"),
    ("just above, weight unknown", at_daily(40_100), "yes"),
    ("just above, at 18.5 U/kg/h", (*at_daily(40_100), weight(40_100 / 24 / 18.5)), "no"),
    ("just above, just above 18.5 U/kg/h", (*at_daily(40_100), weight(40_100 / 24 / 18.55)), "yes"),
    ("25 U/kg/h alone is not very high", by_weight(26, 50), "no"),
    ("running for a minute under six hours", (heparin(2000, 6 - MINUTE),), "unknown"),
)
def test_very_high(facts, very_high):
    found = findings(*facts)
    assert answer(found, "very_high") == very_high
    assert answer(found, "requirement_raised") == very_high


def test_a_protocol_without_the_weight_condition_takes_units_alone():
    facts = (*at_daily(40_100), weight(120))
    assert answer(findings(*facts), "very_high") == "no"
    assert answer(findings(*facts, by=choosing(weight_condition=False)), "very_high") == "yes"


@spec(
    "facts, ceiling",
    ("running at 50,000 U/day", (*at_daily(50_000), weight(90)), "no"),
    ("running just above", (*at_daily(50_100), weight(90)), "yes"),
    ("running above at 20 U/kg/h", (*at_daily(50_100), weight(50_100 / 24 / 20)), "no"),
    ("running above, just above 20 U/kg/h", (*at_daily(50_100), weight(104)), "yes"),
    ("running above, and light for the weight", (*at_daily(50_100), weight(120)), "no"),
    ("running above, weight unknown", at_daily(50_100), "yes"),
    ("a raise to 50,000", (*at_daily(40_000), raised(50_000 / 24)), "no"),
    ("a raise to just above", (*at_daily(40_000), raised(50_100 / 24)), "yes"),
    ("the same rate drafted again", (*at_daily(50_000), raised(50_100 / 24)), "no"),
    ("a first order above, at 25 U/kg/h", (raised(2250), weight(90)), "yes"),
    ("a first order above, just under 25 U/kg/h", (raised(2250), weight(90.2)), "no"),
    ("a first order above, weight unknown", (raised(2250),), "yes"),
    ("a first order below, at 30 U/kg/h", (raised(1500), weight(50)), "no"),
    ("a first order that cannot be read", (raised(20, unit="[IU]/kg/h"),), "unknown"),
    ("nothing runs, nothing drafted", (), "no"),
    ("a running rate that cannot be read", (heparin(None, 48),), "unknown"),
    ("running or not is unknown", (heparin(2200, 73),), "unknown"),
    ("held for an hour only", (heparin(2200, 1),), "yes"),
)
def test_ceiling(facts, ceiling):
    assert answer(findings(*facts), "ceiling") == ceiling


@spec(
    "facts, drafted_raise",
    ("five per cent above", (*running(1600), raised(1680)), "yes"),
    ("a little less", (*running(1600), raised(1679.9)), "no"),
    ("lower", (*running(1600), raised(1400)), "no"),
    ("nothing runs", (raised(1680),), "no"),
    ("nothing drafted", running(1600), "no"),
    (
        "a draft by weight without a weight",
        (*running(1600), raised(22, unit="[IU]/kg/h")),
        "unknown",
    ),
    ("a running rate that cannot be read", (heparin(None, 48), raised(1680)), "unknown"),
    ("a bolus is no raise", (*running(1600), draft("heparin", dose=5000)), "no"),
    ("of two drafts one is a raise", (*running(), raised(1500, name="a"), raised(1800)), "yes"),
)
def test_drafted_raise(facts, drafted_raise):
    assert answer(findings(*facts), "drafted_raise") == drafted_raise


@pytest.mark.parametrize("rate", [1000, 1100, 1150, 1200, 1250, 1300, 1450, 1700, 1900, 2300])
def test_five_per_cent_is_a_raise_at_every_rate(rate):
    assert answer(findings(*running(rate), raised(rate * 105 / 100)), "drafted_raise") == "yes"


def steps(*rates, every=12):
    """Rates one after the other, each held for `every` hours, the last one still running."""
    hours = [every * (len(rates) - place) for place in range(len(rates))]
    ends = [*hours[1:], None]
    return tuple(heparin(r, h, e) for r, h, e in zip(rates, hours, ends, strict=True))


@spec(
    "facts, escalating",
    ("two rises of a tenth to 18 U/kg/h", (*steps(1100, 1250, 1440), weight(80)), "yes"),
    ("one rise", (*steps(1250, 1250, 1440), weight(80)), "no"),
    ("the second rise under a tenth", (*steps(1100, 1320, 1440), weight(80)), "no"),
    ("the first rise a tenth exactly", (*steps(1190, 1309, 1440), weight(80)), "yes"),
    (
        "the first rise 48 h ago",
        (heparin(1100, 60, 48), heparin(1250, 48, 10), heparin(1440, 10), weight(80)),
        "yes",
    ),
    (
        "the first rise a minute earlier",
        (
            heparin(1100, 60, 48 + MINUTE),
            heparin(1250, 48 + MINUTE, 10),
            heparin(1440, 10),
            weight(80),
        ),
        "no",
    ),
    (
        "running for 24 h",
        (heparin(1100, 24, 16), heparin(1250, 16, 8), heparin(1440, 8), weight(80)),
        "yes",
    ),
    (
        "running for a minute less",
        (heparin(1100, 24 - MINUTE, 16), heparin(1250, 16, 8), heparin(1440, 8), weight(80)),
        "no",
    ),
    ("30,000 U/day", (*steps(900, 1050, 1250), weight(80)), "no"),
    ("just above 30,000 U/day", (*steps(900, 1050, 1251), weight(80)), "yes"),
    ("above 30,000 U/day, weight unknown", steps(900, 1050, 1251), "yes"),
    ("30,000 U/day, weight unknown", steps(900, 1050, 1250), "no"),
    ("above 30,000 U/day at 15 U/kg/h", (*steps(900, 1100, 1350), weight(90)), "yes"),
    ("above 30,000 U/day just under 15 U/kg/h", (*steps(900, 1100, 1350), weight(90.1)), "no"),
    ("below 30,000 U/day at 18.5 U/kg/h", (*steps(700, 800, 1110), weight(60)), "no"),
    ("below 30,000 U/day just above 18.5 U/kg/h", (*steps(700, 800, 1111), weight(60)), "yes"),
    (
        "the first rise from a hold is a restart",
        (*steps(0, 1250, 1440), weight(80)),
        "no",
    ),
    ("nothing runs", (), "no"),
    ("running or not is unknown", (heparin(1440, 73),), "unknown"),
    ("the rate cannot be read", (*steps(1100, 1250, None), weight(80)), "unknown"),
)
def test_escalating(facts, escalating):
    assert answer(findings(*facts), "escalating") == escalating


RISING = (*steps(1100, 1250, 1440), weight(80))  # at 36, 24 and 12 hours; two rises


@spec(
    "facts, plateau",
    (
        "differing by less than a tenth",
        (*RISING, lab("aptt", 50, 25), lab("aptt", 52, 13), lab("aptt", 54.99, 1)),
        "yes",
    ),
    (
        "differing by a tenth",
        (*RISING, lab("aptt", 50, 25), lab("aptt", 52, 13), lab("aptt", 55, 1)),
        "no",
    ),
    (
        "the level four hours after each rise",
        (*RISING, lab("aptt", 50, 25), lab("aptt", 51, 20), lab("aptt", 51, 8)),
        "yes",
    ),
    (
        "a level a minute earlier after a rise does not count",
        (*RISING, lab("aptt", 50, 25), lab("aptt", 51, 20 + MINUTE), lab("aptt", 51, 8)),
        "unknown",
    ),
    ("none before the first rise", (*RISING, lab("aptt", 51, 13), lab("aptt", 51, 1)), "unknown"),
    (
        "one of them unreadable",
        (*RISING, lab("aptt", 50, 25), unreadable("aptt", 13), lab("aptt", 51, 1)),
        "unknown",
    ),
    (
        "of several the last before the next rise",
        (
            *RISING,
            lab("aptt", 50, 25),
            lab("aptt", 90, 18),
            lab("aptt", 51, 13),
            lab("aptt", 52, 1),
        ),
        "yes",
    ),
    ("the rate now cannot be read", (*steps(1100, 1250, 1440, None), weight(80)), "unknown"),
    ("one rise only", (*steps(1250, 1250, 1440), weight(80)), "no"),
    ("under the floor of the dose", (*steps(800, 950, 1100), weight(80)), "no"),
    (
        "under the floor by weight",
        (*steps(1100, 1250, 1440), weight(97), *(lab("aptt", 50, h) for h in (25, 13, 1))),
        "no",
    ),
    ("nothing runs", (), "no"),
    ("running or not is unknown", (heparin(1440, 73),), "unknown"),
)
def test_plateau(facts, plateau):
    assert answer(findings(*facts), "plateau") == plateau


def test_a_plateau_shows_the_last_level_and_without_three_levels_says_so():
    levels = (lab("aptt", 50, 25), lab("aptt", 52, 13), lab("aptt", 54.99, 1))
    shown = Evidence("aptt", 54.99, "s", ago(1), "Observation/aptt-1", "plateau")
    assert findings(*RISING, *levels).verdicts["plateau"].facts == (shown,)
    assert why(findings(*RISING, *levels[:1]).verdicts["plateau"].reasons) == {"aptt: noTrend"}


@spec(
    "first_rise, plateau",
    ("the rises of the last 72 h", 72, "yes"),
    ("a minute earlier: one rise is left", 72 + MINUTE, "no"),
)
def test_a_plateau_looks_back_three_days(first_rise, plateau):
    found = findings(
        heparin(1100, 100, first_rise),
        heparin(1250, first_rise, 12),
        heparin(1440, 12),
        weight(80),
        *(lab("aptt", 50, hours) for hours in (first_rise, 13, 1)),
    )
    assert answer(found, "plateau") == plateau


@spec(
    "rates, plateau",
    ("together a fifth", (1200, 1320, 1440), "yes"),
    ("together a little less", (1202, 1320, 1440), "no"),
)
def test_where_smaller_steps_count_the_rises_must_come_to_a_fifth(rates, plateau):
    """With steps of a tenth two rises are always a fifth; a hospital may count smaller ones."""
    found = findings(
        *steps(*rates),
        weight(80),
        *(lab("aptt", 50, hours) for hours in (25, 13, 1)),
        by=protocol(heparin__rate_change=8),
    )
    assert answer(found, "plateau") == plateau


WEEK = 7 * 24
BEGUN = running(1600, 60)
ARM = condition("vte", label="arm")


@spec(
    "facts, thrombosis",
    ("onset 24 h after the start", (*BEGUN, condition("vte", onset=36)), "yes"),
    ("onset a minute earlier", (*BEGUN, condition("vte", onset=36 + MINUTE)), "no"),
    (
        "on heparin that was only ordered",
        (order("heparin", rate=1600, hours_ago=60), condition("vte", onset=10)),
        "yes",
    ),
    ("arterial", (*BEGUN, condition("arterial_thrombosis", onset=10)), "yes"),
    ("in the circuit", (*BEGUN, condition("circuit_thrombosis", onset=10)), "yes"),
    ("another condition", (*BEGUN, condition("sepsis", onset=10)), "no"),
    ("onset seven days ago", (*running(1600, 300), condition("vte", onset=WEEK)), "yes"),
    (
        "onset a minute earlier than that",
        (*running(1600, 300), condition("vte", onset=WEEK + MINUTE)),
        "no",
    ),
    ("onset in the future", (*BEGUN, condition("vte", onset=-10)), "no"),
    ("resolved", (*BEGUN, condition("vte", onset=10, active=False)), "no"),
    ("without a status", (*BEGUN, condition("vte", onset=10, active=None)), "yes"),
    ("only recorded", (*BEGUN, condition("vte", 10)), "unknown"),
    ("neither onset nor recorded", (*BEGUN, condition("vte", None)), "unknown"),
    ("only recorded, more than a week ago", (*BEGUN, condition("vte", WEEK + MINUTE)), "no"),
    ("only recorded, a week ago", (*BEGUN, condition("vte", WEEK)), "unknown"),
    ("never on heparin", (condition("vte", onset=10),), "no"),
    (
        "on a flush, which is no treatment",
        (given("heparin", 60, 20), condition("vte", onset=10)),
        "no",
    ),
    (
        "what heparin was begun for, noted again",
        (*BEGUN, condition("vte", 61, onset=61), condition("vte", onset=10)),
        "no",
    ),
    (
        "noted within a day of the start",
        (*BEGUN, condition("vte", 36, onset=36 + MINUTE), condition("vte", onset=10)),
        "no",
    ),
    (
        "after the first, at another site",
        (
            *BEGUN,
            condition("vte", 61, onset=61, label="leg"),
            condition("vte", onset=10, label="arm"),
        ),
        "yes",
    ),
    (
        "after the first, and called new",
        (*BEGUN, condition("vte", 61, onset=61), replace(condition("vte", onset=10), new=True)),
        "yes",
    ),
    (
        "an arterial one after a venous one",
        (*BEGUN, condition("vte", 61, onset=61), condition("arterial_thrombosis", onset=10)),
        "yes",
    ),
    (
        "by another code",
        (
            *BEGUN,
            replace(condition("vte", 61, onset=61), code="I82.4"),
            replace(condition("vte", onset=10), code="I26.9"),
        ),
        "yes",
    ),
    ("none on record", BEGUN, "no"),
    ("the problem list failed", (*BEGUN, failed("conditions")), "unknown"),
    ("the problem list failed, no heparin", (failed("conditions"),), "unknown"),
    (
        "an old one, the rest of the problem list failed",
        (*BEGUN, condition("vte", onset=900), failed("conditions")),
        "unknown",
    ),
    (
        "a new one, medicines failed",
        (condition("vte", onset=10), failed("administrations", "orders")),
        "unknown",
    ),
    (
        "a new one, and what was found of the medicines suffices",
        (*BEGUN, condition("vte", onset=10), failed("administrations")),
        "yes",
    ),
    ("medicines failed, no clot", (failed("administrations", "orders"),), "no"),
)
def test_thrombosis_on_heparin(facts, thrombosis):
    assert answer(findings(*facts), "thrombosis_on_heparin") == thrombosis


def test_a_clot_without_an_onset_is_named():
    verdict = findings(*BEGUN, condition("vte", 10)).verdicts["thrombosis_on_heparin"]
    assert why(verdict.reasons) == {"thrombosis: noOnset"}


LOW, MASKED = lab("anti_xa", 0.2), (lab("anti_xa", 0.2), lab("aptt", 70))
HIGH, NOT_HIGH = (*at_daily(38_400), weight(80)), (*at_daily(24_000), weight(80))
CLOT = condition("vte", onset=10)


@spec(
    "facts, failing",
    ("below target on a high dose", (*HIGH, LOW), "yes"),
    ("below target on a usual dose", (*NOT_HIGH, LOW), "no"),
    ("on target on a high dose", (*HIGH, lab("anti_xa", 0.5)), "no"),
    (
        "below target, escalating: no aPTT tells of a plateau",
        (*steps(1100, 1250, 1440), weight(80), LOW),
        "unknown",
    ),
    (
        "below target, plateau",
        (*RISING, *(lab("aptt", 50, h) for h in (25, 13, 1))),
        "yes",
    ),
    ("masked on a high dose", (*HIGH, *MASKED), "no"),
    ("masked on a usual dose", (*NOT_HIGH, *MASKED), "no"),
    ("a clot on a high dose, on target", (*HIGH, CLOT, lab("anti_xa", 0.5)), "no"),
    ("a clot below target", (*NOT_HIGH, CLOT, LOW), "yes"),
    ("a clot on target on a usual dose", (*NOT_HIGH, CLOT, lab("anti_xa", 0.5)), "no"),
    ("a clot on a high dose above target", (*HIGH, CLOT, lab("anti_xa", 0.8)), "no"),
    (
        "pseudo-resistance is no failure",
        (*HIGH, CLOT, lab("anti_xa", 0.5), lab("aptt", 50)),
        "no",
    ),
    ("an aptt over 100 s", (*HIGH, LOW, lab("aptt", 100.1)), "no"),
    ("an aptt over 100 s drawn later", (*HIGH, lab("anti_xa", 0.2, 8), lab("aptt", 101)), "no"),
    ("an aptt at 100 s drawn later", (*HIGH, lab("anti_xa", 0.2, 8), lab("aptt", 100)), "yes"),
    (
        "over 100 s by a lupus anticoagulant",
        (*HIGH, lab("anti_xa", 0.2, 8), lab("aptt", 101), condition("lupus_anticoagulant")),
        "yes",
    ),
    (
        "raised to a high dose after the draw",
        (heparin(1200, 48, 1), heparin(1600, 1), weight(80), LOW),
        "no",
    ),
    ("lowered after the draw", (heparin(1600, 48, 1), heparin(1400, 1), weight(80), LOW), "yes"),
    ("an aptt that cannot be read", (*HIGH, LOW, unreadable("aptt")), "unknown"),
    ("no level at all", HIGH, "unknown"),
    ("no level on a usual dose", NOT_HIGH, "no"),
    ("a dose that cannot be told", (heparin(None, 48), LOW), "unknown"),
    ("nothing runs", (LOW,), "no"),
    ("requirement raised on target", (*at_daily(45_000), weight(80), lab("anti_xa", 0.5)), "no"),
)
def test_failing(facts, failing):
    assert answer(findings(*facts), "failing") == failing


def test_where_a_protocol_says_so_masked_fails_alone():
    by = choosing(masked_fails_alone=True)
    assert answer(findings(*NOT_HIGH, *MASKED, by=by), "failing") == "yes"


@spec(
    "facts, suspected",
    ("failing", (*HIGH, LOW), "yes"),
    ("requirement raised alone", (*at_daily(45_000), weight(80), lab("anti_xa", 0.5)), "yes"),
    ("neither", (*NOT_HIGH, lab("anti_xa", 0.5)), "no"),
    ("neither known", (failed("administrations", "coagulation"),), "unknown"),
)
def test_resistance_is_suspected_by_either(facts, suspected):
    assert answer(findings(*facts), "resistance_suspected") == suspected


@spec(
    "hook",
    ("on opening the chart", "patient-view"),
    ("on selecting an order", "order-select"),
    ("on signing", "order-sign"),
)
def test_the_same_chart_gives_the_same_findings_to_every_hook(hook):
    facts = failing(lab("antithrombin", 55))
    verdicts = judge_chart(*facts, hook=hook).verdicts
    assert verdicts == judge_chart(*facts).verdicts


def test_every_finding_of_a_failing_infusion_names_its_facts():
    verdicts = judge_chart(*failing()).verdicts
    for rule in ("high", "below_target", "failing"):
        assert verdicts[rule].facts


def test_a_heparin_order_in_a_unit_of_mass_is_no_dose():
    found = judge_chart(order("heparin", rate=5, unit="mg/h"), *organs_well())
    assert answer(found, "high") == "unknown"


@spec(
    "rows, risen",
    ("raised by a tenth since", (heparin(1600, 40, 1), heparin(1760, 1)), "yes"),
    ("raised by less", (heparin(1600, 40, 1), heparin(1759, 1)), "no"),
    ("raised before the draw", (heparin(1600, 40, 3), heparin(1760, 3)), "no"),
    ("lowered since", (heparin(1600, 40, 1), heparin(1200, 1)), "no"),
)
def test_a_raise_since_the_last_level(rows, risen):
    assert answer(findings(*rows, lab("anti_xa", 0.2, 2)), "raised_since_level") == risen
