"""A sampled card with the record of its moment: what the reader sees, and nothing of later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from cds_service.advice import Advice, Rulebook, advise_on
from cds_service.assessment.model.case import HOUR
from cds_service.cards.card import Card
from cds_service.cards.wording import Wording
from cds_service.chart.facts import Administration, Condition, Order, Result
from cds_service.chart.fhir_datetime import recorded
from cds_service.demo.markdown import to_html
from cds_service.tools.replay.export import locations_of, medications_of, resources_of
from cds_service.tools.replay.review.drawing import Picture, picture
from cds_service.tools.replay.review.sample import SampledCard
from cds_service.tools.replay.shards import Task, aloud
from cds_service.tools.replay.stays import age_at, sex_of
from cds_service.tools.replay.walk import Archive, Past, chart_at, read_past

MOST_ROWS = 200  # of each table on a page


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One line of the record, in words."""

    time: str
    what: str
    told: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class RecordPart:
    """Rows of one kind, newest first, and how many more there were."""

    title: str
    rows: tuple[RecordRow, ...]
    more: int


@dataclass(frozen=True, slots=True)
class ReviewCase:
    """Everything that a page shows of one card."""

    sampled: SampledCard
    who: str  # age and sex; no name, no date of birth
    card: Card
    detail: str  # HTML
    others: tuple[str, ...]  # summaries of the cards beside it
    picture: Picture
    record: tuple[RecordPart, ...]


def review_cases(task: Task, cards: Iterable[SampledCard]) -> Iterator[ReviewCase]:
    """The cases of some cards, patient by patient, from the sorted export."""
    rules = aloud(task.rulebooks[0])
    folder = Path(task.export.folder)
    wanted: dict[str, list[SampledCard]] = {}
    for card in cards:
        wanted.setdefault(card.patient, []).append(card)
    answered, places = frozenset(task.export.answered), locations_of(folder)
    of_shard = lru_cache(maxsize=1)(medications_of)  # patients come shard by shard
    for shard, patient, resources in resources_of(folder, wanted):
        archive = Archive(task.plan, answered, of_shard(folder, shard), places)
        past = read_past(patient, resources, archive, rules)
        for card in wanted[patient]:
            yield _case(card, past, archive, rules)


def _case(sampled: SampledCard, past: Past, archive: Archive, rules: Rulebook) -> ReviewCase:
    chart = chart_at(past, archive, rules.concepts, sampled.at)
    advice = advise_on(chart, past.asked, rules, sampled.at)
    card = next(one for one in advice.cards if one.topic == sampled.topic)
    return ReviewCase(
        sampled=sampled,
        who=_who(past, sampled.at),
        card=card,
        detail=to_html(card.detail),
        others=tuple(one.summary for one in advice.cards if one is not card),
        picture=picture(advice, rules.wording),
        record=tuple(part for part in _record(advice, rules.wording) if part.rows),
    )


def _who(past: Past, at: datetime) -> str:
    age = age_at(past.person, at)
    return f"{'age unknown' if age is None else f'{age} years'}, sex {sex_of(past.person)}"


def _record(advice: Advice, wording: Wording) -> Iterator[RecordPart]:
    """What was on record at that moment, as the service read it."""
    chart = advice.chart
    results = (r for concept in chart.results for r in chart.of(concept))
    yield _part("Results", ((r.at, _result(r, wording)) for r in results))
    yield _part("Given", ((a.start, _given(a)) for a in chart.administrations))
    yield _part("Orders", ((o.authored, _order(o)) for o in chart.orders))
    yield _part("Problems", ((c.recorded or c.onset, _problem(c)) for c in chart.conditions))
    yield _part("Allergies", ((c.recorded or c.onset, _problem(c)) for c in chart.allergies))
    procedures = (
        (p.start, RecordRow(_at(p.start), p.label or p.concept, _until(p.end)))
        for p in chart.procedures
    )
    yield _part("Procedures", procedures)
    skipped = ((None, RecordRow("", s.source, s.reason, s.concept)) for s in chart.skipped)
    yield _part("Left out, and why", skipped)


def _part(title: str, found: Iterable[tuple[datetime | None, RecordRow]]) -> RecordPart:
    """Newest first, undated ones last."""
    rows = sorted(found, key=lambda one: one[0].timestamp() if one[0] else 0.0, reverse=True)
    kept = tuple(row for _, row in rows[:MOST_ROWS])
    return RecordPart(title, kept, len(rows) - len(kept))


def _result(result: Result, wording: Wording) -> RecordRow:
    issued = result.issued
    late = issued is not None and result.at is not None and abs(issued - result.at) >= HOUR
    notes = [f"reported {recorded(issued)}"] if late and issued is not None else []
    if result.problem is not None:
        notes.append(wording.reasons.get(result.problem.value, result.problem.value))
    name = wording.facts.get(result.concept, result.label or result.concept)
    told = result.written or result.label
    return RecordRow(_at(result.at), name, told, ", ".join(notes))


def _given(row: Administration) -> RecordRow:
    notes = [row.route.value, row.form.value, row.use.value, row.status]
    if row.given is False:
        notes.append("not given")
    name = row.drug.label or row.drug.key
    told = f"{row.dosage.written} {_until(row.end)}".strip()
    return RecordRow(_at(row.start), name, told, ", ".join(n for n in notes if n))


def _order(order: Order) -> RecordRow:
    notes = [order.status, order.route.value, order.form.value]
    told = f"{order.dosage.written} {_until(order.ends)}".strip()
    name = order.drug.label or order.drug.key
    return RecordRow(_at(order.authored), name, told, ", ".join(n for n in notes if n))


def _problem(problem: Condition) -> RecordRow:
    known = "active" if problem.active else "" if problem.active is None else "not active"
    return RecordRow(_at(problem.recorded or problem.onset), problem.label, known, problem.concept)


def _at(at: datetime | None) -> str:
    return "undated" if at is None else recorded(at)


def _until(end: datetime | None) -> str:
    return "" if end is None else f"until {recorded(end)}"
