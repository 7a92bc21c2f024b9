from __future__ import annotations

from typing import Any

import pytest

from cds_service.demo.readings import (
    banner,
    charted_orders,
    full_name,
    running_rate,
    table_rows,
)
from cds_service.demo.tracks import load_tracks, readings
from tests.demo.builders import (
    PATIENT,
    case_of,
    given,
    heparin,
    observation,
    ordered,
    per_hour,
)

Json = dict[str, Any]
TRACKS = load_tracks()
WEIGHT = observation("29463-7", 80, "kg", "2026-03-01T10:00:00Z")
RUNNING = heparin("2026-03-01T10:00:00Z", rate=per_hour(1600))


def condition(text: str, kind: str = "Condition", **more: Any) -> Json:
    return {"resourceType": kind, "id": text, "code": {"text": text}, **more}


def status(code: str) -> Json:
    return {"coding": [{"code": code}]}


def test_the_banner_of_a_patient_on_heparin() -> None:
    anti_xa = observation("3274-8", 0.18, "[IU]/mL", "2026-03-02T11:00:00Z")
    told = banner(case_of(WEIGHT, RUNNING, anti_xa), TRACKS)
    assert (told.name, told.age, told.sex) == ("Ada Probe", "64 years", "female")
    assert (told.weight, told.weight_kg) == ("80 kg", 80)
    assert (told.heparin, told.heparin_note) == ("1,600 U/h", "20.0 U/kg/h, 38,400 U in 24 h")
    latest = {lab.label: lab for lab in told.latest}
    assert (latest["Anti-Xa"].shown, latest["Anti-Xa"].state) == ("0.18 IU/mL", "low")
    assert latest["Anti-Xa"].when == "11:00, 3 h ago"
    assert latest["Antithrombin"].shown == "not measured"


def test_an_empty_chart_says_what_it_lacks() -> None:
    told = banner(case_of(patient={"resourceType": "Patient", "id": "ada"}), TRACKS)
    assert (told.name, told.age, told.sex) == ("Name unknown", "age unknown", "sex unknown")
    assert (told.weight, told.weight_kg, told.heparin) == ("not recorded", None, "not running")
    assert told.problems == told.allergies == ()


@pytest.mark.parametrize(
    ("born", "age"), [("1961-03-02", "65 years"), ("1961-03-03", "64 years"), ("1961", "65 years")]
)
def test_a_year_is_full_on_the_birthday(born: str, age: str) -> None:
    assert banner(case_of(patient={**PATIENT, "birthDate": born}), TRACKS).age == age


def test_a_name_may_be_text_alone() -> None:
    assert full_name({"name": [{"text": "Dr Ada Probe"}]}) == "Dr Ada Probe"


def test_an_impossible_weight_is_shown_and_not_used() -> None:
    heavy = observation("29463-7", 800, "kg", "2026-03-01T10:00:00Z")
    told = banner(case_of(heavy, RUNNING), TRACKS)
    assert (told.weight, told.weight_note, told.weight_kg) == ("800 kg", "implausible", None)
    assert told.heparin_note == "38,400 U in 24 h"


def test_a_weight_in_pounds_is_shown_as_charted_and_used_in_kilograms() -> None:
    pounds = observation("29463-7", 200, "[lb_av]", "2026-03-01T10:00:00Z")
    told = banner(case_of(pounds), TRACKS)
    assert told.weight == "200 lb"
    assert readings(case_of(pounds).resources, TRACKS.weight)[0].state == ""
    assert told.weight_kg == pytest.approx(90.718, abs=0.001)


@pytest.mark.parametrize(
    ("dosage", "says"),
    [
        ([{"doseAndRate": [per_hour(1700)]}], "1,700 U/h by order"),
        ([{"text": "infusion at 14 mL/h"}], "ordered, rate not readable"),
    ],
)
def test_without_charting_the_order_is_named_as_such(dosage: list[Json], says: str) -> None:
    stopped = {**ordered("heparin", id_="old"), "status": "stopped"}
    order = ordered("heparin", dosageInstruction=dosage)
    assert banner(case_of(stopped, order), TRACKS).heparin == says


