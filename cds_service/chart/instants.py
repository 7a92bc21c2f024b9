"""FHIR dates and times as aware datetimes, or None.

A time without an offset cannot be ordered and is not read. A date without a time stands for its
first moment in UTC: the oldest it can mean, so it never makes a result look fresher.
https://hl7.org/fhir/R4/datatypes.html#dateTime
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

from cds_service.chart.json_reading import member

_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)", re.ASCII
)
_YEARS = range(1800, 3000)  # beyond them something else is meant, and arithmetic may overflow


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time; either end may be open."""

    start: datetime | None = None
    end: datetime | None = None

    @property
    def hours(self) -> float | None:
        """Its length, where both ends are known and in order."""
        if self.start is None or self.end is None or self.end <= self.start:
            return None
        return (self.end - self.start).total_seconds() / 3600


def read_instant(node: object) -> datetime | None:
    """A dateTime, date or instant; numbers and times without an offset are refused."""
    if not isinstance(node, str):
        return None
    node = node.strip()
    if _TIME.fullmatch(node):
        return _moment(node)
    if match := _DATE.fullmatch(node):
        first = _day(match[1], match[2] or "01", match[3] or "01")
        return datetime(first.year, first.month, first.day, tzinfo=UTC) if first else None
    return None


def read_birth_date(node: object) -> date | None:
    """A birth date; of a year or a month alone the last day, so nobody is taken for an adult."""
    match = _DATE.fullmatch(node.strip()) if isinstance(node, str) else None
    if match is None:
        return None
    year, month = match[1], match[2] or "12"
    if match[3]:
        return _day(year, month, match[3])
    first = _day(year, month, "01")
    return first.replace(day=calendar.monthrange(first.year, first.month)[1]) if first else None


def read_period(node: object) -> Period:
    """A Period, each end read by itself."""
    return Period(read_instant(member(node, "start")), read_instant(member(node, "end")))


def _day(year: str, month: str, day: str) -> date | None:
    if int(year) not in _YEARS:
        return None
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _moment(written: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:  # no such day or time
        return None
    return moment if moment.year in _YEARS else None
