"""What clinicians did with the cards, topic by topic and month by month: `heparin-cds feedback`.

Counts cards, not messages: a card accepted twice is accepted once. A card that was ignored is
never reported by an EHR, so what is neither accepted nor overridden is simply not known. What a
silent topic would have shown is counted apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.table import Column, Table
from sqlalchemy import Connection, and_, func, select

from cds_service.cards.due import CardPlace
from cds_service.ledger.calls import calls, cards
from cds_service.ledger.feedback import feedback

UNKNOWN_TOPIC = "(unknown card)"
NO_REASON = "(no reason)"


@dataclass(slots=True)
class FeedbackTally:
    """One topic in one month, or in all."""

    shown: int = 0
    silent: int = 0  # would have been shown, had the protocol not silenced the topic
    no_room: int = 0  # due, and no card of its own: others came first, or told it
    accepted: int = 0
    overridden: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def count(self, place: str) -> None:
        """One card that was due, and what became of it."""
        self.shown += place == CardPlace.SHOWN
        self.silent += place == CardPlace.SILENT
        self.no_room += place == CardPlace.NO_ROOM

    def wire(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "shown": self.shown,
            "silent": self.silent,
            "noRoom": self.no_room,
            "accepted": self.accepted,
            "overridden": self.overridden,
            "reasons": dict(self.reasons.most_common()),
        }


Report = Mapping[str, Mapping[str, FeedbackTally]]  # topic -> month ("2026-03") -> tally


def report(connection: Connection) -> Report:
    """Everything the database holds; a card counts for the month it was shown in."""
    tallies: dict[str, dict[str, FeedbackTally]] = {}

    def tally(topic: str | None, at: Any) -> FeedbackTally:
        months = tallies.setdefault(topic or UNKNOWN_TOPIC, {})
        return months.setdefault(f"{at:%Y-%m}", FeedbackTally())

    due = select(cards.c.topic, calls.c.at, cards.c.place).join(calls, calls.c.id == cards.c.call)
    for topic, at, place in connection.execute(due):
        tally(topic, at).count(place)
    for topic, shown_at, received, outcome, reason in connection.execute(_outcomes()):
        found = tally(topic, shown_at or received)
        if outcome == "accepted":
            found.accepted += 1
        else:
            found.overridden += 1
            found.reasons[reason or NO_REASON] += 1
    return {topic: dict(sorted(months.items())) for topic, months in sorted(tallies.items())}


def total_of(months: Iterable[FeedbackTally]) -> FeedbackTally:
    """A topic's months together."""
    whole = FeedbackTally()
    for month in months:
        whole.shown += month.shown
        whole.silent += month.silent
        whole.no_room += month.no_room
        whole.accepted += month.accepted
        whole.overridden += month.overridden
        whole.reasons += month.reasons
    return whole


def as_json(found: Report) -> dict[str, Any]:
    """The report for programs."""
    return {
        topic: {"total": total_of(months.values()).wire()}
        | {"months": {month: tally.wire() for month, tally in months.items()}}
        for topic, months in found.items()
    }


def as_table(found: Report) -> Table:
    """The report for people."""
    table = Table(Column("Topic", no_wrap=True), *HEADS)
    for topic, months in found.items():
        for month, tally in months.items():
            reasons = ", ".join(f"{reason} {n}" for reason, n in tally.reasons.most_common())
            counts = (tally.shown, tally.silent, tally.accepted, tally.overridden)
            table.add_row(topic, month, *map(str, counts), reasons)
    return table


HEADS = ("Month", "Shown", "Would have been shown", "Accepted", "Overridden", "Reasons")


def _outcomes() -> Any:
    """One row per card, outcome and reason, however often it was told."""
    told = (
        select(
            feedback.c.client,
            feedback.c.card,
            feedback.c.outcome,
            feedback.c.reason_code,
            func.min(feedback.c.received).label("received"),
        )
        .group_by(feedback.c.client, feedback.c.card, feedback.c.outcome, feedback.c.reason_code)
        .subquery()
    )
    # An older ledger may hold feedback from a client that the card did not go to.
    shown = cards.join(calls, calls.c.id == cards.c.call)
    source = told.outerjoin(
        shown, and_(cards.c.uuid == told.c.card, calls.c.client == told.c.client)
    )
    columns = (cards.c.topic, calls.c.at, told.c.received, told.c.outcome, told.c.reason_code)
    return select(*columns).select_from(source)
