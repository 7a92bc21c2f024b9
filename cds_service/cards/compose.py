"""STAGE 3: items -> cards. At most three, most urgent first, each with facts, rule and caveat."""

from __future__ import annotations

from dataclasses import replace

from cds_service.assessment.assess import Findings
from cds_service.assessment.model.recommendation import Indicator, Recommendation, StartDrug
from cds_service.assessment.model.verdict import Evidence, Reason
from cds_service.assessment.recommend.registry import TOPICS
from cds_service.cards import template_values as figures
from cds_service.cards.card import Card, ClientCapabilities
from cds_service.cards.links import links, rule_url
from cds_service.cards.required_rate_words import required_rate_told, target_told
from cds_service.cards.suggested_resources import For
from cds_service.cards.suggestions import SuggestionBuilder, suggestions
from cds_service.cards.wording import LONGEST_SUMMARY, Wording, escaped
from cds_service.chart.concepts import Concepts
from cds_service.chart.facts import Chart

NAMED_SKIPS = 3  # by name; the rest by number


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
    offered: set[str] = set()
    cards = []
    for item in _one_recommendation(kept):
        tests = tuple(t for t in item.tests if t not in offered)
        offered.update(tests)
        if TOPICS[item.topic].only_tests and not tests:
            continue
        cards.append(_card(writer, findings, item, tests))
    return _with_rest(findings, wording, _with_aside(wording, cards, aside), dropped)


def _with_aside(wording: Wording, cards: list[Card], aside: list[Recommendation]) -> list[Card]:
    """What is worth a line but no card of its own, on the most urgent card."""
    if not aside or not cards:
        return cards
    told = figures.reasons(wording, tuple(reason for item in aside for reason in item.open))
    line = _line(wording, "open", told)
    return [replace(cards[0], detail=f"{cards[0].detail}\n\n{line}"), *cards[1:]]


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
    writer: SuggestionBuilder, findings: Findings, item: Recommendation, tests: tuple[str, ...]
) -> Card:
    wording = writer.wording
    return Card(
        topic=item.topic,
        summary=summary(findings, item, wording),
        indicator=item.indicator.value,
        detail=detail(findings, item, wording),
        source=card_source(findings, item, wording, rule_url(item.topic, writer.style)),
        suggestions=suggestions(writer, findings, item, tests),
        selection_behavior=writer.style.selection_behavior,
        links=links(item.topic, wording, writer.style),
        override_reasons=_override_reasons(item, wording),
    )


def summary(findings: Findings, item: Recommendation, wording: Wording) -> str:
    """One sentence under 140 characters: the finding and the number."""
    key = f"{item.topic}.{item.summary}" if item.summary else item.topic
    values = figures.figures(findings, item, wording, markdown=False)
    text = wording.summaries[key].format_map(values)
    return text if len(text) <= LONGEST_SUMMARY else text[: LONGEST_SUMMARY - 1] + "…"


def detail(findings: Findings, item: Recommendation, wording: Wording) -> str:
    """The facts as a small table, what follows, what is not known, the rule."""
    values = figures.figures(findings, item, wording, markdown=True)
    advice = " ".join(wording.notes[note].format_map(values) for note in item.notes)
    parts = [
        _line(wording, "first", _sentence(figures.reasons(wording, item.first))),
        wording.leads[item.lead] if item.lead else "",
        table(findings, item, wording),
        _starts(item, wording, values),
        advice,
        _boluses(findings, item, wording),
        _line(wording, "withheld", figures.reasons(wording, item.withheld)),
        _line(wording, "open", figures.reasons(wording, _still_open(item))),
        _pending(item, wording),
        _not_kept(findings, item, wording),
        _skipped(findings.measured.case.chart, wording),
        _rule(findings, item, wording),
    ]
    return "\n\n".join(part for part in parts if part)


def _starts(item: Recommendation, wording: Wording, values: figures.Figures) -> str:
    """Each drug with its start, its first aPTT and its target, as a small table."""
    if not item.starts:
        return ""
    rows = (wording.layout[f"start_{drug}"].format_map(values) for drug in item.starts)
    return "\n".join([wording.layout["starts_head"], wording.layout["starts_rule"], *rows])


def _sentence(text: str) -> str:
    """With a capital at its head."""
    return text[:1].upper() + text[1:]


