"""Random patients as FHIR, plausible and not, with the truth about each written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

Json = dict[str, Any]

NOW = datetime(2026, 3, 2, 14, tzinfo=UTC)
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
DRUGS = {
    "heparin": "5224", "enoxaparin": "67108", "apixaban": "1364430", "argatroban": "15202",
    "bivalirudin": "60819", "warfarin": "11289", "antithrombin": "1009", "clopidogrel": "32968",
    "fondaparinux": "321208",
}  # fmt: skip
QUERIES = (
    "patient", "coagulation", "blood", "body", "administrations", "orders", "conditions",
    "allergies", "procedures", "tests", "encounters",
)  # fmt: skip
BROKEN = ("failed", "partial", "not supplied")


@dataclass
class Truth:
    """What is so, whatever the service thinks."""

    adult: bool = True  # known to be
    hit: bool = False
    heparin_allergy: bool = False
    bleeding: bool = False
    kg: float | None = None  # measured, plausible, current
    antithrombin: float | None = None  # activity of the last 24 h, in a known unit
    running: bool = False  # an infusion is charted as running
    broken: dict[str, str] = field(default_factory=dict)  # query -> state
    others: set[str] = field(default_factory=set)  # other anticoagulants standing or drafted


@dataclass
class Made:
    """One generated call."""

    resources: dict[str, list[Json]]
    request: Json
    truth: Truth


class Dice:
    """Seeded choices, and the patient they add up to."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.truth = Truth()
        self.found: dict[str, list[Json]] = {key: [] for key in QUERIES}
        self.number = 0

    def maybe(self, chance: float) -> bool:
        return self.random.random() < chance

    def hours_ago(self, low: float, high: float) -> datetime:
        return NOW - timedelta(hours=self.random.uniform(low, high))

    def add(self, query: str, kind: str, **parts: Any) -> Json:
        self.number += 1
        resource = {"resourceType": kind, "id": f"x{self.number}"} | parts
        if kind not in ("Patient", "AllergyIntolerance"):
            resource.setdefault("subject", {"reference": "Patient/p"})
        self.found[query].append(resource)
        return resource

    def lab(
        self, query: str, loinc: str, value: Any, unit: str, at: datetime, **parts: Any
    ) -> None:
        quantity = {"value": value, "unit": unit, "code": unit}
        code = {"coding": [{"system": LOINC, "code": loinc}]}
        body = {"status": "final", "code": code, "effectiveDateTime": at.isoformat()}
        self.add(query, "Observation", **(body | {"valueQuantity": quantity} | parts))


def make(seed: int) -> Made:
    """One call, the same for the same seed."""
    dice = Dice(seed)
    for build in (
        person,
        weight,
        antithrombin,
        levels,
        blood,
        organs,
        infusion,
        medicines,
        problems,
    ):
        build(dice)
    request = hook(dice)
    for query in QUERIES:
        if dice.maybe(0.03):
            ways = BROKEN if query != "patient" else ("failed", "not supplied")  # a read is whole
            dice.truth.broken[query] = dice.random.choice(ways)
    return Made(dice.found, request, dice.truth)


def person(dice: Dice) -> None:
    """Adults mostly; some children, some without a birth date."""
    body: Json = {"gender": dice.random.choice(["male", "female", "unknown"])}
    draw = dice.random.random()
    if draw < 0.9:
        body["birthDate"] = date(1930 + int(draw * 70), 5, 1).isoformat()
    elif draw < 0.96:
        body["birthDate"] = "2015-05-01"
        dice.truth.adult = False
    else:
        dice.truth.adult = False
    dice.found["patient"].append({"resourceType": "Patient", "id": "p"} | body)


def weight(dice: Dice) -> None:
    """Kilograms, pounds, grams; 800 kg; a month-old one; none; an unknown unit."""
    kg = dice.random.uniform(40, 160)
    at = dice.hours_ago(1, 200)
    choice = dice.random.randrange(12)
    if choice < 7:
        dice.truth.kg = kg
        value, unit = [(kg, "kg"), (kg / 0.45359237, "[lb_av]"), (kg * 1000, "g")][choice % 3]
        dice.lab("body", "29463-7", value, unit, at)
    elif choice == 7:
        dice.lab("body", "29463-7", 800, "kg", at)
    elif choice == 8:
        dice.lab("body", "29463-7", kg, "stone", at)
    elif choice == 9:
        dice.lab("body", "29463-7", kg, "kg", NOW - timedelta(days=45))


