"""The never list: each rule looks at the cards' JSON and at the truth, and names what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from tests.invariants.charts import Made

Json = dict[str, Any]
Rule = Callable[[Made, list[Json]], Iterator[str]]

RECOVERY, HIGHEST_PER_KG = 1.4, 75
RAISE = re.compile(r"\b(raise|increase|escalate)\s+(the\s+)?heparin", re.IGNORECASE)
THROMBIN_INHIBITORS = ("argatroban", "bivalirudin")
GATE_QUERIES = ("patient", "conditions", "allergies", "blood", "orders")


def suggestions(cards: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Every suggestion with its card."""
    for card in cards:
        for suggestion in card.get("suggestions", ()):
            yield card, suggestion


def created(suggestion: Json) -> Iterator[tuple[str, float, str]]:
    """Drug, value and unit of every drug a suggestion would start."""
    for action in suggestion["actions"]:
        resource = action.get("resource", {})
        if action["type"] == "create" and resource["resourceType"] == "MedicationRequest":
            amount = resource["dosageInstruction"][0]["doseAndRate"][0]
            quantity = amount.get("rateQuantity") or amount["doseQuantity"]
            drug = resource["medicationCodeableConcept"]["text"]
            yield drug, quantity["value"], quantity["code"]


def starts(cards: list[Json]) -> Iterator[tuple[Json, Json, str, float, str]]:
    for card, suggestion in suggestions(cards):
        for drug, value, unit in created(suggestion):
            yield card, suggestion, drug, value, unit


def a_dose_needs_its_facts(made: Made, cards: list[Json]) -> Iterator[str]:
    """No dose from antigen, stale or implausible values, unknown units, or without weight."""
    for _, _, drug, _, _ in starts(cards):
        if drug == "antithrombin" and (made.truth.antithrombin is None or made.truth.kg is None):
            yield "antithrombin dosed without an activity of 24 h or a weight"


def a_dose_stays_within_its_limits(
    made: Made, cards: list[Json], highest: float = 120
) -> Iterator[str]:
    """The predicted level by the label's recovery, and the dose by weight."""
    for _, _, drug, units, unit in starts(cards):
        level, kg = made.truth.antithrombin, made.truth.kg
        if drug != "antithrombin" or level is None or kg is None:
            continue
        if unit != "[IU]" or units != int(units):
            yield f"dose in {unit}, {units}"
        if level + units * RECOVERY / kg > highest + 0.1:
            yield f"predicted level over {highest} %"
        if units > HIGHEST_PER_KG * kg + 1:
            yield "more than 75 IU/kg"


def nothing_starts_past_a_gate(made: Made, cards: list[Json]) -> Iterator[str]:
    """Children, bleeding; antithrombin in HIT; any start with a gate in doubt."""
    truth = made.truth
    settled = {"allergies"} if truth.hit and "conditions" not in truth.broken else set()
    in_doubt = [q for q in GATE_QUERIES if q in truth.broken and q not in settled]
    for _, _, drug, _, _ in starts(cards):
        if not truth.adult:
            yield f"{drug} started under 18 or at an unknown age"
        if truth.bleeding and not truth.hit:
            yield f"{drug} started in bleeding"
        if in_doubt:
            yield f"{drug} started with {in_doubt[0]} not to be had"
        if drug == "antithrombin" and (truth.hit or truth.heparin_allergy):
            yield "antithrombin in HIT or heparin allergy"


def nothing_suggests_heparin(_: Made, cards: list[Json]) -> Iterator[str]:
    """No order of heparin or LMWH, and no words that say to raise it."""
    for _, _, drug, _, _ in starts(cards):
        if drug not in ("antithrombin", *THROMBIN_INHIBITORS):
            yield f"{drug} suggested"
    for card in cards:
        if RAISE.search(f"{card['summary']} {card['detail']}"):
            yield "a card says to raise heparin"


def never_two_anticoagulants(made: Made, cards: list[Json]) -> Iterator[str]:
    """A start ends every treatment heparin that stands, and none comes beside another drug."""
    standing = {r["id"] for r in made.resources["orders"] if _is_heparin(r)}
    entries = made.request["context"].get("draftOrders", {}).get("entry", ())
    drafted = {e["resource"]["id"] for e in entries if _is_heparin(e["resource"])}
    for _, suggestion, drug, _, _ in starts(cards):
        if drug not in THROMBIN_INHIBITORS:
            continue
        stopped = {a["resource"]["id"] for a in suggestion["actions"] if a["type"] == "update"}
        deleted = {
            a["resourceId"].split("/")[1] for a in suggestion["actions"] if a["type"] == "delete"
        }
        if standing - stopped or drafted - deleted:
            yield f"{drug} started beside standing or drafted heparin"
        if made.truth.others:
            yield f"{drug} started beside {sorted(made.truth.others)}"


def _is_heparin(resource: Json) -> bool:
    named = resource["medicationCodeableConcept"]["text"]
    return named in ("heparin", "enoxaparin") and resource["status"] in ("active", "draft")


def text_and_order_agree(_: Made, cards: list[Json]) -> Iterator[str]:
    """Every number of an order stands in its card."""
    for card, _, drug, value, unit in starts(cards):
        shown = f"{value:,.0f}" if unit == "[IU]" else f"{value:g}"
        if shown not in f"{card['summary']} {card['detail']}":
            yield f"{drug} {shown} is not in the text"


def cards_are_well_formed(_: Made, cards: list[Json]) -> Iterator[str]:
    """At most three, short, and nothing empty."""
    if len(cards) > 3:
        yield "more than three cards"
    for card in cards:
        if len(card["summary"]) >= 140:
            yield "summary too long"
        if _empties(card):
            yield "something empty"


def _empties(node: Any) -> bool:
    if isinstance(node, dict):
        return not node or any(_empties(value) for value in node.values())
    if isinstance(node, list):
        return not node or any(_empties(value) for value in node)
    return node is None or node == ""


def failure_is_never_silence(made: Made, cards: list[Json]) -> Iterator[str]:
    """A chart opened on running heparin with a deciding query broken says so."""
    deciding = {"conditions", "allergies", "blood", "coagulation", "administrations", "orders"}
    opened = made.request["hook"] == "patient-view" and made.truth.running
    if opened and deciding & made.truth.broken.keys() and not cards:
        yield "silent although a deciding query failed"


RULES: tuple[Rule, ...] = (
    a_dose_needs_its_facts,
    a_dose_stays_within_its_limits,
    nothing_starts_past_a_gate,
    nothing_suggests_heparin,
    never_two_anticoagulants,
    text_and_order_agree,
    cards_are_well_formed,
    failure_is_never_silence,
)
