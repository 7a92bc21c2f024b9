"""FHIR search answers to resources and a state, from prefetch and from servers alike.

Reads the envelope only; what a resource says is the business of `chart/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any, TypeGuard

from cds_service.chart.facts import Resource

# Where each type says when it was; the order in which servers sort it.
_TIMES: Mapping[str, tuple[str, ...]] = {
    "Observation": ("effectiveDateTime", "effectivePeriod", "effectiveInstant", "issued"),
    "MedicationAdministration": ("effectiveDateTime", "effectivePeriod"),
    "MedicationRequest": ("authoredOn",),
    "ServiceRequest": ("authoredOn",),
    "Procedure": ("performedDateTime", "performedPeriod"),
    "Encounter": ("period",),
}
# A time without a zone, or a day without a time, is taken as recent as it can be: a page then
# never seems to reach back further than it does.
_LATEST_ZONE = timezone(timedelta(hours=-12))
_DAY_ONLY = len("2026-01-01")


@dataclass(frozen=True, slots=True)
class Page:
    """One Bundle of a search, or one resource that was read."""

    resources: tuple[Resource, ...]
    next_url: str = ""
    self_url: str = ""
    total: int | None = None
    troubled: bool = False  # an OperationOutcome of severity error stands among the entries
    readable: bool = True  # False: there are entries, but none holds a resource


def is_outcome(value: object) -> bool:
    """Whether the value reports a problem instead of data."""
    return isinstance(value, dict) and value.get("resourceType") == "OperationOutcome"


def read_page(value: object) -> Page | None:
    """The page a value is, or None if it is neither a Bundle nor a resource."""
    if not _is_typed(value):
        return None
    if value["resourceType"] != "Bundle":
        return Page((value,))
    total = value.get("total")
    held, odd = _entries(value)
    outcomes = [one for one in held if one["resourceType"] == "OperationOutcome"]
    resources = [one for one in held if not is_outcome(one)] if outcomes else held
    return Page(
        resources=(*resources, *odd),
        next_url=_link(value, "next"),
        self_url=_link(value, "self"),
        total=total if isinstance(total, int) and not isinstance(total, bool) else None,
        troubled=any(_reports_error(outcome) for outcome in outcomes),
        readable=bool(held) or not value.get("entry"),
    )


def _entries(bundle: Resource) -> tuple[list[Resource], list[Resource]]:
    """The typed resources, and what stands in for entries that hold something else.

    The latter so that a card can name them: without a type, and referring to where the entry
    says its resource lies.
    """
    held: list[Resource] = []
    odd: list[Resource] = []
    for entry in _sequence(bundle.get("entry")):
        is_entry = isinstance(entry, dict)
        resource = entry.get("resource") if is_entry else entry
        if is_entry and _is_typed(resource):
            held.append(resource)
        elif resource is not None and not _is_typed(resource):
            odd.append({"resourceType": "", "reference": entry.get("fullUrl") if is_entry else ""})
    return held, odd


def _is_typed(value: object) -> TypeGuard[Resource]:
    return isinstance(value, dict) and isinstance(value.get("resourceType"), str)


def _reports_error(outcome: Resource) -> bool:
    """Whether a warning beside the data says that some data could not be had.

    Epic reports "no results" by an outcome entry of severity `warning`: that is no error.
    """
    return any(
        isinstance(issue, dict) and issue.get("severity") in ("error", "fatal")
        for issue in _sequence(outcome.get("issue"))
    )


def of_type(resources: Sequence[Resource], resource_type: str) -> tuple[Resource, ...]:
    """Those of one type: a search's matches without what was included."""
    return tuple(r for r in resources if r["resourceType"] == resource_type)


def reaches_past(matches: Sequence[Resource], since: datetime) -> bool:
    """Whether newest-first matches end before `since`, so that no later page can matter."""
    times = [time for time in map(_time, matches) if time is not None]
    newest_first = all(earlier >= later for earlier, later in pairwise(times))
    return bool(times) and newest_first and times[-1] < since


def _time(resource: Resource) -> datetime | None:
    for field in _TIMES.get(resource["resourceType"], ()):
        value = resource.get(field)
        text = value.get("start") if isinstance(value, dict) else value
        time = _parse(text)
        if time is not None:
            return time
    return None


def _parse(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        time = datetime.fromisoformat(text)
        if len(text) == _DAY_ONLY:
            time += timedelta(days=1)
    except (ValueError, OverflowError):
        return None
    return time.replace(tzinfo=_LATEST_ZONE) if time.tzinfo is None else time


def _link(bundle: Resource, relation: str) -> str:
    for link in _sequence(bundle.get("link")):
        if isinstance(link, dict) and link.get("relation") == relation:
            url = link.get("url")
            return url if isinstance(url, str) else ""
    return ""


def _sequence(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else [value] if isinstance(value, dict) else []
