"""A card's table: at most seven rows of deciding facts, each with value, unit, time and age.

Facts that are read together share a row: heparin with its rate, change and charted amount; the
levels with the rates they were drawn under; kidney and liver. What is left beyond the seventh row
stands in that row, so that no fact is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.verdict import Evidence
from cds_service.cards.amounts import amount, day_and_time, time
from cds_service.cards.heparin_row import heparin_told
from cds_service.cards.level_row import levels_told
from cds_service.cards.reason_words import lower
from cds_service.cards.required_rate_words import required_rate_told, target_told
from cds_service.cards.wording import Wording, escaped

MOST_ROWS = 7
Facts = tuple[Evidence, ...]
Tell = Callable[[Measured, Facts, Wording], str]


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row, before it is written as markdown."""

    name: str
    value: str
    at: datetime | None


def table(m: Measured, facts: Facts, wording: Wording) -> str:
    """Fact, value with unit and how it was read, time; empty without facts."""
    rows = _at_most_seven(_rows(m, facts, wording), wording)
    if not rows:
        return ""
    layout, now = wording.layout, m.case.now
    lines = (
        layout["table_row"].format(fact=r.name, value=r.value, time=time(wording, r.at, now))
        for r in rows
    )
    return "\n".join([layout["table_head"], layout["table_rule"], *lines])


def _rows(m: Measured, facts: Facts, wording: Wording) -> list[TableRow]:
    groups: dict[tuple[str, str], list[Evidence]] = {}
    for fact in dict.fromkeys(facts):
        key = wording.rows.get(fact.fact, "")
        apart = "" if key or fact.unit else fact.source  # an order, a diagnosis: each its own row
        groups.setdefault((key or fact.fact, apart), []).append(fact)
    return [_row(m, key, tuple(group), wording) for (key, _), group in groups.items()]


def _row(m: Measured, key: str, facts: Facts, wording: Wording) -> TableRow:
    name = wording.row_names.get(key) or wording.facts[key]
    tell = TOLD.get(key)
    value = tell(m, facts, wording) if tell else _plainly(name, facts, wording)
    return TableRow(name, value, _when(m, key, facts))


def _required_rate(m: Measured, facts: Facts, wording: Wording) -> str:
    return required_rate_told(m, wording)


def _target(m: Measured, facts: Facts, wording: Wording) -> str:
    return target_told(m, wording)


def _organs(m: Measured, facts: Facts, wording: Wording) -> str:
    """The values of kidney and liver; what is on record beside them, or in place of one."""
    beside = [wording.how[m.organs.modality]] if m.organs.modality else []
    if m.organs.hepatic.yes and not m.organs.hepatic.facts:
        beside.append(wording.how["liverDisease"])
    return wording.layout["join"].join([*beside, _plainly("", facts, wording)])


# Rows that are told from what was measured, not from one value of the record.
TOLD: Mapping[str, Tell] = {
    "heparin": heparin_told,
    "levels": levels_told,
    "required_rate": _required_rate,
    "target": _target,
    "organs": _organs,
}


def _when(m: Measured, key: str, facts: Facts) -> datetime | None:
    """The newest of a row's times; of heparin when its rate last changed."""
    if key == "heparin" and m.infusion.rate is not None:
        return m.infusion.last_change
    times = [fact.at for fact in facts if fact.at is not None]
    return max(times, default=None)


def _plainly(row: str, facts: Facts, wording: Wording) -> str:
    """Each value; with its own name and time where the row does not tell them."""
    newest = max((fact.at for fact in facts if fact.at is not None), default=None)
    told = []
    for fact in facts:
        text = shown_value(fact, wording)
        if (name := wording.facts[fact.fact]) != row:
            text = wording.layout["sign"].format(fact=lower(name), value=text)
        if fact.at is not None and fact.at != newest:
            text = wording.layout["dated"].format(value=text, at=day_and_time(wording, fact.at))
        told.append(text)
    return wording.layout["join"].join(told)


def shown_value(fact: Evidence, wording: Wording) -> str:
    """Value, unit and how it was read: "97.2 mL/min, Cockcroft-Gault"."""
    text = amount(wording, fact) if fact.unit else escaped(fact.written)
    if not fact.how:
        return text
    how = wording.how[fact.how].format(hours=fact.hours or 0.0, figure=fact.figure or 0.0)
    return wording.layout["remark"].format(value=text, how=how) if text else how


def _at_most_seven(rows: list[TableRow], wording: Wording) -> list[TableRow]:
    """The first six, and all others in one more."""
    if len(rows) <= MOST_ROWS:
        return rows
    kept, rest = rows[: MOST_ROWS - 1], rows[MOST_ROWS - 1 :]
    told = []
    for row in rest:
        text = wording.layout["sign"].format(fact=lower(row.name), value=row.value)
        if row.at is not None:
            text = wording.layout["dated"].format(value=text, at=day_and_time(wording, row.at))
        told.append(text)
    return [*kept, TableRow(wording.row_names["rest"], wording.layout["join"].join(told), None)]