def antithrombin(dice: Dice) -> None:
    """Activity in two units, antigen, stale, implausible, unknown unit, none."""
    level = round(dice.random.uniform(15, 110), 1)
    choice = dice.random.randrange(12)
    at = dice.hours_ago(0.5, 23)
    if choice < 6:
        dice.truth.antithrombin = level
        dice.lab("coagulation", "27811-9", level, "%", at)
    elif choice == 6:
        dice.truth.antithrombin = level
        dice.lab("coagulation", "3174-0", level / 100, "[IU]/mL", at)
    elif choice == 7:
        dice.lab("coagulation", "27812-7", level, "%", at)
        dice.lab("coagulation", "1868-9", level / 4, "mg/dL", at)
    elif choice == 8:
        dice.lab("coagulation", "27811-9", level, "%", dice.hours_ago(25, 90))
    elif choice == 9:
        dice.lab("coagulation", "27811-9", 400 + level, "%", at)
    elif choice == 10:
        dice.lab("coagulation", "27811-9", level, "mg/dL", at)


def levels(dice: Dice) -> None:
    """aPTT and anti-Xa over three days, low more often than not."""
    for _ in range(dice.random.randrange(6)):
        at = dice.hours_ago(0.5, 72)
        dice.lab("coagulation", "14979-9", round(dice.random.uniform(30, 130)), "s", at)
    for _ in range(dice.random.randrange(6)):
        at = dice.hours_ago(0.5, 72)
        value = round(abs(dice.random.gauss(0.2, 0.2)), 2)
        dice.lab("coagulation", "3274-8", value, dice.random.choice(["[IU]/mL", "U/mL"]), at)
    if dice.maybe(0.7):
        at = dice.hours_ago(0.2, 2)
        dice.lab("coagulation", "14979-9", dice.random.choice([44, 52, 78]), "s", at)
        dice.lab("coagulation", "3274-8", dice.random.choice([0.1, 0.18, 0.25, 0.5]), "[IU]/mL", at)


def blood(dice: Dice) -> None:
    """Platelets and haemoglobin, steady, falling or low."""
    high = dice.random.uniform(150, 400)
    for day in range(dice.random.randrange(9)):
        fall = dice.random.choice([1.0, 1.0, 1.0, 0.8, 0.45, 0.15])
        unit = dice.random.choice(["10*3/uL", "K/uL", "10*9/L"])
        at = NOW - timedelta(days=day, hours=3)
        value = round(high * fall)
        if value < 50 and day < 2:
            dice.truth.bleeding = dice.truth.bleeding or day == 0
        dice.lab("blood", "777-3", value, unit, at)
    if dice.maybe(0.3):
        fallen = dice.maybe(0.2)
        dice.truth.bleeding = dice.truth.bleeding or fallen
        dice.lab("blood", "718-7", 11.0, "g/dL", dice.hours_ago(20, 23))
        dice.lab("blood", "718-7", 8.4 if fallen else 10.8, "g/dL", dice.hours_ago(1, 5))


def organs(dice: Dice) -> None:
    """Creatinine and bilirubin, or one of them, or none."""
    if dice.maybe(0.8):
        dice.lab(
            "body", "2160-0", round(dice.random.uniform(0.5, 4), 1), "mg/dL", dice.hours_ago(1, 40)
        )
    if dice.maybe(0.7):
        dice.lab(
            "body", "1975-2", round(dice.random.uniform(0.2, 6), 1), "mg/dL", dice.hours_ago(1, 90)
        )


def medication(drug: str) -> Json:
    return {"coding": [{"system": RXNORM, "code": DRUGS[drug]}], "text": drug}


def infusion(dice: Dice) -> None:
    """Segments with rises and holds, closed or open, an order beside them most of the time."""
    if dice.maybe(0.15):
        return
    start, rate = dice.hours_ago(8, 70), dice.random.uniform(900, 2300)
    for _ in range(dice.random.randrange(1, 5)):
        length = timedelta(hours=dice.random.uniform(4, 90))
        is_open = start + length >= NOW
        period = {"start": start.isoformat()}
        if not is_open:
            period["end"] = (start + length).isoformat()
        unit = dice.random.choice(["U/h", "[IU]/h", "units/h"])
        dice.add(
            "administrations",
            "MedicationAdministration",
            status="in-progress" if is_open else "completed",
            medicationCodeableConcept=medication("heparin"),
            effectivePeriod=period,
            dosage={"rateQuantity": {"value": round(rate), "unit": unit}},
        )
        dice.truth.running = is_open
        if is_open:
            break
        start, rate = start + length, rate * dice.random.choice([1.0, 1.15, 1.3, 0.7])
    if dice.maybe(0.85):
        order(dice, "heparin", "active", {"rateQuantity": {"value": round(rate), "unit": "U/h"}})


