"""What callers notice of a restart: `python -m bench.restart`, about two minutes.

    python -m bench.restart --seconds 5     a quick look

Steady calls from a few threads, while one instance is told to reload over and over; while one is
stopped and started again whose socket systemd keeps (docs/heparin-cds.socket); and while one of two
is stopped and started again, each in its turn. A call that nobody took goes to the other instance,
or over a new connection, as a proxy does it; such retries are counted. Anything else than 200 with
cards is a failure, and there must be none.
"""

from __future__ import annotations

import argparse
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.load_during_restart import Stream, Tally, steady_calls
from tests.running import Gunicorn

BETWEEN = 40  # calls, so that every restart meets a stream under way


def main() -> int:
    """Measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=25.0, help="of each of the six rounds")
    parser.add_argument("--callers", type=int, default=4)
    parser.add_argument(
        "--pause", type=float, default=0.02, help="seconds between a caller's calls"
    )
    chosen = parser.parse_args()
    print(f"{'':<42} requests answered retried failed  restarts   p50 ms   p99 ms   max ms")
    failed = 0
    for name, count, kept_open, disturb in ROUNDS:
        for keep in (False, True):
            with running(count, kept_open) as instances:
                ports = [instance.port for instance in instances]
                with steady_calls(ports, [keep] * chosen.callers, chosen.pause) as stream:
                    restarts = disturbed(stream, instances, disturb, chosen.seconds)
            found = stream.tally()
            failed += len(found.failures)
            show(f"{name}, {'kept connections' if keep else 'one each'}", found, restarts)
    return 1 if failed else 0


@contextmanager
def running(count: int, kept_open: bool) -> Iterator[list[Gunicorn]]:
    """So many instances, on one ledger."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        database = f"sqlite:///{folder}/ledger.sqlite"
        instances = []
        for _ in range(count):
            door = socket.create_server(("127.0.0.1", 0)) if kept_open else None
            if door:
                stack.enter_context(door)
            instances.append(Gunicorn(Path(folder), database, door=door))
            stack.callback(instances[-1].kill_all)
        for instance in instances:
            instance.wait()
        yield instances


def disturbed(
    stream: Stream,
    instances: Sequence[Gunicorn],
    disturb: Callable[[Gunicorn], None],
    seconds: float,
) -> int:
    """Disturb one instance after the other; how often."""
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        stream.some_more(BETWEEN)
        disturb(instances[count % len(instances)])
        count += 1
    stream.some_more(BETWEEN)
    return count


def reload(instance: Gunicorn) -> None:
    """New workers, while the old ones finish."""
    instance.reload()


def stop(instance: Gunicorn) -> None:
    """Down, and up again."""
    instance.stop()
    instance.start()
    instance.wait()


ROUNDS = (
    ("reload of one", 1, False, reload),
    ("stop of one, socket kept", 1, True, stop),
    ("stop of one of two", 2, False, stop),
)


def show(name: str, found: Tally, restarts: int) -> None:
    """One line, and why calls failed."""
    retried = found.refused + found.closed
    times = "".join(f"{found.percentile(share):9.1f}" for share in (0.5, 0.99, 1))
    print(
        f"{name:<42} {found.calls:8} {found.answered:8} {retried:7} {len(found.failures):6}"
        f" {restarts:9}{times}",
        flush=True,
    )
    if retried:
        print(f"    retried: {found.refused} refused, {found.closed} kept ones closed while idle")
    for reason, times_seen in Counter(found.failures).items():
        print(f"    FAILED: {times_seen} x {reason}")


if __name__ == "__main__":
    sys.exit(main())
