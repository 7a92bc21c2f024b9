"""Calls that are as large as wanted, in every way a chart can be: for growth and for limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from time import process_time
from typing import Any

import orjson

from bench import payload
from cds_service.advice import advise
from cds_service.cards.card import ClientCapabilities
from cds_service.fhir.prefetch import read_prefetch
from cds_service.hooks.request import read_call
from cds_service.hooks.services import SERVICES
from tests.cases import searches, tables

Json = dict[str, Any]

NOW = datetime.now(UTC)
SUBJECT = {"reference": f"Patient/{payload.PATIENT}"}
HEPARIN = {"coding": [{"system": payload.RXNORM, "code": "5224"}], "text": "heparin"}
DRUGS = ("apixaban", "warfarin", "enoxaparin", "aspirin", "heparin", "antithrombin")
IV = {"text": "intravenous"}
RATE = {"value": 1900, "unit": "U/h"}


def chart(hook: str = "patient-view") -> Json:
    """A call about heparin that fails, with a small chart in prefetch."""
    call: Json = orjson.loads(payload.patient_view(20, NOW))
    return call | {"hook": hook}


def bundle(resources: list[Json]) -> Json:
    return {"resourceType": "Bundle", "entry": [{"resource": one} for one in resources]}


def order(number: int, **changes: Any) -> Json:
    made = {
        "resourceType": "MedicationRequest",
        "id": f"o{number}",
        "status": "active",
        "intent": "order",
        "subject": SUBJECT,
        "authoredOn": (NOW - timedelta(hours=5, seconds=number % 7)).isoformat(),
        "medicationCodeableConcept": HEPARIN,
        "dosageInstruction": [{"route": IV, "doseAndRate": [{"rateQuantity": RATE}]}],
    } | changes
    return {name: value for name, value in made.items() if value is not None}


def given(number: int, **changes: Any) -> Json:
    start, end = NOW - timedelta(minutes=number + 1), NOW - timedelta(minutes=number)
    return {
        "resourceType": "MedicationAdministration",
        "id": f"a{number}",
        "status": "completed",
        "subject": SUBJECT,
        "medicationCodeableConcept": HEPARIN,
        "effectivePeriod": {"start": start.isoformat(), "end": end.isoformat()},
        "dosage": {"route": IV, "rateQuantity": RATE},
    } | changes


def mix(count: int) -> Json:
    """An order of a mix with so many ingredients, each a contained Medication."""
    names = [f"i{number}" for number in range(count)]
    parts = [{"resourceType": "Medication", "id": n, "code": {"text": "heparin"}} for n in names]
    whole = {
        "resourceType": "Medication",
        "id": "mix",
        "ingredient": [{"itemReference": {"reference": f"#{name}"}} for name in names],
    }
    return order(
        0,
        medicationCodeableConcept=None,
        medicationReference={"reference": "#mix"},
        contained=[whole, *parts],
    )


def with_(key: str, resources: list[Json]) -> Json:
    call = chart()
    call["prefetch"][key] = bundle(resources)
    return call


def drafted(resources: list[Json], standing: list[Json] | None = None) -> Json:
    call = chart("order-sign")
    call["context"]["draftOrders"] = bundle(resources)
    if standing:
        call["prefetch"]["orders"] = bundle(standing)
    return call


def results(code: str, key: str, unit: str, value: float) -> Callable[[int], Json]:
    def made(count: int) -> Json:
        rows = [
            {
                "resourceType": "Observation",
                "id": f"x{number}",
                "status": "final",
                "subject": SUBJECT,
                "code": {"coding": [{"system": payload.LOINC, "code": code}]},
                "effectiveDateTime": (NOW - timedelta(seconds=number)).isoformat(),
                "valueQuantity": {
                    "value": value + number % 7 / 10,
                    "unit": unit,
                    "system": payload.UCUM,
                    "code": unit,
                },
            }
            for number in range(count)
        ]
        return with_(key, rows)

    return made


def named(number: int, name: str, **changes: Any) -> Json:
    return order(number, medicationCodeableConcept={"text": name}, **changes)


def infusions_of_orders(count: int) -> Json:
    rows = [
        given(
            n,
            status="in-progress",
            effectivePeriod={"start": (NOW - timedelta(minutes=n + 1)).isoformat()},
            request={"reference": f"MedicationRequest/o{n}"},
        )
        for n in range(count)
    ]
    call = with_("administrations", rows)
    call["prefetch"]["orders"] = bundle([order(n) for n in range(count)])
    return call


def referenced(count: int) -> Json:
    orders = [
        order(
            n,
            medicationCodeableConcept=None,
            medicationReference={"reference": f"Medication/m{n}"},
        )
        for n in range(count)
    ]
    drugs = [{"resourceType": "Medication", "id": f"m{n}", "code": HEPARIN} for n in range(count)]
    return with_("orders", [*orders, *drugs])


def mixed_drafts(count: int) -> Json:
    standing = [named(n + 10**6, DRUGS[n % 6]) for n in range(count)]
    return drafted([named(n, DRUGS[n % 6], status="draft") for n in range(count)], standing)


FLOODS: Mapping[str, Callable[[int], Json]] = {
    "a mix of n contained ingredients": lambda n: with_("orders", [mix(n)]),
    "a drafted mix of n": lambda n: drafted([mix(n) | {"status": "draft"}]),
    "n orders of n referenced Medications": referenced,
    "n active orders of one drug": lambda n: with_("orders", [order(i) for i in range(n)]),
    "n orders of six drugs": lambda n: with_("orders", [named(i, DRUGS[i % 6]) for i in range(n)]),
    "n drafts of one drug": lambda n: drafted([order(i, status="draft") for i in range(n)]),
    "n drafts and n orders of six drugs": mixed_drafts,
    "n pieces of an infusion": lambda n: with_("administrations", [given(i) for i in range(n)]),
    "n infusions of n orders": infusions_of_orders,
    "n aPTT": results("14979-9", "coagulation", "s", 40),
    "n anti-Xa": results("3274-8", "coagulation", "[IU]/mL", 0.1),
    "n hemoglobins": results("718-7", "blood", "g/dL", 10),
    "n platelet counts": results("777-3", "blood", "10*3/uL", 200),
    "n creatinines": results("2160-0", "body", "mg/dL", 0.9),
    "n conditions": lambda n: with_(
        "conditions",
        [
            {
                "resourceType": "Condition",
                "id": f"c{i}",
                "subject": SUBJECT,
                "code": {"text": "heparin induced thrombocytopenia"},
            }
            for i in range(n)
        ],
    ),
    "n codings of one order": lambda n: with_(
        "orders",
        [
            order(
                0,
                medicationCodeableConcept={
                    "coding": [{"system": "urn:x", "code": str(i), "display": f"drug {i}"}
                               for i in range(n)],
                    "text": "heparin",
                },
            )
        ],
    ),
}  # fmt: skip


def seconds(call: Json) -> float:
    """CPU time for what follows reading the body: prefetch, chart, assessment and cards."""
    rules = tables()
    hook = next(s for s in SERVICES.values() if s.hook == call["hook"])
    asked = read_call(call, hook)
    began = process_time()
    answers = read_prefetch(asked.prefetch, searches(rules), NOW)
    for card in advise(asked.context, answers, rules, NOW, ClientCapabilities()).cards:
        card.wire(lambda: "id")
    return process_time() - began


def _prefetch(value: bytes) -> bytes:
    head = b'{"hook":"patient-view","hookInstance":"i","context":{"patientId":"p1"}'
    return head + b',"prefetch":{"x":' + value + b"}}"


def _many(unit: bytes, size: int) -> bytes:
    return _prefetch(b"[" + b",".join([unit] * (size // (len(unit) + 1))) + b"]")


def _keys(count: int) -> bytes:
    return _prefetch(b"{" + b",".join(b'"%d":0' % number for number in range(count)) + b"}")


MEGABYTE = 1024 * 1024

# Bodies that take much more memory than they are long: the largest that are read at all, those
# just below the caps, and charts of the largest size.
BODIES: Mapping[str, Callable[[], bytes]] = {
    "16 MB of empty lists": lambda: _many(b"[]", 16 * MEGABYTE - 1000),
    "16 MB of small objects": lambda: _many(b'{"a":1}', 16 * MEGABYTE - 1000),
    "16 MB of one text": lambda: _prefetch(b'"' + b"x" * (16 * MEGABYTE - 1000) + b'"'),
    "chains of objects below the cap": lambda: _many(b'{"a":{"a":{"a":{"a":1}}}}', 4 * MEGABYTE),
    "990,000 keys": lambda: _keys(990_000),
    "24,000 results": lambda: orjson.dumps(FLOODS["n aPTT"](24_000)),
    "20,000 orders": lambda: orjson.dumps(FLOODS["n active orders of one drug"](20_000)),
}
