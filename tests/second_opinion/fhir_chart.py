"""The chart of a cell as an EHR would hold it: FHIR R4 resources by query, and the hook's request.

One man of 60, heparin at one rate since 48 hours, nothing pending, no other anticoagulant.
"""

import uuid
from datetime import datetime, timedelta
from typing import Any

from tests.second_opinion.findings import Cell, top_rate

Resource = dict[str, Any]

PATIENT = "patient-1"
ENCOUNTER = "encounter-1"
HEPARIN_ORDER = "heparin-order"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
HL7 = "http://terminology.hl7.org/CodeSystem"

# What stands for an organ's class. Cockcroft-Gault at 60 years: 0.8 mg/dL is 111 mL/min at 80 kg
# and 167 at 120 kg; 2.6 mg/dL is 34 and 51. Without weight only the eGFR tells.
CREATININE = {"normal": 0.8, "impaired": 2.6}
CREATININE_NO_WEIGHT = {"normal": 0.8, "impaired": 1.9}
EGFR_NO_WEIGHT = {"normal": 101, "impaired": 40}
BILIRUBIN = {"normal": 0.8, "impaired": 3.0}


def resources(cell: Cell, now: datetime) -> dict[str, list[Resource]]:
    """Everything on record, by query; an empty list is a query that found nothing."""
    return {
        "patient": [patient(now)],
        "coagulation": coagulation(cell, now),
        "blood": blood(now),
        "body": body(cell, now),
        "administrations": [administration(cell, now)],
        "orders": [order(cell, now)],
        "conditions": conditions(cell, now),
        "allergies": [],
        "procedures": [bypass_grafting(now)] if cell.cardiac_surgery else [],
        "tests": [],
    }


def hook_request(cell: Cell) -> Resource:
    """The CDS Hooks request without prefetch; order-sign drafts heparin at its new or old rate."""
    context: Resource = {
        "userId": "Practitioner/practitioner-1",
        "patientId": PATIENT,
        "encounterId": ENCOUNTER,
    }
    if cell.hook == "order-sign":
        entries = [{"resource": draft(cell)}]
        context["draftOrders"] = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return {
        "hook": cell.hook,
        "hookInstance": str(uuid.uuid5(uuid.NAMESPACE_OID, repr(cell))),
        "context": context,
    }


def patient(now: datetime) -> Resource:
    """Sixty and a half years old."""
    born = now - timedelta(days=60.5 * 365.25)
    return {
        "resourceType": "Patient",
        "id": PATIENT,
        "gender": "male",
        "birthDate": born.date().isoformat(),
    }


def coagulation(cell: Cell, now: datetime) -> list[Resource]:
    """aPTT and anti-Xa from one sample two hours ago, AT from three hours ago."""
    drawn = [
        ("aptt", "14979-9", cell.aptt, "s", 2),
        ("anti-xa", "3274-8", cell.anti_xa, "[IU]/mL", 2),
        ("antithrombin", "27811-9", cell.antithrombin, "%", 3),
    ]
    return [
        observation(name, code, value, unit, now - timedelta(hours=hours))
        for name, code, value, unit, hours in drawn
        if value is not None
    ]


def blood(now: datetime) -> list[Resource]:
    """Normal platelets since before the first heparin, and a steady haemoglobin."""
    platelets = [
        observation(f"platelets-{h}", "777-3", 220, "10*3/uL", now - timedelta(hours=h))
        for h in (4, 24, 60)
    ]
    haemoglobin = [
        observation(f"haemoglobin-{h}", "718-7", 11.2, "g/dL", now - timedelta(hours=h))
        for h in (4, 14, 23)
    ]
    return platelets + haemoglobin


def body(cell: Cell, now: datetime) -> list[Resource]:
    """Weight, kidneys and liver; an unknown organ has no result at all."""
    drawn = now - timedelta(hours=6)
    found = []
    if cell.weight is not None:
        found.append(observation("weight", "29463-7", cell.weight, "kg", now - timedelta(hours=40)))
    if cell.renal != "unknown":
        table = CREATININE_NO_WEIGHT if cell.weight is None else CREATININE
        found.append(observation("creatinine", "2160-0", table[cell.renal], "mg/dL", drawn))
    if cell.renal != "unknown" and cell.weight is None:
        egfr = EGFR_NO_WEIGHT[cell.renal]
        found.append(observation("egfr", "62238-1", egfr, "mL/min/{1.73_m2}", drawn))
    if cell.hepatic != "unknown":
        found.append(observation("bilirubin", "1975-2", BILIRUBIN[cell.hepatic], "mg/dL", drawn))
    return found


