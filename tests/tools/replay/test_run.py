from __future__ import annotations

import os
import random
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from distributed import LocalCluster

from cds_service.cli import main
from cds_service.errors import StartRefused
from cds_service.rulebook.load import rulebook
from cds_service.tools.replay import run
from cds_service.tools.replay.export import sort_export
from cds_service.tools.replay.run import Request, run_replay
from cds_service.tools.simulate.command import write_stays
from tests.tools.replay.hospital import hospital, infusion, resistant, write
from tests.tools.replay.inline import walk_inline

RULES = rulebook()
TABLES = ("patients.csv", "events.csv", "unknown.csv")


def said(done: int, shards: int, patients: int) -> None:
    """Nobody watches."""


def tables(out: Path) -> dict[str, str]:
    return {name: (out / name).read_text(encoding="utf-8") for name in TABLES}


def replayed(source: Path, out: Path, **more: object) -> dict[str, str]:
    run_replay(Request(source, out, (RULES,), **more), said)  # type: ignore[arg-type]  # by name
    return tables(out)


@pytest.fixture(autouse=True)
def in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Walk the shards here; those marked slow start real workers."""
    if "slow" in request.keywords:
        return

    walk_inline(monkeypatch)


def test_tables_do_not_depend_on_files_their_order_or_shards(tmp_path: Path) -> None:
    rows = hospital()
    whole = replayed(write(tmp_path / "whole", rows), tmp_path / "a", shards=8)
    random.Random(7).shuffle(rows)
    split = write(tmp_path / "split" / "deeper", rows[:9], rows[9:20], rows[20:], packed=True)

    assert replayed(split, tmp_path / "b", shards=3) == whole
    assert whole["patients.csv"].count("\n") == 5
    assert "antithrombinDose" in whole["events.csv"]


@pytest.mark.slow
def test_tables_do_not_depend_on_workers(tmp_path: Path) -> None:
    source = write(tmp_path / "in", hospital())

    assert replayed(source, tmp_path / "two", workers=2) == replayed(
        source, tmp_path / "one", workers=1
    )


@pytest.mark.slow
def test_one_process_all_cores_and_a_cluster_come_to_the_same_tables(tmp_path: Path) -> None:
    source = tmp_path / "in"
    write_stays(source, ("covid",), 4)
    arguments = ["replay", str(source), "--outcomes", "truth", "--review", "1"]
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        memory_limit=None,
    ) as cluster:
        ways = {
            "one": ["--workers", "1"],
            "cores": ["--workers", str(os.cpu_count())],
            "cluster": ["--scheduler", cluster.scheduler_address],
        }
        for name, more in ways.items():
            out = ["--out", str(tmp_path / name)]
            outcome = CliRunner().invoke(main, [*arguments, *out, *more])
            assert outcome.exit_code == 0, outcome.output

    found = [written_files(tmp_path / name) for name in ways]
    assert found[0] == found[1] == found[2]
    assert {"patients.csv", "events.csv", "quality.csv", "review/cases.csv"} <= found[0].keys()


def written_files(out: Path) -> dict[str, bytes]:
    """Everything that a replay wrote, but for the pages that say when."""
    dated = ("report.html", "summary.json")
    return {
        str(file.relative_to(out)): file.read_bytes()
        for file in out.rglob("*")
        if file.is_file() and file.name not in dated
    }


def test_a_resource_that_stands_twice_counts_once(tmp_path: Path) -> None:
    once = write(tmp_path / "once", hospital())
    twice = write(tmp_path / "twice", hospital(), hospital())

    assert replayed(twice, tmp_path / "a") == replayed(once, tmp_path / "b")


BAD = ['{"resourceType": "Obs', "plain text", "[1, 2]", '"word"', '{"no": "type"}', "\x00"]


@pytest.mark.parametrize("line", BAD)
def test_a_bad_line_costs_that_line_and_is_counted(tmp_path: Path, line: str) -> None:
    good = write(tmp_path / "good", hospital())
    bad = write(tmp_path / "bad", hospital())
    with (bad / "0.ndjson").open("a", encoding="utf-8") as file:
        file.write(line + "\n\n" + '{"resourceType": "Patient", "id": "four"}\n')

    outcome = run_replay(Request(bad, tmp_path / "out", (RULES,)), said)

    assert outcome.export.bad_lines == 1
    assert outcome.patients == 5
    assert tables(tmp_path / "out")["events.csv"] == replayed(good, tmp_path / "g")["events.csv"]


def test_a_query_that_the_export_never_answers_is_not_supplied(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    source = write(tmp_path / "in", resistant("one"))

    export = sort_export((source / "0.ndjson",), folder, RULES.concepts, 8)

    assert set(export.answered) == {"patient", "coagulation", "blood", "body", "administrations"}


def test_an_interrupted_replay_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "in", hospital())
    whole = replayed(source, tmp_path / "whole", shards=8)
    walked: list[int] = []
    replay_shard = run.replay_shard

    def failing(task: run.Task, shard: int) -> dict[str, int]:
        if shard == 5 and shard not in walked:
            walked.append(shard)
            raise KeyboardInterrupt
        walked.append(shard)
        return replay_shard(task, shard)

    monkeypatch.setattr(run, "replay_shard", failing)
    with pytest.raises(KeyboardInterrupt):
        replayed(source, tmp_path / "out", shards=8)
    after = replayed(source, tmp_path / "out", shards=8)

    assert after == whole
    assert walked == [0, 1, 2, 3, 4, 5, 5, 6, 7]
    assert not (tmp_path / "out" / run.WORK).exists()


def test_another_export_starts_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "in", hospital())

    def failing(task: run.Task, shard: int) -> dict[str, int]:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(run, "replay_shard", failing)
        with pytest.raises(KeyboardInterrupt):
            replayed(source, tmp_path / "out")
    write(source, [*hospital(), *resistant("four")])

    outcome = run_replay(Request(source, tmp_path / "out", (RULES,)), said)

    assert outcome.patients == 5


def test_a_folder_without_an_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="ndjson"):
        run_replay(Request(tmp_path, tmp_path / "out", (RULES,)), said)


def test_the_same_protocol_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="one name"):
        run_replay(Request(tmp_path, tmp_path / "out", (RULES, RULES)), said)


def test_the_command_writes_tables_and_a_report(tmp_path: Path) -> None:
    source = write(tmp_path / "in", [*hospital(), infusion("three", 60, 61, 900, 9)])
    out = tmp_path / "out"

    outcome = CliRunner().invoke(
        main,
        [
            *("replay", str(source), "--out", str(out), "--workers", "1"),
            *("--protocol", "default", "--protocol", "review-as-written"),
        ],
    )

    assert outcome.exit_code == 0, outcome.output
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 6
    assert "default and review-as-written" in page
    assert "default-src 'none'" in page
    assert page.count("<script") == 1
    assert "Heparin resistance" in page
    assert ">heparinResistance" not in page


def test_the_command_names_what_is_wrong(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(main, ["replay", str(tmp_path), "--out", str(tmp_path / "out")])

    assert outcome.exit_code == 1
    assert "holds no .ndjson" in outcome.output


def test_the_report_is_the_same_each_time(tmp_path: Path) -> None:
    source = write(tmp_path / "in", hospital())
    pages = []
    for name in ("a", "b"):
        out = tmp_path / name
        CliRunner().invoke(main, ["replay", str(source), "--out", str(out), "--workers", "1"])
        page = (out / "report.html").read_text(encoding="utf-8")
        pages.append(re.sub("written [0-9T:+-]+;", "", page))  # when it was made is no finding

    assert pages[0] == pages[1]
