from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.chart.facts import Problem, Skipped
from tests.chart.builders import (
    AT_TEN,
    LOINC,
    SNOMED,
    TEN,
    Json,
    concept,
    observation,
    quantity,
    read,
    result,
    shipped,
    skipped,
)

INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"


@pytest.mark.parametrize(
    ("loinc", "value", "unit", "concept_key", "canonical"),
    [
        ("14979-9", 48, "s", "aptt", 48),
        ("3173-2", 48, "sec", "aptt", 48),
        ("5898-2", 48, "s", "aptt", 48),
        ("63561-5", 1.8, "{ratio}", "aptt_ratio", 1.8),
        ("63561-5", 180, "%", "aptt_ratio", 1.8),
        ("3274-8", 0.18, "[IU]/mL", "anti_xa", 0.18),
        ("66483-9", 0.18, "iu/ml", "anti_xa", 0.18),
        ("3274-8", 0.18, "U/mL", "anti_xa", 0.18),
        ("3271-4", 0.6, "[IU]/mL", "anti_xa_lmwh", 0.6),
        ("27811-9", 55, "%", "antithrombin", 55),
        ("3174-0", 0.57, "[IU]/mL", "antithrombin", 57),
        ("3174-0", 57, "[IU]/dL", "antithrombin", 57),
        ("3174-0", 0.57, "k[IU]/L", "antithrombin", 57),
        ("27812-7", 55, "%", "antithrombin_antigen", 55),
        ("1868-9", 0.2, "g/L", "antithrombin_mass", 20),
        ("3255-7", 4.6, "g/L", "fibrinogen", 460),
        ("3209-4", 180, "%", "factor_viii", 180),
        ("6301-6", 1.2, "{INR}", "inr", 1.2),
        ("6301-6", 1.2, None, "inr", 1.2),
        ("48065-7", 900, "ng/mL{FEU}", "d_dimer", 0.9),
        ("48066-5", 900, "ng/mL{DDU}", "d_dimer_ddu", 0.9),
        ("777-3", 150, "10*3/uL", "platelets", 150),
        ("777-3", 150, "K/uL", "platelets", 150),
        ("777-3", 150, "x10E3/uL", "platelets", 150),
        ("777-3", 150, "10*9/L", "platelets", 150),
        ("777-3", 150000, "/uL", "platelets", 150),
        ("49497-1", 150, "10*3/uL", "platelets_estimate", 150),
        ("718-7", 95, "g/L", "hemoglobin", 9.5),
        ("59260-0", 6, "mmol/L", "hemoglobin", 9.6684),
        ("2160-0", 1.1, "mg/dL", "creatinine", 1.1),
        ("14682-9", 88.42, "umol/L", "creatinine", 1.0),
        ("69405-9", 55, "mL/min/1.73m2", "egfr", 55),
        ("69405-9", 55, "mL/min/{1.73_m2}", "egfr", 55),
        ("14631-6", 17.104, "umol/L", "bilirubin", 1.0),
        ("29463-7", 80, "kg", "weight", 80),
        ("29463-7", 80000, "g", "weight", 80),
        ("3141-9", 180, "[lb_av]", "weight", 81.6466266),
        ("3142-7", 80, "kg", "weight_stated", 80),
        ("73818-7", 1.9, "{OD}", "hit_antibody", 1.9),
        ("50728-5", 60, "%", "hit_functional", 60),
    ],
)
def test_a_result_stands_in_the_canonical_unit(
    loinc: str, value: float, unit: str | None, concept_key: str, canonical: float
) -> None:
    one = result(observation(loinc, value, unit))
    assert one.concept == concept_key
    assert one.value == pytest.approx(canonical, rel=1e-9)
    assert one.problem is None
    assert one.at == AT_TEN
    assert one.source == "Observation/o1"
    assert one.code == loinc


