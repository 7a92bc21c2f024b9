"""What clients really show of a card: still whole and safe where labels or borders are dropped.

Epic shows `action.description` and not the label, takes one action a suggestion and ignores what an
order's details say. The public CDS Hooks sandbox ignores `isRecommended` and draws tables without
borders. Neither may lose the drug, its dose and unit, "off-label", or who decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from markdown_it import MarkdownIt

from cds_service.cards.card import ClientCapabilities
from tests.cards.form import drug_orders
from tests.cases import advice_for, cases, wire

Json = dict[str, Any]
EPIC = ClientCapabilities(selection_behavior="any", single_action=True)
DRUGS = [name for name in sorted(cases()) if any(map(drug_orders, wire(advice_for(name))))]


def without_borders(detail: str) -> str:
    """A detail as plain lines: cells side by side, no border, no bold."""
    html = MarkdownIt("commonmark").enable("table").render(detail)
    return re.sub(r"<[^>]+>", " ", html.replace("</tr>", "\n"))


def in_epic(card: Json) -> str:
    """Summary, detail and what each action says; no label, no detail of an order."""
    told = [a["description"] for s in card.get("suggestions", ()) for a in s["actions"]]
    return "\n".join([card["summary"], card["detail"], *told])


def in_the_sandbox(card: Json) -> str:
    """Summary, detail without borders and the labels as plain buttons."""
    labels = [s["label"] for s in card.get("suggestions", ())]
    return "\n".join([card["summary"], without_borders(card["detail"]), *labels])


def cards_with_drugs(style: ClientCapabilities | None = None) -> Iterator[tuple[Json, Json]]:
    """Each card that holds a drug for a client that takes all, and the same card for this one."""
    for name in DRUGS:
        shown = {c["source"]["topic"]["code"]: c for c in wire(advice_for(name, style=style))}
        for card in wire(advice_for(name)):
            if drug_orders(card):
                yield card, shown[card["source"]["topic"]["code"]]


def amount(order: Json) -> str:
    told = order["dosageInstruction"][0]["doseAndRate"][0]
    quantity = told.get("rateQuantity") or told["doseQuantity"]
    return f"{quantity['value']:,} {quantity['unit']}"


def test_there_are_cards_with_drugs() -> None:
    assert len(DRUGS) >= 8


def test_epic_is_given_no_start_and_tells_the_drug_in_the_text() -> None:
    for whole, card in cards_with_drugs(EPIC):
        assert drug_orders(card) == []
        assert all(len(s["actions"]) == 1 for s in card.get("suggestions", ()))
        for _, _, order in drug_orders(whole):
            text = in_epic(card)
            assert "You decide" in text
            assert order["medicationCodeableConcept"]["text"] in text.lower()
            assert amount(order) in text
            assert re.search("off-label|labelled for", text, re.IGNORECASE)


def test_what_epic_shows_of_an_action_says_all_of_the_order() -> None:
    """Also for an EHR that shows descriptions and takes whole suggestions."""
    for whole, _ in cards_with_drugs():
        for suggestion, action, order in drug_orders(whole):
            told = action["description"]
            assert order["medicationCodeableConcept"]["text"] in told.lower()
            assert amount(order) in told
            assert re.search("off-label|labelled for", told)
            assert ("(recommended)" in told) is bool(suggestion.get("isRecommended"))


def test_the_sandbox_tells_drug_dose_label_and_who_decides() -> None:
    for whole, _ in cards_with_drugs():
        text = in_the_sandbox(whole)
        assert "You decide" in text
        for suggestion, _, order in drug_orders(whole):
            assert amount(order) in without_borders(whole["detail"])
            assert re.search("off-label|labelled for", suggestion["label"])
            flag = bool(suggestion.get("isRecommended"))
            assert ("(recommended)" in suggestion["label"]) is flag


def test_two_drugs_are_told_apart_by_words_alone() -> None:
    """In HIT one is labelled and the other is not: no flag, no colour and no order says so."""
    (card, *_) = wire(advice_for("09-hit-on-record"))
    for shown in (in_epic(card), in_the_sandbox(card)):
        assert "argatroban 0.5 µg/kg/min" in shown
        argatroban = next(x for x in shown.splitlines() if "start argatroban" in x.lower())
        bivalirudin = next(x for x in shown.splitlines() if "start bivalirudin" in x.lower())
        assert "labelled for HIT" in argatroban
        assert "off-label" in bivalirudin


@pytest.mark.parametrize("name", sorted(cases()))
def test_a_row_reads_without_its_borders(name: str) -> None:
    """No value leans on a border: each row is name, value with unit, time, in that order."""
    for card in wire(advice_for(name)):
        shown = without_borders(card["detail"])
        assert "|" not in shown
        assert "**" not in shown
        rows = [x for x in card["detail"].splitlines() if x.startswith("| ")]
        for row in rows:
            cells = [cell.strip() for cell in row.strip("|").split(" | ")]
            assert all(cells), row
