"""What a clinician has answered already: an overridden warning comes back as plain information.

For a day, for the same client's patient and topic, after a reason that says "I know, and not here";
never for critical cards, and not if a fact got worse meanwhile. When in doubt a card is shown in
full.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, select

from cds_service.assessment.assess import Findings
from cds_service.assessment.model.verdict import Evidence
from cds_service.assessment.recommend.registry import TOPICS
from cds_service.cards.card import Card
from cds_service.errors import NotStored
from cds_service.ledger.calls import calls, cards
from cds_service.ledger.database import Ledger, cause
from cds_service.ledger.feedback import feedback
from cds_service.logs import log

REASONS = ("comfortCare", "protocolDiffers", "disagree")

# Which way a fact gets worse; all others are not compared.
WORSE_IF_LOWER = frozenset(
    {"antithrombin", "anti_xa", "aptt", "aptt_ratio", "platelets", "hemoglobin", "fibrinogen"}
)
WORSE_IF_HIGHER = frozenset({"dailyDose", "rate", "draftedRate", "factor_viii", "creatinine"})

# On cards about too much a level gets worse the other way: it is kept under a name of its own.
HIGH = "high."

# Built once: it is in every call that warns. A hospital's overrides of a day are few, the calls
# about one patient many: joined to nothing, the patient's index does not tempt the database.
_OVERRIDDEN = (
    select(cards.c.topic, cards.c.facts)
    .select_from(
        feedback.join(cards, cards.c.uuid == feedback.c.card).join(
            calls, calls.c.id == cards.c.call
        )
    )
    .where(feedback.c.reason_code.in_(REASONS))
    .where(feedback.c.received > bindparam("since"))
    .where(feedback.c.outcome == "overridden")
    .where(calls.c.patient.concat("") == bindparam("of_patient"))
    .where(calls.c.client == bindparam("of_client"))
    .where(feedback.c.client == calls.c.client)
)

_RANKS = ("critical", "warning", "info")


@dataclass(frozen=True, slots=True)
class OverrideSubject:
    """Whose patient, and which, by the keyed hash of the ledger."""

    client: str
    patient: str


def downgrade_overridden(
    advised: tuple[Card, ...],
    findings: Findings,
    ledger: Ledger,
    subject: OverrideSubject,
    now: datetime,
) -> tuple[Card, ...]:
    """The cards, those softened that were answered; most urgent first as before."""
    if not any(card.indicator == "warning" for card in advised):
        return advised
    try:
        with ledger.reading() as connection:
            lasts = findings.measured.case.protocol.span("cards.override_hours")
            answered = _answered(connection, subject, now - lasts)
    except NotStored as error:
        log().error("overrides not read", error=cause(error))
        return advised
    present = facts_by_topic(findings)
    shown = [_softened(card, answered, present.get(card.topic, {})) for card in advised]
    return tuple(sorted(shown, key=lambda card: _RANKS.index(card.indicator)))


def facts_by_topic(findings: Findings) -> dict[str, dict[str, float]]:
    """The comparable facts of each item, the worst value of each."""
    return {i.topic: _comparable(i.facts, upward=TOPICS[i.topic].too_much) for i in findings.items}


def is_worse(then: Mapping[str, float], now: Mapping[str, float]) -> bool:
    """Whether any fact got worse, or is new: then nobody has answered it yet."""
    return any(
        fact not in then
        or (fact in WORSE_IF_LOWER and value < then[fact])
        or (rises_badly(fact) and value > then[fact])
        for fact, value in now.items()
    )


def rises_badly(fact: str) -> bool:
    """Whether a higher value of it is the worse one."""
    return fact in WORSE_IF_HIGHER or fact.startswith(HIGH)


def _comparable(facts: Iterable[Evidence], *, upward: bool) -> dict[str, float]:
    worst: dict[str, float] = {}
    for fact in facts:
        name = HIGH + fact.fact if upward and fact.fact in WORSE_IF_LOWER else fact.fact
        if rises_badly(name):
            worst[name] = max(fact.value, worst.get(name, fact.value))
        elif name in WORSE_IF_LOWER:
            worst[name] = min(fact.value, worst.get(name, fact.value))
    return worst


def _answered(
    connection: Connection, subject: OverrideSubject, moment: datetime
) -> list[tuple[str, Mapping[str, float]]]:
    """Topic and facts of each card of this patient that was overridden of late."""
    since = moment.astimezone(UTC).replace(tzinfo=None)
    given = {"of_client": subject.client, "of_patient": subject.patient, "since": since}
    found = connection.execute(_OVERRIDDEN, given)
    # A row that holds something else than a card's facts answers nothing.
    return [(topic, facts) for topic, facts in found if _are_numbers(facts)]


def _are_numbers(facts: object) -> bool:
    return isinstance(facts, Mapping) and all(isinstance(v, int | float) for v in facts.values())


def _softened(
    card: Card, answered: list[tuple[str, Mapping[str, float]]], present: Mapping[str, float]
) -> Card:
    if card.indicator != "warning" or not TOPICS[card.topic].softens:
        return card
    known = any(topic == card.topic and not is_worse(then, present) for topic, then in answered)
    return replace(card, indicator="info") if known else card
