"""Whatever a record holds, a view is given or refused: it never fails."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cases import cases
from tests.service import Service
from tests.smart.app import OWN, at_time_of, body_of

ODD: tuple[Any, ...] = (
    None,
    [],
    {},
    "x",
    "",
    0,
    -1,
    1e308,
    True,
    ["a"],
    {"a": 1},
    "2026-13-45",
    "2026-03-02",
    "9999-12-31T23:59:59Z",
    "0001-01-01",
    "2026-03-02T14:00:00+14:00",
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every node below a value."""
    below = value.items() if isinstance(value, dict) else enumerate(value)
    for key, node in below:
        yield (*path, key)
        if isinstance(node, dict | list):
            yield from places(node, (*path, key))


def spoilt(body: Any, chance: random.Random) -> Any:
    """A body with odd values in some of its places, parents before children or after."""
    for _ in range(chance.choice((1, 3, 30))):
        path = chance.choice(list(places(body["prefetch"])))
        holder = body["prefetch"]
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = chance.choice(ODD)
    return body


@pytest.mark.parametrize("seed", range(24))
def test_odd_values_anywhere_in_a_record_break_nothing(service: Service, seed: int) -> None:
    chance = random.Random(seed)
    name = chance.choice(sorted(cases()))
    body = spoilt(body_of(name), chance)

    answer = at_time_of(service, name).client.post("/smart/view", json=body, headers=OWN)

    assert answer.status_code in (200, 400)
    assert answer.is_json
