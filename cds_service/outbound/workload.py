"""How much one call may be: bytes, values, resources and time, over its body and all FHIR answers.

JSON is weighed before it is parsed, by counting what starts or separates a value: a body of a few
megabytes can be a million empty lists, and those take fifty times the room. What all calls of a
process hold together is bounded as well (`Room`), so that its memory is known in advance.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from time import monotonic
from types import TracebackType
from typing import Self

from cds_service.errors import BodyTooLarge, Busy, TookTooLong

# Bytes of memory that a value takes at worst, its parsing included: measured with dicts of one key
# in chains, dicts of many keys, empty lists, short strings. An Observation takes half of that.
_BYTES_A_VALUE = 200
_RESOURCE = b'"resourceType"'
_SMALL = 65_536  # bytes: at worst some thousands of values
ROOM = 400_000_000  # bytes that parsed JSON may take in one process, all its calls together
_WAITING = 4  # calls that may wait for room; a process has eight threads (gunicorn.conf.py)


@dataclass(frozen=True, slots=True)
class CallLimits:
    """The most that one call may be, its body and all FHIR answers together."""

    seconds: float = 7.0  # reading, asking and computing
    bytes: int = 32 * 1024 * 1024
    values: int = 1_000_000
    resources: int = 25_000  # entries and contained ones


class Room:
    """The memory that the calls of a process share; a call that finds none waits for a moment."""

    def __init__(self, size: int = ROOM, waiting: int = _WAITING) -> None:
        self._free = self._size = size
        self._may_wait = waiting
        self._changed = threading.Condition()

    def enter(self, weight: int, seconds: float) -> int:
        """Take so much, or all if it is more than there is; gives what was taken."""
        weight = min(weight, self._size)
        with self._changed:
            if self._free < weight:
                if self._may_wait <= 0:
                    raise Busy
                self._may_wait -= 1
                try:
                    if not self._changed.wait_for(lambda: self._free >= weight, max(seconds, 0)):
                        raise Busy
                finally:
                    self._may_wait += 1
            self._free -= weight
        return weight

    def leave(self, weight: int) -> None:
        """Give it back."""
        with self._changed:
            self._free += weight
            self._changed.notify_all()


@dataclass(slots=True)
class Workload:
    """What one call has used of its limits; its FHIR answers are read by several threads."""

    limits: CallLimits
    room: Room
    _ends: float = field(init=False)
    _bytes: int = 0
    _values: int = 0
    _resources: int = 0
    _held: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._ends = monotonic() + self.limits.seconds

    @property
    def remaining(self) -> float:
        """Seconds left; not above zero when the call is over."""
        return self._ends - monotonic()

    def still(self) -> None:
        """Go on only if there is time left: later nobody listens any more."""
        if monotonic() >= self._ends:
            raise TookTooLong

    def count(self, size: int) -> None:
        """Bytes that were read."""
        with self._lock:
            self._bytes += size
            if self._bytes > self.limits.bytes:
                raise BodyTooLarge("The call has more bytes than this service reads.")

    def hold(self, text: bytes) -> None:
        """Weigh JSON that is about to be parsed, and find room for it."""
        values, resources = self._contents(text)
        with self._lock:
            self._values += values
            self._resources += resources
            if self._values > self.limits.values:
                raise BodyTooLarge("The call has more values than this service reads.")
            if self._resources > self.limits.resources:
                raise BodyTooLarge("The call has more resources than this service reads.")
        taken = self.room.enter(len(text) + values * _BYTES_A_VALUE, self.remaining)
        with self._lock:
            self._held += taken

    def _contents(self, text: bytes) -> tuple[int, int]:
        """How many values and resources it holds; of a small body that is put high, unlooked at.

        To look costs most calls more than all else that is done with their body but parsing it.
        """
        at_most = len(text), len(text) // len(_RESOURCE)
        fits = at_most[0] <= self.limits.values and at_most[1] <= self.limits.resources
        if not self._held and len(text) <= _SMALL and fits:
            return len(text) // 2, 0
        values = len(text) - len(text.translate(None, b",[{"))  # one pass in place of three
        return values, text.count(_RESOURCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        with self._lock:
            held, self._held = self._held, 0
        self.room.leave(held)
