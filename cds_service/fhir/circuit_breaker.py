"""A FHIR server that does not answer is left alone for a while, so that waiting for it cannot
occupy every thread: after some calls in a row without any answer only one in a while asks it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field

from cds_service.chart.query_result import QueryResult, QueryState

NOT_ANSWERING = "FHIR server has not been answering"
SILENCE = ("timed out", "not reachable")

_CALLS_IN_A_ROW = 3
_PAUSE_SECONDS = 10.0


@dataclass(slots=True)
class CircuitBreaker:
    """Remembers, per server, how many calls in a row brought nothing; shared by all threads."""

    monotonic: Callable[[], float] = time.monotonic
    _silent: dict[Hashable, int] = field(default_factory=dict)
    _asked: dict[Hashable, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def lets(self, server: Hashable) -> bool:
        """Whether a call may ask this server now."""
        with self._lock:
            if self._silent.get(server, 0) < _CALLS_IN_A_ROW:
                return True
            now = self.monotonic()
            if now - self._asked[server] < _PAUSE_SECONDS:
                return False
            self._asked[server] = now
            return True

    def learn(self, server: Hashable, answers: Iterable[QueryResult]) -> None:
        """Take note of what a call brought."""
        with self._lock:
            if all(_is_silence(answer) for answer in answers):
                self._silent[server] = self._silent.get(server, 0) + 1
                self._asked[server] = self.monotonic()
            else:
                self._silent.pop(server, None)


def _is_silence(answer: QueryResult) -> bool:
    return answer.state is QueryState.FAILED and answer.problem in SILENCE
