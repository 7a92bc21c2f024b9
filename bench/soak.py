"""The service under everything at once: `python -m bench.soak --minutes 10`.

Two instances on one ledger, with a proxy's manners in front (tests/load_during_restart.py). Steady
calls, some over kept connections; feedback that is sent again until it is acknowledged; charts of
thousands of results; bodies that are too large; clients that send nothing or stop in the middle;
and, once in a while, SIGHUP or a stop and start of one instance. At the end: no call failed, every
acknowledged feedback is there once, and memory, file handles and threads of the workers are flat.
"""

from __future__ import annotations

import argparse
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from uuid import uuid4

import requests
from sqlalchemy import select

from bench import payload
from cds_service.ledger.database import Ledger
from cds_service.ledger.feedback import feedback
from tests.floods import BODIES
from tests.ledger.shown import at_present, show
from tests.load_during_restart import PATH, steady_calls
from tests.running import Gunicorn

HEADERS = {"Content-Type": "application/json"}
BETWEEN_RESTARTS = 20.0  # seconds
CARDS = 200_000  # shown beforehand, to be answered
# A worker of the second half of the run may be so much larger than one of the first.
MEMORY_GROWTH, HANDLE_GROWTH, THREAD_GROWTH = 60, 8, 4


class Measured:
    """What the workers of all instances take, now and then."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, int, int, int]] = []  # second, MB, handles, threads

    def look(self, instances: Sequence[Gunicorn], second: float) -> None:
        """The largest worker of all."""
        found = [one for i in instances for pid in _workers(i) if (one := _taken(pid))]
        if found:
            self.rows.append((second, *map(max, zip(*found, strict=True))))

    def settled(self, half: int) -> tuple[int, int, int]:
        """The medians of one half of the run: one sample may meet a flood."""
        middle = len(self.rows) // 2
        rows = self.rows[:middle] if half == 0 else self.rows[middle:]
        columns = list(zip(*rows, strict=True))[1:]
        return tuple(sorted(column)[len(column) // 2] for column in columns)  # type: ignore[return-value]


def _workers(instance: Gunicorn) -> list[int]:
    with suppress(OSError, ValueError):
        return instance.workers()
    return []


def _taken(pid: int) -> tuple[int, int, int] | None:
    with suppress(OSError, ValueError):
        status = dict(
            line.split(":", 1)
            for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
        )
        handles = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        return int(status["VmRSS"].split()[0]) // 1024, handles, int(status["Threads"])
    return None


class Teller(threading.Thread):
    """Sends feedback on one card after the other, each until it is acknowledged."""

    def __init__(self, ports: Sequence[int], cards: Sequence[str], ended: threading.Event) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[str] = []
        self._ports, self._cards, self._ended = ports, cards, ended

    def run(self) -> None:
        turns = count()
        for card in self._cards:
            while not self._ended.is_set() and not self._told(card, next(turns)):
                time.sleep(0.05)
            if self._ended.wait(0.02):
                return

    def _told(self, card: str, turn: int) -> bool:
        url = f"http://127.0.0.1:{self._ports[turn % len(self._ports)]}{PATH}/feedback"
        at = datetime.now(UTC).isoformat()
        item = {"card": card, "outcome": "accepted", "outcomeTimestamp": at}
        with suppress(requests.RequestException):
            if requests.post(url, json={"feedback": [item]}, timeout=30).status_code == 200:
                self.acknowledged.append(card)
                return True
        return False


@contextmanager
def nuisances(ports: Sequence[int], ended: threading.Event) -> Iterator[None]:
    """Large charts, floods and slow clients, now and then."""
    chart = payload.patient_view(3000)
    flood = BODIES["16 MB of small objects"]()

    def send(text: bytes, pause: float) -> None:
        for turn in count():
            url = f"http://127.0.0.1:{ports[turn % len(ports)]}{PATH}"
            with suppress(requests.RequestException):
                requests.post(url, data=text, headers=HEADERS, timeout=60)
            if ended.wait(pause):
                return

    def dawdle() -> None:
        for turn in count():
            with suppress(OSError):
                address = ("127.0.0.1", ports[turn % len(ports)])
                with socket.create_connection(address, timeout=5) as line:
                    if turn % 2:
                        line.sendall(b"POST /cds-services HTTP/1.1\r\nContent-Le")
                    ended.wait(12)
            if ended.is_set():
                return

    tasks: list[Callable[[], None]] = [
        lambda: send(chart, 0.5), lambda: send(flood, 3.0), dawdle, dawdle
    ]  # fmt: skip
    threads = [threading.Thread(target=task, daemon=True) for task in tasks]
    for one in threads:
        one.start()
    yield
    ended.set()
    for one in threads:
        one.join()


def main() -> int:
    """Run, print what was measured and what was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--callers", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = f"sqlite:///{folder}/ledger.sqlite"
        ledger = Ledger(database)
        ledger.create()
        cards = [str(uuid4()) for _ in range(CARDS)]
        show(ledger.engine, cards, "open", **at_present())
        instances = [Gunicorn(Path(folder), database, workers=1) for _ in range(2)]
        try:
            for one in instances:
                one.wait()
            faults = soak(instances, ledger, cards, chosen.minutes * 60, chosen.callers)
        finally:
            for one in instances:
                one.kill_all()
            ledger.close()
    for fault in faults:
        print(f"FAILED: {fault}")
    return 1 if faults else 0


