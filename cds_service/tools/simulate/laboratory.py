"""What a sample reads: the truth, the assay's noise and floor, and the samples that are bad."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from cds_service.tools.simulate.worlds import Span, World

APIXABAN_PEAK, APIXABAN_HALF_LIFE = 1.2, 12.0  # as IU/mL on a heparin-calibrated assay; h
APIXABAN_GONE = 72.0
APTT_CAP = 150.0  # s
APTT_SLOPE: Span = (1.4, 3.0)  # ln seconds per IU/mL
ACUTE_PHASE = 0.35  # how much less the aPTT answers per unit of inflammation
EARLY_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Laboratory:
    """One patient's assays."""

    world: World
    cv: float
    aptt_base: float  # s, without heparin
    aptt_slope: float

    def anti_xa(self, rng: Random, true: float, apixaban: float | None) -> tuple[float, bool, str]:
        """Value (IU/mL), whether it is only known to lie below the floor, and what was wrong."""
        flaw = ""
        if apixaban is not None and apixaban < APIXABAN_GONE:
            true += APIXABAN_PEAK * math.exp(-math.log(2) * apixaban / APIXABAN_HALF_LIFE)
            flaw = "apixaban"
        if rng.random() < self.world.bad_samples:
            flaw = rng.choice(("line", "stop"))
            true = _bad(rng, true, flaw)
        read = true * (1 + rng.gauss(0, self.cv)) + rng.gauss(0, self.world.assay_error)
        floor = self.world.assay_floor
        return (floor, True, flaw) if read < floor else (round(read, 2), False, flaw)

    def aptt(self, rng: Random, true: float, inflammation: float) -> float:
        """Seconds; the acute phase shortens the answer to heparin."""
        slope = self.aptt_slope / (1 + ACUTE_PHASE * inflammation)
        read = self.aptt_base * math.exp(slope * true + rng.gauss(0, 0.05))
        return round(min(read, APTT_CAP), 1)


def _bad(rng: Random, true: float, flaw: str) -> float:
    """Heparin in the line, or a pause before the draw that nobody charted."""
    if flaw == "line":
        return true + math.exp(rng.gauss(-0.2, 0.7))
    return true * rng.uniform(0.1, 0.6)


def draw_laboratory(rng: Random, world: World) -> Laboratory:
    """The assays that one patient's samples go to."""
    odd = rng.random() < 0.03  # lupus, warfarin: prolonged before heparin
    base = rng.uniform(42, 60) if odd else rng.gauss(30, 2.5)
    return Laboratory(world, rng.uniform(*world.assay_cv), base, rng.uniform(*APTT_SLOPE))
