"""The sum behind the required rate: one normal distribution, moved by each pair in closed form.

It is kept over the logarithm of the required rate. Its variance grows with the hours between pairs,
as the need drifts, and shrinks with each pair. A pair that does not fit is set aside; a second one
that misses by the same side begins the sum anew. The level is taken to follow the rate as rate =
need x (level / limit) ^ exponent. `lean` keeps how far the mean would move if the exponent were
another, so that estimates from levels far off the limit carry that doubt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cds_service.assessment.model.case import DAY
from cds_service.assessment.model.protocol import Protocol

_BELOW, _ABOVE = frozenset({"<", "<="}), frozenset({">", ">="})


@dataclass(frozen=True, slots=True)
class Pair:
    """A level and the steady rate that it was drawn under."""

    at: datetime  # drawn
    rate: float  # U/kg/h, above zero
    level: float  # IU/mL; of an aPTT its seconds
    comparator: str = ""  # "<" where the laboratory only says "<0.10"


@dataclass(frozen=True, slots=True)
class Aim:
    """The lower limit to reach: of the anti-Xa, or of the aPTT above the patient's own baseline."""

    lower: float  # IU/mL; of an aPTT its seconds
    baseline: float | None = None  # aPTT without heparin, s; none: the levels are anti-Xa


class Place(StrEnum):
    """What became of a pair."""

    USED = "used"
    SET_ASIDE = "set_aside"
    BEGINS_ANEW = "begins_anew"  # with the one set aside before it: all earlier ones are dropped


@dataclass(frozen=True, slots=True)
class Step:
    """One pair worked in, for showing the calculation step by step."""

    pair: Pair
    place: Place
    fit: float | None  # u: distance from what was expected, in standard deviations; first: none
    mean: float  # of the logarithm of the required rate, after this pair
    spread: float


@dataclass(frozen=True, slots=True)
class Scale:
    """Levels as multiples of the lower limit: the anti-Xa itself, of the aPTT ln(aPTT / base)."""

    lower: float
    exponent: float
    error: float  # of one level
    prior: float  # mean of the logarithm before any level
    baseline: float | None = None  # s

    def read(self, seconds_or_units: float) -> float:
        """A level on the scale; never below its own error, so that its logarithm can be taken."""
        if self.baseline is None:
            return max(seconds_or_units, self.error)
        ratio = max(seconds_or_units, self.baseline) / self.baseline
        return max(math.log(ratio), self.error)

    @property
    def usable(self) -> bool:
        """Whether there is a limit to measure against: an aPTT's may not lie above the base."""
        return self.lower > 0

    def bare_bound(self, pair: Pair) -> bool:
        """Whether a level only says "more than", or "less than" a value that lies above the
        limit.
        """
        if pair.comparator in _ABOVE:
            return True
        return pair.comparator in _BELOW and self.read(pair.level) > self.lower


def scale_of(aim: Aim, rows: Protocol) -> Scale:
    """The scale for a limit; a lower anti-Xa limit lowers the prior mean by the same power."""
    prior = math.log(rows["required_rate.prior"])
    if aim.baseline is None:
        exponent = rows["required_rate.exponent"]
        if aim.lower > 0:
            prior += exponent * math.log(aim.lower / rows["required_rate.prior_level"])
        return Scale(aim.lower, exponent, rows["required_rate.anti_xa_error"], prior)
    possible = aim.lower > aim.baseline > 0
    return Scale(
        math.log(aim.lower / aim.baseline) if possible else 0.0,
        rows["required_rate.aptt_exponent"],
        rows["required_rate.aptt_error"],
        prior,
        aim.baseline,
    )


