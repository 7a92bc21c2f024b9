"""The service agrees with the oracle on every cell that is tried."""

from __future__ import annotations

import pytest

from tests.oracle import chart, grid
from tests.oracle.cell import Cell, patient
from tests.oracle.compare import NOW, differences

SAMPLE = 2000
ROUNDS = 20


def wanted(seed: int) -> object:
    """Most cells without what ends the talk early, so that the findings behind it are tried."""

    def keep(cell: Cell) -> bool:
        quiet = not cell.hit and cell.draft != "tenfold" and cell.target != "unreadable"
        return quiet or seed % 4 == 0

    return keep


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_service_and_oracle_agree_on_a_sample(seed: int) -> None:
    """Seeded; `python -m tests.oracle.compare --cells 60000` tries more."""
    cells = grid.sample(SAMPLE // ROUNDS, seed, where=wanted(seed))  # type: ignore[arg-type]

    told = {cell: found for cell in cells if (found := differences(cell))}

    assert not told, next(iter(told.items()))


def test_numbers_and_iteration_name_the_same_cells() -> None:
    first = [cell for _, cell in zip(range(500), grid.cells(), strict=False)]

    assert first == [grid.cell_at(number) for number in range(500)]


def test_the_chart_holds_what_the_cell_says() -> None:
    found = chart.resources(patient(trust="mayReadLow", bleeding="highRisk"), NOW)

    values = {o["id"]: o["valueQuantity"]["value"] for o in found["coagulation"]}
    assert values == {
        "aptt": 45, "anti-xa": 0.15, "anti-xa-earlier": 0.15, "antithrombin": 55, "free-hb": 80,
    }  # fmt: skip
    rates = [a["dosage"]["rateQuantity"]["value"] for a in found["administrations"]]
    assert rates == [1461, 1680]
