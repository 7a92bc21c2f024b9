"""Required rate: the steady rate (U/kg/h) at which one patient's level would reach the lower limit.

Pure arithmetic over pairs of rate and level (`required_rate_filter.py` holds the running sum);
which levels make a pair is decided in `required_rate_pairs.py`. The result says where that rate
lies, with an interval and the probability that it lies above a line, or why nothing is shown. It is
never advice to raise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from statistics import NormalDist

from cds_service.assessment.measure.required_rate_filter import (
    Aim,
    Filter,
    Pair,
    Place,
    Step,
    scale_of,
)
from cds_service.assessment.model.protocol import Protocol

__all__ = ["Aim", "Pair", "Place", "RequiredRate", "Silence", "Step", "required_rate"]

_NORMAL = NormalDist()


class Silence(StrEnum):
    """Why no rate is shown."""

    TOO_FEW = "too_few"  # no pair, or one
    BEGUN_ANEW = "begun_anew"  # two pairs since two did not fit: a third is awaited
    SET_ASIDE = "set_aside"  # the newest pair does not fit those before it
    OLD = "old"  # the newest pair is more than a day old
    CHANGED = "changed"  # sepsis, CRRT, ECMO since the newest pair
    ONLY_A_BOUND = "only_a_bound"  # the newest level is "> 1.5", or "< 0.50"
    FAR_ABOVE = "far_above"  # a level far above the target says little about its lower limit
    FAR_BELOW = "far_below"  # far below it, and the estimate lies among the rates used
    NO_SCALE = "no_scale"  # the aPTT's lower limit does not lie above the baseline


class Likelihood(StrEnum):
    """How likely the required rate lies above the line, in words of the wording table."""

    ALMOST_CERTAINLY = "almost_certainly"
    VERY_LIKELY = "very_likely"
    PROBABLY = "probably"
    NONE = "unsaid"  # too unlikely to be put in words


@dataclass(frozen=True, slots=True)
class Shown:
    """The number that may be printed: whole U/kg/h, its interval rounded outwards."""

    need: int
    lowest: int
    highest: int


@dataclass(frozen=True, slots=True)
class Beyond:
    """The required rate lies above (or below) every rate that was tried: no number can be shown."""

    above: bool
    rate: int  # U/kg/h, rounded towards the rates that were


@dataclass(frozen=True, slots=True)
class RequiredRate:
    """The estimate at the newest pair; it stands still until the next one."""

    steps: tuple[Step, ...]
    pairs: int  # worked in since the beginning, or since it was begun anew
    mean: float  # of the logarithm of the required rate (U/kg/h)
    spread: float
    probability: float  # that it lies above `required_rate.line`; from the first pair on
    silence: Silence | None
    shown: Shown | None  # none also where only `beyond` can be said
    beyond: Beyond | None
    likelihood: Likelihood
    confirms: bool  # two pairs agree that it lies above the line; further conditions elsewhere
    effect_lost: bool  # the newest level is far lower than this rate gave before

    @property
    def need(self) -> float:
        """U/kg/h, not rounded."""
        return math.exp(self.mean)

    @property
    def fit(self) -> float | None:
        """By how many standard deviations the newest pair misses what those before it let
        expect.
        """
        return self.steps[-1].fit if self.steps else None

    def interval(self, share: float) -> tuple[float, float]:
        """Between which rates (U/kg/h) the required one lies with a probability of `share` (0 to
        1).
        """
        wide = _NORMAL.inv_cdf((1 + share) / 2) * self.spread
        return math.exp(self.mean - wide), math.exp(self.mean + wide)

    def units_per_hour(self, weight: float, protocol: Protocol) -> int:
        """The rate in U/h for a weight in kg, rounded to `required_rate.rounded_to` as pumps are
        set.
        """
        step = protocol["required_rate.rounded_to"]
        return round(round(self.need * weight / step) * step)


def required_rate(
    pairs: Iterable[Pair],
    aim: Aim,
    protocol: Protocol,
    now: datetime,
    changes: Iterable[datetime] = (),
    afresh: datetime | None = None,
) -> RequiredRate:
    """Estimate from steady pairs, in any order; those drawn after `now` are left out.

    `changes` are known changes of the need (new sepsis or shock; CRRT or ECMO begun or ended).
    Pairs drawn up to `afresh` are dropped (antithrombin dose, bypass, plasma exchange, another
    assay). Of pairs drawn at one moment the one with the highest level counts, the cautious one.
    """
    scale = scale_of(aim, protocol)
    work = Filter(scale, protocol, tuple(change for change in changes if change <= now))
    if not scale.usable:
        return _result(work, Silence.NO_SCALE)
    chosen = _chosen(pairs, now, afresh)
    for pair in chosen:
        if not scale.bare_bound(pair):
            work.take(pair)
    if chosen and scale.bare_bound(chosen[-1]):
        return _result(work, Silence.ONLY_A_BOUND)
    return _result(work, _silence(work, now))


def _chosen(pairs: Iterable[Pair], now: datetime, afresh: datetime | None) -> Sequence[Pair]:
    usable = (p for p in pairs if p.at <= now and p.rate > 0 and (not afresh or p.at > afresh))
    by_time: dict[datetime, Pair] = {}
    for pair in sorted(usable, key=lambda p: (p.at, -p.level, p.rate, p.comparator)):
        # Sorted so that of two results of one draw the higher level counts: it asks for less
        # heparin.
        by_time.setdefault(pair.at, pair)
    return tuple(by_time.values())


def _silence(work: Filter, now: datetime) -> Silence | None:
    """The gravest reason not to show a number; None where it may be shown."""
    if work.at is None:
        return Silence.TOO_FEW
    rows, fewest = work.protocol, work.protocol["required_rate.fewest_pairs"]
    reasons = (
        (Silence.SET_ASIDE, work.aside is not None),
        (Silence.CHANGED, any(work.at < change <= now for change in work.changes)),
        (Silence.OLD, now - work.at > rows.span("required_rate.current")),
        (Silence.BEGUN_ANEW, work.anew and work.count < rows["required_rate.fewest_anew"]),
        (Silence.TOO_FEW, work.count < fewest),
        (Silence.FAR_ABOVE, work.ratio > rows["required_rate.highest_ratio"]),
    )
    return next((silence for silence, holds in reasons if holds), None)


# The flag that confirms does not need a number that may be shown.
_CONFIRM_THROUGH = frozenset({None, Silence.FAR_ABOVE})


def _result(work: Filter, silence: Silence | None) -> RequiredRate:
    line = math.log(work.protocol["required_rate.line"])
    probability = _NORMAL.cdf((work.mean - line) / work.spread)
    shown, beyond = _printable(work) if silence is None else (None, None)
    if silence is None and shown is None and beyond is None:
        silence = Silence.FAR_BELOW
    return RequiredRate(
        steps=tuple(work.steps),
        pairs=work.count,
        mean=work.mean,
        spread=work.spread,
        probability=probability,
        silence=silence,
        shown=shown,
        beyond=beyond,
        likelihood=_likelihood(probability, work.protocol),
        confirms=silence in _CONFIRM_THROUGH and _confirms(work, probability, line),
        effect_lost=work.lost and silence not in (Silence.ONLY_A_BOUND, Silence.NO_SCALE),
    )


def _confirms(work: Filter, probability: float, line: float) -> bool:
    """Whether the estimate lies likely above the line, and the last two pairs each say so."""
    agree = len(work.implied) > 1 and min(work.implied[-2:]) > line
    return agree and probability * 100 >= work.protocol["required_rate.confirmed_probability"]


def _printable(work: Filter) -> tuple[Shown | None, Beyond | None]:
    """The number; else only that it lies beyond the rates that were tried; else neither."""
    rows = work.protocol
    need = math.exp(work.mean)
    # Far beyond the rates that were tried a power law is a guess, however narrow its interval.
    reach = rows["required_rate.reach"]
    lowest = min(pair.rate for pair in work.used) / reach
    highest = max(pair.rate for pair in work.used) * reach
    if need > highest:
        return None, Beyond(above=True, rate=math.floor(highest))
    if need < lowest:
        return None, Beyond(above=False, rate=math.ceil(lowest))
    # A level far below the limit says little about where the limit lies.
    if work.ratio < rows["required_rate.lowest_ratio"]:
        return None, None
    wide = _NORMAL.inv_cdf((1 + rows["required_rate.interval"] / 100) / 2) * work.spread
    return (
        Shown(
            need=round(need),
            lowest=math.floor(math.exp(work.mean - wide)),
            highest=math.ceil(math.exp(work.mean + wide)),
        ),
        None,
    )


def _likelihood(probability: float, rows: Protocol) -> Likelihood:
    percent = probability * 100
    if percent > rows["required_rate.almost_certainly"]:
        return Likelihood.ALMOST_CERTAINLY
    if percent >= rows["required_rate.very_likely"]:
        return Likelihood.VERY_LIKELY
    if percent >= rows["required_rate.probably"]:
        return Likelihood.PROBABLY
    return Likelihood.NONE
