"""An invented hospital: N stays in intensive care as a bulk export, the same for the same seed.

About one stay in five gets a heparin infusion: a course of the simulated unit
(`cds_service/simulate`), with its doses, levels, counts and faults. The rest get prophylaxis.
Nothing is taken from a real patient.

    python -m bench.hospital 10000 /tmp/hospital
"""

from __future__ import annotations

import argparse
import gzip
import random
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from cds_service.tools.simulate.course import Course
from cds_service.tools.simulate.fhir import StayAsFhir
from cds_service.tools.simulate.stay import run_stay
from cds_service.tools.simulate.worlds import MODERATE, POPULATIONS

Json = dict[str, Any]

FIRST = datetime(2025, 1, 1, tzinfo=UTC)
YEAR_HOURS = 365 * 24
LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"
STAYS_A_FILE = 1000

# LOINC, name, unit, mean, spread, hours between
ROUTINE = (
    ("777-3", "Platelets", "10*3/uL", 210, 70, 24),
    ("718-7", "Hemoglobin", "g/dL", 10.2, 1.6, 24),
    ("2160-0", "Creatinine", "mg/dL", 1.1, 0.5, 24),
    ("1975-2", "Bilirubin", "mg/dL", 0.8, 0.4, 48),
    ("6301-6", "INR", "{INR}", 1.2, 0.15, 24),
    ("3255-7", "Fibrinogen", "mg/dL", 420, 140, 48),
    # No query of the service asks for these.
    ("2823-3", "Potassium", "mmol/L", 4.1, 0.4, 8),
    ("2951-2", "Sodium", "mmol/L", 139, 4, 12),
    ("2345-7", "Glucose", "mg/dL", 135, 35, 6),
    ("8867-4", "Heart rate", "/min", 88, 15, 4),
)
COUNTED = ("777-3", "718-7")  # a simulated course has its own
_STAY = {"MedicationAdministration": "context"}  # R4's name there
PROBLEMS = (
    ("91302008", "Sepsis", 0.25),
    ("49436004", "Atrial fibrillation", 0.2),
    ("128053003", "Deep venous thrombosis", 0.08),
    ("38341003", "Hypertension", 0.5),
    ("19943007", "Cirrhosis of liver", 0.05),
)
OTHER_DRUGS = (("18631", "azithromycin"), ("161", "acetaminophen"), ("4603", "furosemide"))


