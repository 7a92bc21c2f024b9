"""The required rate on the simulated unit: what was found against what is required.

    python -m tests.required_rate_acceptance               2,000 stays of each population and world
    python -m tests.required_rate_acceptance --stays 200   the same, small
    python -m tests.required_rate_acceptance --worlds saturated restless noisy

Each figure is printed for each population with a 95 % interval (patients resampled); the worst of
the three is held against the requirement. What misses is printed as missed.

What is counted
- A pair is a steady one as charted: rate within 5 % for 6 h, no bolus and no hold in 6 h, none
  within 72 h of apixaban; an antithrombin dose begins the pairs afresh. New sepsis and renal
  replacement are told at their onset. Truth is the needed rate at the hour of the draw.
- Spoken: pairs at which a number is shown. Flag: the first pair of a stay that confirms.
- Most figures are of stays whose delivery is sound; the two marked "as drawn" have the faults of
  the population. Disconnections are a run of their own: every stay of 40 h or more has its line
  disconnected once, for 6 to 16 h. One counts if two pairs came before it and a steady pair was
  drawn in it (from its third hour). It is called resistant if the first pair that confirms, without
  an alarm of its own, is one of these and the need is 20 U/kg/h or less.
- An alarm is false where delivery was sound and the sample good.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import NormalDist, median

from cds_service.assessment.measure.required_rate import (
    Aim,
    Pair,
    Place,
    RequiredRate,
    Silence,
    required_rate,
)
from cds_service.assessment.measure.required_rate_filter import Filter, scale_of
from cds_service.assessment.model.protocol import Protocol
from cds_service.tools.simulate.course import Course, Draw
from cds_service.tools.simulate.stay import run_stay
from cds_service.tools.simulate.worlds import POPULATIONS, WORLDS
from tests.builders import protocol

START = datetime(2026, 1, 1, tzinfo=UTC)
STEADY_HOURS, STEADY_CHANGE = 6.0, 0.05
APIXABAN_HOURS = 72.0
HIGH, FAR_HIGH, LASTING = 20.0, 24.0, 12
RUNNING = 19.95  # U/kg/h: what must run besides before a card may offer a drug
Z80 = NormalDist().inv_cdf(0.9)
RESAMPLED = 200


def moment(hour: float) -> datetime:
    return START + timedelta(hours=hour)


def steady_pairs(course: Course) -> Iterator[tuple[Draw, Pair]]:
    """The levels that make a pair, judged by what was charted."""
    changes = [s.start for s in course.segments[1:]]
    shaken = sorted((*(at for at, _ in course.boluses), *_unsteady(course, changes)))
    for draw in course.draws:
        rate = course.rate_at(draw.at)
        since = max((at for at in (0.0, *shaken) if at <= draw.at), default=0.0)
        carried = course.apixaban is not None and draw.at - course.apixaban < APIXABAN_HOURS
        if draw.test != "anti_xa" or not rate or carried or draw.at - since < STEADY_HOURS:
            continue
        comparator = "<" if draw.below else ""
        yield draw, Pair(moment(draw.at), rate / course.weight, draw.value, comparator)


def _unsteady(course: Course, changes: Sequence[float]) -> Iterator[float]:
    for at in changes:
        before, after = course.rate_at(at - 0.01), course.rate_at(at + 0.01)
        if not before or not after or abs(after / before - 1) > STEADY_CHANGE:
            yield at


@dataclass(slots=True)
class Seen:
    """What one stay gave, as sums that can be added over stays."""

    shares: dict[str, list[int]] = field(default_factory=dict)  # name -> [hits, of]
    errors: dict[str, list[float]] = field(default_factory=dict)
    days: float = 0.0

    def count(self, name: str, hit: bool, of: bool = True) -> None:
        if of:
            sums = self.shares.setdefault(name, [0, 0])
            sums[0] += hit
            sums[1] += 1

    def note(self, name: str, value: float) -> None:
        self.errors.setdefault(name, []).append(value)


def judge(course: Course, rows: Protocol) -> Seen:
    """Ask the estimator at every pair of a stay."""
    seen, flagged, found = Seen(days=course.ended / 24), None, None
    pairs = list(steady_pairs(course))
    told = [moment(at) for at in (*course.septic, *([course.crrt] if course.crrt else []))]
    aim = Aim(course.order.lower)
    for place, (draw, pair) in enumerate(pairs):
        afresh = max((moment(a) for a, _ in course.at_doses if a < draw.at), default=None)
        earlier = [p for _, p in pairs[:place]]
        if found is not None and len(earlier) >= 2:
            _next_level(seen, rows, aim, told, earlier, pair, found)
        found = required_rate([*earlier, pair], aim, rows, pair.at, told, afresh)
        need = course.need_at(draw.at)
        _estimate(seen, found, need)
        _after_sepsis(seen, found, need, course, pairs, place)
        _alarms(seen, found, course, draw, new=flagged is None)
        flagged = draw.at if flagged is None and confirms(found) else flagged
        if confirms(found) and need > HIGH:
            seen.shares["true flag"] = [1, 1]
    _flags(seen, course, flagged)
    return seen


def confirms(found: RequiredRate) -> bool:
    """Lost effect goes before resistance."""
    return found.confirms and not found.effect_lost


def _estimate(seen: Seen, found: RequiredRate, need: float) -> None:
    low, high = found.interval(0.8)
    if found.shown:
        seen.count("cover", low <= need <= high)
        seen.note("bias", found.need / need - 1)
        seen.note("error", abs(found.need / need - 1))
    held = found.silence not in (Silence.SET_ASIDE, Silence.TOO_FEW, Silence.BEGUN_ANEW)
    seen.count("bin", need > HIGH, held and 0.8 <= found.probability < 0.9)


def _next_level(
    seen: Seen,
    rows: Protocol,
    aim: Aim,
    told: Sequence[datetime],
    earlier: Sequence[Pair],
    pair: Pair,
    before: RequiredRate,
) -> None:
    """The level foretold at the new rate, from the pairs before it."""
    if before.silence in (Silence.SET_ASIDE, Silence.BEGUN_ANEW, Silence.TOO_FEW):
        return
    work = Filter(scale_of(aim, rows), rows, tuple(told))
    for one in earlier:
        work.take(one)
    k, widened = work.scale.exponent, work._widened(pair.at)
    x = (math.log(pair.rate) - work.mean) / k
    expected = aim.lower * math.exp(x)
    wide = widened / k**2 + rows["required_rate.noise"] ** 2 + (work.scale.error / expected) ** 2
    wide += (rows["required_rate.exponent_spread"] * (x + work.lean) / k) ** 2
    below = bool(pair.comparator)
    off = (math.log(pair.level) - math.log(expected)) / math.sqrt(wide)
    seen.count("next", off > -Z80 if below else abs(off) <= Z80)
    if abs(pair.rate / earlier[-1].rate - 1) >= 0.1:
        level = 0.07 if below else pair.level
        seen.note("next error", abs(level - expected))
        seen.note("same as last", abs(level - earlier[-1].level))


def _after_sepsis(
    seen: Seen,
    found: RequiredRate,
    need: float,
    course: Course,
    pairs: Sequence[tuple[Draw, Pair]],
    place: int,
) -> None:
    at = pairs[place][0].at
    last = pairs[place - 1][0].at if place else -math.inf
    first = any(last < septic <= at < septic + 48 for septic in course.septic)
    low, high = found.interval(0.8)
    seen.count("after change", low <= need <= high, first and found.shown is not None)


def _alarms(seen: Seen, found: RequiredRate, course: Course, draw: Draw, *, new: bool) -> None:
    fault = course.fault_at(draw.at)
    if fault is None:
        recent = any(f.end <= draw.at < f.end + 12 for f in course.faults)
        seen.note("false alarm", float(found.effect_lost and not draw.flaw and not recent))
        seen.note("bad sample alarm", float(found.effect_lost and bool(draw.flaw)))
        return
    before = found.pairs - 1 if found.steps[-1].place is Place.USED else found.pairs
    rates = [step.pair.rate for step in found.steps[-2:]]
    near = abs(rates[-1] / rates[0] - 1) <= 0.1
    if fault.kind == "disconnected" and draw.at >= fault.start + 3:
        _once(seen, "loss found", found.effect_lost, of=before >= 2)
        _once(seen, "loss at the rate found", found.effect_lost, of=before >= 2 and near)
        wrong = new and confirms(found) and course.need_at(draw.at) <= HIGH
        _once(seen, "called resistant", wrong, of=True)
        _once(seen, "called at a high rate", wrong and rates[-1] >= RUNNING, of=True)


def _once(seen: Seen, name: str, hit: bool, *, of: bool) -> None:
    """At most one in a stay, hit if any was."""
    if of:
        sums = seen.shares.setdefault(name, [0, 1])
        sums[0] = max(sums[0], int(hit))


def _flags(seen: Seen, course: Course, flagged: float | None) -> None:
    hit = seen.shares.pop("true flag", None) is not None
    for name, line in (("sens 20", HIGH), ("sens 24", FAR_HIGH)):
        seen.count(name, hit, sum(need > line for _, need in course.need) >= LASTING)
    if flagged is not None:
        seen.count("ppv", course.need_at(flagged) > HIGH)


def share(name: str) -> Callable[[Sequence[Seen]], float]:
    def of(stays: Sequence[Seen]) -> float:
        sums = [s.shares[name] for s in stays if name in s.shares]
        total = sum(n for _, n in sums)
        return sum(h for h, _ in sums) / total if total else math.nan

    return of


def middle(name: str) -> Callable[[Sequence[Seen]], float]:
    def of(stays: Sequence[Seen]) -> float:
        values = [v for s in stays for v in s.errors.get(name, ())]
        return median(values) if values else math.nan

    return of


def a_day(name: str) -> Callable[[Sequence[Seen]], float]:
    def of(stays: Sequence[Seen]) -> float:
        days = sum(s.days for s in stays)
        return sum(sum(s.errors.get(name, ())) for s in stays) / days if days else math.nan

    return of


def ratio(stays: Sequence[Seen]) -> float:
    return middle("next error")(stays) / middle("same as last")(stays)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    name: str
    of: Callable[[Sequence[Seen]], float]
    moderate: float | None  # the requirement in the moderate world; none: shown only
    adverse: float | None
    floor: bool  # a floor, else a ceiling (of the absolute value)
    run: str = "sound"

    def holds(self, value: float, required: float) -> bool:
        return value > required if self.floor else abs(value) < required


FIGURES = (
    Figure("80 % interval of the need, spoken: cover", share("cover"), 0.82, 0.74, True),
    Figure("  cover, ceiling", share("cover"), 0.97, None, False),
    Figure("bias, spoken (median)", middle("bias"), 0.05, 0.11, False),
    Figure("error, spoken (median)", middle("error"), 0.09, 0.13, False),
    Figure("next level: cover of 80 %", share("next"), 0.83, 0.76, True),
    Figure("next level after a change: error / same as last", ratio, 0.75, None, False),
    Figure("flag alone: PPV", share("ppv"), 0.87, 0.82, True),
    Figure("flag: sensitivity at need > 24", share("sens 24"), 0.80, 0.75, True),
    Figure("flag: sensitivity at need > 20", share("sens 20"), 0.45, 0.40, True),
    Figure("truth where P is 0.8-0.9", share("bin"), 0.80, 0.75, True),
    Figure(
        "loss: complete disconnections found", share("loss found"), 0.72, None, True, "disconnected"
    ),
    Figure(
        "  of those at an unchanged rate",
        share("loss at the rate found"),
        None,
        None,
        True,
        "disconnected",
    ),
    Figure("loss: false alarms per heparin-day", a_day("false alarm"), 0.02, 0.035, False),
    Figure("  alarms on bad samples per day", a_day("bad sample alarm"), None, None, False),
    Figure(
        "disconnected called resistant",
        share("called resistant"),
        0.02,
        None,
        False,
        "disconnected",
    ),
    Figure(
        "  with 20 U/kg/h running",
        share("called at a high rate"),
        None,
        None,
        False,
        "disconnected",
    ),
    Figure("  as drawn: cover, spoken", share("cover"), None, None, True, "as drawn"),
    Figure("  as drawn: PPV of the flag", share("ppv"), None, None, True, "as drawn"),
    Figure("first pair after told sepsis: cover", share("after change"), 0.78, 0.62, True),
)


RUNS: Mapping[str, Mapping[str, float]] = {
    "sound": {"disconnected": 0.0, "partly_lost": 0.0, "charted_wrongly": 0.0},
    "disconnected": {"disconnected": 1.0, "partly_lost": 0.0, "charted_wrongly": 0.0},
    "as drawn": {},
}


def run(world: str, name: str, stays: int, seed: int, kind: str) -> list[Seen]:
    """Simulate and judge so many stays of a population."""
    population, rows = replace(POPULATIONS[name], **RUNS[kind]), protocol()
    found = []
    for number in range(stays):
        rng = Random(f"{seed}/{world}/{name}/{kind}/{number}")
        found.append(judge(run_stay(rng, number, name, population, WORLDS[world]), rows))
    return found


def bounds(figure: Figure, stays: Sequence[Seen]) -> tuple[float, float]:
    """95 % of the figures of resampled patients."""
    rng = Random(1)
    drawn = (figure.of(rng.choices(stays, k=len(stays))) for _ in range(RESAMPLED))
    found = sorted(value for value in drawn if not math.isnan(value))
    return found[round(0.025 * len(found))], found[round(0.975 * len(found)) - 1]


@dataclass(frozen=True, slots=True)
class Line:
    """A figure in the three populations, and whether the worst of them holds."""

    figure: Figure
    values: tuple[float, ...]
    spans: tuple[tuple[float, float], ...]
    required: float | None

    @property
    def held(self) -> bool | None:
        if self.required is None:
            return None
        return all(self.figure.holds(value, self.required) for value in self.values)


def table(world: str, stays: int, seed: int, *, resample: bool = True) -> list[Line]:
    """All figures of a world."""
    found = {
        kind: [
            run(world, name, stays if kind == "sound" else stays // 2, seed, kind)
            for name in POPULATIONS
        ]
        for kind in RUNS
    }
    lines = []
    for figure in FIGURES:
        groups = found[figure.run]
        spans = tuple(bounds(figure, g) if resample else (0.0, 0.0) for g in groups)
        required = figure.moderate if world == "moderate" else figure.adverse
        lines.append(Line(figure, tuple(figure.of(g) for g in groups), spans, required))
    return lines


def written(lines: Sequence[Line]) -> Iterator[str]:
    for line in lines:
        cells = (
            f"{value:6.3f} ({low:.3f}-{high:.3f})"
            for value, (low, high) in zip(line.values, line.spans, strict=True)
        )
        sign = ">" if line.figure.floor else "<"
        wanted = "" if line.required is None else f"{sign} {line.required}"
        verdict = {None: "", True: "holds", False: "MISSED"}[line.held]
        yield f"{line.figure.name:48} {'  '.join(cells)}  {wanted:8} {verdict}"


def main() -> int:
    """Print the table of each world."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stays", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--worlds", nargs="+", choices=WORLDS, default=["moderate", "adverse"])
    chosen = parser.parse_args()
    missed = 0
    for world in chosen.worlds:
        print(f"\n{world} world, {chosen.stays:,} stays each of {', '.join(POPULATIONS)}")
        lines = table(world, chosen.stays, chosen.seed)
        for line in written(lines):
            print(line, flush=True)
        missed += sum(line.held is False for line in lines)
    print(f"\n{missed} missed" if missed else "\nall hold")
    return 0


if __name__ == "__main__":
    sys.exit(main())