@pytest.mark.parametrize(
    ("loinc", "low", "high", "unit"),
    [
        ("14979-9", 10, 300, "s"),
        ("3274-8", 0, 3, "[IU]/mL"),
        ("27811-9", 1, 250, "%"),
        ("777-3", 1, 2000, "10*3/uL"),
        ("2160-0", 0.1, 20, "mg/dL"),
        ("1975-2", 0.1, 60, "mg/dL"),
        ("3255-7", 20, 2000, "mg/dL"),
        ("29463-7", 20, 350, "kg"),
    ],
)
def test_beyond_its_plausible_bounds_a_value_is_none(
    loinc: str, low: float, high: float, unit: str
) -> None:
    for inside in (low, high):
        assert result(observation(loinc, inside, unit)).value == inside
    for outside in (low - 0.05, high * 1.01):
        one = result(observation(loinc, outside, unit))
        assert (one.value, one.problem) == (None, Problem.IMPLAUSIBLE)
        assert one.written


def test_a_quantity_below_nothing_is_implausible_even_without_bounds() -> None:
    assert result(observation("718-7", -9, "g/dL")).problem is Problem.IMPLAUSIBLE


@pytest.mark.parametrize(
    ("loinc", "unit"),
    [
        ("14979-9", None),
        ("14979-9", "min"),
        ("14979-9", "{ratio}"),
        ("3274-8", "%"),
        ("3274-8", "[IU]"),
        ("27811-9", "mg/dL"),
        ("27811-9", "{activity}"),
        ("6301-6", "%"),
        ("48065-7", "ng/mL{DDU}"),
        ("777-3", None),
        ("777-3", "10*6/uL"),
        ("29463-7", None),
        ("29463-7", "st"),
        ("45155-9", "U/L"),
    ],
)
def test_a_unit_that_is_missing_or_of_something_else_is_refused(
    loinc: str, unit: str | None
) -> None:
    one = result(observation(loinc, 50, unit))
    assert (one.value, one.problem) == (None, Problem.UNIT)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (quantity(150, "K/uL", "10*3/uL"), 150),
        (quantity(150, "something local", "10*3/uL"), 150),
        (quantity(150, "10*3/uL", "something local"), 150),
        (quantity(150, "/uL", "10*3/uL"), None),
        (quantity(150, "10*3/uL", "kg"), None),
    ],
    ids=["both agree", "code alone", "text alone", "they contradict", "the code is of another"],
)
def test_code_and_text_of_a_unit_must_not_contradict(given: Json, expected: float | None) -> None:
    one = result(observation("777-3", valueQuantity=given))
    assert one.value == expected
    assert one.problem is (None if expected else Problem.UNIT)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [(None, ""), ("<", "<"), ("<=", "<="), (">", ">"), (">=", ">=")],
)
def test_a_comparator_is_kept(sent: str | None, kept: str) -> None:
    one = result(observation("3274-8", valueQuantity=quantity(0.1, "[IU]/mL", comparator=sent)))
    assert (one.value, one.comparator) == (0.1, kept)
    assert one.written == f"{kept}0.1 [IU]/mL"


@pytest.mark.parametrize(
    "value",
    [
        {"valueQuantity": quantity(0.1, "[IU]/mL", comparator="ad")},
        {"valueQuantity": quantity("0.18", "[IU]/mL")},
        {"valueQuantity": quantity(True, "[IU]/mL")},
        {"valueQuantity": quantity(float("nan"), "[IU]/mL")},
        {"valueQuantity": quantity(float("inf"), "[IU]/mL")},
        {"valueQuantity": quantity(10**400, "[IU]/mL")},
        {"valueQuantity": quantity(None, "[IU]/mL")},
        {"valueQuantity": "0.18"},
        {"valueString": "<0.1"},
        {"valueString": "0.18"},
        {"valueString": "see comment"},
        {"valueString": "0.18 parsec"},
        {"valueInteger": 1},
        {"dataAbsentReason": concept(text="haemolysed")},
        {"valueQuantity": quantity(0.1, "[IU]/mL"), "dataAbsentReason": concept(text="error")},
        {},
    ],
)
def test_what_is_no_measured_value_is_unreadable(value: Json) -> None:
    one = result(observation("3274-8", **value))
    assert (one.value, one.problem) == (None, Problem.UNREADABLE)


def test_a_text_with_number_and_known_unit_is_read() -> None:
    assert result(observation("73818-7", valueString="0.52 OD")).value == 0.52
    below = result(observation("3274-8", valueString="< 0.10 IU/mL"))
    assert (below.value, below.comparator) == (0.1, "<")


