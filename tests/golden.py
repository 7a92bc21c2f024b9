"""Rewrites every fixture's expected.json and answers.txt from the live service: `make golden`.

Read the diff: expected.json is what the clinician sees, answers.txt what each rule said.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from cds_service.assessment.model.case import Case
from cds_service.assessment.model.verdict import Evidence, Reason, Verdict
from cds_service.chart.fhir_datetime import Stretch
from tests.cases import FIXTURES, advice_for, cases, wire

# As the record has them, not worked out; a level's evidence tells its result.
LEFT_OUT = {
    "segments",
    "changes",
    "order",
    "last_dose",
    "result",
    "concept",
    "history",
    "pairs",
    "steps",
}


def expected(name: str) -> dict[str, Any]:
    """The whole answer of the service to a fixture's own request, uuids counted."""
    return {"cards": wire(advice_for(name))}


def written(name: str) -> str:
    """The text of an expected.json."""
    return json.dumps(expected(name), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def answers(name: str) -> str:
    """The text of an answers.txt: every rule's answer, then all that was measured for them."""
    findings = advice_for(name).findings
    lines = [*_told("", dict(findings.verdicts)), "", *_told("", findings.measured)]
    return "\n".join(lines) + "\n"


def _told(name: str, value: object) -> Iterator[str]:
    """A line for every value that says something, and one for each fact an answer rests on."""
    if isinstance(value, Verdict):
        yield f"{name} {value.truth.value}"
        yield from (f"  {line}" for line in map(_fact, (*value.facts, *value.reasons)))
    elif isinstance(value, Evidence):
        yield f"{name} = {_fact(value)}"
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _told(key, part)
    elif is_dataclass(value) and not isinstance(value, Case):
        for part in (f.name for f in fields(value) if f.name not in LEFT_OUT):
            yield from _told(f"{name}.{part}".strip("."), getattr(value, part))
    elif isinstance(value, tuple) and value and is_dataclass(value[0]):
        for place, part in enumerate(value, 1):
            yield from _told(f"{name}.{place}", part)
    elif not isinstance(value, Case) and value is not False and value not in (None, "", ()):
        yield f"{name} = {_plain(value)}"


def _fact(fact: Evidence | Reason) -> str:
    if isinstance(fact, Reason):
        return f"{fact.fact}: {fact.why} {fact.detail}".strip()
    value = fact.written or f"{fact.comparator}{_plain(fact.value)} {fact.unit}".strip()
    hours = f"{_plain(fact.hours)} h" if fact.hours is not None else ""
    at = _plain(fact.at) if fact.at else ""
    return " | ".join(part for part in (fact.fact, value, at, fact.source, fact.how, hours) if part)


def _plain(value: object) -> str:
    if isinstance(value, Stretch):
        return value.written
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, tuple):
        return ", ".join(_plain(part) for part in value)
    return str(value)


RECORDS: Mapping[str, Callable[[str], str]] = {"expected.json": written, "answers.txt": answers}


def main() -> int:
    """Write all of them and say which changed."""
    for name in cases():
        for file, text in RECORDS.items():
            path = FIXTURES / name / file
            before = path.read_text(encoding="utf-8") if path.exists() else ""
            after = text(name)
            if after != before:
                path.write_text(after, encoding="utf-8")
                sys.stdout.write(f"rewrote {path.relative_to(FIXTURES.parent)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
