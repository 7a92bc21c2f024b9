from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cds_service.errors import StartRefused
from cds_service.rulebook.load import rulebook
from cds_service.tools.replay.heights import bmi
from cds_service.tools.replay.outcomes import (
    BUILT_IN,
    TRANSFUSION,
    labels,
    outcomes,
    read_outcomes,
)
from cds_service.tools.replay.walk import read_past
from tests.tools.replay.hospital import START, archive, at, lab, of, patient, resistant

RULES = rulebook()

Json = dict[str, Any]


def happened(resources: Iterable[Json]) -> list[tuple[str, float]]:
    """The labels of a patient, with the hours from the start at which they became known."""
    past = read_past("p", resources, archive(RULES), RULES)
    found = outcomes("p", past, RULES.protocol)
    return sorted((one.label, (one.time - START) / timedelta(hours=1)) for one in found)


def condition(code: str, hours: float) -> Json:
    coding = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}
    return {
        "resourceType": "Condition",
        "id": f"c-{code}",
        "code": {"coding": [coding]},
        "recordedDate": at(hours),
        **of("p"),
    }


def given(name: str, rxnorm: str, hours: float, status: str = "completed") -> Json:
    coding = {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": rxnorm}
    return {
        "resourceType": "MedicationAdministration",
        "id": f"g-{name}-{hours}",
        "status": status,
        "medicationCodeableConcept": {"coding": [coding], "text": name},
        "effectiveDateTime": at(hours),
        "dosage": {"dose": {"value": 2500, "unit": "[IU]"}},
        **of("p"),
    }


@pytest.mark.parametrize(
    ("resource", "label"),
    [
        (lab("p", "27811-9", 4, 69, "%"), [("antithrombinLow", 5)]),
        (lab("p", "27811-9", 4, 70, "%"), []),
        (lab("p", "34701-3", 4, 1.2, "{OD_unit}") | {"valueString": "positive"}, None),
        (condition("I26.99", 30), [("newThrombosis", 30)]),
        (condition("K92.2", 30), [("bleeding", 30)]),
        (condition("E11.9", 30), []),
        (given("antithrombin", "1009", 20), [("treated", 20)]),
        (given("argatroban", "15202", 20), [("treated", 20)]),
        (given("argatroban", "15202", 20, "not-done"), []),
    ],
    ids=lambda value: value.get("id") if isinstance(value, dict) else None,
)
def test_what_becomes_known_is_a_label_from_then_on(
    resource: Json, label: list[tuple[str, float]] | None
) -> None:
    if label is None:
        del resource["valueQuantity"]
        label = [("hitConfirmed", 5)]

    assert happened([patient("p"), resource]) == label


@pytest.mark.parametrize(
    ("counts", "known"),
    [
        (((4, 11.0), (20, 9.0)), [21]),  # 2.0 in 16 h, told an hour after it was drawn
        (((4, 11.0), (20, 9.1)), []),
        (((4, 11.0), (30, 8.0)), []),  # more than a day apart
        (((4, 9.0), (20, 11.0)), []),  # a rise
    ],
)
def test_a_fall_of_haemoglobin_is_a_bleed_by_the_protocols_line(
    counts: tuple[tuple[float, float], ...], known: list[float]
) -> None:
    results = [lab("p", "718-7", hours, value, "g/dL") for hours, value in counts]

    assert happened([patient("p"), *results]) == [("bleeding", hours) for hours in known]


def test_a_label_is_known_when_the_result_is_issued() -> None:
    assert happened(resistant("p")) == [("antithrombinLow", 31)]


def test_every_label_of_the_table_is_found_by_something() -> None:
    assert labels().keys() == BUILT_IN.keys() | {TRANSFUSION}


CELLS = {"text": "Packed Red Blood Cells (leukoreduced)"}
IN_THE_ICU = "http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-medication-icu"


def cells(status: str = "completed", **concept: Any) -> Json:
    dosage = {"dose": {"value": 350, "unit": "mL"}}
    return given("", "0", 30, status) | {"dosage": dosage} | concept


def done(code: Json) -> Json:
    told = {"status": "completed", "performedDateTime": at(30), "code": code}
    return {"resourceType": "Procedure", "id": "t", **told, **of("p")}


def coded(system: str, code: str, **more: str) -> Json:
    return {"coding": [{"system": system, "code": code, **more}]}


@pytest.mark.parametrize(
    ("resource", "hours"),
    [
        (cells(medicationCodeableConcept=CELLS), [30]),
        (cells(medicationCodeableConcept=coded(IN_THE_ICU, "225168")), [30]),
        (cells(medicationCodeableConcept=coded(IN_THE_ICU, "225170", display="Platelets")), []),
        (cells("not-done", medicationCodeableConcept=CELLS), []),
        (cells(medicationCodeableConcept={"text": "Autologous packed red blood cells"}), []),
        (done(coded("http://snomed.info/sct", "71493000")), [30]),
        (done(coded("http://www.cms.gov/Medicare/Coding/ICD10", "30233N1")), [30]),
        (done(coded("http://www.cms.gov/Medicare/Coding/ICD10", "71493000")), []),
        (done({"text": "Erythrozytenkonzentrat 2 EK"}), [30]),
    ],
)
def test_red_cells_are_a_label(resource: Json, hours: list[float]) -> None:
    assert happened([patient("p"), resource]) == [(TRANSFUSION, hour) for hour in hours]


def test_red_cells_are_told_by_the_product_that_a_row_points_to() -> None:
    row = cells(medicationReference={"reference": "Medication/ek"})
    del row["medicationCodeableConcept"]
    product = {"resourceType": "Medication", "id": "ek", "code": CELLS}
    here = replace(archive(RULES), medications={"ek": product})

    assert read_past("p", [patient("p"), row], here, RULES).transfused == (
        START + timedelta(hours=30),
    )


def test_red_cells_are_nothing_to_the_rules() -> None:
    rows = [patient("p"), cells(medicationCodeableConcept=CELLS)]
    with_cells = read_past("p", rows, archive(RULES), RULES)

    assert with_cells.moments == ()
    assert with_cells.until is None


# --- height ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heights", "cm"),
    [
        ([("8302-2", 172, "cm")], 172),
        ([("8302-2", 1.72, "m")], 172),
        ([("3137-7", 68, "[in_i]")], 172.7),
        ([("8302-2", 170, "cm"), ("3138-5", 175, "cm")], 175),  # the newer
        ([("8302-2", 172, "kg")], None),
        ([("8302-2", 68, "cm")], None),  # inches, likely
        ([("29463-7", 172, "cm")], None),
    ],
)
def test_a_height_is_read_by_code_and_unit(
    heights: list[tuple[str, float, str]], cm: float | None
) -> None:
    rows = [lab("p", code, hours, value, unit) for hours, (code, value, unit) in enumerate(heights)]

    assert read_past("p", [patient("p"), *rows], archive(RULES), RULES).height_cm == cm


