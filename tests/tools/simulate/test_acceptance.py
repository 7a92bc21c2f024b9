"""The required rate on a small simulated unit, with wide margins.

The whole table, found against required, is a command: `python -m tests.required_rate_acceptance`.
"""

from __future__ import annotations

from functools import cache

import pytest

from tests.required_rate_acceptance import FIGURES, Seen, run

# figure, run: what 150 stays of the moderate, and of the adverse world must reach
WIDE = {
    "80 % interval of the need, spoken: cover": (0.82, 0.74),
    "bias, spoken (median)": (0.05, 0.11),
    "error, spoken (median)": (0.09, 0.13),
    "next level: cover of 80 %": (0.83, 0.76),
    "next level after a change: error / same as last": (0.75, 0.80),
    "flag alone: PPV": (0.75, 0.70),
    "flag: sensitivity at need > 24": (0.70, 0.65),
    "loss: false alarms per heparin-day": (0.02, 0.035),
    "  of those at an unchanged rate": (0.70, 0.60),
}


@cache
def stays(world: str, kind: str) -> list[Seen]:
    return run(world, "covid", 150, 11, kind)


@pytest.mark.slow
@pytest.mark.parametrize("world", ["moderate", "adverse"])
@pytest.mark.parametrize("name", WIDE)
def test_a_figure_keeps_to_a_wide_margin(name: str, world: str) -> None:
    figure = next(figure for figure in FIGURES if figure.name == name)

    assert figure.holds(figure.of(stays(world, figure.run)), WIDE[name][world == "adverse"])
