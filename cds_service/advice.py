"""The spine: chart -> assessment -> cards, for one call of a hook.

HTTP, command line, replay and tests all call `advise`; nobody rebuilds it.
Pure: no clock, no network, no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from cds_service.assessment.assess import Findings, assess
from cds_service.assessment.model.protocol import Protocol
from cds_service.assessment.recommend.scope import scope_of
from cds_service.cards.card import Card, ClientCapabilities
from cds_service.cards.compose import compose
from cds_service.cards.due import DueTopic, due_topics
from cds_service.cards.wording import Wording
from cds_service.chart.concepts import Concepts
from cds_service.chart.facts import Chart, HookContext
from cds_service.chart.query_result import QueryResult
from cds_service.chart.reader import read_chart, read_drafted
from cds_service.chart.resources import Still, on_and_on


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The three tables: what codes mean, where the lines are, what the cards say."""

    concepts: Concepts
    protocol: Protocol
    wording: Wording


@dataclass(frozen=True, slots=True)
class Advice:
    """The answer to one call, with what it rests on."""

    cards: tuple[Card, ...]
    chart: Chart
    findings: Findings
    silent: tuple[Card, ...]  # of silent topics: would have been shown, and never leave the service
    due: tuple[DueTopic, ...]  # everything that was due, and what became of it


def is_in_scope(asked: HookContext, rulebook: Rulebook, still: Still = on_and_on) -> bool:
    """Whether a call can concern us at all, told from its context alone (gate 1)."""
    drafts, untold = read_drafted(asked, rulebook.concepts, still)
    bag = rulebook.protocol["heparin.bag_content"]
    return scope_of(asked, drafts, untold, bag_content=bag).anything


def advise(
    asked: HookContext,
    answers: Mapping[str, QueryResult],
    rulebook: Rulebook,
    now: datetime,
    style: ClientCapabilities | None = None,
    still: Still = on_and_on,
) -> Advice:
    """Cards for one hook call, from what it asked and what the queries answered.

    `still` is called before each resource is read and while the chart is searched; it may raise, to
    give up a call that takes too long.
    """
    chart = read_chart(asked, answers, rulebook.concepts, still=still)
    return advise_on(chart, asked, rulebook, now, style, still)


def advise_on(
    chart: Chart,
    asked: HookContext,
    rulebook: Rulebook,
    now: datetime,
    style: ClientCapabilities | None = None,
    still: Still = on_and_on,
) -> Advice:
    """The same from a chart that has been read: a replay reads it once for several protocols."""
    findings = assess(asked, chart, rulebook.protocol, now, still)
    tables, style = (rulebook.concepts, rulebook.wording), style or ClientCapabilities()
    cards = spoken = compose(findings, *tables, style)
    if findings.silent:
        spoken = compose(replace(findings, items=findings.if_all_spoke), *tables, style)
    silenced = {item.topic for item in findings.silent}
    silent = tuple(card for card in spoken if card.topic in silenced)
    return Advice(cards, chart, findings, silent, tuple(due_topics(findings, cards, spoken)))
