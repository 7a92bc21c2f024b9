from __future__ import annotations

import pytest

from cds_service.chart.facts import Amount, Dosage, Problem
from tests.chart.builders import (
    RXNORM,
    Json,
    administration,
    concept,
    given,
    order,
    ordered,
    quantity,
)

ARGATROBAN = concept((RXNORM, "15202"))
BIVALIRUDIN = concept((RXNORM, "60819"))
ENOXAPARIN = concept((RXNORM, "67108"))
BAG = concept((RXNORM, "1658717"))  # 100 units/mL


def rate_of(rate: Json, medication: Json | None = None) -> Dosage:
    """What an administration at this rate comes to."""
    more = {"medicationCodeableConcept": medication} if medication else {}
    return given(administration(rate, **more)).dosage


def ratio(numerator: Json, denominator: Json) -> Json:
    return {"rateRatio": {"numerator": numerator, "denominator": denominator}}


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (1800, "[IU]/h", Amount(1800, "[IU]/h")),
        (1800, "U/h", Amount(1800, "[IU]/h")),
        (1800, "units/hour", Amount(1800, "[IU]/h")),
        (1800, "units per hour", Amount(1800, "[IU]/h")),
        (1800, "UNT/hr", Amount(1800, "[IU]/h")),
        (1800, "[USP'U]/h", Amount(1800, "[IU]/h")),
        (1800, "[arb'U]/h", Amount(1800, "[IU]/h")),
        (1800, "[iU]/h", Amount(1800, "[IU]/h")),
        (18, "[IU]/kg/h", Amount(18, "[IU]/kg/h")),
        (18, "U/kg/hr", Amount(18, "[IU]/kg/h")),
        (18, "units/(kg.h)", Amount(18, "[IU]/kg/h")),
        (18, "U/h/kg", Amount(18, "[IU]/kg/h")),
        (30, "U/min", Amount(1800, "[IU]/h")),
        (43200, "U/d", Amount(1800, "[IU]/h")),
        (43200, "U/24h", Amount(1800, "[IU]/h")),
        (43200, "U/(24.h)", Amount(1800, "[IU]/h")),
        (0, "U/h", Amount(0, "[IU]/h")),
    ],
)
def test_a_rate_of_heparin_comes_in_units(value: float, unit: str, expected: Amount) -> None:
    for written in ({"unit": unit}, {"code": unit}):
        dosage = rate_of({"rateQuantity": {"value": value} | written})
        assert (dosage.rate, dosage.problem) == (expected, None)


@pytest.mark.parametrize(
    ("medication", "value", "unit", "expected"),
    [
        (ARGATROBAN, 0.5, "ug/kg/min", Amount(0.5, "ug/kg/min")),
        (ARGATROBAN, 0.5, "mcg/kg/min", Amount(0.5, "ug/kg/min")),
        (ARGATROBAN, 30, "ug/kg/h", Amount(0.5, "ug/kg/min")),
        (ARGATROBAN, 40, "mcg/min", Amount(40, "ug/min")),
        (ARGATROBAN, 2.4, "mg/h", Amount(2.4, "mg/h")),
        (BIVALIRUDIN, 0.15, "mg/kg/h", Amount(0.15, "mg/kg/h")),
        (BIVALIRUDIN, 0.0025, "mg/kg/min", Amount(0.15, "mg/kg/h")),
    ],
)
def test_a_rate_of_another_drug_comes_in_mass(
    medication: Json, value: float, unit: str, expected: Amount
) -> None:
    assert rate_of({"rateQuantity": quantity(value, unit)}, medication).rate == expected


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (18, "mL/h", Amount(1800, "[IU]/h")),
        (18, "mL/hr", Amount(1800, "[IU]/h")),
        (0.3, "mL/min", Amount(1800, "[IU]/h")),
        (0.18, "mL/kg/h", Amount(18, "[IU]/kg/h")),
        (432, "mL/24h", Amount(1800, "[IU]/h")),
    ],
)
def test_a_volume_needs_a_concentration(value: float, unit: str, expected: Amount) -> None:
    rate = {"rateQuantity": quantity(value, unit)}
    assert rate_of(rate, BAG).rate == expected
    without = rate_of(rate)
    assert (without.rate, without.problem) == (None, Problem.NO_CONCENTRATION)


