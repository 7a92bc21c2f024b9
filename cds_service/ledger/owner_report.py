"""What a protocol's owner reads of the ledger: counts by client, overrides, comments, versions.

Neither patients (not even their hashes) nor users are read. Test calls are left out: those of open
mode, and those of `heparin-cds check`, `call` and `load`, which name themselves as their user.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, String, and_, case, cast, distinct, func, not_, or_, select

from cds_service.cards.due import CardPlace
from cds_service.ledger.calls import calls, cards, was_shown
from cds_service.ledger.feedback import feedback

OPEN_CLIENT = "open"  # every caller of open mode (security/clients.py)
TEST_USER = "Practitioner/heparin-cds-integrator"  # of our own commands (tools/integrator)
MOST_COMMENTS = 1_000  # the newest

_is_test = or_(calls.c.client == OPEN_CLIENT, calls.c.user == TEST_USER)
_counts = not_(_is_test)
# "2026-03": both databases write a time so, as text.
_month = func.substr(cast(calls.c.at, String), 1, 7).label("month")
_of_calls = cards.join(calls, calls.c.id == cards.c.call)
_of_feedback = feedback.join(cards, cards.c.uuid == feedback.c.card).join(
    calls, and_(calls.c.id == cards.c.call, calls.c.client == feedback.c.client)
)


@dataclass(slots=True)
class CardCount:
    """One topic in one month, as one client met it."""

    client: str
    topic: str
    month: str
    places: Counter[str] = field(default_factory=Counter)  # CardPlace -> cards
    outcomes: Counter[str] = field(default_factory=Counter)  # "accepted", "overridden" -> cards


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many cards of a topic were overridden for one reason."""

    client: str
    topic: str
    reason: str
    cards: int


@dataclass(frozen=True, slots=True)
class OverrideComment:
    """What a clinician wrote when overriding a card: outside text, which may name anybody."""

    received: datetime  # UTC
    client: str
    topic: str
    reason: str
    comment: str


@dataclass(frozen=True, slots=True)
class ProtocolVersion:
    """One protocol file, by the hash of its content, and what it came to at one client."""

    client: str
    name: str
    digest: str
    first: datetime
    last: datetime
    calls: int
    shown: int
    silent: int


@dataclass(frozen=True, slots=True)
class OwnerReport:
    """All that the page shows."""

    counts: tuple[CardCount, ...]
    reasons: tuple[ReasonCount, ...]
    comments: tuple[OverrideComment, ...]  # the newest first, MOST_COMMENTS at most
    versions: tuple[ProtocolVersion, ...]
    test_calls: int  # left out of everything else


def owner_report(connection: Connection) -> OwnerReport:
    """Everything the ledger holds but test calls; a card counts for the month it was due in."""
    tests = select(func.count()).select_from(calls).where(_is_test)
    return OwnerReport(
        counts=_card_counts(connection),
        reasons=tuple(_reasons(connection)),
        comments=tuple(_comments(connection)),
        versions=tuple(_versions(connection)),
        test_calls=connection.execute(tests).scalar_one(),
    )


def _card_counts(connection: Connection) -> tuple[CardCount, ...]:
    found: dict[tuple[str, str, str], CardCount] = {}

    def count(client: str, topic: str, month: str) -> CardCount:
        return found.setdefault((client, topic, month), CardCount(client, topic, month))

    keys = (calls.c.client, cards.c.topic, _month)
    due = select(*keys, cards.c.place, func.count()).select_from(_of_calls).where(_counts)
    for client, topic, month, place, number in connection.execute(due.group_by(*keys, "place")):
        count(client, topic, month).places[place] += number
    # A card that was told of twice counts once.
    of_cards = func.count(distinct(feedback.c.card))
    told = select(*keys, feedback.c.outcome, of_cards).select_from(_of_feedback)
    told = told.where(_counts, was_shown).group_by(*keys, feedback.c.outcome)
    for client, topic, month, outcome, number in connection.execute(told):
        count(client, topic, month).outcomes[outcome] += number
    return tuple(found[key] for key in sorted(found))


def _reasons(connection: Connection) -> Iterator[ReasonCount]:
    keys = (calls.c.client, cards.c.topic, feedback.c.reason_code)
    number = func.count(distinct(feedback.c.card))
    overridden = feedback.c.outcome == "overridden"
    found = select(*keys, number).select_from(_of_feedback).where(_counts, was_shown, overridden)
    for row in connection.execute(found.group_by(*keys).order_by(*keys)):
        yield ReasonCount(*row)


def _comments(connection: Connection) -> Iterator[OverrideComment]:
    columns = (
        feedback.c.received,
        calls.c.client,
        cards.c.topic,
        feedback.c.reason_code,
        feedback.c.comment,
    )
    found = select(*columns).select_from(_of_feedback)
    found = found.where(_counts, was_shown, feedback.c.comment != "")
    newest = found.order_by(feedback.c.received.desc(), feedback.c.id).limit(MOST_COMMENTS)
    for row in connection.execute(newest):
        yield OverrideComment(*row)


def _versions(connection: Connection) -> Iterator[ProtocolVersion]:
    def cards_at(place: CardPlace) -> Any:
        return func.coalesce(func.sum(case((cards.c.place == place.value, 1), else_=0)), 0)

    keys = (calls.c.client, calls.c.protocol, calls.c.protocol_hash)
    first, last = func.min(calls.c.at), func.max(calls.c.at)
    counted = (
        func.count(distinct(calls.c.id)),
        *map(cards_at, (CardPlace.SHOWN, CardPlace.SILENT)),
    )
    found = select(*keys, first, last, *counted)
    found = found.select_from(calls.outerjoin(cards, cards.c.call == calls.c.id)).where(_counts)
    for row in connection.execute(found.group_by(*keys).order_by(calls.c.client, first.desc())):
        yield ProtocolVersion(*row)
