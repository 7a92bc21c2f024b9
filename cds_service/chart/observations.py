"""Observations to results: which test, when drawn, how much, in the canonical unit.

A value that cannot be trusted stays a result without a value, with the reason: that the newest
result cannot be read is a fact of its own (clinical logic 2, "Which value").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial

from cds_service.chart.concepts import ObservationConcept
from cds_service.chart.facts import Problem, Result, Skipped
from cds_service.chart.fhir_datetime import (
    NOWHERE,
    Placing,
    Stretch,
    earliest,
    latest,
    read_instant,
    read_period,
)
from cds_service.chart.fhir_json import (
    Coding,
    bare_codes,
    each,
    label,
    member,
    source,
    text,
    texts,
    written,
)
from cds_service.chart.qualitative_results import QualitativeResult
from cds_service.chart.query_result import Resource
from cds_service.chart.resources import AMBIGUOUS, MALFORMED, STATUS, PatientResources
from cds_service.chart.results import ResultRow, newest_first
from cds_service.chart.sample_remarks import SampleRemarks
from cds_service.chart.units import COMPARATORS, Quantity, Units, read_quantity, rounded
from cds_service.chart.vocabulary import Vocabulary

_FINAL = frozenset({"final", "amended", "corrected", "preliminary"})
_NUMBER_AND_UNIT = re.compile(r"([<>]=?)?\s*(\d{1,9}(?:\.\d{1,9})?)\s*(\D.{0,30})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ParsedValue:
    """A value in the canonical unit, or the problem that leaves it without one."""

    value: float | None = None
    comparator: str = ""
    problem: Problem | None = None
    written: str = ""


def read_observations(
    resources: PatientResources, reader: ObservationReader
) -> tuple[dict[str, Sequence[Result]], list[Skipped]]:
    """All results of known concepts, newest first, and what was left out."""
    found, skipped = resources.read("Observation", partial(reader.rows, placing=resources.placing))
    by_concept: dict[str, list[ResultRow]] = {}
    for row in found:
        if not row.near:
            by_concept.setdefault(row.concept, []).append(row)
    for row in _near_and_newer(found, by_concept):
        by_concept.setdefault(row.concept, []).append(row)
    return {concept: newest_first(rows) for concept, rows in by_concept.items()}, skipped


def _near_and_newer(
    found: list[ResultRow], by_concept: dict[str, list[ResultRow]]
) -> list[ResultRow]:
    """Rows of a code system nearly spelt like ours, where none of their concept is newer."""
    near = [row for row in found if row.near]
    concepts = {row.concept for row in near} & by_concept.keys()
    newest = {key: min(row.age() for row in by_concept[key]) for key in concepts}
    return [row for row in near if _is_newer(row, newest)]


def _is_newer(row: ResultRow, newest: dict[str, float]) -> bool:
    return row.concept not in newest or row.age() < newest[row.concept]


class ObservationReader:
    """Reads one Observation after the other with the same tables."""

    def __init__(self, vocabulary: Vocabulary, units: Units) -> None:
        self._vocabulary = vocabulary
        self._units = units
        self._qualitative = QualitativeResult(vocabulary)
        self._remarks = SampleRemarks(vocabulary)
        # The same few codes come thousands of times over.
        self._known = lru_cache(maxsize=4096)(self._look_up)

    def rows(self, resource: Resource, placing: Placing = NOWHERE) -> list[ResultRow | Skipped]:
        """The results in the value itself and in the components, and what cannot be one."""
        if resource.get("code") is None:
            return [Skipped(source(resource), MALFORMED)]
        own = self._row(resource, resource, placing)
        found = [] if own is None else [own]
        for node in each(resource.get("component")):
            if isinstance(node, dict) and (row := self._row(resource, node, placing)) is not None:
                found.append(row)
        return found

    def _row(
        self, resource: Resource, node: Resource, placing: Placing
    ) -> ResultRow | Skipped | None:
        keys, code, near = self._known(bare_codes(node.get("code")))
        if not keys:
            return None
        if len(keys) > 1:
            return Skipped(source(resource), AMBIGUOUS, keys[0])
        if text(resource.get("status")) not in _FINAL:
            return Skipped(source(resource), STATUS, keys[0])
        at = drawn(resource, placing)
        return ResultRow(keys[0], at, code, resource, node, self.result, placing, near)

    def _look_up(self, found: tuple[tuple[str, str], ...]) -> tuple[tuple[str, ...], str, bool]:
        """The concepts that codes stand for, by which code, and whether by a near spelling."""
        known, pairs = self._vocabulary.observations, self._vocabulary.pairs
        every = [Coding(system, code) for system, code in found]
        recognised = (one.code for one in every if known.keys(pairs([one])))
        keys = known.keys(pairs(every))
        near = known.keys(self._vocabulary.near_pairs(every)) if not keys else set()
        return tuple(sorted(keys or near)), next(recognised, ""), bool(near)

    def result(self, row: ResultRow) -> Result:
        """The value, its unit and whatever else a card may need of it."""
        name, concept = self._scale(row)
        positive = None if row.near else self._qualitative.of(row.node)
        parsed = self._parsed(concept, row.node, positive, row.near)
        called = _label(row.resource, row.node)
        undated = Problem.UNDATED if row.at is None else None
        problem = parsed.problem or undated
        return Result(
            concept=name,
            at=row.at,
            source=source(row.resource),
            value=None if problem else parsed.value,
            comparator=parsed.comparator,
            problem=problem,
            written=parsed.written,
            label=called,
            code=row.code,
            preliminary=row.preliminary,
            positive=positive,
            issued=row.issued,
            **self._remarks.of(row, called),
        )

    def _scale(self, row: ResultRow) -> tuple[str, ObservationConcept]:
        """The row by whose unit a result is read: its own, unless only the other one
        (`else_read_as`) fits.
        """
        rows = self._vocabulary.concepts.observations
        own = rows[row.concept]
        other = own.else_read_as
        if not other or row.node.get("valueQuantity") is None:
            return row.concept, own
        quantity = read_quantity(row.node["valueQuantity"])
        fits = self._units.factor_of(own.units, quantity) is not None
        return (
            (row.concept, own)
            if fits or self._units.factor_of(rows[other].units, quantity) is None
            else (other, rows[other])
        )

    def _parsed(
        self, row: ObservationConcept, node: Resource, positive: bool | None, near: bool
    ) -> ParsedValue:
        if near:
            return ParsedValue(problem=Problem.SYSTEM, written=_system(node))
        if node.get("dataAbsentReason") is not None:
            return ParsedValue(problem=Problem.UNREADABLE, written=_words(node))
        if node.get("valueQuantity") is not None:
            return self._measured(row, read_quantity(node["valueQuantity"]))
        quantity = _quantity_in(text(node.get("valueString")))
        if quantity is not None and row.units and self._units.factor_of(row.units, quantity):
            return self._measured(row, quantity)
        qualitative = positive is not None
        return ParsedValue(
            problem=None if qualitative else Problem.UNREADABLE, written=_words(node)
        )

    def _measured(self, row: ObservationConcept, quantity: Quantity) -> ParsedValue:
        as_sent = _as_written(quantity)
        if quantity.value is None or quantity.comparator is None:
            return ParsedValue(problem=Problem.UNREADABLE, written=as_sent)
        factor = self._units.factor_of(row.units, quantity)
        if factor is None:
            return ParsedValue(
                comparator=quantity.comparator, problem=Problem.UNIT, written=as_sent
            )
        value = rounded(quantity.value * factor)
        low, high = row.plausible or (0.0, float("inf"))
        problem = None if low <= value <= high and value < float("inf") else Problem.IMPLAUSIBLE
        return ParsedValue(None if problem else value, quantity.comparator, problem, as_sent)


def _system(node: Resource) -> str:
    """The names of code systems as the record has them."""
    return ", ".join(dict.fromkeys(system for system, _ in bare_codes(node.get("code")) if system))


def _label(resource: Resource, node: Resource) -> str:
    """What the record calls it; a component after its panel."""
    if node is resource:
        return label(resource.get("code"))
    return label((*each(resource.get("code")), *each(node.get("code"))))


def drawn(resource: Resource, placing: Placing = NOWHERE) -> datetime | None:
    """When the sample was drawn: `effective[x]`, else `issued`.

    What was issued had been drawn before: that narrows a day to its hours until then.
    """
    at = _effective(resource, placing)
    if isinstance(at, Stretch):
        issued = read_instant(resource.get("issued"), placing)
        if issued is not None and at <= latest(issued) < at.latest:
            return Stretch.between(earliest(at), latest(issued), at.why, at.written)
    return at


def _effective(resource: Resource, placing: Placing) -> datetime | None:
    """`effective[x]` in any of its types; `issued` where there is none."""
    for key in ("effectiveDateTime", "effectiveInstant"):
        if resource.get(key) is not None:
            return read_instant(resource[key], placing)
    if resource.get("effectivePeriod") is not None:
        period = read_period(resource["effectivePeriod"], placing)
        return period.start or period.end
    if resource.get("effectiveTiming") is not None:
        return _first_event(resource["effectiveTiming"], placing)
    return read_instant(resource.get("issued"), placing)


def _first_event(timing: object, placing: Placing) -> datetime | None:
    events = [read_instant(event, placing) for event in each(member(timing, "event"))]
    return min((event for event in events if event), default=None)


def _quantity_in(saying: str) -> Quantity | None:
    """ "0.52 OD" in a string; a number without a unit is none."""
    match = _NUMBER_AND_UNIT.fullmatch(saying)
    if match is None:
        return None
    return Quantity(float(match[2]), match[3].strip(), "", COMPARATORS[match[1] or ""])


def _as_written(quantity: Quantity) -> str:
    amount = "" if quantity.value is None else written(quantity.value)
    return f"{quantity.comparator or ''}{amount} {quantity.unit or quantity.code}".strip()


def _words(node: object) -> str:
    """A value that is no quantity, as it stands there; or why it is absent."""
    phrases = (
        text(member(node, "valueString")),
        *texts(member(node, "valueCodeableConcept")),
        *texts(member(node, "dataAbsentReason")),
    )
    return "; ".join(s for s in phrases if s)[:120]
