"""Times and values as records really hold them, asked of the whole service, both ways.

The record without them gives a dose of antithrombin. What is only spelled oddly leaves it so; what
may change the answer takes the dose away, and a card says what could not be read or placed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.hospital import ANTITHROMBIN, Hospital, Json, both_ways, call, record, service, text_of
from tests.oracle.chart import PATIENT, observation, quantity
from tests.vignettes import NOW

NO_TIME = {"effectiveDateTime": None, "issued": None}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    with service(tmp_path_factory.mktemp("service")) as one:
        yield one


def hours(ago: float) -> datetime:
    return NOW - timedelta(hours=ago)


def in_z(node: Any) -> Any:
    """The same times in Z, which tell of no place."""
    if isinstance(node, dict):
        return {key: in_z(value) for key, value in node.items()}
    if isinstance(node, list):
        return [in_z(one) for one in node]
    return node.replace("+00:00", "Z") if isinstance(node, str) else node


CODES = {
    "anti-xa": ("3274-8", "[IU]/mL"),
    "aptt": ("14979-9", "s"),
    "antithrombin": ("27811-9", "%"),
    "weight": ("29463-7", "kg"),
    "haemoglobin": ("718-7", "g/dL"),
    "platelets": ("777-3", "10*3/uL"),
}


def another(name: str, value: float, ago: float = 0.5, **fields: Any) -> Json:
    """One more result of a test, an hour and a half newer than the levels of the record."""
    code, unit = CODES[name]
    return observation(f"another-{name}", code, value, unit, hours(ago)) | fields


def base() -> list[Json]:
    """Low on 1,440 U/h eleven hours ago, and low again after a raise to 1,600: confirmed."""
    found = in_z(record())
    infused = next(one for one in found if one.get("id") == "heparin-infusion")
    began, raised = infused["effectivePeriod"]["start"], in_z(hours(10).isoformat())
    slower = infused | {
        "id": "slower",
        "status": "completed",
        "effectivePeriod": {"start": began, "end": raised},
        "dosage": infused["dosage"] | {"rateQuantity": quantity(1440, "U/h")},
    }
    infused["effectivePeriod"] = {"start": raised}
    earlier = [another("anti-xa", 0.12, 11, id="xa-1"), another("aptt", 44, 11, id="aptt-1")]
    return [*found, slower, *in_z(earlier)]


def changed(resource: str, **fields: Any) -> list[Json]:
    """The record with other fields in one resource; None leaves a field out."""
    found = [one | fields if one.get("id") == resource else one for one in base()]
    assert found != base()
    return [{key: value for key, value in one.items() if value is not None} for one in found]


def without(*names: str) -> list[Json]:
    return [one for one in base() if one.get("id") not in names]


def beside(*more: Json) -> list[Json]:
    """The record with more resources; None leaves a field out."""
    clean = ({key: value for key, value in one.items() if value is not None} for one in more)
    return [*base(), *in_z(list(clean))]


def at_dose(**times: Any) -> Json:
    made = {
        "resourceType": "MedicationAdministration",
        "id": "at-dose",
        "status": "completed",
        "medicationCodeableConcept": ANTITHROMBIN,
        "subject": {"reference": f"Patient/{PATIENT}"},
        "dosage": {"dose": quantity(1000, "[IU]")},
    }
    return made | times


def infusion(rate: float, **fields: Any) -> Json:
    one = next(r for r in base() if r.get("id") == "heparin-infusion")
    dosage = one["dosage"] | {"rateQuantity": quantity(rate, "U/h")}
    made = one | {"id": "infusion-2", "dosage": dosage} | fields
    return {key: value for key, value in made.items() if value is not None}


def period(start: object, end: object = None) -> Json:
    return {"effectiveDateTime": None, "effectivePeriod": {"start": start, "end": end}}


def doses(cards: list[Json]) -> bool:
    """Whether any suggestion creates an order of antithrombin."""
    actions = (a for c in cards for s in c.get("suggestions", ()) for a in s["actions"])
    return any(
        "ntithrombin" in str(action.get("resource", {}).get("medicationCodeableConcept"))
        for action in actions
        if action["type"] == "create"
    )


def asked(client: FlaskClient, resources: list[Json]) -> list[Json]:
    return both_ways(client, Hospital(resources), call("patient-view"))


def both_levels(**fields: Any) -> list[Json]:
    found = base()
    return [
        {key: value for key, value in (one | fields).items() if value is not None}
        if one.get("id") in ("anti-xa", "aptt")
        else one
        for one in found
    ]


SPELLED = {
    "as it is": base(),
    "+0000": both_levels(effectiveDateTime="2026-03-02T12:00:00+0000"),
    "-0500": both_levels(effectiveDateTime="2026-03-02T07:00:00-0500"),
    "+00": both_levels(effectiveDateTime="2026-03-02T12:00+00"),
    "lower case": both_levels(effectiveDateTime="2026-03-02t12:00:00z"),
    "a blank for the T": both_levels(effectiveDateTime="2026-03-02 12:00:00Z"),
    "a leap second": both_levels(effectiveDateTime="2026-03-02T11:59:60Z"),
    "hour 24": changed("antithrombin", effectiveDateTime="2026-03-01T24:00:00Z"),
    "effectiveInstant": both_levels(
        effectiveDateTime=None, effectiveInstant="2026-03-02T12:00:00Z"
    ),
    "a Period of no length": both_levels(**period("2026-03-02T12:00:00Z", "2026-03-02T12:00:00Z")),
    "a weight of a day": changed("weight", effectiveDateTime="2026-02-28"),
    "a count of a day, before the others": beside(
        another("platelets", 30, effectiveDateTime="2026-02-28", issued=None)
    ),
    "an undated level that was issued before the newest was drawn": beside(
        another("anti-xa", 0.8, effectiveDateTime="?", issued=hours(3).isoformat())
    ),
    "an undated result that was cancelled": beside(
        another("anti-xa", 0.8, **NO_TIME, status="cancelled")
    ),
    "a dose of antithrombin the day before": beside(at_dose(effectiveDateTime="2026-02-27")),
}


@pytest.mark.parametrize("name", SPELLED)
def test_what_is_only_spelled_oddly_changes_nothing(client: FlaskClient, name: str) -> None:
    cards = asked(client, SPELLED[name])
    assert doses(cards), text_of(cards)


NO_ZONE = {"effectiveDateTime": "2026-03-02T13:30:00", "issued": None}
A_DAY = {"effectiveDateTime": "2026-03-02", "issued": None}
AHEAD = {"effectiveDateTime": "2026-03-02T14:06:00Z", "issued": None}
UNDATED = "no time"
OPEN_DAY = "time not recorded (02 Mar 2026)"
OPEN_ZONE = "time recorded without its zone"
IN_FUTURE = "dated in the future"

# What is on record beside or in place of the good one, and what a card must say of it.
OPEN: dict[str, tuple[list[Json], str]] = {
    "both levels of a day": (both_levels(**A_DAY), OPEN_DAY),
    "both levels without zone": (both_levels(**NO_ZONE), OPEN_ZONE),
    "both levels undated": (both_levels(**NO_TIME), UNDATED),
    "both levels ahead": (both_levels(**AHEAD), IN_FUTURE),
    "a newer pair without zone": (
        beside(another("anti-xa", 0.8, **NO_ZONE), another("aptt", 120, **NO_ZONE)),
        OPEN_ZONE,
    ),
    "a newer pair of the day": (
        beside(another("anti-xa", 0.8, **A_DAY), another("aptt", 120, **A_DAY)),
        OPEN_DAY,
    ),
    "an undated pair": (
        beside(another("anti-xa", 0.8, **NO_TIME), another("aptt", 120, **NO_TIME)),
        UNDATED,
    ),
    "a pair ahead": (
        beside(another("anti-xa", 0.8, **AHEAD), another("aptt", 120, **AHEAD)),
        IN_FUTURE,
    ),
    "an undated anti-Xa alone": (beside(another("anti-xa", 0.8, **NO_TIME)), UNDATED),
    "an antithrombin of the day": (beside(another("antithrombin", 95, **A_DAY)), OPEN_DAY),
    "an undated antithrombin": (beside(another("antithrombin", 95, **NO_TIME)), UNDATED),
    "an antithrombin ahead": (beside(another("antithrombin", 95, **AHEAD)), IN_FUTURE),
    "an antithrombin without zone": (beside(another("antithrombin", 95, **NO_ZONE)), OPEN_ZONE),
    "a dose of antithrombin that day": (beside(at_dose(effectiveDateTime="2026-03-02")), OPEN_DAY),
    "an undated dose of antithrombin": (beside(at_dose()), UNDATED),
    "a dose of antithrombin ahead": (beside(at_dose(**AHEAD)), IN_FUTURE),
    "an undated weight": (beside(another("weight", 50, **NO_TIME)), UNDATED),
    "a weight ahead": (beside(another("weight", 50, **AHEAD)), IN_FUTURE),
    "an undated haemoglobin": (beside(another("haemoglobin", 7, **NO_TIME)), UNDATED),
    "undated platelets": (beside(another("platelets", 30, **NO_TIME)), UNDATED),
    "the order and infusion of a day": (
        [
            one | {"effectivePeriod": {"start": "2026-03-02"}}
            if one.get("id") == "heparin-infusion"
            else one | ({"authoredOn": "2026-03-02"} if one.get("id") == "heparin-order" else {})
            for one in base()
        ],
        OPEN_DAY,
    ),
    "an infusion charted at no time": (
        beside(infusion(300, effectivePeriod=None)),
        UNDATED,
    ),
    "an antithrombin of 400 %": (beside(another("antithrombin", 400)), "implausible value"),
    "an antithrombin in words": (
        beside(another("antithrombin", 0, valueQuantity=None, valueString="haemolysed")),
        "could not be read",
    ),
    "an antithrombin of at most 55": (
        changed("antithrombin", valueQuantity=quantity(55, "%") | {"comparator": "<="}),
        "only a limit reported",
    ),
    "a weight of 800 kg": (beside(another("weight", 800)), "implausible value"),
    "no weight": (without("weight"), "weight (not on record)"),
    "a birth date that is none": (changed("patient-1", birthDate="unknown"), "could not be read"),
    "no birth date": (changed("patient-1", birthDate=None), "birth date: not on record"),
    "haemoglobin in an unknown unit": (
        beside(another("haemoglobin", 7, valueQuantity=quantity(7, "spoons"))),
        "unit not known",
    ),
    "platelets in words": (
        beside(another("platelets", 0, valueQuantity=None, valueString="clumped")),
        "could not be read",
    ),
}


@pytest.mark.parametrize("name", OPEN)
def test_what_may_change_the_answer_takes_the_dose_away_and_is_named(
    client: FlaskClient, name: str
) -> None:
    resources, why = OPEN[name]
    cards = asked(client, resources)
    assert not doses(cards), text_of(cards)
    assert why in text_of(cards).replace("&#58;", ":"), text_of(cards)


def test_a_result_of_another_patient_is_refused_and_named(client: FlaskClient) -> None:
    stranger = another("antithrombin", 95, subject={"reference": "Patient/somebody-else"})
    cards = asked(client, beside(stranger))
    assert doses(cards)
    assert "Left out: results of another patient (1)" in text_of(cards)
