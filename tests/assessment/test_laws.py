"""Laws over generated patients: order, duplicates, units, missing queries, monotony.

A patient is drawn as a few numbers and findings, and written as FHIR; the spine answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from typing import Any

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from cds_service.advice import Advice, advise
from cds_service.chart.facts import HookContext
from cds_service.chart.query_result import QueryResult, QueryState
from tests.builders import NOW, starts, topics
from tests.cases import answered, tables, wire

Json = dict[str, Any]

LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
IV = {"coding": [{"system": SNOMED, "code": "47625008"}]}
LAWS = settings(
    max_examples=50,
    deadline=None,
    derandomize=True,  # CI draws the same patients every time
    suppress_health_check=[HealthCheck.too_slow],
)

# Each number in the unit it is judged in, and another unit with its factor.
OTHER_UNITS: Mapping[str, tuple[str, str, str, float]] = {
    "anti_xa": ("3274-8", "[IU]/mL", "[IU]/L", 1000),
    "antithrombin": ("27811-9", "%", "[IU]/mL", 0.01),
    "weight": ("29463-7", "kg", "[lb_av]", 1 / 0.45359237),
    "creatinine": ("2160-0", "mg/dL", "umol/L", 88.42),
    "bilirubin": ("1975-2", "mg/dL", "umol/L", 17.104),
    "platelets": ("777-3", "10*3/uL", "/uL", 1000),
    "fibrinogen": ("3255-7", "mg/dL", "g/L", 0.01),
    "aptt": ("14979-9", "s", "sec", 1),
    "hemoglobin": ("718-7", "g/dL", "g/L", 10),
}
CONDITIONS = {
    "sepsis": "A41.9",
    "hit": "D75.822",
    "cirrhosis": "K74.60",
    "clot": "I82.401",
    "bleeding": "K92.2",
    "pregnancy": "Z33.1",
}
DRUGS = {"heparin": "5224", "apixaban": "1364430", "antithrombin": "1009", "clopidogrel": "32968"}


@dataclass(frozen=True)
class Bedside:
    """A patient as drawn; None is not on record."""

    rate: int | None = 1600  # U/h, for the hours below; half as much before
    hours: int = 30
    anti_xa: float | None = 0.18
    aptt: float | None = None
    antithrombin: float | None = 55
    weight: float | None = 80
    creatinine: float | None = 0.8
    bilirubin: float | None = 0.6
    fibrinogen: float | None = None
    platelets: tuple[float, ...] = (220, 210)  # eight days ago, and now
    hemoglobin: tuple[float, ...] = ()  # yesterday, and now
    conditions: frozenset[str] = frozenset()
    apixaban: bool = False
    dosed: bool = False  # antithrombin given 20 h ago
    allergy: bool = False
    drafted: float | None = 1.125  # of the running rate
    hook: str = "order-sign"


def maybe(*values: float) -> st.SearchStrategy[float | None]:
    return st.none() | st.sampled_from(values)


BEDSIDES = st.builds(
    Bedside,
    rate=st.sampled_from([900, 1300, 1600, 1700, 2100]),
    hours=st.sampled_from([3, 8, 30, 60]),
    anti_xa=maybe(0.1, 0.18, 0.3, 0.5, 0.8),
    aptt=maybe(45, 70, 110),
    antithrombin=maybe(30, 45, 50, 55, 69, 75, 90, 160),
    weight=maybe(60, 80, 100, 120),
    creatinine=maybe(0.8, 1.9, 3),
    bilirubin=maybe(0.6, 4),
    fibrinogen=maybe(300, 600),
    platelets=st.sampled_from([(), (220, 210), (220, 90), (220, 140), (220, 40)]),
    hemoglobin=st.sampled_from([(), (11, 10.5), (11, 8.5)]),
    conditions=st.frozensets(st.sampled_from(sorted(CONDITIONS)), max_size=2),
    apixaban=st.booleans(),
    dosed=st.booleans(),
    allergy=st.booleans(),
    drafted=st.sampled_from([None, 1.0, 1.125]),
    hook=st.sampled_from(["order-sign", "order-select", "patient-view"]),
)


# --- as FHIR -------------------------------------------------------------------------------------


def at(hours: float) -> str:
    return (NOW - timedelta(hours=hours)).isoformat()


def observation(name: str, value: float, hours: float, *, other: bool = False) -> Json:
    loinc, unit, second, factor = OTHER_UNITS[name]
    if other and name == "antithrombin":
        loinc = "3174-0"
    quantity = {"value": round(value * factor, 9), "unit": second} if other else None
    return {
        "resourceType": "Observation",
        "id": f"{name}-{hours:g}",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": loinc}]},
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": at(hours),
        "valueQuantity": quantity or {"value": value, "unit": unit},
    }


def medication(drug: str) -> Json:
    return {"coding": [{"system": RXNORM, "code": DRUGS[drug]}], "text": drug}


def administration(drug: str, start: float, end: float | None, dosage: Json) -> Json:
    period = {"start": at(start)} | ({"end": at(end)} if end is not None else {})
    return {
        "resourceType": "MedicationAdministration",
        "id": f"given-{drug}-{start:g}",
        "status": "in-progress" if end is None else "completed",
        "subject": {"reference": "Patient/p"},
        "medicationCodeableConcept": medication(drug),
        "effectivePeriod": period,
        "dosage": dosage | {"route": IV},
    }


def order(drug: str, dosage: Json, name: str, status: str = "active") -> Json:
    return {
        "resourceType": "MedicationRequest",
        "id": name,
        "status": status,
        "intent": "order",
        "subject": {"reference": "Patient/p"},
        "authoredOn": at(70),
        "medicationCodeableConcept": medication(drug),
        "dosageInstruction": [{"doseAndRate": [dosage]}],
    }


def rate(value: float, *, other: bool = False) -> Json:
    unit = {"value": value / 60, "unit": "U/min"} if other else {"value": value, "unit": "U/h"}
    return {"rateQuantity": unit}


def condition(name: str) -> Json:
    return {
        "resourceType": "Condition",
        "id": name,
        "clinicalStatus": {"coding": [{"system": CLINICAL, "code": "active"}]},
        "code": {"coding": [{"system": ICD, "code": CONDITIONS[name]}]},
        "subject": {"reference": "Patient/p"},
        "recordedDate": at(5),
        "onsetDateTime": at(5),
    }


def resources(one: Bedside, *, other: bool = False) -> Iterator[Json]:
    """The record; `other` writes every number in its other unit."""
    yield {"resourceType": "Patient", "id": "p", "gender": "male", "birthDate": "1966-01-01"}
    for name in (
        "anti_xa",
        "aptt",
        "antithrombin",
        "weight",
        "creatinine",
        "bilirubin",
        "fibrinogen",
    ):
        value = getattr(one, name)
        if value is not None:
            yield observation(name, value, 2, other=other)
    if one.anti_xa is not None:  # and before the raise: one level is no proof
        yield observation("anti_xa", round(one.anti_xa / 2, 3), one.hours + 1, other=other)
    for name, hours in (("platelets", (200, 3)), ("hemoglobin", (20, 3))):
        for value, when in zip(getattr(one, name), hours, strict=False):
            yield observation(name, value, when, other=other)
    yield from _heparin(one, other=other)
    yield from (condition(name) for name in sorted(one.conditions))
    if one.apixaban:
        yield order("apixaban", {"doseQuantity": {"value": 5, "unit": "mg"}}, "apixaban")
    if one.dosed:
        dose = {"dose": {"value": 2000, "unit": "[IU]"}}
        yield administration("antithrombin", 20, 19.5, dose)
    if one.allergy:
        yield {
            "resourceType": "AllergyIntolerance",
            "id": "allergy",
            "patient": {"reference": "Patient/p"},
            "code": medication("heparin"),
        }


def _heparin(one: Bedside, *, other: bool) -> Iterator[Json]:
    if one.rate is None:
        return
    yield administration("heparin", 65, one.hours, rate(one.rate / 2, other=other))
    yield administration("heparin", one.hours, None, rate(one.rate, other=other))
    yield order("heparin", rate(one.rate), "heparin")  # a stop returns it as it stands


def asked(one: Bedside) -> HookContext:
    drafts = []
    if one.hook != "patient-view" and one.drafted is not None and one.rate is not None:
        drafts.append(order("heparin", rate(one.rate * one.drafted), "draft", "draft"))
    return HookContext(one.hook, "p", tuple(drafts))


def answers(record: list[Json]) -> dict[str, QueryResult]:
    return answered(record, tables())


def advice(one: Bedside, record: list[Json] | None = None) -> Advice:
    found = answers(list(resources(one)) if record is None else record)
    return advise(asked(one), found, tables(), NOW)


# --- the laws ------------------------------------------------------------------------------------


@LAWS
@given(BEDSIDES, st.randoms(use_true_random=False))
def test_the_order_of_resources_does_not_matter(one, dice):
    record = list(resources(one))
    shuffled = dice.sample(record, len(record))
    assert wire(advice(one, shuffled)) == wire(advice(one, record))


@LAWS
@given(BEDSIDES, st.data())
def test_a_resource_that_came_twice_counts_once(one, data):
    record = list(resources(one))
    again = data.draw(st.lists(st.sampled_from(record), max_size=5))
    assert wire(advice(one, [*record, *again])) == wire(advice(one, record))


@LAWS
@given(BEDSIDES)
@example(Bedside())
@example(Bedside(antithrombin=45))
def test_the_unit_a_laboratory_writes_does_not_matter(one):
    """Platelets per uL, IU/mL for per cent, pounds, umol/L, g/L, U/min given."""
    assert wire(advice(one, list(resources(one, other=True)))) == wire(advice(one))


QUERIES = ("coagulation", "blood", "administrations", "orders", "conditions", "allergies", "tests")


@LAWS
@given(
    BEDSIDES,
    st.sampled_from(QUERIES),
    st.sampled_from([QueryState.FAILED, QueryState.NOT_SUPPLIED]),
)
def test_a_query_that_failed_may_give_unknown_and_never_turns_an_answer(one, query, state):
    """Of the weight alone the specification says otherwise: without it units decide."""
    whole = answers(list(resources(one)))
    broken = {**whole, query: QueryResult(state)}
    before = advise(asked(one), whole, tables(), NOW).findings
    after = advise(asked(one), broken, tables(), NOW).findings
    assert _turned(before.verdicts, after.verdicts) == {}
    gates = ("under_age", "hit", "heparin_allergy", "bleeding")
    assert _turned(_gates(before, gates), _gates(after, gates)) == {}


def _gates(findings: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(findings.measured.gates, name) for name in names}


def _turned(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
    """Answers that went from yes to no, or from no to yes."""
    both = {"yes", "no"}
    return {
        name: f"{verdict.truth.value} became {after[name].truth.value}"
        for name, verdict in before.items()
        if {verdict.truth.value, after[name].truth.value} == both
    }


@LAWS
@given(BEDSIDES, st.sampled_from(["conditions", "allergies", "blood"]))
def test_a_query_of_a_gate_that_failed_withholds_every_start(one, query):
    broken = {**answers(list(resources(one))), query: QueryResult(QueryState.FAILED)}
    assume("hit" not in one.conditions)
    found = advise(asked(one), broken, tables(), NOW).findings
    assert {drug for item in found.items for drug in starts(item)} == set()


@LAWS
@given(BEDSIDES, st.sampled_from(["conditions", "allergies", "blood", "administrations"]))
def test_with_heparin_drafted_a_failure_is_never_an_empty_answer(one, query):
    assume(one.drafted is not None and one.hook != "patient-view")
    broken = {**answers(list(resources(one))), query: QueryResult(QueryState.FAILED)}
    assert advise(asked(one), broken, tables(), NOW).cards


LEVELS = st.sampled_from([30, 45, 49.9, 50, 55, 65, 69.9, 70, 80, 95])


@LAWS
@given(BEDSIDES, LEVELS, LEVELS)
@example(Bedside(), 55, 60)
def test_a_higher_antithrombin_never_opens_a_dose_that_a_lower_one_did_not(one, first, second):
    low, high = sorted((first, second))
    dose_low, dose_high = _dose(one, low), _dose(one, high)
    if dose_high is not None:
        assert dose_low is not None
        assert dose_low >= dose_high


def _dose(one: Bedside, level: float) -> float | None:
    found = advice(replace(one, antithrombin=level)).findings
    doses = [starts(item).get("antithrombin") for item in found.items]
    return next((dose for dose in doses if dose is not None), None)


@LAWS
@given(BEDSIDES, st.sampled_from([0.05, 0.2, 0.3, 0.6]), st.sampled_from([0.1, 0.29, 0.5, 0.8]))
def test_a_higher_anti_xa_never_makes_heparin_fail_that_did_not_before(one, first, second):
    low, high = sorted((first, second))
    fails = [
        advice(replace(one, anti_xa=level)).findings.verdicts["failing"].yes
        for level in (low, high)
    ]
    assert fails != [False, True]


@LAWS
@given(BEDSIDES, st.sampled_from(["hit", "bleeding"]))
def test_hit_or_bleeding_on_top_never_adds_a_start_of_antithrombin(one, fact):
    more = replace(one, conditions=one.conditions | {fact})
    assert _every_start(more) <= _every_start(one) | {"argatroban", "bivalirudin"}
    assert "antithrombin" not in _every_start(more)
    if fact == "bleeding":
        assert _every_start(more) == set()


def _every_start(one: Bedside) -> set[str]:
    return {drug for item in advice(one).findings.items for drug in starts(item)}


@LAWS
@given(BEDSIDES)
def test_no_advice_ever_starts_heparin_and_no_more_than_three_cards_show(one):
    found = advice(one)
    assert not {"heparin", "enoxaparin"} & _every_start(one)
    assert len(found.cards) <= 3
    ids = count()
    assert all(card.wire(lambda: str(next(ids)))["summary"] for card in found.cards)


@LAWS
@given(BEDSIDES)
def test_the_same_chart_gives_every_hook_the_same_findings(one):
    """But for drafts: on opening a chart there are none."""
    undrafted = replace(one, drafted=None)
    views = [
        advice(replace(undrafted, hook=hook)).findings.verdicts
        for hook in ("patient-view", "order-select", "order-sign")
    ]
    assert views[0] == views[1] == views[2]


def test_the_plain_patient_of_these_laws_is_offered_the_pinned_dose():
    found = advice(Bedside()).findings
    assert "antithrombinDose" in topics(found)
    assert _dose(Bedside(), 55) == 2571
