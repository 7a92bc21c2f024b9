"""The chart of a cell as an EHR would hold it: FHIR R4 resources by query, and the hook's request.

One man of 60, heparin for 60 hours, nothing pending, no other anticoagulant.
"""

import uuid
from datetime import datetime, timedelta
from typing import Any

from tests.oracle.cell import (
    HOURS_SINCE_FIRST_LEVEL,
    HOURS_SINCE_LEVEL,
    HOURS_SINCE_RAISE,
    HOURS_SINCE_START,
    Cell,
)

Resource = dict[str, Any]

AT_DRAFT_UNITS = 2500
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
# and 167 at 120 kg; 2.6 mg/dL is 34 and 51. At 50 kg 0.8 is 69 and 1.6 is 35. Without weight only
# the eGFR tells.
CREATININE = {"normal": 0.8, "impaired": 2.6}
CREATININE_50_KG = {"normal": 0.8, "impaired": 1.6}
CREATININE_NO_WEIGHT = {"normal": 0.8, "impaired": 1.9}
EGFR_NO_WEIGHT = {"normal": 101, "impaired": 40}
BILIRUBIN = {"normal": 0.8, "impaired": 3.0}


def resources(cell: Cell, now: datetime) -> dict[str, list[Resource]]:
    """Everything on record, by query; an empty list is a query that found nothing."""
    return {
        "patient": [patient(now)],
        "coagulation": coagulation(cell, now),
        "blood": blood(cell, now),
        "body": body(cell, now),
        "administrations": administrations(cell, now),
        "orders": [order(cell, now)],
        "conditions": conditions(cell, now),
        "allergies": [],
        "procedures": [bypass_grafting(now)] if cell.cardiac_surgery else [],
        "tests": [],
    }


def hook_request(cell: Cell) -> Resource:
    """The CDS Hooks request without prefetch, with the cell's draft."""
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


NAMES = {"foreign": "Anti-Xa, apixaban calibrated"}


def coagulation(cell: Cell, now: datetime) -> list[Resource]:
    """aPTT and anti-Xa of one sample two hours ago, an earlier anti-Xa, antithrombin, free Hb."""
    free = 80 if cell.trust == "mayReadLow" else None
    drawn = [
        ("aptt", "14979-9", cell.aptt, "s", HOURS_SINCE_LEVEL),
        ("anti-xa", "3274-8", cell.anti_xa, "[IU]/mL", HOURS_SINCE_LEVEL),
        ("anti-xa-earlier", "3274-8", cell.earlier, "[IU]/mL", HOURS_SINCE_FIRST_LEVEL),
        ("antithrombin", "27811-9", cell.antithrombin, "%", 3),
        ("free-hb", "721-1", free, "mg/dL", HOURS_SINCE_LEVEL + 0.5),
    ]
    found = [
        observation(name, code, value, unit, now - timedelta(hours=hours))
        for name, code, value, unit, hours in drawn
        if value is not None
    ]
    for result in found:
        if result["id"] == "anti-xa" and cell.trust in NAMES:
            result["code"]["text"] = NAMES[cell.trust]
    return found


def blood(cell: Cell, now: datetime) -> list[Resource]:
    """Platelets and haemoglobin since before the first heparin, steady but for a bleed's sign."""
    last = 40 if cell.bleeding == "active" else 220
    platelets = [(66, 220), (24, 220), (4, last)]
    haemoglobin = [(23, 11.2), (14, 11.2), (4, 9.6 if cell.bleeding == "highRisk" else 11.2)]
    return [
        observation(f"platelets-{h}", "777-3", value, "10*3/uL", now - timedelta(hours=h))
        for h, value in platelets
    ] + [
        observation(f"haemoglobin-{h}", "718-7", value, "g/dL", now - timedelta(hours=h))
        for h, value in haemoglobin
    ]


def body(cell: Cell, now: datetime) -> list[Resource]:
    """Weight, kidneys and liver; an unknown organ has no result at all."""
    drawn = now - timedelta(hours=6)
    found = []
    if cell.weight is not None:
        found.append(observation("weight", "29463-7", cell.weight, "kg", now - timedelta(hours=40)))
    if cell.renal != "unknown":
        table = {None: CREATININE_NO_WEIGHT, 50: CREATININE_50_KG}.get(cell.weight, CREATININE)
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


