"""For how long an override is remembered: the protocol's own hours, by our clock."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import insert

from cds_service.ledger.calls import calls, cards
from cds_service.ledger.database import Ledger
from cds_service.ledger.feedback import feedback
from cds_service.ledger.overrides import OverrideSubject, downgrade_overridden, facts_by_topic
from tests.builders import MINUTE, NOW, cards_of, failing, judge_chart, lab, spec
from tests.databases import new_database

FOUND = judge_chart(*failing(lab("antithrombin", 55)))
TOPIC = "antithrombinDose"


@spec(
    "hours, indicator",
    ("just within a day", 24 - MINUTE, "info"),
    ("a day ago", 24, "warning"),
)
def test_an_override_is_remembered_for_a_day(tmp_path: Path, hours: float, indicator: str) -> None:
    found = judge_chart(*failing(lab("antithrombin", 55)))
    ledger = Ledger(new_database(tmp_path))
    ledger.create()
    _override(ledger, hours)
    shown = downgrade_overridden(cards_of(found), found, ledger, OverrideSubject("x", "p"), NOW)
    ledger.close()
    assert next(card.indicator for card in shown if card.topic == TOPIC) == indicator


def _override(ledger: Ledger, hours: float) -> None:
    """The dose card was shown and overridden so many hours ago."""
    words = dict.fromkeys(("client", "user", "hook_instance", "protocol", "protocol_hash"), "x")
    call = words | {"id": "c", "at": NOW.replace(tzinfo=None), "hook": "order-sign"}
    call |= {"patient": "p", "outcome": "cards", "milliseconds": 1, "skipped": 0, "answers": {}}
    card = {"uuid": "u", "call": "c", "topic": TOPIC, "indicator": "warning", "suggestions": []}
    said = dict.fromkeys(("reason_system", "reason_display", "comment", "outcome_at"), "")
    said |= {"client": "x", "service": "x", "id": "f", "card": "u", "outcome": "overridden"}
    received = (NOW - timedelta(hours=hours)).replace(tzinfo=None)
    facts = facts_by_topic(FOUND)[TOPIC]
    with ledger.engine.begin() as connection:
        connection.execute(insert(calls).values(**call))
        connection.execute(insert(cards).values(**card, facts=facts))
        connection.execute(
            insert(feedback).values(
                **said, received=received, suggestions=[], reason_code="disagree"
            )
        )
