"""The required rate of one or two pairs of rate and anti-Xa, written out by hand.

Only what the grid needs: the gate sets the second pair aside, and the one known change is sepsis.
"""

from dataclasses import dataclass
from math import erf, exp, log, sqrt

MU, OMEGA, SIGMA, NOISE, K, DK, DRIFT = log(12), 0.45, 0.22, 0.02, 0.77, 0.15, 0.20
GATE, LOST, FASTER = 2.4, -2.0, 3


@dataclass(frozen=True)
class Pair:
    """Hours from the start, U/kg/h, IU/mL."""

    hours: float
    rate: float
    level: float


@dataclass(frozen=True)
class Estimate:
    """Natural logarithm of the required rate: centre and spread; each pair's own word."""

    m: float
    s: float
    implied: tuple[float, ...]  # U/kg/h that each used pair alone asks for
    fit: float = 0.0  # of the last pair, in standard deviations; below 0: lower than expected

    @property
    def aside(self) -> bool:
        """The last pair fits so badly that it was not used: nothing is said of the need."""
        return abs(self.fit) > GATE

    @property
    def above_20(self) -> float:
        """Probability that the required rate is above 20 U/kg/h."""
        return 0.5 * (1 + erf((self.m - log(20)) / self.s / sqrt(2)))


def estimate(pairs: tuple[Pair, ...], lower: float, *, moved: bool = False) -> Estimate:
    """The state after the last pair; `lower` is the lower limit of the target, IU/mL.

    `moved`: sepsis began within the 48 hours before the pairs, and the need drifts faster.
    """
    m, spread, g = MU + K * log(lower / 0.30), OMEGA**2, 0.0
    drift = DRIFT * FASTER if moved else DRIFT
    variance, last, implied, fit = spread, None, [], 0.0
    for pair in pairs:
        x = log(pair.level / lower)
        z = log(pair.rate) - K * x
        r = K * K * (SIGMA**2 + (NOISE / pair.level) ** 2)
        if last is not None:
            grown = variance + drift**2 * (pair.hours - last) / 24
            variance = max(min(grown, spread), variance)
            fit = -(z - m) / sqrt(variance + r + (DK * (x + g)) ** 2)
            if abs(fit) > GATE:
                continue
        gain = variance / (variance + r)
        m += gain * (z - m)
        g += gain * (-x - g)
        variance *= 1 - gain
        last = pair.hours
        implied.append(exp(z))
    return Estimate(m, sqrt(variance + (DK * g) ** 2), tuple(implied), fit)
