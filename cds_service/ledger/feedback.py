"""Feedback: what became of a card. Stored before it is acknowledged, and stored once.

Written as clients really send it: in batches, late, twice, with Epic's `overrideReasons`, with a
comment or an extension only. It counts only from the client that the card was shown to: a batch
with any other card is refused, and nothing of it stored. https://cds-hooks.hl7.org/2.0/#feedback
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import JSON, Column, Connection, DateTime, Index, String, Table, Text, select

from cds_service.errors import BodyTooLarge, MalformedRequest, NotStored, UnknownCard
from cds_service.ledger.calls import calls, cards
from cds_service.ledger.database import Ledger, cause, insert_new, stored
from cds_service.ledger.schema import metadata
from cds_service.logs import log

feedback = Table(
    "feedback",
    metadata,
    Column("id", String(64), primary_key=True),  # hash of client, service and content
    Column("received", DateTime(), nullable=False),  # UTC, by our clock
    Column("client", String(200), nullable=False),
    Column("service", String(100), nullable=False),
    Column("card", String(200), nullable=False, index=True),
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


def store_feedback(
    ledger: Ledger, items: Sequence[FeedbackItem], client: str, service: str, now: datetime
) -> Mapping[str, str]:
    """All items in one transaction; what was stored before is left as it is.

    Gives the topic of each card. In one order whoever sends them: two batches with the same items,
    one the other way round, would wait for each other in PostgreSQL, and one of them be refused.
    """
    rows = sorted((_row(item, client, service, now) for item in items), key=itemgetter("id"))
    if not rows:
        return {}
    try:
        with ledger.durably() as connection:
            topics = _topics(connection, items, client)
            insert_new(connection, feedback, rows)
    except NotStored as error:
        ledger.failed(feedback)
        log().error("feedback not stored", error=cause(error))
        raise NotStored("The feedback could not be stored; please send it again.") from error
    return topics


def _topics(
    connection: Connection, items: Sequence[FeedbackItem], client: str
) -> Mapping[str, str]:
    """The topic of each card, all of which must have gone to this client."""
    ids = {item.card for item in items}
    shown = select(cards.c.uuid, cards.c.topic).join(calls, calls.c.id == cards.c.call)
    theirs = shown.where(calls.c.client == client).where(cards.c.uuid.in_(ids))
    topics = {uuid: topic for uuid, topic in connection.execute(theirs)}
    for number, item in enumerate(items):
        if item.card not in topics:
            field = f"feedback[{number}].card"
            raise UnknownCard(f"{field} was not shown to this client.", field)
    return topics


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
        card=stored(card, _LONGEST_CARD_ID),
        outcome=outcome,
        at=stored(at, 64),
        suggestions=_suggestions(value.get("acceptedSuggestions"), field),
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


def _suggestions(value: object, field: str) -> tuple[str, ...]:
    given = value if isinstance(value, list) else []
    if len(given) > _MOST_SUGGESTIONS:
        field = f"{field}.acceptedSuggestions"
        raise BodyTooLarge(f"{field} may have {_MOST_SUGGESTIONS} entries.", field)
    return tuple(
        stored(one["id"], _LONGEST_CARD_ID)
        for one in given
        if isinstance(one, Mapping) and isinstance(one.get("id"), str)
    )


def _row(item: FeedbackItem, client: str, service: str, now: datetime) -> dict[str, Any]:
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
