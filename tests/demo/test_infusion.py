from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from cds_service.demo.infusion import (
    DrawnSegment,
    dose_of_day,
    draws_heparin_infusion,
    events,
    medication_name,
    rate_ordered,
    segments,
)
from tests.demo.builders import NOW, case_of, given, heparin, ordered, per_hour

Json = dict[str, Any]
STRENGTH = {"numerator": {"value": 25000}, "denominator": {"value": 250}}
BAG = {"resourceType": "Medication", "id": "bag", "code": {"text": "Heparin bag"}}


def ratio(upper: float, unit: str, lower: float, per: str) -> Json:
    numerator = {"value": upper, "unit": unit}
    return {"rateRatio": {"numerator": numerator, "denominator": {"value": lower, "unit": per}}}


@pytest.mark.parametrize(
    ("rate", "units_per_hour"),
    [
        (per_hour(1600), 1600),
        (per_hour(1600, "units/hour"), 1600),
        (per_hour(1600, "[IU]/h"), 1600),
        (per_hour(20, "U/kg/h"), 1600),
        (per_hour(20, "U/min"), 1200),
        (per_hour(24000, "U/d"), 1000),
        (ratio(1530, "U", 1, "h"), 1530),
        (ratio(4800, "U", 3, "h"), 1600),
        (ratio(0, "U", 1, "h"), None),
        (ratio(5, "U", 0, "h"), None),
        (per_hour(16, "mL/h"), None),
        (per_hour(1600, "drops"), None),
        ({"rateQuantity": {"unit": "U/h"}}, None),
        ({}, None),
    ],
)
def test_a_rate_is_read_in_every_unit_the_fixtures_use(
    rate: Json, units_per_hour: float | None
) -> None:
    found = segments(case_of(heparin("2026-03-02T10:00:00Z", rate=rate)), weight_kg=80)
    assert [one.units_per_hour for one in found] == [units_per_hour]
    assert [one.unknown for one in found] == ["" if units_per_hour else "rate cannot be read"]


def test_a_rate_by_weight_needs_the_weight() -> None:
    case = case_of(heparin("2026-03-02T10:00:00Z", rate=per_hour(20, "U/kg/h")))
    (found,) = segments(case, weight_kg=None)
    assert (found.units_per_hour, found.unknown) == (None, "rate cannot be read")


def test_a_dose_of_its_own_is_no_stretch_of_an_infusion() -> None:
    period = {"start": "2026-03-02T10:00:00Z", "end": "2026-03-02T10:05:00Z"}
    bolus = {**given("heparin", 5000, ""), "effectivePeriod": period}
    del bolus["effectiveDateTime"]
    assert segments(case_of(bolus), weight_kg=80) == ()


def test_an_order_without_a_date_tells_no_stretch() -> None:
    order = ordered("heparin", dosageInstruction=[{"text": "infusion"}])
    assert segments(case_of(order), weight_kg=80) == ()


@pytest.mark.parametrize(
    "medication",
    [
        {"medicationReference": {"reference": "Medication/bag"}},
        {"medicationReference": {"reference": "https://ehr.example.org/fhir/Medication/bag"}},
        {
            "medicationReference": {"reference": "#bag"},
            "contained": [{**BAG, "ingredient": [{}, {"strength": STRENGTH}]}],
        },
        {"medicationCodeableConcept": {"text": "heparin 25,000 units/250 mL"}},
        {"medicationCodeableConcept": {"text": "Heparin 100 units/mL"}},
    ],
)
def test_millilitres_become_units_by_the_strength_of_the_bag(medication: Json) -> None:
    row = heparin("2026-03-02T10:00:00Z", rate=per_hour(16, "mL/h"))
    del row["medicationCodeableConcept"]
    bag = {**BAG, "ingredient": [{"strength": STRENGTH}]}
    (found,) = segments(case_of({**row, **medication}, bag), weight_kg=None)
    assert found.units_per_hour == 1600


def test_the_newer_of_two_stretches_ends_the_older() -> None:
    case = case_of(
        heparin("2026-03-02T10:00:00Z", rate=per_hour(1600)),
        heparin("2026-03-02T06:00:00Z", "2026-03-02T12:00:00Z", rate=per_hour(1440)),
    )
    first, second = segments(case, None)
    assert first.end == second.start
    assert second.end == NOW


def test_a_rate_charted_at_a_moment_holds_until_the_next() -> None:
    row = heparin("2026-03-02T10:00:00Z", rate=per_hour(1600))
    del row["effectivePeriod"]
    (found,) = segments(case_of({**row, "effectiveDateTime": "2026-03-02T08:00:00Z"}), None)
    assert found.end == NOW