def test_a_volume_of_a_drug_in_mg_needs_one_in_mg() -> None:
    bag = concept((RXNORM, "15202"), text="argatroban 250 mg/250 mL")
    assert rate_of({"rateQuantity": quantity(3, "mL/h")}, bag).rate == Amount(3, "mg/h", True)


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (ratio(quantity(1800, "U"), quantity(1, "h")), Amount(1800, "[IU]/h")),
        (ratio(quantity(18, "U/kg"), quantity(1, "h")), Amount(18, "[IU]/kg/h")),
        (ratio(quantity(43200, "U"), quantity(24, "h")), Amount(1800, "[IU]/h")),
        (ratio(quantity(43200, "U"), quantity(1, "d")), Amount(1800, "[IU]/h")),
        (ratio(quantity(432, "mL"), quantity(24, "h")), Amount(1800, "[IU]/h")),
        (ratio(quantity(1800, "U"), quantity(0, "h")), Problem.UNIT),
        (ratio(quantity(1800, "U"), quantity(-1, "h")), Problem.UNIT),
        (ratio(quantity(1800, "U"), quantity(1, "{bag}")), Problem.UNIT),
        (ratio(quantity(1800, "U/h"), quantity(1, "h")), Problem.UNIT),
        (ratio(quantity(1800, "U"), {}), Problem.UNIT),
        (ratio({}, quantity(1, "h")), Problem.UNREADABLE),
        ({"rateRatio": "nonsense"}, Problem.UNREADABLE),
    ],
)
def test_a_ratio_is_a_rate(rate: Json, expected: Amount | Problem) -> None:
    dosage = rate_of(rate, BAG)
    assert (dosage.rate or dosage.problem) == expected


@pytest.mark.parametrize(
    ("dosage", "problem"),
    [
        ({"rateQuantity": quantity(1800)}, Problem.UNIT),
        ({"rateQuantity": quantity(1800, "drops/min")}, Problem.UNIT),
        ({"rateQuantity": quantity(1800, "U/kg/kg")}, Problem.UNIT),
        ({"rateQuantity": quantity(1800, "U/h/h")}, Problem.UNIT),
        ({"rateQuantity": quantity(1800, "U")}, Problem.UNIT),
        ({"rateQuantity": quantity(18, "mg/h")}, Problem.UNIT),
        ({"rateQuantity": quantity(18, "U/h", "U/min")}, Problem.UNIT),
        ({"rateQuantity": quantity("1800", "U/h")}, Problem.UNREADABLE),
        ({"rateQuantity": quantity(1800, "U/h", comparator="<")}, Problem.UNREADABLE),
        ({"rateQuantity": quantity(-5, "U/h")}, Problem.IMPLAUSIBLE),
        ({"dose": quantity(5000, "{dose}")}, Problem.UNIT),
        ({"dose": quantity(5, "mg")}, Problem.UNIT),
        ({"text": "18 units/kg/h per protocol"}, Problem.TEXT_ONLY),
    ],
)
def test_what_cannot_be_read_says_why(dosage: Json, problem: Problem) -> None:
    read = given(administration(dosage)).dosage
    assert (read.rate, read.dose, read.problem) == (None, None, problem)


