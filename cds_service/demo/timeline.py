"""Where everything of the timeline stands: geometry only, the template draws.

One lane each for the heparin rate, the dose of the last 24 h, and every track of `tracks.toml`,
over one axis of time; events below. All lengths are pixels of the drawing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from cds_service.demo.fixtures import Fixture
from cds_service.demo.infusion import DrawnSegment, dose_of_day, events, segments
from cds_service.demo.readings import plausible_weight
from cds_service.demo.tracks import Reading, Track, Tracks, readings

HOUR = timedelta(hours=1)
SHORTEST, LONGEST = 24, 192  # hours shown
LEFT, RIGHT, TOP = 46, 12, 26
LANE, TITLE, GAP = 64, 18, 16
EVENT_LINE = 17
HEADROOM = 1.35  # above the highest step, for the value written there
CLEAR = 38  # pixels between two written values


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

    def x(self, at: datetime) -> float:
        inside = self.width - LEFT - RIGHT
        return round(LEFT + inside * ((at - self.start) / (self.now - self.start)), 1)

    def shows(self, at: datetime) -> bool:
        return self.start <= at <= self.now


def draw(case: Fixture, tracks: Tracks, width: int) -> Drawing:
    """The timeline of one patient."""
    infusion = segments(case, plausible_weight(case, tracks))
    hours = _hours_shown(case, infusion)
    frame = _Frame(case.now - hours * HOUR, case.now, width)
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
    shown = (frame.now - frame.start) / HOUR
    step = next(each for each in (6, 12, 24, 48) if shown / each <= (frame.width - LEFT) / 62)
    marks = [(frame.x(frame.now - HOUR * step * n), f"−{step * n} h") for n in range(1, 40)]
    return [(frame.width - RIGHT, "now"), *(mark for mark in marks if mark[0] >= LEFT)]


def _scale(top: float, highest: float) -> Callable[[float], float]:
    return lambda value: round(top + LANE * (1 - value / highest), 1)


def _rate_lane(frame: _Frame, infusion: Sequence[DrawnSegment], top: float) -> Lane:
    highest = max((one.units_per_hour for one in infusion), default=1000) * HEADROOM
    y = _scale(top, highest)
    shown = [one for one in infusion if one.end > frame.start]
    path, last = [], None
    for one in shown:
        start = max(one.start, frame.start)
        joins = last == one.start
        path.append(f"{'L' if joins else 'M'}{frame.x(start)} {y(one.units_per_hour)}")
        path.append(f"H{frame.x(one.end)}")
        last = one.end
    changes = [one for before, one in zip([None, *shown], shown, strict=False) if _new(before, one)]
    marks = [_rate_mark(frame, one, y) for one in changes]
    return Lane(
        "rate", "Heparin infusion, U/h", top, top + LANE, None,
        _ticks(y, (0, highest / HEADROOM)), " ".join(path), _legible(marks),
    )  # fmt: skip


def _new(before: DrawnSegment | None, one: DrawnSegment) -> bool:
    return before is None or before.units_per_hour != one.units_per_hour


def _rate_mark(frame: _Frame, one: DrawnSegment, y: Callable[[float], float]) -> Mark:
    text = f"{one.units_per_hour:,.0f}"
    says = f"{text} U/h from {one.start:%d %b %H:%M}"
    return Mark(frame.x(max(one.start, frame.start)), y(one.units_per_hour), "step", text, says)


def _day_lane(frame: _Frame, infusion: Sequence[DrawnSegment], top: float) -> Lane:
    hours = int((frame.now - frame.start) / HOUR)
    moments = [frame.now - HOUR * back for back in range(hours, -1, -1)]
    doses = [(at, dose_of_day(tuple(infusion), at)) for at in moments]
    highest = max([dose for _, dose in doses] + [1000]) * HEADROOM
    y = _scale(top, highest)
    path = "L".join(f"{frame.x(at)} {y(dose)}" for at, dose in doses)
    now = doses[-1][1]
    mark = Mark(frame.x(frame.now), y(now), "step", f"{now:,.0f}", f"{now:,.0f} U in the last 24 h")
    return Lane(
        "day", "Heparin in the 24 h before, U", top, top + LANE, None,
        _ticks(y, (0, highest / HEADROOM)), f"M{path}", (mark,),
    )  # fmt: skip


def _track_lane(frame: _Frame, case: Fixture, track: Track, top: float) -> Lane:
    found = [one for one in readings(case.resources, track) if frame.shows(one.at)]
    drawn = [(one, one.value) for one in found if one.value is not None]
    low, high = track.target or (0.0, 0.0)
    y = _scale(top, max([value for _, value in drawn] + [high]) * 1.2)
    marks = [_point(frame, one, value, y) for one, value in drawn]
    line = "L".join(f"{mark.x} {mark.y}" for mark in marks)
    title = f"{track.label}, {track.unit} · band: {track.target_says} {low:g}–{high:g}"
    ticks = tuple((y(value), f"{value:g}") for value in (low, high))
    band = (y(high), round(y(low) - y(high), 1))
    path = f"M{line}" if len(marks) > 1 else ""
    return Lane(track.key, title, top, top + LANE, band, ticks, path, _legible(marks))


def _point(frame: _Frame, one: Reading, value: float, y: Callable[[float], float]) -> Mark:
    sign = one.shown[0] if one.shown[0] in "<>" else ""
    says = f"{one.track.label} {one.shown}, {one.at:%d %b %H:%M}"
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
