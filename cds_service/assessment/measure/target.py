"""The target that this infusion's levels are judged against, and where it comes from.

Clinical logic 2.5: what the order says, else the site's table by indication, else the protocol's
default. Where several are in use and nobody says which, all are candidates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cds_service.assessment.measure.history import procedures, recent_conditions
from cds_service.assessment.measure.level import Level
from cds_service.assessment.measure.rates import is_infusion
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.verdict import (
    YES,
    Reason,
    Verdict,
    all_of,
    any_of,
    negate,
    unknown,
)
from cds_service.chart.facts import Order
from cds_service.chart.goal import Goal, GoalRange

UNITS = {"anti_xa": "[IU]/mL", "aptt": "s", "aptt_ratio": "1"}
DECIMALS = 6  # 0.7 + 0.1 is 0.8, whatever binary fractions say
CANDIDATES = Reason("target", "candidates")


@dataclass(frozen=True, slots=True)
class Range:
    """A therapeutic range: on target from `low` to `high`, both counted in."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Target:
    """The range of each test; more than one where nobody says which, none where unreadable."""

    known: Verdict  # unknown: why, for the card
    source: str  # "order", "site", "default" or "candidates"
    anti_xa: tuple[Range, ...]
    aptt: tuple[Range, ...]
    aptt_ratio: tuple[Range, ...]
    leads: str = ""  # "anti_xa" or "aptt": the one test that the order names a target of
    order: str = ""  # the order that says so

    def of(self, concept: str) -> tuple[Range, ...]:
        """The ranges of a test."""
        found: tuple[Range, ...] = getattr(self, concept)
        return found

    def below(self, level: Level, by: float = 0.0) -> Verdict:
        """Whether a level lies below every range, by a margin in its own unit."""
        return self._beyond(
            [level.below(round(r.low - by, DECIMALS)) for r in self.of(level.concept)]
        )

    def at_most(self, level: Level, by: float) -> Verdict:
        """Whether a level lies at least a margin below every range's lower limit."""
        return self._beyond(
            [negate(level.above(round(r.low - by, DECIMALS))) for r in self.of(level.concept)]
        )

    def above(self, level: Level, by: float = 0.0) -> Verdict:
        """Whether a level lies above every range, by a margin in its own unit."""
        return self._beyond(
            [level.above(round(r.high + by, DECIMALS)) for r in self.of(level.concept)]
        )

    def _beyond(self, found: list[Verdict]) -> Verdict:
        if not found:
            return self.known if self.known.unknown else unknown(Reason("target", "otherTest"))
        if all(one.yes for one in found):
            return all_of(*found)
        if all(one.no for one in found):
            return any_of(*found)
        open_ = tuple(reason for one in found if one.unknown for reason in one.reasons)
        return unknown(*dict.fromkeys(open_ or (CANDIDATES,)))

    def lowest_doubt(self, case: Case, concept: str) -> float:
        """The line below which a level is low by one reading at least of an open target."""
        ranges = self.of(concept) or _default(case, concept)
        return max(r.low for r in ranges)


def read_target(case: Case, running_order: str) -> Target:
    """The target of the infusion that `running_order` stands behind ("" where rows name none)."""
    if not case.protocol.allows("ordered_target"):
        return _of(case, {}, YES, "default")
    own = [o for o in case.chart.orders if o.source == running_order and running_order]
    standing = [o for o in case.active_orders("heparin") if is_infusion(o)]
    says = [o for o in own or standing if _says(o.goal)]
    found = _one_of([_by_order(case, o) for o in says])
    return found or _by_indication(case) or _of(case, {}, YES, "default")


def _says(goal: Goal) -> bool:
    return bool(goal.ranges or goal.unread or goal.intensities)


