"""The ward: titrates by the charted levels, late, not always, and sometimes through a fault.

One tick is ten minutes. The ward sees what was charted; the body gets what was delivered.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from random import Random

from cds_service.tools.simulate.body import STEP, Body
from cds_service.tools.simulate.course import Course, Draw, Fault, SimulatedRate
from cds_service.tools.simulate.laboratory import EARLY_SHARE, Laboratory

MOST_PER_KG = 45.0  # U/kg/h that any ward gives
FIRST_DRAW, LATER_DRAW = 6.0, 12.0  # h
ROUNDED = 50  # U/h
AT_LINE, AT_TARGET = 0.70, 1.0  # 1 = 100 %


@dataclass(slots=True)
class SimulatedWard:
    """The staff of one stay: what they do next and how they are."""

    course: Course
    body: Body
    laboratory: Laboratory
    rng: Random
    obeys: float  # share of levels that are acted on
    cap: float | None  # U/kg/h that the pump library allows
    aptt_too: float  # share of levels with an aPTT
    rate: float = 0.0  # U/h, charted and wanted
    held: bool = False
    since: float = 0.0  # of the running segment
    changed: float = 0.0  # hour of the last change
    in_range: int = 0  # levels in a row
    high_since: float | None = None
    at_asked: bool = False
    faulty_rate: float | None = None  # U/h that goes on during a fault of charting
    _due: list[tuple[float, int, str, float]] = field(default_factory=list)
    _made: int = 0

    def run(self) -> None:
        """The whole infusion."""
        course = self.course
        self._set_rate(0.0, course.order.start_rate * course.weight)
        if course.order.lower >= 0.3 and self.rng.random() < 0.5:
            self._bolus(0.0, 80.0)
        self._plan_draw(0.0)
        self._plan_hold()
        hour, tick = 0.0, 0
        while hour < course.hours:
            while self._due and self._due[0][0] <= hour:
                at, _, kind, value = heapq.heappop(self._due)
                getattr(self, f"_do_{kind}")(max(at, hour), value)
            self.body.step(hour, self._delivered(hour) / course.weight, self.rng)
            if tick % round(1 / STEP) == 0:
                course.need.append((hour, self.body.needed(hour, course.order.lower)))
                course.level.append((hour, self.body.level(hour)))
            tick += 1
            hour = tick * STEP
        self._close(course.hours)

    def _later(self, at: float, kind: str, value: float = 0.0) -> None:
        self._made += 1
        heapq.heappush(self._due, (at, self._made, kind, value))

    def _delivered(self, hour: float) -> float:
        fault = self.course.fault_at(hour)
        given = 0.0 if self.held else self.rate
        if fault is None:
            self.faulty_rate = None
            return given
        if fault.kind != "charted_wrongly":
            return given * fault.share
        if self.faulty_rate is None:
            self.faulty_rate = given * fault.share
        return 0.0 if self.held else self.faulty_rate

    def _set_rate(self, hour: float, wanted: float) -> None:
        top = min(MOST_PER_KG, self.cap or MOST_PER_KG) * self.course.weight
        wanted = round(min(max(wanted, 2 * self.course.weight), top) / ROUNDED) * ROUNDED
        if wanted == self.rate and not self.held:
            return
        self._close(hour)
        self.rate, self.held = wanted, False
        self.since = self.changed = hour

    def _close(self, hour: float) -> None:
        if hour > self.since and (self.rate or self.held):
            rate = 0.0 if self.held else self.rate
            self.course.segments.append(SimulatedRate(self.since, hour, rate))
        self.since = hour

    def _bolus(self, hour: float, per_kg: float) -> None:
        units = round(per_kg * self.course.weight / 500) * 500.0
        self.course.boluses.append((hour, units))
        fault = self.course.fault_at(hour)  # a bolus comes by the same pump and line
        lost = fault is not None and fault.kind != "charted_wrongly"
        self.body.amount += units / self.course.weight * (fault.share if fault and lost else 1.0)
        self.changed = hour

    def _plan_draw(self, hour: float) -> None:
        """After a change at six hours, sometimes too early; twice in range: at twelve."""
        wait = LATER_DRAW if self.in_range >= 2 else FIRST_DRAW
        if self.rng.random() < EARLY_SHARE:
            wait = self.rng.uniform(2.0, 4.5)
        self._later(hour + wait + self.rng.uniform(0, 1.2), "draw")

    def _plan_hold(self) -> None:
        """A procedure in one stay of seven."""
        if self.rng.random() < 0.15:
            start = self.rng.uniform(10, max(self.course.hours - 10, 11))
            self._later(start, "hold")
            self._later(start + self.rng.uniform(1, 6), "resume")

    def _do_hold(self, hour: float, _: float) -> None:
        if not self.held:
            self._close(hour)
            self.held, self.changed = True, hour

    def _do_resume(self, hour: float, wanted: float) -> None:
        if self.held:
            self._set_rate(hour, wanted or self.rate)

    def _do_rate(self, hour: float, wanted: float) -> None:
        if not self.held:
            self._set_rate(hour, wanted)

    def _do_bolus(self, hour: float, per_kg: float) -> None:
        if not self.held:
            self._bolus(hour, per_kg)

    def _do_draw(self, hour: float, _: float) -> None:
        course, rng = self.course, self.rng
        true = self.body.level(hour)
        since = None if course.apixaban is None else hour - course.apixaban
        value, below, flaw = self.laboratory.anti_xa(rng, true, since)
        if not flaw and hour - self.changed < FIRST_DRAW - 0.1:
            flaw = "early"
        issued = hour + rng.uniform(0.5, 1.5)
        course.draws.append(Draw("anti_xa", hour, issued, value, below, flaw))
        if rng.random() < self.aptt_too:
            seconds = self.laboratory.aptt(rng, true, self.body.inflammation(hour))
            course.draws.append(Draw("aptt", hour, issued, seconds))
        lower, upper = course.order.lower, course.order.upper
        good = not below and lower <= value <= upper
        self.in_range = self.in_range + 1 if good else 0
        acts = issued + rng.lognormvariate(-0.7, 0.7)
        step = 0.0 if rng.random() > self.obeys else _step(value, below, lower, upper)
        self._act(acts, step, value, upper)
        self._plan_draw(acts if step else hour)
        self._antithrombin(hour)
        self._lift_cap(hour)

    def _act(self, at: float, step: float, value: float, upper: float) -> None:
        wanted = self.rate + step * self.course.weight
        if not step:
            return
        if value > upper + 0.2:
            self._later(at, "hold")
            self._later(at + 1.0, "resume", wanted)
            return
        self._later(at, "rate", wanted)
        if step >= 4 and self.course.order.lower >= 0.3 and self.rng.random() < 0.3:
            self._later(at, "bolus", 40.0)

    def _antithrombin(self, hour: float) -> None:
        """Asked in some who need much, rarely in others; a few of the low ones get a dose."""
        course, rng = self.course, self.rng
        high = self.rate / course.weight > 20
        if self.at_asked or rng.random() > (0.3 if high else 0.015):
            return
        self.at_asked = True
        for wait in (0.0, 24.0, 48.0):
            self._later(hour + wait, "antithrombin")
        if high and self.body.antithrombin(hour) < AT_LINE and rng.random() < 0.5:
            self._later(hour + rng.uniform(4, 10), "dose")

    def _do_antithrombin(self, hour: float, _: float) -> None:
        read = self.body.antithrombin(hour) * (1 + self.rng.gauss(0, 0.05))
        issued = hour + self.rng.uniform(1, 4)
        self.course.draws.append(Draw("antithrombin", hour, issued, round(read * 100)))

    def _do_dose(self, hour: float, _: float) -> None:
        missing = (AT_TARGET - self.body.antithrombin(hour)) * 100
        units = round(missing * self.course.weight / 1.4 / 250) * 250.0
        if units > 0:
            self.course.at_doses.append((hour, units))
            self.body.at_doses.append((hour, units / self.course.weight))
            self._later(hour + self.rng.uniform(2, 6), "antithrombin")

    def _lift_cap(self, hour: float) -> None:
        """A pump library's limit is lifted a day after it was reached."""
        if self.cap is None or self.rate < self.cap * self.course.weight - ROUNDED:
            return
        self.high_since = hour if self.high_since is None else self.high_since
        if hour - self.high_since > 24:
            self.cap = None


def _step(value: float, below: bool, lower: float, upper: float) -> float:
    """The nomogram: U/kg/h up or down."""
    if below or value < lower * 0.6:
        return 4.0
    if value < lower:
        return 2.0
    if value <= upper:
        return 0.0
    return -2.0 if value <= upper + 0.2 else -3.0


def draw_faults(rng: Random, hours: float, shares: tuple[float, float, float]) -> list[Fault]:
    """At most one fault of delivery, once the infusion has run for a day or so."""
    kinds = ("disconnected", "partly_lost", "charted_wrongly")
    chance = rng.random()
    for kind, share in zip(kinds, shares, strict=True):
        if chance < share and hours > 40:
            start = rng.uniform(20, hours - 16)
            lost = {"disconnected": 0.0, "partly_lost": rng.uniform(0.3, 0.6)}
            return [Fault(kind, start, start + rng.uniform(6, 16), lost.get(kind, 0.6))]
        chance -= share
    return []
