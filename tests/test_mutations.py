"""Spoilt requests by the thousand: no fault of ours, and every answer still to the letter.

CDS_MUTATIONS says how many, CDS_MUTATION_SEED which; both are in every failure's message.
"""

from __future__ import annotations

import copy
import os
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import structlog

from cds_service.description import description
from tests.cases import cases
from tests.service import Service, prefetch_of, request_of

COUNT = int(os.environ.get("CDS_MUTATIONS", "1500"))
SEED = int(os.environ.get("CDS_MUTATION_SEED", "20260302"))

JUNK: tuple[Any, ...] = (
    None, True, 0, -1, 7, 1e308, -0.0, 2**63, "", " ", "x", "\0", "é\u202e", "<b>|`[x](y)",
    "2026-02-30T99:00:00Z", "0001-01-01", "9999-12-31T23:59:59+14:00", "-5", "1,5", "NaN",
    "Observation/1", "#", [], {}, [[]], [None], {"value": None}, {"reference": "#x"},
    {"resourceType": "Observation"}, {"start": "x"}, {"coding": [{"code": 7}]},
)  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("mutations"), log_level="error")
    yield service
    service.close()
    structlog.reset_defaults()


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every holder and key in a tree."""
    found: list[tuple[Any, Any]] = []
    stack = [value]
    while stack:
        holder = stack.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            found.append((holder, key))
            if isinstance(holder[key], dict | list) and holder[key]:
                stack.append(holder[key])
    return found


def spoil(request: dict[str, Any], chance: random.Random) -> None:
    """Change one thing, mostly deep inside."""
    found = places(request)
    holder, key = chance.choice(found)
    change = chance.randrange(6)
    if change == 0:
        del holder[key]
    elif change == 1 and isinstance(holder, list):
        holder.insert(chance.randrange(len(holder) + 1), copy.deepcopy(holder[key]))
    elif change == 2:
        other, there = chance.choice(found)
        holder[key] = (
            copy.deepcopy(other[there]) if there in other or isinstance(other, list) else 0
        )
    elif change == 3 and isinstance(holder[key], int | float):
        holder[key] = holder[key] * chance.choice((0, -1, 1e-9, 1000, 1e300))
    elif change == 4:
        holder[key] = [holder[key]]
    else:
        holder[key] = copy.deepcopy(chance.choice(JUNK))


@pytest.mark.slow
def test_spoilt_requests_are_answered_to_the_letter(service: Service) -> None:
    chance = random.Random(SEED)
    components = description("")["components"]
    answers = jsonschema_rs.validator_for(
        {"$ref": "#/components/schemas/Answer", "components": components}
    )
    whole = [request_of(name) | {"prefetch": prefetch_of(name)} for name in sorted(cases())]
    statuses: Counter[int] = Counter()
    for number in range(COUNT):
        request = copy.deepcopy(chance.choice(whole))
        path = f"/cds-services/heparin-{request['hook']}"
        for _ in range(chance.choice((1, 1, 2, 5))):
            spoil(request, chance)
        answer = service.client.post(path, json=request)
        statuses[answer.status_code] += 1
        which = f"seed {SEED}, request {number}"
        assert answer.status_code in (200, 400, 412), f"{which}: {answer.text}"
        if answer.status_code == 200:
            faults = [
                f"{list(e.instance_path)} {e.message}" for e in answers.iter_errors(answer.json)
            ]
            assert not faults, f"{which}: {faults}"
    print(dict(statuses))
    assert statuses[200] > COUNT / 2
