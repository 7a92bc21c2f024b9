"""CDS Hooks 2.0's rules for an answer, as a list of faults in plain words.

https://cds-hooks.hl7.org/2.0/#cds-service-response. Beside the MUSTs three promises of ours:
every card and suggestion has a uuid, topics are letters only (an EHR remembers an override by
them), and what warns can be overridden with a reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from tests.calls import Json

CARD = {
    "uuid", "summary", "detail", "indicator", "source", "suggestions", "selectionBehavior",
    "overrideReasons", "links",
}  # fmt: skip
SUGGESTION = {"label", "uuid", "isRecommended", "actions"}
ACTION = {"type", "description", "resource", "resourceId"}
_RELATIVE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9.-]+")


def faults(answer: Any) -> list[str]:
    """What is wrong with the body of an answer."""
    if not isinstance(answer, dict) or not isinstance(answer.get("cards"), list):
        return ["the answer is no object with cards"]
    found = [*_unknown(answer, {"cards"}, "answer"), *_uuids(answer)]
    for number, card in enumerate(answer["cards"]):
        found += [f"card {number}: {fault}" for fault in [*_empty(card), *_card(card)]]
    return found


def _card(card: Json) -> Iterator[str]:
    yield from _unknown(card, CARD, "card")
    summary, indicator = card.get("summary"), card.get("indicator")
    if not isinstance(summary, str) or not 0 < len(summary) < 140 or "\n" in summary:
        yield "summary is no line of fewer than 140 characters"
    if indicator not in ("info", "warning", "critical"):
        yield "indicator"
    if not isinstance(card.get("detail", "text"), str):
        yield "detail is no text"
    yield from _source(card.get("source"))
    if ("suggestions" in card) is not ("selectionBehavior" in card):
        yield "suggestions and selectionBehavior go together"
    if card.get("selectionBehavior", "any") not in ("at-most-one", "any"):
        yield "selectionBehavior"
    yield from _suggestions(card)
    yield from _overrides(card)


def _source(source: Any) -> Iterator[str]:
    if not isinstance(source, dict) or not isinstance(source.get("label"), str):
        yield "source has no label"
        return
    yield from _unknown(source, {"label", "url", "icon", "topic"}, "source")
    yield from (f"source.{k}" for k in ("url", "icon") if k in source and not _absolute(source[k]))
    topic = source.get("topic", {})
    if not re.fullmatch(r"[A-Za-z]+", str(topic.get("code", ""))):
        yield "topic code is not letters only"
    if not _absolute(topic.get("system")):
        yield "topic system"


def _suggestions(card: Json) -> Iterator[str]:
    suggestions = card.get("suggestions", [])
    recommended = [s for s in suggestions if s.get("isRecommended")]
    if len(recommended) > 1 and card["selectionBehavior"] == "at-most-one":
        yield "several recommended of at most one"
    for suggestion in suggestions:
        yield from _unknown(suggestion, SUGGESTION, "suggestion")
        if not isinstance(suggestion.get("label"), str):
            yield "suggestion has no label"
        if not isinstance(suggestion.get("isRecommended", True), bool):
            yield "isRecommended"
        for action in suggestion.get("actions", []):
            yield from _action(action)


def _action(action: Json) -> Iterator[str]:
    yield from _unknown(action, ACTION, "action")
    kind, resource = action.get("type"), action.get("resource")
    if not isinstance(action.get("description"), str):
        yield "action has no description"
    if kind not in ("create", "update", "delete"):
        yield "action type"
    if kind in ("create", "update") and "resourceType" not in (resource or {}):
        yield f"{kind} without a FHIR resource"
    if kind == "update" and "id" not in (resource or {}):
        yield "update of nobody knows what"
    if kind == "delete" and not _RELATIVE.fullmatch(str(action.get("resourceId"))):
        yield "delete without Type/id"
    if kind == "delete" and resource is not None:
        yield "delete with a resource"


def _overrides(card: Json) -> Iterator[str]:
    reasons = card.get("overrideReasons", [])
    if card.get("indicator") in ("warning", "critical") and not reasons:
        yield "no override reasons"
    for reason in reasons:
        if not all(isinstance(reason.get(k), str) for k in ("code", "system", "display")):
            yield "override reason without code, system and display"
        if not _absolute(reason.get("system")):
            yield "override reason's system"


def _uuids(answer: Json) -> Iterator[str]:
    """Everything that feedback can name has an id of its own."""
    cards = answer["cards"]
    holders = [*cards, *(s for card in cards for s in card.get("suggestions", ()))]
    found = [holder.get("uuid") for holder in holders]
    yield from ("uuid missing or no UUID" for one in found if not _is_uuid(one))
    if len(set(found)) != len(found):
        yield "a uuid twice"


def _empty(value: Any, place: str = "") -> Iterator[str]:
    """Nothing empty anywhere; FHIR allows null in no place of ours either."""
    if value is None or (isinstance(value, str | list | dict) and not value):
        yield f"{place} is empty"
    if isinstance(value, str) and value != value.strip():
        yield f"{place} has blanks around it"
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _empty(item, f"{place}.{key}")


def _unknown(holder: Json, known: set[str], what: str) -> Iterator[str]:
    yield from (f"{what} has an unknown {key}" for key in holder if key not in known)


def _absolute(url: Any) -> bool:
    return isinstance(url, str) and bool(urlsplit(url).scheme and urlsplit(url).netloc)


def _is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False
