"""A card is one row of the registry: all that is decided about it by name follows from the row."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cds_service.assessment.assess import Findings, assess
from cds_service.assessment.model import recommendation as recommendation_module
from cds_service.assessment.model.recommendation import (
    DeleteDraft,
    Indicator,
    Option,
    OrderTest,
    Recommendation,
)
from cds_service.assessment.recommend.registry import INFUSION, RUNS, TOPICS
from cds_service.assessment.recommend.topics import topic as topic_module
from cds_service.assessment.recommend.topics.situation import running_fact
from cds_service.assessment.recommend.topics.topic import Opener, Topic, View
from cds_service.cards.card import Card, ClientCapabilities
from cds_service.cards.compose import compose, cut
from cds_service.chart.facts import HookContext
from tests.builders import (
    NOW,
    condition,
    draft,
    heparin,
    order,
    patient,
    person,
    protocol,
    raised,
    running,
    spec,
    weight,
)
from tests.cases import tables

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"
NEW = "moonPhase"
ITEM = Recommendation(Indicator.INFO)
PLAIN = Topic(NEW, lambda known: ITEM, frozenset(Opener), frozenset(View))
HIT = (condition("hit"), *running())
# Read before a row is added: a protocol must have a line for every row.
TABLES, SHIPPED = tables(), protocol()


@pytest.fixture
def add(monkeypatch):
    """Put a row into the registry for one test."""

    def put(**changes: Any) -> None:
        monkeypatch.setitem(TOPICS, NEW, replace(PLAIN, **changes))

    return put


def found(*facts: Any, hook: str = "patient-view") -> Findings:
    return assess(HookContext(hook, "pat"), patient(*facts), protocol(), NOW)


def is_shown(*facts: Any, hook: str = "patient-view") -> bool:
    return NEW in {item.topic for item in found(*facts, hook=hook).items}


def shown(findings: Findings, style: ClientCapabilities | None = None) -> dict[str, Card]:
    wording = TABLES.wording
    worded = {**wording.summaries, NEW: "The moon is {weight:.0f} full"}
    leads = {**wording.leads, NEW: "Look up"}
    rewritten = replace(wording, summaries=worded, leads=leads)
    cards = compose(findings, TABLES.concepts, rewritten, style or ClientCapabilities())
    return {card.topic: card for card in cards}


def test_a_new_row_is_answered_with_its_own_words(add):
    add()
    assert shown(found(weight(80)))[NEW].summary == "The moon is 80 full"


@spec(
    "opener, drafted",
    ("an infusion", Opener.INFUSION, raised(1600)),
    ("LMWH", Opener.OTHER_HEPARIN, draft("enoxaparin", dose=80)),
    ("antithrombin", Opener.ANTITHROMBIN, draft("antithrombin", dose=2000)),
    ("an oral Xa inhibitor", Opener.OTHER_ANTICOAGULANT, draft("apixaban", dose=5)),
    ("warfarin", Opener.WARFARIN, draft("warfarin", dose=5)),
    ("clopidogrel", Opener.P2Y12, draft("clopidogrel", dose=75)),
)
def test_a_draft_opens_the_cards_whose_rows_name_its_kind(add, opener, drafted):
    add(opened_by=frozenset({opener}))
    assert is_shown(drafted, hook="order-sign")
    add(opened_by=frozenset(Opener) - {opener})
    assert not is_shown(drafted, hook="order-sign")


@spec(
    "view, facts",
    ("heparin runs", View.RUNS, running()),
    ("nobody knows whether it runs", View.MAY_RUN, (heparin(1200, 80),)),
    ("HIT meets LMWH", View.MEETS_HIT, (condition("hit"), order("enoxaparin", dose=40))),
    ("anything", View.ANYTIME, ()),
)
def test_opening_a_chart_speaks_in_the_situations_of_the_row(add, view, facts):
    add(on_view=frozenset({view}), in_hit=True)
    assert is_shown(*facts)
    add(on_view=frozenset(View) - {view, View.ANYTIME}, in_hit=True)
    assert not is_shown(*facts)


@spec(
    "part, facts",
    ("HIT", "in_hit", HIT),
    ("a child", "in_children", (person(9), *running())),
)
def test_a_gate_lets_through_only_the_rows_that_say_so(add, part, facts):
    add(**{part: True})
    assert is_shown(*facts)
    add(**{part: False})
    assert not is_shown(*facts)


def test_a_row_is_silent_where_a_card_that_tells_it_is_due(add):
    add(silent_beside=frozenset({"hitSuspected"}), in_hit=True)
    assert not is_shown(*HIT)
    assert is_shown(*running())


def test_a_leading_row_comes_first_within_its_urgency(add):
    critical = Recommendation(Indicator.CRITICAL)
    add(ask=lambda known: critical, in_hit=True)
    assert next(iter(shown(found(*HIT)))) == "hitSuspected"
    add(ask=lambda known: critical, in_hit=True, leads=True)
    assert next(iter(shown(found(*HIT)))) == NEW


def test_a_row_that_is_never_dropped_keeps_its_place(add):
    add(never_dropped=True)
    many = [replace(ITEM, indicator=Indicator.CRITICAL, topic="hitSuspected")] * 3
    kept, _ = cut([*many, replace(ITEM, topic=NEW)], 3)
    assert kept[-1].topic == NEW
    add()
    kept, dropped = cut([*many, replace(ITEM, topic=NEW)], 3)
    assert [one.topic for one in dropped] == [NEW]


@pytest.mark.parametrize("only_tests", [True, False])
def test_a_row_of_tests_alone_is_silent_where_all_of_them_are_offered(add, only_tests):
    add(only_tests=only_tests)
    assert (NEW in shown(found(weight(80)))) is not only_tests


@pytest.mark.parametrize("acts_alone", [True, False])
def test_stops_stand_alone_only_where_the_row_says_so(add, acts_alone):
    """For clients that take one action a suggestion."""
    choice = Option("draft.delete", (OrderTest("aptt"), DeleteDraft(raised(1600))))
    add(ask=lambda known: replace(ITEM, choices=(choice,)), acts_alone=acts_alone)
    suggestions = shown(found(), ClientCapabilities(single_action=True))[NEW].suggestions
    assert [s.actions[0].type for s in suggestions] == ["delete" if acts_alone else "create"]


EXAMPLE = re.findall(
    r"```(?:python|toml)\n(.*?)```", CONTRIBUTING.read_text(encoding="utf-8"), re.S
)


def vars_of(section: str) -> dict[str, str]:
    """The shipped words of one section."""
    return dict(getattr(TABLES.wording, section))


def test_the_card_that_contributing_adds_is_answered(monkeypatch):
    """The worked example itself: its function, its row, its words and its line are what is run."""
    function, row, tables_ = EXAMPLE
    names: dict[str, Any] = {**vars(topic_module), **vars(recommendation_module)}
    names |= {"running_fact": running_fact, "INFUSION": INFUSION, "RUNS": RUNS}
    exec("from __future__ import annotations\n" + function, names)  # noqa: S102 - our own document
    card = eval(row, names)  # noqa: S307
    lines = tomllib.loads(tables_)
    monkeypatch.setitem(TOPICS, card.name, card)
    shipped = replace(SHIPPED, topics={**SHIPPED.topics, **lines["topics"]})
    told = {name: {**vars_of(name), **lines[name]} for name in ("summaries", "leads", "titles")}
    wording = replace(TABLES.wording, **told)

    def summaries(*facts: Any) -> set[str]:
        chart = patient(*running(), *facts)
        findings = assess(HookContext("patient-view", "pat"), chart, shipped, NOW)
        cards = compose(findings, TABLES.concepts, wording, ClientCapabilities())
        return {card.summary for card in cards}

    asked = set(lines["summaries"].values())
    assert asked <= summaries()
    assert not asked & summaries(weight(80))
