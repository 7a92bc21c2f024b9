"""The grid of cells: every combination of the axes, by number, and a seeded sample of it.

The rates stand at each line of the protocol for that weight: 35,000, 40,000 and 50,000 U/day
(1458.3, 1666.7 and 2083.3 U/h), 18.5, 19.95, 20 and 25 U/kg/h.
"""

import random
from collections.abc import Callable, Iterator
from itertools import product
from math import prod
from typing import Any

from tests.oracle.cell import Cell

RATES: dict[int | None, tuple[int, ...]] = {
    # 20 U/kg/h is 1,000; rounded to one decimal it begins at 997.5
    50: (925, 997, 998, 1000, 1250),
    # 18.5 U/kg/h is 1480, 20 is 1600 (from 1596), 25 is 2000
    80: (1458, 1480, 1481, 1595, 1596, 1666, 1667, 2000, 2083, 2084),
    # 18.5 U/kg/h is 2220, 20 is 2400 (from 2394), 25 is 3000
    120: (1459, 1667, 2083, 2084, 2220, 2221, 2393, 2394, 2400, 2401, 3000),
    # units alone; 1851 and 1852 raised by 12.5 % are just below and above 50,000 U/day
    None: (800, 801, 1458, 1459, 1666, 1667, 1851, 1852, 2083, 2084),
}
HISTORIES = (
    ("one", None, "good"),
    ("one", None, "mayReadLow"),
    ("one", None, "foreign"),
    ("same", 0.15, "good"),
    ("same", 0.33, "good"),  # a level about the line
    ("raised", 0.15, "good"),
    ("raised", 0.33, "good"),
    ("raised", 0.75, "good"),
)
ORGAN = ("normal", "impaired", "unknown")
NO_YES = (False, True)
HOOKS = (
    ("patient-view", ""),
    *(("order-sign", draft) for draft in ("same", "raise", "tenfold", "antithrombin", "atenativ")),
)

AXES: tuple[tuple[Any, ...], ...] = (
    tuple((rate, weight) for weight, rates in RATES.items() for rate in rates),
    HISTORIES,
    (None, 0.12, 0.15, 0.19, 0.25, 0.26, 0.29, 0.3, 0.5, 0.7, 0.71),  # anti-Xa
    (None, 45, 59, 60, 64, 65, 80, 100, 101, 110),  # aPTT
    ("default", "low", "unreadable"),  # target
    (None, 30, 45, 49.9, 50, 60, 69.9, 70, 79, 80, 95),  # antithrombin
    ORGAN,  # renal
    ORGAN,  # hepatic
    NO_YES,  # sepsis
    NO_YES,  # cardiac surgery
    NO_YES,  # HIT
    ("no", "no", "highRisk", "active", "major"),
    HOOKS,
)
SIZE = prod(len(axis) for axis in AXES)


def cells() -> Iterator[Cell]:
    """All of them, in the order of their numbers."""
    return (make(*point) for point in product(*AXES))


def cell_at(number: int) -> Cell:
    """The cell with this number, the last axis turning fastest."""
    point = []
    for axis in reversed(AXES):
        number, place = divmod(number, len(axis))
        point.append(axis[place])
    return make(*reversed(point))


def sample(count: int, seed: int, where: Callable[[Cell], bool] = lambda _: True) -> list[Cell]:
    """So many different cells, the same for the same seed; `where` keeps the interesting ones."""
    dice = random.Random(seed)
    found: dict[int, Cell] = {}
    while len(found) < count:
        number = dice.randrange(SIZE)
        cell = cell_at(number)
        if where(cell):
            found[number] = cell
    return list(found.values())


def make(*point: Any) -> Cell:
    """A cell from its place on each axis."""
    (rate, weight), (history, earlier, trust), anti_xa, aptt, target, *rest, (hook, draft) = point
    antithrombin, renal, hepatic, sepsis, surgery, hit, bleeding = rest
    return Cell(
        rate, weight, history, earlier, anti_xa, trust, aptt, target, antithrombin,
        renal, hepatic, sepsis, surgery, hit, bleeding, hook, draft,
    )  # fmt: skip
