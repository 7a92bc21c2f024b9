"""One patient at one moment: the chart, the protocol and the clock, read together.

Holds the short questions that every rule asks of a chart; decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any, TypeVar

from cds_service.assessment.model.protocol import Protocol
from cds_service.assessment.model.times import before
from cds_service.assessment.model.verdict import Evidence, Reason, Verdict, unknown
from cds_service.chart.facts import Administration, Chart, HookContext, Order, Result
from cds_service.chart.fhir_datetime import Stretch, recorded
from cds_service.chart.query_result import QueryState
from cds_service.chart.resources import NEAR_SYSTEM, Still, on_and_on
from cds_service.chart.results import may_be_newer, times_of
from cds_service.chart.unknown_medicine_orders import UnidentifiedMedicine

_MISSPELT = {"conditions": "Condition/", "allergies": "AllergyIntolerance/"}
T = TypeVar("T")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DatedValue:
    """A result that has a value and a time, in the concept's canonical unit."""

    value: float
    at: datetime  # when it was drawn
    result: Result


@dataclass(frozen=True, slots=True)
class Case:
    asked: HookContext
    chart: Chart
    protocol: Protocol
    now: datetime
    # Called before the chart is searched; it may raise, to give up a judgement that takes too long.
    still: Still = field(default=on_and_on, compare=False)
    # Forty rules ask the same few questions of one chart, which does not change meanwhile.
    _found: dict[Hashable, Any] = field(init=False, default_factory=dict, compare=False, repr=False)

    def memoized(self, question: Hashable, find: Callable[[], T]) -> T:
        """What a question about this case comes to, worked out when it is first asked.

        Also for what others work out of the same chart time and again: `question` names it.
        """
        if question not in self._found:
            self._found[question] = find()
        found: T = self._found[question]
        return found

    def ago(self, key: str) -> datetime:
        """The moment that lies a span of the protocol (a row's key) before now."""
        return self.now - self.protocol.span(key)

    def known_by_now(self, at: datetime | None) -> bool:
        """Whether a time is not in the future, allowing for clocks that differ."""
        # Analysers and pumps run a few minutes ahead of the server.
        return at is not None and at <= self.now + self.protocol.span("levels.clock_skew")

    def is_complete(self, *queries: str) -> bool:
        """Whether "not on record" may be concluded from these queries."""
        return self.memoized(
            ("is_complete", queries),
            lambda: all(self.state(query).is_complete for query in queries),
        )

    def state(self, query: str) -> QueryState:
        """How a query ended; one that brought a medicine nobody can identify is partial."""
        return self.memoized(("state", query), lambda: self._state(query))

    def _state(self, query: str) -> QueryState:
        had = self.retrieved_state(query)
        partial = had.is_complete and (self.unidentified(query) or self.misspelt(query))
        return QueryState.PARTIAL if partial else had

    def misspelt(self, query: str) -> tuple[str, ...]:
        """Problems and allergies that are only on record by a code whose system is misspelt."""
        kind = _MISSPELT.get(query)
        if kind is None:
            return ()
        known = {one.concept for one in (*self.chart.conditions, *self.chart.allergies)}
        return tuple(
            one.concept
            for one in self.chart.skipped
            if one.reason == NEAR_SYSTEM
            and one.source.startswith(kind)
            and one.concept not in known
        )

    def retrieved_state(self, query: str) -> QueryState:
        """How a query ended, whatever the chart makes of what it brought."""
        found = self.chart.states.get(query, QueryState.NOT_SUPPLIED)
        return QueryState.EMPTY if self._does_without(query, found) else found

    def _does_without(self, query: str, found: QueryState) -> bool:
        return not found.is_complete and query in self.protocol.sources

    @property
    def not_kept(self) -> tuple[str, ...]:
        """Queries that brought nothing because the hospital declared that it does not have their
        source.
        """
        states = self.chart.states
        return tuple(
            query
            for query in self.protocol.sources
            if self._does_without(query, states.get(query, QueryState.NOT_SUPPLIED))
        )

    def were_retrieved(self, *queries: str) -> bool:
        """Whether all of these ended well, with medicines that can be identified or not."""
        return all(self.retrieved_state(query).is_complete for query in queries)

    def unidentified(self, *queries: str) -> tuple[UnidentifiedMedicine, ...]:
        """Medicines that cannot be identified and may be heparin that is given now.

        Given in the last three days or still open, or an order that stands; with a rate, a dose in
        international units, or a dose without a unit.
        """
        return self.memoized(("unidentified", queries), lambda: self._unidentified(queries))

    def _unidentified(self, queries: tuple[str, ...]) -> tuple[UnidentifiedMedicine, ...]:
        return tuple(
            one
            for one in self.chart.unidentified
            if one.weighs and not one.drafted and one.query in queries and self._is_recent(one)
        )

    def unidentified_rates(self) -> tuple[UnidentifiedMedicine, ...]:
        """Those of them that run at a rate."""
        return tuple(one for one in self.unidentified("administrations", "orders") if one.rate)

    def _is_recent(self, one: UnidentifiedMedicine) -> bool:
        last = one.end or one.start
        if one.query == "orders" or one.open or last is None:
            return one.open or one.query == "administrations"
        return not before(last, self.ago("heparin.administration_window"), "medicine").yes

    def results(self, concept: str, since: datetime | None = None) -> Sequence[Result]:
        """Dated results up to now, newest first; those drawn before `since` are not looked at."""
        self.still()
        return self.memoized(("results", concept, since), lambda: self._results(concept, since))

    def _results(self, concept: str, since: datetime | None) -> Sequence[Result]:
        found = self.chart.of(concept)  # newest first, undated last
        first = end = self._first_known(found)
        for at in islice(times_of(found), first, None):
            if at is None or (since is not None and at < since):
                break
            end += 1
        return found[first:end]

    def _first_known(self, found: Sequence[Result]) -> int:
        """The place of the first result that is not ahead of now."""
        limit = self.now + self.protocol.span("levels.clock_skew")
        ahead = takewhile(lambda at: at is not None and at > limit, times_of(found))
        return sum(1 for _ in ahead)

    def readable(self, concept: str, since: datetime | None = None) -> Iterator[DatedValue]:
        """The results that have a value and a time, newest first; a value may be a bound."""
        for result in self.results(concept, since):
            if result.value is not None and result.at is not None:
                yield DatedValue(result.value, result.at, result)

    def plain(self, concept: str, since: datetime | None = None) -> Iterator[DatedValue]:
        """Those of the readable results that are numbers, without a comparator."""
        return (one for one in self.readable(concept, since) if not one.result.comparator)

    def newest(self, concept: str) -> tuple[Result | None, Reason | None]:
        """The newest dated result that is not in the future; and why another may be newer still."""
        return self.memoized(("newest", concept), lambda: self._newest(concept))

    def _newest(self, concept: str) -> tuple[Result | None, Reason | None]:
        found = self.chart.of(concept)
        first = self._first_known(found)
        newest = found[first] if first < len(found) and found[first].at is not None else None
        if first:
            return newest, Reason(concept, "ahead", _at(found[0]))
        other = may_be_newer(found, newest)
        return newest, None if other is None else _why_newer(concept, other)

    def given(self, *families: str) -> tuple[Administration, ...]:
        """What was given of some families, newest first; "not given" is not given."""
        self.still()
        return self.memoized(("given", families), lambda: self._given(families))

    def _given(self, families: tuple[str, ...]) -> tuple[Administration, ...]:
        rows = [
            a
            for a in self.chart.administrations
            if a.drug.family in families and a.given is not False and self.known_by_now(a.start)
        ]
        return tuple(sorted(rows, key=self._begun, reverse=True))

    def _begun(self, row: Administration) -> tuple[object, ...]:
        """Sort key: by time; at one moment by content, so that ids decide nothing."""
        return (row.start or self.now, row.drug.key, row.dosage.written, row.source)

    def active_orders(self, *families: str) -> tuple[Order, ...]:
        """Orders on record that stand now, those that a draft ends included."""
        self.still()
        return self.memoized(("active_orders", families), lambda: self._active_orders(families))

    def _active_orders(self, families: tuple[str, ...]) -> tuple[Order, ...]:
        return tuple(
            o
            for o in self.chart.orders
            if o.active and o.drug.family in families and o.intent not in NOT_ORDERS
        )

    def drafted(self, *families: str) -> tuple[Order, ...]:
        """Drafted drugs of some families; a draft that stops an order is none."""
        self.still()
        return self.memoized(("drafted", families), lambda: self._drafted(families))

    def _drafted(self, families: tuple[str, ...]) -> tuple[Order, ...]:
        found = (
            o
            for o in self.chart.drafts
            if o.drug.family in families and not o.stops and o.intent not in NOT_ORDERS
        )
        return tuple(sorted(found, key=_as_written))


