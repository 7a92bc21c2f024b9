"""The results of one test in order of time, each read in full when it is first looked at.

A chart of years holds thousands of Observations, and the rules look at those of some days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import overload

from cds_service.chart.facts import Result
from cds_service.chart.fhir_datetime import (
    NOWHERE,
    Placing,
    Stretch,
    earliest,
    latest,
    read_instant,
)
from cds_service.chart.fhir_json import source, text
from cds_service.chart.query_result import Resource


@dataclass(slots=True, eq=False)
class ResultRow:
    """One Observation, or one component of it, of a known concept."""

    concept: str
    at: datetime | None  # time drawn
    code: str
    resource: Resource
    node: Resource  # the resource, or its component
    read: Callable[[ResultRow], Result]
    placing: Placing = NOWHERE
    near: bool = False  # its code system is only nearly spelt like one of ours
    _result: Result | None = None

    @property
    def result(self) -> Result:
        """What it says in full."""
        if self._result is None:
            self._result = self.read(self)
        return self._result

    @property
    def preliminary(self) -> bool:
        """Whether the laboratory may still change it."""
        return text(self.resource.get("status")) == "preliminary"

    @property
    def issued(self) -> datetime | None:
        """When the laboratory sent it."""
        return read_instant(self.resource.get("issued"), self.placing)

    def age(self) -> float:
        """In seconds before a fixed moment; what is undated is older than all."""
        return -self.at.timestamp() if self.at else float("inf")

    def tie(self) -> tuple[object, ...]:
        """Of results drawn at one moment, the one issued last leads; a preliminary one never does.

        Issued together, the higher value leads: ids say nothing about time.
        """
        late = -self.issued.timestamp() if self.issued else 0.0
        value = self.result.value
        high = float("inf") if value is None else -value
        return (self.preliminary, late, high, self.code, source(self.resource))


class Results(Sequence[Result]):
    """The results of one concept, newest first."""

    def __init__(self, rows: Sequence[ResultRow]) -> None:
        self._rows = rows
        self._not_exact: list[Result] | None = None

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Result: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Result]: ...
    def __getitem__(self, place: int | slice) -> Result | Sequence[Result]:
        if isinstance(place, slice):
            return Results(self._rows[place])
        return self._rows[place].result

    def __iter__(self) -> Iterator[Result]:
        return (row.result for row in self._rows)

    def times(self) -> Iterator[datetime | None]:
        """When each was drawn, without reading the rest of it."""
        return (row.at for row in self._rows)

    def not_exact(self) -> list[Result]:
        """Those whose time of drawing is not known to the moment, or not at all."""
        if self._not_exact is None:
            open_ = (row for row in self._rows if row.at is None or isinstance(row.at, Stretch))
            self._not_exact = [row.result for row in open_]
        return self._not_exact

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # as of a list: it is compared by content

    def __repr__(self) -> str:
        return repr(tuple(self))


def newest_first(rows: Iterable[ResultRow]) -> Results:
    """In order of time; ties are settled only where there are any."""
    aged = sorted(((row.age(), row) for row in rows), key=lambda one: one[0])
    if any(one[0] == older[0] for one, older in pairwise(aged)):
        aged.sort(key=lambda one: (one[0], one[1].tie()))
    return Results([row for _, row in aged])


def times_of(found: Sequence[Result]) -> Iterator[datetime | None]:
    """When each result was drawn; of `Results` none is read in full for that."""
    return found.times() if isinstance(found, Results) else (result.at for result in found)


def may_be_newer(found: Sequence[Result], newest: Result | None) -> Result | None:
    """A result that may have been drawn after the newest dated one; None where there is none.

    What was issued before that one was drawn is not newer, whether or not it is dated.
    """
    limit = None if newest is None or newest.at is None else earliest(newest.at)
    others = (result for result in _not_exact(found) if result is not newest)
    return next((result for result in others if _may_follow(result, limit)), None)


def _not_exact(found: Sequence[Result]) -> Iterable[Result]:
    if isinstance(found, Results):
        return found.not_exact()
    return [r for r in found if r.at is None or isinstance(r.at, Stretch)]


def _may_follow(result: Result, limit: datetime | None) -> bool:
    last = result.at or result.issued
    return limit is None or last is None or latest(last) > limit
