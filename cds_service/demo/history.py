"""A patient as the chart knew him some hours ago: what had been done, drawn or written by then.

As far as times tell: how a status read at that moment is not on record, so an order is taken as
it reads today, and what was under way is taken as under way.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import replace
from datetime import datetime, timedelta

from cds_service.demo.fixtures import Fixture, Resource
from cds_service.demo.search import moment_of

# When the chart came to know of a resource; the first element that is there counts.
KNOWN_BY = (
    "issued",
    "effectiveDateTime",
    "effectivePeriod",
    "authoredOn",
    "recordedDate",
    "onsetDateTime",
    "performedDateTime",
    "performedPeriod",
)
HOUR = timedelta(hours=1)
BETWEEN = 6  # moments without a new result, for what comes by time alone
PERIODS = ("effectivePeriod", "performedPeriod")


def earlier(case: Fixture, hours: int) -> Fixture:
    """The case with its present so many hours back, and without what came after."""
    if hours == 0:
        return case
    then = case.now - timedelta(hours=hours)
    return replace(case, now=then, resources=tuple(_known(case.resources, then)))


def moments(case: Fixture, codes: Set[str], hours: int) -> list[int]:
    """At which hours back to look again, oldest first: after each result, and in between."""
    labs = [one for one in case.resources if one["resourceType"] == "Observation"]
    of_interest = [one for one in labs if codes & _codes(one)]
    known = [at for at in map(_known_at, of_interest) if at is not None]
    after_results = {int((case.now - at) / HOUR) for at in known}
    between = set(range(0, hours, max(1, hours // BETWEEN)))
    return sorted((ago for ago in after_results | between if 0 <= ago < hours), reverse=True)


def _codes(resource: Resource) -> set[str]:
    return {coding.get("code", "") for coding in resource["code"].get("coding", [])}


def _known(resources: tuple[Resource, ...], then: datetime) -> Iterator[Resource]:
    for resource in resources:
        at = _known_at(resource)
        if at is None or at <= then:
            yield _still_open(resource, then)


def _known_at(resource: Resource) -> datetime | None:
    element = next((resource[name] for name in KNOWN_BY if name in resource), "")
    return moment_of(element.get("start", "") if isinstance(element, dict) else element)


def _still_open(resource: Resource, then: datetime) -> Resource:
    """What ended later had not ended yet."""
    for name in PERIODS:
        end = moment_of(resource.get(name, {}).get("end", ""))
        if end is not None and end > then:
            period = {key: value for key, value in resource[name].items() if key != "end"}
            return {**resource, name: period, "status": "in-progress"}
    return resource
