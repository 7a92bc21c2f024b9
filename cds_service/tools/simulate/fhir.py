"""A simulated stay as FHIR R4 resources, and its truth as one row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from cds_service.tools.simulate.course import Course, Draw

Json = dict[str, Any]

FIRST = datetime(2025, 1, 1, tzinfo=UTC)
YEAR_HOURS = 365 * 24
LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"
HEPARIN, ANTITHROMBIN, APIXABAN = ("5224", "heparin"), ("1009", "antithrombin III"), (
    "1364430",
    "apixaban 5 mg",
)  # fmt: skip

TESTS = {
    "anti_xa": ("3274-8", "Heparin anti-Xa UFH", "[IU]/mL"),
    "aptt": ("14979-9", "aPTT", "s"),
    "antithrombin": ("27811-9", "Antithrombin activity", "%"),
    "platelets": ("777-3", "Platelets", "10*3/uL"),
    "hemoglobin": ("718-7", "Hemoglobin", "g/dL"),
}
# LOINC, name, unit, mean, spread, hours between
ROUTINE = (
    ("2160-0", "Creatinine", "mg/dL", 1.1, 0.4, 24),
    ("1975-2", "Bilirubin", "mg/dL", 0.8, 0.3, 48),
    ("6301-6", "INR", "{INR}", 1.15, 0.1, 24),
    ("3255-7", "Fibrinogen", "mg/dL", 450, 120, 48),
)
TRUTH_EVERY = 2  # h
_STAY = {"MedicationAdministration": "context"}  # R4's name there


class StayAsFhir:
    """Writes the resources of one stay; ids begin with its name."""

    def __init__(
        self, course: Course, seed: int = 1, name: str = "", start: datetime | None = None
    ) -> None:
        self.course = course
        self.name = name or f"{course.population}-{course.number:05}"
        self._rng = Random(f"{seed}/fhir/{self.name}")  # noqa: S311 - not for secrets
        drawn = FIRST + timedelta(hours=round(self._rng.uniform(100, YEAR_HOURS), 1))
        self.start = start or drawn  # of the infusion
        self._made = 0

    def at(self, hour: float) -> str:
        """Hours from the start of the infusion as an instant."""
        return (self.start + timedelta(hours=hour)).isoformat(timespec="seconds")

    def resources(self) -> Iterator[Json]:
        """Everything of the stay."""
        yield from self._person()
        yield self._result(
            ("29463-7", "Body weight", "kg"), self.course.weight, 0.5 - self.course.before
        )
        yield from self.treatment()
        yield from self._routine()
        yield from self._problems()

    def treatment(self) -> Iterator[Json]:
        """The order, what was given, and the levels and counts that were drawn."""
        yield from self._heparin()
        yield from self._other_drugs()
        for draw in self.course.draws:
            yield self._draw(draw)

    def _base(self, kind: str) -> Json:
        self._made += 1
        return {
            "resourceType": kind,
            "id": f"{self.name}-s{self._made}",
            "subject": {"reference": f"Patient/{self.name}"},
            _STAY.get(kind, "encounter"): {"reference": f"Encounter/{self.name}-e"},
        }

    def _person(self) -> Iterator[Json]:
        course = self.course
        yield {
            "resourceType": "Patient",
            "id": self.name,
            "gender": course.sex,
            "birthDate": f"{self.start.year - course.age - 1}-07-01",
        }
        yield {
            "resourceType": "Encounter",
            "id": f"{self.name}-e",
            "status": "finished",
            "class": {"code": "IMP"},
            "subject": {"reference": f"Patient/{self.name}"},
            "period": {"start": self.at(-course.before), "end": self.at(course.ended + 12)},
        }

    def _heparin(self) -> Iterator[Json]:
        course, ended = self.course, self.course.ended
        order = self._base("MedicationRequest")
        rate = {"value": course.order.start_rate, "unit": "U/kg/h", "code": "[IU]/kg/h"}
        dosage: Json = {"route": {"text": "Intravenous"}}
        dosage["doseAndRate"] = [{"rateQuantity": rate | {"system": UCUM}}]
        if course.order.text:
            dosage["text"] = course.order.text
        yield order | {
            "status": "completed",
            "intent": "order",
            "authoredOn": self.at(-0.5),
            "medicationCodeableConcept": _drug(*HEPARIN, "heparin 25,000 units/250 mL infusion"),
            "dosageInstruction": [dosage],
            "dispenseRequest": {"validityPeriod": {"start": self.at(-0.5), "end": self.at(ended)}},
        }
        request = {"request": {"reference": f"MedicationRequest/{order['id']}"}}
        for segment in course.segments:
            rate = {"value": segment.rate, "unit": "U/h", "system": UCUM, "code": "[IU]/h"}
            yield (
                self._base("MedicationAdministration")
                | request
                | {
                    "status": "completed",
                    "medicationCodeableConcept": _drug(*HEPARIN, "heparin infusion"),
                    "effectivePeriod": {
                        "start": self.at(segment.start),
                        "end": self.at(segment.end),
                    },
                    "dosage": {"route": {"text": "Intravenous"}, "rateQuantity": rate},
                }
            )
        for hour, units in course.boluses:
            yield self._given(HEPARIN, hour, units, "[IU]", "IV push")

    def _other_drugs(self) -> Iterator[Json]:
        for hour in self.course.prophylaxis:
            yield self._given(HEPARIN, hour, 5000, "[IU]", "Subcutaneous")
        for hour, units in self.course.at_doses:
            yield self._given(ANTITHROMBIN, hour, units, "[IU]", "Intravenous")
        if self.course.apixaban is not None:
            yield self._given(APIXABAN, self.course.apixaban, 5, "mg", "Oral")

    def _given(self, drug: tuple[str, str], hour: float, dose: float, unit: str, way: str) -> Json:
        quantity = {"value": dose, "unit": unit, "system": UCUM, "code": unit}
        return self._base("MedicationAdministration") | {
            "status": "completed",
            "medicationCodeableConcept": _drug(*drug, drug[1]),
            "effectiveDateTime": self.at(hour),
            "dosage": {"route": {"text": way}, "dose": quantity},
        }

    def _draw(self, draw: Draw) -> Json:
        result = self._result(TESTS[draw.test], draw.value, draw.at, draw.issued)
        if draw.below:
            result["valueQuantity"]["comparator"] = "<"
        return result

    def _result(
        self, test: tuple[str, str, str], value: float, hour: float, issued: float | None = None
    ) -> Json:
        code, name, unit = test
        return self._base("Observation") | {
            "status": "final",
            "code": {"coding": [{"system": LOINC, "code": code, "display": name}], "text": name},
            "effectiveDateTime": self.at(hour),
            "issued": self.at(hour + 0.8 if issued is None else issued),
            "valueQuantity": {"value": value, "unit": unit, "system": UCUM, "code": unit},
        }

    def _routine(self) -> Iterator[Json]:
        rng = self._rng
        for code, name, unit, mean, spread, every in ROUTINE:
            own, hour = max(rng.gauss(mean, spread), mean * 0.4), 2 - self.course.before
            while hour < self.course.ended:
                value = round(own * rng.uniform(0.95, 1.05), 2)
                yield self._result((code, name, unit), value, hour)
                hour += every * rng.uniform(0.9, 1.1)

    def _problems(self) -> Iterator[Json]:
        course, rng = self.course, self._rng
        before = -course.before
        yield self._condition("Hypertension", "38341003", before, before + 2)
        for hour in course.septic:
            yield self._condition("Sepsis", "91302008", hour, hour + rng.uniform(0.5, 4))
        for bleed in course.bleeds:
            if bleed.recorded is not None:
                name = "Gastrointestinal hemorrhage"
                yield self._condition(name, "74474003", bleed.at, bleed.recorded)
        if course.hereditary:
            name = "Hereditary antithrombin deficiency"
            yield self._condition(name, "36351005", before, before + 2)
        if course.crrt is not None:
            yield self._base("Procedure") | {
                "status": "completed",
                "code": {"text": "Continuous renal replacement therapy (CRRT)"},
                "performedPeriod": {
                    "start": self.at(max(course.crrt, before)),
                    "end": self.at(course.ended + 6),
                },
            }
        if rng.random() < 0.1:
            allergy = self._base("AllergyIntolerance")
            patient = allergy.pop("subject")
            recorded = self.at(before + 1)
            code = {"text": "Penicillin"}
            yield allergy | {"patient": patient, "code": code, "recordedDate": recorded}

    def _condition(self, name: str, code: str, onset: float, recorded: float) -> Json:
        return self._base("Condition") | {
            "clinicalStatus": {"coding": [{"code": "active"}]},
            "code": {"coding": [{"system": SNOMED, "code": code}], "text": name},
            "onsetDateTime": self.at(onset),
            "recordedDate": self.at(recorded),
        }

    def truth(self) -> Json:
        """What nobody charts: needed rates, causes, faults, bad samples, HIT, bleeds."""
        course = self.course
        return {
            "patient": self.name,
            "population": course.population,
            "infusion": [self.at(0), self.at(course.ended)],
            "weight_kg": course.weight,
            "target": [course.order.lower, course.order.upper],
            "target_in_order": bool(course.order.text),
            "needed_U_per_kg_h": [
                [self.at(hour), round(need, 1)] for hour, need in course.need[::TRUTH_EVERY]
            ],
            "true_anti_xa": [
                [self.at(hour), round(level, 2)] for hour, level in course.level[::TRUTH_EVERY]
            ],
            "cause_of_the_highest_need": course.cause,
            "delivery_faults": [
                {"kind": f.kind, "start": self.at(f.start), "end": self.at(f.end)}
                for f in course.faults
            ],
            "bad_samples": [
                {"drawn": self.at(d.at), "why": d.flaw} for d in course.draws if d.flaw
            ],
            "sepsis": [self.at(hour) for hour in course.septic],
            "renal_replacement": None if course.crrt is None else self.at(course.crrt),
            "hit_begins": None if course.hit is None else self.at(course.hit),
            "bleeds": [
                {"begins": self.at(b.at), "fall_g_dL": round(b.fall, 1)} for b in course.bleeds
            ],
            "antithrombin_doses": [
                {"at": self.at(hour), "IU": units} for hour, units in course.at_doses
            ],
            "apixaban_last": None if course.apixaban is None else self.at(course.apixaban),
        }


def _drug(code: str, name: str, text: str) -> Json:
    return {"coding": [{"system": RXNORM, "code": code, "display": name}], "text": text}