@pytest.mark.parametrize(
    ("status", "preliminary"),
    [("final", False), ("amended", False), ("corrected", False), ("preliminary", True)],
)
def test_a_result_counts_when_reported(status: str, preliminary: bool) -> None:
    one = result(observation("14979-9", 50, "s", status=status))
    assert (one.value, one.preliminary) == (50, preliminary)


@pytest.mark.parametrize(
    "status", ["registered", "cancelled", "entered-in-error", "unknown", "nonsense", None, 7]
)
def test_a_result_that_is_none_is_named_as_left_out(status: object) -> None:
    chart = read(observation("14979-9", 50, "s", status=status))
    assert not chart.results
    assert chart.skipped == (Skipped("Observation/o1", "status", "aptt"),)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({}, AT_TEN),
        ({"effectiveDateTime": None, "issued": TEN}, AT_TEN),
        ({"effectiveDateTime": None, "effectiveInstant": TEN}, AT_TEN),
        ({"effectiveDateTime": None, "effectivePeriod": {"start": TEN}}, AT_TEN),
        ({"effectiveDateTime": None, "effectivePeriod": {"end": TEN}}, AT_TEN),
        ({"effectiveDateTime": None, "effectiveTiming": {"event": [TEN]}}, AT_TEN),
        ({"effectiveDateTime": "2026-11-22"}, datetime(2026, 11, 21, 10, tzinfo=UTC)),
    ],
)
def test_the_time_is_the_time_drawn(times: Json, expected: datetime) -> None:
    assert result(observation("14979-9", 50, "s", **times)).at == expected


@pytest.mark.parametrize(
    "times",
    [
        {"effectiveDateTime": None},
        {"effectiveDateTime": "yesterday", "issued": TEN},
        {"effectiveDateTime": 20261122},
        {"effectiveDateTime": None, "effectiveTiming": {"event": []}},
    ],
    ids=["none", "no time", "a number", "no event"],
)
def test_without_a_time_a_result_has_no_value(times: Json) -> None:
    one = result(observation("14979-9", 50, "s", **times))
    assert (one.at, one.value, one.problem) == (None, None, Problem.UNDATED)
    assert one.written == "50 s"


def test_a_result_of_another_patient_is_refused_and_named() -> None:
    assert skipped(observation("14979-9", 50, "s", subject={"reference": "Patient/p2"})) == (
        Skipped("Observation/o1", "otherPatient")
    )


def test_components_are_read_as_results_of_their_own() -> None:
    panel = observation(
        "99999-9",
        component=[
            {"code": concept((LOINC, "14979-9")), "valueQuantity": quantity(50, "s")},
            {"code": concept((LOINC, "6301-6")), "valueQuantity": quantity(1.1, "{INR}")},
            "nonsense",
        ],
    )
    chart = read(panel)
    assert [one.value for one in (*chart.of("aptt"), *chart.of("inr"))] == [50, 1.1]


def test_a_code_of_two_concepts_is_ambiguous() -> None:
    both = observation("27811-9", 55, "%", code=concept((LOINC, "27811-9"), (LOINC, "27812-7")))
    assert skipped(both) == Skipped("Observation/o1", "ambiguous", "antithrombin")


def test_a_second_code_of_the_same_concept_is_welcome() -> None:
    code = concept(("urn:local", "PTT"), (LOINC, "14979-9"), (LOINC, "3173-2"), text="aPTT")
    one = result(observation("14979-9", 50, "s", code=code))
    assert (one.concept, one.label, one.code) == ("aptt", "aPTT", "14979-9")


def test_an_observation_without_a_code_is_malformed() -> None:
    assert skipped(observation("14979-9", 50, "s", code=None)).reason == "malformed"


@pytest.mark.parametrize(
    "loinc",
    ["13488-2", "5899-0", "34571-0", "43734-3", "91120-6", "3176-5", "80892-3", "6002-0", "8867-4"],
)
def test_look_alikes_are_not_taken_for_ours(loinc: str) -> None:
    chart = read(observation(loinc, 50, "s"))
    assert not chart.results
    assert not chart.skipped


