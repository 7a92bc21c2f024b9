"""Readers' answers to figures: how often the cards were right, and how far readers agree."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_service.assessment.recommend.registry import TOPICS
from cds_service.cli import main
from cds_service.errors import StartRefused
from cds_service.tools.replay.quality import share
from cds_service.tools.replay.review.answers import (
    COLUMNS,
    CONSENSUS,
    ReviewAnswer,
    kappa,
    read_answers,
    reviewed,
)
from cds_service.tools.replay.titles import TABLE, topic_title
from tests.tools.replay.hospital import hospital, write


def answers(reader: str, told: Iterable[tuple[str, str]], topic: str = "resistance") -> list[str]:
    """Lines of a file: patient and answer; each patient's answers are of its own cases."""
    return [
        f'"{topic}{number}","default","{topic}","{who}","{reader}","{answer}","","2026-01-01T00:00:00Z"'
        for number, (who, answer) in enumerate(told)
    ]


def file(place: Path, lines: Iterable[str], header: str = ",".join(COLUMNS)) -> Path:
    place.write_text("\r\n".join((header, *lines)) + "\r\n", encoding="utf-8")
    return place


def found(tmp_path: Path, *files: Iterable[str]) -> tuple[ReviewAnswer, ...]:
    return read_answers(file(tmp_path / f"{n}.csv", lines) for n, lines in enumerate(files))


def test_the_share_is_of_the_cards_that_were_judged(tmp_path: Path) -> None:
    told = [("a", "agree"), ("b", "agree"), ("c", "disagree"), ("d", "unsure")]

    (row,) = reviewed(found(tmp_path, answers("AB", told))).topics

    assert row.counts == {"agree": 2, "disagree": 1, "unsure": 1}
    assert row.ppv == share(2, 3)


def test_cards_of_one_patient_make_the_interval_no_narrower(tmp_path: Path) -> None:
    many = [(who, "agree") for who in ("a", "b") for _ in range(10)]

    (row,) = reviewed(found(tmp_path, answers("AB", many))).topics

    assert (row.ppv.value, row.ppv.count) == (1, 20)
    assert row.ppv.low == share(2, 2).low


def test_cards_on_which_readers_differ_are_counted_apart(tmp_path: Path) -> None:
    first = [("a", "agree"), ("b", "agree"), ("c", "disagree"), ("d", "agree")]
    second = [("a", "agree"), ("b", "disagree"), ("c", "disagree")]

    rows = reviewed(found(tmp_path, answers("AB", first), answers("CD", second))).topics

    assert [(r.reader, r.ppv.value, r.split) for r in rows] == [
        ("AB", 0.75, 0),
        ("CD", pytest.approx(1 / 3), 0),
        (CONSENSUS, 0.5, 1),
    ]


# Cohen 1960 and the textbooks after it: 20, 5, 10 and 15 of 50 give 0.40.
TEXTBOOK = [("agree", "agree")] * 20 + [("agree", "disagree")] * 5
TEXTBOOK += [("disagree", "agree")] * 10 + [("disagree", "disagree")] * 15


def test_kappa_is_cohens() -> None:
    one = kappa(TEXTBOOK)

    assert (one.value, one.count) == (pytest.approx(0.4), 50)
    assert one.low == pytest.approx(0.4 - 0.2541, abs=1e-4)  # 1.96 sqrt(.7 x .3 / 50) / .5
    assert one.high == pytest.approx(0.4 + 0.2541, abs=1e-4)


def test_kappa_below_chance_is_negative() -> None:
    assert kappa([("agree", "disagree"), ("disagree", "agree")]).value == -1


@pytest.mark.parametrize("pairs", [[], [("agree", "agree")] * 9])
def test_kappa_cannot_be_told_where_nothing_varies(pairs: list[tuple[str, str]]) -> None:
    assert (kappa(pairs).value, kappa(pairs).count) == (None, len(pairs))


