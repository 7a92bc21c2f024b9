from __future__ import annotations

from typing import Any

import pytest

from cds_service.chart.facts import Amount, Form, Problem, Route, Skipped, Use
from tests.chart.builders import (
    AT_TEN,
    RXNORM,
    SNOMED,
    TEN,
    Json,
    administration,
    concept,
    given,
    quantity,
    read,
    skipped,
)

TWELVE = "2026-11-22T12:00:00+01:00"
RATE: Json = {"rateQuantity": quantity(1800, "U/h")}
DOSE: Json = {"dose": quantity(5000, "U")}


def over(start: str | None, end: str | None) -> Json:
    period = {"start": start, "end": end}
    return {
        "effectiveDateTime": None,
        "effectivePeriod": {key: at for key, at in period.items() if at},
    }


def test_a_rate_over_a_period_is_a_segment_of_an_infusion() -> None:
    one = given(administration(RATE, **over(TEN, TWELVE)))
    assert one.start == AT_TEN
    assert one.end is not None
    assert (one.end - one.start).total_seconds() == 7200
    assert (one.point, one.form, one.given, one.halted) == (False, Form.INFUSION, True, False)


def test_a_period_may_be_open() -> None:
    one = given(administration(RATE, **over(TEN, None)))
    assert (one.start, one.end, one.point) == (AT_TEN, None, False)


def test_a_point_in_time_is_one() -> None:
    one = given(administration(RATE))
    assert (one.start, one.end, one.point) == (AT_TEN, None, True)


def test_without_a_time_it_is_still_an_administration() -> None:
    assert given(administration(RATE, effectiveDateTime="soon")).start is None
    assert given(administration(RATE, effectiveDateTime=None)).start is None


def test_a_dose_over_hours_comes_to_a_mean_rate() -> None:
    one = given(administration(DOSE, **over(TEN, TWELVE)))
    assert (one.dosage.rate, one.form) == (Amount(2500, "[IU]/h"), Form.INFUSION)


@pytest.mark.parametrize(
    "times",
    [
        over(TEN, "2026-11-22T10:30:00+01:00"),
        over(TEN, TEN),
        over(TWELVE, TEN),
        over(TEN, None),
        {},
    ],
    ids=["half an hour", "no time", "backwards", "open", "a point"],
)
def test_a_dose_without_a_long_stretch_is_a_single_one(times: Json) -> None:
    one = given(administration(DOSE, **times))
    assert (one.dosage.rate, one.form) == (None, Form.SINGLE)


def test_a_dose_in_micrograms_makes_no_mean_rate() -> None:
    argatroban = administration(
        {"dose": quantity(5000, "ug")},
        medicationCodeableConcept=concept((RXNORM, "15202")),
        **over(TEN, TWELVE),
    )
    assert given(argatroban).dosage.rate is None


@pytest.mark.parametrize(
    ("status", "was_given", "halted"),
    [
        ("completed", True, False),
        ("in-progress", True, False),
        ("stopped", True, True),
        ("on-hold", True, True),
        ("not-done", False, False),
    ],
)
def test_the_status_says_whether_it_was_given(status: str, was_given: bool, halted: bool) -> None:
    one = given(administration(RATE, status=status))
    assert (one.given, one.halted) == (was_given, halted)


@pytest.mark.parametrize("status", ["entered-in-error", "unknown", "nullified", None, 3])
def test_a_status_that_says_nothing_leaves_it_out(status: object) -> None:
    assert skipped(administration(RATE, status=status)) == Skipped(
        "MedicationAdministration/a1", "status", "heparin"
    )


@pytest.mark.parametrize(
    "method", ["Not Given", "Not Given per Sliding Scale", "NOT ADMINISTERED", "Hold Dose"]
)
def test_a_method_may_say_that_nothing_was_given(method: str) -> None:
    said = given(administration({**DOSE, "method": concept(text=method)}))
    coded = given(administration({**DOSE, "method": concept(("urn:local", method))}))
    assert (said.given, coded.given) == (False, False)


def test_a_reason_may_say_that_nothing_was_given() -> None:
    refused = administration(DOSE, statusReason=[concept(text="Patient refused")])
    assert given(refused).given is False


def test_a_delayed_dose_was_given() -> None:
    assert given(administration({**DOSE, "method": concept(text="Delayed Administered")})).given


@pytest.mark.parametrize(
    "dosage",
    [
        {"rateQuantity": quantity(0, "U/h")},
        {"rateQuantity": quantity(0, "U/h"), "method": concept(text="Rate change")},
        {"method": concept(text="Stopped")},
        {"method": concept(text="Infusion paused")},
    ],
)
def test_a_stop_is_recorded_in_several_ways(dosage: Json) -> None:
    assert given(administration(dosage)).halted


