"""FHIR dates and times as aware datetimes, or None.

What the record leaves open about a time stays open: such a time is a `Stretch`. A time with zone
and an exact moment is a plain datetime, and costs no more than that.
https://hl7.org/fhir/R4/datatypes.html#dateTime
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any, Self, SupportsIndex, overload

from cds_service.chart.fhir_json import member

DATE_ONLY = "dateOnly"
NO_ZONE = "noZone"

_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)", re.ASCII
)
# As real systems also write it: a blank for the T, hour 24, a leap second, "+0100", "z", no zone.
_LOOSE = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?"
    r"\s?([Zz]|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)?",
    re.ASCII,
)
_YEARS = range(1800, 3000)  # beyond them something else is meant, and arithmetic may overflow
_WIDEST = timedelta(hours=14)  # no zone on earth lies further from UTC
_TICK = timedelta(microseconds=1)


class Stretch(datetime):
    """A recorded time that is not exact: some moment between two.

    It is itself the earliest of them, so that age is never understated where it is treated as a
    plain datetime; `latest` is the last. `why` says what the record left open ("dateOnly",
    "noZone"), `written` is what it says, as people write it. Adding and subtracting a timedelta
    moves both.
    """

    latest: datetime
    why: str
    written: str

    @classmethod
    def between(cls, earliest: datetime, latest: datetime, why: str, written: str = "") -> Self:
        """The stretch from one moment to another, both counted in."""
        one = cls.combine(earliest.date(), earliest.timetz())
        one.latest, one.why, one.written = latest, why, written
        return one

    def __add__(self, span: timedelta) -> Self:
        return self.between(_exact(self) + span, self.latest + span, self.why, self.written)

    __radd__ = __add__

    @overload  # type: ignore[override]  # as of a datetime, but for what it returns
    def __sub__(self, other: timedelta) -> Self: ...
    @overload
    def __sub__(self, other: datetime) -> timedelta: ...
    def __sub__(self, other: timedelta | datetime) -> Self | timedelta:
        return self + -other if isinstance(other, timedelta) else _exact(self) - other

    def astimezone(self, tz: tzinfo | None = None) -> Self:
        """The same stretch by another zone's clock."""
        begin, end = _exact(self).astimezone(tz), self.latest.astimezone(tz)
        return self.between(begin, end, self.why, self.written)

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:  # copies keep all of it
        return (self.between, (_exact(self), self.latest, self.why, self.written))


def earliest(at: datetime) -> datetime:
    """The first moment that a recorded time can mean."""
    return _exact(at) if isinstance(at, Stretch) else at


def latest(at: datetime) -> datetime:
    """The last moment that a recorded time can mean."""
    return at.latest if isinstance(at, Stretch) else at


def recorded(at: datetime) -> str:
    """A time for people: what is known of it, where that is not the moment."""
    return at.written if isinstance(at, Stretch) else f"{at:%d %b %H:%M}"


def _exact(at: datetime) -> datetime:
    return datetime.combine(at.date(), at.timetz())


class Placing:
    """Where times without a zone belong: the hospital's zone, else the patient's own offset.

    The offset is the one that all other times of the record share, those in Z apart, which tell
    of a server and not of a place. It is looked for only when a time without zone comes up.
    """

    def __init__(self, zone: tzinfo | None = None, nodes: Iterable[object] = ()) -> None:
        self._zone = zone
        self._nodes = nodes
        self._shared: tuple[tzinfo | None] | None = None
        self.asked = 0  # how often the patient's other times were looked at

    def place(self, first: datetime, last: datetime, why: str, written: str) -> datetime:
        """Two moments by the clock on the wall as one time; exact where nothing stays open."""
        zone = self._zone or self._offset()
        if zone is None:
            begin, end = first.replace(tzinfo=UTC) - _WIDEST, last.replace(tzinfo=UTC) + _WIDEST
            return Stretch.between(begin, end, why, written)
        begin, end = min(_in(zone, first)), max(_in(zone, last))
        return begin if begin == end else Stretch.between(begin, end, why, written)

    def _offset(self) -> tzinfo | None:
        self.asked += 1
        if self._shared is None:
            offsets = {at.utcoffset() for at in _zoned(self._nodes)}
            shared = offsets.pop() if len(offsets) == 1 else None
            self._shared = (None if shared is None else timezone(shared),)
        return self._shared[0]


def _in(zone: tzinfo, wall: datetime) -> list[datetime]:
    """What a clock on the wall can mean: two moments in the hour that an autumn night has twice.

    With a fixed offset, because datetimes of one zone are subtracted without regard to its rules.
    """
    both = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    return [one.replace(tzinfo=timezone(one.utcoffset() or timedelta()), fold=0) for one in both]


