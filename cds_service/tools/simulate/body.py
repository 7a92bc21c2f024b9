"""One patient's body: how heparin leaves it, and what rate it would need.

Free heparin in plasma leaves by three ways: the kidney (in proportion), receptors of endothelium
and macrophages (saturable), and binding to proteins of the acute phase (saturable, and without
effect while bound). The anti-Xa level is the free heparin times the help of antithrombin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random

from cds_service.tools.simulate.worlds import Population, World

REFERENCE_LEVEL = 0.30  # IU/mL at which needs and shares are stated
STEP = 1 / 6  # h
AT_SCALE = 0.35  # antithrombin (1 = 100 %) helps by 1 - exp(-AT / scale), 1 at 100 %
AT_RECOVERY = 0.014  # rise (1 = 100 %) per IU/kg, the label's
AT_HALF_LIFE = 20.0  # h, of a dose in the critically ill
RECEPTOR_RISE, BINDING_RISE = 0.25, 0.6  # log, per unit of inflammation
AT_FALL = 0.18  # log, per unit of inflammation
HEPARIN_AT_FALL, HEPARIN_AT_HOURS = 0.18, 48.0  # heparin's own lowering, and its pace
SEPSIS_RISE_HOURS, SEPSIS_HOURS = 12.0, 72.0


def antithrombin_help(at: float) -> float:
    """What share of the effect at 100 % antithrombin is left (1 = 100 %)."""
    return (1 - math.exp(-max(at, 0.05) / AT_SCALE)) / (1 - math.exp(-1 / AT_SCALE))


@dataclass(slots=True)
class Body:
    """The constants of one patient and the heparin in the plasma now."""

    world: World
    weight: float  # kg
    need: float  # U/kg/h for 0.30 IU/mL without inflammation, CRRT or want of antithrombin
    linear_share: float
    binding_share: float
    receptor_km: float
    volume: float  # L/kg
    severity: float  # inflammation on admission
    recovery: float  # h
    at_base: float  # 1 = 100 %
    hereditary: bool = False  # want of antithrombin
    septic: tuple[float, ...] = ()  # hours of new sepsis
    sepsis_size: float = 1.5
    crrt: tuple[float, float] | None = None  # start hour and the rise of the linear way
    at_doses: list[tuple[float, float]] = field(default_factory=list)  # hour, IU/kg
    amount: float = 0.0  # U/kg in plasma, free and bound
    walk: float = 0.0  # log, random drift of receptors and kidney

    def inflammation(self, hour: float) -> float:
        """0 is none; new sepsis rises over half a day and leaves over three."""
        flares = (self._flare(hour - at) for at in self.septic)
        return self.severity * math.exp(-max(hour, 0.0) / self.recovery) + sum(flares)

    def _flare(self, since: float) -> float:
        if since <= 0:
            return 0.0
        if since < SEPSIS_RISE_HOURS:
            return self.sepsis_size * since / SEPSIS_RISE_HOURS
        return self.sepsis_size * math.exp(-(since - SEPSIS_RISE_HOURS) / SEPSIS_HOURS)

    def antithrombin(self, hour: float) -> float:
        """Activity, 1 = 100 %."""
        on_heparin = HEPARIN_AT_FALL * (1 - math.exp(-max(hour, 0.0) / HEPARIN_AT_HOURS))
        own = self.at_base * (1 - on_heparin) * math.exp(-AT_FALL * self.inflammation(hour))
        given = (
            AT_RECOVERY * per_kg * math.exp(-math.log(2) * (hour - at) / AT_HALF_LIFE)
            for at, per_kg in self.at_doses
            if hour >= at
        )
        return own + sum(given)

    def free(self, hour: float) -> float:
        """Free heparin, U/mL: what is left when the proteins have bound their part."""
        total = self.amount / self.volume / 1000
        room, half = self._binding(hour), self.world.binding_km
        rest = total - room - half
        return (rest + math.sqrt(rest * rest + 4 * half * total)) / 2

    def level(self, hour: float) -> float:
        """The true anti-Xa activity, IU/mL."""
        return self.free(hour) * antithrombin_help(self.antithrombin(hour))

    def step(self, hour: float, rate: float, rng: Random) -> None:
        """One step of time at a delivered rate in U/kg/h."""
        lost = self._elimination(self.free(hour), hour)
        self.amount = max(self.amount + (rate - lost) * STEP, 0.0)
        pull = math.exp(-STEP / self.world.drift_hours)
        jolt = self.world.drift * math.sqrt(1 - pull * pull)
        self.walk = self.walk * pull + rng.gauss(0, jolt)

    def needed(self, hour: float, level: float) -> float:
        """The steady rate that would hold an anti-Xa level, everything else as it is now."""
        free = level / antithrombin_help(self.antithrombin(hour))
        return self._elimination(free, hour)

    def _elimination(self, free: float, hour: float) -> float:
        """U/kg/h that leave at a concentration of free heparin."""
        kidney = self.need * self.linear_share * free / REFERENCE_LEVEL
        if self.crrt and hour >= self.crrt[0]:
            kidney += self.need * self.crrt[1] * free / REFERENCE_LEVEL
        receptors = self.need * (1 - self.linear_share - self.binding_share)
        receptors *= _filled(free, self.receptor_km) / _filled(REFERENCE_LEVEL, self.receptor_km)
        receptors *= math.exp(RECEPTOR_RISE * self.inflammation(hour))
        bound = self._binding(hour) * _filled(free, self.world.binding_km)
        proteins = bound * self.world.binding_turnover * self.volume * 1000
        return (kidney + receptors) * math.exp(self.walk) + proteins

    def _binding(self, hour: float) -> float:
        """U/mL that the proteins could hold."""
        filled = _filled(REFERENCE_LEVEL, self.world.binding_km)
        turned = self.world.binding_turnover * self.volume * 1000
        room = self.need * self.binding_share / filled / turned
        return room * math.exp(BINDING_RISE * self.inflammation(hour))


def _filled(free: float, half: float) -> float:
    return free / (half + free)


def draw_body(rng: Random, world: World, population: Population, hours: float) -> Body:
    """A patient of a population, for an infusion of so many hours."""
    weight = round(min(max(rng.gauss(*population.weight), 42.0), 190.0), 1)
    need = population.need * (weight / 80) ** population.size_exponent
    septic = rng.random() < population.sepsis
    crrt = rng.random() < population.crrt
    hereditary = rng.random() < population.hereditary
    return Body(
        world=world,
        weight=weight,
        need=need * math.exp(rng.gauss(0, population.need_spread)),
        linear_share=rng.uniform(*world.linear_share),
        binding_share=rng.uniform(*world.binding_share),
        receptor_km=world.receptor_km * math.exp(rng.gauss(0, world.receptor_km_spread)),
        volume=world.volume * math.exp(rng.gauss(0, world.volume_spread)),
        severity=max(rng.gauss(*population.inflammation), 0.0),
        recovery=rng.uniform(*population.recovery_hours),
        hereditary=hereditary,
        at_base=rng.gauss(0.5, 0.04) if hereditary else max(rng.gauss(0.98, 0.13), 0.55),
        septic=(rng.uniform(12, max(hours - 12, 13)),) if septic else (),
        sepsis_size=rng.uniform(0.9, 2.0),
        crrt=(rng.uniform(-12, hours * 0.6), rng.uniform(0.05, 0.30)) if crrt else None,
        walk=rng.gauss(0, world.drift),
    )
