"""Token ids that were used already: each may be used once until it expires.

Kept in the database, so that all workers know them; if that fails for a moment, each worker
still remembers its own.
"""

from __future__ import annotations

import hashlib
import threading
from datetime import UTC, datetime, timedelta

from cachetools import TTLCache
from sqlalchemy import Column, DateTime, String, Table

from cds_service.errors import NotStored
from cds_service.ledger.database import Ledger, Purge, cause, insert_new
from cds_service.ledger.schema import metadata
from cds_service.logs import log

seen_tokens = Table(
    "seen_token",
    metadata,
    Column("id", String(64), primary_key=True),  # hash of client and jti
    Column("expires", DateTime(), nullable=False, index=True),  # UTC
)

_PURGE_EVERY = timedelta(minutes=10)
_REMEMBERED = 100_000
_REMEMBERED_SECONDS = 3900  # longer than any token we accept lives


class SeenTokens:
    """Tells a first use from a repeated one."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._own: TTLCache[str, bool] = TTLCache(_REMEMBERED, _REMEMBERED_SECONDS)
        self._lock = threading.Lock()
        self._purge = Purge(ledger, seen_tokens, _PURGE_EVERY)

    def is_new(self, client: str, jti: str, expires: datetime, now: datetime) -> bool:
        """Record the use of a token; whether it was the first."""
        token_id = hashlib.sha256(f"{client}\0{jti}".encode()).hexdigest()
        with self._lock:
            if token_id in self._own:
                return False
            self._own[token_id] = True
        return self._is_new_to_all(token_id, _utc(expires), _utc(now))

    def _is_new_to_all(self, token_id: str, expires: datetime, now: datetime) -> bool:
        try:
            with self._ledger.writing() as connection:
                row = {"id": token_id, "expires": expires}
                is_new = insert_new(connection, seen_tokens, [row]) > 0
        except NotStored as error:
            self._ledger.failed(seen_tokens)
            log().error("token id not stored", error=cause(error))
            return True
        self._purge.when_due(now, lambda: seen_tokens.c.expires < now)
        return is_new


def _utc(time: datetime) -> datetime:
    """SQLite keeps no zone: all times in the database are UTC without one."""
    return time.astimezone(UTC).replace(tzinfo=None)
