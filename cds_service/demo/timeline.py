"""Where everything of the timeline stands: geometry only, the template draws.

One lane each for the heparin rate, the dose of the last 24 h, and every track of `tracks.toml`,
over one axis of clock times; events below. What is not known is a band that says so, and a value
that cannot be true is flagged on the floor of its lane. All lengths are pixels of the drawing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import groupby
from math import ceil

from cds_service.demo.fixtures import Fixture
from cds_service.demo.infusion import DrawnSegment, dose_of_day, events, segments
from cds_service.demo.readings import STATE_WORDS, plausible_weight
from cds_service.demo.times import clock_time, ward_zone
from cds_service.demo.tracks import IMPLAUSIBLE, UNREADABLE, Reading, Track, Tracks, readings

HOUR = timedelta(hours=1)
SHORTEST, LONGEST = 24, 192  # hours shown
LEFT, RIGHT, TOP = 46, 12, 26
LANE, TITLE, GAP = 64, 18, 16
EVENT_LINE = 17
HEADROOM = 1.35  # above the highest step, for the value written there
CLEAR = 38  # pixels between two written values
ROOM_FOR_NOW = 84  # pixels, for the last label of the axis and half of the one before


@dataclass(frozen=True, slots=True)
class Mark:
    """One point with the shape of its state, its value written or not, and its full words."""

    x: float
    y: float
    state: str
    text: str
    says: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One strip of the drawing."""

    key: str
    title: str
    top: float  # of the plotting area
    bottom: float
    band: tuple[float, float] | None  # y and height of the target band
    ticks: tuple[tuple[float, str], ...]  # y and what is written there
    path: str  # of steps or of the line that joins the points
    marks: tuple[Mark, ...]
    unknown: tuple[tuple[float, float, str], ...] = ()  # x, width and why


@dataclass(frozen=True, slots=True)
class Drawing:
    """The whole timeline at one width."""

    width: int
    height: float
    left: float
    right: float
    hours: tuple[tuple[float, str], ...]
    lanes: tuple[Lane, ...]
    events: tuple[tuple[float, float, str, str, str], ...]  # x, y, kind, text, anchor
    span: int  # hours shown
    summary: str


@dataclass(frozen=True, slots=True)
class _Frame:
    """The axis of time of one drawing."""

    start: datetime
    now: datetime
    width: int
    zone: tzinfo

    def x(self, at: datetime) -> float:
        inside = self.width - LEFT - RIGHT
        return round(LEFT + inside * ((at - self.start) / (self.now - self.start)), 1)

    def shows(self, at: datetime) -> bool:
        return self.start <= at <= self.now

    def clock(self, at: datetime) -> str:
        return clock_time(at, self.now, self.zone)

    def band(self, start: datetime, end: datetime, why: str) -> tuple[float, float, str]:
        x = self.x(max(start, self.start))
        return x, round(self.x(end) - x, 1), why


def draw(case: Fixture, tracks: Tracks, width: int) -> Drawing:
    """The timeline of one patient."""
    infusion = segments(case, plausible_weight(case, tracks))
    hours = _hours_shown(case, infusion)
    frame = _Frame(case.now - hours * HOUR, case.now, width, ward_zone(case))
    lanes = [_rate_lane(frame, infusion, _lane_top(0)), _day_lane(frame, infusion, _lane_top(1))]
    for number, track in enumerate(tracks.drawn, start=2):
        lanes.append(_track_lane(frame, case, track, _lane_top(number)))
    below = _lane_top(len(lanes)) - TITLE
    marked = _events(frame, case, below)
    return Drawing(
        width=width,
        height=below + EVENT_LINE * max(len(marked), 1),
        left=LEFT,
        right=width - RIGHT,
        hours=tuple(_hours(frame)),
        lanes=tuple(lanes),
        events=marked,
        span=hours,
        summary=f"Timeline of the last {hours} hours",
    )


def hours_shown(case: Fixture, tracks: Tracks) -> int:
    """How far back the drawing reaches: to a little before heparin began, within reason."""
    return _hours_shown(case, segments(case, plausible_weight(case, tracks)))


def _hours_shown(case: Fixture, infusion: Sequence[DrawnSegment]) -> int:
    begun = infusion[0].start if infusion else case.now - 48 * HOUR
    hours = ceil((case.now - begun) / HOUR) + 4
    return min(max(hours, SHORTEST), LONGEST)


def _lane_top(number: int) -> float:
    return TOP + number * (TITLE + LANE + GAP) + TITLE


