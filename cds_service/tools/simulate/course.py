"""What one simulated stay leaves: what was charted, and the truth that nobody charts."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SimulatedOrder:
    """The infusion order as written."""

    lower: float  # IU/mL
    upper: float
    text: str  # "" where the order names no goal
    start_rate: float  # U/kg/h


@dataclass(frozen=True, slots=True)
class SimulatedRate:
    """A charted stretch at one rate."""

    start: float  # h
    end: float
    rate: float  # U/h; 0 is a hold


@dataclass(frozen=True, slots=True)
class Draw:
    """One result."""

    test: str  # anti_xa, aptt, antithrombin, platelets, hemoglobin
    at: float  # h, drawn
    issued: float  # h
    value: float
    below: bool = False  # under the assay's floor: "<0.10"
    flaw: str = ""  # truth: line, stop, early, apixaban; "" a good sample


@dataclass(frozen=True, slots=True)
class Fault:
    """Truth: what was given is not what was charted."""

    kind: str  # disconnected, partly_lost, charted_wrongly
    start: float
    end: float
    share: float  # of the charted rate that arrives; of the earlier rate if charted wrongly


@dataclass(frozen=True, slots=True)
class Bleed:
    """Truth: a major bleed."""

    at: float
    hours: float  # until it stands
    fall: float  # g/dL
    recorded: float | None  # when the problem list says so, if ever


@dataclass(slots=True)
class Course:
    """One stay."""

    number: int
    population: str
    weight: float
    age: int
    sex: str
    order: SimulatedOrder
    before: float  # h in care before the infusion
    hours: float  # of the infusion
    prophylaxis: tuple[float, ...] = ()  # hours of 5,000 U subcutaneously before it
    apixaban: float | None = None  # hour of the last dose at home
    septic: tuple[float, ...] = ()
    crrt: float | None = None
    hereditary: bool = False
    hit: float | None = None  # hour at which the platelets begin to fall
    cause: str = ""  # truth: what raised the need most at its highest
    segments: list[SimulatedRate] = field(default_factory=list)
    boluses: list[tuple[float, float]] = field(default_factory=list)  # hour, units
    at_doses: list[tuple[float, float]] = field(default_factory=list)  # hour, IU
    draws: list[Draw] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    bleeds: list[Bleed] = field(default_factory=list)
    need: list[tuple[float, float]] = field(default_factory=list)  # hourly, for the lower limit
    level: list[tuple[float, float]] = field(default_factory=list)  # hourly, true

    @property
    def ended(self) -> float:
        """When the infusion ended in fact."""
        return self.segments[-1].end if self.segments else 0.0

    def need_at(self, hour: float) -> float:
        """Needed rate (U/kg/h) for the order's lower limit, to the hour."""
        place = min(max(int(hour), 0), len(self.need) - 1)
        return self.need[place][1]

    def rate_at(self, hour: float) -> float:
        """Charted rate in U/h; 0 where none is."""
        return next((s.rate for s in self.segments if s.start <= hour < s.end), 0.0)

    def fault_at(self, hour: float) -> Fault | None:
        return next((f for f in self.faults if f.start <= hour < f.end), None)
