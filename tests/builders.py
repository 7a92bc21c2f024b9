"""Charts at the level of facts, one line a fact, so that a rule's specification is a table.

`patient(...)` sorts whatever it is given into a Chart; `judge_chart(...)` runs the assessment on
it by the shipped protocol. Times are hours before NOW. Nothing here decides anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from cds_service.assessment.assess import Findings, assess
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.protocol import Protocol
from cds_service.assessment.model.recommendation import (
    DeleteDraft,
    OrderTest,
    Recommendation,
    StartDrug,
    StopOrder,
)
from cds_service.assessment.model.verdict import Reason
from cds_service.cards.card import Card, ClientCapabilities
from cds_service.cards.compose import compose
from cds_service.chart.facts import (
    Administration,
    Amount,
    Chart,
    Condition,
    Dosage,
    Drug,
    Form,
    HookContext,
    Order,
    Person,
    Problem,
    Procedure,
    Result,
    Route,
    Skipped,
    TestOrder,
    Use,
)
from cds_service.chart.goal import Goal, GoalRange
from cds_service.chart.query_result import QueryState
from cds_service.rulebook.load import PROTOCOLS, load_protocol, rulebook
from tests import explainability as told

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
QUERIES = (
    "patient",
    "coagulation",
    "blood",
    "body",
    "administrations",
    "orders",
    "conditions",
    "allergies",
    "procedures",
    "tests",
    "encounters",
)
MINUTE = 1 / 60  # of an hour
DAY = 24  # hours

FAMILIES = {
    "heparin": "heparin",
    "enoxaparin": "lmwh",
    "dalteparin": "lmwh",
    "fondaparinux": "fondaparinux",
    "danaparoid": "danaparoid",
    "apixaban": "oralXa",
    "rivaroxaban": "oralXa",
    "edoxaban": "oralXa",
    "dabigatran": "oralThrombin",
    "argatroban": "dti",
    "bivalirudin": "dti",
    "warfarin": "vka",
    "antithrombin": "antithrombin",
    "clopidogrel": "p2y12",
    "aspirin": "aspirin",
    "protamine": "protamine",
    "andexanet": "andexanet",
    "alteplase": "thrombolytic",
    "tenecteplase": "thrombolytic",
    "streptokinase": "thrombolytic",
}
DOSE_UNITS = {"heparin": "[IU]", "antithrombin": "[IU]", "dalteparin": "[IU]"}

Fact = (
    Result
    | Administration
    | Order
    | Condition
    | Procedure
    | TestOrder
    | Skipped
    | Person
    | dict[str, QueryState]
)


# --- the protocol --------------------------------------------------------------------------


def protocol(name: str = "default", **rows: float) -> Protocol:
    """A shipped protocol; rows by "section__key" hold another value.

    CDS_TEST_SHIFT="section.key=value" moves one number of it: tests/shift_protocol.py sets it to
    see whether a test notices.
    """
    shift = os.environ.get("CDS_TEST_SHIFT", "")
    changed = {key.replace("__", "."): value for key, value in rows.items()}
    if shift:
        key, _, value = shift.partition("=")
        changed = {key: float(value)} | changed
    return with_rows(_shipped(name), changed)


@cache
def _shipped(name: str) -> Protocol:
    return load_protocol(PROTOCOLS[name])


def with_rows(shipped: Protocol, changed: dict[str, float]) -> Protocol:
    """The same protocol with other values in some rows."""
    unknown = changed.keys() - shipped.rows.keys()
    assert not unknown, f"no such threshold: {unknown}"
    rows = {key: replace(shipped.rows[key], value=value) for key, value in changed.items()}
    return replace(shipped, rows={**shipped.rows, **rows}) if rows else shipped


def choosing(shipped: Protocol | None = None, **options: str | bool) -> Protocol:
    """The protocol with other options."""
    shipped = shipped or protocol()
    return replace(shipped, options={**shipped.options, **options})


# --- facts ---------------------------------------------------------------------------------


def ago(hours: float) -> datetime:
    """So many hours before NOW; negative hours lie ahead."""
    return NOW - timedelta(hours=hours)


def lab(
    concept: str,
    value: float | None,
    hours_ago: float | None = 2,
    *,
    comparator: str = "",
    problem: Problem | None = None,
    positive: bool | None = None,
    preliminary: bool = False,
    label: str = "",
    written: str = "",
    source: str = "",
    issued: float | None = None,
    hemolysed: bool = False,
    heparinase: bool = False,
) -> Result:
    """One result; with a problem it has no value, as the reader gives it."""
    return Result(
        concept=concept,
        at=None if hours_ago is None else ago(hours_ago),
        source=source or f"Observation/{concept}-{hours_ago}",
        value=None if problem else value,
        comparator=comparator,
        problem=problem,
        written=written or f"{comparator}{value}",
        label=label,
        positive=positive,
        preliminary=preliminary,
        issued=None if issued is None else ago(issued),
        hemolysed=hemolysed,
        heparinase=heparinase,
    )


def unreadable(
    concept: str, hours_ago: float = 2, problem: Problem = Problem.IMPLAUSIBLE
) -> Result:
    """A result that carries no value."""
    return lab(concept, None, hours_ago, problem=problem, written="as written")


def weight(kg: float, hours_ago: float = 20) -> Result:
    """A measured weight."""
    return lab("weight", kg, hours_ago)


def drug(key: str) -> Drug:
    """A drug by its key in the table of concepts."""
    return Drug(key, FAMILIES[key], key)


def heparin(
    rate: float | None,
    hours_ago: float,
    until: float | None = None,
    *,
    unit: str = "[IU]/h",
    halted: bool = False,
    given: bool | None = True,
    point: bool = False,
    route: Route = Route.INTRAVENOUS,
    use: Use = Use.THERAPY,
    problem: Problem | None = None,
    source: str = "",
    request: str = "",
) -> Administration:
    """A charted heparin infusion from so many hours ago, still open unless `until` says."""
    amount = None if rate is None else Amount(rate, unit)
    return Administration(
        drug=drug("heparin"),
        source=source or f"MedicationAdministration/heparin-{hours_ago}",
        given=given,
        start=ago(hours_ago),
        end=None if until is None else ago(until),
        point=point,
        halted=halted,
        form=Form.INFUSION,
        route=route,
        use=use,
        dosage=Dosage(rate=amount, problem=problem, written=f"{rate} {unit}"),
        request=request,
    )


def given(
    key: str,
    hours_ago: float,
    dose: float | None = None,
    *,
    unit: str = "",
    rate: float | None = None,
    rate_unit: str = "ug/kg/min",
    until: float | None = None,
    point: bool = True,
    halted: bool = False,
    done: bool | None = True,
    form: Form = Form.SINGLE,
    route: Route = Route.INTRAVENOUS,
    use: Use = Use.THERAPY,
) -> Administration:
    """One dose of any drug, or an infusion of it where `form` says so."""
    unit = unit or DOSE_UNITS.get(key, "mg")
    return Administration(
        drug=drug(key),
        source=f"MedicationAdministration/{key}-{hours_ago}",
        given=done,
        start=ago(hours_ago),
        end=None if until is None else ago(until),
        point=point,
        halted=halted,
        form=form,
        route=route,
        use=use,
        dosage=Dosage(
            rate=None if rate is None else Amount(rate, rate_unit),
            dose=None if dose is None else Amount(dose, unit),
        ),
    )


def order(
    key: str,
    *,
    rate: float | None = None,
    unit: str = "",
    dose: float | None = None,
    per_day: float | None = None,
    hours_ago: float | None = 48,
    status: str = "active",
    form: Form | None = None,
    route: Route = Route.INTRAVENOUS,
    use: Use = Use.THERAPY,
    problem: Problem | None = None,
    home: bool = False,
    intent: str = "order",
    name: str = "",
    goal: Goal | None = None,
) -> Order:
    """A standing order of any drug; a rate makes it an infusion."""
    infused = rate is not None
    dose_unit = unit or DOSE_UNITS.get(key, "mg")
    source = f"MedicationRequest/{name or key}"
    return Order(
        drug=drug(key),
        source=source,
        status=status,
        authored=None if hours_ago is None else ago(hours_ago),
        form=form if form is not None else (Form.INFUSION if infused else Form.SINGLE),
        route=route,
        use=use,
        dosage=Dosage(
            rate=Amount(rate, unit or "[IU]/h") if rate is not None else None,
            dose=Amount(dose, dose_unit) if dose is not None else None,
            doses_per_day=per_day,
            problem=problem,
            written=f"{rate if infused else dose} {unit}".strip(),
        ),
        resource={
            "resourceType": "MedicationRequest",
            "id": source.partition("/")[2],
            "status": status,
            "intent": intent,
        },
        home=home,
        intent=intent,
        goal=goal or Goal(),
    )


def goal(anti_xa: tuple[float, float] | None = None, **ranges: tuple[float, float]) -> Goal:
    """A goal that was read from an order: by test, from and to."""
    every = ({"anti_xa": anti_xa} if anti_xa else {}) | ranges
    return Goal(tuple(GoalRange(test, low, high) for test, (low, high) in every.items()))


def aiming(wanted: Goal, rate: float = 1600, hours_ago: float = 48) -> tuple[Any, ...]:
    """Heparin at one rate by an order that states a goal."""
    ordered = order("heparin", rate=rate, hours_ago=hours_ago, goal=wanted)
    return (heparin(rate, hours_ago, request=ordered.source), ordered)


def draft(
    key: str, *, status: str = "draft", selected: bool = True, replaces: str = "", **parts: Any
) -> Order:
    """The same, drafted in this session."""
    name = parts.pop("name", f"draft-{key}")
    one = order(key, status=status, hours_ago=0, name=name, **parts)
    return replace(one, drafted=True, selected=selected, replaces=replaces)


def raised(rate: float, *, unit: str = "[IU]/h", **parts: Any) -> Order:
    """A drafted heparin infusion."""
    return draft("heparin", rate=rate, unit=unit, **parts)


def condition(
    concept: str,
    hours_ago: float | None = 48,
    *,
    onset: float | None = None,
    active: bool | None = True,
    label: str = "",
) -> Condition:
    """A problem recorded so many hours ago; allergies are told apart by their concept."""
    return Condition(
        concept=concept,
        source=f"Condition/{concept}",
        active=active,
        onset=None if onset is None else ago(onset),
        recorded=None if hours_ago is None else ago(hours_ago),
        label=label or concept,
    )


ALLERGIES = frozenset({"heparin", "heparin_hit"})


def procedure(
    concept: str,
    start: float | None = 24,
    end: float | None = None,
    *,
    running: bool = False,
    label: str = "",
) -> Procedure:
    """A procedure or circuit, begun and ended so many hours ago."""
    return Procedure(
        concept=concept,
        source=f"Procedure/{concept}",
        start=None if start is None else ago(start),
        end=None if end is None else ago(end),
        in_progress=running,
        label=label,
    )


def ordered_test(
    concept: str, hours_ago: float | None = 1, *, status: str = "active", drafted: bool = False
) -> TestOrder:
    """A laboratory test that was ordered."""
    at = None if hours_ago is None else ago(hours_ago)
    return TestOrder(concept, f"ServiceRequest/{concept}", status, at, drafted)


def person(age: int = 60, sex: str = "male", *, born: date | None = None) -> Person:
    """The patient: a man of 60 unless said otherwise."""
    return Person("pat", born or date(NOW.year - age, 1, 1), sex)


def nobody_knows_when_born() -> Person:
    """A patient without a birth date."""
    return Person("pat", None, "male")


def states(**changed: QueryState) -> dict[str, QueryState]:
    """Queries that ended otherwise than answered."""
    return changed


def failed(*queries: str, state: QueryState = QueryState.FAILED) -> dict[str, QueryState]:
    """Queries that failed (or whatever state is named)."""
    return dict.fromkeys(queries, state)


# --- charts --------------------------------------------------------------------------------


def patient(*facts: Fact | Iterable[Fact], admitted: float | None = None) -> Chart:
    """A chart of these facts; every query answered unless a state says otherwise."""
    flat = tuple(_flat(facts))
    results: dict[str, list[Result]] = {}
    for one in flat:
        if isinstance(one, Result):
            # An automated antibody assay is one of the antibody's results, on its own scale.
            group = one.concept.removesuffix("_units")
            results.setdefault(group, []).append(one)
    said = [f for f in flat if isinstance(f, dict)]
    orders = [f for f in flat if isinstance(f, Order)]
    conditions = [f for f in flat if isinstance(f, Condition)]
    people = [f for f in flat if isinstance(f, Person)]
    return Chart(
        person=people[-1] if people else person(),
        states={q: QueryState.SUPPLIED for q in QUERIES}
        | {k: v for s in said for k, v in s.items()},
        results={concept: _newest_first(found) for concept, found in results.items()},
        administrations=tuple(f for f in flat if isinstance(f, Administration)),
        orders=tuple(o for o in orders if not o.drafted),
        drafts=tuple(o for o in orders if o.drafted),
        conditions=tuple(c for c in conditions if c.concept not in ALLERGIES),
        allergies=tuple(c for c in conditions if c.concept in ALLERGIES),
        procedures=tuple(f for f in flat if isinstance(f, Procedure)),
        tests=tuple(f for f in flat if isinstance(f, TestOrder)),
        skipped=tuple(f for f in flat if isinstance(f, Skipped)),
        admitted=None if admitted is None else ago(admitted),
    )


def _flat(facts: Iterable[Any]) -> Iterable[Fact]:
    for one in facts:
        if isinstance(one, (list, tuple)):
            yield from _flat(one)
        else:
            yield one


def _newest_first(found: list[Result]) -> tuple[Result, ...]:
    dated = [r for r in found if r.at is not None]
    undated = [r for r in found if r.at is None]
    return (*sorted(dated, key=lambda r: r.at or NOW, reverse=True), *undated)


def judge_chart(
    *facts: Fact | Iterable[Fact],
    hook: str = "order-sign",
    by: Protocol | None = None,
    admitted: float | None = None,
) -> Findings:
    """All findings on a chart of these facts, by the default protocol unless another is given."""
    chart = patient(*facts, admitted=admitted)
    found = assess(HookContext(hook, "pat"), chart, by or protocol(), NOW)
    told.check(found, _tables().wording)
    return found


def measured(*facts: Fact | Iterable[Fact], **how: Any) -> Measured:
    """What was measured on a chart of these facts."""
    return judge_chart(*facts, **how).measured


def case(
    *facts: Fact | Iterable[Fact], by: Protocol | None = None, hook: str = "order-sign"
) -> Case:
    """A chart with protocol and clock, for the questions below the rules."""
    return Case(HookContext(hook, "pat"), patient(*facts), by or protocol(), NOW)


def cards_of(findings: Findings, style: ClientCapabilities | None = None) -> tuple[Card, ...]:
    """The cards that these findings come to."""
    tables = _tables()
    return compose(findings, tables.concepts, tables.wording, style or ClientCapabilities())


@cache
def _tables() -> Any:
    return rulebook()


# --- a patient whose heparin fails ------------------------------------------------------------

RATE = 1600  # U/h: 38,400 U/day; at 80 kg 20 U/kg/h, high for the weight


def running(rate: float = RATE, hours_ago: float = 48) -> tuple[Fact, ...]:
    """Heparin at one rate for two days, charted and ordered."""
    return (heparin(rate, hours_ago), order("heparin", rate=rate, hours_ago=hours_ago))


def organs_well() -> tuple[Fact, ...]:
    """Kidney and liver measured and normal."""
    return (lab("creatinine", 0.8), lab("bilirubin", 0.6))


BEFORE_THE_RAISE = 0.875


def failing(
    *facts: Fact | Iterable[Fact], kg: float | None = 80, rate: float = RATE
) -> tuple[Any, ...]:
    """Confirmed: anti-Xa steady and low before a raise and after it, everything else normal."""
    mass = () if kg is None else (weight(kg, 50),)
    return (
        heparin(rate * BEFORE_THE_RAISE, 48, 24),
        heparin(rate, 24),
        order("heparin", rate=rate, hours_ago=48),
        lab("anti_xa", 0.16, 26),
        lab("anti_xa", 0.18, 3),
        *mass,
        *organs_well(),
        raised(rate * 1.125),
        *facts,
    )


# --- what came of it ---------------------------------------------------------------------------


def answer(findings: Findings, rule: str) -> str:
    """ "yes", "no" or "unknown"."""
    return findings.verdicts[rule].truth.value


def why(reasons: Iterable[Reason]) -> set[str]:
    """Reasons as "fact: why"."""
    return {f"{r.fact}: {r.why}" for r in reasons}


def topics(findings: Findings) -> set[str]:
    """The topics that are due."""
    return {item.topic for item in findings.items}


def item(findings: Findings, topic: str) -> Recommendation | None:
    """One topic's advice, if it is due."""
    return next((i for i in findings.items if i.topic == topic), None)


