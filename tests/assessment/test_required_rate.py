"""The required rate: worked examples, an independent sum, and each reason to be silent."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from cds_service.assessment.measure.required_rate import (
    Aim,
    Beyond,
    Likelihood,
    Pair,
    Place,
    RequiredRate,
    Shown,
    Silence,
    required_rate,
)
from tests.builders import protocol

START = datetime(2026, 3, 1, tzinfo=UTC)
USUAL = Aim(0.30)

Charted = tuple[float, float, float | str]  # hour, U/kg/h, level ("<0.10" too)


def hour(value: float) -> datetime:
    return START + timedelta(hours=value)


def pair(at: float, rate: float, level: float | str) -> Pair:
    written = str(level)
    comparator = written.rstrip("0123456789.")
    return Pair(hour(at), rate, float(written.removeprefix(comparator)), comparator)


def estimate(
    charted: Sequence[Charted], aim: Aim = USUAL, later: float = 0.0, **more: Any
) -> RequiredRate:
    """As asked some hours after the newest pair."""
    pairs = [pair(*one) for one in charted]
    now = max((p.at for p in pairs), default=START) + timedelta(hours=later)
    return required_rate(pairs, aim, protocol(), now, **more)


# What the arithmetic must give: mean and spread of the logarithm, probability above 20 U/kg/h.
LOSS = ((10, 16.25, 0.42), (22, 16.25, 0.48), (34, 16.25, 0.45))
EXAMPLES: dict[str, tuple[tuple[Charted, ...], float, float, float]] = {
    "one pair on target": (((7, 18, 0.30),), 2.8360, 0.1647, 0.166),
    "well above after a cut": (((7, 18, 0.52), (14, 16, 0.45)), 2.4643, 0.1447, 0.000),
    "low before and after a raise": (((7, 18, 0.18), (14, 22, 0.24)), 3.2192, 0.1439, 0.940),
    "low after two raises": (
        ((7, 18, 0.16), (14, 22, 0.22), (21, 24, 0.28)),
        3.2602,
        0.1299,
        0.979,
    ),
    "on target at a high rate": (
        ((8, 24, 0.34), (20, 24, 0.38), (30, 24, 0.35)),
        3.0311,
        0.1303,
        0.607,
    ),
    "a little short": (((7, 18, 0.26), (14, 20, 0.29)), 2.9810, 0.1328, 0.456),
    "hardly any effect": (
        ((7, 18, "<0.10"), (14, 22, 0.11), (22, 24.2, 0.13)),
        3.7812,
        0.2008,
        1.000,
    ),
    "a need that falls over days": (
        ((7, 18, 0.20), (14, 22, 0.26), (96, 18, 0.45), (120, 16, 0.42)),
        2.5635,
        0.1514,
        0.002,
    ),
    "effect gone at the same rate": ((*LOSS, (46, 16.25, "<0.10")), 2.4708, 0.2010, 0.005),
    "gone, and again low": ((*LOSS, (46, 16.25, 0.10), (53, 18, 0.12)), 3.5050, 0.2062, 0.993),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_worked_example(name: str) -> None:
    charted, mean, spread, probability = EXAMPLES[name]

    found = estimate(charted)

    assert found.mean == pytest.approx(mean, abs=0.001)
    assert found.spread == pytest.approx(spread, abs=0.001)
    assert found.probability == pytest.approx(probability, abs=0.001)


def test_a_worked_example_with_renal_replacement_begun_between_two_levels() -> None:
    charted = ((10, 16, 0.35), (24, 16, 0.38), (47, 16, 0.26))

    found = estimate(charted, changes=[hour(40)])

    assert found.mean == pytest.approx(2.8448, abs=0.001)
    assert found.spread == pytest.approx(0.1673, abs=0.001)
    assert found.probability == pytest.approx(0.184, abs=0.001)
    assert found.shown == Shown(17, 13, 22)
    assert found.units_per_hour(80, protocol()) == 1400


def test_a_worked_example_by_aptt() -> None:
    found = estimate(((7, 12, 48), (14, 14, 52), (21, 16, 58)), Aim(60, baseline=30))

    assert found.mean == pytest.approx(2.8197, abs=0.001)
    assert found.spread == pytest.approx(0.1651, abs=0.001)
    assert found.probability == pytest.approx(0.143, abs=0.001)
    assert found.shown == Shown(17, 13, 21)
    assert found.units_per_hour(80, protocol()) == 1350


# What each example lets be said: number, U/h at the weight (kg), words, confirms.
SAID: dict[str, tuple[float, Shown | Beyond | Silence, int | None, Likelihood, bool]] = {
    "one pair on target": (80, Silence.TOO_FEW, None, Likelihood.NONE, False),
    "well above after a cut": (80, Shown(12, 9, 15), 950, Likelihood.NONE, False),
    "low before and after a raise": (80, Shown(25, 20, 31), 2000, Likelihood.VERY_LIKELY, True),
    "low after two raises": (81, Shown(26, 22, 31), 2100, Likelihood.ALMOST_CERTAINLY, True),
    "on target at a high rate": (90, Shown(21, 17, 25), 1850, Likelihood.PROBABLY, False),
    "a little short": (95, Shown(20, 16, 24), 1850, Likelihood.NONE, False),
    "hardly any effect": (38, Beyond(True, 36), None, Likelihood.ALMOST_CERTAINLY, True),
    "a need that falls over days": (80, Shown(13, 10, 16), 1050, Likelihood.NONE, False),
    "effect gone at the same rate": (80, Silence.SET_ASIDE, None, Likelihood.NONE, False),
    "gone, and again low": (80, Silence.BEGUN_ANEW, None, Likelihood.ALMOST_CERTAINLY, False),
}


@pytest.mark.parametrize("name", SAID)
def test_what_an_example_lets_be_said(name: str) -> None:
    weight, said, units, likelihood, confirms = SAID[name]

    found = estimate(EXAMPLES[name][0])

    assert said in (found.shown, found.beyond, found.silence)
    assert [found.shown, found.beyond, found.silence].count(None) == 2
    assert units is None or found.units_per_hour(weight, protocol()) == units
    assert found.likelihood is likelihood
    assert found.confirms is confirms


def test_a_level_that_does_not_fit_is_set_aside_and_a_second_begins_the_sum_anew() -> None:
    lost = estimate(EXAMPLES["effect gone at the same rate"][0])
    anew = estimate(EXAMPLES["gone, and again low"][0])

    assert lost.fit == pytest.approx(-3.14, abs=0.005)
    assert [s.place for s in lost.steps] == [Place.USED] * 3 + [Place.SET_ASIDE]
    assert lost.effect_lost
    assert anew.steps[-1].place is Place.BEGINS_ANEW
    assert (anew.pairs, lost.pairs) == (2, 3)
    assert not anew.effect_lost  # at a rate raised by more than a tenth


def plain_sum(
    charted: Sequence[tuple[float, float, float]], lower: float, changes: Sequence[float]
) -> tuple[float, float]:
    """Mean and spread, with every constant written out; no level may miss the gate."""
    k = 0.77
    mean, variance, lean, last = math.log(12) + k * math.log(lower / 0.30), 0.45**2, 0.0, None
    for at, rate, level in charted:
        if last is not None:
            fast = any(last <= change + 48 and at >= change for change in changes)
            pace = 0.20 * (3 if fast else 1)
            variance = min(variance + pace**2 * (at - last) / 24, 0.45**2)
        x = math.log((0.07 if level < 0 else level) / lower)
        noise = (0.40 * k) ** 2 if level < 0 else k**2 * (0.22**2 + (0.02 / level) ** 2)
        gain = variance / (variance + noise)
        mean += gain * (math.log(rate) - k * x - mean)
        lean += gain * (-x - lean)
        variance, last = (1 - gain) * variance, at
    return mean, math.sqrt(variance + (0.15 * lean) ** 2)


@pytest.mark.parametrize("seed", range(30))
def test_another_writing_of_the_sum_gives_the_same(seed: int) -> None:
    """To nine digits, so that every constant of it is held."""
    rng = Random(seed)
    lower, need, at = rng.choice((0.2, 0.3)), rng.uniform(9, 30), 7.0
    charted: list[tuple[float, float, float]] = []
    for _ in range(rng.randint(1, 6)):
        rate = need * rng.uniform(0.6, 1.3)
        level = lower * (rate / need) ** 1.3 * rng.uniform(0.93, 1.07)
        charted.append((at, rate, -1.0 if level < 0.1 else level))
        at += rng.uniform(6, 40)
    changes = [rng.uniform(0, 60)] if rng.random() < 0.5 else []

    found = estimate(
        [(h, r, "<0.10" if level < 0 else level) for h, r, level in charted],
        Aim(lower),
        changes=[hour(c) for c in changes],
    )

    assert all(step.place is Place.USED for step in found.steps)
    mean, spread = plain_sum(charted, lower, changes)
    assert found.mean == pytest.approx(mean, abs=1e-9)
    assert found.spread == pytest.approx(spread, abs=1e-9)


@pytest.mark.parametrize("middle", [47.8, 48.2])
def test_a_change_widens_a_gap_that_touches_its_two_days(middle: float) -> None:
    charted = ((10.0, 18.0, 0.3), (middle, 18.0, 0.32), (60.0, 18.0, 0.31))

    found = estimate(charted, changes=[hour(0)])

    assert found.spread == pytest.approx(plain_sum(charted, 0.30, [0])[1], abs=1e-9)
    assert found.spread != estimate(charted).spread


def test_another_writing_of_the_sum_by_aptt_gives_the_same() -> None:
    charted, base, lower = ((7, 12, 48.0), (14, 14, 52.0), (40, 16, 66.0)), 31.0, 58.0
    target = math.log(lower / base)
    mean, variance, lean, last = math.log(12), 0.45**2, 0.0, 7
    for at, rate, seconds in charted:
        variance = min(variance + 0.2**2 * (at - last) / 24, 0.45**2)
        level = math.log(seconds / base)
        noise = 0.22**2 + (0.08 / level) ** 2
        gain = variance / (variance + noise)
        mean += gain * (math.log(rate) - math.log(level / target) - mean)
        lean += gain * (-math.log(level / target) - lean)
        variance, last = (1 - gain) * variance, at

    found = estimate(charted, Aim(lower, base))

    assert found.mean == pytest.approx(mean, abs=1e-9)
    assert found.spread == pytest.approx(math.hypot(math.sqrt(variance), 0.15 * lean), abs=1e-9)


FITTING = ((7, 18, 0.30), (14, 19, 0.32))

SILENT: dict[str, tuple[Sequence[Charted], dict[str, Any], Silence]] = {
    "no pair": ((), {}, Silence.TOO_FEW),
    "one pair": (FITTING[:1], {}, Silence.TOO_FEW),
    "the newest is older than a day": (FITTING, {"later": 24.1}, Silence.OLD),
    "sepsis since the newest pair": (
        FITTING,
        {"later": 3, "changes": [hour(16)]},
        Silence.CHANGED,
    ),
    "the newest does not fit": ((*FITTING, (20, 19, 0.05)), {}, Silence.SET_ASIDE),
    "too high does not fit either": ((*FITTING, (20, 19, 1.9)), {}, Silence.SET_ASIDE),
    "two did not fit": (
        (*FITTING, (20, 19, 0.05), (27, 22, 0.06)),
        {},
        Silence.BEGUN_ANEW,
    ),
    "far above the target": (((7, 18, 0.65), (14, 17, 0.70)), {}, Silence.FAR_ABOVE),
    "far below, the estimate among the rates used": (
        ((7, 18, 0.30), (14, 10, 0.1495)),
        {},
        Silence.FAR_BELOW,
    ),
    "more than the assay reads": ((*FITTING, (20, 19, ">1.50")), {}, Silence.ONLY_A_BOUND),
    "less than something above the limit": (
        (*FITTING, (20, 19, "<0.50")),
        {},
        Silence.ONLY_A_BOUND,
    ),
    "the aPTT aims no higher than its base": (
        ((7, 18, 40), (14, 19, 50)),
        {"aim": Aim(60, baseline=60)},
        Silence.NO_SCALE,
    ),
    "no lower limit": (FITTING, {"aim": Aim(0.0)}, Silence.NO_SCALE),
    "no baseline": (FITTING, {"aim": Aim(60, baseline=0.0)}, Silence.NO_SCALE),
    "all pairs are from before the antithrombin dose": (
        FITTING,
        {"later": 2, "afresh": hour(15)},
        Silence.TOO_FEW,
    ),
}


@pytest.mark.parametrize("why", SILENT)
def test_it_is_silent_and_says_why(why: str) -> None:
    charted, more, silence = SILENT[why]

    found = estimate(charted, **more)

    assert found.silence is silence
    assert (found.shown, found.beyond) == (None, None)


@pytest.mark.parametrize(
    ("charted", "more"),
    [
        (FITTING, {"later": 23.9}),
        (FITTING, {"changes": [hour(10)]}),  # a pair has followed
        (((7, 18, 0.65), (14, 17, 0.698)), {}),
        (((7, 18, 0.30), (14, 10, 0.1505)), {}),
        ((*FITTING, (20, 19, 0.05), (27, 22, 0.31)), {}),  # the odd one is dropped
        ((*FITTING, (20, 19, 0.05), (27, 22, 0.06), (34, 25, 0.08)), {}),
        ((*FITTING, (20, 19, ">1.50"), (27, 19, 0.33)), {}),
        (((7, 18, 0.3), *((h, 19, 0.31) for h in (16, 22))), {"afresh": hour(15)}),
    ],
)
def test_on_the_other_side_of_each_line_it_speaks(
    charted: Sequence[Charted], more: dict[str, Any]
) -> None:
    found = estimate(charted, **more)

    assert found.silence is None
    assert found.shown or found.beyond


def test_a_second_misfit_on_the_other_side_replaces_the_first() -> None:
    found = estimate((*FITTING, (20, 19, 0.05), (27, 19, 1.9), (33, 19, 0.31)))

    places = [step.place for step in found.steps]
    assert places == [*[Place.USED] * 2, *[Place.SET_ASIDE] * 2, Place.USED]
    assert found.pairs == 3
    assert found.silence is None


def test_a_pair_set_aside_only_lets_time_pass() -> None:
    without, beside = estimate(FITTING), estimate((*FITTING, (20, 19, 0.05)))

    assert beside.mean == without.mean
    assert beside.spread > without.spread


def test_the_first_pair_is_never_set_aside() -> None:
    assert estimate(((7, 18, 2.5),)).steps[0].place is Place.USED


def bisected(found: Callable[[float], float], low: float, high: float, wanted: float) -> float:
    """Where a rising function comes to the wanted value."""
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if found(middle) < wanted else (low, middle)
    return high


def rated(rate: float) -> tuple[Charted, ...]:
    return ((7, rate, 0.22), (14, rate * 1.1, 0.26), (21, rate * 1.15, 0.28))


@pytest.mark.parametrize(
    ("probability", "likelihood", "confirms"),
    [
        (0.497, Likelihood.NONE, False),
        (0.503, Likelihood.PROBABLY, False),
        (0.797, Likelihood.PROBABLY, False),
        (0.803, Likelihood.VERY_LIKELY, True),
        (0.947, Likelihood.VERY_LIKELY, True),
        (0.953, Likelihood.ALMOST_CERTAINLY, True),
    ],
)
def test_words_and_confirmation_by_probability(
    probability: float, likelihood: Likelihood, confirms: bool
) -> None:
    rate = bisected(lambda r: estimate(rated(r)).probability, 10, 40, probability)

    found = estimate(rated(rate))

    assert found.probability == pytest.approx(probability, abs=1e-6)
    assert found.likelihood is likelihood
    assert found.confirms is confirms


def test_the_probability_is_that_of_more_than_twenty() -> None:
    found = estimate(rated(18.0))

    above = 0.5 * math.erfc((math.log(20) - found.mean) / found.spread / math.sqrt(2))
    assert found.probability == pytest.approx(above, abs=1e-9)


@pytest.mark.parametrize("later", [0.0, 23.9])
def test_it_confirms_until_a_day_later(later: float) -> None:
    assert estimate(EXAMPLES["low after two raises"][0], later=later).confirms


@pytest.mark.parametrize(
    ("charted", "more"),
    [
        (EXAMPLES["low after two raises"][0], {"later": 24.1}),
        (EXAMPLES["low after two raises"][0], {"later": 2, "changes": [hour(22)]}),
        ((*EXAMPLES["low after two raises"][0], (30, 26, ">1.50")), {}),
        ((*EXAMPLES["low after two raises"][0], (28, 26, 2.0)), {}),
        (EXAMPLES["low after two raises"][0][:1], {}),
    ],
)
def test_it_does_not_confirm_when_old_changed_unclear_or_alone(
    charted: Sequence[Charted], more: dict[str, Any]
) -> None:
    assert not estimate(charted, **more).confirms


def test_each_of_the_last_two_pairs_must_imply_more_than_twenty() -> None:
    """The last at 24 U/kg/h speaks for a little less, or a little more, than 20 by itself."""
    before: tuple[Charted, ...] = ((7, 20, 0.12), (14, 24, 0.15), (21, 26, 0.17))
    line = 0.30 * (24 / 20) ** (1 / 0.77)
    above, below = ((*before, (28, 24, line * share)) for share in (0.997, 1.003))

    assert estimate(above).confirms
    assert not estimate(below).confirms
    assert estimate(below).probability > 0.9


def test_a_level_far_above_may_still_confirm() -> None:
    found = estimate(((7, 60, 0.75), (14, 60, 0.72)))

    assert found.silence is Silence.FAR_ABOVE
    assert found.confirms


def fit_of(level: float, rate: float = 19.0) -> RequiredRate:
    return estimate((*FITTING, (26, rate, level)))


@pytest.mark.parametrize("side", [-1, 1])
def test_a_pair_is_set_aside_from_a_distance_of_2_4(side: int) -> None:
    inside, outside = (
        bisected(lambda v: fit_of(v).fit or 0.0, 0.03, 3.0, side * far) for far in (2.39, 2.41)
    )

    assert fit_of(inside).steps[-1].place is Place.USED
    assert fit_of(outside).steps[-1].place is Place.SET_ASIDE


def test_effect_is_lost_from_a_distance_of_two_below() -> None:
    fits, lost = (bisected(lambda v: fit_of(v).fit or 0.0, 0.03, 3.0, -far) for far in (1.99, 2.01))

    assert not fit_of(fits).effect_lost
    assert fit_of(lost).effect_lost
    assert fit_of(lost).steps[-1].place is Place.USED


@pytest.mark.parametrize("rate", [19 * 1.0995, 19 * 0.9005])
def test_effect_is_lost_at_a_rate_within_a_tenth(rate: float) -> None:
    away = 19 + (rate - 19) * 1.01

    assert fit_of(0.05, rate).effect_lost
    assert not fit_of(0.05, away).effect_lost


@pytest.mark.parametrize(
    "charted",
    [
        ((7, 18, 0.9), (14, 18, 0.05)),  # after one pair only
        ((7, 12, 1.2), (14, 12, 1.3), (21, 12, 0.35)),  # still above the lower limit
        (*FITTING, (20, 19, 1.9)),  # far too high
        (*FITTING, (20, 19, 0.05), (27, 19, ">1.50")),  # a newer reading
    ],
)
def test_effect_is_not_lost(charted: Sequence[Charted]) -> None:
    assert not estimate(charted).effect_lost


def test_effect_stays_lost_at_the_second_low_level() -> None:
    """The sum begins anew with the two; the fault goes on."""
    found = estimate((*FITTING, (20, 19, 0.05), (27, 19, 0.06)))

    assert found.silence is Silence.BEGUN_ANEW
    assert found.effect_lost


@pytest.mark.parametrize(
    ("level", "above"),
    [(0.30, False), (0.152, False), (0.148, None)],
)
def test_a_number_needs_half_the_limit(level: float, above: bool | None) -> None:
    found = estimate(((7, 30, 0.30), (14, 20, level)))

    assert (found.shown is None) is (above is None)


def test_a_number_lies_within_one_and_a_half_times_the_rates_used() -> None:
    """Of three equal pairs: the level at which the estimate passes the bound."""

    def equal(level: float) -> RequiredRate:
        return estimate([(h, 10.0, level) for h in (7, 14, 21)])

    low = bisected(lambda v: -equal(v).need, 0.02, 0.3, -15.0)
    high = bisected(lambda v: -equal(v).need, 0.3, 0.69, -10 / 1.5)
    assert equal(low * 0.998).beyond == Beyond(above=True, rate=15)
    assert equal(low * 1.002).beyond is None
    assert equal(high * 1.002).beyond == Beyond(above=False, rate=7)
    assert equal(high * 0.998).shown is not None


def test_the_interval_holds_four_of_five() -> None:
    found = estimate(EXAMPLES["low after two raises"][0])
    low, high = found.interval(0.8)

    assert (low, high) == pytest.approx((22.06, 30.77), abs=0.01)
    assert found.shown == Shown(26, math.floor(low), math.ceil(high))


def test_the_interval_shown_is_rounded_outwards_at_its_own_width() -> None:
    """Where it passes a whole number: a wider or narrower one would round otherwise."""

    def interval(rate: float) -> tuple[float, float]:
        found = estimate(rated(rate))
        wide = 1.2815515655446 * found.spread
        return math.exp(found.mean - wide), math.exp(found.mean + wide)

    for edge, wanted in ((0, 20.0), (1, 30.0)):
        at = bisected(lambda r, e=edge: interval(r)[e], 10, 40, wanted)
        less, more = (estimate(rated(at * share)).shown for share in (0.9999, 1.0001))
        assert less is not None
        assert more is not None
        if edge == 0:
            assert (less.lowest, more.lowest) == (19, 20)
        else:
            assert (less.highest, more.highest) == (30, 31)


def test_neither_order_nor_a_repeated_result_changes_anything() -> None:
    charted = EXAMPLES["low after two raises"][0]

    assert estimate(charted[::-1]) == estimate(charted)
    assert estimate((*charted, charted[1])) == estimate(charted)


def test_of_two_results_of_one_draw_the_higher_counts() -> None:
    both = estimate((*FITTING, (20, 19, 0.24), (20, 19, 0.35)))

    assert both == estimate((*FITTING, (20, 19, 0.35)))


@pytest.mark.parametrize("level", [0.0, 0.001, 0.02])
def test_a_level_of_nothing_is_read_at_the_assay_error(level: float) -> None:
    found = estimate(((7, 18, level), (14, 22, level)))

    assert math.isfinite(found.mean)
    assert found == estimate(((7, 18, level), (14, 22, level)))
    assert found.mean == estimate(((7, 18, 0.02), (14, 22, 0.02))).mean


def test_a_held_infusion_and_a_later_pair_are_no_pairs() -> None:
    now = hour(15)
    pairs = [pair(*FITTING[0]), pair(10, 0, 0.1), pair(*FITTING[1]), pair(20, 19, 0.9)]

    assert required_rate(pairs, USUAL, protocol(), now) == estimate(FITTING, later=1)


def test_a_change_that_is_not_known_yet_changes_nothing() -> None:
    assert estimate(FITTING, changes=[hour(15)]) == estimate(FITTING)


def test_the_prior_lies_at_the_same_place_for_another_limit() -> None:
    low = estimate((), Aim(0.20))

    assert low.need == pytest.approx(12 * (0.20 / 0.30) ** 0.77)
    assert estimate((), Aim(60, baseline=30)).need == pytest.approx(12)
