"""The oracle against rows taken by hand from the clinical text."""

from dataclasses import replace

import pytest

from tests.second_opinion.oracle import Cell, decide

# 80 kg at 21 U/kg/h (40,320 U/day), everything low but AT unknown, organs normal.
RESISTANT = Cell(
    rate=1680,
    weight=80,
    anti_xa=0.1,
    aptt=45,
    antithrombin=None,
    renal="normal",
    hepatic="normal",
    sepsis=False,
    cardiac_surgery=False,
    hit=False,
    bleeding=False,
    hook="patient-view",
    draft_raise=False,
)
SWITCH = replace(RESISTANT, antithrombin=45)
DOSE = replace(RESISTANT, antithrombin=55)
HIT = replace(RESISTANT, hit=True)
RAISE = {"hook": "order-sign", "draft_raise": True}


@pytest.mark.parametrize(
    ("rate", "weight", "high", "very_high", "ceiling"),
    [
        (1458, 80, "no", "no", "no"),  # 34,992 U/day
        (1480, 80, "no", "no", "no"),  # 35,520 U/day, exactly 18.5 U/kg/h
        (1481, 80, "yes", "no", "no"),
        (1666, 80, "yes", "no", "no"),  # 39,984 U/day
        (1667, 80, "yes", "yes", "no"),  # 40,008 U/day
        (2083, 80, "yes", "yes", "no"),  # 49,992 U/day
        (2084, 80, "yes", "yes", "yes"),  # 50,016 U/day
        (2084, 120, "no", "no", "yes"),  # 17.4 U/kg/h: high in units, not for weight
        (2221, 120, "yes", "yes", "yes"),
        (1459, None, "yes", "no", "no"),  # units alone
        (1000, 40, "yes", "no", "no"),  # 24,000 U/day, but 25 U/kg/h
        (999, 40, "no", "no", "no"),
    ],
)
def test_dose_findings_follow_units_and_weight(rate, weight, high, very_high, ceiling):
    findings = decide(replace(RESISTANT, rate=rate, weight=weight)).findings
    found = (findings["high"], findings["very_high"], findings["ceiling"])
    assert found == (high, very_high, ceiling)


@pytest.mark.parametrize(
    ("anti_xa", "aptt", "below", "above", "masked", "pseudo"),
    [
        (0.29, 60, "yes", "no", "yes", "no"),
        (0.29, 59, "yes", "no", "no", "no"),
        (0.3, 59, "no", "no", "no", "yes"),
        (0.7, 59, "no", "no", "no", "yes"),
        (0.71, 59, "no", "yes", "no", "no"),
        (0.5, 110, "no", "no", "no", "no"),
        (None, 59, "yes", "no", "no", "unknown"),
        (None, 60, "no", "no", "unknown", "no"),
        (None, 100, "no", "no", "unknown", "no"),
        (None, 110, "no", "yes", "unknown", "no"),
        (0.1, None, "yes", "no", "unknown", "no"),
        (0.5, None, "no", "no", "no", "unknown"),
        (None, None, "unknown", "unknown", "unknown", "unknown"),
    ],
)
def test_the_anti_xa_leads_and_a_pair_makes_a_pattern(anti_xa, aptt, below, above, masked, pseudo):
    findings = decide(replace(RESISTANT, anti_xa=anti_xa, aptt=aptt)).findings
    names = ("below_target", "above_target", "masked", "pseudo_resistance")
    assert tuple(findings[name] for name in names) == (below, above, masked, pseudo)


@pytest.mark.parametrize(
    ("change", "failing"),
    [
        ({}, "yes"),
        ({"rate": 1480}, "no"),
        ({"anti_xa": 0.5}, "no"),  # pseudo-resistance
        ({"anti_xa": 0.71}, "no"),
        ({"anti_xa": 0.1, "aptt": 80}, "yes"),  # masked and high
        ({"anti_xa": 0.1, "aptt": 110}, "no"),
        ({"anti_xa": None}, "yes"),  # by aPTT alone
        ({"anti_xa": None, "aptt": 80}, "unknown"),  # not below, but masked cannot be told
        ({"anti_xa": None, "aptt": None}, "unknown"),
        ({"anti_xa": None, "aptt": None, "rate": 1480}, "no"),
    ],
)
def test_failing_needs_a_low_level_at_a_high_dose(change, failing):
    assert decide(replace(RESISTANT, **change)).findings["failing"] == failing


