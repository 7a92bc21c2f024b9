"""How many cards a simulated unit would see, and how many of them were right.

    python -m bench.burden                             300 stays of each population
    python -m bench.burden --stays 50 --workers 1      the same, small

A card appears when it is shown and was not at the moment before with the same topic, indicator and
drugs; an appearance repeats if the same stood within the 24 hours before. A resistance card is one
of `RESISTANCE`; an offer is a drug among its suggestions. Intervals hold 95 % (stays resampled).
What a goal asks and was not found is printed as missed; nothing is left out.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from random import Random

from bench.asking import Moment, ask, drugs
from cds_service.advice import Rulebook
from cds_service.cards.card import Card
from cds_service.rulebook.load import rulebook
from cds_service.tools.simulate.course import Course, Draw
from cds_service.tools.simulate.worlds import POPULATIONS

RESISTANCE = frozenset(
    {
        "heparinResistance",
        "heparinDoseCeiling",
        "antithrombinDose",
        "anticoagulantSwitch",
        "thrombosisOnHeparin",
    }
)
LOUD = ("warning", "critical")
HIGH, LASTING = 20.0, 12
REPEAT_HOURS = 24.0
FELT_AFTER = 3.0  # h until a level shows a fault
SECONDS = 0.01  # h: resources tell times to the second, a course does not round
RESAMPLED = 300

Key = tuple[str, str, frozenset[str]]


@dataclass(frozen=True)
class Event:
    """A card that appears."""

    hour: float
    key: Key
    repeats: bool

    @property
    def loud(self) -> bool:
        return self.key[1] in LOUD

    @property
    def of_resistance(self) -> bool:
        return self.key[0] in RESISTANCE


@dataclass
class Sums:
    """Of one stay, to be added: name -> [hits, of]."""

    shares: dict[str, tuple[float, float]] = field(default_factory=dict)
    topics: Counter[tuple[str, str]] = field(default_factory=Counter)  # topic and indicator
    repeated: Counter[tuple[str, str]] = field(default_factory=Counter)  # of them
    changes: int = 0  # of the card that changed most
    all_changes: int = 0
    questions: int = 0

    def put(self, name: str, hits: float, of: float = 1) -> None:
        self.shares[name] = (hits, of)


def key_of(card: Card) -> Key:
    """What makes a card another one: its topic, its indicator, the drugs it offers."""
    return (card.topic, card.indicator, drugs(card))


def events(moments: Sequence[Moment]) -> Iterator[Event]:
    """Every appearance of a card."""
    last_seen: dict[Key, float] = {}
    before: frozenset[Key] = frozenset()
    for moment in moments:
        shown = frozenset(key_of(card) for card in moment.cards)
        for key in sorted(shown - before, key=str):
            seen = last_seen.get(key)
            yield Event(moment.hour, key, seen is not None and moment.hour - seen <= REPEAT_HOURS)
        last_seen |= dict.fromkeys(shown, moment.hour)
        before = shown


def changes(moments: Sequence[Moment]) -> Counter[str]:
    """How often each topic's card came with another indicator or other drugs than last time."""
    last: dict[str, Key] = {}
    found = Counter[str]()
    for moment in moments:
        for card in moment.cards:
            key = key_of(card)
            found[card.topic] += last.get(card.topic, key) != key
            last[card.topic] = key
    return found


def judge(course: Course, moments: Sequence[Moment]) -> Sums:
    """Count one stay."""
    sums, appeared = Sums(questions=len(moments)), list(events(moments))
    loud = [event for event in appeared if event.loud]
    sums.put("events", len(loud), course.ended / 24)
    sums.put("repeats", sum(e.repeats for e in loud), len(loud))
    sums.topics.update((e.key[0], e.key[1]) for e in appeared)
    sums.repeated.update((e.key[0], e.key[1]) for e in appeared if e.repeats)
    each = changes(moments)
    sums.changes, sums.all_changes = max(each.values(), default=0), sum(each.values())
    _warnings(sums, course, [e for e in loud if e.of_resistance])
    _offers(sums, course, [e for e in appeared if e.of_resistance and e.key[2]])
    _bleeds(sums, course, moments)
    _faults(sums, course, moments)
    _hit(sums, course, moments)
    return sums


def _warnings(sums: Sums, course: Course, warned: Sequence[Event]) -> None:
    resistant = sum(need > HIGH for _, need in course.need) >= LASTING
    if warned:
        sums.put("warned truly", any(course.need_at(e.hour) > HIGH for e in warned))
    if resistant:
        sums.put("resistant warned", bool(warned))
        sums.put("resistant offered", 0)


