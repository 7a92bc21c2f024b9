"""Rewrites every fixture's expected.json from the live service: `make golden`; read the diff."""

from __future__ import annotations

import json
import sys
from typing import Any

from tests.cases import FIXTURES, advice_for, cases, wire


def expected(name: str) -> dict[str, Any]:
    """The whole answer of the service to a fixture's own request, uuids counted."""
    return {"cards": wire(advice_for(name))}


def written(name: str) -> str:
    """The text of an expected.json."""
    return json.dumps(expected(name), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> int:
    """Write all of them and say which changed."""
    for name in cases():
        path = FIXTURES / name / "expected.json"
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        after = written(name)
        if after != before:
            path.write_text(after, encoding="utf-8")
            sys.stdout.write(f"rewrote {path.relative_to(FIXTURES.parent)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
