"""A steady stream of calls, and what became of each, counted as a proxy in front would have to.

A call that nobody took may go elsewhere: its connection was refused, or was a kept one that the
service closed, idle, as the call was written. Whatever was taken and not answered is a failure.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException

from tests.calls import request
from tests.cases import cases
from tests.running import SECONDS, at_present, until
from tests.service import CASE, prefetch_of

PATH = "/cds-services/heparin-patient-view"


@dataclass
class Tally:
    """What one caller met; `+` adds what another did."""

    calls: int = 0
    answered: int = 0  # 200, with cards
    refused: int = 0  # connections refused: the call went to the next instance
    closed: int = 0  # kept connections closed while idle: the call went over a new one
    failures: list[str] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)  # seconds, tries included

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.calls + other.calls,
            self.answered + other.answered,
            self.refused + other.refused,
            self.closed + other.closed,
            self.failures + other.failures,
            self.latencies + other.latencies,
        )

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        ordered = sorted(self.latencies) or [float("nan")]
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000


def body() -> bytes:
    """A chart is opened, complete prefetch, a patient of today whose answer has cards."""
    call = request(CASE, "patient-view") | {"prefetch": prefetch_of()}
    return json.dumps(at_present(call, cases()[CASE].now)).encode()


class Caller(threading.Thread):
    """Posts call after call to the instances in turn, over kept connections or one for each."""

    def __init__(self, ports: Sequence[int], *, keep: bool, pause: float = 0.0) -> None:
        super().__init__(daemon=True)
        self.tally = Tally()
        self.ended = threading.Event()
        self._lines = [HTTPConnection("127.0.0.1", port, timeout=SECONDS) for port in ports]
        self._keep, self._pause, self._turn, self._body = keep, pause, 0, body()

    def run(self) -> None:
        while not self.ended.is_set():
            self.call()
            self.ended.wait(self._pause)
        self.close()

    def close(self) -> None:
        for line in self._lines:
            line.close()

    def call(self) -> None:
        """One more."""
        began = time.perf_counter()
        failure = self._tried()
        self.tally.latencies.append(time.perf_counter() - began)
        self.tally.calls += 1
        if failure:
            self.tally.failures.append(failure)
        else:
            self.tally.answered += 1

    def _tried(self) -> str:
        """Why it failed, or nothing."""
        refused = 0
        while refused < len(self._lines):
            line = self._lines[self._turn % len(self._lines)]
            kept = line.sock is not None
            try:
                if not kept:
                    line.connect()
            except ConnectionRefusedError:
                self.tally.refused += 1
                refused += 1
                self._turn += 1
                continue
            try:
                failure = self._ask(line)
            except (OSError, HTTPException) as error:
                line.close()
                if kept and isinstance(error, ConnectionError):  # before any byte of an answer
                    self.tally.closed += 1
                    continue
                return f"{type(error).__name__} on a {'kept' if kept else 'new'} connection"
            self._turn += 1
            return failure
        return "refused by all"

    def _ask(self, line: HTTPConnection) -> str:
        headers = {"Content-Type": "application/json"}
        headers |= {} if self._keep else {"Connection": "close"}
        line.request("POST", PATH, self._body, headers)
        answer = line.getresponse()
        try:
            text = answer.read()
        except ConnectionError as error:
            raise HTTPException("cut within an answer") from error
        if answer.will_close:
            line.close()
        if answer.status != 200:
            return f"status {answer.status}"
        return "" if json.loads(text)["cards"] else "no cards"


class Stream:
    """Several callers at once."""

    def __init__(self, callers: Sequence[Caller]) -> None:
        self._callers = callers

    def tally(self) -> Tally:
        """So far."""
        return sum((caller.tally for caller in self._callers), Tally())

    def some_more(self, calls: int) -> None:
        """Wait until so many more calls have ended."""
        goal = self.tally().calls + calls
        until(lambda: self.tally().calls >= goal, "more calls ended")


@contextmanager
def steady_calls(
    ports: Sequence[int], kept: Sequence[bool], pause: float = 0.0
) -> Iterator[Stream]:
    """Calls without end while the block runs; all have ended after it.

    One caller for each of `kept`: over a kept connection, or over a new one for each call.
    """
    callers = [Caller(ports, keep=keep, pause=pause) for keep in kept]
    for caller in callers:
        caller.start()
    try:
        yield Stream(callers)
    finally:
        for caller in callers:
            caller.ended.set()
        for caller in callers:
            caller.join()
