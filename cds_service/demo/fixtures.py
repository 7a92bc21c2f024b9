"""Patients from `fhir_fixtures/`, and the same patients moved to another moment.

Pure but for reading the folder. A case is dated relative to the `now` of its case.md; `shifted`
moves every FHIR date with it, so that the patient is always in the same state *at present*.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

Resource = Mapping[str, Any]

# Elements whose type is date, dateTime or instant. By name: a text that looks like a date is text.
TIME_ELEMENT = re.compile(
    r"(Date|DateTime|Instant|date|Time\d?)$"
    r"|^(start|end|issued|authoredOn|authored|lastUpdated|created|recorded|sent|timestamp|event"
    r"|time|dateAsserted|lastOccurrence|whenPrepared|whenHandedOver)$"
)
WHOLE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?")
WHOLE_DATE = re.compile(r"\d{4}-\d\d-\d\d")
PART_OF_DATE = re.compile(r"\d{4}(-\d\d)?")
FRONT_MATTER = re.compile(r"\A\+\+\+\n(.*?)\n\+\+\+\n(.*)\Z", re.DOTALL)
MIDDLE_OF = {4: "-07-01", 7: "-15"}  # by length of YYYY, YYYY-MM


class FixtureError(ValueError):
    """The fixture folder cannot be used; the message lists every fault with its file."""


@dataclass(frozen=True, slots=True)
class Fixture:
    """One invented patient: the story, the resources, and the hook call to make."""

    name: str
    now: datetime
    hook: str
    one_line: str
    story: str
    front_matter: Mapping[str, Any]
    resources: tuple[Resource, ...]
    request: Resource

    @property
    def patient(self) -> Resource:
        """The patient's own resource."""
        return next(entry for entry in self.resources if entry["resourceType"] == "Patient")


def load_cases(folder: Path) -> tuple[Fixture, ...]:
    """Every case of the folder, by name; raises `FixtureError` with all faults at once."""
    cases, faults = [], []
    for case_file in sorted(folder.glob("*/case.md")):
        try:
            cases.append(_case(case_file.parent))
        except (KeyError, ValueError, OSError, StopIteration) as fault:
            faults.append(f"{case_file.parent.name}: {type(fault).__name__}: {fault}")
    faults += _shared_ids(cases)
    if faults:
        raise FixtureError("\n".join(faults))
    return tuple(cases)


def choose(cases: Iterable[Fixture], wanted: str) -> Fixture | None:
    """The case with this folder's name, number (01 or 1) or patient id; None if there is none."""
    found = [
        case
        for case in cases
        if wanted in (case.name, case.patient["id"])
        or (wanted.isdecimal() and _number(case.name) == _number(wanted))
    ]
    return found[0] if len(found) == 1 else None


def _number(name: str) -> str:
    """The number that a folder's name begins with, without leading zeros."""
    return name.split("-")[0].lstrip("0")


def shifted(case: Fixture, now: datetime) -> Fixture:
    """The same patient with `now` as the present: times move exactly, dates by whole days."""
    by = now - case.now
    days = timedelta(days=(now.astimezone(case.now.tzinfo).date() - case.now.date()).days)
    return replace(
        case,
        now=now,
        resources=tuple(_moved(resource, "", by, days) for resource in case.resources),
        request=_moved(case.request, "", by, days),
    )


def _case(folder: Path) -> Fixture:
    front, story = _front_matter((folder / "case.md").read_text(encoding="utf-8"))
    bundle = json.loads((folder / "server.json").read_text(encoding="utf-8"))
    now = front["now"] if isinstance(front["now"], datetime) else _time(front["now"])
    if now.tzinfo is None:
        raise ValueError("case.md: now needs an offset")
    case = Fixture(
        name=folder.name,
        now=now,
        hook=front["hook"],
        one_line=front["one_line"],
        story=story.strip(),
        front_matter=front,
        resources=tuple(entry["resource"] for entry in bundle["entry"]),
        request=json.loads((folder / "request.json").read_text(encoding="utf-8")),
    )
    if case.patient["id"] != case.request["context"]["patientId"]:
        raise ValueError("request.json: context.patientId is not the patient of server.json")
    return case


def _front_matter(text: str) -> tuple[dict[str, Any], str]:
    parts = FRONT_MATTER.match(text)
    if parts is None:
        raise ValueError("case.md: no front matter between +++ lines")
    return tomllib.loads(parts[1]), parts[2]


def _shared_ids(cases: list[Fixture]) -> Iterator[str]:
    """All cases are served by one server: one id, one resource (the same twice is no harm)."""
    seen: dict[tuple[str, str], Resource] = {}
    for case in cases:
        for resource in case.resources:
            key = (resource["resourceType"], resource["id"])
            if seen.setdefault(key, resource) != resource:
                yield f"{case.name}: {key[0]}/{key[1]} is another resource in another case"


def _moved(value: Any, name: str, by: timedelta, days: timedelta) -> Any:
    if isinstance(value, dict):
        return {key: _moved(item, key, by, days) for key, item in value.items()}
    if isinstance(value, list):
        return [_moved(item, name, by, days) for item in value]
    if isinstance(value, str) and _names_a_time(name):
        return _moved_time(value, by, days)
    return value


@cache
def _names_a_time(name: str) -> bool:
    return TIME_ELEMENT.search(name) is not None


def _moved_time(text: str, by: timedelta, days: timedelta) -> str:
    """What is no readable time stays: some fixtures hold broken ones on purpose."""
    try:
        if WHOLE_TIME.fullmatch(text):
            return _like(text, _time(text) + by)
        if WHOLE_DATE.fullmatch(text):
            return (date.fromisoformat(text) + days).isoformat()
        if PART_OF_DATE.fullmatch(text):
            middle = date.fromisoformat(text + MIDDLE_OF[len(text)])
            return (middle + days).isoformat()[: len(text)]
    except (ValueError, OverflowError):
        return text
    return text


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _like(text: str, moment: datetime) -> str:
    """Written as the text was: as precise, and with the same form of offset."""
    precision = "milliseconds" if "." in text else "minutes" if _no_seconds(text) else "seconds"
    written = moment.isoformat(timespec=precision)
    return written.removesuffix("+00:00") + "Z" if text.endswith("Z") else written


def _no_seconds(text: str) -> bool:
    return re.match(r".{10}T\d\d:\d\d:", text) is None
