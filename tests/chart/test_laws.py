"""What holds for any input: nothing raises, and neither order nor repetition changes the chart."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.chart.facts import Chart, HookContext
from cds_service.chart.query_result import QueryResult, QueryState
from cds_service.chart.reader import read_chart
from tests.chart.builders import (
    ICD,
    LOINC,
    RXNORM,
    SNOMED,
    TEN,
    Json,
    administration,
    concept,
    named,
    observation,
    order,
    quantity,
    shipped,
)

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        [
            "final",
            "completed",
            "active",
            "14979-9",
            "777-3",
            "5224",
            "D75.822",
            "heparin",
            "flush",
            "U/h",
            "mL/h",
            "mg",
            "10*3/uL",
            "<",
            "Patient/p1",
            "#m",
            "Medication/m",
            "2026-11-22",
            "positive",
        ]
    )
    | st.sampled_from([LOINC, RXNORM, SNOMED, ICD, TEN, "25,000 units/250 mL"])
)
KEYS = st.sampled_from(
    [
        "resourceType",
        "id",
        "status",
        "code",
        "coding",
        "system",
        "text",
        "display",
        "subject",
        "reference",
        "valueQuantity",
        "value",
        "unit",
        "comparator",
        "effectiveDateTime",
        "effectivePeriod",
        "start",
        "end",
        "dosage",
        "doseAndRate",
        "rateQuantity",
        "rateRatio",
        "numerator",
        "denominator",
        "medicationReference",
        "medicationCodeableConcept",
        "contained",
        "period",
        "ingredient",
        "itemReference",
        "strength",
        "timing",
        "repeat",
        "component",
        "category",
    ]
)
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)
HEPARIN_BAG = {"resourceType": "Medication", "id": "m", "code": concept((RXNORM, "1658717"))}
WHOLE: list[Json] = [
    observation("14979-9", 48, "s"),
    observation("14979-9", 52, "s", id="o2", status="preliminary"),
    observation("777-3", 150, "K/uL", id="o3", effectiveDateTime=None),
    observation("27811-9", 55, "%", id="o4", subject={"reference": "Patient/p2"}),
    observation("3274-8", 0.2, None, id="o5"),
    administration({"rateQuantity": quantity(1800, "U/h")}),
    administration({"rateQuantity": quantity(18, "mL/h")}, id="a2", status="stopped")
    | {"medicationCodeableConcept": None, "medicationReference": {"reference": "Medication/m"}},
    administration({"dose": quantity(5000, "U")}, id="a3", status="entered-in-error"),
    order({"doseAndRate": [{"rateQuantity": quantity(18, "U/kg/h")}]}),
    order({"text": "per protocol"}, id="m2", medicationCodeableConcept=concept(text="warfarin")),
    named("Condition", concept((ICD, "I26.99")), recordedDate=TEN),
    named("Condition", concept((ICD, "D75.822")), id="n2"),
    named("AllergyIntolerance", concept(text="heparin")),
    named("Procedure", concept((SNOMED, "233573008")), status="in-progress"),
    named("ServiceRequest", concept((LOINC, "27811-9")), status="active", intent="order"),
    {"resourceType": "Patient", "id": "p1", "birthDate": "1960-01-01", "gender": "female"},
    {"resourceType": "Encounter", "id": "e", "status": "in-progress", "period": {"start": TEN}},
    HEPARIN_BAG,
    HEPARIN_BAG | {"meta": {"versionId": "2"}},
]
KINDS = sorted({resource["resourceType"] for resource in WHOLE})


def chart(resources: list[Any], drafts: list[Any] | None = None) -> Chart:
    """The chart from answers split in two, as queries would bring them."""
    half = len(resources) // 2
    answers = {
        "orders": QueryResult(QueryState.SUPPLIED, tuple(resources[:half])),
        "coagulation": QueryResult(QueryState.PARTIAL, tuple(resources[half:])),
    }
    asked = HookContext("order-sign", "p1", tuple(drafts or ()))
    return read_chart(asked, answers, shipped())


EXPECTED = chart(WHOLE, WHOLE)


def test_the_example_holds_something_of_everything() -> None:
    for part in (EXPECTED.results, EXPECTED.administrations, EXPECTED.orders, EXPECTED.drafts):
        assert part
    for part in (EXPECTED.conditions, EXPECTED.allergies, EXPECTED.procedures, EXPECTED.tests):
        assert part
    assert {one.reason for one in EXPECTED.skipped} == {"otherPatient", "status"}


@QUICK
@given(st.permutations(WHOLE), st.permutations(WHOLE))
def test_the_order_of_resources_changes_nothing(resources: list[Json], drafts: list[Json]) -> None:
    assert chart(resources, drafts) == EXPECTED


@QUICK
@given(st.lists(st.sampled_from(WHOLE), max_size=8))
def test_repetition_changes_nothing(again: list[Json]) -> None:
    assert chart([*again, *WHOLE, *again], WHOLE) == EXPECTED


@QUICK
@given(st.lists(ANY_JSON, max_size=4))
def test_no_json_raises(nodes: list[Any]) -> None:
    chart(nodes, nodes)


@settings(QUICK, max_examples=120)
@given(st.sampled_from(KINDS), st.dictionaries(KEYS, ANY_JSON, max_size=8))
def test_no_resource_raises(kind: str, content: dict[str, Any]) -> None:
    chart([{**content, "resourceType": kind}], [{**content, "resourceType": kind}])


@st.composite
def damaged(draw: st.DrawFn) -> list[Json]:
    """The example with one place in one resource replaced by anything."""
    place = draw(st.integers(0, len(WHOLE) - 1))
    resource, junk = WHOLE[place], draw(ANY_JSON)
    path = draw(st.sampled_from(_paths(resource)))
    return [*WHOLE[:place], _replaced(resource, path, junk), *WHOLE[place + 1 :]]


@settings(QUICK, max_examples=150)
@given(damaged())
def test_damage_to_one_resource_leaves_the_others_as_they_were(resources: list[Json]) -> None:
    """A Medication is shared, so damage to it may reach what refers to it."""
    read = chart(resources, WHOLE)
    (place,) = (i for i, resource in enumerate(resources) if resource is not WHOLE[i])
    if WHOLE[place]["resourceType"] in ("Medication", "Patient", "Encounter"):
        return
    touched = {f"{WHOLE[place]['resourceType']}/{WHOLE[place]['id']}"}
    touched |= {one.source for one in read.skipped} - {one.source for one in EXPECTED.skipped}
    touched |= {f"{resources[place].get('resourceType')}/{resources[place].get('id')}"}
    for ours, before in (
        (read.administrations, EXPECTED.administrations),
        (read.orders, EXPECTED.orders),
        (read.conditions, EXPECTED.conditions),
        (read.of("aptt"), EXPECTED.of("aptt")),
    ):
        kept = [one for one in before if one.source not in touched]
        assert [one for one in ours if one in kept] == kept


def _paths(node: Any) -> list[tuple[str | int, ...]]:
    steps = node.items() if isinstance(node, dict) else enumerate(node)
    return [
        path
        for key, inner in steps
        for path in (
            [(key,), *((key, *rest) for rest in _paths(inner))]
            if isinstance(inner, dict | list)
            else [(key,)]
        )
    ]


def _replaced(node: Any, path: tuple[str | int, ...], junk: Any) -> Any:
    key, *rest = path
    inner = _replaced(node[key], tuple(rest), junk) if rest else junk
    if isinstance(node, list):
        return [inner if i == key else one for i, one in enumerate(node)]
    return {**node, key: inner}
