"""Says what `make mutate` found: the share of mutants that a test, or a timeout, caught."""

from __future__ import annotations

import json
import sys
from pathlib import Path

LEAST = 85  # per cent
SEEN = "cd .run/mutate && ../../.venv-mutate/bin/mutmut results   (then: mutmut show NAME)"


def main(found: str) -> int:
    """Print the figures; the exit code says whether they suffice."""
    count = json.loads(Path(found).read_text(encoding="utf-8"))
    score = 100 * (count["killed"] + count["timeout"]) / count["total"]
    kinds = ("killed", "timeout", "survived", "no_tests", "suspicious", "segfault", "skipped")
    print(f"{count['total']} mutants:", ", ".join(f"{count[k]} {k}" for k in kinds if count[k]))
    print(f"Score {score:.1f} % (at least {LEAST} %). The survivors: {SEEN}")
    return int(score < LEAST)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
