"""Two protocols over one patient: the rules that answer otherwise, and when."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cds_service.advice import Rulebook, advise_on
from cds_service.chart.facts import Chart
from cds_service.rulebook.load import rulebook
from cds_service.tools.replay.parting import NOT_SHOWN
from cds_service.tools.replay.shards import replay_patient
from cds_service.tools.replay.sums import parted
from cds_service.tools.replay.sweep import moved, parse
from cds_service.tools.replay.walk import read_past, walk_through
from tests.tools.replay.hospital import archive, resistant

RULES = rulebook()
_, (LOWER, HIGHER) = moved(RULES, "default", parse("levels.anti_xa_low=0.2:0.3:0.1"))


def rows(*rulebooks: Rulebook) -> list[dict[str, Any]]:
    return replay_patient("one", resistant("one"), archive(), rulebooks)["differences"]


def test_one_protocol_or_the_same_twice_parts_nowhere() -> None:
    assert rows(RULES) == []
    assert rows(RULES, RULES) == []


def test_every_stretch_is_what_both_protocols_say_at_every_moment_of_it() -> None:
    """A law: the rows together say exactly where the answers differ, and what they were."""
    past = read_past("one", resistant("one"), archive(), RULES)
    found = rows(LOWER, HIGHER)
    moments = 0

    def tell(now: datetime, chart: Chart) -> bool:
        nonlocal moments
        first, second = (advise_on(chart, past.asked, r, now) for r in (LOWER, HIGHER))
        expected = {
            (name, v.truth.value, second.findings.verdicts[name].truth.value)
            for name, v in first.findings.verdicts.items()
            if v.truth is not second.findings.verdicts[name].truth
        }
        moments += bool(expected)
        told = {
            (r["name"], r["first"], r["second"])
            for r in found
            if r["kind"] == "rule" and holds(r, now)
        }
        assert expected <= told, now
        return first.findings.measured.infusion.running.yes

    walk_through(past, archive(), RULES.concepts, tell)
    assert moments > 1
    assert all(r["first"] != r["second"] for r in found)


def holds(row: dict[str, Any], now: datetime) -> bool:
    since, until = (datetime.fromisoformat(row[k]) for k in ("since", "until"))
    return since <= now < until or since == now


def test_the_card_that_comes_under_one_only_is_told_with_its_rules() -> None:
    found = rows(LOWER, HIGHER)
    cards = {(r["name"], r["first"], r["second"]) for r in found if r["kind"] == "card"}

    assert any(name == "antithrombinDose" and first == NOT_SHOWN for name, first, _ in cards)
    assert "confirmed" in {r["name"] for r in found if r["kind"] == "rule"}


def test_exchanged_protocols_exchange_what_they_said() -> None:
    turned = [{**r, "first": r["second"], "second": r["first"]} for r in rows(HIGHER, LOWER)]

    assert sorted(map(str, turned)) == sorted(map(str, rows(LOWER, HIGHER)))


def test_patients_and_hours_are_added_up(tmp_path: Path) -> None:
    start = datetime.fromisoformat("2026-03-01T08:00:00+00:00")
    told = [("a", 0, 2), ("a", 5, 6), ("b", 0, 0.5)]
    with (tmp_path / "differences.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("patient", "since", "until", "kind", "name", "first", "second"))
        for patient, since, until in told:
            times = (start + timedelta(hours=h) for h in (since, until))
            writer.writerow((patient, *(t.isoformat() for t in times), "rule", "high", "yes", "no"))
        writer.writerow(("c", start.isoformat(), start.isoformat(), "card", "x", "info", NOT_SHOWN))

    rule, card = parted(tmp_path)

    assert (rule.name, rule.patients, rule.hours) == ("high", 2, pytest.approx(3.5))
    assert (card.name, card.patients, card.second) == ("x", 1, NOT_SHOWN)
