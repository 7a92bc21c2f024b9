"""Adults on a heparin infusion as FHIR, drawn from a seed, charted in the ways that EHRs chart.

Most are under target at a high rate, so that the service speaks: a law about silence needs that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from random import Random
from typing import Any

Json = dict[str, Any]

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
PATIENT = "p"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
INTRAVENOUS = {"coding": [{"system": SNOMED, "code": "47625008"}]}
DRUGS = {
    "heparin": "5224", "enoxaparin": "67108", "apixaban": "1364430", "argatroban": "15202",
    "bivalirudin": "60819", "warfarin": "11289", "antithrombin": "1009", "clopidogrel": "32968",
}  # fmt: skip
OFFSETS = (timedelta(0), timedelta(hours=1), timedelta(hours=-5), timedelta(hours=5, minutes=30))


@dataclass
class Chart:
    """One patient's resources, the call that opens it, and what is so."""

    resources: list[Json] = field(default_factory=list)
    request: Json = field(default_factory=dict)
    kg: float = 80
    rate: int = 1600  # U/h, running now


class Dice:
    """Seeded choices."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.chart = Chart()
        self.zone = timezone(self.pick(OFFSETS))
        self._number = 0

    def pick(self, options: Any) -> Any:
        return self.random.choice(options)

    def maybe(self, chance: float) -> bool:
        return self.random.random() < chance

    def between(self, low: float, high: float) -> float:
        return self.random.uniform(low, high)

    def at(self, hours_ago: float) -> str:
        """A moment so many hours before NOW, as the hospital's clock writes it."""
        return (NOW - timedelta(hours=hours_ago)).astimezone(self.zone).isoformat()

    def name(self) -> str:
        """An id whose place in the alphabet says nothing."""
        self._number += 1
        return f"{self.random.choice('abcxyz')}{self.random.randrange(10**6)}-{self._number}"

    def add(self, kind: str, **parts: Any) -> Json:
        resource: Json = {"resourceType": kind, "id": self.name()}
        if kind != "Patient":
            resource["subject"] = {"reference": f"Patient/{PATIENT}"}
        resource |= parts
        self.chart.resources.append(resource)
        return resource


def draw(seed: int) -> Chart:
    """One chart, the same for the same seed."""
    dice = Dice(seed)
    dice.add("Patient", id=PATIENT, birthDate="1960-05-01", gender=dice.pick(["male", "female"]))
    dice.chart.kg = round(dice.between(55, 130), 1)
    lab(dice, "29463-7", dice.chart.kg, "kg", dice.between(20, 200))
    infusion(dice)
    bloods(dice)
    problems(dice)
    dice.chart.request = request(dice)
    return dice.chart


def medication(drug: str) -> Json:
    """A coded medication with its name."""
    return {"coding": [{"system": RXNORM, "code": DRUGS[drug]}], "text": drug}


def observation(dice: Dice, loinc: str, value: Any, unit: str, at: str) -> Json:
    """A final Observation that is not yet on the chart."""
    return {
        "resourceType": "Observation",
        "id": dice.name(),
        "status": "final",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "code": {"coding": [{"system": LOINC, "code": loinc}]},
        "effectiveDateTime": at,
        "valueQuantity": {"value": value, "unit": unit},
    }


def lab(dice: Dice, loinc: str, value: Any, unit: str, hours_ago: float) -> None:
    """A result on the chart."""
    dice.chart.resources.append(observation(dice, loinc, value, unit, dice.at(hours_ago)))


# --- the infusion ----------------------------------------------------------------------------


def infusion(dice: Dice) -> None:
    """Two rates, the second a raise; a steady level before it and one after; the order."""
    kg = dice.chart.kg
    start, rise = dice.between(34, 60), dice.between(11, 14)
    first = round(kg * dice.between(16, 20))
    dice.chart.rate = round(first * dice.pick([1.12, 1.2, 1.3, 1.3]))
    order = standing_order(dice, start)
    chart_as = dice.pick([as_periods, as_points, as_pieces, as_volume])
    chart_as(dice, ((start, rise, first), (rise, None, dice.chart.rate)), order)
    low = dice.maybe(0.9)
    for hours in (rise + dice.between(1, 3), dice.between(1, 3)):
        value = dice.between(0.1, 0.23) if low else dice.between(0.35, 0.6)
        lab(dice, "3274-8", round(value, 2), dice.pick(["[IU]/mL", "U/mL"]), hours)
        if dice.maybe(0.5):
            lab(dice, "14979-9", dice.pick([42, 48, 75]), "s", hours)