@pytest.mark.parametrize(
    ("dosage", "rate"),
    [
        ({"dose": quantity(20, "Units/kg/hr")}, Amount(20, "[IU]/kg/h")),
        ({"dose": quantity(1800, "U/h")}, Amount(1800, "[IU]/h")),
        ({"dose": quantity(18, "mL/h")}, Amount(1800, "[IU]/h")),
        (
            {"dose": quantity(1800, "U/h"), "rateQuantity": quantity(1800, "U/h")},
            Amount(1800, "[IU]/h"),
        ),
        (
            {"dose": quantity(1800, "U/h"), "rateQuantity": quantity(900, "U/h")},
            Problem.UNREADABLE,
        ),
    ],
)
def test_a_dose_that_is_a_rate_is_the_rate(dosage: Json, rate: Amount | Problem) -> None:
    read = rate_of(dosage, BAG)
    assert (read.rate or read.problem, read.dose) == (rate, None)


def test_no_dosage_at_all_is_no_problem() -> None:
    assert given(administration()).dosage == Dosage()


@pytest.mark.parametrize(
    ("medication", "value", "unit", "expected"),
    [
        (None, 5000, "[IU]", Amount(5000, "[IU]")),
        (None, 5000, "UNIT", Amount(5000, "[IU]")),
        (None, 80, "[IU]/kg", Amount(80, "[IU]/kg")),
        (BAG, 50, "mL", Amount(5000, "[IU]")),
        (ENOXAPARIN, 40, "mg", Amount(40, "mg")),
        (ENOXAPARIN, 1, "mg/kg", Amount(1, "mg/kg")),
        (ENOXAPARIN, 4000, "[IU]", Amount(4000, "[IU]")),
        (BIVALIRUDIN, 0.25, "g", Amount(250, "mg")),
        (BIVALIRUDIN, 250, "ug", Amount(250, "ug")),
        (BIVALIRUDIN, 500, "ug/kg", Amount(0.5, "mg/kg")),
    ],
)
def test_a_dose_is_read(medication: Json | None, value: float, unit: str, expected: Amount) -> None:
    assert rate_of({"dose": quantity(value, unit)}, medication).dose == expected


def test_a_readable_rate_outweighs_an_unreadable_dose() -> None:
    dosage = rate_of({"rateQuantity": quantity(1800, "U/h"), "dose": quantity(1, "dose")})
    assert (dosage.rate, dosage.dose, dosage.problem) == (Amount(1800, "[IU]/h"), None, None)


def test_a_readable_dose_stands_beside_an_unreadable_rate() -> None:
    dosage = rate_of({"rateQuantity": quantity(18, "mL/h"), "dose": quantity(5000, "U")})
    assert (dosage.dose, dosage.problem) == (Amount(5000, "[IU]"), Problem.NO_CONCENTRATION)


def test_a_dosage_is_written_as_the_record_has_it() -> None:
    assert rate_of({"rateQuantity": quantity(1800, "U/h")}).written == "1,800 U/h"
    assert rate_of({"rateQuantity": quantity(1800.5, None, "[IU]/h")}).written == "1,800.5 [IU]/h"
    assert rate_of({"rateQuantity": quantity(1e15, "U/h")}).written == "1e+15 U/h"
    assert rate_of({"text": "as directed"}).written == "as directed"


def test_a_list_where_one_dosage_is_due_gives_its_first() -> None:
    listed = administration([{"rateQuantity": quantity(1800, "U/h")}])  # type: ignore[arg-type]
    assert given(listed).dosage.rate == Amount(1800, "[IU]/h")


def dosed(*dosages: Json, medication: Json | None = None) -> Dosage:
    """What an order with these instructions comes to."""
    more = {"medicationCodeableConcept": medication} if medication else {}
    return ordered(order(*dosages, **more)).dosage


def dose_and_rate(**parts: Json) -> Json:
    return {"doseAndRate": [parts]}


def test_an_order_states_its_rate_in_dose_and_rate() -> None:
    expected = Amount(1800, "[IU]/h")
    assert dosed(dose_and_rate(rateQuantity=quantity(1800, "U/h"))).rate == expected
    assert dosed({"doseAndRate": {"rateQuantity": quantity(1800, "U/h")}}).rate == expected
    assert dosed({"rateQuantity": quantity(1800, "U/h")}).rate == expected
    assert dosed({"doseQuantity": quantity(5000, "U")}).dose == Amount(5000, "[IU]")


