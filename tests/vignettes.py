"""A patient in one line, asked of any protocol: what is offered, in orders and in words.

The patient is a cell of the independent opinion's grid; the answer is the service's.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cds_service.advice import Advice, advise
from cds_service.assessment.model.recommendation import StartDrug
from cds_service.chart.query_result import QueryResult, QueryState
from tests.cases import called, tables
from tests.oracle import chart as fhir_chart
from tests.oracle.cell import Cell

NOW = datetime(2026, 3, 2, 14, tzinfo=UTC)
PROTOCOLS = ("default", "review-as-written")

# 1,600 U/h is 38,400 U/day, 20 U/kg/h at 80 kg: high; anti-Xa 0.15: failing.
FAILING = Cell(
    rate=1600,
    weight=80,
    history="one",
    earlier=None,
    anti_xa=0.15,
    trust="good",
    aptt=45,
    target="default",
    antithrombin=55,
    renal="normal",
    hepatic="normal",
    sepsis=False,
    cardiac_surgery=False,
    hit=False,
    bleeding="no",
    hook="patient-view",
    draft="",
)


def patient(**changes: Any) -> Cell:
    """The failing patient, with something changed."""
    return replace(FAILING, **changes)


def answers_for(
    cell: Cell, more: Mapping[str, Iterable[Any]] | None = None
) -> dict[str, QueryResult]:
    """What each query found; `more` replaces whole answers by query."""
    found = {**chart(cell), **{k: list(v) for k, v in (more or {}).items()}}
    answers = {
        key: QueryResult(QueryState.SUPPLIED if rows else QueryState.EMPTY, tuple(rows))
        for key, rows in found.items()
    }
    for key in tables().concepts.queries:
        answers.setdefault(key, QueryResult(QueryState.EMPTY))
    return answers


def chart(cell: Cell) -> dict[str, list[Any]]:
    """The cell's chart, with a raise a day ago and the anti-Xa before it: one level is no proof."""
    found = fhir_chart.resources(cell, NOW)
    (running,) = found["administrations"]
    raised, begun = (NOW - timedelta(hours=h) for h in (24, fhir_chart.HOURS_SINCE_START))
    before = copy.deepcopy(running) | {
        "id": "heparin-before",
        "status": "completed",
        "effectivePeriod": {"start": begun.isoformat(), "end": raised.isoformat()},
    }
    before["dosage"]["rateQuantity"]["value"] = cell.rate * BEFORE_THE_RAISE
    later = running | {"effectivePeriod": {"start": raised.isoformat()}}
    found["administrations"] = [before, later]
    if cell.anti_xa is not None:
        drawn = NOW - timedelta(hours=26)
        lower = round(cell.anti_xa * BEFORE_THE_RAISE, 3)
        name = "anti-xa-before"
        level = fhir_chart.observation(name, "3274-8", lower, "[IU]/mL", drawn)
        found["coagulation"] = [*found["coagulation"], level]
    return found


BEFORE_THE_RAISE = 0.875


def ask(
    cell: Cell,
    protocol: str = "default",
    more: Mapping[str, Iterable[Any]] | None = None,
    states: Mapping[str, QueryState] | None = None,
) -> Advice:
    """The advice for a patient; a query named with a state did not get through."""
    lost = {key: QueryResult(state) for key, state in (states or {}).items()}
    answers = answers_for(cell, more) | lost
    return advise(called(fhir_chart.hook_request(cell)), answers, tables(protocol), NOW)


def starts(advice: Advice) -> dict[str, float]:
    """Every drug the cards offer to start or give, with its rate or dose."""
    return {
        action.drug: action.value
        for item in advice.findings.items
        for choice in item.choices
        for action in choice.actions
        if isinstance(action, StartDrug)
    }


def recommended(advice: Advice) -> tuple[str, ...]:
    """The drugs in suggestions that are marked as recommended."""
    return tuple(
        action.drug
        for item in advice.findings.items
        for choice in item.choices
        for action in choice.actions
        if choice.recommended and isinstance(action, StartDrug)
    )


def topics(advice: Advice) -> tuple[str, ...]:
    """The topics shown, most urgent first."""
    return tuple(card.topic for card in advice.cards)


def text(advice: Advice) -> str:
    """Everything the cards say."""
    return "\n".join(f"{card.summary}\n{card.detail}" for card in advice.cards)


def units_in_text(advice: Advice) -> set[int]:
    """Every figure in IU that stands in the words (levels are IU/mL and do not count)."""
    figures = re.findall(r"([\d,]+) IU(?!/)", text(advice))
    return {int(figure.replace(",", "")) for figure in figures}
