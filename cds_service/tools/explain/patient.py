"""One patient, step by step: what was read, the gates, every rule's answer, the dose, the cards.

The advice itself comes from `advise`; this only tells it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.advice import Advice, Rulebook, advise
from cds_service.assessment.measure.antithrombin import Antithrombin
from cds_service.assessment.measure.level import Level
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.measure.target import UNITS
from cds_service.assessment.model.verdict import Evidence, Verdict
from cds_service.cards.amounts import amount
from cds_service.cards.card import Card
from cds_service.cards.reason_words import reasons
from cds_service.cards.required_rate_words import required_rate_told, target_told
from cds_service.cards.wording import Wording
from cds_service.chart.fhir_datetime import recorded
from cds_service.chart.query_result import QueryResult, QueryState, Resource
from cds_service.demo.fixtures import Fixture
from cds_service.fhir.queries import FhirQuery, fhir_queries
from cds_service.hooks.request import read_call
from cds_service.hooks.services import SERVICES
from cds_service.tools.explain.tables import DoseRow, dose_rows


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact as it was read, or why it could not be."""

    name: str
    told: str
    source: str = ""  # "Observation/123"


@dataclass(frozen=True, slots=True)
class ExplainedPatient:
    """A gate's or a rule's answer, with what it rests on."""

    name: str
    answer: str  # "yes", "no", "unknown"
    because: str


@dataclass(frozen=True, slots=True)
class Walk:
    """Everything told about one patient."""

    title: str
    queries: Mapping[str, str]
    facts: tuple[Fact, ...]
    gates: tuple[ExplainedPatient, ...]
    rules: tuple[ExplainedPatient, ...]
    doses: tuple[DoseRow, ...]
    need: tuple[str, ...]  # the required rate, pair by pair, and what is said of it
    cards: tuple[Card, ...]
    silent: tuple[Card, ...]  # of topics that the protocol keeps silent


def explain_patient(case: Fixture, rules: Rulebook) -> Walk:
    """The steps from the record of a fixture to its cards."""
    service = next(s for s in SERVICES.values() if s.hook == case.hook)
    asked = read_call(dict(case.request), service).context
    answers = answers_from(case.resources, rules)
    return walk_of(case.one_line, answers, advise(asked, answers, rules, case.now), rules.wording)


def walk_of(
    title: str, answers: Mapping[str, QueryResult], advice: Advice, wording: Wording
) -> Walk:
    """The steps behind an advice that was given on these answers."""
    measured = advice.findings.measured
    return Walk(
        title=title,
        queries={key: answer.state.value for key, answer in answers.items()},
        facts=tuple(_facts(measured, wording)),
        gates=tuple(_gates(measured, wording)),
        rules=tuple(_rules(advice, wording)),
        doses=_doses(measured),
        need=need_steps(measured, wording),
        cards=advice.cards,
        silent=advice.silent,
    )


def answers_from(resources: Iterable[Resource], rules: Rulebook) -> dict[str, QueryResult]:
    """What a server that holds exactly these resources would answer to each query."""
    held = tuple(resources)
    plan = fhir_queries(rules.concepts)
    medications = tuple(r for r in held if r.get("resourceType") == "Medication")
    return {search.key: _answer(held, medications, search) for search in plan}


def _answer(
    held: tuple[Resource, ...], medications: tuple[Resource, ...], search: FhirQuery
) -> QueryResult:
    found = tuple(r for r in held if r.get("resourceType") == search.resource and _has(r, search))
    included = medications if search.resource.startswith("Medication") else ()
    return QueryResult(QueryState.SUPPLIED if found else QueryState.EMPTY, (*found, *included))


def _has(resource: Resource, search: FhirQuery) -> bool:
    code: Mapping[str, Any] = resource.get("code") or {}
    return not search.codes or any(c.get("code") in search.codes for c in code.get("coding", ()))


def _facts(m: Measured, wording: Wording) -> Iterable[Fact]:
    """Every fact of clinical weight: its value and source, or the reason it is unknown."""
    yield from _told(wording, "dailyDose", m.dose.known, m.dose.evidence)
    for level in (m.levels.anti_xa, m.levels.aptt):
        yield from _level_facts(wording, level)
    yield Fact(wording.facts["target"], target_told(m, wording), m.target.order)
    yield from _antithrombin_facts(wording, m.antithrombin)
    yield from _told(wording, "weight", m.weight.known, m.weight.evidence)
    if m.course_weight.kg is not None and m.course_weight.kg != m.weight.kg:
        yield Fact("weight of this course, for rates", f"{m.course_weight.kg:g} kg")
    yield from (_fact(wording, e) for e in m.organs.renal.facts)
    yield Fact("kidneys impaired", _verdict(m.organs.renal, wording))
    yield Fact("liver impaired", _verdict(m.organs.hepatic, wording))
    risks = wording.layout["and"].join(wording.risks[name] for name in m.risk.names)
    yield Fact("risk groups", risks or "none on record")
    yield Fact("4Ts", f"{m.hit.score.lowest}-{m.hit.score.highest}")