def _offers(sums: Sums, course: Course, offers: Sequence[Event]) -> None:
    if not offers:
        return
    sums.put("offer not needed", course.need_at(offers[0].hour) <= HIGH)
    if "resistant offered" in sums.shares:
        sums.put("resistant offered", 1)
    wrong = Counter[str]()
    for offer in offers:
        levels = [
            d for d in course.draws if d.test == "anti_xa" and d.issued <= offer.hour + SECONDS
        ]
        newest = levels[-1] if levels else None
        faulty = course.fault_at(offer.hour) or (newest and not sound(course, newest))
        wrong["fault"] += bool(faulty) and not _twice_low(course, levels)
        wrong["met"] += newest is not None and not newest.below and met(course, newest)
        wrong["bleed"] += any(b.recorded and b.recorded <= offer.hour for b in course.bleeds)
    for name in ("fault", "met", "bleed"):
        sums.put(f"offers: {name}", wrong[name], 0)


def met(course: Course, draw: Draw) -> bool:
    """A level at or above the lower limit that was ordered."""
    return draw.value >= course.order.lower


def sound(course: Course, draw: Draw) -> bool:
    """A good sample of what was given as charted."""
    return draw.flaw in ("", "early") and course.fault_at(draw.at) is None


def _twice_low(course: Course, levels: Sequence[Draw]) -> bool:
    """Truly resistant by the two good levels before."""
    good = [d for d in levels if sound(course, d)][-2:]
    return len(good) == 2 and all(
        (d.below or not met(course, d)) and course.need_at(d.at) > HIGH for d in good
    )


def shown(moments: Sequence[Moment], topics: Sequence[str], since: float, until: float) -> bool:
    """Whether a warning or critical card of these topics stood at any moment between two hours."""
    return any(
        card.topic in topics and card.indicator in LOUD
        for moment in moments
        if since <= moment.hour <= until
        for card in moment.cards
    )


def _bleeds(sums: Sums, course: Course, moments: Sequence[Moment]) -> None:
    counted = [b for b in course.bleeds if b.at + b.hours + 6 < course.ended]
    told = sum(shown(moments, ("bleedingOnHeparin",), b.at, b.at + 48) for b in counted)
    sums.put("bleeds told", told, len(counted))


def _faults(sums: Sums, course: Course, moments: Sequence[Moment]) -> None:
    for fault in course.faults:
        felt = any(
            d.test == "anti_xa" and fault.start + FELT_AFTER <= d.at < fault.end
            for d in course.draws
        )
        named = shown(moments, ("heparinEffectLost",), fault.start, fault.end + 6)
        if felt:
            sums.put("faults named", named)
            sums.put(f"faults named: {fault.kind}", named)


def _hit(sums: Sums, course: Course, moments: Sequence[Moment]) -> None:
    topics = ("hitSuspected", "hitPossible")
    if course.hit is None:
        critical = any(
            c.topic == "hitSuspected" and c.indicator == "critical"
            for m in moments
            for c in m.cards
        )
        sums.put("HIT falsely critical", critical)
        sums.put("HIT falsely possible", shown(moments, topics, -math.inf, math.inf))
    elif course.hit + 60 < course.ended:
        sums.put("HIT found", shown(moments, topics, course.hit, math.inf))


@cache
def tables() -> Rulebook:
    """The default protocol, read once in each process."""
    return rulebook()


def one(task: tuple[str, int, int]) -> Sums:
    """Population, number and seed of a stay to its sums."""
    population, number, seed = task
    course, moments = ask(population, number, tables(), seed)
    return judge(course, moments)


def ratio(stays: Sequence[Sums], name: str) -> float:
    """All hits by all there were; not a number where there were none."""
    sums = [s.shares[name] for s in stays if name in s.shares]
    of = sum(of for _, of in sums)
    return sum(hits for hits, _ in sums) / of if of else math.nan


def p95(values: Sequence[int]) -> float:
    """The value that 95 % do not exceed."""
    return sorted(values)[min(round(0.95 * len(values)), len(values) - 1)]


def count(stays: Sequence[Sums], name: str) -> float:
    """All hits."""
    return sum(s.shares[name][0] for s in stays if name in s.shares)


Goal = tuple[str, float, float, float]  # sign, and one for each population


@dataclass(frozen=True)
class Figure:
    """One line; without a goal it is shown only."""

    name: str
    of: Callable[[Sequence[Sums]], float]
    goal: Goal | None = None
    whole: bool = False  # a count: no interval


def share(name: str) -> Callable[[Sequence[Sums]], float]:
    """The ratio of that name, as a figure."""
    return lambda stays: ratio(stays, name)