def standing_order(dice: Dice, start: float) -> Json:
    """The heparin order that the infusion carries out."""
    rate = {"value": dice.chart.rate, "unit": "U/h"}
    return dice.add(
        "MedicationRequest",
        status="active",
        intent="order",
        medicationCodeableConcept=medication("heparin"),
        authoredOn=dice.at(start + 1),
        dosageInstruction=[{"route": INTRAVENOUS, "doseAndRate": [{"rateQuantity": rate}]}],
    )


Stretches = tuple[tuple[float, float | None, int], ...]


def row(dice: Dice, order: Json | None, dosage: Json, **parts: Any) -> Json:
    """A MedicationAdministration of heparin on the chart."""
    if order is not None:
        parts["request"] = {"reference": f"MedicationRequest/{order['id']}"}
    parts.setdefault("status", "completed")
    return dice.add(
        "MedicationAdministration",
        medicationCodeableConcept=medication("heparin"),
        dosage={"route": INTRAVENOUS} | dosage,
        **parts,
    )


def rated(dice: Dice, rate: int) -> Json:
    """A rate in one of the spellings of U/h."""
    return {"rateQuantity": {"value": rate, "unit": dice.pick(["U/h", "[IU]/h", "units/hr"])}}


def as_periods(dice: Dice, stretches: Stretches, order: Json) -> None:
    """One row a rate, the last one open."""
    for since, until, rate in stretches:
        period = {"start": dice.at(since)}
        if until is not None:
            period["end"] = dice.at(until)
        status = "in-progress" if until is None else dice.pick(["completed", "stopped"])
        row(dice, order, rated(dice, rate), status=status, effectivePeriod=period)


def as_points(dice: Dice, stretches: Stretches, order: Json) -> None:
    """A row a change, each rate holding until the next; some charted as empty Periods."""
    for since, _, rate in stretches:
        at = dice.at(since)
        if dice.maybe(0.5):
            row(dice, order, rated(dice, rate), effectivePeriod={"start": at, "end": at})
        else:
            row(dice, order, rated(dice, rate), effectiveDateTime=at)


def as_pieces(dice: Dice, stretches: Stretches, order: Json) -> None:
    """Each rate in touching pieces of any status that means given, as pumps report."""
    for since, until, rate in stretches:
        end = until or 0.0
        cuts = sorted(dice.between(end, since) for _ in range(dice.random.randrange(4)))[::-1]
        edges = [since, *cuts, end]
        for begin, stop in pairwise(edges):
            period = {"start": dice.at(begin)}
            is_open = until is None and stop == end
            if not is_open:
                period["end"] = dice.at(stop)
            status = "in-progress" if is_open else dice.pick(["completed", "stopped"])
            row(dice, order, rated(dice, rate), status=status, effectivePeriod=period)


def as_volume(dice: Dice, stretches: Stretches, order: Json) -> None:
    """mL/h of a contained bag of 25,000 units in 250 mL."""
    bag = {
        "resourceType": "Medication",
        "id": "bag",
        "code": medication("heparin"),
        "ingredient": [
            {
                "itemCodeableConcept": medication("heparin"),
                "strength": {
                    "numerator": {"value": 25000, "unit": "U", "code": "[iU]"},
                    "denominator": {"value": 250, "unit": "mL", "code": "mL"},
                },
            }
        ],
    }
    for since, until, rate in stretches:
        period = {"start": dice.at(since)} | ({"end": dice.at(until)} if until else {})
        made = row(
            dice,
            order,
            {"rateQuantity": {"value": rate / 100, "unit": "mL/h"}},
            status="completed" if until else "in-progress",
            effectivePeriod=period,
            contained=[bag],
        )
        del made["medicationCodeableConcept"]
        made["medicationReference"] = {"reference": "#bag"}


# --- the rest of the patient ------------------------------------------------------------------


