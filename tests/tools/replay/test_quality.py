from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_service.cli import main
from cds_service.tools.replay.outcomes import Label, OutcomeLabel
from cds_service.tools.replay.quality import (
    Estimate,
    Quality,
    median,
    quality,
    ratio,
    share,
)
from tests.tools.replay.hospital import START, hospital, write

TABLE = {"low": Label("a low level", {"resistance": 48})}
EVERYBODY = frozenset("abcdefgh")


def judged(cards: dict[str, list[float]], came: dict[str, list[float]]) -> Quality:
    """One topic judged by one label; hours from the start."""
    times = {p: [START + timedelta(hours=h) for h in hours] for p, hours in cards.items()}
    found = [
        OutcomeLabel(patient, "low", START + timedelta(hours=hour))
        for patient, hours in came.items()
        for hour in hours
    ]
    (row,) = quality({("default", "resistance"): times}, found, TABLE, ["default"], EVERYBODY)
    return row


@pytest.mark.parametrize(
    ("came", "true"),
    [
        ([], 0),
        ([10.01], 1),
        ([58], 1),  # 48 h after the card
        ([58.01], 0),
    ],
)
def test_a_label_judges_a_card_that_came_before_it_within_its_hours(
    came: list[float], true: int
) -> None:
    row = judged({"a": [10]}, {"a": came})

    assert row.ppv.value == true
    assert row.ppv.count == 1


@pytest.mark.parametrize("hour", [2, 10])
def test_what_was_known_before_the_card_judges_nothing_and_was_found_too_late(hour: float) -> None:
    row = judged({"a": [10]}, {"a": [hour, 20]})

    assert (row.ppv.count, row.known_before) == (0, 1)
    assert (row.sensitivity.value, row.sensitivity.count) == (0, 1)


def test_a_later_card_counts_too() -> None:
    row = judged({"a": [10, 100]}, {"a": [120]})

    assert row.ppv.value == 1
    assert row.lead_hours.value == 20


def test_patients_without_a_card_count_for_sensitivity_only() -> None:
    row = judged({"a": [10], "b": [10]}, {"a": [20], "c": [20], "d": [20]})

    assert (row.ppv.value, row.ppv.count) == (0.5, 2)
    assert (row.sensitivity.value, row.sensitivity.count) == (pytest.approx(1 / 3), 3)


def test_patients_who_could_have_had_no_card_do_not_count() -> None:
    assert judged({"a": [10]}, {"a": [20], "z": [20]}).sensitivity.count == 1


def test_cards_per_true_case_count_every_card() -> None:
    row = judged({"a": [10, 30], "b": [10]}, {"a": [40]})

    assert row.alerts_per_case.value == 3


def test_a_label_of_the_hospitals_own_judges_the_topic_it_names() -> None:
    cards = {("default", "resistance"): {"a": [START]}}
    own = [OutcomeLabel("a", "resistance", START + timedelta(hours=1))]

    rows = list(quality(cards, own, TABLE, ["default"], EVERYBODY))

    assert [(row.label, row.ppv.value) for row in rows] == [("low", 0), ("resistance", 1)]


# Wilson's interval as statsmodels gives it: proportion_confint(found, of, method="wilson").
@pytest.mark.parametrize(
    ("found", "of", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (81, 263, 0.2553, 0.3662),
    ],
)
def test_a_share_has_wilsons_interval(found: int, of: int, low: float, high: float) -> None:
    estimate = share(found, of)

    assert (estimate.low, estimate.high) == (
        pytest.approx(low, abs=1e-4),
        pytest.approx(high, abs=1e-4),
    )
    assert (estimate.value, estimate.count) == (found / of, of)


def test_of_nobody_nothing_is_told() -> None:
    nothing = Estimate(None, None, None, 0)

    assert share(0, 0) == median([]) == ratio([(3, 0)]) == nothing


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(5, None, None), (6, 1, 6), (10, 2, 9), (20, 6, 15)],  # exact ranks of the binomial
)
def test_a_median_has_the_interval_of_its_order_statistics(
    count: int, low: float | None, high: float | None
) -> None:
    estimate = median([float(value) for value in range(count, 0, -1)])

    assert (estimate.value, estimate.low, estimate.high) == ((count + 1) / 2, low, high)


def test_many_values_take_the_normal_approximation_of_the_same_ranks() -> None:
    exact, approximate = median(list(range(200))), median(list(range(201)))

    assert exact.low is not None
    assert approximate.low is not None
    assert abs(exact.low - approximate.low) <= 2


def test_a_ratio_is_as_uncertain_as_its_patients_differ() -> None:
    same, spread = ratio([(2, 1)] * 10), ratio([(1, 1), (3, 1)] * 5)

    assert (same.low, same.value, same.high) == (2, 2, 2)
    assert spread.value == 2
    assert spread.low is not None
    assert spread.low < 2


@pytest.mark.slow
def test_the_command_judges_by_a_file(tmp_path: Path) -> None:
    source = write(tmp_path / "in", hospital())
    labels = tmp_path / "labels.csv"
    labels.write_text("patient,time,label\none,2026-03-02T20:00:00Z,antithrombinDose\n")
    arguments = ["replay", str(source), "--out", str(tmp_path / "out"), "--workers", "1"]

    outcome = CliRunner().invoke(main, [*arguments, "--outcomes", str(labels)])

    assert outcome.exit_code == 0, outcome.output
    with (tmp_path / "out" / "quality.csv").open(encoding="utf-8") as file:
        rows = {(r["topic"], r["label"]): r for r in csv.DictReader(file)}
    assert rows["antithrombinDose", "antithrombinDose"]["ppv_count"] == "2"
    assert rows["antithrombinDose", "antithrombinDose"]["ppv"] == "0.500"
