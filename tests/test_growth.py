"""Twice as much costs about twice as much, whatever there is more of."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from cds_service.assessment.measure.blood_loss import highest_before
from cds_service.chart.fhir_datetime import Stretch
from tests.floods import FLOODS, seconds

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
