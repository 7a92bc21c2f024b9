"""The rules as FHIR: a PlanDefinition, the orders it may offer as ActivityDefinitions, a Library.

Documentation for rule authors, not a program: the conditions are told in words, as the service's
own code decides them. Made of what `heparin-cds explain` is made of.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cds_service.advice import Rulebook
from cds_service.assessment.model.protocol import Protocol
from cds_service.cards.suggested_resources import INTRAVENOUS, LOINC, RXNORM
from cds_service.hooks.services import SERVICES
from cds_service.tools.explain.review import load_review
from cds_service.tools.explain.tables import ExplainSubject, Explanation, explain_subject
from cds_service.tools.explain.text import to_text
from cds_service.tools.handover.terminology import PREFIX, code_rows, slug

Resource = dict[str, Any]

TERMS = "http://terminology.hl7.org/CodeSystem/"
STARTED = ("antithrombin", "argatroban", "bivalirudin")  # drugs that a card may offer to start
NOT_EXECUTABLE = (
    "Documentation, not a program: conditions are words, doses are computed by the service for each"
    " patient, and no engine can run this in its place."
)


def knowledge(rules: Rulebook, written_protocol: bytes, url: str, version: str) -> list[Resource]:
    """All resources; `written_protocol` is the protocol's file, which goes into the Library."""
    told = explain_subject(rules, load_review())
    writer = _Writer(rules, url.rstrip("/"), version)
    activities = [*writer.tests(), *writer.drugs()]
    return [
        writer.plan(told, activities),
        writer.library(told, written_protocol),
        *activities,
    ]


@dataclass(frozen=True, slots=True)
class _Writer:
    rules: Rulebook
    url: str
    version: str

    def plan(self, told: Explanation, activities: Iterable[Resource]) -> Resource:
        """One action for each card in the order in which they are shown, then all orders."""
        protocol = told.protocol
        offers = [
            {"title": one["title"], "definitionCanonical": f"{one['url']}|{self.version}"}
            for one in activities
        ]
        orders = {
            "title": "orders that a card may offer",
            "description": "Which of them, and with what dose, is computed for the patient; a card"
            " offers some, marks at most one as recommended, and may also offer to stop an order or"
            " to delete a draft, which no definition can state.",
            "groupingBehavior": "visual-group",
            "selectionBehavior": "any",
            "requiredBehavior": "could",
            "action": offers,
        }
        return self._head("PlanDefinition", slug(protocol.name), protocol.title) | {
            "type": _coded("plan-definition-type", "eca-rule"),
            **_dates(protocol),
            "library": [self._library_address()],
            "action": [*(self._card(one) for one in told.topics), orders],
        }

    def _card(self, topic: ExplainSubject) -> Resource:
        setting = self.rules.protocol.topics[topic.name]
        claims = (f"{a.claim.number} {a.claim.title}: {a.told}" for a in topic.claims)
        limits = (f"{one.key} = {one.value}: {one.source}" for one in topic.limits)
        cited = [{"type": "citation", "citation": text} for text in (*claims, *limits)]
        return ({"documentation": cited} if cited else {}) | {
            "title": topic.name,
            "description": f"{topic.question} Here: {setting}.",
            "trigger": [
                {"type": "named-event", "name": hook}
                for hook in dict.fromkeys(service.hook for service in SERVICES.values())
            ],
            "condition": [
                {
                    "kind": "applicability",
                    "expression": {
                        "description": "Decided by the service's code; what cannot be told is"
                        " unknown, never no.",
                        "name": topic.name,
                        "language": "text/plain",
                        "expression": "; ".join((topic.question, *_resting(topic))),
                    },
                }
            ],
        }  # fmt: skip

    def library(self, told: Explanation, written_protocol: bytes) -> Resource:
        """The protocol's file and the explanation in full, and the data that are asked for."""
        content = [
            _attached("application/toml", "protocol", written_protocol),
            _attached("text/plain", "explanation", to_text(told).encode()),
        ]
        identity = f"{slug(told.protocol.name)}-sources"
        return self._head("Library", identity, f"{told.protocol.title}: sources") | {
            "type": _coded("library-type", "asset-collection"),
            **_dates(told.protocol),
            "dataRequirement": list(self._needs()),
            "content": content,
        }

    def tests(self) -> Iterator[Resource]:
        """One ActivityDefinition for each test that a card may order."""
        for concept, loinc in self.rules.concepts.order_codes():
            name = self.rules.wording.tests[concept]
            coding = {"system": LOINC, "code": loinc, "display": name}
            yield self._head("ActivityDefinition", f"order-{slug(concept)}", f"order {name}") | {
                "kind": "ServiceRequest",
                "intent": "order",
                "code": {"coding": [coding], "text": name},
            }

    def drugs(self) -> Iterator[Resource]:
        """One for each drug that a card may offer; its dose is computed, so none stands here."""
        for key in STARTED:
            codes = self.rules.concepts.drugs[key].codes
            coding = {
                "system": RXNORM,
                "code": next(c.code for c in codes if c.system == "rxnorm"),
                "display": self.rules.wording.drugs[key],
            }
            yield self._head("ActivityDefinition", f"start-{key}", f"start {key}") | {
                "kind": "MedicationRequest",
                "intent": "order",
                "productCodeableConcept": {"coding": [coding], "text": key},
                "dosage": [
                    {
                        "text": "Computed for the patient by the service.",
                        "route": {"coding": [INTRAVENOUS]},
                    }
                ],
            }

    def _needs(self) -> Iterator[Resource]:
        """Each query: Observations by the ValueSets of the terminology, the rest whole."""
        for key, query in self.rules.concepts.queries.items():
            filters = [
                {"path": "code", "valueSet": f"{self.url}/ValueSet/{PREFIX}-{slug(row)}"}
                for row in self._rows_of(key)
            ]
            if not filters:
                yield {"type": query.resource}
            yield from ({"type": query.resource, "codeFilter": [one]} for one in filters)

    def _rows_of(self, query: str) -> list[str]:
        """The rows of Observations that a query asks for, those with codes."""
        concepts = self.rules.concepts
        with_codes = {row.code for row in code_rows(concepts) if row.matched}
        rows = (f"observations.{n}" for n, o in concepts.observations.items() if o.query == query)
        return [row for row in rows if row in with_codes]

    def _library_address(self) -> str:
        identity = f"{PREFIX}-{slug(self.rules.protocol.name)}-sources"
        return f"{self.url}/Library/{identity}|{self.version}"

    def _head(self, kind: str, name: str, title: str) -> Resource:
        identity = f"{PREFIX}-{name}"
        return {
            "resourceType": kind,
            "id": identity,
            "url": f"{self.url}/{kind}/{identity}",
            "version": self.version,
            "name": "".join(part.title() for part in identity.split("-")),
            "title": title,
            "status": "active",
            "description": NOT_EXECUTABLE,
        }


def _dates(protocol: Protocol) -> Resource:
    approver = {"approvalDate": protocol.reviewed.isoformat()} if protocol.approver else {}
    return approver | {
        "lastReviewDate": protocol.reviewed.isoformat(),
        "effectivePeriod": {"end": protocol.review_due.isoformat()},
    }


def _resting(topic: ExplainSubject) -> Iterator[str]:
    if topic.related:
        yield f"rests on the rules {', '.join(topic.related)}"


def _coded(system: str, code: str) -> Resource:
    return {"coding": [{"system": f"{TERMS}{system}", "code": code}]}


def _attached(kind: str, title: str, content: bytes) -> Resource:
    return {"contentType": kind, "title": title, "data": b64encode(content).decode()}
