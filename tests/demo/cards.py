"""Cards to draw: one of each urgency, with everything a card may hold."""

from __future__ import annotations

from typing import Any

DETAIL = """Heparin **1,600 U/h** (38,400 U/day, 20.0 U/kg/h); anti-Xa stays below target.

| Fact | Value | Time |
|---|---|---|
| Anti-Xa | 0.18 IU/mL | 3 h ago |
| Antithrombin | 55 % | 3 h ago |
| Weight | 80 kg | 2 d ago |

Dose: (100 − 55) × 80 / 1.4 = **2,571 IU**. Recheck in 2–4 h. [Label](https://example.org/label)
"""

SOURCE = {
    "label": "Heparin resistance protocol",
    "url": "https://example.org/protocol",
    "topic": {"system": "https://example.org/topics", "code": "antithrombinDose"},
}
REASONS = [
    {"system": "https://example.org/reasons", "code": "later", "display": "Will order later"},
    {"system": "https://example.org/reasons", "code": "disagree", "display": "Disagree"},
]


def medication_request(patient: str, name: str, code: str, **dose: Any) -> dict[str, Any]:
    """A draft as a suggestion carries it."""
    concept = {
        "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code}],
        "text": name,
    }
    return {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": concept,
        "subject": {"reference": f"Patient/{patient}"},
        "dosageInstruction": [{"doseAndRate": [dose]}] if dose else [],
    }


def antithrombin_card(patient: str, draft: str, running: dict[str, Any]) -> dict[str, Any]:
    """A warning with two choices that create, change and remove."""
    dose = {"value": 2571, "unit": "IU", "code": "[IU]"}
    antithrombin = medication_request(patient, "Antithrombin", "1009", doseQuantity=dose)
    create = {
        "type": "create",
        "description": "Antithrombin 2,571 IU intravenously once",
        "resource": antithrombin,
    }
    stop = {
        "type": "update",
        "description": "Stop the heparin infusion",
        "resource": {**running, "status": "stopped"},
    }
    remove = {
        "type": "delete",
        "description": "Remove the drafted raise",
        "resourceId": draft,
    }
    return {
        "uuid": "4e8a8d7e-0000-4000-8000-000000000001",
        "summary": "Antithrombin 55 %: heparin is failing; 2,571 IU brings it to 100 %",
        "indicator": "warning",
        "detail": DETAIL,
        "source": SOURCE,
        "selectionBehavior": "at-most-one",
        "suggestions": [
            {
                "uuid": "4e8a8d7e-0000-4000-8000-000000000002",
                "label": "Give antithrombin 2,571 IU",
                "isRecommended": True,
                "actions": [create, remove],
            },
            {
                "uuid": "4e8a8d7e-0000-4000-8000-000000000003",
                "label": "Stop heparin",
                "actions": [stop, remove],
            },
        ],
        "overrideReasons": REASONS,
    }


def plain_card(indicator: str, summary: str, **more: Any) -> dict[str, Any]:
    """A card with nothing but what a card must have."""
    uuid = f"4e8a8d7e-0000-4000-8000-1000000000{ord(indicator[0])}"
    source = {**SOURCE, "topic": {**SOURCE["topic"], "code": f"topic{indicator}"}}
    return {"uuid": uuid, "summary": summary, "indicator": indicator, "source": source, **more}
