"""The never list over generated charts; `python -m tests.invariants` runs it longer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.invariants.judge import judged

BLOCK = 100


@pytest.mark.parametrize("protocol", ["default", "review-as-written"])
@pytest.mark.parametrize("block", range(6))
def test_no_generated_chart_breaks_a_never_rule(protocol: str, block: int) -> None:
    broken = {
        seed: wrong
        for seed in range(block * BLOCK, (block + 1) * BLOCK)
        if (wrong := judged(seed, protocol)[1])
    }

    assert not broken


@settings(max_examples=200, deadline=None)
@given(st.integers(min_value=1_000_000, max_value=10**9))
def test_nor_does_one_that_hypothesis_picks(seed: int) -> None:
    assert judged(seed)[1] == []