def _zoned(nodes: Iterable[object]) -> Iterator[datetime]:
    """Every time with an offset other than Z in the resources, without their metadata."""
    open_nodes = list(nodes)
    while open_nodes:
        node = open_nodes.pop()
        if not isinstance(node, str):
            open_nodes += _inside(node)
        elif (at := _local_time(node)) is not None:
            yield at


def _inside(node: object) -> Iterable[object]:
    if isinstance(node, dict):
        return [value for key, value in node.items() if key != "meta"]
    return node if isinstance(node, list | tuple) else ()


def _local_time(written: str) -> datetime | None:
    # A time in Z was written by a server, and says nothing about the hospital's clock.
    return _moment(written) if _TIME.fullmatch(written) and not written.endswith("Z") else None


NOWHERE = Placing()


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time; either end may be open."""

    start: datetime | None = None
    end: datetime | None = None
    unread_end: bool = False  # an end is recorded, and it cannot be one

    @property
    def hours(self) -> float | None:
        """Its length, where both ends are known and in order."""
        if self.start is None or self.end is None or self.end <= self.start:
            return None
        return (self.end - self.start).total_seconds() / 3600

    @property
    def is_point(self) -> bool:
        """Whether it begins and ends at one exact moment."""
        open_ = isinstance(self.start, Stretch) or isinstance(self.end, Stretch)
        return self.start is not None and self.start == self.end and not open_


def read_instant(node: object, placing: Placing = NOWHERE) -> datetime | None:
    """A dateTime, date or instant; a `Stretch` where its moment is not known.

    None for anything else, numbers included: nobody knows whether they are seconds.
    """
    if not isinstance(node, str):
        return None
    node = node.strip()
    exact = _moment(node) if _TIME.fullmatch(node) else None
    if exact is not None:
        return exact
    if match := _LOOSE.fullmatch(node):
        return _loose(match, placing)
    match = _DATE.fullmatch(node)
    return _any_time_of(match, placing) if match else None


def _any_time_of(date_only: re.Match[str], placing: Placing) -> datetime | None:
    """A date without a time: any moment of that day, month or year."""
    first = _day(date_only[1], date_only[2] or "01", date_only[3] or "01")
    last = _last_day(date_only)
    if first is None or last is None:
        return None
    midnight = datetime.min.time()
    begin = datetime.combine(first, midnight)
    end = datetime.combine(last + timedelta(days=1), midnight) - _TICK
    written = f"{first:%d %b %Y}" if date_only[3] else date_only[0]
    return placing.place(begin, end, DATE_ONLY, written)


def read_birth_date(node: object) -> date | None:
    """A birth date; of a year or a month alone the last day, so that a child is not taken for an
    adult.
    """
    match = _DATE.fullmatch(node.strip()) if isinstance(node, str) else None
    return None if match is None else _last_day(match)


def read_period(node: object, placing: Placing = NOWHERE) -> Period:
    """A Period, each end read by itself; an end before the start counts as unread
    (`unread_end`).
    """
    start = read_instant(member(node, "start"), placing)
    written = member(node, "end")
    end = read_instant(written, placing)
    if end is None or (start is not None and latest(end) < start):
        return Period(start, None, unread_end=written is not None)
    if start is not None and isinstance(end, Stretch) and end < start:
        end = Stretch.between(earliest(start), end.latest, end.why, end.written)
    return Period(start, end)


def _last_day(match: re.Match[str]) -> date | None:
    """The day itself, or the last of a month or a year."""
    year, month = match[1], match[2] or "12"
    if match[3]:
        return _day(year, month, match[3])
    first = _day(year, month, "01")
    return first.replace(day=calendar.monthrange(first.year, first.month)[1]) if first else None


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


def _loose(match: re.Match[str], placing: Placing) -> datetime | None:
    """A time in one of the spellings that FHIR does not have, or one without zone."""
    day, hour, minute, second, fraction, zone = match.groups()
    midnight_after = (hour, minute, int(second or 0)) == ("24", "00", 0)
    leaps = second == "60"
    hour, second = "00" if midnight_after else hour, "59" if leaps else second or "00"
    written = f"{day}T{hour}:{minute}:{second}.{(fraction or '0')[:6]}"
    moment = _moment(written + _offset(zone))
    if moment is None:
        return None
    moment += timedelta(days=midnight_after, seconds=leaps)
    return moment if zone else placing.place(moment, moment, NO_ZONE, f"{moment:%d %b %Y %H:%M}")


def _offset(zone: str | None) -> str:
    """As FHIR writes it: "+01:00" for "+0100" and "+01"."""
    if not zone or zone in "Zz":
        return "+00:00" if zone else ""
    return f"{zone[:3]}:{zone[-2:] if len(zone) > len('+00') else '00'}"
