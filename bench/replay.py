"""What a replay costs as the export grows: patients a second, and the most memory at one moment.

    python -m bench.replay             1x, 4x and 16x of 625 invented stays, two workers
    python -m bench.replay --stays 50  the same, small

Memory is that of the command and all its workers together, shared pages counted once (PSS),
looked at five times a second.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.hospital import write_hospital

SIZES = (1, 4, 16)
COMMAND = (str(Path(sys.executable).with_name("heparin-cds")), "replay")


@dataclass(frozen=True)
class Measured:
    stays: int
    workers: int
    seconds: float
    peak: int  # bytes
    questions: int


def measure(source: Path, stays: int, workers: int) -> Measured:
    """Run one replay to its end."""
    with tempfile.TemporaryDirectory() as out:
        began = time.perf_counter()
        run = subprocess.Popen(
            [*COMMAND, str(source), "--out", out, "--workers", str(workers)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        memory = Memory(run.pid)
        memory.start()
        if run.wait():
            raise SystemExit(f"the replay of {source} failed")
        seconds = time.perf_counter() - began
        memory.join()
        with (Path(out) / "patients.csv").open(encoding="utf-8", newline="") as rows:
            questions = sum(int(row["questions"]) for row in csv.DictReader(rows))
    return Measured(stays, workers, seconds, memory.peak, questions)


class Memory(threading.Thread):
    """Watches a process and its children until they are gone."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.root = psutil.Process(pid)
        self.peak = 0

    def run(self) -> None:
        while self.root.is_running() and self.root.status() != psutil.STATUS_ZOMBIE:
            self.peak = max(self.peak, sum(_shares(self.root)))
            time.sleep(0.2)


def _shares(root: psutil.Process) -> Iterator[int]:
    try:
        for process in (root, *root.children(recursive=True)):
            yield process.memory_full_info().pss
    except psutil.Error:
        return


def measure_all(stays: int) -> list[Measured]:
    """Growing sizes with two workers, then the largest with one."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            write_hospital(stays * size, Path(folder) / str(size))
            found.append(_told(measure(Path(folder) / str(size), stays * size, 2)))
        largest = SIZES[-1]
        found.append(_told(measure(Path(folder) / str(largest), stays * largest, 1)))
    return found


def _told(one: Measured) -> Measured:
    print(
        f"{one.stays:>7,} stays  {one.workers} workers  {one.seconds:7.1f} s"
        f"  {one.stays / one.seconds:6.1f} stays/s  {one.questions / one.seconds:6.0f} questions/s"
        f"  peak {one.peak / 1e6:6.0f} MB",
        flush=True,
    )
    return one


def main() -> None:
    """Measure, and print the two ratios that have a budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stays", type=int, default=625)
    small, _, large, alone = measure_all(parser.parse_args().stays)
    print(f"peak memory, 16x to 1x: {large.peak / small.peak:.2f} (budget 1.30)")
    print(f"two workers to one: {alone.seconds / large.seconds:.2f} (budget 1.70)")


if __name__ == "__main__":
    main()
