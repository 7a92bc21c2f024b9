"""The oracle against rows taken by hand from the clinical text."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracle.cell import patient
from tests.oracle.estimate import Pair, estimate
from tests.oracle.expected import decide
from tests.oracle.findings import required_rate


def topics(**changes: Any) -> dict[str, str]:
    return dict(decide(patient(**changes)).topics)


@pytest.mark.parametrize(
    ("pairs", "m", "s"),
    [
        (((7, 18, 0.30),), 2.8360, 0.1647),
        (((7, 18, 0.52), (14, 16, 0.45)), 2.4643, 0.1447),
        (((7, 18, 0.18), (14, 22, 0.24)), 3.2192, 0.1439),
        (((7, 18, 0.26), (14, 20, 0.29)), 2.9810, 0.1328),
    ],
)
def test_the_estimate_is_the_published_one(
    pairs: tuple[tuple[float, float, float], ...], m: float, s: float
) -> None:
    found = estimate(tuple(Pair(*pair) for pair in pairs), 0.30)

    assert (found.m, found.s) == (pytest.approx(m, abs=1e-3), pytest.approx(s, abs=1e-3))


@pytest.mark.parametrize(
    ("rate", "weight", "high", "very_high", "ceiling"),
    [
        (1458, 80, "no", "no", "no"),  # 34,992 U/day
        (1480, 80, "no", "no", "no"),  # 35,520 U/day, exactly 18.5 U/kg/h
        (1481, 80, "yes", "no", "no"),
        (997, 50, "no", "no", "no"),  # 19.94 U/kg/h
        (998, 50, "yes", "no", "no"),  # 19.96 is 20.0 on a pump
        (1667, 80, "yes", "yes", "no"),  # 40,008 U/day
        (2084, 80, "yes", "yes", "yes"),  # 50,016 U/day at 26 U/kg/h
        (2400, 120, "yes", "yes", "no"),  # 57,600 U/day at exactly 20 U/kg/h
        (2401, 120, "yes", "yes", "yes"),
        (2084, 120, "no", "no", "no"),  # 17.4 U/kg/h: high in units, not for weight
        (800, None, "no", "no", "no"),
        (801, None, "unknown", "no", "no"),  # high for somebody of 40 kg
        (1459, None, "yes", "no", "no"),
        (2084, None, "yes", "yes", "yes"),
    ],
)
def test_dose_findings_follow_weight_and_units(
    rate: int, weight: int | None, high: str, very_high: str, ceiling: str
) -> None:
    findings = decide(patient(rate=rate, weight=weight)).findings

    assert (findings["high"], findings["very_high"], findings["ceiling"]) == (
        high,
        very_high,
        ceiling,
    )


@pytest.mark.parametrize(
    ("changes", "confirmed"),
    [
        ({}, "yes"),
        ({"anti_xa": 0.25}, "yes"),  # 0.05 below the line
        ({"anti_xa": 0.26}, "no"),
        ({"history": "one", "earlier": None}, "no"),  # one level
        ({"history": "same", "rate": 2000}, "yes"),  # no raise, but 25 U/kg/h: the required rate
        ({"history": "same", "rate": 1481, "anti_xa": 0.25}, "no"),  # 18.5 U/kg/h, no raise
        ({"earlier": 0.33, "anti_xa": 0.25, "rate": 1481}, "no"),  # on target before
        ({"anti_xa": None}, "no"),  # by the aPTT alone
        ({"trust": "mayReadLow", "history": "one", "earlier": None}, "unknown"),
        ({"rate": 1481}, "no"),  # high by units alone
        ({"target": "low"}, "yes"),
        ({"target": "low", "anti_xa": 0.19}, "no"),  # 0.01 below 0.20
        ({"target": "unreadable"}, "unknown"),
        ({"weight": None}, "unknown"),
        ({"aptt": 80}, "no"),  # masked
        ({"rate": 1000}, "no"),
    ],
)
def test_confirmed_needs_two_levels_and_a_raise_or_the_required_rate(
    changes: dict[str, Any], confirmed: str
) -> None:
    assert decide(patient(**changes)).findings["confirmed"] == confirmed


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"antithrombinDose": "warning"}),
        ({"antithrombin": 45}, {"anticoagulantSwitch": "critical"}),
        ({"antithrombin": 45, "bleeding": "highRisk"}, {"anticoagulantSwitch": "warning"}),
        ({"antithrombin": 80}, {"heparinResistance": "warning"}),
        ({"antithrombin": None}, {"heparinResistance": "warning"}),
        ({"antithrombin": None, "rate": 2084}, {"heparinDoseCeiling": "critical"}),
        ({"aptt": 80}, {"heparinResistance": "info"}),  # masked; the requirement is raised
        ({"aptt": 80, "rate": 1600}, {"assayDiscordance": "warning"}),
        ({"aptt": 64, "rate": 1600}, {}),  # 4 s to spare
        ({"aptt": 80, "rate": 1600, "anti_xa": 0.26}, {}),
        ({"anti_xa": 0.5, "aptt": 80, "rate": 1600}, {}),
        ({"anti_xa": 0.5, "draft": "raise", "rate": 1600}, {"pseudoResistance": "warning"}),
        ({"anti_xa": 0.71, "draft": "raise", "rate": 1600}, {"aboveTargetRaise": "warning"}),
        ({"anti_xa": None, "rate": 1600}, {"heparinResistance": "info"}),  # by the aPTT alone
        ({"draft": "tenfold"}, {"heparinRateCheck": "critical"}),
        ({"hit": True}, {"hitSuspected": "critical"}),
        (
            {"draft": "antithrombin", "antithrombin": 95, "rate": 1400},
            {"antithrombinOverdose": "warning"},  # 139 %
        ),
        ({"draft": "atenativ", "antithrombin": 80, "rate": 1400}, {}),  # 111 %
        ({"draft": "antithrombin"}, {"antithrombinDose": "info"}),  # drafted already
    ],
)
def test_each_patient_has_his_cards(changes: dict[str, Any], expected: dict[str, str]) -> None:
    assert topics(**changes) == expected


def test_one_level_is_loud_only_where_the_required_rate_is_likely_high() -> None:
    heavy = patient(history="one", earlier=None, rate=2000, antithrombin=80)
    light = patient(history="one", earlier=None, rate=1481, anti_xa=0.29, antithrombin=80)

    likely, unlikely = required_rate(heavy), required_rate(light)

    assert likely is not None
    assert unlikely is not None
    assert likely.above_20 > 0.65 > unlikely.above_20
    assert decide(heavy).topics == {"heparinResistance": "warning"}
    assert decide(light).topics == {"heparinResistance": "info"}


@pytest.mark.parametrize(
    ("changes", "units", "offered", "recommended"),
    [
        ({}, 2571, {}, None),  # 45 % x 80 kg / 1.4
        ({"antithrombin": 45}, 3143, {"bivalirudin": 0.15, "argatroban": 0.5}, "bivalirudin"),
        (
            {"antithrombin": 45, "renal": "impaired"},
            3143,
            {"argatroban": 0.5, "bivalirudin": 0.08},
            "argatroban",
        ),
        ({"antithrombin": 45, "renal": "impaired", "hepatic": "impaired"}, None, {}, None),
        (
            {"antithrombin": 45, "sepsis": True},
            3143,
            {"bivalirudin": 0.15, "argatroban": 0.5},
            None,
        ),
        (
            {"antithrombin": 30, "sepsis": True},
            4000,
            {"bivalirudin": 0.15, "argatroban": 0.5},
            "bivalirudin",
        ),
        ({"antithrombin": 45, "bleeding": "active"}, None, {}, None),
        ({"bleeding": "highRisk"}, None, {}, None),
        ({"hit": True}, None, {"argatroban": 0.5, "bivalirudin": 0.15}, "argatroban"),
        ({"hit": True, "aptt": 101}, None, {}, None),
        ({"draft": "antithrombin"}, None, {}, None),
    ],
)
def test_drugs_and_doses(
    changes: dict[str, Any], units: int | None, offered: dict[str, float], recommended: str | None
) -> None:
    decision = decide(patient(**changes))

    assert decision.antithrombin_units == units
    assert decision.offered == offered
    assert decision.recommended == recommended
