"""A threshold moved over the same patients: bounds hold, and the numbers are those of a replay."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_service.cli import main
from cds_service.errors import StartRefused
from cds_service.rulebook.load import rulebook
from cds_service.tools.replay.sweep import moved, parse
from tests.tools.replay.hospital import hospital, write
from tests.tools.replay.inline import walk_inline

KEY = "heparin.high_rate"


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    walk_inline(monkeypatch)


def test_values_run_from_low_to_high_without_rounding() -> None:
    assert parse(f"{KEY}=0.1:0.3:0.1").values == (Decimal("0.1"), Decimal("0.2"), Decimal("0.3"))
    assert parse(f"{KEY}=18:20.5:1").values == (18, 19, 20)
    assert parse(f"{KEY}=18:18:1").values == (18,)


@pytest.mark.parametrize(
    "written",
    [KEY, f"{KEY}=18", f"{KEY}=20:18:1", f"{KEY}=18:20:0", f"{KEY}=1.2.3:4:1", "high_rate=1:2:1"],
)
def test_what_is_no_sweep_is_refused(written: str) -> None:
    with pytest.raises(StartRefused, match="is not KEY=LOW:HIGH:STEP"):
        parse(written)


def test_too_many_steps_are_refused() -> None:
    with pytest.raises(StartRefused, match="at most 40"):
        parse(f"{KEY}=18:26:0.1")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("heparin.nonsense=1:2:1", "no threshold of default"),
        (f"{KEY}=118:500:100", "is outside"),
        ("antithrombin_dose.label_recovery=1:2:1", "no threshold of default"),
    ],
)
def test_a_protocol_that_could_not_be_loaded_is_not_tried(written: str, said: str) -> None:
    with pytest.raises(StartRefused, match=said):
        moved(rulebook(), "default", parse(written))


def test_values_that_no_protocol_file_could_hold_are_left_out_and_named() -> None:
    sweep, steps = moved(rulebook(), "default", parse(f"{KEY}=18:21:1"))

    assert sweep.values == (20, 21)
    assert [step.protocol[KEY] for step in steps] == [20, 21]
    assert [said.split(":")[1] for said in sweep.left_out] == [" 18 is left out", " 19 is left out"]


def test_a_moved_protocol_differs_in_that_threshold_its_name_and_its_fingerprint() -> None:
    rules = rulebook()
    _, steps = moved(rules, "default", parse(f"{KEY}=20:22:1"))

    for step, value in zip(steps, (20, 21, 22), strict=True):
        assert step.protocol[KEY] == value
        assert step.protocol.name == f"default@{value}"
        same = {k: r for k, r in step.protocol.rows.items() if k != KEY}
        assert same == {k: r for k, r in rules.protocol.rows.items() if k != KEY}
    assert len({s.protocol.digest for s in (*steps, rules)}) == 4


def test_a_span_is_moved_with_its_row() -> None:
    _, (step,) = moved(rulebook(), "default", parse("levels.anti_xa_steady=5:5:1"))

    assert step.protocol.span("levels.anti_xa_steady").total_seconds() == 5 * 3600


@pytest.mark.usefixtures("in_this_process")
def test_the_command_writes_a_curve(tmp_path: Path) -> None:
    source, out = write(tmp_path / "in", hospital()), tmp_path / "out"
    asked = ["replay", str(source), "--out", str(out), "--sweep", "levels.anti_xa_low=0.2:0.3:0.1"]

    outcome = CliRunner().invoke(main, asked)

    assert outcome.exit_code == 0, outcome.output
    with (out / "sweep.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for topic in {row["topic"] for row in rows}:
        assert [r["value"] for r in rows if r["topic"] == topic] == ["0.2", "0.3"]
    with (out / "sweep" / "patients.csv").open(encoding="utf-8", newline="") as file:
        told = list(csv.DictReader(file))
    for row in rows:
        theirs = [p for p in told if p["protocol"] == f"default@{row['value']}"]
        assert len(theirs) == 4
        assert int(row["patients"]) == sum(bool(p[f"first_{row['topic']}"]) for p in theirs)
    dosed = [int(r["patients"]) for r in rows if r["topic"] == "antithrombinDose"]
    assert dosed == [0, 2], "0.18 IU/mL is well below 0.3, not well below 0.2"
    page = (out / "sweep.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 1
    assert '<th class="n">Antithrombin dose' in page
    assert "The protocol itself has 0.3" in page


@pytest.mark.usefixtures("in_this_process")
def test_a_refused_sweep_replays_nothing(tmp_path: Path) -> None:
    source, out = write(tmp_path / "in", hospital()), tmp_path / "out"
    asked = ["replay", str(source), "--out", str(out), "--sweep", f"{KEY}=1:900:100"]

    outcome = CliRunner().invoke(main, asked)

    assert outcome.exit_code == 1
    assert "is outside" in outcome.output
    assert not out.exists()
