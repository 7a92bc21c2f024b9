"""STAGE 3: items -> cards. At most three, most urgent first, each read in ten seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cds_service.assessment.assess import Findings
from cds_service.assessment.model.recommendation import Indicator, Recommendation
from cds_service.assessment.recommend.registry import TOPICS
from cds_service.cards.card import Card, ClientCapabilities
from cds_service.cards.links import links, rule_url
from cds_service.cards.reason_words import in_one_line
from cds_service.cards.rows import table
from cds_service.cards.sentences import (
    LONGEST_CARD,
    LONGEST_PROSE,
    has_drug,
    prose,
    small_line,
    starts_table,
    unknown_line,
    what_first,
    word_count,
)
from cds_service.cards.suggested_resources import For
from cds_service.cards.suggestions import SuggestionBuilder, suggestions
from cds_service.cards.template_values import figures
from cds_service.cards.wording import LONGEST_SUMMARY, Wording, escaped
from cds_service.chart.concepts import Concepts

LONGEST_REST = 24  # words about the cards that did not fit


def compose(
    findings: Findings, concepts: Concepts, wording: Wording, style: ClientCapabilities
) -> tuple[Card, ...]:
    """The cards of one call, most urgent first; what did not fit is a line in the last one."""
    case = findings.measured.case
    items = findings.items
    aside = [] if all(item.aside for item in items) else [i for i in items if i.aside]
    telling = ordered([i for i in items if i not in aside])
    kept, dropped = cut(telling, int(case.protocol["cards.shown"]))
    whom = For(case.asked.patient_id, case.asked.encounter, case.now)
    writer = SuggestionBuilder(concepts, wording, style, whom)
    told = _with_tests(_one_recommendation(kept))
    lines: list[list[str]] = [[] for _ in told]
    if told and aside:
        lines[0].append(_aside_line(wording, aside))
    if told and dropped:
        lines[-1].append(_rest_line(findings, wording, dropped))
    return tuple(
        _card(writer, findings, item, tests, more)
        for (item, tests), more in zip(told, lines, strict=True)
    )


def _with_tests(
    items: list[Recommendation],
) -> list[tuple[Recommendation, tuple[str, ...]]]:
    """Each item with the tests that no card before it offers."""
    offered: set[str] = set()
    told = []
    for item in items:
        tests = tuple(t for t in item.tests if t not in offered)
        offered.update(tests)
        if tests or not TOPICS[item.topic].only_tests:
            told.append((item, tests))
    return told


def _aside_line(wording: Wording, aside: list[Recommendation]) -> str:
    """What is worth a line but no card of its own, on the most urgent card."""
    told = in_one_line(wording, tuple(reason for item in aside for reason in item.open))
    return wording.layout["open"].format(reasons=told)


def _rest_line(findings: Findings, wording: Wording, dropped: list[Recommendation]) -> str:
    """What did not fit: by summary where that is short, else by name."""
    join = wording.layout["join"].join
    told = join(escaped(summary(findings, item, wording)) for item in dropped)
    if len(told.split()) > LONGEST_REST:
        told = join(wording.titles[item.topic] for item in dropped)
    return wording.layout["more"].format(summaries=told)


def _one_recommendation(items: list[Recommendation]) -> list[Recommendation]:
    """At most one recommended choice in an answer: the most urgent card's first."""
    found, left = [], True
    for item in items:
        choices = []
        for choice in item.choices:
            choices.append(replace(choice, recommended=choice.recommended and left))
            left = left and not choice.recommended
        found.append(replace(item, choices=tuple(choices)))
    return found


def ordered(items: list[Recommendation]) -> list[Recommendation]:
    """Critical, then warning, then info; within that the order of the table."""
    places = {name: (not row.leads, place) for place, (name, row) in enumerate(TOPICS.items())}
    return sorted(items, key=lambda i: (i.indicator.rank, *places[i.topic]))


def cut(
    items: list[Recommendation], most: int
) -> tuple[list[Recommendation], list[Recommendation]]:
    """The first few and the rest; what could not be assessed is never among the rest."""
    if len(items) <= most:
        return items, []
    told = [i for i in items if TOPICS[i.topic].never_dropped]
    others = [i for i in items if not TOPICS[i.topic].never_dropped]
    room = most - len(told)
    return ordered([*others[:room], *told]), others[room:]


def _card(
    writer: SuggestionBuilder,
    findings: Findings,
    item: Recommendation,
    tests: tuple[str, ...],
    more: list[str],
) -> Card:
    wording, style = writer.wording, writer.style
    return Card(
        topic=item.topic,
        summary=summary(findings, item, wording),
        indicator=item.indicator.value,
        detail=detail(findings, item, wording, more),
        source=card_source(findings, item, wording, rule_url(item.topic, style)),
        suggestions=suggestions(writer, findings, item, tests),
        selection_behavior=style.selection_behavior,
        links=links(item.topic, wording, style),
        override_reasons=_override_reasons(item, wording),
    )


def summary(findings: Findings, item: Recommendation, wording: Wording) -> str:
    """One sentence under 140 characters: what is wrong, at which rate, what to do first."""
    key = f"{item.topic}.{item.summary}" if item.summary else item.topic
    values = figures(findings, item, wording, markdown=False)
    text = wording.summaries[key].format_map(values)
    return text if len(text) <= LONGEST_SUMMARY else text[: LONGEST_SUMMARY - 1] + "…"


def detail(
    findings: Findings, item: Recommendation, wording: Wording, more: Sequence[str] = ()
) -> str:
    """What to do first, the deciding facts, a few sentences, what is unknown, the sources."""
    values = figures(findings, item, wording, markdown=True)
    drug = has_drug(item)
    first = what_first(item, wording, values)
    unknown = unknown_line(findings, item, wording)
    small = small_line(item, findings.measured.case.protocol, wording)
    left = LONGEST_CARD[drug] - word_count(first, unknown, *more, small)
    parts = [
        first,
        table(findings.measured, item.facts, wording),
        starts_table(item, wording, values),
        prose(item, wording, values, min(left, LONGEST_PROSE[drug])),
        unknown,
        *more,
        small,
    ]
    return "\n\n".join(part for part in parts if part)


def card_source(
    findings: Findings, item: Recommendation, wording: Wording, url: str
) -> dict[str, object]:
    """Who says so: protocol, approver, review date, and the topic an override is kept by."""
    protocol = findings.measured.case.protocol
    label = wording.source["label"].format(protocol=protocol.name)
    if protocol.source_note:
        label = f"{label}: {protocol.source_note}"
    if protocol.approver:
        label = wording.source["approved"].format(
            label=label, approver=protocol.approver, reviewed=protocol.reviewed.isoformat()
        )
    topic = {"system": wording.source["topic_system"], "code": item.topic}
    return {"label": label, **({"url": url} if url else {}), "topic": topic}


def _override_reasons(item: Recommendation, wording: Wording) -> tuple[dict[str, str], ...]:
    if item.indicator is Indicator.INFO:
        return ()
    system = wording.source["override_system"]
    return tuple(
        {"code": code, "system": system, "display": display}
        for code, display in wording.overrides.items()
    )