def administrations(cell: Cell, now: datetime) -> list[Resource]:
    """The infusion: one open row, or two where the rate was raised."""
    start, raised = (
        now - timedelta(hours=HOURS_SINCE_START),
        now - timedelta(hours=HOURS_SINCE_RAISE),
    )
    if cell.history != "raised":
        return [administration("heparin-infusion", cell.rate, start, None)]
    return [
        administration("heparin-infusion-before", cell.rate_before, start, raised),
        administration("heparin-infusion", cell.rate, raised, None),
    ]


def administration(name: str, rate: float, start: datetime, end: datetime | None) -> Resource:
    """One row of the infusion; open without an end."""
    period = {"start": start.isoformat()} | ({"end": end.isoformat()} if end else {})
    return {
        "resourceType": "MedicationAdministration",
        "id": name,
        "status": "completed" if end else "in-progress",
        "medicationCodeableConcept": concept(RXNORM, "5224", "heparin"),
        "subject": {"reference": f"Patient/{PATIENT}"},
        "context": {"reference": f"Encounter/{ENCOUNTER}"},
        "effectivePeriod": period,
        "request": {"reference": f"MedicationRequest/{HEPARIN_ORDER}"},
        "dosage": {"route": intravenous(), "rateQuantity": quantity(rate, "U/h")},
    }


GOALS = {
    "low": ["Titrate to anti-Xa goal 0.2-0.4 IU/mL"],
    "unreadable": ["Anti-Xa goal 0.2-0.4 IU/mL", "Anti-Xa goal 0.3-0.7 IU/mL"],
}


def order(cell: Cell, now: datetime) -> Resource:
    """The active order behind the infusion, with its goal where one is named."""
    made = {
        **heparin_request(HEPARIN_ORDER, "active", cell.rate),
        "authoredOn": (now - timedelta(hours=HOURS_SINCE_START)).isoformat(),
    }
    if cell.target in GOALS:
        made["note"] = [{"text": text} for text in GOALS[cell.target]]
    return made


def draft(cell: Cell) -> Resource:
    """The unsigned order: heparin that is to follow the active one, or antithrombin."""
    if cell.drafted_rate is None:
        return antithrombin_request(cell)
    drafted = heparin_request("draft-heparin", "draft", cell.drafted_rate)
    if cell.target in GOALS:
        drafted["note"] = [{"text": text} for text in GOALS[cell.target]]
    return {
        **drafted,
        "priorPrescription": {"reference": f"MedicationRequest/{HEPARIN_ORDER}"},
    }


def antithrombin_request(cell: Cell) -> Resource:
    """2,500 IU of antithrombin, of a named product or not."""
    named = concept(RXNORM, "1009", "antithrombin III")
    named["text"] = "Atenativ" if cell.draft == "atenativ" else "antithrombin III"
    return {
        "resourceType": "MedicationRequest",
        "id": "draft-antithrombin",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": named,
        "subject": {"reference": f"Patient/{PATIENT}"},
        "encounter": {"reference": f"Encounter/{ENCOUNTER}"},
        "dosageInstruction": [
            {
                "route": intravenous(),
                "doseAndRate": [{"doseQuantity": quantity(AT_DRAFT_UNITS, "[IU]")}],
            }
        ],
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
        (
            cell.bleeding == "major",
            "bleeding",
            "K92.2",
            "Gastrointestinal hemorrhage, unspecified",
            5,
        ),
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
    """Cardiac surgery 64 hours ago, before the heparin infusion began."""
    return {
        "resourceType": "Procedure",
        "id": "cardiac-surgery",
        "status": "completed",
        "code": concept(SNOMED, "232717009", "Coronary artery bypass grafting"),
        "subject": {"reference": f"Patient/{PATIENT}"},
        "performedDateTime": (now - timedelta(hours=64)).isoformat(),
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
