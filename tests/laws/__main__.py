"""Runs the laws over many charts: `python -m tests.laws --charts 20000`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.laws.laws import LAWS, Law

CHUNK = 50  # charts that a process takes at a time


def main() -> int:
    """Count charts, answers that broke a law, and name the first seed of each; 1 if any broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--charts", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first chart")
    parser.add_argument("--law", default="", help="only laws whose name holds this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    chosen = parser.parse_args()
    failed = 0
    with ProcessPoolExecutor(chosen.jobs) as pool:
        for law in (one for one in LAWS if chosen.law in one.__name__):
            began, broken, first = time.perf_counter(), Counter[str](), dict[str, int]()
            for seed, wrong in _broken(pool, law, range(chosen.seed, chosen.seed + chosen.charts)):
                broken[wrong] += 1
                first.setdefault(wrong, seed)
            seconds, wrongs = time.perf_counter() - began, sum(broken.values())
            print(f"{law.__name__}: {chosen.charts} charts, {wrongs} broken, {seconds:.0f} s")
            for wrong, times in broken.most_common(20):
                print(f"  {times:6} {wrong} (first seed {first[wrong]})")
            failed += bool(broken)
    return 1 if failed else 0


def _broken(pool: ProcessPoolExecutor, law: Law, seeds: range) -> Iterator[tuple[int, str]]:
    chunks = [seeds[place : place + CHUNK] for place in range(0, len(seeds), CHUNK)]
    for found in pool.map(_of_chunk, [law] * len(chunks), chunks):
        yield from found


def _of_chunk(law: Law, seeds: range) -> list[tuple[int, str]]:
    return [(seed, wrong) for seed in seeds for wrong in law(seed)]


if __name__ == "__main__":
    sys.exit(main())