def test_the_label_keeps_what_the_laboratory_calls_it() -> None:
    code: dict[str, Any] = concept((LOINC, "3274-8"), text="Anti-Xa, LMWH")
    code["coding"][0]["display"] = "Heparin unfractionated"
    one = result(observation("3274-8", 0.6, "[IU]/mL", code=code))
    assert one.label == "Anti-Xa, LMWH; Heparin unfractionated"


@pytest.mark.parametrize(
    ("said", "positive"),
    [
        ({"interpretation": [concept((INTERPRETATION, "POS"))]}, True),
        ({"interpretation": [concept((INTERPRETATION, "NEG"))]}, False),
        ({"interpretation": concept((INTERPRETATION, "ND"))}, False),
        ({"valueCodeableConcept": concept((SNOMED, "10828004"))}, True),
        ({"valueCodeableConcept": concept((SNOMED, "260385009"))}, False),
        ({"valueCodeableConcept": concept(text="Weakly positive")}, True),
        ({"valueString": "POSITIVE"}, True),
        ({"valueString": "Negative."}, False),
        ({"valueString": "Not detected"}, False),
        ({"valueString": "Non-reactive"}, False),
        ({"valueString": "Positive, OD 1.8"}, True),
        ({"valueString": "positive / negative"}, None),
        ({"valueString": "indeterminate"}, None),
        ({"interpretation": [concept((INTERPRETATION, "H"))]}, None),
    ],
)
def test_an_antibody_is_positive_negative_or_neither(said: Json, positive: bool | None) -> None:
    one = result(observation("34701-3", **said))
    assert one.positive is positive
    assert one.problem is (Problem.UNREADABLE if positive is None else None)


def test_an_optical_density_is_left_to_the_judging() -> None:
    one = result(observation("45155-9", 1.2, "{OD}"))
    assert (one.value, one.positive) == (1.2, None)


@pytest.mark.parametrize(
    ("unit", "scale"),
    [
        ("{OD}", "hit_antibody"),
        ("U/mL", "hit_antibody_units"),
        ("[arb'U]/mL", "hit_antibody_units"),
        ("U/L", "hit_antibody"),
    ],
)
def test_the_unit_says_on_which_scale_an_antibody_stands(unit: str, scale: str) -> None:
    assert result(observation("45155-9", 1.2, unit)).concept == scale


def test_a_test_in_another_unit_is_still_positive_when_it_says_so() -> None:
    one = result(
        observation("45155-9", 3, "U/L", interpretation=[concept((INTERPRETATION, "POS"))])
    )
    assert (one.value, one.problem, one.positive) == (None, Problem.UNIT, True)


@pytest.mark.parametrize(
    ("code", "positive"),
    [
        ((LOINC, "LA15173-0"), True),
        ((SNOMED, "77386006"), True),
        ((LOINC, "LA26683-5"), False),
        ((SNOMED, "60001007"), False),
    ],
)
def test_pregnancy_status_is_read(code: tuple[str, str], positive: bool) -> None:
    assert result(observation("82810-3", valueCodeableConcept=concept(code))).positive is positive


def test_results_come_newest_first_and_undated_ones_last() -> None:
    def drawn(name: str, at: str | None, **more: Any) -> Json:
        return observation("14979-9", 50, "s", id=name, effectiveDateTime=at, **more)

    chart = read(
        drawn("undated", None),
        drawn("old", "2026-11-22T10:00:00+01:00"),
        drawn("new", "2026-11-22T09:30:00Z"),
        drawn("same-preliminary", "2026-11-22T09:30:00Z", status="preliminary"),
        drawn("same-reissued", "2026-11-22T09:30:00Z", issued="2026-11-22T12:00:00Z"),
    )
    assert [one.source.partition("/")[2] for one in chart.of("aptt")] == [
        "same-reissued",
        "new",
        "same-preliminary",
        "old",
        "undated",
    ]


def test_every_observation_of_the_table_can_be_read() -> None:
    for key, row in shipped().observations.items():
        for code in row.codes:
            (found,) = read(observation(code.code, 50, row.unit)).results
            assert found == key
