"""Moments in the words of a ward: the clock time first, and how long ago.

One chart is written in one zone: that of its newest entry, as the record gives it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo

from cds_service.demo.fixtures import Fixture
from cds_service.demo.search import moment_of

DATED = ("effectiveDateTime", "issued", "authoredOn")


def ward_zone(case: Fixture) -> tzinfo:
    """The offset of the newest dated entry; that of the present where nothing is dated."""
    return _zone(max(_written(case), default=case.now))


def clock_time(at: datetime, now: datetime, zone: tzinfo) -> str:
    """`14:05` today, `1 Mar 14:05` on another day."""
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    time = f"{local:%H:%M}"
    return time if local.date() == today else f"{local.day} {local:%b} {time}"


def ago(at: datetime, now: datetime) -> str:
    """How long before the present, rounded."""
    minutes = round((now - at).total_seconds() / 60)
    if minutes < 60:
        return f"{minutes} min ago"
    return f"{round(minutes / 60)} h ago" if minutes < 72 * 60 else f"{round(minutes / 1440)} d ago"


def _zone(moment: datetime) -> tzinfo:
    return moment.tzinfo or UTC  # the reader gives every moment a zone; the type cannot say so


def _written(case: Fixture) -> Iterator[datetime]:
    for resource in case.resources:
        for name in DATED:
            moment = moment_of(resource.get(name, ""))
            if moment is not None and moment <= case.now:
                yield moment
