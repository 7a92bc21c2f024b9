"""The public keys of one registered EHR: from its key URL, or from a file exchanged beforehand.

After half an hour keys are fetched anew, beside the calls; if that fails they serve for a day. A
key that a token names and we do not have is fetched as well. Only a few calls ever wait for a
fetch, so that a key server that hangs stops nobody. A call whose key is known does not wait at all,
but for half a second after a quiet hour, in which the key may have been withdrawn.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
from cachetools import TTLCache

from cds_service.errors import FhirFault, UnreadableJson
from cds_service.logs import log
from cds_service.outbound.base_url import parse_address
from cds_service.outbound.http import Deadline, FhirHttp
from cds_service.outbound.json_text import read_json
from cds_service.security.clients import Client

FETCH_SECONDS = 2.0  # connecting, headers and body together, however slowly they drip
_FRESH_SECONDS = 3600
_RENEW_SECONDS = 1800
_LOOK_AGAIN_SECONDS = 0.5  # for keys that are no longer fresh
_STALE_SECONDS = 86_400
_ASK_AGAIN_SECONDS = 60  # for one key id that the last good fetch did not bring
_APART_SECONDS = 1.0  # good fetches: what a stranger can make us ask of the EHR's key server
_LONGEST_RETRY_SECONDS = 60.0  # after failures: 1, 2, 4 ... s
_BYTE_CAP = 200_000
_IDS_REMEMBERED = 1_000

# How many calls of a process may wait for keys at a time: of one client, and of all. A process has
# eight threads (gunicorn.conf.py); some are left for calls whose keys are known.
WAITING_OF_ONE, WAITING_OF_ALL = 3, 6

Keys = Mapping[str, jwt.PyJWK]
Fetch = Callable[[], object]  # the key set as JSON; raises FhirFault or UnreadableJson


@dataclass(slots=True)
class JwksCache:
    """Finds the key a token names; safe to use from several threads."""

    fetch: Fetch
    monotonic: Callable[[], float] = time.monotonic
    all_waiting: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(WAITING_OF_ALL)
    )
    name: str = ""  # of the client, for the log
    # Told the client, and whether the fetch was good.
    fetched: Callable[[str, bool], None] = lambda _name, _good: None
    _waiting: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(WAITING_OF_ONE)
    )
    _keys: Keys = field(default_factory=dict)
    _good_at: float = float("-inf")  # when the last good fetch began
    _failures: int = 0  # in a row
    _not_before: float = float("-inf")
    _under_way: threading.Event | None = None
    _asked: TTLCache[str, bool] = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._asked = TTLCache(_IDS_REMEMBERED, _ASK_AGAIN_SECONDS, timer=self.monotonic)

    def find(self, kid: str) -> jwt.PyJWK | None:
        """The key of this id, or None; waits only where it is unknown and being fetched."""
        with self._lock:
            key = self._known(kid)
            if self._is_wanted(kid):
                self._begin()
            under_way, patience = self._under_way, self._patience(key)
        if under_way is None or not patience:
            return key
        self._wait(under_way, patience)
        with self._lock:
            return self._known(kid)

    def begin(self) -> threading.Event | None:
        """Fetch the keys now if there are none; gives what ends with it."""
        with self._lock:
            if not self._keys and self._under_way is None:
                self._begin()
            return self._under_way

    def _known(self, kid: str) -> jwt.PyJWK | None:
        is_usable = self.monotonic() - self._good_at <= _STALE_SECONDS
        return self._keys.get(kid) if is_usable else None

    def _patience(self, key: jwt.PyJWK | None) -> float:
        """How long to wait for a fetch; no known key waits for a server that has failed."""
        if key is None:
            return FETCH_SECONDS
        is_fresh = self.monotonic() - self._good_at <= _FRESH_SECONDS
        return 0.0 if is_fresh or self._failures else _LOOK_AGAIN_SECONDS

    def _is_wanted(self, kid: str) -> bool:
        """Whether a fetch should begin on account of this key id.

        Each unknown id may cause one a minute, not all of them together: an invented one that has
        just been asked for does not keep the id of a new key waiting.
        """
        now = self.monotonic()
        if self._under_way is not None or now < self._not_before:
            return False
        if now - self._good_at > _RENEW_SECONDS:
            return True
        if kid in self._keys or kid in self._asked:
            return False
        self._asked[kid] = True
        return True

    def _begin(self) -> None:
        self._under_way = threading.Event()
        args = (self._under_way, self.monotonic())
        threading.Thread(target=self._refresh, args=args, name="keys", daemon=True).start()

    def _refresh(self, ended: threading.Event, began: float) -> None:
        keys: Keys | None = None
        try:
            keys = _read_keys(self.fetch())
        except (FhirFault, UnreadableJson, OSError) as error:
            log().warning("keys not fetched", client=self.name, problem=type(error).__name__)
        finally:
            with self._lock:
                self._take(keys, began)
                self._under_way = None
            ended.set()
            self.fetched(self.name, keys is not None)

    def _take(self, keys: Keys | None, began: float) -> None:
        if keys is not None:
            self._keys, self._good_at, self._failures = keys, began, 0
            self._not_before = self.monotonic() + _APART_SECONDS
            return
        pause = min(2.0**self._failures, _LONGEST_RETRY_SECONDS)
        self._failures = min(self._failures + 1, 10)
        self._asked.clear()
        self._not_before = self.monotonic() + pause

    def _wait(self, under_way: threading.Event, seconds: float) -> None:
        """Not if enough calls wait already: theirs are the same keys."""
        if not self._waiting.acquire(blocking=False):
            return
        try:
            if self.all_waiting.acquire(blocking=False):
                try:
                    under_way.wait(seconds)
                finally:
                    self.all_waiting.release()
        finally:
            self._waiting.release()


def key_source(
    client: Client,
    all_waiting: threading.BoundedSemaphore | None = None,
    fetched: Callable[[str, bool], None] = lambda _name, _good: None,
) -> JwksCache:
    """Where a client's keys come from; clients of one process share how many calls may wait."""
    fetch = _from_file(client.jwks_file) if client.jwks_file else _from_url(client.jku or "")
    shared = all_waiting or threading.BoundedSemaphore(WAITING_OF_ALL)
    return JwksCache(fetch, all_waiting=shared, name=client.name, fetched=fetched)


def _from_file(path: Path) -> Fetch:
    return lambda: read_json(path.read_bytes())


def _from_url(url: str) -> Fetch:
    """The URL was registered by the operator, so its host may well lie inside the hospital."""
    address = parse_address(url, with_query=True)
    http = FhirHttp(frozenset({address.host} if address else ()))

    def fetch() -> object:
        with Deadline(FETCH_SECONDS).enforced() as deadline:
            return http.get(url, "", deadline, _BYTE_CAP)[0]

    return fetch


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
