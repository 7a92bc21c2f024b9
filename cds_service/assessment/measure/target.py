"""The target range that this infusion's levels are judged against, and where it comes from.

The order's own goal comes first, then the site's table by indication, then the protocol's default.
Where several ranges are in use and nobody says which, all are candidates. Clinical logic 2.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cds_service.assessment.measure.history import procedures, recent_conditions
from cds_service.assessment.measure.level import Level
from cds_service.assessment.measure.rates import is_infusion
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.protocol import SiteTarget
from cds_service.assessment.model.verdict import (
    YES,
    Reason,
    Verdict,
    all_of,
    any_of,
    negate,
    unknown,
    unknown_because,
)
from cds_service.chart.facts import Order
from cds_service.chart.goal import Goal, GoalRange

UNITS = {"anti_xa": "[IU]/mL", "aptt": "s", "aptt_ratio": "1"}
_DECIMALS = 6  # 0.7 + 0.1 is 0.8, whatever binary fractions say
_CANDIDATES = Reason("target", "candidates")


@dataclass(frozen=True, slots=True)
class Range:
    """A therapeutic range: on target from `low` to `high`, both counted in."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Target:
    """The target range of each test: several where nobody says which, none where it cannot be
    read.
    """

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
        """Whether a level lies below every range, by at least `by` in its own unit."""
        return self._beyond(
            [level.below(round(r.low - by, _DECIMALS)) for r in self.of(level.concept)]
        )

    def at_most(self, level: Level, by: float) -> Verdict:
        """Whether a level lies at or under every range's lower limit less `by`, in its own unit."""
        return self._beyond(
            [negate(level.above(round(r.low - by, _DECIMALS))) for r in self.of(level.concept)]
        )

    def above(self, level: Level, by: float = 0.0) -> Verdict:
        """Whether a level lies above every range, by at least `by` in its own unit."""
        return self._beyond(
            [level.above(round(r.high + by, _DECIMALS)) for r in self.of(level.concept)]
        )

    def _beyond(self, found: list[Verdict]) -> Verdict:
        if not found:
            return self.known if self.known.unknown else unknown(Reason("target", "otherTest"))
        if all(one.yes for one in found):
            return all_of(*found)
        if all(one.no for one in found):
            return any_of(*found)
        doubt = unknown_because(*found)
        # Readable, but below one candidate and not below another.
        return doubt if doubt.reasons else unknown(_CANDIDATES)

    def lowest_doubt(self, case: Case, concept: str) -> float:
        """The highest lower limit among the candidates: below it, a level is low by one of them at
        least.
        """
        ranges = self.of(concept) or _default(case, concept)
        return max(r.low for r in ranges)


def read_target(case: Case, running_order: str) -> Target:
    """The target of the running infusion.

    `running_order` is the source of the order behind it, "" where the charted rows name none;
    then every standing infusion order may state it.
    """
    default = _of(case, {}, YES, "default")
    if not case.protocol.allows("ordered_target"):
        return default
    stating = [o for o in _orders_behind(case, running_order) if _states_goal(o.goal)]
    found = _one_of([_by_order(case, o) for o in stating])
    return found or _by_indication(case) or default


def _orders_behind(case: Case, running_order: str) -> list[Order]:
    # The order that the running rows name; an older order may have had another target.
    own = [o for o in case.chart.orders if o.source == running_order and running_order]
    return own or [o for o in case.active_orders("heparin") if is_infusion(o)]


def _states_goal(goal: Goal) -> bool:
    return bool(goal.ranges or goal.unread or goal.intensities)


def _by_order(case: Case, order: Order) -> Target:
    """The target that one order states; unknown where its words cannot be read."""
    goal = order.goal
    if goal.unread:
        return _unreadable("goalUnread", order)
    ranges = goal.ranges or _by_intensity(case, goal.intensities)
    if ranges is None:
        return _unreadable("intensity", order, " / ".join(goal.intensities))
    by_test = _one_range_each(ranges)
    if by_test is None:  # Two ranges for one test: nobody knows which of them is meant now.
        return _unreadable("twoGoals", order)
    leads = _only_test(by_test)
    stated: dict[str, tuple[Range, ...]] = {test: (one,) for test, one in by_test.items()}
    if leads == "aptt":  # in the unit that the order names, and in no other
        stated = {"aptt": (), "aptt_ratio": (), **stated}
    return _of(case, stated, YES, "order", leads, order.source)


def _one_range_each(ranges: Iterable[GoalRange]) -> dict[str, Range] | None:
    """The range of each test; None where an order states two for one."""
    by_test: dict[str, Range] = {}
    for one in ranges:
        found = Range(one.low, one.high)
        if by_test.setdefault(one.test, found) != found:
            return None
    return by_test


def _only_test(by_test: Iterable[str]) -> str:
    """The one test that an order names a range of; "" where it names both."""
    named = {"aptt" if test == "aptt_ratio" else test for test in by_test}
    return named.pop() if len(named) == 1 else ""


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
    """Of several orders' targets: the one they agree on, else all ranges as candidates."""
    unread = next((one for one in found if one.known.unknown), None)
    if unread is not None or not found:
        return unread
    if all(_ranges(one) == _ranges(found[0]) for one in found):
        return found[0]
    return _candidates(found)


def _candidates(found: list[Target]) -> Target:
    anti_xa, aptt, ratio = (
        tuple(dict.fromkeys(r for one in found for r in one.of(test))) for test in UNITS
    )
    first = found[0]
    leads = first.leads if all(one.leads == first.leads for one in found) else ""
    return Target(unknown(_CANDIDATES), "candidates", anti_xa, aptt, ratio, leads, first.order)


def _ranges(target: Target) -> tuple[tuple[Range, ...], ...]:
    return (target.anti_xa, target.aptt, target.aptt_ratio)


def _by_indication(case: Case) -> Target | None:
    """By the indications on record: the site's own range, else every range in use for them."""
    listed = case.protocol.indications
    sites = [listed[one] for one in _indications(case, listed)]
    if sites:
        return _by_site(case, sites)
    in_use = [_in_use(case, one) for one in _indications(case, _IN_USE)]
    if not in_use:
        return None
    # Hospitals use their own range or the usual one for it: below counts only below both.
    candidates = tuple(dict.fromkeys((*in_use, *_default(case, "anti_xa"))))
    return _of(case, {"anti_xa": candidates}, unknown(_CANDIDATES), "candidates")


def _by_site(case: Case, sites: list[SiteTarget]) -> Target:
    of_test: dict[str, tuple[Range, ...]] = {}
    for site in sites:
        own = (*of_test.get(site.test, ()), Range(site.low, site.high))
        of_test[site.test] = tuple(dict.fromkeys(own))
    single = all(len(group) == 1 for group in of_test.values())
    known = YES if single else unknown(_CANDIDATES)
    return _of(case, of_test, known, "site" if single else "candidates")


# Indications for which hospitals use ranges of their own, by `target.<indication>_low` and `_high`.
_IN_USE = ("vv_ecmo", "ischemic_stroke")


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
    stated: Mapping[str, tuple[Range, ...]],
    known: Verdict,
    source: str,
    leads: str = "",
    order: str = "",
) -> Target:
    """A target of the stated ranges, with the protocol's own for tests that none is stated of."""
    anti_xa, aptt, ratio = (stated.get(test, _default(case, test)) for test in UNITS)
    return Target(known, source, anti_xa, aptt, ratio, leads, order)


def _default(case: Case, concept: str) -> tuple[Range, ...]:
    row = f"levels.{concept}"
    return (Range(case.protocol[f"{row}_low"], case.protocol[f"{row}_high"]),)