def _hours(frame: _Frame) -> list[tuple[float, str]]:
    """Round clock times, a day's first by its date; none so near the present that they touch."""
    shown = (frame.now - frame.start) / HOUR
    step = next(each for each in (6, 12, 24, 48) if shown / each <= (frame.width - LEFT) / 62)
    right = frame.width - RIGHT
    at = frame.now.astimezone(frame.zone).replace(hour=0, minute=0)
    first = at - LONGEST * HOUR  # a midnight, so that every step falls on a round hour
    times = [first + HOUR * step * n for n in range(LONGEST // step + 24 // step + 1)]
    drawn = [one for one in times if frame.start <= one and frame.x(one) <= right - ROOM_FOR_NOW]
    now = f"now {frame.now.astimezone(frame.zone):%H:%M}"
    return [(right, now), *((frame.x(one), _hour(one)) for one in drawn)]


def _hour(at: datetime) -> str:
    return f"{at:%H:%M}" if at.hour else f"{at.day} {at:%b}"


def _scale(top: float, highest: float) -> Callable[[float], float]:
    return lambda value: round(top + LANE * (1 - value / highest), 1)


def _rate_lane(frame: _Frame, infusion: Sequence[DrawnSegment], top: float) -> Lane:
    shown = [one for one in infusion if one.end > frame.start]
    told = [(one, one.units_per_hour) for one in shown if one.units_per_hour is not None]
    highest = max((rate for _, rate in told), default=1000) * HEADROOM
    y = _scale(top, highest)
    path, marks = [], []
    last: tuple[datetime, float] | None = None  # where the stretch before ended, and its rate
    for one, rate in told:
        start = max(one.start, frame.start)
        joins = last is not None and last[0] == one.start
        path.append(f"{'L' if joins else 'M'}{frame.x(start)} {y(rate)}H{frame.x(one.end)}")
        if last is None or last[1] != rate:
            marks.append(_rate_mark(frame, one, rate, y))
        last = (one.end, rate)
    bands = [
        frame.band(one.start, one.end, one.unknown) for one in shown if one.units_per_hour is None
    ]
    return Lane(
        "rate", "Heparin infusion, U/h", top, top + LANE, None,
        _ticks(y, (0, highest / HEADROOM) if told else ()), " ".join(path), _legible(marks),
        tuple(bands),
    )  # fmt: skip


def _rate_mark(frame: _Frame, one: DrawnSegment, rate: float, y: Callable[[float], float]) -> Mark:
    text = f"{rate:,.0f}"
    says = f"{text} U/h from {frame.clock(one.start)}"
    return Mark(frame.x(max(one.start, frame.start)), y(rate), "step", text, says)


def _day_lane(frame: _Frame, infusion: Sequence[DrawnSegment], top: float) -> Lane:
    hours = int((frame.now - frame.start) / HOUR)
    moments = [frame.now - HOUR * back for back in range(hours, -1, -1)]
    doses = [(at, dose_of_day(tuple(infusion), at)) for at in moments]
    told = [dose for _, dose in doses if dose is not None]
    highest = max([*told, 1000]) * HEADROOM
    y = _scale(top, highest)
    path, bands = [], []
    for known, together in groupby(doses, key=lambda pair: pair[1] is not None):
        stretch = list(together)
        if known:
            path.append("M" + "L".join(f"{frame.x(at)} {y(dose or 0)}" for at, dose in stretch))
        else:
            since = max(stretch[0][0] - HOUR, frame.start)
            bands.append(frame.band(since, stretch[-1][0], "not every rate is known"))
    now = doses[-1][1]
    says = f"{now or 0:,.0f} U in the last 24 h"
    mark = Mark(frame.x(frame.now), y(now or 0), "step", f"{now or 0:,.0f}", says)
    return Lane(
        "day", "Heparin in the 24 h before, U", top, top + LANE, None,
        _ticks(y, (0, highest / HEADROOM) if told else ()), " ".join(path),
        () if now is None else (mark,), tuple(bands),
    )  # fmt: skip


def _track_lane(frame: _Frame, case: Fixture, track: Track, top: float) -> Lane:
    found = [one for one in readings(case.resources, track) if frame.shows(one.at)]
    drawn = [one.usable for one in found if one.usable is not None]
    low, high = track.target or (0.0, 0.0)
    y = _scale(top, max([*drawn, high]) * 1.2)
    marks = [_mark(frame, one, y, top + LANE) for one in found]
    points = [f"{mark.x} {mark.y}" for mark in marks if mark.state not in (IMPLAUSIBLE, UNREADABLE)]
    title = f"{track.label}, {track.unit} · band: {track.target_says} {low:g}–{high:g}"
    ticks = tuple((y(value), f"{value:g}") for value in (low, high))
    band = (y(high), round(y(low) - y(high), 1))
    path = f"M{'L'.join(points)}" if len(points) > 1 else ""
    return Lane(track.key, title, top, top + LANE, band, ticks, path, _legible(marks))


def _mark(frame: _Frame, one: Reading, y: Callable[[float], float], floor: float) -> Mark:
    value = one.usable
    return _flag(frame, one, floor) if value is None else _point(frame, one, value, y)


def _flag(frame: _Frame, one: Reading, floor: float) -> Mark:
    """A value of no use: there, but at no height."""
    says = f"{one.track.label} {one.shown}, {frame.clock(one.at)}: {STATE_WORDS[one.state]}"
    return Mark(frame.x(one.at), floor - 6, one.state, f"{one.shown} ?", says)


def _point(frame: _Frame, one: Reading, value: float, y: Callable[[float], float]) -> Mark:
    sign = one.shown[0] if one.shown[0] in "<>" else ""
    says = f"{one.track.label} {one.shown}, {frame.clock(one.at)}"
    return Mark(frame.x(one.at), y(value), one.state, sign + one.track.write(value), says)


def _ticks(y: Callable[[float], float], values: Sequence[float]) -> tuple[tuple[float, str], ...]:
    return tuple((y(value), f"{value:,.0f}") for value in values)


def _legible(marks: Sequence[Mark]) -> tuple[Mark, ...]:
    """From the newest back, only values with room beside their neighbour stay written."""
    kept: list[Mark] = []
    free = float("inf")
    for mark in reversed(marks):
        has_room = free - mark.x >= CLEAR
        kept.append(mark if has_room else Mark(mark.x, mark.y, mark.state, "", mark.says))
        free = mark.x if has_room else free
    return tuple(reversed(kept))


def _events(
    frame: _Frame, case: Fixture, top: float
) -> tuple[tuple[float, float, str, str, str], ...]:
    shown = [one for one in events(case) if frame.shows(one.at)]
    middle = frame.width / 2
    return tuple(
        (
            frame.x(one.at), top + EVENT_LINE * (number + 0.5), one.kind, one.label,
            "start" if frame.x(one.at) < middle else "end",
        )
        for number, one in enumerate(shown)
    )  # fmt: skip
