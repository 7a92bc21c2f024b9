"""FHIR search answers to resources and a state, from prefetch and from servers alike.

Reads the envelope only; what a resource says is the business of `chart/`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any, TypeGuard

from cds_service.chart.fhir_json import place, text
from cds_service.chart.query_result import Resource

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
# A Bundle of one of these types answers no search, whatever it holds; some clients collect
# prefetch into a `collection`, some leave the type out.
_NO_SEARCH = frozenset(
    {
        "document",
        "message",
        "transaction",
        "transaction-response",
        "batch",
        "batch-response",
        "history",
        "subscription-notification",
    }
)
_MOST = 1e15  # of matches a server may claim
_UNPLACED = "Observation"  # thousands come, and nothing looks one up by its URL


@dataclass(frozen=True, slots=True)
class BundlePage:
    """One Bundle of a search, or one resource that was read."""

    resources: tuple[Resource, ...]
    next_url: str = ""
    goes_on: bool = False  # a `next` link stands there, with a URL or without
    self_url: str = ""
    total: int | None = None
    answers_search: bool = True  # False: a Bundle of a type that answers none
    troubled: bool = False  # an OperationOutcome of severity error stands among the entries
    readable: bool = True  # False: there are entries, but none holds a resource
    full_urls: Mapping[str, Resource] = field(default_factory=dict)


def is_outcome(value: object) -> bool:
    """Whether the value reports a problem instead of data."""
    return isinstance(value, dict) and value.get("resourceType") == "OperationOutcome"


def read_page(value: object) -> BundlePage | None:
    """The page a value is, or None if it is neither a Bundle nor a resource."""
    if not _is_typed(value):
        return None
    return _bundle_page(value) if value["resourceType"] == "Bundle" else BundlePage((value,))


def _bundle_page(bundle: Resource) -> BundlePage:
    held, odd = _entries(bundle)
    outcomes = [one for one in held if one["resourceType"] == "OperationOutcome"]
    resources = [one for one in held if not is_outcome(one)] if outcomes else held
    links = _links(bundle)
    return BundlePage(
        resources=(*resources, *odd),
        next_url=_link(links, "next"),
        goes_on=any(link.get("relation") == "next" for link in links),
        self_url=_link(links, "self"),
        total=_total(bundle.get("total")),
        answers_search=text(bundle.get("type")) not in _NO_SEARCH,
        troubled=any(map(_reports_error, outcomes)),
        readable=bool(held) or not bundle.get("entry"),
        full_urls=_full_urls(bundle),
    )


def _links(bundle: Resource) -> list[Resource]:
    return [link for link in _sequence(bundle.get("link")) if isinstance(link, dict)]


def _total(value: object) -> int | None:
    """How many matches the server counted; some write it in quotes or with a point."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value[:15])
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if abs(value) < _MOST else None


def _full_urls(bundle: Resource) -> dict[str, Resource]:
    """Where each entry says that its resource lies, without a version."""
    found: dict[str, Resource] = {}
    for entry in _sequence(bundle.get("entry")):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not _is_typed(resource) or resource["resourceType"] == _UNPLACED:
            continue
        if url := text(entry.get("fullUrl")):
            found[place(url).url or url] = resource
    return found


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
        elif not _is_typed(resource) and not _is_blank(entry):
            odd.append({"resourceType": "", "reference": entry.get("fullUrl") if is_entry else ""})
    return held, odd


def _is_blank(entry: object) -> bool:
    """Whether an entry holds nothing at all, and does not say that there is something either."""
    if not isinstance(entry, dict):
        return entry is None
    return entry.get("resource") is None and entry.get("fullUrl") is None


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
    newest_resources_first = all(earlier >= later for earlier, later in pairwise(times))
    return bool(times) and newest_resources_first and times[-1] < since


def newest_resources_first(resource: Resource) -> float:
    """A key to sort by: what is undated comes last."""
    time = _time(resource)
    return float("inf") if time is None else -time.timestamp()


def _time(resource: Resource) -> datetime | None:
    for name in _TIMES.get(resource["resourceType"], ()):
        value = resource.get(name)
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


def _link(links: Iterable[Resource], relation: str) -> str:
    for link in links:
        if link.get("relation") == relation:
            url = link.get("url")
            return url if isinstance(url, str) else ""
    return ""


def _sequence(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else [value] if isinstance(value, dict) else []