def _by_order(case: Case, order: Order) -> Target:
    """What one order says; words of a goal that cannot be read leave it unknown."""
    goal = order.goal
    if goal.unread:
        return _unreadable("goalUnread", order)
    ranges = goal.ranges or _by_intensity(case, goal.intensities)
    if ranges is None:
        return _unreadable("intensity", order, " / ".join(goal.intensities))
    by_test: dict[str, Range] = {}
    for one in ranges:
        if by_test.setdefault(one.test, Range(one.low, one.high)) != Range(one.low, one.high):
            return _unreadable("twoGoals", order)
    named = {"aptt" if test == "aptt_ratio" else test for test in by_test}
    leads = named.pop() if len(named) == 1 else ""
    told: dict[str, tuple[Range, ...]] = {test: (one,) for test, one in by_test.items()}
    if leads == "aptt":  # in the unit that the order names, and in no other
        told = {"aptt": (), "aptt_ratio": (), **told}
    return _of(case, told, YES, "order", leads, order.source)


def _unreadable(why: str, order: Order, detail: str = "") -> Target:
    return Target(unknown(Reason("target", why, detail)), "order", (), (), (), "", order.source)


def _by_intensity(case: Case, phrases: tuple[str, ...]) -> tuple[GoalRange, ...] | None:
    """The site's own ranges for its named intensities; None where one of them is not listed."""
    listed = [case.protocol.intensities.get(phrase) for phrase in phrases]
    known = [one for one in listed if one is not None]
    if len(known) < len(phrases):
        return None
    return tuple(dict.fromkeys(GoalRange(one.test, one.low, one.high) for one in known))


def _one_of(found: list[Target]) -> Target | None:
    """Orders that say the same are one; those that differ are candidates."""
    unread = [one for one in found if one.known.unknown]
    if unread or not found:
        return unread[0] if unread else None
    first = found[0]
    if all(_ranges(one) == _ranges(first) for one in found):
        return first
    anti_xa, aptt, ratio = (
        tuple(dict.fromkeys(r for one in found for r in one.of(test))) for test in UNITS
    )
    leads = first.leads if all(one.leads == first.leads for one in found) else ""
    return Target(unknown(CANDIDATES), "candidates", anti_xa, aptt, ratio, leads, first.order)


def _ranges(target: Target) -> tuple[tuple[Range, ...], ...]:
    return (target.anti_xa, target.aptt, target.aptt_ratio)


def _by_indication(case: Case) -> Target | None:
    """By what is on record: the site's own range, else every range in use for it."""
    sites = [
        case.protocol.indications[one] for one in _indications(case, case.protocol.indications)
    ]
    if sites:
        of_test: dict[str, tuple[Range, ...]] = {}
        for site in sites:
            test: str = site.test
            of_test[test] = tuple(
                dict.fromkeys((*of_test.get(test, ()), Range(site.low, site.high)))
            )
        single = all(len(group) == 1 for group in of_test.values())
        known = YES if single else unknown(CANDIDATES)
        return _of(case, of_test, known, "site" if single else "candidates")
    in_use = [_in_use(case, one) for one in _indications(case, IN_USE)]
    if not in_use:
        return None
    candidates = tuple(dict.fromkeys((*in_use, *_default(case, "anti_xa"))))
    return _of(case, {"anti_xa": candidates}, unknown(CANDIDATES), "candidates")


IN_USE = ("vv_ecmo", "ischemic_stroke")


def _in_use(case: Case, indication: str) -> Range:
    row = f"target.{indication}"
    return Range(case.protocol[f"{row}_low"], case.protocol[f"{row}_high"])


def _indications(case: Case, known: Iterable[str]) -> list[str]:
    """Those of some indications that are on record now."""
    return sorted(
        one
        for one in known
        if procedures(case, "risk.support_recent", one)
        or recent_conditions(case, "target.indication_within", one)
    )


def _of(
    case: Case,
    told: Mapping[str, tuple[Range, ...]],
    known: Verdict,
    source: str,
    leads: str = "",
    order: str = "",
) -> Target:
    """A target with the protocol's own ranges where nothing else was told of a test."""
    anti_xa, aptt, ratio = (told.get(test, _default(case, test)) for test in UNITS)
    return Target(known, source, anti_xa, aptt, ratio, leads, order)


def _default(case: Case, concept: str) -> tuple[Range, ...]:
    row = f"levels.{concept}"
    return (Range(case.protocol[f"{row}_low"], case.protocol[f"{row}_high"]),)
