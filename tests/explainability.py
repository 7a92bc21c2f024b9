"""What every finding must allow, whatever the chart: that a clinician can be told of it.

Each reason names a fact and has words, each fact has a value, a known unit and a source, each
note, label and limit stands in the tables. `judge_chart` looks at every chart that a test judges.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from cds_service.assessment.assess import Findings
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.recommendation import (
    Indicator,
    OrderTest,
    Recommendation,
    StartDrug,
)
from cds_service.assessment.model.verdict import Evidence, Reason, Verdict
from cds_service.assessment.recommend.registry import TOPICS
from cds_service.cards.wording import Wording

PLAIN_UNITS = {"", "%", "s", "kg", "g/dL", "mg/dL", "mL/min", "mg", "U/h", "U/mL", "mg/kg/h"}


def check(found: Findings, wording: Wording) -> None:
    """Every answer, fact, reason and item of these findings can be told."""
    for one in _parts((found.verdicts, found.measured, found.items)):
        if isinstance(one, Verdict):
            assert one.unknown == bool(one.reasons), one
            assert all(isinstance(fact, Evidence) for fact in one.facts), one
            assert all(isinstance(reason, Reason) for reason in one.reasons), one
        elif isinstance(one, Reason):
            assert one.fact in wording.facts, one
            assert one.why in wording.reasons, one
            assert isinstance(one.detail, str), one
        elif isinstance(one, Evidence):
            _fact(one, wording)
        elif isinstance(one, Recommendation):
            _item(one, found.measured.case, wording)


def _parts(value: object) -> Iterator[object]:
    """Everything that was worked out, however deep; the chart and the case apart."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, tuple):
            waiting.extend(one)
        elif isinstance(one, dict):
            waiting.extend(one.values())
        elif parts := _names(one.__class__):
            yield one
            waiting.extend(getattr(one, name) for name in parts)


@cache
def _names(kind: Any) -> tuple[str, ...]:
    """The fields of what the assessment works out; none of anything else."""
    if not is_dataclass(kind) or kind is Case or "assessment" not in kind.__module__:
        return ()
    return tuple(f.name for f in fields(kind))


def _fact(fact: Evidence, wording: Wording) -> None:
    assert fact.fact in wording.facts, fact
    assert not fact.how or fact.how in wording.how, fact
    assert fact.unit in PLAIN_UNITS or fact.unit in wording.units, fact
    assert isinstance(fact.value, float | int), fact
    assert fact.comparator in {"", "<", ">", "<=", ">="}, fact
    assert "/" in fact.source, fact


def _item(item: Recommendation, case: Case, wording: Wording) -> None:
    assert item.topic in TOPICS, item
    assert isinstance(item.indicator, Indicator), item
    summaries = {item.topic, f"{item.topic}.{item.summary}".rstrip(".")}
    assert summaries & set(wording.summaries), item
    assert set(item.notes) <= set(wording.notes), item
    assert {choice.label for choice in item.choices} <= set(wording.labels), item
    assert {type(choice.recommended) for choice in item.choices} <= {bool}, item
    assert set(item.limits) <= set(case.protocol.rows), item
    assert {*item.tests, *item.pending} <= set(wording.tests), item
    assert None not in item.values.values(), item
    for action in (action for choice in item.choices for action in choice.actions):
        if isinstance(action, StartDrug):
            assert action.drug in wording.drugs, item
            assert action.unit in {*PLAIN_UNITS, *wording.units}, item
        elif isinstance(action, OrderTest):
            assert action.concept in wording.tests, item
        else:
            assert action.order.source, item
