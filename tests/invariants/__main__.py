"""Runs the never list over many generated charts: `python -m tests.invariants --charts 10000`."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.invariants.judge import judged


def main() -> int:
    """Count calls, cards and broken rules; 1 when any is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--charts", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first chart")
    parser.add_argument("--protocol", default="default")
    chosen = parser.parse_args()
    began, topics, broken = time.perf_counter(), Counter[str](), Counter[str]()
    first: dict[str, int] = {}
    for seed in range(chosen.seed, chosen.seed + chosen.charts):
        cards, wrong = judged(seed, chosen.protocol)
        topics.update(card["source"]["topic"]["code"] for card in cards)
        broken.update(wrong)
        for one in wrong:
            first.setdefault(one, seed)
    out = sys.stdout.write
    seconds = time.perf_counter() - began
    out(f"{chosen.charts} charts from seed {chosen.seed}, {sum(topics.values())} cards, ")
    out(f"{seconds:.0f} s\n")
    for topic, count in topics.most_common():
        out(f"  {count:6} {topic}\n")
    for one, count in broken.most_common():
        out(f"BROKEN {count:6} {one} (first seed {first[one]})\n")
    out(f"{len(broken)} rules broken\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
