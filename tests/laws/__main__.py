"""Runs the laws over many charts: `python -m tests.laws --charts 20000`."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.laws.laws import LAWS


def main() -> int:
    """Count charts, answers that broke a law, and name the first seed of each; 1 if any broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--charts", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first chart")
    parser.add_argument("--law", default="", help="only laws whose name holds this")
    chosen = parser.parse_args()
    failed = 0
    for law in (one for one in LAWS if chosen.law in one.__name__):
        began, broken, first = time.perf_counter(), Counter[str](), dict[str, int]()
        for seed in range(chosen.seed, chosen.seed + chosen.charts):
            for wrong in law(seed):
                broken[wrong] += 1
                first.setdefault(wrong, seed)
        seconds, wrong_in_all = time.perf_counter() - began, sum(broken.values())
        print(f"{law.__name__}: {chosen.charts} charts, {wrong_in_all} broken, {seconds:.0f} s")
        for wrong, times in broken.most_common(20):
            print(f"  {times:6} {wrong} (first seed {first[wrong]})")
        failed += bool(broken)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
