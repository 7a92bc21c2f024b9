"""Amounts charted over time instead of rates: a stretch of an infusion with a mean rate.

A Period with a dose is one stretch. Doses at single moments, one an hour, are stretches too: each
is what ran since the one before. Hourly amounts go up and down by rounding, so the rate of a
stretch is the mean of the hours that end with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Portion:
    """Units that ran between two moments."""

    start: datetime
    end: datetime
    units: float


@dataclass(frozen=True, slots=True)
class Hourly:
    """What "one row an hour" is: the shortest and longest distance, and how many rows."""

    shortest: timedelta
    longest: timedelta
    rows: int


def hourly(moments: Sequence[datetime], rule: Hourly) -> list[tuple[datetime, datetime] | None]:
    """For each moment, in time order, the stretch it stands for; None where it stands alone."""
    found: list[tuple[datetime, datetime] | None] = []
    for run in _series(moments, rule):
        if len(run) < rule.rows:
            found.extend([None] * len(run))
            continue
        found.append((run[0] - HOUR, run[0]))
        found.extend(pairwise(run))
    return found


def _series(moments: Sequence[datetime], rule: Hourly) -> Iterator[list[datetime]]:
    run: list[datetime] = []
    for at in moments:
        if run and not rule.shortest <= at - run[-1] <= rule.longest:
            yield run
            run = []
        run.append(at)
    if run:
        yield run


def mean_rates(stretches: Iterable[Portion], over: timedelta) -> list[float]:
    """U/h of each stretch, in time order: the mean of the span that ends with it.

    Only stretches that touch count together; a longer one stands for itself.
    """
    rates: list[float] = []
    chain: deque[Portion] = deque()
    units = 0.0  # of the whole chain
    for stretch in stretches:
        if chain and chain[-1].end != stretch.start:
            chain, units = deque(), 0.0
        chain.append(stretch)
        units += stretch.units
        since = min(stretch.start, stretch.end - over)
        while chain[0].end <= since:
            units -= chain.popleft().units
        before = max(since - chain[0].start, timedelta()) / (chain[0].end - chain[0].start)
        begun = max(chain[0].start, since)
        mean = (units - chain[0].units * before) / ((stretch.end - begun) / HOUR)
        rates.append(float(f"{mean:.10g}"))
    return rates