def test_three_readers_are_compared_two_by_two(tmp_path: Path) -> None:
    files = [answers(name, [("a", "agree"), ("b", "disagree")]) for name in ("C", "A", "B")]

    pairs = reviewed(found(tmp_path, *files)).agreements

    assert [pair.readers for pair in pairs] == [("A", "B"), ("A", "C"), ("B", "C")]
    assert {pair.kappa.value for pair in pairs} == {1}


def test_the_later_answer_of_a_reader_counts(tmp_path: Path) -> None:
    old, new = answers("AB", [("a", "agree")]), answers("AB", [("a", "disagree")])
    new = [line.replace("2026-01-01", "2026-01-02") for line in new]

    for files in ((old, new), (new, old)):
        (one,) = found(tmp_path, *files)
        assert one.answer == "disagree"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"agree"', '"yes"', "line 3: the answer is none of agree, disagree, unsure"),
        ('"AB"', '" "', "line 3: no reader"),
        ('"resistance1"', '""', "line 3: no case"),
    ],
)
def test_a_line_that_is_no_answer_is_named(tmp_path: Path, old: str, new: str, fault: str) -> None:
    first, second = answers("AB", [("a", "agree"), ("b", "agree")])

    with pytest.raises(StartRefused, match=fault):
        found(tmp_path, [first, second.replace(old, new)])


def test_half_a_line_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="line 2: the answer is none"):
        found(tmp_path, ['"c1","default","resist'])


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    other = file(tmp_path / "events.csv", [], header="patient,time,topic")
    binary = tmp_path / "x.csv"
    binary.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(StartRefused, match=r"events.csv: no answers: no column case"):
        read_answers([other])
    with pytest.raises(StartRefused, match=r"x.csv: no answers"):
        read_answers([binary])


def test_the_command_tells_the_figures_and_of_few_cards_only_counts(tmp_path: Path) -> None:
    many = [(f"p{n}", "agree" if n else "disagree") for n in range(10)]
    lines = answers("AB", many, "heparinResistance") + answers("AB", many[:4], "hitPossible")
    place, out = file(tmp_path / "a.csv", lines), tmp_path / "review.csv"

    outcome = CliRunner().invoke(main, ["review", str(place), "--out", str(out)])

    assert outcome.exit_code == 0, outcome.output
    assert outcome.output.splitlines()[:2] == [
        "Heparin resistance, AB: 9 agree, 1 disagree, 0 unsure; right 0.90 (0.60 to 0.98)",
        "HIT possible, AB: 3 agree, 1 disagree, 0 unsure; right not told of so few",
    ]
    with out.open(encoding="utf-8") as written:
        rows = {r["topic"]: r for r in csv.DictReader(written)}
    assert (rows["hitPossible"]["agree"], rows["hitPossible"]["disagree"]) == ("3", "1")


def test_the_command_names_a_wrong_file_in_one_line(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(main, ["review", str(file(tmp_path / "a.csv", [], header="x"))])

    assert outcome.exit_code == 1
    assert "a.csv: no answers: no column case" in outcome.output


@pytest.mark.slow
def test_answers_come_onto_the_report_of_a_replay(tmp_path: Path) -> None:
    source, told = write(tmp_path / "in", hospital()), [(f"p{n}", "agree") for n in range(9)]
    first = file(tmp_path / "a.csv", answers("AB", told, "heparinResistance"))
    second = file(tmp_path / "b.csv", answers("CD", told, "heparinResistance"))
    arguments = ["replay", str(source), "--out", str(tmp_path / "out"), "--workers", "1"]

    outcome = CliRunner().invoke(
        main, [*arguments, "--reviews", str(first), "--reviews", str(second)]
    )

    assert outcome.exit_code == 0, outcome.output
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "What readers said of the cards" in page
    assert "9 of 9 answered alike" in page


def test_every_topic_has_a_title() -> None:
    assert all(topic_title(topic) != topic for topic in TOPICS)
    named = [line.split(" = ")[0] for line in TABLE.read_text().splitlines() if " = " in line]
    assert sorted(named) == sorted(TOPICS)
