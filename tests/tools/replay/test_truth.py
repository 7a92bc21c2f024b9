"""The truth of a simulated unit as states that judge cards."""

from __future__ import annotations

import csv
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cds_service.cli import main
from cds_service.errors import StartRefused
from cds_service.rulebook.load import rulebook
from cds_service.tools.replay.outcomes import Label, OutcomeLabel, labels
from cds_service.tools.replay.quality import Quality, quality
from cds_service.tools.replay.truth import FILE, TABLE, read_truth
from cds_service.tools.simulate.command import write_stays
from tests.tools.replay.hospital import START, at, hospital, write

PROTOCOL = rulebook().protocol
STATE = {"need": Label("", {"resistance": 2.0}, after=6.0, lasting=12.0)}


def stay(**told: Any) -> dict[str, Any]:
    nothing: dict[str, Any] = {
        "patient": "p",
        "infusion": [at(0), at(100)],
        "needed_U_per_kg_h": [],
        "hit_begins": None,
        "bleeds": [],
        "delivery_faults": [],
    }
    return nothing | told


def states(folder: Path, **told: Any) -> list[tuple[str, float, float]]:
    (folder / FILE).write_text(json.dumps(stay(**told)) + "\n", encoding="utf-8")
    return [
        (one.label, hours(one.time), hours(one.until)) for one in read_truth(folder, PROTOCOL).rows
    ]


def hours(moment: datetime | None) -> float:
    assert moment is not None
    return (moment - START) / timedelta(hours=1)


def test_the_need_is_a_state_while_it_lies_above_the_protocols_line(tmp_path: Path) -> None:
    line = PROTOCOL["required_rate.line"]
    needs = [line, line + 0.1, line + 5, line, line - 1, line + 1]

    found = states(tmp_path, needed_U_per_kg_h=[[at(2 * n), v] for n, v in enumerate(needs)])

    assert found == [("truthNeed", 2, 6), ("truthNeed", 10, 12)]


def test_hit_and_a_bleed_stay_until_the_infusion_ended_and_a_fault_has_its_own_end(
    tmp_path: Path,
) -> None:
    found = states(
        tmp_path,
        hit_begins=at(30),
        bleeds=[{"begins": at(40)}, {"begins": at(101)}],
        delivery_faults=[{"start": at(5), "end": at(9)}],
    )

    assert found == [("truthHit", 30, 100), ("truthBleed", 40, 100), ("truthFault", 5, 9)]


def test_every_state_of_the_table_is_read_from_the_truth(tmp_path: Path) -> None:
    found = states(
        tmp_path,
        needed_U_per_kg_h=[[at(0), 99]],
        hit_begins=at(30),
        bleeds=[{"begins": at(40)}],
        delivery_faults=[{"start": at(5), "end": at(9)}],
    )

    assert {label for label, _, _ in found} == labels(TABLE).keys()


@pytest.mark.parametrize("line", ['{"patient": "p"}', "no json", "[1]"])
def test_a_truth_that_is_none_is_refused_by_its_line(tmp_path: Path, line: str) -> None:
    (tmp_path / FILE).write_text(json.dumps(stay()) + "\n" + line + "\n", encoding="utf-8")

    with pytest.raises(StartRefused, match="line 2 is no truth of a stay"):
        read_truth(tmp_path, PROTOCOL)


def judged(cards: dict[str, list[float]], held: dict[str, tuple[float, float]]) -> Quality:
    """Cards and states by hours from the start."""
    times = {p: [START + timedelta(hours=h) for h in each] for p, each in cards.items()}
    came = [
        OutcomeLabel(p, "need", START + timedelta(hours=since), START + timedelta(hours=until))
        for p, (since, until) in held.items()
    ]
    everybody = frozenset("abcdef")
    (row,) = quality({("default", "resistance"): times}, came, STATE, ["default"], everybody)
    return row


@pytest.mark.parametrize(
    ("card", "true"), [(7.99, 0), (8, 1), (10, 1), (40, 1), (46, 1), (46.01, 0)]
)
def test_a_card_is_right_from_shortly_before_a_state_until_shortly_after(
    card: float, true: int
) -> None:
    row = judged({"a": [card]}, {"a": (10, 40)})

    assert (row.ppv.value, row.ppv.count, row.known_before) == (true, 1, 0)


def test_a_card_that_came_after_the_state_began_has_a_negative_lead() -> None:
    assert judged({"a": [15, 30]}, {"a": (10, 40)}).lead_hours.value == -5


def test_a_short_state_makes_a_card_right_and_is_not_missed_without_one() -> None:
    row = judged({"a": [11]}, {"a": (10, 21), "b": (10, 21), "c": (10, 22), "d": (10, 22)})

    assert (row.ppv.value, row.ppv.count) == (1, 1)
    assert (row.sensitivity.value, row.sensitivity.count) == (0, 2)


def command(source: Path, out: Path) -> tuple[int, str]:
    arguments = ["replay", str(source), "--out", str(out), "--workers", "1"]
    outcome = CliRunner().invoke(main, [*arguments, "--outcomes", "truth"])
    return outcome.exit_code, outcome.output


def test_an_export_without_its_truth_is_refused(tmp_path: Path) -> None:
    code, said = command(write(tmp_path / "in", hospital()), tmp_path / "out")

    assert code == 1
    assert "holds no truth.jsonl" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_simulated_unit_is_judged_by_its_truth(tmp_path: Path) -> None:
    write_stays(tmp_path / "in", ("covid",), 6)

    code, said = command(tmp_path / "in", tmp_path / "out")

    assert code == 0, said
    with (tmp_path / "out" / "quality.csv").open(encoding="utf-8") as file:
        rows = {(r["topic"], r["label"]): r for r in csv.DictReader(file)}
    assert int(rows["heparinResistance", "truthNeed"]["sensitivity_count"]) > 0
    assert "truth: more heparin was needed" in (tmp_path / "out" / "report.html").read_text()