def _as_written(order: Order) -> tuple[object, ...]:
    """An order among others by what it says, so that neither ids nor arrival decide."""
    amount = order.dosage.dose or order.dosage.rate
    return (order.drug.key, amount.value if amount else 0.0, order.dosage.written, order.source)


def starts_unidentified(asked: HookContext, one: UnidentifiedMedicine) -> bool:
    """Whether it is a draft of this call that starts a medicine which cannot be identified."""
    return one.drafted and one.open and (asked.hook != "order-select" or one.selected)


def _at(result: Result) -> str:
    return "" if result.at is None else recorded(result.at)


def _why_newer(concept: str, other: Result) -> Reason:
    if isinstance(other.at, Stretch):
        return Reason(concept, other.at.why, other.at.written)
    return Reason(concept, "undated", other.written)


NOT_ORDERS = frozenset({"proposal", "plan", "option"})
ANY_HEPARIN = ("heparin", "lmwh")  # danaparoid is a treatment of HIT, not its cause


def evidence(result: Result, unit: str, how: str = "") -> Evidence:
    """A result as a card shows it."""
    how = how or ("preliminary" if result.preliminary else "")
    value = 0.0 if result.value is None else result.value
    return Evidence(result.concept, value, unit, result.at, result.source, how, result.comparator)


def unread(concept: str, result: Result) -> Reason:
    """Why a result carries no value."""
    why = result.problem.value if result.problem else "unreadable"
    return Reason(concept, why, result.written)


def absent(case: Case, concept: str, query: str) -> Verdict:
    """Unknown: not on record, or its query did not succeed."""
    return unknown(
        Reason(concept, "missing" if case.is_complete(query) else case.state(query).value)
    )
