from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cds_service.chart.fhir_datetime import NOWHERE
from cds_service.tools.replay.burden import burdens, groups, groups_differ
from cds_service.tools.replay.stays import age_at, ethnicity_of, place_at, sex_of, stays_of
from cds_service.tools.replay.tables import EVENTS, PATIENTS
from tests.tools.replay.hospital import START, at, of

Json = dict[str, Any]


def write(out: Path, name: str, columns: Any, rows: list[dict[str, object]]) -> None:
    with (out / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), restval="")
        writer.writeheader()
        writer.writerows(rows)


def event(patient: str, hours: float, topic: str = "heparinResistance", **more: object) -> Any:
    return {
        "patient": patient,
        "time": (START + timedelta(hours=hours)).isoformat(),
        "protocol": "default",
        "event": "new",
        "topic": topic,
        "indicator": "warning",
        "place": "ICU",
        "hours_on_heparin": hours,
    } | more


def test_repeats_and_the_first_day_are_counted(tmp_path: Path) -> None:
    rows = [
        event("a", 2),
        event("a", 26),  # 24 h later: a repeat, and no longer the first day
        event("a", 50.1),  # more than 24 h later
        event("a", 51, indicator="critical"),  # another urgency is news
        event("b", 3, event="gone"),
    ]
    write(tmp_path, "events", EVENTS, rows)

    burden = burdens(tmp_path, ["default"])["default"]

    assert (burden.cards, burden.early, burden.repeats) == (4, 1, 1)
    assert burden.by_patient == {"a": 4}
    assert burden.worst() == [("a", 4), ("b", 1)]
    assert burden.places == {"ICU": 4}


def test_cards_are_counted_by_weekday_and_hour(tmp_path: Path) -> None:
    write(tmp_path, "events", EVENTS, [event("a", 0), event("b", 7 * 24)])

    burden = burdens(tmp_path, ["default"])["default"]

    assert burden.at(START.weekday(), START.hour) == 2


@pytest.mark.parametrize(("part", "cards"), [(0.5, 3), (0.95, 5), (1.0, 5)])
def test_quantiles_are_of_patients_with_a_card(tmp_path: Path, part: float, cards: int) -> None:
    rows = [event(p, h) for p, n in zip("abcde", range(1, 6), strict=True) for h in range(n)]
    write(tmp_path, "events", EVENTS, rows)

    assert burdens(tmp_path, ["default"])["default"].quantile(part) == cards


# --- groups ------------------------------------------------------------------------------------


def person(sex: str, got: bool, **more: object) -> dict[str, object]:
    topic = "first_heparinResistance"
    return {
        "protocol": "default",
        "first_heparin": at(0),
        "sex": sex,
        topic: at(1) if got else "",
    } | more


def test_a_group_that_differs_from_the_others_is_flagged(tmp_path: Path) -> None:
    rows = [person("male", number < 40) for number in range(50)]
    rows += [person("female", number < 10) for number in range(50)]
    write(tmp_path, "patients", PATIENTS, rows)

    found = {g.group: g for g in groups(tmp_path, ["heparinResistance"]) if g.kind == "sex"}

    assert (found["male"].share.value, found["male"].others.value) == (0.8, 0.2)
    assert found["male"].flagged
    assert found["female"].flagged


def test_a_small_difference_is_not_flagged(tmp_path: Path) -> None:
    rows = [person("male", number < 3) for number in range(6)]
    rows += [person("female", number < 2) for number in range(6)]
    write(tmp_path, "patients", PATIENTS, rows)

    assert not any(group.flagged for group in groups(tmp_path, ["heparinResistance"]))


def test_patients_without_heparin_are_in_no_group(tmp_path: Path) -> None:
    write(
        tmp_path,
        "patients",
        PATIENTS,
        [person("male", True), person("male", False, first_heparin="")],
    )

    (found,) = [g for g in groups(tmp_path, ["heparinResistance"]) if g.kind == "sex"]

    assert (found.share.count, found.others.count) == (1, 0)


@pytest.mark.parametrize(
    ("age", "band"),
    [
        ("39", "under 40 years"),
        ("40", "40 to under 65 years"),
        ("79", "65 to under 80 years"),
        ("80", "80 years and more"),
        ("", "unknown"),
    ],
)
def test_ages_are_put_into_bands(tmp_path: Path, age: str, band: str) -> None:
    write(tmp_path, "patients", PATIENTS, [person("male", True, age=age)])

    (found,) = [g for g in groups(tmp_path, ["heparinResistance"]) if g.kind == "age"]

    assert found.group == band


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [((0, 0), (5, 10), False), ((0, 10), (0, 10), False), ((9, 10), (1, 10), True)],
)
def test_shares_are_compared_only_where_there_are_any(
    one: tuple[int, int], other: tuple[int, int], apart: bool
) -> None:
    assert groups_differ(one, other) is apart


# --- places and people -------------------------------------------------------------------------


def stay(*locations: Json, **more: Any) -> Json:
    period = {"start": at(0), "end": at(90)}
    encounter = {"resourceType": "Encounter", "id": "e", "period": period, **of("p")} | more
    return encounter | ({"location": list(locations)} if locations else {})


def location(name: str, start: float, end: float | None) -> Json:
    period = {"start": at(start)} | ({} if end is None else {"end": at(end)})
    return {"location": {"reference": f"Location/{name}"}, "period": period}


@pytest.mark.parametrize(
    ("hours", "place"),
    [(-1, ""), (0, "Emergency"), (4.9, "Emergency"), (5, "ICU"), (300, "ICU")],
)
def test_the_place_is_the_one_entered_last(hours: float, place: str) -> None:
    encounter = stay(location("l1", 0, 5), location("l2", 5, None))
    found = stays_of([encounter], {"l1": "Emergency", "l2": "ICU"}, NOWHERE)

    assert place_at(found, START + timedelta(hours=hours)) == place


def test_a_place_without_a_name_keeps_its_id() -> None:
    assert [s.place for s in stays_of([stay(location("l1", 0, 5))], {}, NOWHERE)] == ["l1"]


def test_without_locations_the_class_of_care_is_the_place() -> None:
    encounter = stay(**{"class": {"code": "IMP", "display": "inpatient"}})

    assert [s.place for s in stays_of([encounter], {}, NOWHERE)] == ["inpatient"]


@pytest.mark.parametrize("odd", ["x", [], {"location": "x"}, {"period": []}, [{"location": 7}]])
def test_an_odd_location_costs_nothing(odd: object) -> None:
    assert stays_of([stay(location=odd)], {}, NOWHERE) == ()


def test_age_counts_whole_years() -> None:
    moment = datetime(2026, 5, 4, tzinfo=UTC)

    assert age_at({"birthDate": "1960-05-04"}, moment) == 66
    assert age_at({"birthDate": "1960-05-05"}, moment) == 65
    assert age_at({}, moment) is None
    assert age_at({"birthDate": "1960-05-04"}, None) is None


def test_sex_and_ethnicity_are_as_coded() -> None:
    base = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
    race = {"url": f"{base}race", "extension": [{"url": "text", "valueString": "White"}]}
    coded = {"valueCoding": {"display": "Not Hispanic or Latino"}, "url": "ombCategory"}
    ethnicity = {"url": f"{base}ethnicity", "extension": [coded]}

    assert sex_of({"gender": "female"}) == "female"
    assert ethnicity_of({"extension": [race, ethnicity]}) == "White, Not Hispanic or Latino"
    assert (sex_of({}), ethnicity_of({"extension": "x"})) == ("not coded", "not coded")