class Stay:
    """One patient's stay; every resource is made in the order of time."""

    def __init__(self, seed: int, number: int) -> None:
        self.seed = seed
        self.rng = random.Random(f"{seed}/{number}")
        self.name = f"p{number:06}"
        self.made = 0
        self.start = FIRST + timedelta(hours=self.rng.uniform(0, YEAR_HOURS))
        self.hours = min(max(self.rng.lognormvariate(4.3, 0.7), 18), 700)
        self.course = self.on_heparin(number) if self.rng.random() < 0.2 else None
        drawn = round(min(max(self.rng.gauss(82, 18), 42), 190), 1)
        self.weight = self.course.weight if self.course else drawn

    def on_heparin(self, number: int) -> Course:
        """A course of the ordinary population that fits into the stay."""
        begin = self.rng.uniform(1, min(24, self.hours / 2))
        hours = min(self.hours - begin, self.rng.uniform(24, 160))
        population = replace(POPULATIONS["ordinary"], hit=0.0)
        return run_stay(self.rng, number, "ordinary", population, MODERATE, hours, begin)

    def at(self, hours: float) -> str:
        return (self.start + timedelta(hours=hours)).isoformat(timespec="seconds")

    def base(self, kind: str) -> Json:
        self.made += 1
        return {
            "resourceType": kind,
            "id": f"{self.name}-{self.made}",
            "meta": {"versionId": "1", "lastUpdated": self.at(self.hours)},
            "subject": {"reference": f"Patient/{self.name}"},
            _STAY.get(kind, "encounter"): {"reference": f"Encounter/{self.name}-e"},
        }

    def resources(self) -> Iterator[Json]:
        """Everything of the stay."""
        yield from self.person()
        yield self.result("29463-7", "Body weight", self.weight, "kg", 0.5)
        yield from self.routine()
        yield from self.problems()
        yield from self.others()
        yield from self.infusion() if self.course else self.prophylaxis()

    def person(self) -> Iterator[Json]:
        born = self.start.year - self.rng.randint(19, 92)
        yield {
            "resourceType": "Patient",
            "id": self.name,
            "gender": self.rng.choice(("male", "female")),
            "birthDate": f"{born}-{self.rng.randint(1, 12):02}-{self.rng.randint(1, 28):02}",
        }
        yield {
            "resourceType": "Encounter",
            "id": f"{self.name}-e",
            "status": "finished",
            "class": {"code": "IMP"},
            "subject": {"reference": f"Patient/{self.name}"},
            "period": {"start": self.at(0), "end": self.at(self.hours)},
        }

    def routine(self) -> Iterator[Json]:
        fall = 0.45 if self.rng.random() < 0.02 else 1.0  # platelets of a few fall by day 6
        for code, name, unit, mean, spread, every in ROUTINE:
            if self.course and code in COUNTED:
                continue
            own = max(self.rng.gauss(mean, spread), mean * 0.3)
            hour = self.rng.uniform(0, min(every, 6))
            while hour < self.hours:
                value = own * self.rng.uniform(0.93, 1.07)
                value *= fall if code == "777-3" and hour > 140 else 1.0
                yield self.result(code, name, round(value, 2), unit, hour)
                hour += every * self.rng.uniform(0.9, 1.1)

    def result(self, code: str, name: str, value: float, unit: str, hour: float) -> Json:
        return self.base("Observation") | {
            "status": "final",
            "code": {"coding": [{"system": LOINC, "code": code, "display": name}], "text": name},
            "effectiveDateTime": self.at(hour),
            "issued": self.at(hour + self.rng.uniform(0.4, 1.5)),
            "valueQuantity": {"value": value, "unit": unit, "system": UCUM, "code": unit},
        }

    def problems(self) -> Iterator[Json]:
        for code, name, share in PROBLEMS:
            if self.rng.random() < share:
                yield self.base("Condition") | {
                    "clinicalStatus": {"coding": [{"code": "active"}]},
                    "code": {"coding": [{"system": SNOMED, "code": code}], "text": name},
                    "recordedDate": self.at(self.rng.uniform(0, 12)),
                }
        if self.rng.random() < 0.1:
            allergy = self.base("AllergyIntolerance") | {
                "patient": {"reference": f"Patient/{self.name}"},
                "code": {"text": "Penicillin"},
                "recordedDate": self.at(1),
            }
            del allergy["subject"]
            yield allergy
        if self.rng.random() < 0.06 and self.hours > 60:
            yield self.base("Procedure") | {
                "status": "completed",
                "code": {"text": "Continuous renal replacement therapy (CRRT)"},
                "performedPeriod": {"start": self.at(24), "end": self.at(self.hours - 6)},
            }
        if self.rng.random() < 0.2:
            yield self.base("ServiceRequest") | {
                "status": "completed",
                "intent": "order",
                "code": {"coding": [{"system": LOINC, "code": "777-3"}]},
                "authoredOn": self.at(2),
            }

    def others(self) -> Iterator[Json]:
        for code, name in OTHER_DRUGS:
            hour = self.rng.uniform(0, 8)
            while hour < self.hours:
                yield self.given(code, name, hour, 1.0, "g", "Oral")
                hour += 12

    def given(self, code: str, name: str, hour: float, dose: float, unit: str, way: str) -> Json:
        return self.base("MedicationAdministration") | {
            "status": "completed",
            "medicationCodeableConcept": {
                "coding": [{"system": RXNORM, "code": code}],
                "text": name,
            },
            "effectiveDateTime": self.at(hour),
            "dosage": {
                "route": {"text": way},
                "dose": {"value": dose, "unit": unit, "system": UCUM, "code": unit},
            },
        }

    def prophylaxis(self) -> Iterator[Json]:
        if self.rng.random() < 0.4:
            return
        hour, every = self.rng.uniform(4, 14), self.rng.choice((8, 12))
        while hour < self.hours:
            yield self.given("5224", "heparin", hour, 5000, "[IU]", "Subcutaneous")
            hour += every

    def infusion(self) -> Iterator[Json]:
        """Orders, rates, levels and counts of a simulated course."""
        assert self.course is not None
        start = self.start + timedelta(hours=self.course.before)
        yield from StayAsFhir(self.course, self.seed, self.name, start).treatment()


def write_hospital(stays: int, folder: Path, seed: int = 1) -> int:
    """One packed file per type and thousand stays; says how many resources there are."""
    folder.mkdir(parents=True, exist_ok=True)
    return sum(
        _write_files(range(first, min(first + STAYS_A_FILE, stays)), folder, seed)
        for first in range(0, stays, STAYS_A_FILE)
    )


def _write_files(numbers: Iterable[int], folder: Path, seed: int) -> int:
    numbers, written = tuple(numbers), 0
    with ExitStack() as files:
        opened: dict[str, gzip.GzipFile] = {}
        for number in numbers:
            for resource in Stay(seed, number).resources():
                kind = resource["resourceType"]
                if kind not in opened:
                    name = folder / f"{kind}.{numbers[0] // STAYS_A_FILE:03}.ndjson.gz"
                    file = files.enter_context(name.open("wb"))
                    packed = gzip.GzipFile("", "wb", 1, file, mtime=0)
                    opened[kind] = files.enter_context(packed)
                opened[kind].write(orjson.dumps(resource) + b"\n")
                written += 1
    return written


def main() -> None:
    """Write a hospital."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stays", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    began = time.perf_counter()
    written = write_hospital(chosen.stays, chosen.folder, chosen.seed)
    print(f"{written:,} resources of {chosen.stays:,} stays, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
