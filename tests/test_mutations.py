"""Spoilt requests by the thousand: no fault of ours, no dose from broken data, to the letter.

CDS_MUTATIONS says how many, CDS_MUTATION_SEED which; both are in every failure's message.
"""

from __future__ import annotations

import copy
import json
import os
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs
import pytest
import structlog

from cds_service import service as one_call
from cds_service.web.operations import openapi_document
from tests.cases import cases
from tests.fhir_rules import nodes
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


LEVELS = {"27811-9": {"%": 1.0}, "3174-0": {"[IU]/mL": 100.0, "U/mL": 100.0, "IU/mL": 100.0}}
WEIGHTS = {"kg": 1.0, "g": 0.001, "[lb_av]": 0.45359237}
STATUSES = ("final", "amended", "corrected", "preliminary")
ACTIVITY = re.compile(r"\| Antithrombin activity \| ([\d.]+) %")
DRAWN = re.compile(r"\| Weight \| ([\d.]+) kg")


def sound(request: Any, units_by_code: Mapping[str, Mapping[str, float]]) -> list[float]:
    """Values of whole Observations, read here by a few strict lines of the test's own."""
    prefetch = request.get("prefetch") if isinstance(request, dict) else None
    found = []
    for part in (one for one in nodes(prefetch) if one.get("resourceType") == "Observation"):
        try:
            concepts = part["code"] if isinstance(part["code"], list) else [part["code"]]
            codings = [c for concept in concepts for c in concept["coding"]]
            codes = {c["code"] for c in codings if "loinc" in c["system"]}
            quantity = part["valueQuantity"]
            value, given = quantity["value"], (quantity.get("code"), quantity.get("unit"))
            units = [one for one in given if isinstance(one, str)]
            if part["status"] in STATUSES and not isinstance(value, bool):
                for code in codes & units_by_code.keys():
                    known = units_by_code[code]
                    found += [value * known[unit] for unit in units if unit in known]
        except (KeyError, TypeError):
            continue
    return found


def unfounded(request: Any, answer: Any) -> str:
    """What is wrong with an antithrombin dose: it must rest on a whole activity and weight."""
    for card in answer["cards"]:
        actions = [a for s in card.get("suggestions", ()) for a in s["actions"]]
        drugs = [a["resource"] for a in actions if a["type"] == "create"]
        doses = [
            d for d in drugs if "antithrombin" in json.dumps(d.get("medicationCodeableConcept"))
        ]
        if doses and card["source"]["topic"]["code"] == "antithrombinDose":
            level = float(ACTIVITY.findall(card["detail"])[0])
            kg = float(DRAWN.findall(card["detail"])[0])
            if not any(abs(level - one) < 0.06 for one in sound(request, LEVELS)):
                return f"a dose on an activity of {level} that no whole Observation holds"
            weights = sound(
                request, dict.fromkeys(("29463-7", "3141-9", "8350-1", "3142-7"), WEIGHTS)
            )
            if not any(abs(kg - one) < 0.6 for one in weights):
                return f"a dose on a weight of {kg} that no whole Observation holds"
    return ""


@pytest.mark.slow
def test_malformed_requests_are_answered_to_the_letter(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(SEED)
    components = openapi_document("")["components"]
    answers = jsonschema_rs.validator_for(
        {"$ref": "#/components/schemas/Answer", "components": components}
    )
    whole = [request_of(name) | {"prefetch": prefetch_of(name)} for name in sorted(cases())]
    statuses: Counter[int] = Counter()
    assessed: Counter[str] = Counter()
    advise = one_call.advise

    def counted(*given: Any, **named: Any) -> Any:
        assessed["calls"] += 1
        return advise(*given, **named)

    monkeypatch.setattr(one_call, "advise", counted)
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
            assert not unfounded(request, answer.json), (
                f"{which}: {unfounded(request, answer.json)}"
            )
    sys.stdout.write(
        f"{COUNT} requests, seed {SEED}: {dict(statuses)}, {dict(assessed)} assessed\n"
    )
    assert assessed["calls"] > COUNT / 2