def observation(name: str, code: str, value: float, unit: str, drawn: datetime) -> Resource:
    """A final result, issued half an hour after it was drawn."""
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "category": [concept(f"{HL7}/observation-category", category(code))],
        "code": concept(LOINC, code),
        "subject": {"reference": f"Patient/{PATIENT}"},
        "effectiveDateTime": drawn.isoformat(),
        "issued": (drawn + timedelta(minutes=30)).isoformat(),
        "valueQuantity": quantity(value, unit),
    }


def category(code: str) -> str:
    """Weight is a vital sign, the rest comes from the laboratory."""
    return "vital-signs" if code == "29463-7" else "laboratory"


def administration(cell: Cell, now: datetime) -> Resource:
    """The running infusion, charted as one open segment since 48 hours."""
    return {
        "resourceType": "MedicationAdministration",
        "id": "heparin-infusion",
        "status": "in-progress",
        "medicationCodeableConcept": concept(RXNORM, "5224", "heparin"),
        "subject": {"reference": f"Patient/{PATIENT}"},
        "context": {"reference": f"Encounter/{ENCOUNTER}"},
        "effectivePeriod": {"start": (now - timedelta(hours=48)).isoformat()},
        "request": {"reference": f"MedicationRequest/{HEPARIN_ORDER}"},
        "dosage": {
            "route": intravenous(),
            "rateQuantity": quantity(cell.rate, "U/h"),
        },
    }


def order(cell: Cell, now: datetime) -> Resource:
    """The active order behind the infusion."""
    return {
        **heparin_request(HEPARIN_ORDER, "active", cell.rate),
        "authoredOn": (now - timedelta(hours=48)).isoformat(),
    }


def draft(cell: Cell) -> Resource:
    """The unsigned order that is to follow the active one."""
    return {
        **heparin_request("draft-heparin", "draft", top_rate(cell)),
        "priorPrescription": {"reference": f"MedicationRequest/{HEPARIN_ORDER}"},
    }


def heparin_request(name: str, status: str, rate: float) -> Resource:
    """Heparin by vein at so many units an hour."""
    return {
        "resourceType": "MedicationRequest",
        "id": name,
        "status": status,
        "intent": "order",
        "medicationCodeableConcept": concept(RXNORM, "5224", "heparin"),
        "subject": {"reference": f"Patient/{PATIENT}"},
        "encounter": {"reference": f"Encounter/{ENCOUNTER}"},
        "dosageInstruction": [
            {"route": intravenous(), "doseAndRate": [{"rateQuantity": quantity(rate, "U/h")}]}
        ],
    }


def conditions(cell: Cell, now: datetime) -> list[Resource]:
    """Sepsis, HIT and bleeding, each active and freshly recorded."""
    entries = [
        (cell.sepsis, "sepsis", "A41.9", "Sepsis, unspecified organism", 40),
        (cell.hit, "hit", "D75.822", "Immune-mediated heparin-induced thrombocytopenia", 10),
        (cell.bleeding, "bleeding", "K92.2", "Gastrointestinal hemorrhage, unspecified", 5),
    ]
    return [
        {
            "resourceType": "Condition",
            "id": name,
            "clinicalStatus": concept(f"{HL7}/condition-clinical", "active"),
            "verificationStatus": concept(f"{HL7}/condition-ver-status", "confirmed"),
            "code": concept(ICD10CM, code, display),
            "subject": {"reference": f"Patient/{PATIENT}"},
            "recordedDate": (now - timedelta(hours=hours)).isoformat(),
        }
        for present, name, code, display, hours in entries
        if present
    ]


def bypass_grafting(now: datetime) -> Resource:
    """Cardiac surgery 60 hours ago, before the heparin infusion began."""
    return {
        "resourceType": "Procedure",
        "id": "cardiac-surgery",
        "status": "completed",
        "code": concept(SNOMED, "232717009", "Coronary artery bypass grafting"),
        "subject": {"reference": f"Patient/{PATIENT}"},
        "performedDateTime": (now - timedelta(hours=60)).isoformat(),
    }


def intravenous() -> Resource:
    """The route."""
    return concept(SNOMED, "47625008", "Intravenous route")


def concept(system: str, code: str, display: str | None = None) -> Resource:
    """A CodeableConcept of one coding."""
    coding = {"system": system, "code": code}
    if display:
        coding["display"] = display
    return {"coding": [coding]}


def quantity(value: float, unit: str) -> Resource:
    """A UCUM quantity."""
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}