def bloods(dice: Dice) -> None:
    """Antithrombin, platelets, haemoglobin, kidneys and liver, mostly as an order needs them."""
    if dice.maybe(0.85):
        level = round(dice.between(25, 95))
        lab(dice, "27811-9", level, "%", dice.between(1, 20))
    lab(dice, "777-3", 240, "10*3/uL", 65)
    lab(dice, "777-3", dice.pick([220, 230, 230, 100, 60]), "10*3/uL", dice.between(2, 8))
    lab(dice, "718-7", 11.2, "g/dL", 26)
    lab(dice, "718-7", dice.pick([11.0, 11.0, 11.0, 8.9]), "g/dL", dice.between(1, 5))
    lab(dice, "2160-0", dice.pick([0.8, 0.9, 2.4]), "mg/dL", dice.between(2, 20))
    lab(dice, "1975-2", dice.pick([0.6, 0.8, 3.0]), "mg/dL", dice.between(2, 20))
    if dice.maybe(0.5):
        lab(dice, "3255-7", dice.pick([310, 620]), "mg/dL", dice.between(2, 20))


PROBLEMS = {"A41.9": 0.2, "I26.99": 0.3, "D75.822": 0.04, "K92.2": 0.04, "K74.60": 0.05}


def problems(dice: Dice) -> None:
    """Sepsis, a clot; now and then HIT, a bleed, cirrhosis."""
    for code, chance in PROBLEMS.items():
        if dice.maybe(chance):
            dice.add(
                "Condition",
                clinicalStatus={"coding": [{"system": CLINICAL, "code": "active"}]},
                code={"coding": [{"system": ICD, "code": code}]},
                onsetDateTime=dice.at(dice.between(70, 100)),
                recordedDate=dice.at(dice.between(30, 60)),
            )


def drafted(dice: Dice, drug: str, amount: Json) -> Json:
    """A draft that is on no chart yet."""
    return {
        "resourceType": "MedicationRequest",
        "id": dice.name(),
        "status": "draft",
        "intent": "order",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "authoredOn": dice.at(0),
        "medicationCodeableConcept": medication(drug),
        "dosageInstruction": [{"route": INTRAVENOUS, "doseAndRate": [amount]}],
    }


def _raise(dice: Dice) -> Json:
    rate = round(dice.chart.rate * dice.pick([1.0, 1.15, 1.4]))
    return drafted(dice, "heparin", {"rateQuantity": {"value": rate, "unit": "U/h"}})


def _antithrombin(dice: Dice) -> Json:
    units = dice.pick([500, 2000, 2500, 4900, 6720, 9000])
    return drafted(dice, "antithrombin", {"doseQuantity": {"value": units, "unit": "[IU]"}})


def _other(dice: Dice) -> Json:
    drug, amount = dice.pick(
        [
            ("apixaban", {"doseQuantity": {"value": 5, "unit": "mg"}}),
            ("argatroban", {"rateQuantity": {"value": 0.5, "unit": "ug/kg/min"}}),
            ("enoxaparin", {"doseQuantity": {"value": 80, "unit": "mg"}}),
            ("clopidogrel", {"doseQuantity": {"value": 75, "unit": "mg"}}),
        ]
    )
    return drafted(dice, drug, amount)


DRAFTS: tuple[Callable[[Dice], Json], ...] = (_raise, _raise, _antithrombin, _antithrombin, _other)


def request(dice: Dice) -> Json:
    """One of the hooks; an order hook drafts at least a heparin infusion or antithrombin."""
    hook = dice.pick(["patient-view", "order-select", "order-sign"])
    context: Json = {"userId": "Practitioner/d", "patientId": PATIENT}
    if hook != "patient-view":
        drafts = [make(dice) for make in dice.random.sample(DRAFTS[:3], 1)]
        drafts += [make(dice) for make in dice.random.sample(DRAFTS, dice.random.randrange(2))]
        entries = [{"resource": draft} for draft in drafts]
        context["draftOrders"] = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        if hook == "order-select":
            context["selections"] = [f"MedicationRequest/{drafts[0]['id']}"]
    instance = "11111111-1111-4111-8111-111111111111"
    return {"hook": hook, "hookInstance": instance, "context": context}
