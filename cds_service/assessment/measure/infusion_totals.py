"""Adds up several infusions over time; finds the changes of their sum and the start of its present
run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import groupby, pairwise

from cds_service.assessment.measure.segments import Segment

Edge = tuple[datetime, int, Segment]  # when, 1 begins or -1 ends, which


def total(lines: Iterable[Sequence[Segment]]) -> tuple[Segment, ...]:
    """The sum of all infusions over time, in U/h.

    Zero where all stand still; unknown where the rate of one that runs is unknown.
    """
    all_lines = [tuple(line) for line in lines if line]
    if len(all_lines) <= 1:
        return all_lines[0] if all_lines else ()
    return tuple(_summed(sorted(_edges(all_lines), key=lambda edge: edge[0])))


def _summed(edges: list[Edge]) -> list[Segment]:
    """What runs between each two moments at which a segment begins or ends."""
    running = _Running()
    found: list[Segment] = []
    for at, batch in groupby(edges, key=lambda edge: edge[0]):
        if found and found[-1].end is None:
            found[-1] = replace(found[-1], end=at)
        for _, sign, segment in batch:
            running.take(sign, segment)
        if running.segments:
            found.append(running.sum(at))
    return found


def _edges(lines: Iterable[Sequence[Segment]]) -> Iterable[Edge]:
    for line in lines:
        for segment in line:
            yield segment.start, 1, segment
            if segment.end is not None:
                yield segment.end, -1, segment


class _Running:
    """What runs at one moment of the sweep, with sums that do not depend on the order."""

    def __init__(self) -> None:
        self.segments: dict[int, Segment] = {}
        # Exact: floats added and taken away again in another order would leave another sum.
        self._rate = Fraction(0)
        self._unread: dict[int, Segment] = {}
        self._unclear: dict[int, Segment] = {}

    def take(self, sign: int, segment: Segment) -> None:
        key = id(segment)
        kinds = [self.segments]
        if not segment.state_known:
            kinds.append(self._unclear)
        if segment.rate is None:
            kinds.append(self._unread)
        else:
            self._rate += sign * Fraction(segment.rate)
        for kind in kinds:
            if sign > 0:
                kind[key] = segment
            else:
                kind.pop(key, None)

    def sum(self, at: datetime) -> Segment:
        """The segment that begins now; where one rate cannot be read, its reason stands for the
        sum.
        """
        if not self._unread:
            first = next(iter(self.segments.values()))
            source = first.source if len(self.segments) == 1 else ""
            written = first.written if len(self.segments) == 1 else ""
            rate = float(self._rate)
            return Segment(at, None, rate, source, written, charted=("[IU]/h", rate))
        lost = next(iter((self._unclear or self._unread).values()))
        known = len(self._unclear) < len(self.segments)
        alone = len(self.segments) == 1
        return replace(
            lost, start=at, end=None, state_known=known, charted=lost.charted if alone else None
        )


def changes_of(segments: Sequence[Segment], percent: float, gap: timedelta) -> tuple[datetime, ...]:
    """Starts, changes by at least `percent` since the last one, holds and restarts, in time order.

    Small steps add up: each rate is compared with the rate of the last change. A pause of at most
    `gap` is a change of the bag.
    """
    if not segments:
        return ()
    found, before = [segments[0].start], segments[0]
    for older, newer in pairwise(segments):
        pause = newer.start - (older.end or newer.start)
        # Compared with the rate of the last change: steps of 5 % an hour must not hide a rise of 40
        # %.
        if pause > gap or _is_change(before, newer, percent):
            found.append(newer.start)
            before = newer
    return tuple(found)


def unread_of(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """Segments that cannot be compared with the others.

    It is unknown whether anything ran, or their rate is not known in the unit of the others: U/h
    where any is known so, else (U/kg/h without a weight) the unit of the newest charted rate.
    """
    unit = _charted_unit(segments)
    return tuple(s for s in segments if not _is_comparable(s, unit))


def _charted_unit(segments: Sequence[Segment]) -> str | None:
    """The unit of the newest charted rate; None where one is known in U/h, or none is charted."""
    known = [s for s in segments if s.state_known]
    if any(s.rate for s in known):
        return None
    return next((s.charted[0] for s in reversed(known) if s.charted), None)


def _is_comparable(segment: Segment, unit: str | None) -> bool:
    if not segment.state_known or segment.rate is not None:
        return segment.state_known
    return segment.charted is not None and segment.charted[0] == unit


def changed_for_certain(
    segments: Sequence[Segment], since: datetime, until: datetime, percent: float, gap: timedelta
) -> bool:
    """Whether a start, change, hold or restart lies between two moments, whatever was not read.

    A segment that cannot be read may have run at the rate before it or at the rate after it. A
    change is certain where both assumptions leave one between the two moments.
    """
    unread = {id(s) for s in unread_of(segments)}
    return all(
        any(since < at <= until for at in changes_of(filled, percent, gap))
        for filled in (_filled(segments, unread), _filled(segments[::-1], unread)[::-1])
    )


def _filled(segments: Sequence[Segment], unread: set[int]) -> list[Segment]:
    """Unread segments at the rate of the one that stands before them in this order."""
    known = next((s for s in segments if id(s) not in unread and s.rate != 0), None)
    found: list[Segment] = []
    for segment in segments:
        if id(segment) not in unread:
            known = segment if segment.rate != 0 else known
            found.append(segment)
        else:
            # With no rate at all to go by, any one will do: it is only compared with itself.
            rate, charted = (known.rate, known.charted) if known is not None else (1.0, None)
            found.append(replace(segment, state_known=True, rate=rate, charted=charted))
    return found


def _is_change(before: Segment, after: Segment, percent: float) -> bool:
    if before.state_known != after.state_known:
        return True
    if before.rate is not None and after.rate is not None:
        return differ(before.rate, after.rate, percent)
    if before.charted is None or after.charted is None or before.charted[0] != after.charted[0]:
        return True
    return differ(before.charted[1], after.charted[1], percent)


def differ(before: float, after: float, percent: float) -> bool:
    """Whether a rate went up or down by at least `percent` of what it was."""
    return before != after and abs(after - before) * 100 >= percent * before


def run_start(segments: Sequence[Segment], gap: timedelta) -> datetime | None:
    """Start of the present run: after the last hold or stop, or a pause longer than a bag change
    (`gap`).
    """
    if not segments:
        return None
    start = segments[0].start
    for older, newer in pairwise(segments):
        pause = newer.start - (older.end or newer.start)
        # A stretch in which it may have stood still ends the run: "running for 6 h" has to be
        # certain.
        if pause > gap or older.rate == 0 or not older.state_known:
            start = newer.start
    return start