def test_a_total_beside_a_rate_per_kg_is_the_same_calculated() -> None:
    both = {
        "doseAndRate": [
            {"rateQuantity": quantity(18, "U/kg/h")},
            {"rateQuantity": quantity(1260, "U/h")},
        ]
    }
    assert dosed(both).rate == Amount(1260, "[IU]/h")


def test_two_rates_that_differ_are_not_read() -> None:
    one, other = (dose_and_rate(rateQuantity=quantity(v, "U/h")) for v in (1200, 1800))
    within = {"doseAndRate": [*one["doseAndRate"], *other["doseAndRate"]]}
    for contradicting in ((one, other), (within,)):
        read = dosed(*contradicting)
        assert (read.rate, read.problem) == (None, Problem.UNREADABLE)
    assert dosed(one, one).rate == Amount(1200, "[IU]/h")


def test_the_rate_leads_a_bolus_beside_it() -> None:
    bolus = dose_and_rate(doseQuantity=quantity(80, "U/kg"))
    infusion = dose_and_rate(rateQuantity=quantity(18, "U/kg/h"))
    assert dosed(bolus, infusion).rate == Amount(18, "[IU]/kg/h")


def test_ranges_are_not_read() -> None:
    spread = {"low": quantity(1000, "U/h"), "high": quantity(2000, "U/h")}
    assert dosed(dose_and_rate(rateRange=spread)).problem is Problem.UNREADABLE
    assert dosed(dose_and_rate(doseRange=spread)).problem is Problem.UNREADABLE


@pytest.mark.parametrize(
    ("timing", "per_day"),
    [
        ({"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}, 1),
        ({"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}, 2),
        ({"repeat": {"period": 12, "periodUnit": "h"}}, 2),
        ({"repeat": {"frequency": 1, "frequencyMax": 3, "period": 1, "periodUnit": "d"}}, 3),
        ({"repeat": {"frequency": 1, "period": 2, "periodUnit": "d"}}, 0.5),
        ({"repeat": {"timeOfDay": ["08:00:00", "20:00:00"]}}, 2),
        ({"code": concept(text="BID")}, 2),
        ({"code": concept(("urn:x", "Q8H"))}, 3),
        ({"repeat": {"frequency": 1, "period": 0, "periodUnit": "d"}}, None),
        ({"repeat": {"frequency": 1, "period": 1, "periodUnit": "fortnight"}}, None),
        ({"code": concept(text="when convenient")}, None),
        ({}, None),
        ("daily", None),
    ],
)
def test_how_often_is_read(timing: Json, per_day: float | None) -> None:
    instruction = {"timing": timing, **dose_and_rate(doseQuantity=quantity(40, "mg"))}
    read = dosed(instruction, medication=ENOXAPARIN)
    assert (read.dose, read.doses_per_day) == (Amount(40, "mg"), per_day)


def test_several_doses_make_the_largest_and_all_times_of_the_day() -> None:
    morning, evening = (
        {"timing": {"code": concept(text="QD")}, **dose_and_rate(doseQuantity=quantity(v, "mg"))}
        for v in (30, 40)
    )
    read = dosed(morning, evening, medication=ENOXAPARIN)
    assert (read.dose, read.doses_per_day) == (Amount(40, "mg"), 2)
    irregular = dosed(
        morning, dose_and_rate(doseQuantity=quantity(40, "mg")), medication=ENOXAPARIN
    )
    assert irregular.doses_per_day is None
    mixed = dosed(morning, dose_and_rate(doseQuantity=quantity(1, "mg/kg")), medication=ENOXAPARIN)
    assert (mixed.dose, mixed.problem) == (None, Problem.UNREADABLE)


def test_an_order_without_a_dosage_has_none() -> None:
    assert dosed() == Dosage()
