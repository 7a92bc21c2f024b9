"""Where everything of a reviewed chart's picture stands: geometry only, the template draws.

Drawn is what the service read, not the record anew: a rate that it could not read is a grey block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from math import ceil
from pathlib import Path

from cds_service.advice import Advice
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.measure.segments import Segment
from cds_service.cards.wording import Wording
from cds_service.chart.facts import Result
from cds_service.chart.fhir_datetime import recorded
from cds_service.rulebook.toml_table import read_table

TABLE = Path(__file__).with_name("lanes.toml")
HOUR = timedelta(hours=1)
WIDTH, LEFT, RIGHT, TOP = 860, 52, 14, 24
LANE, TITLE, GAP = 58, 16, 14
SHORTEST, LONGEST, BEFORE = 48, 336, 24  # hours shown; those before the infusion among them
HEADROOM = 1.3  # above the highest value, for what is written there
CLEAR = 40  # pixels between two written values
MOST_HOURS_WRITTEN = 9
TARGETED = ("anti_xa", "aptt")


@dataclass(frozen=True, slots=True)
class LaneRow:
    """A result that has a lane, and the protocol's row that is drawn as its line."""

    concept: str
    line: str = ""


@dataclass(frozen=True, slots=True)
class LaneTable:
    """The lanes, from the top."""

    lanes: tuple[LaneRow, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """A value: where it stands, what is written beside it, and what pointing at it says."""

    x: float
    y: float
    text: str
    says: str


@dataclass(frozen=True, slots=True)
class Strip:
    """One strip of the picture."""

    title: str
    top: float
    bottom: float
    path: str
    points: tuple[Point, ...]
    ticks: tuple[tuple[float, str], ...]
    band: tuple[float, float] | None = None  # y and height: the target in use
    line: float | None = None  # y of a threshold
    unread: tuple[tuple[float, float, str], ...] = ()  # x, width, why: a rate that was not read


@dataclass(frozen=True, slots=True)
class Picture:
    """The whole picture of one moment; the moment is its right edge."""

    width: int
    height: float
    left: float
    right: float
    hours: tuple[tuple[float, str], ...]
    strips: tuple[Strip, ...]


@dataclass(frozen=True, slots=True)
class _Axis:
    start: datetime
    now: datetime

    def x(self, at: datetime) -> float:
        part = (min(max(at, self.start), self.now) - self.start) / (self.now - self.start)
        return round(LEFT + (WIDTH - LEFT - RIGHT) * part, 1)

    def shows(self, at: datetime | None) -> bool:
        return at is not None and self.start <= at <= self.now


def picture(advice: Advice, wording: Wording) -> Picture:
    """The heparin rate and the results of a chart, up to its moment."""
    measured = advice.findings.measured
    axis = _axis(measured)
    strips = [_rate(axis, measured.infusion.segments, _top(0))]
    for row in _lanes():
        results = [r for r in advice.chart.of(row.concept) if axis.shows(r.at)]
        if results:
            strips.append(_strip(axis, row, results, measured, wording, _top(len(strips))))
    return Picture(
        width=WIDTH,
        height=_top(len(strips)) - TITLE,
        left=LEFT,
        right=WIDTH - RIGHT,
        hours=tuple(_hours(axis)),
        strips=tuple(strips),
    )


@cache
def _lanes() -> tuple[LaneRow, ...]:
    return read_table(TABLE, LaneTable).lanes


def _axis(measured: Measured) -> _Axis:
    now = measured.case.now
    begun = min((s.start for s in measured.infusion.segments), default=now)
    hours = min(max(ceil((now - begun) / HOUR) + BEFORE, SHORTEST), LONGEST)
    return _Axis(now - hours * HOUR, now)


def _top(number: int) -> float:
    return TOP + number * (TITLE + LANE + GAP) + TITLE


def _hours(axis: _Axis) -> Iterable[tuple[float, str]]:
    shown = round((axis.now - axis.start) / HOUR)
    step = next(s for s in (6, 12, 24, 48) if shown / s <= MOST_HOURS_WRITTEN)
    yield WIDTH - RIGHT, "this moment"
    for back in range(step, shown + 1, step):
        yield axis.x(axis.now - back * HOUR), f"-{back} h"


def _scale(top: float, highest: float) -> Callable[[float], float]:
    return lambda value: round(top + LANE * (1 - value / (highest or 1)), 1)


def _rate(axis: _Axis, segments: Sequence[Segment], top: float) -> Strip:
    shown = [s for s in segments if s.end is None or s.end > axis.start]
    known = [(s, s.rate) for s in shown if s.rate is not None]
    highest = max((rate for _, rate in known), default=0.0) * HEADROOM
    y = _scale(top, highest)
    steps, points, last = [], list[Point](), -1.0
    for segment, rate in known:
        steps.append(f"M{axis.x(segment.start)} {y(rate)}H{axis.x(segment.end or axis.now)}")
        if rate != last:
            says = f"{rate:,.0f} U/h from {recorded(segment.start)}"
            points.append(Point(axis.x(segment.start), y(rate), f"{rate:,.0f}", says))
        last = rate
    unread = [
        (axis.x(s.start), round(axis.x(s.end or axis.now) - axis.x(s.start), 1), s.written)
        for s in shown
        if s.rate is None
    ]
    ticks = tuple((y(v), f"{v:,.0f}") for v in (0, highest / HEADROOM) if highest)
    return Strip(
        title="Heparin rate as the service read it, U/h" if shown else "No heparin infusion read",
        top=top,
        bottom=top + LANE,
        path="".join(steps),
        points=_legible(points),
        ticks=ticks,
        unread=tuple(unread),
    )


def _strip(
    axis: _Axis,
    row: LaneRow,
    results: Sequence[Result],
    measured: Measured,
    wording: Wording,
    top: float,
) -> Strip:
    values = [(r, r.at, r.value) for r in results if r.value is not None and r.at is not None]
    ranges = measured.target.of(row.concept) if row.concept in TARGETED else ()
    line = measured.case.protocol[row.line] if row.line else None
    limits = [limit for one in ranges for limit in (one.low, one.high)]
    limits += [] if line is None else [line]
    y = _scale(top, max([v for *_, v in values] + limits, default=1.0) * HEADROOM)
    points = sorted(
        (
            Point(axis.x(at), y(v), f"{r.comparator}{v:,.4g}", f"{r.written}, {recorded(at)}")
            for r, at, v in values
        ),
        key=lambda point: point.x,
    )
    band = (y(ranges[0].high), round(y(ranges[0].low) - y(ranges[0].high), 1)) if ranges else None
    return Strip(
        title=wording.facts.get(row.concept, row.concept),
        top=top,
        bottom=top + LANE,
        path="M" + "L".join(f"{p.x} {p.y}" for p in points) if len(points) > 1 else "",
        points=_legible(points),
        ticks=tuple((y(limit), f"{limit:g}") for limit in dict.fromkeys(limits)),
        band=band,
        line=None if line is None else y(line),
    )


def _legible(points: Sequence[Point]) -> tuple[Point, ...]:
    """From the newest back, only values with room beside their neighbour stay written."""
    kept: list[Point] = []
    free = float("inf")
    for point in reversed(points):
        has_room = free - point.x >= CLEAR
        kept.append(point if has_room else Point(point.x, point.y, "", point.says))
        free = point.x if has_room else free
    return tuple(reversed(kept))