def test_an_infusion_that_ended_does_not_run() -> None:
    ended = heparin("2026-03-01T10:00:00Z", "2026-03-02T10:00:00Z", rate=per_hour(1600))
    assert banner(case_of(ended), TRACKS).heparin == "not running"


def test_problems_tell_history_and_leave_out_what_is_not_true() -> None:
    told = banner(
        case_of(
            condition("Sepsis", clinicalStatus=status("active")),
            condition("HIT", clinicalStatus=status("resolved")),
            condition("Mistake", verificationStatus=status("entered-in-error")),
            condition("Penicillin", "AllergyIntolerance"),
            {"resourceType": "Condition", "id": "x", "code": {"coding": [{"display": "Coded"}]}},
            {"resourceType": "Condition", "id": "y"},
        ),
        TRACKS,
    )
    assert told.problems == ("Sepsis", "HIT (history)", "Coded", "without a name")
    assert told.allergies == ("Penicillin",)


def test_active_orders_are_listed_drugs_first() -> None:
    test = {
        "resourceType": "ServiceRequest",
        "id": "s",
        "status": "active",
        "code": {"text": "Antithrombin"},
    }
    drug = ordered("heparin", dosageInstruction=[{"text": "Infusion per protocol"}])
    old = {**ordered("warfarin", id_="old"), "status": "stopped"}
    assert [
        (one.reference, one.name, one.dose, one.heparin)
        for one in charted_orders(case_of(test, old, drug))
    ] == [
        ("MedicationRequest/order", "heparin", "Infusion per protocol", True),
        ("ServiceRequest/s", "Antithrombin", "", False),
    ]


ANTITHROMBIN = TRACKS.drawn[2]


@pytest.mark.parametrize(
    ("resource", "value", "shown"),
    [
        (observation("27811-9", 55, "%", "2026-03-02T11:00:00Z"), 55, "55 %"),
        (observation("3174-0", 0.55, "IU/mL", "2026-03-02T11:00:00Z"), 55, "0.55 IU/mL"),
        (observation("27811-9", 58, "arb. units", "2026-03-02T11:00:00Z"), None, "58 arb. units"),
        (
            observation("27811-9", 0, "", "2026-03-02T11:00:00Z", valueQuantity={"value": 5}),
            None,
            "5 (no unit)",
        ),
        (
            observation(
                "27811-9", 0, "", "2026-03-02T11:00:00Z", valueQuantity={}, valueString="clotted"
            ),
            None,
            "clotted",
        ),
    ],
)
def test_a_result_keeps_its_words_and_has_a_value_only_in_a_known_unit(
    resource: Json, value: float | None, shown: str
) -> None:
    (reading,) = readings(case_of(resource).resources, ANTITHROMBIN)
    assert reading.value == (None if value is None else pytest.approx(value))
    assert reading.shown == shown


def test_a_comparator_is_never_lost() -> None:
    quantity = {"value": 0.1, "unit": "IU/mL", "comparator": "<"}
    low = observation("3274-8", 0, "", "2026-03-02T11:00:00Z", valueQuantity=quantity)
    told = banner(case_of(low), TRACKS)
    assert told.latest[1].shown == "<0.1 IU/mL"


@pytest.mark.parametrize(
    "resource",
    [
        observation("27811-9", 55, "%", "2026-03-02T11:00:00Z", status="entered-in-error"),
        observation("27811-9", 55, "%", "unknown"),
        observation("14979-9", 55, "s", "2026-03-02T11:00:00Z"),
        observation("27811-9", 55, "%", "2026-03-02T11:00:00Z") | {"code": {"text": "AT"}},
    ],
)
def test_what_is_no_result_of_the_track_is_left_out(resource: Json) -> None:
    assert readings(case_of(resource).resources, ANTITHROMBIN) == ()