def total(name: str) -> Callable[[Sequence[Sums]], float]:
    """The count of that name, as a figure."""
    return lambda stays: count(stays, name)


FIGURES = (
    Figure("warnings and criticals per heparin-day", share("events"), ("<=", 0.10, 0.20, 0.35)),
    Figure("  of them repeats within 24 h", share("repeats"), ("<=", 0.10, 0.10, 0.10)),
    Figure("resistance warning: truly need > 20", share("warned truly"), (">=", 0.50, 0.70, 0.85)),
    Figure("  of those who need > 20 for 12 h: warned", share("resistant warned")),
    Figure("  of those who need > 20 for 12 h: offered", share("resistant offered")),
    Figure("drug offer: needed 20 or less", share("offer not needed"), ("<=", 0.1, 0.1, 0.1)),
    Figure("offers in a fault or on a bad sample", total("offers: fault"), ("<=", 0, 0, 0), True),
    Figure("offers on a met target", total("offers: met"), ("<=", 0, 0, 0), True),
    Figure("offers in a recorded bleed", total("offers: bleed"), ("<=", 0, 0, 0), True),
    Figure("bleeds told", share("bleeds told"), (">=", 0.8, 0.8, 0.8)),
    Figure("delivery faults named", share("faults named"), (">=", 0.5, 0.5, 0.5)),
    Figure("  disconnected", share("faults named: disconnected")),
    Figure("  partly lost", share("faults named: partly_lost")),
    Figure("  charted wrongly", share("faults named: charted_wrongly")),
    Figure("HIT found", share("HIT found")),
    Figure("HIT falsely critical, of stays without", share("HIT falsely critical")),
    Figure("HIT falsely possible or critical", share("HIT falsely possible")),
    Figure(
        "changes of the card that changed most, p95",
        lambda stays: p95([s.changes for s in stays]),
        ("<=", 4, 4, 4),
        True,
    ),
    Figure("changes of all cards of a patient, p95", lambda s: p95([x.all_changes for x in s])),
)


def span(figure: Figure, stays: Sequence[Sums]) -> tuple[float, float]:
    """Where 95 % of the figures of resampled stays lie."""
    rng = Random(1)
    drawn = (figure.of(rng.choices(stays, k=len(stays))) for _ in range(RESAMPLED))
    found = sorted(value for value in drawn if not math.isnan(value))
    if not found:
        return math.nan, math.nan
    return found[round(0.025 * len(found))], found[round(0.975 * len(found)) - 1]


def lines(groups: Sequence[Sequence[Sums]]) -> Iterator[str]:
    """The table: a figure in each population with its interval, goal, and whether it is reached."""
    for figure in FIGURES:
        cells, verdicts = [], []
        for place, stays in enumerate(groups):
            value = figure.of(stays)
            low, high = (value, value) if figure.whole else span(figure, stays)
            cells.append(f"{value:6.3g}" + ("" if figure.whole else f" ({low:.2g}-{high:.2g})"))
            if figure.goal:
                wanted = figure.goal[place + 1]
                reached = value >= wanted if figure.goal[0] == ">=" else value <= wanted
                verdicts.append("-" if math.isnan(value) else "ok" if reached else "MISSED")
        goal = " ".join(map(str, figure.goal)) if figure.goal else ""
        yield (
            f"{figure.name:44}"
            + "".join(f"{cell:22}" for cell in cells)
            + f"{goal:22}"
            + (" ".join(verdicts))
        )


def topics(stays: Sequence[Sums]) -> Iterator[str]:
    """Which cards appear most."""
    found, repeated = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for one_stay in stays:
        found.update(one_stay.topics)
        repeated.update(one_stay.repeated)
    days = sum(s.shares["events"][1] for s in stays)
    for (topic, indicator), times in found.most_common():
        again = repeated[topic, indicator]
        yield (
            f"    {topic:24} {indicator:9} {times:5}, {again:4} of them repeats;"
            f" {times / days:.3f} per heparin-day"
        )


def main() -> None:
    """Ask, count, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stays", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    began, groups = time.perf_counter(), []
    with ProcessPoolExecutor(chosen.workers) as pool:
        for name in POPULATIONS:
            tasks = [(name, number, chosen.seed) for number in range(chosen.stays)]
            groups.append(list(pool.map(one, tasks, chunksize=4)))
    print(f"{chosen.stays} stays each of {', '.join(POPULATIONS)}; 95 % intervals")
    for line in lines(groups):
        print(line)
    for name, stays in zip(POPULATIONS, groups, strict=True):
        print(f"\n{name}: cards that appeared")
        print("\n".join(topics(stays)))
    questions = sum(s.questions for stays in groups for s in stays)
    print(f"\n{questions:,} questions in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