def _level_facts(wording: Wording, level: Level) -> Iterable[Fact]:
    """A level, and why a current one is not steady or not heparin's own."""
    yield from _told(wording, level.concept, level.current, level.evidence)
    until = f", until {recorded(level.until)}" if level.until else ""
    for label, verdict in (("steady", level.steady), ("heparin's own", level.usable)):
        if verdict.unknown and level.current.yes:
            name = f"{wording.facts[level.concept]}, {label}"
            yield Fact(name, reasons(wording, verdict.reasons) + until)


def _antithrombin_facts(wording: Wording, level: Antithrombin) -> Iterable[Fact]:
    yield from _told(wording, "antithrombin", level.known, level.evidence)
    if level.dosable.unknown and level.known.yes:
        why = reasons(wording, level.dosable.reasons)
        yield Fact(f"{wording.facts['antithrombin']}, for a dose", why)
    if level.antigen is not None:
        yield _fact(wording, level.antigen)


def _told(wording: Wording, name: str, known: Verdict, evidence: Evidence | None) -> Iterable[Fact]:
    if known.yes and evidence is not None:
        yield _fact(wording, evidence)
    else:
        yield Fact(wording.facts[name], f"unknown: {reasons(wording, known.reasons)}")


def _fact(wording: Wording, evidence: Evidence) -> Fact:
    told = amount(wording, evidence) if evidence.unit else ""
    how = wording.how.get(evidence.how, evidence.how).format(
        hours=evidence.hours or 0.0, figure=evidence.figure or 0.0
    )
    at = "" if evidence.at is None else recorded(evidence.at)
    parts = [part for part in (told, how, at) if part]
    return Fact(wording.facts[evidence.fact], ", ".join(parts), evidence.source)


def _gates(m: Measured, wording: Wording) -> Iterable[ExplainedPatient]:
    gates = {
        "under age": m.gates.under_age,
        "HIT": m.gates.hit,
        "heparin allergy, to be clarified": m.gates.heparin_allergy,
        "active bleeding": m.gates.bleeding,
    }
    return (_answered(name, verdict, wording) for name, verdict in gates.items())


def _rules(advice: Advice, wording: Wording) -> Iterable[ExplainedPatient]:
    verdicts = advice.findings.verdicts
    return (_answered(name, verdict, wording) for name, verdict in verdicts.items())


def _answered(name: str, verdict: Verdict, wording: Wording) -> ExplainedPatient:
    return ExplainedPatient(name, verdict.truth.value, _because(verdict, wording))


def _verdict(verdict: Verdict, wording: Wording) -> str:
    because = _because(verdict, wording)
    return f"{verdict.truth.value}: {because}" if because else verdict.truth.value


def _because(verdict: Verdict, wording: Wording) -> str:
    """The facts of a yes or no, the reasons of an unknown."""
    if verdict.unknown:
        return reasons(wording, verdict.reasons)
    told = (_fact(wording, evidence) for evidence in verdict.facts)
    return wording.layout["join"].join(
        dict.fromkeys(f"{fact.name} {fact.told}".strip() for fact in told)
    )


def need_steps(m: Measured, wording: Wording) -> tuple[str, ...]:
    """How the required rate was worked out: one line a pair, then what may be said of it."""
    lines = []
    for step in m.need.rate.steps if m.need.rate else ():
        pair, unit = step.pair, wording.unit(UNITS[m.need.concept])
        level = f"{pair.comparator}{pair.level:g} {unit}".strip()
        fit = "" if step.fit is None else f", fits by u = {step.fit:+.2f}"
        lines.append(
            f"{recorded(pair.at)}: {pair.rate:.1f} U/kg/h gave {level}{fit}: "
            f"{step.place.replace('_', ' ')}; ln need {step.mean:.3f}, spread {step.spread:.3f}, "
            f"need {math.exp(step.mean):.1f} U/kg/h"
        )
    if m.need.rate is not None and m.need.rate.steps:
        probability = m.need.rate.probability
        line = m.case.protocol["required_rate.line"]
        lines.append(f"probability above {line:g} U/kg/h: {probability:.2f}")
    return (*lines, required_rate_told(m, wording))


def _doses(m: Measured) -> tuple[DoseRow, ...]:
    """Both forms for this patient, where level and weight are fit for a dose, no gate closed."""
    level, kg = m.antithrombin, m.weight.kg
    closed = not all(g.no for g in (m.gates.under_age, m.gates.hit, m.gates.bleeding))
    if closed or not level.dosable.yes or level.level is None or kg is None:
        return ()
    return dose_rows(m.case.protocol, kg, level.level)
