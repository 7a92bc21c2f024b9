"""Every hook call the fixtures' patients can be in: each patient, hook and kind of draft.

The drafts beside a fixture's own make cards speak that its own call does not open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import uuid4

from cds_service.advice import advise
from cds_service.assessment.assess import assess
from cds_service.cards.card import ClientCapabilities
from cds_service.cards.compose import compose
from cds_service.hooks.services import SERVICES
from tests.cases import answered, called, cases, tables

Json = dict[str, Any]

HOOKS = tuple(service.hook for service in SERVICES.values())
AT_MOST_ONE = ClientCapabilities()
ANY_SINGLE = ClientCapabilities(selection_behavior="any", single_action=True)

UCUM = "http://unitsofmeasure.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC = "http://www.whocc.no/atc"

# Text, code (system, code) and dosage of drafts that a clinician may have on the screen.
DRAFTS: dict[str, tuple[str, tuple[str, str], Json]] = {
    "heparin": (
        "heparin 25,000 units in 250 mL",
        (RXNORM, "1658717"),
        {"doseAndRate": [{"rateQuantity": {"value": 3000, "system": UCUM, "code": "[IU]/h"}}]},
    ),
    "antithrombin": (
        "antithrombin III",
        (ATC, "B01AB02"),
        {"doseAndRate": [{"doseQuantity": {"value": 9000, "system": UCUM, "code": "[IU]"}}]},
    ),
    "apixaban": (
        "apixaban 5 mg oral tablet",
        (ATC, "B01AF02"),
        {
            "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
            "doseAndRate": [{"doseQuantity": {"value": 5, "system": UCUM, "code": "mg"}}],
        },
    ),
    "warfarin": (
        "warfarin 5 mg oral tablet",
        (ATC, "B01AA03"),
        {"doseAndRate": [{"doseQuantity": {"value": 5, "system": UCUM, "code": "mg"}}]},
    ),
    "ibuprofen": (
        "ibuprofen 400 mg oral tablet",
        (ATC, "M01AE01"),
        {"doseAndRate": [{"doseQuantity": {"value": 400, "system": UCUM, "code": "mg"}}]},
    ),
}
INTRAVENOUS = {
    "coding": [
        {"system": "http://snomed.info/sct", "code": "47625008", "display": "Intravenous route"}
    ]
}


@dataclass(frozen=True)
class Answered:
    """One call and its cards, and where they come from."""

    case: str
    draft: str  # "own", or a key of DRAFTS
    protocol: str
    style: ClientCapabilities
    request: Json
    cards: list[Json]

    @property
    def name(self) -> str:
        return f"{self.case} {self.request['hook']} {self.draft} {self.protocol} {self.style}"

    @property
    def actions(self) -> list[Json]:
        suggestions = [s for card in self.cards for s in card.get("suggestions", ())]
        return [action for suggestion in suggestions for action in suggestion["actions"]]


def draft(kind: str, patient: str) -> Json:
    """A drafted order for the patient."""
    text, (system, code), dosage = DRAFTS[kind]
    injected = kind in ("heparin", "antithrombin")
    return {
        "resourceType": "MedicationRequest",
        "id": f"draft-{kind}",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"coding": [{"system": system, "code": code}], "text": text},
        "subject": {"reference": f"Patient/{patient}"},
        "dosageInstruction": [dosage | ({"route": INTRAVENOUS} if injected else {})],
    }


def request(name: str, hook: str, kind: str = "own") -> Json:
    """A fixture's call as another hook, or with another draft."""
    body, patient = dict(cases()[name].request), cases()[name].request["context"]["patientId"]
    context = dict(body["context"])
    if kind != "own":
        entry = [{"resource": draft(kind, patient)}]
        context["draftOrders"] = {"resourceType": "Bundle", "entry": entry}
    if hook == "patient-view":
        context = {k: v for k, v in context.items() if k not in ("draftOrders", "selections")}
    if hook == "order-select":
        entries = context.get("draftOrders", {}).get("entry", ())
        orders = [e["resource"] for e in entries if e["resource"]["resourceType"] != "Medication"]
        context["selections"] = [f"{r['resourceType']}/{r['id']}" for r in orders]
    return body | {"hook": hook, "context": context}


def requests(name: str) -> Iterator[tuple[str, Json]]:
    """All calls of one patient, each with the kind of its draft."""
    yield "own", request(name, "patient-view")
    if "draftOrders" in cases()[name].request["context"]:
        yield "own", request(name, "order-sign")
    yield "own", request(name, "order-select")
    for kind in DRAFTS:
        yield kind, request(name, "order-sign", kind)


@cache
def every_answer(name: str) -> tuple[Answered, ...]:
    """The cards of all calls of one patient, by both protocols and in both styles."""
    case = cases()[name]
    answers = answered(case.resources, tables())
    found = []
    for kind, body in requests(name):
        advice = advise(called(body), answers, tables(), case.now)
        for protocol in ("default", "review-as-written"):
            rules = tables(protocol)
            findings = assess(called(body), advice.chart, rules.protocol, case.now)
            for style in (AT_MOST_ONE, ANY_SINGLE):
                cards = compose(findings, rules.concepts, rules.wording, style)
                wired = [card.wire(lambda: str(uuid4())) for card in cards]
                found.append(Answered(name, kind, protocol, style, body, wired))
    return tuple(found)
