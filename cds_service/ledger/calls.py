"""What was asked and advised: one row per call that concerns us, one per card that was due.

Holds no clinical text and no names. The patient is a keyed hash, of the client's own: enough to
find the calls about one patient again with the key, useless without it, and different for the same
id at another hospital. When it fails advice is given all the same, unless a setting demands it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    String,
    Table,
    insert,
)

from cds_service.advice import Advice
from cds_service.cards.due import CardPlace, DueTopic
from cds_service.errors import NotStored
from cds_service.hooks.request import HookRequest
from cds_service.ledger.database import Ledger, Purge, cause
from cds_service.ledger.schema import metadata, of_client
from cds_service.logs import log
from cds_service.rulebook.practice import Practice

calls = Table(
    "call",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("at", DateTime(), nullable=False, index=True),  # UTC
    Column("client", String(200), nullable=False),
    Column("user", String(200), nullable=False),
    Column("hook", String(20), nullable=False),
    Column("hook_instance", String(200), nullable=False),
    Column("patient", String(64), nullable=False, index=True),  # keyed hash, per client
    Column("protocol", String(200), nullable=False),
    Column("protocol_hash", String(64), nullable=False),
    Column("concepts_hash", String(64), nullable=False, server_default=""),  # of a site's codes
    Column("time_zone", String(100), nullable=False, server_default=""),
    Column("outcome", String(20), nullable=False),  # "cards", "silent", "unavailable", "failed"
    Column("milliseconds", Integer, nullable=False),
    Column("skipped", Integer, nullable=False),  # resources that could not be read
    Column("answers", JSON, nullable=False),  # rule -> yes, no, unknown
)

cards = Table(
    "card",
    metadata,
    Column("uuid", String(36), primary_key=True),
    Column("call", ForeignKey(calls.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("topic", String(100), nullable=False),
    Column("indicator", String(20), nullable=False),
    Column("suggestions", JSON, nullable=False),  # uuids
    Column("facts", JSON, nullable=False),  # numbers to compare with later ones (overrides.py)
    # What became of it, as cards/due.py says: only a card that was shown has suggestions and facts.
    Column("place", String(10), nullable=False, server_default=CardPlace.SHOWN.value),
)
was_shown = cards.c.place == CardPlace.SHOWN.value

_NEW_CALL, _NEW_CARDS = insert(calls), insert(cards)  # built once: they are in every call
ANSWERED = ("cards", "silent")  # outcomes of a call that ended with an answer
_ID = re.compile(r"[A-Za-z0-9./:-]{1,200}")
_PURGE_EVERY = timedelta(hours=1)


@dataclass(slots=True)
class CallRecorder:
    """Writes the rows; the ledger is told of each one that could not be written."""

    ledger: Ledger
    key: bytes
    keep: timedelta
    _purge: Purge = field(init=False)

    def __post_init__(self) -> None:
        self._purge = Purge(self.ledger, calls, _PURGE_EVERY)

    def record(
        self,
        request: HookRequest,
        client: str,
        practice: Practice,
        ended: CallOutcome,
        now: datetime,
    ) -> bool:
        """Write down one call, or say loudly that it could not be; whether it was."""
        row = self._row(request, client, practice, ended, now)
        try:
            with self.ledger.writing() as connection:
                connection.execute(_NEW_CALL, row)
                if rows := _card_rows(row["id"], ended):
                    connection.execute(_NEW_CARDS, rows)
        except NotStored as error:
            self.ledger.failed(calls)
            log().error("audit row not stored", error=cause(error))
            return False
        self._purge.when_due(now, lambda: calls.c.at < _utc(now - self.keep))
        return True

    def patient(self, client: str, patient_id: str) -> str:
        """The keyed hash that the calls of one client about a patient are found by."""
        keyed = hmac.new(self.key, patient_id.encode(), hashlib.sha256).hexdigest()
        return of_client(client, keyed)

    def _row(
        self,
        request: HookRequest,
        client: str,
        practice: Practice,
        ended: CallOutcome,
        now: datetime,
    ) -> dict[str, Any]:
        return {
            "id": ended.call_id,
            "at": _utc(now),
            "client": client,
            "user": _id(request.context.user),
            "hook": request.context.hook,
            "hook_instance": _id(request.instance),
            "patient": self.patient(client, request.context.patient_id),
            "protocol": practice.rulebook.protocol.name,
            "protocol_hash": practice.rulebook.protocol.digest,
            "concepts_hash": practice.concepts_hash,
            "time_zone": practice.time_zone,
            "outcome": ended.outcome,
            "milliseconds": ended.milliseconds,
            "skipped": len(ended.advice.chart.skipped) if ended.advice else 0,
            "answers": _answers(ended.advice) if ended.advice else {},
        }


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """How one call ended."""

    call_id: str  # a uuid of ours; an EHR's hookInstance may come twice
    outcome: str
    milliseconds: int
    advice: Advice | None = None
    cards: Sequence[dict[str, Any]] = ()  # as they went out
    facts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # by topic


def _answers(advice: Advice) -> dict[str, str]:
    return {name: verdict.truth.value for name, verdict in advice.findings.verdicts.items()}


def _card_rows(call_id: str, ended: CallOutcome) -> list[dict[str, Any]]:
    """The cards that went out, then what was due and did not; a call that failed has neither."""
    rest = ended.advice.due if ended.advice and ended.outcome in ANSWERED else ()
    return [
        *(_shown_row(call_id, card, ended.facts) for card in ended.cards),
        *(_due_row(call_id, one) for one in rest if one.place is not CardPlace.SHOWN),
    ]


def _shown_row(
    call_id: str, card: Mapping[str, Any], facts: Mapping[str, Mapping[str, float]]
) -> dict[str, Any]:
    topic = card["source"]["topic"]["code"]
    return {
        "uuid": card["uuid"],
        "call": call_id,
        "topic": topic,
        "indicator": card["indicator"],
        "suggestions": [suggestion["uuid"] for suggestion in card.get("suggestions", ())],
        "facts": dict(facts.get(topic, {})),
        "place": CardPlace.SHOWN.value,
    }


def _due_row(call_id: str, due: DueTopic) -> dict[str, Any]:
    """Nobody saw it: it has no answer to come, and needs no facts to compare with."""
    return {
        "uuid": str(uuid4()),
        "call": call_id,
        "topic": due.topic,
        "indicator": due.indicator,
        "suggestions": [],
        "facts": {},
        "place": due.place.value,
    }


def _id(text: str) -> str:
    """The text if it has the form of an id or a reference; anything else may be a name."""
    return text if _ID.fullmatch(text) else ""


def _utc(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(tzinfo=None)