def _boluses(findings: Findings, item: Recommendation, wording: Wording) -> str:
    """Boluses are shown apart; they never decide a threshold."""
    units = findings.measured.infusion.bolus_units
    dosed = any(fact.fact == "dailyDose" for fact in item.facts)
    return wording.layout["bolus"].format(units=units) if dosed and units else ""


def _still_open(item: Recommendation) -> tuple[Reason, ...]:
    told = (*item.withheld, *item.first)
    return tuple(r for r in dict.fromkeys(item.open) if r not in told)


def _line(wording: Wording, key: str, text: str) -> str:
    return wording.layout[key].format(reasons=text) if text else ""


def _not_kept(findings: Findings, item: Recommendation, wording: Wording) -> str:
    """On cards that carry a drug: what this hospital's record does not hold."""
    missing = findings.measured.case.not_kept
    carries = any(isinstance(a, StartDrug) for c in item.choices for a in c.actions)
    if not (missing and carries):
        return ""
    named = wording.layout["and"].join(wording.facts[query] for query in missing)
    return _sentence(wording.layout["not_kept"].format(sources=named))


def _pending(item: Recommendation, wording: Wording) -> str:
    """What would have been suggested, had it not been ordered already."""
    if not item.pending:
        return ""
    return wording.layout["pending"].format(tests=figures.tests(wording, item.pending))


def table(findings: Findings, item: Recommendation, wording: Wording) -> str:
    """Fact, value with unit and how it was read, time."""
    facts = tuple(dict.fromkeys(item.facts))
    if not facts:
        return ""
    rows = [_row(findings, fact, wording) for fact in facts]
    return "\n".join([wording.layout["table_head"], wording.layout["table_rule"], *rows])


def _row(findings: Findings, fact: Evidence, wording: Wording) -> str:
    case = findings.measured.case
    return wording.layout["table_row"].format(
        fact=wording.facts[fact.fact],
        value=_value(findings, fact, wording),
        time=figures.time(wording, fact.at, case.now),
    )


def _value(findings: Findings, fact: Evidence, wording: Wording) -> str:
    if fact.fact in WORKED_OUT:
        return WORKED_OUT[fact.fact](findings.measured, wording)
    text = figures.amount(wording, fact) if fact.unit else escaped(fact.written)
    if fact.fact == "dailyDose" and findings.measured.dose.per_kg_h is not None:
        per_kg_h = findings.measured.dose.per_kg_h
        text = wording.layout["per_kg"].format(value=text, per_kg_h=per_kg_h)
    if not fact.how:
        return text
    how = wording.how[fact.how].format(hours=fact.hours or 0.0, figure=fact.figure or 0.0)
    return wording.layout["remark"].format(value=text, how=how) if text else how


# Rows that are told from what was measured, not from one value of the record.
WORKED_OUT = {"required_rate": required_rate_told, "target": target_told}


def _skipped(chart: Chart, wording: Wording) -> str:
    """Resources that were left out are named, never dropped in silence."""
    odd = [s for s in chart.skipped if s.reason in wording.skips]
    if not odd:
        return ""
    named = [
        wording.layout["skip"].format(source=escaped(s.source), why=wording.skips[s.reason]).strip()
        for s in odd[:NAMED_SKIPS]
    ]
    return wording.layout["skipped"].format(
        count=len(odd), reasons=wording.layout["and"].join(named)
    )


def _rule(findings: Findings, item: Recommendation, wording: Wording) -> str:
    protocol = findings.measured.case.protocol
    if not item.limits:
        return ""
    limits = [wording.limits[key].format(value=protocol[key]) for key in item.limits]
    return wording.layout["rule"].format(
        limits=wording.layout["and"].join(limits), sources=figures.sources(protocol, item)
    )


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


def _with_rest(
    findings: Findings, wording: Wording, cards: list[Card], dropped: list[Recommendation]
) -> tuple[Card, ...]:
    if not dropped or not cards:
        return tuple(cards)
    told = wording.layout["join"].join(
        escaped(summary(findings, item, wording)) for item in dropped
    )
    line = wording.layout["more"].format(summaries=told)
    last = replace(cards[-1], detail=f"{cards[-1].detail}\n\n{line}")
    return (*cards[:-1], last)
