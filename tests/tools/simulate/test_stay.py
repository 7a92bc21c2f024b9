"""The simulated unit keeps to its published ground, and to its seed."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from statistics import median

import pytest

import cds_service
from cds_service.tools.simulate.body import STEP, Body, antithrombin_help, draw_body
from cds_service.tools.simulate.course import Course
from cds_service.tools.simulate.laboratory import Laboratory
from cds_service.tools.simulate.stay import run_stay, simulate_stay
from cds_service.tools.simulate.worlds import ADVERSE, MODERATE, POPULATIONS, WORLDS, World
from tests.arrows import imports

CALM = replace(POPULATIONS["ordinary"], inflammation=(0.0, 0.0), sepsis=0.0, crrt=0.0)


def calm(number: int, world: World = MODERATE) -> Body:
    return draw_body(Random(number), world, CALM, 100)


@cache
def stays(population: str, count: int = 250) -> tuple[Course, ...]:
    return tuple(simulate_stay(population, number, seed=5) for number in range(count))


def test_the_same_seed_gives_the_same_stay_and_another_number_another() -> None:
    assert simulate_stay("covid", 3, seed=7) == simulate_stay("covid", 3, seed=7)
    assert simulate_stay("covid", 3, seed=7).segments != simulate_stay("covid", 4, seed=7).segments
    assert simulate_stay("covid", 3, seed=7).segments != simulate_stay("covid", 3, seed=8).segments


# Doses in use: about 10-13 U/kg/h in intensive care, about 15-16 in COVID-19.
@pytest.mark.parametrize(
    ("population", "lowest", "highest", "above_20"),
    [
        ("ordinary", 9.5, 12, (0.05, 0.20)),
        ("heavier", 9.5, 12.5, (0.09, 0.28)),
        ("covid", 13, 17, (0.28, 0.52)),
    ],
)
def test_needs_are_those_of_published_doses(
    population: str, lowest: float, highest: float, above_20: tuple[float, float]
) -> None:
    full = [c for c in stays(population) if c.order.lower == 0.3]
    needs = [need for c in full for _, need in c.need[6:]]
    high = sum(sum(need > 20 for _, need in c.need) >= 12 for c in full) / len(full)

    assert lowest < median(needs) < highest
    assert above_20[0] < high < above_20[1]


@pytest.mark.parametrize("world", WORLDS)
def test_the_level_rises_faster_than_the_rate_and_is_no_power_of_it(world: str) -> None:
    """The rate grows as some power of the level, below one, that changes with the level."""
    for number in range(20):
        body = calm(number, WORLDS[world])
        low, high = (_exponent(body, level) for level in (0.05, 0.4))

        assert 0.35 < high < low - 0.05
        assert low < 1


def _exponent(body: Body, level: float) -> float:
    more, less = body.needed(0, level * 1.05), body.needed(0, level / 1.05)
    return math.log(more / less) / (2 * math.log(1.05))


def test_the_half_life_grows_with_the_dose() -> None:
    found = [median(_half_life(calm(n), dose) for n in range(40)) for dose in (25, 100, 400)]

    assert 0.5 < found[0] < found[1] < found[2] < 3.5
    assert found[2] > 1.5 * found[0]


def _half_life(body: Body, dose: float) -> float:
    body.amount, hour, still = dose, 0.0, Random(1)
    first = body.level(0)
    while body.level(hour) > first / 2:
        body.step(hour, 0.0, still)
        hour += STEP
    return hour


def test_the_needed_rate_holds_its_level() -> None:
    world = replace(MODERATE, drift=0.0)
    for number in range(10):
        body, still = calm(number, world), Random(1)
        for tick in range(240):
            body.step(tick * STEP, body.needed(tick * STEP, 0.3), still)

        assert body.level(40) == pytest.approx(0.3, rel=0.02)


def test_sepsis_and_crrt_raise_the_need_and_antithrombin_lowers_it() -> None:
    body = calm(2)
    before = body.needed(40, 0.3)

    body.septic = (28.0,)
    assert 1.2 < body.needed(40, 0.3) / before < 2.0
    body.septic = ()
    body.crrt = (30.0, 0.2)
    assert 1.02 < body.needed(40, 0.3) / before < 1.25
    body.crrt = None
    body.at_base = 0.4
    low = body.needed(40, 0.3)
    body.at_doses.append((39.0, 40.0))
    assert before < body.needed(40, 0.3) * 1.2 < low * 1.2
    assert antithrombin_help(1.0) == 1.0


def test_the_adverse_world_is_worse_in_each_respect_it_changes() -> None:
    assert ADVERSE.receptor_km < MODERATE.receptor_km
    assert ADVERSE.linear_share < MODERATE.linear_share
    assert ADVERSE.drift > MODERATE.drift
    assert ADVERSE.assay_cv > MODERATE.assay_cv
    assert ADVERSE.bad_samples > MODERATE.bad_samples


def test_a_disconnected_line_takes_the_level_away_while_charting_goes_on() -> None:
    disconnected = replace(CALM, disconnected=1.0, partly_lost=0.0, charted_wrongly=0.0, hit=0.0)
    seen = 0
    for number in range(30):
        course = run_stay(Random(number), number, "calm", disconnected, MODERATE)
        for fault in course.faults:
            seen += 1
            assert course.level[int(fault.end) - 1][1] < 0.1
            assert course.rate_at(fault.end - 0.5) > 0 or any(
                s.rate == 0 and s.start < fault.end for s in course.segments
            )
    assert seen > 10


def test_the_assay_has_noise_a_floor_and_bad_samples() -> None:
    rng, assay = Random(3), Laboratory(replace(MODERATE, bad_samples=0.0), 0.1, 30.0, 2.0)
    read = [assay.anti_xa(rng, 0.5, None) for _ in range(400)]
    spread = math.sqrt(sum((value - 0.5) ** 2 for value, _, _ in read) / 400)
    bad = Laboratory(replace(MODERATE, bad_samples=1.0), 0.1, 30.0, 2.0)

    assert 0.04 < spread < 0.07
    assert assay.anti_xa(rng, 0.01, None) == (0.1, True, "")
    assert {bad.anti_xa(rng, 0.5, None)[2] for _ in range(20)} == {"line", "stop"}
    assert median(assay.anti_xa(rng, 0.1, 12.0)[0] for _ in range(99)) == pytest.approx(
        0.7, abs=0.1
    )
    assert assay.anti_xa(rng, 0.1, 80.0)[2] == ""


def test_the_acute_phase_shortens_the_aptt() -> None:
    rng, assay = Random(3), Laboratory(MODERATE, 0.1, 30.0, 2.0)

    assert median(assay.aptt(rng, 0.4, 2.0) for _ in range(99)) < 0.8 * median(
        assay.aptt(rng, 0.4, 0.0) for _ in range(99)
    )


def test_charted_stretches_neither_overlap_nor_leave_a_gap() -> None:
    for course in stays("heavier", 60):
        joined = zip(course.segments, course.segments[1:], strict=False)
        assert all(one.end == pytest.approx(two.start) for one, two in joined)
        assert course.segments[0].start == 0
        assert all(draw.issued > draw.at for draw in course.draws)


def test_hit_halves_the_platelets_and_a_bleed_takes_haemoglobin() -> None:
    falling = replace(CALM, hit=1.0, bleeds=1.0)
    for number in range(8):
        course = run_stay(Random(number), number, "hit", falling, MODERATE)
        bleed, hit = course.bleeds[0], course.hit
        assert hit is not None
        counts = [d.value for d in course.draws if d.test == "platelets" and d.at < hit]
        late = [d.value for d in course.draws if d.test == "platelets" and d.at > hit + 72]
        assert not late or max(late) < 0.7 * median(counts)
        hb = [d for d in course.draws if d.test == "hemoglobin"]
        before = median(d.value for d in hb if d.at < bleed.at)
        after = [d.value for d in hb if d.at > bleed.at + bleed.hours]
        assert not after or median(after) < before - 1.5


def test_the_service_knows_nothing_of_the_simulation_nor_it_of_the_service() -> None:
    """Only the command line joins them; the simulation shares no formula with the estimate."""
    package = Path(cds_service.__file__).parent
    users, used = set(), set()
    for module in package.rglob("*.py"):
        for name in imports(module.read_text(encoding="utf-8")):
            inside = module.parent.name == "simulate"
            if name.startswith("cds_service.tools.simulate") and not inside:
                users.add(module.name)
            if inside and name.startswith("cds_service.") and "simulate" not in name:
                used.add(name)

    assert users == {"cli.py"}
    assert not used