@pytest.mark.parametrize(
    ("more", "form"),
    [
        ({"dosage": DOSE}, Form.SINGLE),
        ({"dosage": {**DOSE, "method": concept(text="Continuous IV")}}, Form.INFUSION),
        ({"dosage": {**RATE, "method": concept(text="IV push")}}, Form.SINGLE),
        ({"dosage": RATE, "category": concept(text="Med Bolus")}, Form.SINGLE),
        ({"dosage": {"text": "heparin infusion per protocol"}}, Form.INFUSION),
        ({"dosage": {"text": "per protocol"}}, Form.UNKNOWN),
        ({"dosage": None}, Form.UNKNOWN),
        ({"dosage": {**DOSE, "route": concept(text="subcut")}}, Form.SINGLE),
        ({"dosage": {"route": concept(text="subcut")}}, Form.SINGLE),
    ],
)
def test_the_form_follows_what_is_charted(more: dict[str, Any], form: Form) -> None:
    assert given(administration(**more)).form is form


@pytest.mark.parametrize(
    ("dosage", "route"),
    [
        ({"route": concept((SNOMED, "47625008"))}, Route.INTRAVENOUS),
        ({"route": concept((SNOMED, "255560000"))}, Route.INTRAVENOUS),
        ({"route": concept(text="IV drip")}, Route.INTRAVENOUS),
        ({"route": concept(("urn:local", "IV"))}, Route.INTRAVENOUS),
        ({"route": concept((SNOMED, "34206005"))}, Route.SUBCUTANEOUS),
        ({"route": concept(text="SC")}, Route.SUBCUTANEOUS),
        ({"route": concept((SNOMED, "26643006"))}, Route.ORAL),
        ({"route": concept(text="intrathecal")}, Route.OTHER),
        ({"route": concept((SNOMED, "47625008"), (SNOMED, "34206005"))}, Route.UNKNOWN),
        ({"text": "5000 units subcut q8h"}, Route.SUBCUTANEOUS),
        ({"text": "5000 units IV or SC"}, Route.UNKNOWN),
        ({"text": "5000 units"}, Route.UNKNOWN),
        ({}, Route.UNKNOWN),
    ],
)
def test_the_route_is_known_by_code_or_by_words(dosage: Json, route: Route) -> None:
    assert given(administration(dosage)).route is route


@pytest.mark.parametrize(
    "more",
    [
        {"medicationCodeableConcept": concept(text="Heparin lock flush 100 units/mL")},
        {"medicationCodeableConcept": concept(text="Heparin (CRRT Machine Priming)")},
        {"medicationCodeableConcept": concept(text="Heparin Dwell (1000 Units/mL)")},
        {"medicationCodeableConcept": concept(text="Heparin (IABP)")},
        {"medicationCodeableConcept": concept((RXNORM, "1658690"))},
        {"medicationCodeableConcept": concept(text="heparin 1,000 units/500 mL")},
        {"dosage": {**RATE, "route": concept(text="dialysis circuit")}},
        {"dosage": {**RATE, "method": concept(text="Flushed")}},
        {"dosage": {**RATE, "site": concept(text="arterial line")}},
        {"reasonCode": [concept(text="line patency")]},
        {"category": concept(text="Catheterization laboratory")},
        {"category": concept(text="Operating theatre")},
    ],
)
def test_flush_lock_circuit_and_theatre_are_no_therapy(more: dict[str, Any]) -> None:
    assert given(administration(**({"dosage": RATE} | more))).use is Use.NO_THERAPY


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"dosage": {**RATE, "text": "prime the line, then start; flush with saline"}},
        {"note": [{"text": "patient on dialysis"}]},
        {"medicationCodeableConcept": concept((RXNORM, "1658717"))},
        {"reasonCode": [concept(text="pulmonary embolism, on ECMO")]},
    ],
)
def test_what_is_mentioned_in_passing_leaves_it_therapy(more: dict[str, Any]) -> None:
    assert given(administration(**({"dosage": RATE} | more))).use is Use.THERAPY


def test_administrations_come_newest_first_and_undated_ones_last() -> None:
    chart = read(
        administration(RATE, id="undated", effectiveDateTime=None),
        administration(RATE, id="old"),
        administration(RATE, id="new", effectiveDateTime=TWELVE),
    )
    names = [one.source.partition("/")[2] for one in chart.administrations]
    assert names == ["new", "old", "undated"]


def test_an_administration_of_another_patient_is_refused() -> None:
    other = administration(RATE, subject={"reference": "Patient/p2"})
    assert skipped(other).reason == "otherPatient"


def test_a_rate_in_an_unknown_solution_is_still_an_infusion_by_name() -> None:
    one = given(
        administration({"rateQuantity": quantity(18, "mL/h"), "method": concept(text="drip")})
    )
    assert (one.form, one.dosage.problem) == (Form.INFUSION, Problem.NO_CONCENTRATION)