def due(findings: Findings, topic: str) -> Recommendation:
    """One topic's advice, which must be due."""
    found = item(findings, topic)
    assert found is not None, f"{topic} is not due, but {sorted(topics(findings))}"
    return found


def starts(one: Recommendation | None) -> dict[str, float]:
    """Every drug that an item offers to start, with its dose or rate."""
    actions = [a for choice in (one.choices if one else ()) for a in choice.actions]
    return {a.drug: a.value for a in actions if isinstance(a, StartDrug)}


def recommended(one: Recommendation | None) -> set[str]:
    """The drugs of recommended choices."""
    chosen = [choice for choice in (one.choices if one else ()) if choice.recommended]
    return {a.drug for choice in chosen for a in choice.actions if isinstance(a, StartDrug)}


def offered_tests(one: Recommendation | None) -> set[str]:
    """Every test that an item offers, within its choices or as one more."""
    if one is None:
        return set()
    actions = [a for choice in one.choices for a in choice.actions]
    return {*one.tests, *(a.concept for a in actions if isinstance(a, OrderTest))}


def stopped(one: Recommendation | None) -> set[str]:
    """Orders that every choice of an item stops."""
    actions = [a for choice in (one.choices if one else ()) for a in choice.actions]
    return {a.order.source for a in actions if isinstance(a, StopOrder)}


def deleted(one: Recommendation | None) -> set[str]:
    """Drafts that an item takes back."""
    actions = [a for choice in (one.choices if one else ()) for a in choice.actions]
    return {a.order.source for a in actions if isinstance(a, DeleteDraft)}


def every_start(findings: Findings) -> set[str]:
    """Every drug that any advice offers to start."""
    return {name for one in findings.items for name in starts(one)}


# --- tables ------------------------------------------------------------------------------------


def spec(names: str, *rows: tuple[Any, ...]) -> pytest.MarkDecorator:
    """A specification: each row a sentence, then its values under the comma-separated names."""
    return pytest.mark.parametrize(names, [pytest.param(*row[1:], id=row[0]) for row in rows])