def test_the_body_mass_index_needs_both() -> None:
    assert bmi(80, 172) == 27.0
    assert bmi(80, None) is None
    assert bmi(None, 172) is None


# --- a hospital's own --------------------------------------------------------------------------


def file(tmp_path: Path, *lines: str, header: str = "patient,time,label") -> Path:
    place = tmp_path / "outcomes.csv"
    place.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return place


def test_a_file_of_labels_is_read(tmp_path: Path) -> None:
    given = read_outcomes(file(tmp_path, "p,2026-03-01T12:00:00+01:00,heparinResistance"))
    (one,) = given.rows

    assert (one.patient, one.label) == ("p", "heparinResistance")
    assert one.time == datetime.fromisoformat("2026-03-01T11:00:00+00:00")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("p,yesterday,bleeding", "line 2: no time with a zone"),
        ("p,2026-03-01,bleeding", "line 2: no time with a zone"),
        ("p,2026-03-01T12:00:00,bleeding", "line 2: no time with a zone"),
        ("p,2026-03-01T12:00:00Z,misery", "line 2: no such label or topic"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, line: str, fault: str) -> None:
    with pytest.raises(StartRefused, match=fault):
        read_outcomes(file(tmp_path, line))


def test_a_file_without_a_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="no column label"):
        read_outcomes(file(tmp_path, "p,2026-03-01T12:00:00Z", header="patient,time"))
