"""What the demo's launcher hands out: launch handles, codes and tokens, sealed and short-lived.

Each says by itself what it stands for, so that nothing is stored and any worker process can read
what another has issued; the key is made at start and leaves no process. That a code was used is the
one thing that has to be remembered.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from cryptography.fernet import Fernet, InvalidToken

SECONDS: Mapping[str, int] = {"launch": 300, "code": 60, "token": 900}

FirstUse = Callable[[str], bool]  # whether an id is used for the first time


class UsedIds:
    """Ids that were used in this process; a service of several workers keeps them in its ledger."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._lock = threading.Lock()

    def is_first(self, id_: str) -> bool:
        """Whether this is its first use, which it is recorded as."""
        with self._lock:
            first = id_ not in self._used
            self._used.add(id_)
        return first


@dataclass(frozen=True, slots=True)
class Grants:
    """Issues and reads sealed grants of the kinds in `SECONDS`."""

    first_use: FirstUse
    clock: Callable[[], float] = time.time  # seconds since 1970
    _key: Fernet = field(default_factory=lambda: Fernet(Fernet.generate_key()), repr=False)

    def issue(self, kind: str, held: Mapping[str, Any]) -> str:
        """A sealed text that nobody else can read or make."""
        body = json.dumps({**held, "kind": kind, "id": str(uuid4())})
        return self._key.encrypt_at_time(body.encode(), int(self.clock())).decode()

    def read(self, kind: str, sealed: str) -> Mapping[str, Any] | None:
        """What it holds; None if it is none of this kind, is forged, or has expired."""
        try:
            body = self._key.decrypt_at_time(sealed.encode(), SECONDS[kind], int(self.clock()))
        except (InvalidToken, UnicodeEncodeError):
            return None
        held: Mapping[str, Any] = json.loads(body)
        return held if held["kind"] == kind else None

    def redeem(self, kind: str, sealed: str) -> Mapping[str, Any] | None:
        """The same, once: a second time it is None."""
        held = self.read(kind, sealed)
        return held if held is not None and self.first_use(held["id"]) else None
