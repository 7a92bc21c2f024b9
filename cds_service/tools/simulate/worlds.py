"""The constants of the simulation and what each rests on.

They were fixed before any estimate of the service was run on a simulated stay, and are not moved
to make an estimate look better.

Published ground
- Heparin leaves plasma by a saturable and a linear way together: de Swart, Blood 1982;60:1251.
  The half-life grows with the dose: after 25, 100 and 400 U/kg about 30, 60 and 150 minutes in the
  healthy (Hirsh, Chest 2001;119:64S). A receptor that is half full at 0.5 IU/mL with a linear share
  of a tenth gives these three; infusion models of whole populations find linear clearance
  (Delavenne 2017; Jia 2015). `receptor_km` and `linear_share` stand between the two, so half-lives
  here are longer after small doses than those of the healthy.
- Proteins of the acute phase bind heparin, which is then without effect; binding decides much of
  the dose: Young, Thromb Haemost 1992;67:639; Arterioscler Thromb Vasc Biol 1997;17:1568.
- Clearance differs between patients by 35 % (Jia 2015) to 50 % (Al-Sallami 2016, children), and
  moves with inflammation (Lanoiselee 2024).
- Doses in use: 12.8 U/kg/h in intensive care, 16.0 in COVID-19 (COVID 2025;5:51); 15.8 U/kg/h at
  95-104 kg and 13.1 from 130 kg (J Crit Care 2015): `size_exponent`.
- Anti-Xa imprecision 5 % within a laboratory, 15-37 % between laboratories (Cuker 2010; Bonar
  2012). ln aPTT rises in a straight line with the level, at 1.5-3.9 per IU/mL between people.
- Half of adults with an anti-Xa in range have an aPTT below it in the acute phase (Arachchillage).
- Antithrombin falls by about a fifth within days of heparin and by more in sepsis.
Shares of faults, bad samples, bleeds and HIT have no one source: they are set high enough to be
counted in some hundred stays, HIT and bleeds well above what wards see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

Span = tuple[float, float]  # lowest and highest of an even draw


@dataclass(frozen=True, slots=True)
class World:
    """How bodies and laboratories behave."""

    receptor_km: float = 0.6  # IU/mL at which the receptors are half full
    receptor_km_spread: float = 0.35  # log
    binding_km: float = 0.4  # IU/mL at which the binding proteins are half full
    linear_share: Span = (0.20, 0.45)  # of the elimination at 0.30 IU/mL
    binding_share: Span = (0.08, 0.22)
    binding_turnover: float = 0.6  # per hour: bound heparin goes with its protein
    volume: float = 0.045  # L/kg, plasma
    volume_spread: float = 0.2  # log
    drift: float = 0.12  # log, standing spread of a random walk that returns
    drift_hours: float = 36.0
    assay_cv: Span = (0.08, 0.15)  # one laboratory draw per patient
    assay_error: float = 0.02  # IU/mL
    assay_floor: float = 0.10  # IU/mL, below it "<0.10"
    bad_samples: float = 0.03


@dataclass(frozen=True, slots=True)
class Population:
    """Whom a unit treats, and what befalls them."""

    need: float  # median U/kg/h for 0.30 IU/mL at 80 kg, without inflammation
    need_spread: float  # log
    weight: Span = (81.0, 17.0)  # mean and spread, kg
    size_exponent: float = -0.35
    inflammation: Span = (0.6, 0.4)  # mean and spread on admission, 0 none to 3 extreme
    recovery_hours: Span = (60.0, 160.0)
    sepsis: float = 0.20  # new sepsis while on heparin
    crrt: float = 0.20
    low_intensity: float = 0.15
    apixaban: float = 0.05
    hereditary: float = 0.01
    disconnected: float = 0.06
    partly_lost: float = 0.03
    charted_wrongly: float = 0.03
    bleeds: float = 0.06
    hit: float = 0.03


MODERATE = World()
# Worse in each respect at once, in each less than the worlds below.
ADVERSE = replace(
    MODERATE,
    receptor_km=0.4,
    linear_share=(0.15, 0.35),
    drift=0.18,
    assay_cv=(0.12, 0.18),
    bad_samples=0.05,
)
# Worse in one respect, there by far.
SATURATED = replace(MODERATE, receptor_km=0.3, linear_share=(0.10, 0.30))
RESTLESS = replace(MODERATE, drift=0.24)
NOISY = replace(MODERATE, assay_cv=(0.15, 0.22), bad_samples=0.06)

WORLDS: Mapping[str, World] = {
    "moderate": MODERATE,
    "adverse": ADVERSE,
    "saturated": SATURATED,
    "restless": RESTLESS,
    "noisy": NOISY,
}

# "heavier" is heavier disease: more sepsis, more renal replacement, a wider spread of need.
POPULATIONS: Mapping[str, Population] = {
    "ordinary": Population(need=9.0, need_spread=0.36),
    "heavier": Population(
        need=8.9,
        need_spread=0.41,
        weight=(86.0, 20.0),
        inflammation=(0.8, 0.5),
        sepsis=0.35,
        crrt=0.25,
    ),
    "covid": Population(
        need=10.9,
        need_spread=0.42,
        weight=(88.0, 18.0),
        inflammation=(1.3, 0.5),
        recovery_hours=(120.0, 300.0),
        sepsis=0.30,
        low_intensity=0.08,
    ),
}
