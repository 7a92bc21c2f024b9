"""The body of a feedback request, read into items. https://cds-hooks.hl7.org/2.0/#feedback

Written as clients really send it: in batches, with Epic's `overrideReasons`, with a comment or an
extension only. An item that cannot be one refuses the whole batch, and is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from cds_service.errors import BodyTooLarge, MalformedRequest

_LONGEST_CARD_ID = 200
_MOST_ITEMS = 1_000  # of a batch
_MOST_SUGGESTIONS = 50  # of an item; a card has a handful


@dataclass(frozen=True, slots=True)
class FeedbackItem:
    """One outcome of one card."""

    card: str
    outcome: str  # "accepted", "overridden"
    at: str
    suggestions: tuple[str, ...]
    reason: Mapping[str, str]  # code, system, display
    comment: str
    digest: bytes  # of everything the client wrote, so that a repeated item is known


def read_feedback(body: object) -> tuple[FeedbackItem, ...]:
    """The items of a feedback request; one that is none refuses the whole batch and is named."""
    if not isinstance(body, Mapping):
        raise MalformedRequest("The body must be a JSON object.")
    items = body.get("feedback")
    if not isinstance(items, list):
        raise MalformedRequest("feedback must be an array.", "feedback")
    if len(items) > _MOST_ITEMS:
        raise BodyTooLarge(f"feedback may have {_MOST_ITEMS} items at a time.", "feedback")
    return tuple(_item(item, f"feedback[{number}]") for number, item in enumerate(items))


def _item(value: object, field: str) -> FeedbackItem:
    if not isinstance(value, Mapping):
        raise MalformedRequest(f"{field} must be an object.", field)
    card, outcome, at = (
        _text(value, name, field) for name in ("card", "outcome", "outcomeTimestamp")
    )
    if len(card) > _LONGEST_CARD_ID:
        raise MalformedRequest(f"{field}.card is too long.", f"{field}.card")
    if outcome not in ("accepted", "overridden"):
        raise MalformedRequest(
            f"{field}.outcome must be accepted or overridden.", f"{field}.outcome"
        )
    override = _override(value)
    return FeedbackItem(
        card=storable(card, _LONGEST_CARD_ID),
        outcome=outcome,
        at=storable(at, 64),
        suggestions=_suggestions(value.get("acceptedSuggestions"), field),
        reason=_coding(override.get("reason")),
        comment=storable(override.get("userComment"), 4000),
        digest=orjson.dumps(value, option=orjson.OPT_SORT_KEYS),
    )


def _text(item: Mapping[str, Any], name: str, field: str) -> str:
    value = item.get(name)
    if not isinstance(value, str) or not value.strip():
        raise MalformedRequest(f"{field}.{name} must be a string.", f"{field}.{name}")
    return value


def _override(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """`overrideReason`, or `overrideReasons` as Epic writes it: an object, perhaps in a list."""
    for name in ("overrideReason", "overrideReasons"):
        value = item.get(name)
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, Mapping):
            return value
    return {}


def _coding(value: object) -> Mapping[str, str]:
    coding = value if isinstance(value, Mapping) else {}
    longest = {"code": 200, "system": 500, "display": 500}
    return {name: storable(coding.get(name), most) for name, most in longest.items()}


def _suggestions(value: object, field: str) -> tuple[str, ...]:
    given = value if isinstance(value, list) else []
    if len(given) > _MOST_SUGGESTIONS:
        field = f"{field}.acceptedSuggestions"
        raise BodyTooLarge(f"{field} may have {_MOST_SUGGESTIONS} entries.", field)
    return tuple(
        storable(one["id"], _LONGEST_CARD_ID)
        for one in given
        if isinstance(one, Mapping) and isinstance(one.get("id"), str)
    )


def storable(text: object, longest: int) -> str:
    """A text as every database can hold it: PostgreSQL takes no NUL, a column no more than fits."""
    return text.replace("\0", "")[:longest] if isinstance(text, str) else ""