@dataclass(slots=True)
class Filter:
    """The running estimate: take pairs in order of time, then read mean and spread."""

    scale: Scale
    protocol: Protocol
    changes: tuple[datetime, ...]
    mean: float = field(init=False)
    variance: float = field(init=False)
    lean: float = 0.0  # g: how far the exponent's error would shift the mean
    count: int = 0
    anew: bool = False
    at: datetime | None = None
    aside: tuple[Pair, float] | None = None  # the pair set aside, and its fit
    used: list[Pair] = field(default_factory=list)
    implied: list[float] = field(default_factory=list)  # z of each used pair
    steps: list[Step] = field(default_factory=list)
    lost: bool = False  # the newest pair reads far lower than this rate gave before
    ratio: float = 0.0  # the newest used level as a multiple of the limit

    def __post_init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.mean = self.scale.prior
        self.variance = self.protocol["required_rate.prior_spread"] ** 2
        self.lean, self.count, self.at, self.aside = 0.0, 0, None, None
        self.used, self.implied = [], []

    @property
    def spread(self) -> float:
        """Standard deviation of the logarithm, the exponent's part with it."""
        return math.hypot(math.sqrt(self.variance), self._exponent_spread * self.lean)

    @property
    def _exponent_spread(self) -> float:
        return self.protocol["required_rate.exponent_spread"]

    def take(self, pair: Pair) -> None:
        """Work in the next pair in time, or set it aside."""
        x, noise = self._measured(pair)
        implied = math.log(pair.rate) - self.scale.exponent * x
        widened = self._widened(pair.at)
        # What a new pair may miss by: the drifted estimate, the level's own noise, the exponent's
        # doubt.
        wide = widened + noise + (self._exponent_spread * (x + self.lean)) ** 2
        fit = (self.mean - implied) / math.sqrt(wide) if self.count else None
        self.lost = fit is not None and self._lost(pair, x, fit)
        if fit is None or abs(fit) <= self.protocol["required_rate.gate"]:
            self._update(pair, x, noise, widened)
            self._note(pair, Place.USED, fit)
        # Two in a row miss by the same side: the patient changed, not the laboratory.
        elif self.aside is not None and (self.aside[1] > 0) == (fit > 0):
            self._begin_anew(self.aside[0], pair)
            self._note(pair, Place.BEGINS_ANEW, fit)
        else:
            self.variance, self.at, self.aside = widened, pair.at, (pair, fit)
            self._note(pair, Place.SET_ASIDE, fit)

    def _begin_anew(self, *pairs: Pair) -> None:
        self._begin()
        self.anew = True
        for pair in pairs:
            x, noise = self._measured(pair)
            self._update(pair, x, noise, self._widened(pair.at))

    def _update(self, pair: Pair, x: float, noise: float, widened: float) -> None:
        implied = math.log(pair.rate) - self.scale.exponent * x
        gain = widened / (widened + noise)
        self.mean += gain * (implied - self.mean)
        self.lean += gain * (-x - self.lean)
        self.variance = (1 - gain) * widened
        self.at, self.aside = pair.at, None
        self.count += 1
        self.ratio = math.exp(x)
        self.used.append(pair)
        self.implied.append(implied)

    def _note(self, pair: Pair, place: Place, fit: float | None) -> None:
        self.steps.append(Step(pair, place, fit, self.mean, self.spread))

    def _measured(self, pair: Pair) -> tuple[float, float]:
        """ln(level / limit) and the variance that one level has, on the scale of the rate."""
        rows, exponent = self.protocol, self.scale.exponent
        if pair.comparator in _BELOW:
            # "< 0.10" stands for somewhere under 0.10, with a wider error of its own.
            level = self.scale.read(pair.level * rows["required_rate.below_share"])
            noise = (rows["required_rate.below_spread"] * exponent) ** 2
        else:
            level = self.scale.read(pair.level)
            own = rows["required_rate.noise"] ** 2 + (self.scale.error / level) ** 2
            noise = exponent**2 * own
        return math.log(level / self.scale.lower), noise

    def _widened(self, at: datetime) -> float:
        """The variance once the need has drifted until a moment, at most what it was before any
        pair.
        """
        if self.at is None:
            return self.variance
        rows = self.protocol
        pace = rows["required_rate.drift"]
        window = rows.span("required_rate.change_window")
        if any(self.at <= change + window and at >= change for change in self.changes):
            # Sepsis, shock or a circuit move the need faster than the days do.
            pace *= rows["required_rate.change_drift"]
        drifted = self.variance + pace**2 * ((at - self.at) / DAY)
        # However long ago the last pair was, nothing is less known than before any.
        return max(self.variance, min(drifted, rows["required_rate.prior_spread"] ** 2))

    def _lost(self, pair: Pair, x: float, fit: float) -> bool:
        """Whether a level is far lower than about this rate gave before, judged by the pairs before
        it.
        """
        rows = self.protocol
        before = self.aside[0] if self.aside else self.used[-1]
        near = abs(pair.rate / before.rate - 1) <= rows["required_rate.lost_rate_change"] / 100
        enough = self.count >= rows["required_rate.fewest_pairs"]
        return enough and near and x < 0 and fit < -rows["required_rate.lost_fit"]
