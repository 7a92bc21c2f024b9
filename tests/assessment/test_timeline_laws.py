"""Laws of the infusion timeline, over charts as FHIR: how a rate is charted decides nothing.

A constant infusion is drawn, with what makes it a finding; then it is cut into pieces that touch
or lie inside one another, of any status that means given, with any ids, in any order. The cards
and every rule's answer must stay what they were for the uncut one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.advice import Advice, advise
from cds_service.chart.facts import HookContext
from cds_service.chart.query_result import QueryResult, QueryState
from tests.builders import NOW
from tests.cases import answered, tables

Json = dict[str, Any]

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
LAWS = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,  # CI draws the same charts every time
    suppress_health_check=[HealthCheck.too_slow],
)
GIVEN = ("in-progress", "completed", "stopped")
LONGEST = 60 * 48  # minutes; a piece begins and ends on a full minute
HEPARIN = {"coding": [{"system": RXNORM, "code": "5224"}], "text": "heparin"}
UNITS: Mapping[str, float] = {"[IU]/h": 1600, "[IU]/kg/h": 20, "mL/h": 16}


@dataclass(frozen=True)
class Constant:
    """One infusion at one rate, and what stands beside it."""

    begun: int  # minutes ago
    ended: int | None  # minutes ago; None: it runs
    unit: str = "[IU]/h"
    weight: bool = True
    ordered: bool = False
    antithrombin: float | None = 55
    bolus: int | None = None  # minutes ago, charted with a pump's rate for ten minutes


@dataclass(frozen=True)
class Piece:
    """A part of it, as it is charted."""

    start: int  # minutes ago
    end: int | None
    status: str


CONSTANT = st.builds(
    Constant,
    begun=st.integers(8 * 60, LONGEST),
    ended=st.sampled_from((None, None, None, 60, 240)),
    unit=st.sampled_from(tuple(UNITS)),
    weight=st.booleans(),
    ordered=st.booleans(),
    antithrombin=st.sampled_from((None, 40, 55, 95)),
    bolus=st.sampled_from((None, None, 125, 401)),
)


@st.composite
def pieces(draw: st.DrawFn, whole: Constant) -> list[Piece]:
    """Touching pieces that cover it, and further ones that lie inside of one of them."""
    until = whole.ended or 0
    cuts = draw(st.lists(st.integers(until + 1, whole.begun - 1), max_size=6, unique=True))
    edges = [whole.begun, *sorted(cuts, reverse=True), until]
    spans = list(pairwise(edges))
    last = len(spans) - 1
    cover = [
        Piece(
            start,
            None if place == last and whole.ended is None else end,
            draw(st.sampled_from(GIVEN[:2] if place == last else GIVEN)),
        )
        for place, (start, end) in enumerate(spans)
    ]
    inner = []
    for start, end in draw(st.lists(st.sampled_from(spans), max_size=4)):
        edge = sorted(
            draw(st.tuples(st.integers(end, start), st.integers(end, start))), reverse=True
        )
        if edge[0] > edge[1] > until:
            inner.append(Piece(edge[0], edge[1], draw(st.sampled_from(GIVEN))))
    return [*cover, *inner]


def at(minutes: int) -> str:
    moment: datetime = NOW - timedelta(minutes=minutes)
    return moment.isoformat()


def charted(whole: Constant, piece: Piece, name: str) -> Json:
    """One MedicationAdministration."""
    period = {"start": at(piece.start)}
    if piece.end is not None:
        period["end"] = at(piece.end)
    found: Json = {
        "resourceType": "MedicationAdministration",
        "id": name,
        "subject": {"reference": "Patient/pat"},
        "status": piece.status,
        "medicationCodeableConcept": product(whole),
        "effectivePeriod": period,
        "dosage": {"rateQuantity": quantity(UNITS[whole.unit], whole.unit)},
    }
    return found | ({"request": {"reference": "MedicationRequest/o"}} if whole.ordered else {})


def product(whole: Constant) -> Json:
    if whole.unit != "mL/h":
        return HEPARIN
    return {**HEPARIN, "text": "heparin 25,000 units/250 mL"}


def quantity(value: float, unit: str) -> Json:
    return {"value": value, "unit": unit, "code": unit, "system": "http://unitsofmeasure.org"}


def lab(name: str, code: str, value: float, unit: str, minutes: int) -> Json:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": "Patient/pat"},
        "effectiveDateTime": at(minutes),
        "valueQuantity": quantity(value, unit),
    }


def beside(whole: Constant) -> list[Json]:
    """What makes the infusion a finding."""
    found = [
        {"resourceType": "Patient", "id": "pat", "birthDate": "1966-01-01", "gender": "male"},
        lab("xa-1", "3274-8", 0.15, "[IU]/mL", 11 * 60),
        lab("xa-2", "3274-8", 0.18, "[IU]/mL", 90),
        lab("cr", "2160-0", 0.8, "mg/dL", 300),
    ]
    if whole.weight:
        found.append(lab("kg", "29463-7", 80, "kg", 20 * 60))
    if whole.antithrombin is not None:
        found.append(lab("at", "27811-9", whole.antithrombin, "%", 120))
    if whole.ordered:
        found.append(order(whole))
    if whole.bolus is not None and whole.ended is None and whole.begun > whole.bolus:
        bolus = Piece(whole.bolus, whole.bolus - 10, "completed")
        pump = charted(whole, bolus, "bolus")
        rate = {"rateQuantity": quantity(12 * UNITS[whole.unit], whole.unit)}
        found.append({**pump, "dosage": rate})
    return found


def order(whole: Constant) -> Json:
    """The order that every piece carries out."""
    rate = {"rateQuantity": quantity(UNITS[whole.unit], whole.unit)}
    return {
        "resourceType": "MedicationRequest",
        "id": "o",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/pat"},
        "authoredOn": at(whole.begun),
        "medicationCodeableConcept": product(whole),
        "dosageInstruction": [{"doseAndRate": [rate]}],
    }


def advice_on(resources: list[Json]) -> Advice:
    answers: dict[str, QueryResult] = answered(resources, tables())
    assert answers["administrations"].state is QueryState.SUPPLIED
    return advise(HookContext("patient-view", "pat"), answers, tables(), NOW)


def outcome_of(found: Advice) -> Json:
    """What a chart comes to: every rule's answer, what runs, and every card's words."""
    infusion = found.findings.measured.infusion
    return {
        "rules": {name: verdict.truth.value for name, verdict in found.findings.verdicts.items()},
        "running": (infusion.running.truth, infusion.rate, infusion.since, infusion.changes),
        "boluses": round(infusion.bolus_units, 6),
        "cards": [(c.topic, c.indicator, c.summary, c.detail, labels(c)) for c in found.cards],
    }


def labels(card: Any) -> tuple[str, ...]:
    return tuple(suggestion.label for suggestion in card.suggestions)


@cache
def uncut(whole: Constant) -> Json:
    """The same infusion as one row."""
    one = Piece(whole.begun, whole.ended, "completed" if whole.ended else "in-progress")
    return outcome_of(advice_on([*beside(whole), charted(whole, one, "whole")]))


@LAWS
@given(st.data())
def test_cutting_a_constant_infusion_into_pieces_changes_no_finding(data: st.DataObject) -> None:
    whole = data.draw(CONSTANT)
    parts = data.draw(pieces(whole))
    ids = data.draw(st.permutations(range(len(parts))))
    rows = [charted(whole, part, f"p{name}") for part, name in zip(parts, ids, strict=True)]
    resources = data.draw(st.permutations([*beside(whole), *rows]))

    assert outcome_of(advice_on(resources)) == uncut(whole)


@st.composite
def charts(draw: st.DrawFn) -> list[Json]:
    """Any rows: overlapping, stopped, held, open, without a rate, at one moment."""
    whole = draw(CONSTANT)
    rows = []
    for place in range(draw(st.integers(1, 7))):
        start = draw(st.sampled_from(range(60, LONGEST, 60)))
        length = draw(st.sampled_from((None, 0, 10, 60, 600)))
        end = None if length is None else max(start - length, 0)
        status = draw(st.sampled_from((*GIVEN, "on-hold")))
        row = charted(whole, Piece(start, end, status), f"r{place}")
        factor = draw(st.sampled_from((None, 0, 0.5, 1, 1.03, 1.2, 4)))
        rate = None if factor is None else quantity(factor * UNITS[whole.unit], whole.unit)
        row["dosage"] = {"rateQuantity": rate} if rate else {"method": {"text": "New bag"}}
        if draw(st.booleans()):
            row["request"] = {"reference": f"MedicationRequest/{draw(st.sampled_from('oxy'))}"}
        rows.append(row)
    return [*beside(whole), *rows]


@LAWS
@given(st.data())
def test_neither_ids_nor_the_order_of_arrival_change_a_finding(data: st.DataObject) -> None:
    resources = data.draw(charts())
    rows = [r for r in resources if r["resourceType"] == "MedicationAdministration"]
    names = dict(
        zip((r["id"] for r in rows), data.draw(st.permutations(range(len(rows)))), strict=True)
    )
    renamed = [
        {**r, "id": f"n{names[r['id']]}"} if r["id"] in names else r
        for r in data.draw(st.permutations(resources))
    ]

    assert outcome_of(advice_on(renamed)) == outcome_of(advice_on(resources))


@LAWS
@given(charts())
def test_what_ran_is_covered_without_gaps_and_overlaps(resources: list[Json]) -> None:
    infusion = advice_on(resources).findings.measured.infusion
    for line in (infusion, *infusion.lines):
        for older, newer in pairwise(line.segments):
            assert older.end is not None
            assert older.start < older.end <= newer.start
    assert all(s.rate is None or s.rate >= 0 for s in infusion.segments)
    if infusion.running.yes and infusion.rate is not None:
        assert infusion.rate_at(NOW) == infusion.rate
    if infusion.rate is None and infusion.running.yes:
        assert infusion.reasons
