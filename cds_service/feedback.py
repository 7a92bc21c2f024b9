"""Feedback: what became of a card. Stored before it is acknowledged, and stored once.

Written as clients really send it: in batches, late, twice, for cards we do not know, with Epic's
`overrideReasons`, with a comment or an extension only. https://cds-hooks.hl7.org/2.0/#feedback
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import JSON, Column, DateTime, Index, Insert, String, Table, Text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from cds_service.errors import MalformedRequest, NotStored
from cds_service.ledger import Ledger, metadata, stored
from cds_service.logs import log

feedback = Table(
    "feedback",
    metadata,
    Column("id", String(64), primary_key=True),  # hash of client, service and content
    Column("received", DateTime(), nullable=False),  # UTC, by our clock
    Column("client", String(200), nullable=False),
    Column("service", String(100), nullable=False),
    Column("card", String(200), nullable=False, index=True),  # need not be one of ours
    Column("outcome", String(20), nullable=False),
    Column("outcome_at", String(64), nullable=False),  # as the client wrote it
    Column("suggestions", JSON, nullable=False),
    Column("reason_code", String(200), nullable=False),
    Column("reason_system", String(500), nullable=False),
    Column("reason_display", String(500), nullable=False),
    Column("comment", Text, nullable=False),
)

Index("feedback_reasons", feedback.c.reason_code, feedback.c.received)  # for memory.py

_LONGEST_CARD_ID = 200


@dataclass(frozen=True, slots=True)
class Item:
    """One outcome of one card."""

    card: str
    outcome: str  # "accepted", "overridden"
    at: str
    suggestions: tuple[str, ...]
    reason: Mapping[str, str]  # code, system, display
    comment: str
    digest: bytes  # of everything the client wrote, so that a repeated item is known


def read_feedback(body: object) -> tuple[Item, ...]:
    """The items of a feedback request; one that is none refuses the whole batch and is named."""
    if not isinstance(body, Mapping):
        raise MalformedRequest("The body must be a JSON object.")
    items = body.get("feedback")
    if not isinstance(items, list):
        raise MalformedRequest("feedback must be an array.", "feedback")
    return tuple(_item(item, f"feedback[{number}]") for number, item in enumerate(items))


def store_feedback(
    ledger: Ledger, items: Iterable[Item], client: str, service: str, now: datetime
) -> None:
    """All items in one transaction; what was stored before is left as it is.

    In one order whoever sends them: two batches with the same items, one the other way round, would
    wait for each other in PostgreSQL, and one of them be refused.
    """
    rows = sorted((_row(item, client, service, now) for item in items), key=itemgetter("id"))
    if not rows:
        return
    try:
        with ledger.durably() as connection:
            connection.execute(_insert_new(connection.dialect.name), rows)
    except SQLAlchemyError as error:
        ledger.failed(feedback.name)
        log().error("feedback not stored", error=type(error).__name__)
        raise NotStored("The feedback could not be stored; please send it again.") from error
    ledger.worked(feedback.name)


def _insert_new(dialect: str) -> Insert:
    """Both databases can pass over what is there, each in its own statement."""
    if dialect == "postgresql":
        return postgresql.insert(feedback).on_conflict_do_nothing()
    return sqlite.insert(feedback).on_conflict_do_nothing()


def _item(value: object, field: str) -> Item:
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
    return Item(
        card=stored(card, _LONGEST_CARD_ID),
        outcome=outcome,
        at=stored(at, 64),
        suggestions=tuple(_suggestions(value.get("acceptedSuggestions"))),
        reason=_coding(override.get("reason")),
        comment=stored(override.get("userComment"), 4000),
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
    return {name: stored(coding.get(name), most) for name, most in longest.items()}


def _suggestions(value: object) -> Iterable[str]:
    for suggestion in value if isinstance(value, list) else []:
        if isinstance(suggestion, Mapping) and isinstance(suggestion.get("id"), str):
            yield stored(suggestion["id"], _LONGEST_CARD_ID)


def _row(item: Item, client: str, service: str, now: datetime) -> dict[str, Any]:
    identity = b"\0".join([client.encode(), service.encode(), item.digest])
    return {
        "id": hashlib.sha256(identity).hexdigest(),
        "received": now.astimezone(UTC).replace(tzinfo=None),
        "client": client,
        "service": service,
        "card": item.card,
        "outcome": item.outcome,
        "outcome_at": item.at,
        "suggestions": list(item.suggestions),
        "reason_code": item.reason["code"],
        "reason_system": item.reason["system"],
        "reason_display": item.reason["display"],
        "comment": item.comment,
    }
