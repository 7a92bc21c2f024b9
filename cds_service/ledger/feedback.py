"""Feedback: what became of a card. Stored before it is acknowledged, and stored once.

Clients send it in batches, late and twice. It counts only from the client that the card was shown
to: a batch with any other card is refused, and nothing of it stored. https://cds-hooks.hl7.org/2.0/#feedback
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import JSON, Column, Connection, DateTime, Index, String, Table, Text, select

from cds_service.errors import NotStored, UnknownCard
from cds_service.hooks.feedback import FeedbackItem
from cds_service.ledger.calls import calls, cards, was_shown
from cds_service.ledger.database import Ledger, cause, insert_new
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

Index("feedback_reasons", feedback.c.reason_code, feedback.c.received)  # for overrides.py


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
    theirs = shown.where(calls.c.client == client, was_shown, cards.c.uuid.in_(ids))
    topics = {uuid: topic for uuid, topic in connection.execute(theirs)}
    for number, item in enumerate(items):
        if item.card not in topics:
            field = f"feedback[{number}].card"
            raise UnknownCard(f"{field} was not shown to this client.", field)
    return topics


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