@pytest.mark.parametrize(
    ("change", "topics"),
    [
        ({}, [("heparinResistance", "warning")]),
        ({"rate": 1480}, []),
        ({"antithrombin": 49.9}, [("anticoagulantSwitch", "critical")]),
        ({"antithrombin": 50}, [("antithrombinDose", "warning")]),
        ({"antithrombin": 69.9}, [("antithrombinDose", "warning")]),
        ({"antithrombin": 70}, [("heparinResistance", "warning")]),
        ({"antithrombin": 30, "anti_xa": 0.5, "aptt": 80}, [("heparinResistance", "info")]),
        ({"anti_xa": None, "aptt": None}, [("heparinResistance", "warning")]),
        ({"rate": 1500, "anti_xa": None, "aptt": None}, []),
        ({"rate": 2084}, [("heparinDoseCeiling", "critical")]),
        ({"rate": 2084, "antithrombin": 95}, [("heparinResistance", "warning")]),
        ({"rate": 2084, "weight": 120}, [("heparinDoseCeiling", "warning")]),
        ({"rate": 2400, "weight": 120}, [("heparinDoseCeiling", "critical")]),
        ({"rate": 2084, "weight": None}, [("heparinDoseCeiling", "critical")]),
        ({"rate": 1852, "weight": None, **RAISE}, [("heparinDoseCeiling", "critical")]),
        ({"rate": 1851, "weight": None, **RAISE}, [("heparinResistance", "warning")]),
        ({"rate": 1480, "aptt": 60}, [("assayDiscordance", "warning")]),
        ({"rate": 1680, "aptt": 60}, [("heparinResistance", "warning")]),
        ({"rate": 1480, "anti_xa": 0.5}, []),
        ({"rate": 1480, "anti_xa": 0.5, **RAISE}, [("pseudoResistance", "warning")]),
        ({"rate": 1480, "anti_xa": 0.71, **RAISE}, [("aboveTargetRaise", "warning")]),
        ({"rate": 1480, "anti_xa": 0.71, "hook": "order-sign"}, []),
        (
            {"anti_xa": 0.71, **RAISE},
            [("aboveTargetRaise", "warning"), ("heparinResistance", "warning")],
        ),
        (
            {"rate": 1852, "anti_xa": 0.5, **RAISE},
            [("heparinDoseCeiling", "critical"), ("pseudoResistance", "warning")],
        ),
        (
            {"anti_xa": 0.5, "antithrombin": 95, **RAISE},
            [("pseudoResistance", "warning"), ("heparinResistance", "info")],
        ),
        ({"hit": True}, [("hitSuspected", "critical")]),
        ({"hit": True, "anti_xa": 0.71, **RAISE}, [("hitSuspected", "critical")]),
        ({"bleeding": True, "antithrombin": 45}, [("anticoagulantSwitch", "critical")]),
    ],
)
def test_topics_and_indicators(change, topics):
    assert list(decide(replace(RESISTANT, **change)).topics) == topics


@pytest.mark.parametrize(
    ("antithrombin", "weight", "dose"),
    [
        (55, 80, 2571),  # the text's pin
        (50, 70, 2500),  # the text's pin
        (30, 80, 4000),
        (45, 80, 3143),
        (49.9, 80, 2863),
        (60, 80, 2286),
        (69.9, 80, 1720),
        (70, 80, None),
        (55, None, None),
    ],
)
def test_the_dose_divides_by_the_label_recovery(antithrombin, weight, dose):
    cell = replace(RESISTANT, antithrombin=antithrombin, weight=weight)
    assert decide(cell).at_dose_iu == dose


@pytest.mark.parametrize("start", [SWITCH, HIT])
@pytest.mark.parametrize(
    ("renal", "hepatic", "recommended", "offered"),
    [
        ("normal", "normal", "bivalirudin", {"bivalirudin": 0.15, "argatroban": 0.5}),
        ("impaired", "normal", "argatroban", {"argatroban": 0.5, "bivalirudin": 0.08}),
        ("normal", "impaired", "bivalirudin", {"bivalirudin": 0.15, "argatroban": 0.2}),
        ("impaired", "impaired", None, {}),
        ("unknown", "normal", None, {}),
        ("impaired", "unknown", None, {}),
    ],
)
def test_organ_function_picks_the_anticoagulant(start, renal, hepatic, recommended, offered):
    answer = decide(replace(start, renal=renal, hepatic=hepatic))
    assert (answer.recommended, answer.offered) == (recommended, offered)


@pytest.mark.parametrize(
    ("cell", "recommended"),
    [
        (replace(SWITCH, sepsis=True), None),
        (replace(SWITCH, sepsis=True, antithrombin=30), "bivalirudin"),
        (replace(SWITCH, cardiac_surgery=True), None),
        (replace(SWITCH, cardiac_surgery=True, antithrombin=30), None),
        (replace(HIT, sepsis=True, cardiac_surgery=True, antithrombin=45), "bivalirudin"),
    ],
)
def test_what_keeps_a_drug_offered_but_not_recommended(cell, recommended):
    answer = decide(cell)
    assert answer.recommended == recommended
    assert set(answer.offered) == {"bivalirudin", "argatroban"}


@pytest.mark.parametrize(
    ("cell", "withheld"),
    [
        (SWITCH, set()),
        (replace(SWITCH, bleeding=True), {"anticoagulant", "antithrombin"}),
        (replace(SWITCH, weight=None), {"antithrombin"}),
        (replace(SWITCH, renal="unknown"), {"anticoagulant"}),
        (replace(DOSE, bleeding=True), {"antithrombin"}),
        (replace(HIT, bleeding=True), {"anticoagulant"}),
        (replace(HIT, aptt=100), set()),
        (replace(HIT, aptt=110), {"anticoagulant"}),
        (replace(RESISTANT, bleeding=True), set()),
    ],
)
def test_what_is_withheld(cell, withheld):
    assert set(decide(cell).withheld) == withheld


@pytest.mark.parametrize(
    ("cell", "recommended"),
    [
        (DOSE, True),
        (replace(DOSE, sepsis=True), False),
        (replace(DOSE, cardiac_surgery=True), False),
        (SWITCH, False),
        (replace(DOSE, weight=None), False),
    ],
)
def test_when_the_antithrombin_order_is_recommended(cell, recommended):
    assert decide(cell).at_recommended is recommended
