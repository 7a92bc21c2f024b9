"""The service agrees with the second opinion on every cell that is tried."""

from __future__ import annotations

import pytest

from tests.second_opinion import grid
from tests.second_opinion.compare import differences

SAMPLE = 2000
ROUNDS = 20


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_service_and_second_opinion_agree_on_a_sample(seed: int) -> None:
    """Seeded; the whole grid runs by `python -m tests.second_opinion.compare --all`."""
    cells = grid.sample(SAMPLE // ROUNDS, seed, where=lambda cell: seed % 4 == 0 or not cell.hit)

    told = {cell: found for cell in cells if (found := differences(cell))}

    assert not told, next(iter(told.items()))