def test_a_result_may_be_timed_by_a_period_or_its_issue() -> None:
    timed = [
        {"effectivePeriod": {"start": "2026-03-02T10:00:00Z"}},
        {"issued": "2026-03-02T12:00:00Z"},
    ]
    labs = []
    for times in timed:
        lab = observation("27811-9", 55, "%", "")
        del lab["effectiveDateTime"]
        labs.append({**lab, **times})
    found = readings(case_of(*reversed(labs)).resources, ANTITHROMBIN)
    assert [one.at.hour for one in found] == [10, 12]


def test_the_table_tells_all_that_is_drawn_newest_first() -> None:
    case = case_of(
        WEIGHT,
        RUNNING,
        observation("27811-9", 150, "%", "2026-03-02T11:00:00Z"),
        observation("777-3", 200, "10*9/L", "2026-03-02T10:00:00Z"),
        given("heparin", 5000, "2026-03-01T09:00:00Z"),
    )
    assert [(row.what, row.shown, row.state) for row in table_rows(case, TRACKS)] == [
        ("Antithrombin", "150 %", "high"),
        ("Platelets", "200 10⁹/L", "in range"),
        ("Heparin infusion", "1,600 U/h", ""),
        ("Event", "Heparin bolus 5,000 U", ""),
    ]


ORDER = ordered(
    "heparin infusion",
    authoredOn="2026-03-01T10:00:00Z",
    dosageInstruction=[{"text": "infusion", "doseAndRate": [per_hour(1700)]}],
)
UNTOLD = heparin("2026-03-01T10:00:00Z", rate=per_hour(16, "mL/h"))


@pytest.mark.parametrize(
    ("resources", "rates"),
    [
        ((WEIGHT, RUNNING), {"U/h": 1600, "U/kg/h": 20.0}),
        ((RUNNING,), {"U/h": 1600}),
        ((WEIGHT, ORDER), {"U/h": 1700, "U/kg/h": 21.2}),
        ((WEIGHT, UNTOLD, ORDER), {"U/h": 1700, "U/kg/h": 21.2}),
        ((WEIGHT, UNTOLD), {}),
        ((WEIGHT, heparin("2026-03-01T10:00:00Z", rate=per_hour(16000))), {}),
        ((WEIGHT,), {}),
    ],
    ids=["charted", "no weight", "ordered", "uncharted rate", "unknown", "implausible", "none"],
)
def test_a_new_order_starts_from_the_rate_that_runs_if_it_can_be_told(
    resources: tuple[Json, ...], rates: dict[str, float]
) -> None:
    assert running_rate(case_of(*resources), TRACKS) == rates


@pytest.mark.parametrize(
    ("resource", "note"),
    [
        (UNTOLD, "rate cannot be read"),
        (heparin("2026-03-01T10:00:00Z", rate=per_hour(16000)), "16,000 U/h charted, implausible"),
        (ORDER, "1,700 U/h ordered, none charted"),
    ],
)
def test_an_unknown_rate_is_told_as_unknown(resource: Json, note: str) -> None:
    told = banner(case_of(WEIGHT, resource), TRACKS)
    assert (told.heparin, told.heparin_note) == ("rate unknown", note)


def test_a_day_with_an_unknown_rate_has_no_dose() -> None:
    before = heparin("2026-03-01T10:00:00Z", "2026-03-02T10:00:00Z", rate=per_hour(16, "mL/h"))
    after = heparin("2026-03-02T10:00:00Z", rate=per_hour(1600))
    assert banner(case_of(WEIGHT, before, after), TRACKS).heparin_note == (
        "20.0 U/kg/h, 24 h dose unknown"
    )


def test_a_value_that_cannot_be_true_is_shown_and_flagged() -> None:
    odd = observation("3274-8", 31, "IU/mL", "2026-03-02T11:00:00Z")
    (anti_xa,) = [lab for lab in banner(case_of(odd), TRACKS).latest if lab.label == "Anti-Xa"]
    assert (anti_xa.shown, anti_xa.state) == ("31 IU/mL", "implausible")
    (row,) = table_rows(case_of(odd), TRACKS)
    assert (row.clock, row.shown, row.state) == ("11:00", "31 IU/mL", "implausible")
