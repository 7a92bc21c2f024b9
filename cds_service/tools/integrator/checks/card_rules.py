"""What CDS Hooks 2.0 asks of an answer with cards, as a list of faults in plain words.

https://cds-hooks.hl7.org/2.0/#cds-service-response. Unknown fields and extensions are let pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from cds_service.cards.wording import LONGEST_SUMMARY

Json = dict[str, Any]

INDICATORS = ("info", "warning", "critical")
BEHAVIOURS = ("at-most-one", "any")
MAY_BE_EMPTY = ("cards", "services")

_TARGET = re.compile(r"[A-Z][A-Za-z]+/.+")


def faults(answer: Any) -> list[str]:
    """What is wrong with the body of an answer."""
    cards = answer.get("cards") if isinstance(answer, dict) else None
    if not isinstance(cards, list):
        return ["no cards array"]
    return [*empties(answer), *(fault for card in cards for fault in _card(card))]


def empties(value: Any, place: str = "") -> Iterator[str]:
    """Fields that are there and empty: they are to be left out."""
    items: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        items = [(key, item) for key, item in value.items()]
    elif isinstance(value, list):
        items = [(str(number), item) for number, item in enumerate(value)]
    for key, item in items:
        if item in (None, "", [], {}) and key not in MAY_BE_EMPTY:
            yield f"{place}{key} is empty"
        yield from empties(item, f"{place}{key}.")


def _card(card: Any) -> Iterator[str]:
    if not isinstance(card, dict):
        yield "a card is no object"
        return
    summary = card.get("summary")
    if not isinstance(summary, str) or not 0 < len(summary) <= LONGEST_SUMMARY:
        yield "summary missing or not under 140 characters"
    if card.get("indicator") not in INDICATORS:
        yield "indicator unknown"
    yield from _source(card.get("source"))
    if "suggestions" in card and card.get("selectionBehavior") not in BEHAVIOURS:
        yield "suggestions without a known selectionBehavior"
    yield from _override_reasons(card)
    for link in _list(card, "links"):
        yield from _link(link)
    yield from _suggestions(card)


def _source(source: Any) -> Iterator[str]:
    if not isinstance(source, dict) or not isinstance(source.get("label"), str):
        yield "source without label"
    elif "topic" in source and not _is_coding(source["topic"]):
        yield "source.topic without code and system"


def _override_reasons(card: Json) -> Iterator[str]:
    if not all(_is_coding(r, "display") for r in _list(card, "overrideReasons")):
        yield "override reason without code, system and display"


def _suggestions(card: Json) -> Iterator[str]:
    suggestions = [s for s in _list(card, "suggestions") if isinstance(s, dict)]
    if _recommended(suggestions) > 1 and card.get("selectionBehavior") != "any":
        yield "several suggestions recommended, one can be taken"
    if suggestions and not isinstance(card.get("uuid"), str):
        yield "card without uuid: its feedback would name nothing"
    for suggestion in suggestions:
        yield from _suggestion(suggestion)


def _recommended(suggestions: list[Json]) -> int:
    return sum(bool(suggestion.get("isRecommended")) for suggestion in suggestions)


def _suggestion(suggestion: Json) -> Iterator[str]:
    if not isinstance(suggestion.get("label"), str):
        yield "suggestion without label"
    if not isinstance(suggestion.get("uuid"), str):
        yield "suggestion without uuid: taking it could not be reported"
    for action in _list(suggestion, "actions"):
        yield from _action(action)


def _action(action: Any) -> Iterator[str]:
    if not isinstance(action, dict) or not isinstance(action.get("description"), str):
        yield "action without description"
        return
    kind = action.get("type")
    if kind not in ("create", "update", "delete"):
        yield "action type unknown"
    if kind in ("create", "update") and not _holds_resource(action):
        yield f"{kind} without a FHIR resource"
    if kind == "delete" and not _TARGET.fullmatch(str(action.get("resourceId", ""))):
        yield "delete without resourceId as Type/id"


def _holds_resource(action: Json) -> bool:
    return "resourceType" in (action.get("resource") or {})


def _link(link: Any) -> Iterator[str]:
    fields = link if isinstance(link, dict) else {}
    if fields.get("type") not in ("absolute", "smart") or not fields.get("label"):
        yield "link without label or type"
    if not urlsplit(str(fields.get("url", ""))).netloc:
        yield "link without an absolute URL"
    if "appContext" in fields and fields.get("type") != "smart":
        yield "appContext on a link that is not smart"


def _is_coding(value: Any, *more: str) -> bool:
    named = ("code", "system", *more)
    return isinstance(value, dict) and all(isinstance(value.get(name), str) for name in named)


def _list(holder: Json, name: str) -> list[Any]:
    value = holder.get(name, [])
    return value if isinstance(value, list) else []