def order(dice: Dice, drug: str, status: str, amount: Json, query: str = "orders") -> Json:
    """A MedicationRequest, intravenous when it has a rate."""
    dosage: Json = {"doseAndRate": [amount]}
    if "rateQuantity" in amount or drug == "antithrombin":
        dosage["route"] = {"coding": [{"system": SNOMED, "code": "47625008"}]}
    body = {
        "status": status,
        "intent": "order",
        "medicationCodeableConcept": medication(drug),
        "authoredOn": dice.hours_ago(1, 60).isoformat(),
        "dosageInstruction": [dosage],
    }
    return dice.add(query, "MedicationRequest", **body)


DOSES: dict[str, Json] = {
    "apixaban": {"doseQuantity": {"value": 5, "unit": "mg"}},
    "enoxaparin": {"doseQuantity": {"value": 80, "unit": "mg"}},
    "fondaparinux": {"doseQuantity": {"value": 7.5, "unit": "mg"}},
    "argatroban": {"rateQuantity": {"value": 0.5, "unit": "ug/kg/min"}},
    "bivalirudin": {"rateQuantity": {"value": 0.1, "unit": "mg/kg/h"}},
    "warfarin": {"doseQuantity": {"value": 5, "unit": "mg"}},
    "clopidogrel": {"doseQuantity": {"value": 75, "unit": "mg"}},
}


def medicines(dice: Dice) -> None:
    """Other drugs standing; doses of antithrombin given; flushes and rows not given."""
    for drug in DOSES:
        if dice.maybe(0.02):
            order(dice, drug, "active", DOSES[drug])
            if drug not in ("clopidogrel", "warfarin", "enoxaparin"):
                dice.truth.others.add(drug)
    if dice.maybe(0.1):
        at = dice.hours_ago(1, 30)
        dice.add(
            "administrations",
            "MedicationAdministration",
            status="completed",
            medicationCodeableConcept=medication("antithrombin"),
            effectiveDateTime=at.isoformat(),
            dosage={"dose": {"value": 2000, "unit": "[IU]"}},
        )


PROBLEMS: tuple[tuple[str, float, Callable[[Truth], None] | None], ...] = (
    ("D75.822", 0.06, lambda truth: setattr(truth, "hit", True)),
    ("K92.2", 0.06, lambda truth: setattr(truth, "bleeding", True)),
    ("A41.9", 0.2, None),
    ("K74.60", 0.06, None),
    ("C80.1", 0.08, None),
    ("I26.99", 0.2, None),
    ("N18.6", 0.04, None),
)


def problems(dice: Dice) -> None:
    """Coded problems with the truth they carry, and allergies."""
    for code, chance, tell in PROBLEMS:
        if dice.maybe(chance):
            coded = {"coding": [{"system": ICD, "code": code}]}
            at = dice.hours_ago(5, 100).isoformat()
            active = {"coding": [{"code": "active"}]}
            dice.add("conditions", "Condition", code=coded, recordedDate=at, clinicalStatus=active)
            if tell is not None:
                tell(dice.truth)
    if dice.maybe(0.05):
        code = {"text": dice.random.choice(["Heparin", "Heparin (HIT)"])}
        dice.truth.heparin_allergy = True
        dice.truth.hit = dice.truth.hit or "HIT" in code["text"]
        patient = {"reference": "Patient/p"}
        dice.add("allergies", "AllergyIntolerance", code=code, patient=patient)


def hook(dice: Dice) -> Json:
    """One of the hooks, with a handful of drafts for the order hooks."""
    name = dice.random.choice(["patient-view", "order-select", "order-sign"])
    context: Json = {"userId": "Practitioner/d", "patientId": "p"}
    if name != "patient-view":
        context["draftOrders"] = {"resourceType": "Bundle", "entry": drafts(dice)}
    if name == "order-select":
        context["selections"] = [
            f"MedicationRequest/{entry['resource']['id']}"
            for entry in context["draftOrders"]["entry"][:1]
        ]
    return {
        "hook": name,
        "hookInstance": "11111111-1111-4111-8111-111111111111",
        "context": context,
    }


def drafts(dice: Dice) -> list[Json]:
    """Raises, antithrombin of any size, and the drugs that do not go together."""
    likely = ["heparin"] if dice.maybe(0.5) else ["heparin", "antithrombin", *DOSES]
    kinds = dice.random.sample(likely, min(len(likely), dice.random.randrange(1, 4)))
    entries = []
    for drug in kinds:
        if drug == "heparin":
            rate = dice.random.randrange(600, 2600)
            amount: Json = {"rateQuantity": {"value": rate, "unit": "U/h"}}
        elif drug == "antithrombin":
            units = dice.random.choice([500, 2500, 4900, 9000])
            amount = {"doseQuantity": {"value": units, "unit": "[IU]"}}
        else:
            amount = DOSES[drug]
            if drug not in ("clopidogrel", "warfarin", "enoxaparin"):
                dice.truth.others.add(drug)
        entries.append({"resource": order(dice, drug, "draft", amount, "patient")})
        dice.found["patient"].pop()
    return entries
