"""`heparin-cds explain` and the page beside the demo."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient

from cds_service.app import create_app
from cds_service.cli import main
from cds_service.settings import Settings
from cds_service.tools.explain.page import as_page
from cds_service.tools.explain.patient import answers_from, explain_patient
from cds_service.tools.explain.review import load_review
from cds_service.tools.explain.tables import explain_subject
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


def test_the_page_as_a_file_stands_alone(tmp_path: Path) -> None:
    target = tmp_path / "explain.html"
    assert run("--html", str(target)).exit_code == 0
    html = target.read_text(encoding="utf-8")
    assert "<style>" in html
    assert "<link" not in html
    assert "<script" not in html


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    environ = {
        "CDS_OPEN": "1",
        "CDS_DEMO": "1",
        "CDS_DATABASE_URL": f"sqlite:///{tmp_path / 'ledger.sqlite'}",
    }
    return create_app(Settings.from_environ(environ)).test_client()


def test_the_page_is_served_beside_the_demo_and_linked(client: FlaskClient) -> None:
    page = client.get("/explain")
    assert page.status_code == 200
    assert page.get_data(as_text=True) == as_page(explain_subject(tables(), load_review()))
    assert b'href="/explain"' in client.get(f"/demo/patients/{SEPSIS}").data
    assert client.get("/explain.css").mimetype == "text/css"


def test_the_page_fits_the_strictest_policy(client: FlaskClient) -> None:
    page = client.get("/explain")
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert not re.search(rb"<script|<style|style=|\son\w+=|javascript:", page.data)


def test_every_link_of_the_page_leads_somewhere(client: FlaskClient) -> None:
    html = client.get("/explain").get_data(as_text=True)
    wanted = set(re.findall(r'href="#([^"]+)"', html))
    assert wanted <= set(re.findall(r'id="([^"]+)"', html))


def test_without_the_demo_there_is_no_page(tmp_path: Path) -> None:
    environ = {"CDS_OPEN": "1", "CDS_DATABASE_URL": f"sqlite:///{tmp_path / 'ledger.sqlite'}"}
    assert (
        create_app(Settings.from_environ(environ)).test_client().get("/explain").status_code == 404
    )
