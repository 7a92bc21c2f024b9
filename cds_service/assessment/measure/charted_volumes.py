"""Rates from amounts: units charted over time instead of rates.

An administration with a Period and a dose is one stretch of an infusion. Doses at single moments,
charted about one an hour, are stretches too: each gives what ran since the one before. Hourly
amounts go up and down by rounding, so the rate of a stretch is the mean over a span that ends with
it (`heparin.mean_over`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from cds_service.assessment.model.case import HOUR


@dataclass(frozen=True, slots=True)
class Portion:
    """Units that ran between two moments."""

    start: datetime
    end: datetime
    units: float


@dataclass(frozen=True, slots=True)
class Hourly:
    """What counts as "one row an hour": the shortest and longest distance, and the fewest rows."""

    shortest: timedelta
    longest: timedelta
    rows: int


def hourly(moments: Sequence[datetime], rule: Hourly) -> list[tuple[datetime, datetime] | None]:
    """For each moment, in time order, the stretch (start, end) it stands for; None where it stands
    alone.
    """
    found: list[tuple[datetime, datetime] | None] = []
    for run in _series(moments, rule):
        if len(run) < rule.rows:
            found.extend([None] * len(run))
            continue
        # The first of a series has none before it: it is taken to have run for the hour before.
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
    """The rate of each stretch in U/h, in time order: the mean over the span that ends with it.

    Only stretches that touch are averaged together; one longer than the span stands for itself.
    """
    rates: list[float] = []
    chain: deque[Portion] = deque()
    units = 0.0  # of the whole chain
    for stretch in stretches:
        if chain and chain[-1].end != stretch.start:
            # A pause between two stretches: amounts from before it say nothing about the rate after
            # it.
            chain, units = deque(), 0.0
        chain.append(stretch)
        units += stretch.units
        since = min(stretch.start, stretch.end - over)
        while chain[0].end <= since:
            units -= chain.popleft().units
        before = max(since - chain[0].start, timedelta()) / (chain[0].end - chain[0].start)
        begun = max(chain[0].start, since)
        mean = (units - chain[0].units * before) / ((stretch.end - begun) / HOUR)
        # Ten digits: the running sum leaves rounding noise by which equal rates would differ.
        rates.append(float(f"{mean:.10g}"))
    return rates
