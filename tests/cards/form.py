"""How cards read, counted: words, rows, links, words that no ward uses, sums that hold.

Over generated answers: `python -m tests.cards.form --answers 5000`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from cds_service.advice import advise, is_in_scope
from cds_service.cards.card import ClientCapabilities, LinkTargets
from cds_service.cards.compose import compose
from tests.cases import called, searches, tables, wire
from tests.invariants.charts import NOW, make
from tests.invariants.judge import answers
from tests.laws.asking import advice_for as advice_on
from tests.laws.charts import draw

Json = dict[str, Any]

RULES = "https://cds.example.org/explain"
STYLE = ClientCapabilities(targets=LinkTargets(RULES))
MOST_ROWS, MOST_DRUGS = 7, 2
MOST_WORDS = {True: 100, False: 75}  # outside of the tables, with a drug and without
MOST_PROSE = {True: 60, False: 40}
LINES = ("**", "|", "Not known:", "Left out:", "Also:", "You decide", "Sources:", "Review formula")
# Rule numbers, words of developers and of a shop, marks of UCUM, signs of a template gone wrong.
FORBIDDEN = re.compile(
    r"\breview R\d|\bR\d+\b|marked|in circulation|take back|draft back|raise back|not offered"
    r"|(heparin|still) failing|\[I?U\]|\[iU\]|\{|\}|&#12[35];|\bug/|10\*3"
    r"|(?-i:\bNone\b)|\bnan\b|null"
    r"|\bquery|code system|FHIR|Observation/|MedicationRequest|malformed|\bprefetch|  ",
    re.IGNORECASE,
)
NUMBER = r"([\d,]+(?:\.\d+)?)"
LOADING = re.compile(rf"\({NUMBER} - {NUMBER}\) % x {NUMBER} kg ([/x]) {NUMBER} = {NUMBER} IU")
PER_HOUR = re.compile(rf"{NUMBER} (mg/kg/h|µg/kg/min) \({NUMBER} mg/h at {NUMBER} kg\)")
OF_A_DAY = re.compile(rf"\| Heparin \| {NUMBER} U/h[^|]*?; {NUMBER} U/day")


def value(text: str) -> float:
    return float(text.replace(",", ""))


def drug_orders(card: Json) -> list[tuple[Json, Json, Json]]:
    """Suggestion, action and order of each drug that a card would start."""
    return [
        (suggestion, action, action["resource"])
        for suggestion in card.get("suggestions", ())
        for action in suggestion["actions"]
        if action["type"] == "create" and action["resource"]["resourceType"] == "MedicationRequest"
    ]


def faults(cards: list[Json]) -> Iterator[str]:
    """Everything about the form of one answer that is not as it should be."""
    recommended = [s for c in cards for s in c.get("suggestions", ()) if s.get("isRecommended")]
    if len(recommended) > 1:
        yield "more than one recommendation"
    for card in cards:
        for check in CHECKS:
            yield from (f"{topic_of(card)}: {fault}" for fault in check(card))


def topic_of(card: Json) -> str:
    return str(card["source"]["topic"]["code"])


def _summary(card: Json) -> Iterator[str]:
    if not 0 < len(card["summary"]) < 140:
        yield f"summary of {len(card['summary'])} characters"


CHECKED_FIRST = ("antithrombinDose", "anticoagulantSwitch")


def _first_line(card: Json) -> Iterator[str]:
    first = card["detail"].split("\n")[0]
    if not re.fullmatch(r"\*\*.+\*\*", first):
        yield "no bold first line"
    holds_a_drug = drug_orders(card) and topic_of(card) in CHECKED_FIRST
    if holds_a_drug and "line, pump, bag" not in first:
        yield "the check that costs nothing does not come first"


def _rows(card: Json) -> Iterator[str]:
    groups = [p for p in card["detail"].split("\n\n") if p.startswith("|")]
    most = (MOST_ROWS, MOST_DRUGS)
    if len(groups) > len(most):
        yield f"{len(groups)} tables"
    for group in groups:
        limit = most[1] if group.startswith("| Drug") else most[0]
        if len(group.splitlines()) - 2 > limit:
            yield f"{len(group.splitlines()) - 2} rows"


def _words(card: Json) -> Iterator[str]:
    parts = card["detail"].split("\n\n")
    drug = bool(drug_orders(card))
    outside = " ".join(p for p in parts if not p.startswith("|")).split()
    prose = " ".join(p for p in parts if not p.startswith(LINES)).split()
    if len(outside) > MOST_WORDS[drug]:
        yield "too many words"
    if len(prose) > MOST_PROSE[drug]:
        yield "too much prose"


def _forbidden(card: Json) -> Iterator[str]:
    suggestions = card.get("suggestions", ())
    labels = [s["label"] for s in suggestions]
    told = [a["description"] for s in suggestions for a in s["actions"]]
    for text in (card["summary"], card["detail"], card["source"]["label"], *labels, *told):
        for found in FORBIDDEN.finditer(text):
            yield f"says {found.group()!r}"


def _links(card: Json) -> Iterator[str]:
    url = f"{RULES}#{topic_of(card)}"
    if card["source"].get("url") != url:
        yield "source.url"
    if [(k["type"], k["url"]) for k in card.get("links", ())] != [("absolute", url)]:
        yield "links"


def _choices(card: Json) -> Iterator[str]:
    flags = [bool(s.get("isRecommended")) for s in card.get("suggestions", ())]
    if any(flags[1:]):
        yield "the recommended choice is not the first"
    for suggestion, flag in zip(card.get("suggestions", ()), flags, strict=True):
        if suggestion["label"].endswith("(recommended)") is not flag:
            yield "a label that does not say whether it is recommended"


def _drugs(card: Json) -> Iterator[str]:
    """What is ordered stands in the text, the label and the action; labelled or off-label too."""
    for suggestion, action, order in drug_orders(card):
        drug = order["medicationCodeableConcept"]["text"]
        amount = order["dosageInstruction"][0]["doseAndRate"][0]
        quantity = amount.get("rateQuantity") or amount["doseQuantity"]
        number = f"{quantity['value']:,g}" if quantity["value"] < 1000 else f"{quantity['value']:,}"
        for text in (suggestion["label"], action["description"]):
            told = drug in text.lower() and f"{number} {quantity['unit']}" in text
            if not told or not re.search(r"off-label|labelled for", text):
                yield f"{drug} is not told whole in {text!r}"
        if number not in card["detail"]:
            yield f"{number} of {drug} is not in the text"


def _sums(card: Json) -> Iterator[str]:
    detail = card["detail"]
    for target, level, kg, sign, recovery, dose in LOADING.findall(detail):
        by = value(recovery) if sign == "x" else 1 / value(recovery)
        worked_out = (value(target) - value(level)) * value(kg) * by
        if abs(worked_out - value(dose)) > 1 + 0.006 * value(dose):
            yield f"{worked_out:.0f} IU is told as {dose}"
    for rate, unit, per_hour, kg in PER_HOUR.findall(detail):
        factor = 1.0 if unit == "mg/kg/h" else 60 / 1000
        if abs(value(rate) * factor * value(kg) / value(per_hour) - 1) > 0.01:
            yield f"{rate} {unit} at {kg} kg is told as {per_hour} mg/h"
    for rate, units in OF_A_DAY.findall(detail):
        if abs(value(rate) * 24 - value(units)) > 24:
            yield f"{rate} U/h is told as {units} U/day"


CHECKS = (_summary, _first_line, _rows, _words, _forbidden, _links, _choices, _drugs, _sums)


def generated(seed: int) -> list[Json]:
    """The answer to one generated chart; empty where the call is no concern of ours.

    Even seeds give the charts of the never list, odd ones those of the laws, with odd rows and
    failed queries, which reach the cards with a drug.
    """
    made: Any = make(seed) if seed % 2 == 0 else draw(seed)
    asked, rules = called(made.request), tables()
    if not is_in_scope(asked, rules):
        return []
    if seed % 2 == 0:
        return wire(advise(asked, answers(made), rules, NOW, STYLE))
    failed = [one.key for one in searches(rules)][seed // 2 % 40 :][:1]
    advice = advice_on(made, failed)
    if advice is None:
        return []
    return wire(
        replace(advice, cards=compose(advice.findings, rules.concepts, rules.wording, STYLE))
    )


def main() -> int:
    """Count cards and faults of form; 1 when there is any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0, help="of the first chart")
    chosen = parser.parse_args()
    found, first, cards = Counter[str](), dict[str, int](), 0
    for seed in range(chosen.seed, chosen.seed + chosen.answers):
        answer = generated(seed)
        cards += len(answer)
        for fault in faults(answer):
            found[fault] += 1
            first.setdefault(fault, seed)
    sys.stdout.write(f"{chosen.answers} answers, {cards} cards, {sum(found.values())} faults\n")
    for fault, count in found.most_common(40):
        sys.stdout.write(f"  {count:5} {fault} (first seed {first[fault]})\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
