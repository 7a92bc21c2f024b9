"""Draws a stay of a population and runs it."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

from cds_service.tools.simulate.body import Body, antithrombin_help, draw_body
from cds_service.tools.simulate.course import Bleed, Course, Draw, SimulatedOrder
from cds_service.tools.simulate.laboratory import draw_laboratory
from cds_service.tools.simulate.ward import SimulatedWard, draw_faults
from cds_service.tools.simulate.worlds import POPULATIONS, WORLDS, Population, World

FULL, LOW = (0.3, 0.7), (0.2, 0.4)  # IU/mL
LONG_ENOUGH_FOR_HIT = 216.0  # h
USUAL_NEED = 9.0  # U/kg/h for 0.30 IU/mL without inflammation


def simulate_stay(population: str, number: int, seed: int = 1, world: str = "moderate") -> Course:
    """The stay of that number: the same seed, world and population give the same one."""
    rng = Random(f"{seed}/{world}/{population}/{number}")  # noqa: S311 - not for secrets
    return run_stay(rng, number, population, POPULATIONS[population], WORLDS[world])


def run_stay(
    rng: Random,
    number: int,
    name: str,
    population: Population,
    world: World,
    hours: float | None = None,
    before: float | None = None,
) -> Course:
    """A stay of any population and world; `hours` of infusion and `before` it, else drawn."""
    hit = rng.random() < population.hit
    drawn = min(max(rng.lognormvariate(4.6, 0.5), 30.0), 336.0)
    drawn = max(drawn, LONG_ENOUGH_FOR_HIT) if hit else drawn
    hours = drawn if hours is None else hours
    hit = hit and hours >= LONG_ENOUGH_FOR_HIT
    body = draw_body(rng, world, population, hours)
    course = _admitted(rng, number, name, population, body, hours)
    course.before = course.before if before is None else before
    _befalls(rng, course, population, hit=hit)
    ward = SimulatedWard(
        course=course,
        body=body,
        laboratory=draw_laboratory(rng, world),
        rng=rng,
        obeys=rng.uniform(0.65, 0.88),
        cap=rng.uniform(20, 25) if rng.random() < 0.2 else None,
        aptt_too=rng.choice((0.0, 0.5, 1.0)),
    )
    ward.run()
    _counts(rng, course, body)
    course.cause = _cause(course, body)
    course.draws.sort(key=lambda draw: draw.at)
    return course


def _admitted(
    rng: Random, number: int, name: str, population: Population, body: Body, hours: float
) -> Course:
    """Who it is and what was ordered."""
    low = rng.random() < population.low_intensity
    lower, upper = LOW if low else FULL
    named = low or rng.random() < 0.6
    before = rng.uniform(6, 72)
    prophylaxis = [h * 12.0 - before + 3 for h in range(6)] if rng.random() < 0.4 else []
    apixaban = rng.random() < population.apixaban
    return Course(
        number=number,
        population=name,
        weight=body.weight,
        age=rng.randint(24, 89),
        sex=rng.choice(("male", "female")),
        order=SimulatedOrder(
            lower,
            upper,
            f"Titrate by nomogram, goal anti-Xa {lower}-{upper} IU/mL" if named else "",
            12.0 if low or rng.random() < 0.35 else 18.0,
        ),
        before=before,
        hours=hours,
        prophylaxis=tuple(h for h in prophylaxis if h < -4),
        apixaban=-rng.uniform(4, 30) if apixaban else None,
        septic=body.septic,
        crrt=body.crrt[0] if body.crrt else None,
        hereditary=body.hereditary,
    )


def _befalls(rng: Random, course: Course, population: Population, *, hit: bool) -> None:
    """Faults, a bleed, HIT."""
    shares = (population.disconnected, population.partly_lost, population.charted_wrongly)
    course.faults = draw_faults(rng, course.hours, shares)
    if rng.random() < population.bleeds:
        at = rng.uniform(8, course.hours - 16)
        told = at + rng.uniform(1, 8) if rng.random() < 0.5 else None
        course.bleeds = [Bleed(at, rng.uniform(6, 16), rng.uniform(2.4, 4.5), told)]
    if hit:
        first = min(course.prophylaxis, default=0.0)
        course.hit = max(first + rng.uniform(120, 200), 12.0)


def _counts(rng: Random, course: Course, body: Body) -> None:
    """Platelets daily and haemoglobin twice a day, more often in a bleed."""
    platelets, hb = max(rng.gauss(235, 70), 90), max(rng.gauss(10.6, 1.4), 7.8)
    lasting, calm = rng.uniform(0.3, 0.5), body.inflammation(0)
    hour = -course.before + 1
    extra = [b.at + wait for b in course.bleeds for wait in (4.0, 9.0, 14.0)]
    times = []
    while hour < course.ended:
        times.append(hour)
        hour += 12 + rng.uniform(-1.5, 1.5)
    for place, at in enumerate(sorted((*times, *(h for h in extra if h < course.ended)))):
        issued = at + rng.uniform(0.4, 1.2)
        lost = sum(b.fall * min(max(at - b.at, 0) / b.hours, 1) for b in course.bleeds)
        read = hb - lost - 0.004 * max(at, 0) + rng.gauss(0, 0.25)
        course.draws.append(Draw("hemoglobin", at, issued, round(max(read, 4.0), 1)))
        if place % 2 == 0:
            count = platelets * math.exp(-0.18 * (body.inflammation(at) - calm))
            count *= _hit_share(course, at, lasting) * math.exp(rng.gauss(0, 0.06))
            course.draws.append(Draw("platelets", at, issued, round(count)))


def _hit_share(course: Course, at: float, lasting: float) -> float:
    """What is left of the platelets: over three days down to the lasting share."""
    if course.hit is None or at <= course.hit:
        return 1.0
    return 1 - (1 - lasting) * min((at - course.hit) / 72, 1)


def _cause(course: Course, body: Body) -> str:
    """What raised the need most when it was highest; "own" is the patient's own clearance."""
    hour = max(course.need, key=lambda one: one[1])[0]
    lower = course.order.lower
    plain = replace(body, severity=0.0, septic=(), crrt=None)
    filtered = replace(body, severity=0.0, septic=())
    free = lower / antithrombin_help(body.antithrombin(hour))
    raised = {
        "inflammation": body.needed(hour, lower) / filtered.needed(hour, lower),
        "renal_replacement": filtered.needed(hour, lower) / plain.needed(hour, lower),
        "antithrombin": free / lower,
        "own": body.need * math.exp(body.walk) / USUAL_NEED,
    }
    return max(raised, key=lambda name: raised[name])
