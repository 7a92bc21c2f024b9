"""Twice as much costs about twice as much, whatever there is more of."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from bench import payload
from cds_service.advice import advise
from cds_service.assessment.measure.blood_loss import highest_before
from cds_service.chart.facts import Result
from cds_service.chart.fhir_datetime import Stretch
from cds_service.chart.observations import ObservationReader
from cds_service.chart.results import ResultRow
from cds_service.fhir.prefetch import read_prefetch
from tests.cases import called, searches, tables
from tests.floods import FLOODS, seconds

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
AT = 1_500
STEEPEST = 3.0  # of a doubling; a quadratic makes 4 of it


@pytest.mark.slow
@pytest.mark.parametrize("kind", FLOODS)
def test_what_grows_grows_in_line(kind: str) -> None:
    """By CPU time, since the machine may be busy; tried again, since it may be very busy."""
    make = FLOODS[kind]
    seconds(make(10))
    ratios = []
    for _ in range(3):
        once, twice = seconds(make(AT)), seconds(make(2 * AT))
        ratios.append(twice / max(once, 0.005))
        if ratios[-1] < STEEPEST:
            return
    pytest.fail(f"{AT} to {2 * AT}: {ratios}")


def test_results_beyond_every_window_are_not_read_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a chart of 100 days as few as of one of 50; to read one costs as much as to sort ten."""
    read = []
    plain = ObservationReader.result

    def counted(reader: ObservationReader, row: ResultRow) -> Result:
        read.append(row.concept)
        return plain(reader, row)

    monkeypatch.setattr(ObservationReader, "result", counted)
    numbers = []
    for size in (400, 800):
        read.clear()
        body = orjson.loads(payload.patient_view(size, NOW))
        answers = read_prefetch(body["prefetch"], searches(tables()), NOW)
        assert advise(called(body), answers, tables(), NOW).cards
        numbers.append(len(read))
    assert numbers[0] == numbers[1]


def test_the_highest_count_before_each_is_found_as_by_looking_at_all() -> None:
    dice = random.Random(1)
    newest = datetime(2026, 3, 2, tzinfo=UTC)
    window = timedelta(hours=24)
    for _ in range(300):
        counts: list[Any] = []
        for number in range(dice.randrange(1, 25)):
            at = newest - timedelta(minutes=dice.randrange(0, 3000, 30))
            if dice.random() < 0.3:
                at = Stretch.between(at, at + timedelta(hours=dice.randrange(24)), "dateOnly")
            value = dice.choice([8, 9, 10, 11])
            counts.append(SimpleNamespace(at=at, value=value, source=f"Observation/{number}"))
        expected = {}
        for later in counts:
            before = [r for r in counts if later.at - window <= r.at < later.at]
            if before:
                expected[later.source] = max(before, key=lambda r: (r.value, r.source))
        assert highest_before(counts, window) == expected