def soak(
    instances: Sequence[Gunicorn],
    ledger: Ledger,
    cards: Sequence[str],
    lasting: float,
    callers: int,
) -> list[str]:
    """What was wrong."""
    ports = [one.port for one in instances]
    ended, measured, restarts = threading.Event(), Measured(), 0
    teller = Teller(ports, cards, ended)
    kept = [number % 2 == 0 for number in range(callers)]
    began = time.monotonic()
    with steady_calls(ports, kept, 0.02) as stream, nuisances(ports, ended):
        teller.start()
        while (second := time.monotonic() - began) < lasting:
            if second > (restarts + 1) * BETWEEN_RESTARTS:
                disturb(instances, restarts)
                restarts += 1
            measured.look(instances, second)
            time.sleep(1)
        ended.set()
    teller.join()
    tally = stream.tally()
    with ledger.reading() as connection:
        stored = list(connection.execute(select(feedback.c.card)).scalars())
    first, second_half = measured.settled(0), measured.settled(1)
    print(f"{tally.calls} calls, {tally.answered} answered, {tally.refused} went to the other")
    print(f"p50 {tally.percentile(0.5):.0f} ms, p99 {tally.percentile(0.99):.0f} ms")
    print(f"{len(teller.acknowledged)} feedback items acknowledged; {restarts} restarts")
    print(f"largest worker, first half:  {first[0]} MB, {first[1]} handles, {first[2]} threads")
    print(f"largest worker, second half: {second_half[0]} MB, {second_half[1]} handles,"
          f" {second_half[2]} threads")  # fmt: skip
    return [*tally.failures, *_lost(teller.acknowledged, stored), *_grown(first, second_half)]


def disturb(instances: Sequence[Gunicorn], number: int) -> None:
    """In turn: SIGHUP to one, SIGTERM and a new start of the other."""
    instance = instances[number % len(instances)]
    if number % 4 < 2:
        instance.reload()
        return
    instance.stop()
    instance.start()
    instance.wait()


def _lost(acknowledged: Sequence[str], stored: Sequence[str]) -> Iterator[str]:
    missing = set(acknowledged) - set(stored)
    if missing:
        yield f"{len(missing)} acknowledged feedback items are not there"
    if len(set(stored)) != len(stored):
        yield "feedback is there twice"


def _grown(first: tuple[int, int, int], second: tuple[int, int, int]) -> Iterator[str]:
    limits = (MEMORY_GROWTH, HANDLE_GROWTH, THREAD_GROWTH)
    for what, before, after, most in zip(
        ("MB", "handles", "threads"), first, second, limits, strict=True
    ):
        if after - before > most:
            yield f"workers grew from {before} to {after} {what}"


if __name__ == "__main__":
    sys.exit(main())
