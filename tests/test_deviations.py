"""Each row of docs/deviations.md, where the default leaves the review, on patients that show it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cds_service.assessment.model.recommendation import OrderTest
from tests.cases import FIXTURES, advice_for, cases
from tests.vignettes import recommended, starts, text, topics, units_in_text

DEVIATIONS = (Path(__file__).parents[1] / "docs" / "deviations.md").read_text(encoding="utf-8")
BOTH_DRUGS = {"bivalirudin": 0.15, "argatroban": 0.5}
PLASMA = "give plasma", "fresh frozen", "ffp", "plasma exchange", "plasmapheresis"
NEVER_DRUGS = {"apixaban", "rivaroxaban", "edoxaban", "enoxaparin", "dalteparin", "clopidogrel"}
TESTS_OF_THE_SERVICE = {
    "antithrombin", "anti_xa", "aptt", "platelets", "fibrinogen", "factor_viii", "creatinine",
    "bilirubin", "inr", "hit_antibody", "hit_functional",
}  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """A fixture, what it offers to start (all of it), and what its cards say and never say."""

    fixture: str
    topics: tuple[str, ...]
    starts: dict[str, float] = field(default_factory=dict)
    recommends: tuple[str, ...] = ()
    tests: tuple[str, ...] | None = None
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


ROWS: dict[str, tuple[Shown, ...]] = {
    "R44, R117": (
        Shown(
            "11-overdose-draft",
            ("antithrombinOverdose", "antithrombinDose"),
            {"antithrombin": round((100 - 50) * 70 / 1.4)},
            (),
            says=("predicted level 148 %", "1.96 times the labelled dose"),
        ),
    ),
    "R8, R23, R111": (Shown("33-standard-dose-for-weight", ()),),
    "R5, R27, R29, R112": (
        Shown("07-masked", ("assayDiscordance",), says=("bleed more",), never=("resistance",)),
    ),
    "R41": (Shown("05-unmeasured", ("heparinResistance",), tests=("antithrombin",)),),
    "R60": (Shown("22-thrombosis-on-heparin", ("thrombosisOnHeparin",)),),
    "R62": (
        Shown(
            "18-hit-by-score",
            ("hitSuspected",),
            {"bivalirudin": 0.15, "argatroban": 0.2},
            ("bivalirudin",),
        ),
    ),
    "R53": (
        Shown(
            "04-renal-switch",
            ("anticoagulantSwitch",),
            {"argatroban": 0.5, "bivalirudin": 0.08, "antithrombin": 2817},
            ("argatroban",),
            never=("Argatroban 2 ",),
        ),
    ),
    "R57": (
        Shown(
            "28-ecmo-and-crrt",
            ("anticoagulantSwitch",),
            {"argatroban": 0.2, "bivalirudin": 0.07, "antithrombin": 3680},
            ("argatroban",),
            never=("0.15", "0.25"),
        ),
    ),
    "R42, R122": (
        Shown(
            "39-hit-before-antithrombin",
            ("hitSuspected", "antithrombinOverdose"),
            BOTH_DRUGS,
            ("argatroban",),
            says=("traces of heparin",),
        ),
    ),
    "R98": (
        Shown(
            "36-above-range-after-antithrombin",
            ("antithrombinOverdose",),
            says=("162 %", "Plasma holds antithrombin and does not reverse it"),
            never=PLASMA,
        ),
    ),
    "R46": (
        Shown(
            "01-antithrombin-dose",
            ("antithrombinDose",),
            {"antithrombin": 2571},
            (),
            says=("60 % of it every 24 h",),
            never=("50-100 %", "every 12"),
        ),
    ),
    "R86": (
        Shown(
            "28-ecmo-and-crrt",
            ("anticoagulantSwitch",),
            {"argatroban": 0.2, "bivalirudin": 0.07, "antithrombin": 3680},
            ("argatroban",),
            never=("25-50", "IU/h", "continuous"),
        ),
    ),
    "R73, R105": (Shown("37-before-cardiac-surgery", ()),),
    "R79": (
        Shown("26-sepsis-forty", ("anticoagulantSwitch",), {**BOTH_DRUGS, "antithrombin": 3600}),
    ),
    "R65, R68, R69, R75": (
        Shown("20-apixaban-and-heparin", ("anticoagulantCombination",), says=("apixaban",)),
        Shown(
            "38-enoxaparin-and-rivaroxaban",
            ("anticoagulantCombination",),
            says=("enoxaparin and rivaroxaban", "multiply bleeding"),
        ),
        Shown("21-clopidogrel-with-heparin", ("antiplateletWithHeparin",)),
        Shown("24-baseline-before-start", ("baselineTests",), never=("LMWH", "prophylaxis")),
    ),
    "R71": (
        Shown("36-above-range-after-antithrombin", ("antithrombinOverdose",), never=PLASMA),
    ),
    "R15, R18, R19, R36, R37, R109": (
        Shown(
            "30-refractory-after-antithrombin",
            ("heparinResistance",),
            BOTH_DRUGS,
            tests=("fibrinogen", "factor_viii"),
            never=("APACHE", "Willebrand", "protein C", "protein S", "thrombin generation"),
        ),
    ),
    "R32": (
        Shown(
            "29-antigen-only",
            ("heparinResistance",),
            tests=("antithrombin",),
            says=("antithrombin activity (not on record)",),
            never=("80-120",),
        ),
    ),
    "R1, R51": (
        Shown(
            "03-severe-deficiency-switch",
            ("anticoagulantSwitch",),
            {**BOTH_DRUGS, "antithrombin": 3100},
            ("bivalirudin",),
            never=("85 %", "15-25", "prevalence"),
        ),
    ),
}  # fmt: skip
SHOWN = [pytest.param(shown, id=f"{row}: {shown.fixture}") for row in ROWS for shown in ROWS[row]]


def offered_tests(name: str) -> set[str]:
    """The tests that the cards of a fixture offer to order."""
    items = advice_for(name).findings.items
    offered = {
        action.concept
        for item in items
        for choice in item.choices
        for action in choice.actions
        if isinstance(action, OrderTest)
    }
    return offered | {concept for item in items for concept in item.tests}


def numbers(text_of_row: str) -> set[str]:
    return set(re.findall(r"\bR\d+\b", text_of_row))


@pytest.mark.parametrize("shown", SHOWN)
def test_the_fixture_shows_where_the_default_leaves_the_review(shown: Shown) -> None:
    advice = advice_for(shown.fixture)
    said = text(advice).casefold()

    assert topics(advice) == shown.topics
    assert starts(advice) == shown.starts
    assert sorted(recommended(advice)) == sorted(shown.recommends)
    assert [phrase for phrase in shown.says if phrase.casefold() not in said] == []
    assert [phrase for phrase in shown.never if phrase.casefold() in said] == []
    if shown.tests is not None:
        assert offered_tests(shown.fixture) == set(shown.tests)


def test_every_row_of_the_page_has_a_fixture() -> None:
    assert re.findall(r"^\| (R[^:]+):", DEVIATIONS, re.MULTILINE) == list(ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_the_case_says_which_row_it_shows(row: str) -> None:
    lines = [
        line
        for shown in ROWS[row]
        for line in (FIXTURES / shown.fixture / "case.md").read_text("utf-8").splitlines()
        if line.startswith("Where the review is left: ")
    ]

    assert numbers(row) <= numbers(" ".join(lines))


@pytest.mark.parametrize("name", sorted(cases()))
def test_what_the_review_suggests_and_the_default_never_does(name: str) -> None:
    """Over all patients: no plasma, no oral or subcutaneous start, no test off the list."""
    advice = advice_for(name)

    assert not NEVER_DRUGS & starts(advice).keys()
    assert offered_tests(name) <= TESTS_OF_THE_SERVICE
    assert [word for word in PLASMA if word in text(advice).casefold()] == []
    assert "85 % of" not in text(advice)


def test_before_surgery_and_in_hit_no_figure_of_antithrombin_stands() -> None:
    names = ("37-before-cardiac-surgery", "39-hit-before-antithrombin")

    assert [units_in_text(advice_for(name)) for name in names] == [set(), set()]
