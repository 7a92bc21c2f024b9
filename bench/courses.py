"""Twelve simulated courses as pictures: rates, levels, target and the cards in time.

    python -m bench.courses page.html

Each is the first stay of its kind, by number, so that nobody chose a flattering one. What nobody
charts is drawn too: the needed rate, the true level, faults, bad samples.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from bench.asking import Moment, ask, drugs
from cds_service.rulebook.load import rulebook
from cds_service.tools.simulate.course import Course
from cds_service.tools.simulate.stay import simulate_stay

SEARCHED = 3000  # stays of a population that are looked through for a kind
WIDTH, LEFT, RIGHT = 1080.0, 190.0, 20.0
RATES, LEVELS, LANE = 130.0, 120.0, 17.0
GAP = 26.0
INK, PALE = "#1c1c1c", "#8a8a8a"
INDICATORS = {"info": "#9db8cc", "warning": "#d1843a", "critical": "#b3261e"}


@dataclass(frozen=True)
class Kind:
    """A kind of course, and how to tell one."""

    title: str
    population: str
    fits: Callable[[Course], bool]


def high_share(course: Course, line: float) -> float:
    """Share of the hours in which more than `line` U/kg/h is needed."""
    return sum(need > line for _, need in course.need) / max(len(course.need), 1)


def plain(course: Course) -> bool:
    """Nothing special happens."""
    special = course.faults or course.bleeds or course.hit or course.septic or course.at_doses
    flawed = any(d.flaw in ("line", "stop") for d in course.draws)
    return not special and not flawed and course.apixaban is None and course.order.lower == 0.3


def faulty(kind: str) -> Callable[[Course], bool]:
    """A fault of delivery in which a level was drawn."""
    return lambda course: any(
        f.kind == kind
        and any(d.test == "anti_xa" and f.start + 3 <= d.at < f.end for d in course.draws)
        for f in course.faults
    )


KINDS = (
    Kind("Ordinary need", "ordinary", lambda c: plain(c) and high_share(c, 14) == 0),
    Kind("Need just below 20", "ordinary", lambda c: plain(c) and 16 < _middle(c) < 20),
    Kind("Truly resistant", "covid", lambda c: plain(c) and high_share(c, 24) > 0.9),
    Kind("Resistant, antithrombin given", "covid", lambda c: bool(c.at_doses)),
    Kind(
        "Sepsis on heparin",
        "heavier",
        lambda c: bool(c.septic) and 30 < c.septic[0] < c.ended - 50 and not c.faults,
    ),
    Kind("Line off", "ordinary", faulty("disconnected")),
    Kind("Half of it lost", "ordinary", faulty("partly_lost")),
    Kind(
        "Bad samples",
        "ordinary",
        lambda c: sum(d.flaw in ("line", "stop") for d in c.draws) >= 2 and not c.faults,
    ),
    Kind("Low-intensity order", "ordinary", lambda c: c.order.lower < 0.3 and not c.faults),
    Kind("Apixaban before", "ordinary", lambda c: c.apixaban is not None and not c.faults),
    Kind("Bleed, recorded", "ordinary", lambda c: any(b.recorded for b in c.bleeds)),
    Kind("HIT", "heavier", lambda c: c.hit is not None and c.hit + 72 < c.ended),
)


def _middle(course: Course) -> float:
    needs = sorted(need for _, need in course.need)
    return needs[len(needs) // 2]


def first_of(kind: Kind, seed: int, shown: set[tuple[str, int]]) -> int:
    """The number of the first stay of a kind that is not shown yet."""
    for number in range(SEARCHED):
        if (kind.population, number) in shown:
            continue
        if kind.fits(simulate_stay(kind.population, number, seed)):
            return number
    raise SystemExit(f"no stay of the kind {kind.title!r} among {SEARCHED:,}")


class Drawing:
    """One course as SVG; times are hours of the infusion."""

    def __init__(self, course: Course, moments: Sequence[Moment]) -> None:
        self.course, self.moments = course, moments
        self.until = max(course.ended, 1.0)
        self.topics = list(dict.fromkeys(c.topic for m in moments for c in m.cards))
        self.lanes_top = RATES + LEVELS + 2 * GAP
        self.height = self.lanes_top + LANE * max(len(self.topics), 1) + 34

    def x(self, hour: float) -> float:
        """Across, from the start of the infusion to its end."""
        inner = WIDTH - LEFT - RIGHT
        return LEFT + inner * min(max(hour / self.until, 0.0), 1.0)

    def svg(self) -> str:
        """The whole picture."""
        parts = [*self._faults(), *self._days(), *self._rates(), *self._levels(), *self._cards()]
        return (
            f'<svg viewBox="0 0 {WIDTH:.0f} {self.height:.0f}" role="img"'
            f' xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
        )

    def _faults(self) -> Iterator[str]:
        bottom = self.lanes_top - GAP / 2
        for fault in self.course.faults:
            left, right = self.x(fault.start), self.x(fault.end)
            yield _box(left, 0, right - left, bottom, "#f6dada")
            yield _text(left + 2, 10, fault.kind.replace("_", " "), colour="#b3261e")
        events = [
            *((b.at, "bleed begins") for b in self.course.bleeds),
            *((b.recorded, "bleed recorded") for b in self.course.bleeds if b.recorded),
            *((hour, "sepsis") for hour in self.course.septic),
            *((hour, f"AT {units:,.0f} IU") for hour, units in self.course.at_doses),
            *([(self.course.hit, "platelets begin to fall")] if self.course.hit else []),
            *([(self.course.crrt, "CRRT")] if (self.course.crrt or -1) > 0 else []),
        ]
        for place, (hour, name) in enumerate(sorted(events)):
            at = self.x(hour)
            yield _line(at, 0, at, bottom, "#6a4c93", dash="3 3")
            yield _text(at + 3, 22 + 11 * (place % 3), name, colour="#6a4c93")

    def _rates(self) -> Iterator[str]:
        course = self.course
        rates = [(s.start, s.end, s.rate / course.weight) for s in course.segments]
        top = max(24.0, *(r for *_, r in rates), *(min(n, 45.0) for _, n in course.need)) * 1.1

        def y(rate: float) -> float:
            return RATES * (1 - min(rate, top) / top)

        yield from _axis(y, [0, 10, 20, *([30, 40] if top > 33 else [])], "U/kg/h", RATES)
        yield _line(LEFT, y(20), WIDTH - RIGHT, y(20), "#b3261e", dash="2 4")
        needed = [(self.x(h), y(need)) for h, need in course.need]
        yield _path(needed, "#6b8f3c", dash="5 3")
        steps = [p for a, b, r in rates for p in ((self.x(a), y(r)), (self.x(b), y(r)))]
        yield _path(steps, "#2a6f97", wide=1.8)
        for hour, _ in course.boluses:
            yield _text(self.x(hour) - 3, RATES - 2, "&#9650;", colour="#2a6f97")

    def _levels(self) -> Iterator[str]:
        base, order = RATES + GAP, self.course.order
        top = 1.2

        def y(level: float) -> float:
            return base + LEVELS * (1 - min(level, top) / top)

        band = y(order.lower) - y(order.upper)
        yield _box(LEFT, y(order.upper), WIDTH - LEFT - RIGHT, band, "#e4efd9")
        yield from _axis(y, [0, 0.3, 0.7, 1.0], "anti-Xa IU/mL", base + LEVELS)
        yield _path([(self.x(h), y(level)) for h, level in self.course.level], "#b9b9b9")
        for draw in self.course.draws:
            if draw.test == "anti_xa" and draw.at > 0:
                bad = draw.flaw in ("line", "stop", "apixaban")
                fill = "#b3261e" if bad else "#ffffff" if draw.flaw == "early" else INK
                yield (
                    f'<circle cx="{self.x(draw.at):.1f}" cy="{y(draw.value):.1f}" r="3.4"'
                    f' fill="{fill}" stroke="{INK}" stroke-width="1"/>'
                )
                if bad:
                    yield _text(self.x(draw.at) + 5, y(draw.value) - 4, draw.flaw, colour="#b3261e")

    def _cards(self) -> Iterator[str]:
        for place, topic in enumerate(self.topics):
            top = self.lanes_top + LANE * place
            yield _text(LEFT - 6, top + 11, topic, anchor="end")
            for start, end, indicator, offers in self._stretches(topic):
                left, right = self.x(start), max(self.x(end), self.x(start) + 2)
                colour = INDICATORS[indicator]
                yield _box(left, top + 2, right - left, LANE - 5, colour)
                if offers:
                    yield _text(left + 3, top + 11.5, "offers " + offers, colour="#ffffff", size=9)

    def _stretches(self, topic: str) -> Iterator[tuple[float, float, str, str]]:
        """From when to when a card stood unchanged."""
        start, now = 0.0, ("", "")
        for moment in self.moments:
            card = next((c for c in moment.cards if c.topic == topic), None)
            here = (card.indicator, ", ".join(sorted(drugs(card)))) if card else ("", "")
            if here != now:
                if now[0]:
                    yield start, moment.hour, *now
                start, now = moment.hour, here
        if now[0]:
            yield start, self.until, *now

    def _days(self) -> Iterator[str]:
        bottom = self.height - 18
        for day in range(0, int(self.until) + 1, 24):
            yield _line(self.x(day), 0, self.x(day), bottom, "#eeeeee")
            yield _text(self.x(day), bottom + 13, f"{day} h", anchor="middle", colour=PALE)


def _axis(
    y: Callable[[float], float], ticks: Sequence[float], name: str, bottom: float
) -> Iterator[str]:
    for tick in ticks:
        yield _line(LEFT, y(tick), WIDTH - RIGHT, y(tick), "#e4e4e4")
        yield _text(LEFT - 6, y(tick) + 4, f"{tick:g}", anchor="end", colour=PALE)
    yield _text(8, bottom - LEVELS / 2, name)


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", colour: str = INK, size: float = 10.5
) -> str:
    words = text if text.startswith("&#") else escape(text)
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}"'
        f' text-anchor="{anchor}">{words}</text>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, dash: str = "0") -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"'
        f' stroke-dasharray="{dash}"/>'
    )


def _box(x: float, y: float, wide: float, high: float, colour: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(wide, 0):.1f}" height="{max(high, 0):.1f}"'
        f' fill="{colour}"/>'
    )


def _path(
    points: Sequence[tuple[float, float]], colour: str, *, wide: float = 1.3, dash: str = "0"
) -> str:
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="{wide}"'
        f' stroke-dasharray="{dash}"/>'
    )


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Twelve simulated courses</title>
<style>body {{ font: 15px/1.5 system-ui, sans-serif; color: #1c1c1c; max-width: 70rem;
margin: 2rem auto; padding: 0 1rem }} h2 {{ font-size: 1.05rem; margin: 1.6rem 0 .2rem }}
svg {{ width: 100%; font-family: inherit }} .note {{ color: #555; font-size: .9rem }}</style>
<h1>Twelve simulated courses</h1>
<p class="note">Blue: charted rate, triangles boluses. Green dashes: the rate truly needed for the
lower limit. Grey: true anti-Xa; dots as measured, hollow drawn too early, red a bad sample; green
band the ordered target. Below, the cards: <b style="color:#6c8ba3">info</b>,
<b style="color:#d1843a">warning</b>, <b style="color:#b3261e">critical</b>. No real patient.</p>
{courses}</html>
"""


def heading(kind: Kind, number: int, course: Course) -> str:
    """What is to be seen, in one line."""
    order = course.order
    goal = f"goal {order.lower}-{order.upper}" + ("" if order.text else ", not in the order")
    needs = [need for _, need in course.need]
    text = (
        f"{kind.title}: {course.population} {number}, {course.weight:.0f} kg, {goal}, "
        f"need {min(needs):.0f}-{max(needs):.0f} U/kg/h"
    )
    return f"<h2>{escape(text)}</h2>"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    chosen, rules, parts = parser.parse_args(), rulebook(), []
    seen: set[tuple[str, int]] = set()
    for kind in KINDS:
        number = first_of(kind, chosen.seed, seen)
        seen.add((kind.population, number))
        course, moments = ask(kind.population, number, rules, chosen.seed)
        parts.append(heading(kind, number, course) + Drawing(course, moments).svg())
    chosen.page.write_text(PAGE.format(courses="\n".join(parts)), encoding="utf-8")
    print(chosen.page)


if __name__ == "__main__":
    main()
