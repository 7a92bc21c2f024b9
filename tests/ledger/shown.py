"""Cards that were shown, written straight into a ledger."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, insert

from cds_service.ledger.calls import calls, cards

AT = datetime(2026, 3, 2, 12)  # noqa: DTZ001 - UTC by column


def show(engine: Engine, uuids: Iterable[str], client: str = "General", **call: Any) -> None:
    """One call of this client, and these cards as its answer."""
    words = dict.fromkeys(("user", "hook_instance", "protocol", "protocol_hash"), "x")
    row = words | {"id": str(uuid4()), "at": AT, "client": client, "hook": "order-sign"}
    row |= {"patient": "p", "outcome": "cards", "milliseconds": 1, "skipped": 0, "answers": {}}
    row |= call
    shown = {"call": row["id"], "topic": "antithrombinDose", "indicator": "warning"}
    shown |= {"suggestions": [], "facts": {}}
    rows = [shown | {"uuid": uuid} for uuid in uuids]
    with engine.begin() as connection:
        connection.execute(insert(calls), row)
        if rows:
            connection.execute(insert(cards), rows)


def at_present() -> dict[str, Any]:
    """For a ledger whose service lives now: a call of the past would be purged."""
    return {"at": datetime.now(UTC).replace(tzinfo=None)}