@pytest.mark.parametrize(
    "left_out",
    [
        {"status": "not-done"},
        {"status": "entered-in-error"},
        {"dosage": {**per_hour(1600), "method": {"text": "Not Given"}}},
        {"dosage": {**per_hour(1600), "route": {"text": "CRRT circuit"}}},
        {"medicationCodeableConcept": {"text": "propofol"}},
        {"effectivePeriod": {}},
        {"effectivePeriod": {"start": "2026-03-03T00:00:00Z"}},
    ],
)
def test_what_does_not_run_in_the_patient_is_not_drawn(left_out: Json) -> None:
    row = heparin("2026-03-02T10:00:00Z", rate=per_hour(1600))
    assert segments(case_of({**row, **left_out}), None) == ()


def test_the_dose_of_a_day_counts_the_last_24_hours_only() -> None:
    def hours_ago(hours: int) -> datetime:
        return NOW - timedelta(hours=hours)

    infusion = (
        DrawnSegment(hours_ago(40), hours_ago(20), 1000),
        DrawnSegment(hours_ago(10), NOW, 1600),
    )
    assert dose_of_day(infusion, NOW) == 4 * 1000 + 10 * 1600
    assert dose_of_day(infusion, hours_ago(20)) == 20 * 1000
    assert dose_of_day((), NOW) == 0


def test_boluses_antithrombin_and_procedures_are_events_in_order() -> None:
    case = case_of(
        given("antithrombin concentrate", 2500, "2026-03-02T09:00:00Z"),
        given("heparin 5,000 units/mL", 6400, "2026-03-01T09:00:00Z"),
        given("heparin lock flush", 50, "2026-03-01T10:00:00Z"),
        given("heparin", 5000, "2026-03-01T11:00:00Z", route={"text": "Subcutaneous route"}),
        given("antithrombin", 0, "2026-03-01T12:00:00Z"),
        given("antithrombin", 1000, "2026-03-05T12:00:00Z"),
        {
            "resourceType": "Procedure",
            "id": "p",
            "code": {"text": "CT"},
            "performedPeriod": {"start": "2026-03-01T08:00:00Z"},
        },
        {"resourceType": "Procedure", "id": "q", "code": {"text": "undated"}},
    )
    assert [(one.kind, one.label) for one in events(case)] == [
        ("procedure", "CT"),
        ("heparin", "Heparin bolus 6,400 U"),
        ("antithrombin", "Antithrombin 2,500 IU"),
    ]


@pytest.mark.parametrize(
    ("medication", "name"),
    [
        ({"medicationCodeableConcept": {"text": "heparin"}}, "heparin"),
        ({"medicationCodeableConcept": {"coding": [{"code": "1"}, {"display": "hep"}]}}, "hep"),
        ({"medicationReference": {"reference": "Medication/bag"}}, "Heparin bag"),
        ({"medicationReference": {"display": "heparin drip"}}, "heparin drip"),
        ({}, "medication without a name"),
    ],
)
def test_a_medication_is_named_from_wherever_it_stands(medication: Json, name: str) -> None:
    assert (
        medication_name({"resourceType": "MedicationRequest", **medication}, case_of(BAG)) == name
    )


@pytest.mark.parametrize(
    ("name", "dosage", "expected"),
    [
        ("heparin", [{"doseAndRate": [per_hour(1600)]}], True),
        ("heparin", [{"text": "Continuous infusion"}], True),
        ("heparin", [{"text": "5,000 units subcutaneously"}], False),
        ("heparin", [{"doseAndRate": [per_hour(500)], "route": {"text": "CRRT circuit"}}], False),
        ("heparin", [], False),
        ("insulin", [{"doseAndRate": [per_hour(2)]}], False),
    ],
)
def test_an_order_is_a_heparin_infusion_by_its_rate_or_its_words(
    name: str, dosage: list[Json], expected: bool
) -> None:
    order = ordered(name, dosageInstruction=dosage)
    assert draws_heparin_infusion(order, case_of()) is expected


def test_the_rate_of_an_order_is_read_where_there_is_one() -> None:
    case = case_of()
    rated = ordered("heparin", dosageInstruction=[{}, {"doseAndRate": [per_hour(20, "U/kg/h")]}])
    assert rate_ordered(rated, case, 80) == 1600
    assert rate_ordered(ordered("heparin"), case, 80) is None
