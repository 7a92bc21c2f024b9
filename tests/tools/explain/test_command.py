"""`heparin-cds explain` on the command line."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cds_service.cli import main
from cds_service.tools.explain.patient import answers_from, explain_patient
from tests.cases import FIXTURES, advice_for, answered, cases, tables

HIT, CHILD, SEPSIS = "09-hit-on-record", "13-child", "26-sepsis-forty"


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["explain", *words])


def test_the_tables_as_text() -> None:
    result = run()
    assert result.exit_code == 0
    assert result.output.startswith("Protocol: Heparin resistance, default protocol (default)")


@pytest.mark.parametrize("fixture", sorted(cases()))
def test_every_patient_can_be_walked(fixture: str) -> None:
    result = run("--patient", fixture)
    assert result.exit_code == 0
    for card in advice_for(fixture).cards:
        assert f"{card.indicator.upper()} {card.topic}" in result.output


@pytest.mark.parametrize("fixture", sorted(cases()))
def test_a_walk_reads_the_record_as_the_service_does(fixture: str) -> None:
    resources = cases()[fixture].resources
    ours, theirs = answers_from(resources, tables()), answered(resources, tables())
    assert {key: a.state for key, a in ours.items()} == {key: a.state for key, a in theirs.items()}


def test_a_walk_names_source_reason_gate_and_dose() -> None:
    text = run("--patient", "26", "--protocol", "review-as-written").output
    assert "Antithrombin activity: 40 %, 02 Mar 10:00 [Observation/p26-at-01]" in text
    assert "active bleeding no" in text
    assert re.search(r"label, divided by 1\.4\s+3,600 IU", text)
    assert re.search(r"multiplied by 1\.4\s+7,056 IU .* predicted\s+158 %", text)
    assert "review formula, not the label" in text


def test_a_walk_tells_a_level_too_old_for_a_dose() -> None:
    case = cases()["01-antithrombin-dose"]
    later = replace(case, now=case.now + timedelta(hours=22))

    walked = explain_patient(later, tables())

    told = {fact.name: fact.told for fact in walked.facts}
    assert told["Antithrombin activity, for a dose"] == "Antithrombin activity: too old"
    assert walked.doses == ()


def test_a_walk_says_why_something_is_unknown() -> None:
    assert "unknown: " in run("--patient", "15").output


@pytest.mark.parametrize("fixture", [HIT, CHILD])
def test_a_walk_shows_no_dose_behind_a_closed_gate(fixture: str) -> None:
    assert (
        "  none: level or weight not known, or a gate not open" in run("--patient", fixture).output
    )


def test_a_patient_may_be_named_by_folder() -> None:
    assert run("--patient", str(FIXTURES / SEPSIS)).output == run("--patient", "26").output


def test_an_unknown_patient_is_named() -> None:
    result = run("--patient", "99")
    assert result.exit_code == 1
    assert "no patient 99" in result.output


def test_a_broken_folder_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "01-broken").mkdir()
    (tmp_path / "01-broken" / "case.md").write_text("nothing", encoding="utf-8")
    result = run("--patient", str(tmp_path / "01-broken"))
    assert result.exit_code == 1
    assert "no front matter" in result.output


def test_an_unknown_protocol_is_named_with_those_shipped() -> None:
    result = run("--protocol", "nowhere.toml")
    assert result.exit_code == 1
    assert "shipped: default, review-as-written" in result.output


def test_a_patient_is_not_written_as_a_page(tmp_path: Path) -> None:
    assert run("--patient", "26", "--html", str(tmp_path / "a.html")).exit_code == 2
