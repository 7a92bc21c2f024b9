"""The public keys of one registered EHR: from its key URL, or from a file exchanged beforehand.

Keys are kept for an hour and fetched anew when a token names one we do not have, though not more
often than once a minute, whoever asks. If the EHR's host is down the old keys serve for a day.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt

from cds_service.clients import Client
from cds_service.errors import FhirFault, UnreadableJson
from cds_service.fhir_address import parse_address
from cds_service.fhir_http import Deadline, FhirHttp
from cds_service.json_text import read_json

_FRESH_SECONDS = 3600
_STALE_SECONDS = 86_400
_RETRY_SECONDS = 60
_FETCH_SECONDS = 2.0
_BYTE_CAP = 200_000

Keys = Mapping[str, jwt.PyJWK]
Fetch = Callable[[], object]  # the key set as JSON; raises FhirFault or UnreadableJson


@dataclass(slots=True)
class KeySource:
    """Finds the key a token names; safe to use from several threads."""

    fetch: Fetch
    monotonic: Callable[[], float] = time.monotonic
    _keys: Keys = field(default_factory=dict)
    _fetched: float = float("-inf")
    _tried: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, kid: str) -> jwt.PyJWK | None:
        """The key of this id, or None."""
        with self._lock:
            now = self.monotonic()
            is_wanting = kid not in self._keys or now - self._fetched > _FRESH_SECONDS
            if is_wanting and now - self._tried > _RETRY_SECONDS:
                self._tried = now
                self._refresh(now)
            return self._keys.get(kid) if now - self._fetched <= _STALE_SECONDS else None

    def _refresh(self, now: float) -> None:
        try:
            self._keys = _read_keys(self.fetch())
        except (FhirFault, UnreadableJson, OSError):
            return
        self._fetched = now


def key_source(client: Client) -> KeySource:
    """Where a client's keys come from."""
    if client.jwks_file is not None:
        return KeySource(_from_file(client.jwks_file))
    return KeySource(_from_url(client.jku or ""))


def _from_file(path: Path) -> Fetch:
    return lambda: read_json(path.read_bytes())


def _from_url(url: str) -> Fetch:
    """The URL was registered by the operator, so its host may well lie inside the hospital."""
    address = parse_address(url)
    http = FhirHttp(frozenset({address.host} if address else ()))
    return lambda: http.get(url, "", Deadline(_FETCH_SECONDS), _BYTE_CAP)[0]


def _read_keys(value: object) -> Keys:
    """Keys by id; one that cannot be read costs only itself."""
    rows = value.get("keys") if isinstance(value, Mapping) else None
    if not isinstance(rows, list):
        raise UnreadableJson("not a key set")
    return {row["kid"]: key for row in rows if _has_id(row) and (key := _read_key(row))}


def _has_id(row: object) -> bool:
    return isinstance(row, Mapping) and isinstance(row.get("kid"), str)


def _read_key(row: Mapping[str, Any]) -> jwt.PyJWK | None:
    """A public key for signatures; a symmetric key in a public key set would be no secret."""
    if row.get("kty") not in ("RSA", "EC") or row.get("use", "sig") != "sig":
        return None
    try:
        return jwt.PyJWK(dict(row))
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
