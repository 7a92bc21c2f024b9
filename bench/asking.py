"""Asks the service about a simulated stay, moment by moment, as a replay does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cds_service.advice import Rulebook, advise_on
from cds_service.cards.card import Card
from cds_service.chart.facts import Chart
from cds_service.fhir.queries import fhir_queries
from cds_service.tools.replay.walk import Archive, read_past, walk_through
from cds_service.tools.simulate.course import Course
from cds_service.tools.simulate.fhir import StayAsFhir
from cds_service.tools.simulate.stay import simulate_stay

HOUR = timedelta(hours=1)
OFFERED = ("antithrombin", "argatroban", "bivalirudin")


@dataclass(frozen=True)
class Moment:
    """What was shown at an hour of the infusion."""

    hour: float
    cards: tuple[Card, ...]


def ask(
    population: str, number: int, rules: Rulebook, seed: int = 1
) -> tuple[Course, list[Moment]]:
    """A stay and every answer given about it, at each new fact and each full hour on heparin."""
    stay = StayAsFhir(simulate_stay(population, number, seed), seed)
    plan = fhir_queries(rules.concepts)
    archive = Archive(plan, frozenset(search.key for search in plan))
    past = read_past(stay.name, list(stay.resources()), archive, rules)
    moments: list[Moment] = []

    def tell(now: datetime, chart: Chart) -> bool:
        advice = advise_on(chart, past.asked, rules, now)
        moments.append(Moment((now - stay.start) / HOUR, advice.cards))
        return advice.findings.measured.infusion.running.yes

    walk_through(past, archive, rules.concepts, tell)
    return stay.course, moments


def drugs(card: Card) -> frozenset[str]:
    """The drugs that a card's suggestions would order."""
    found = set()
    for suggestion in card.suggestions:
        for action in suggestion.actions:
            resource = action.resource or {}
            if action.type == "create" and resource.get("resourceType") == "MedicationRequest":
                text = str(resource.get("medicationCodeableConcept")).lower()
                found.update(drug for drug in OFFERED if drug in text)
    return frozenset(found)
