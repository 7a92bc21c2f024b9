"""The same patients from every place the past may lie in give the same tables."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cds_service.errors import StartRefused
from cds_service.rulebook.load import rulebook
from cds_service.tools.replay import run
from cds_service.tools.replay.run import Request, run_replay
from cds_service.tools.replay.sources.found import as_lines, found_at
from tests.tools.replay import shapes
from tests.tools.replay.inline import walk_inline
from tests.tools.replay.shapes import SITE, as_csv, bundles, eicu, fhir, mimic, omop

NEW_YORK = "America/New_York"


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Walk the shards here, without workers."""
    walk_inline(monkeypatch)


def tables(source: Path, out: Path, zone: str = "UTC") -> tuple[str, list[dict[str, str]]]:
    out.mkdir(exist_ok=True)
    site = out.parent / "site.toml"
    site.write_text(SITE, encoding="utf-8")
    request = Request(source, out, (rulebook(site=site),), shards=3, time_zone=zone)
    run_replay(request, lambda *_: None)
    assert not (out / run.WORK).exists()
    patients = (out / "patients.csv").read_text(encoding="utf-8")
    with (out / "events.csv").open(encoding="utf-8", newline="") as file:
        events = [{k: v for k, v in row.items() if k != "place"} for row in csv.DictReader(file)]
    return patients, events  # every source has its own names for places


def as_parquet(folder: Path, rows: Any) -> Path:
    source = as_csv(folder / "csv", rows)
    with duckdb.connect() as db:
        for file in source.iterdir():
            db.execute(
                f"COPY (FROM read_csv('{file}')) TO '{folder}/{file.stem.lower()}.parquet'"
                " (FORMAT parquet)"
            )
            file.unlink()
    return folder


def as_parts(folder: Path, rows: Any) -> Path:
    """As Spark writes tables: a folder for each with Parquet files and a mark that it is whole."""
    source = as_csv(folder / "csv", rows)
    with duckdb.connect() as db:
        for file in source.iterdir():
            table = folder / "cdm" / f"{file.stem.lower()}.parquet"
            table.mkdir(parents=True)
            for part, keep in enumerate(("place % 2 = 0", "place % 2 = 1")):
                db.execute(
                    f"COPY (SELECT * EXCLUDE place FROM (SELECT *, row_number() OVER () AS place"  # noqa: S608 - a path
                    f" FROM read_csv('{file}')) WHERE {keep})"
                    f" TO '{table}/part-0000{part}-c000.snappy.parquet' (FORMAT parquet)"
                )
            (table / "_SUCCESS").touch()
            file.unlink()
    return folder


def as_database(folder: Path, rows: Any) -> Path:
    source = as_csv(folder / "csv", rows)
    with duckdb.connect(folder / "cdm.duckdb") as db:
        for file in source.iterdir():
            db.execute(f"CREATE TABLE \"{file.stem}\" AS FROM read_csv('{file}')")
    return folder / "cdm.duckdb"


def parquet_lines(folder: Path) -> Path:
    lines = fhir(folder / "lines") / "all.ndjson"
    with duckdb.connect() as db:
        db.execute(
            f"COPY (SELECT CAST(json AS VARCHAR) AS body FROM read_ndjson_objects('{lines}'))"  # noqa: S608 - a path
            f" TO '{folder}/export.parquet' (FORMAT parquet)"
        )
    lines.unlink()
    return folder


def with_tabs(folder: Path) -> Path:
    """As Athena writes the vocabulary: tabs, and quotation marks that quote nothing."""
    rows = omop()
    rows["concept"].append(
        {
            "concept_id": "9",
            "concept_name": 'a 5" line',
            "vocabulary_id": "SNOMED",
            "concept_code": "1",
        }
    )
    concepts = rows.pop("concept")
    as_csv(folder, rows)
    text = "\n".join(
        "\t".join(one) for one in (concepts[0].keys(), *(c.values() for c in concepts))
    )
    (folder / "CONCEPT.csv").write_text(text + "\n", encoding="utf-8")
    return folder


SHAPES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "Bundles": (bundles, "UTC"),
    "Parquet lines": (parquet_lines, "UTC"),
    "OMOP as CSV": (lambda folder: as_csv(folder, omop()), "UTC"),
    "OMOP as csv.gz": (lambda folder: as_csv(folder, omop(), packed=True), "UTC"),
    "OMOP as Parquet": (lambda folder: as_parquet(folder, omop()), "UTC"),
    "OMOP as folders of Parquet parts": (lambda folder: as_parts(folder, omop()), "UTC"),
    "OMOP as a DuckDB file": (lambda folder: as_database(folder, omop()), "UTC"),
    "OMOP with tabs": (with_tabs, "UTC"),
    "MIMIC-IV": (lambda folder: as_csv(folder / "hosp", mimic("UTC")), "UTC"),
    "MIMIC-IV, its own clock": (
        lambda folder: as_csv(folder, mimic(NEW_YORK), packed=True),
        NEW_YORK,
    ),
}


def in_utc(told: object) -> str:
    """A text with every time in it on one clock."""
    return re.sub(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d",
        lambda at: datetime.fromisoformat(at[0]).astimezone(UTC).isoformat(),
        str(told),
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_patients_give_the_same_tables(tmp_path: Path, shape: str) -> None:
    write, zone = SHAPES[shape]
    (tmp_path / "in").mkdir()
    patients, events = tables(fhir(tmp_path / "fhir"), tmp_path / "a")

    found = tables(write(tmp_path / "in"), tmp_path / "b", zone)

    assert [in_utc(told) for told in found] == [in_utc(told) for told in (patients, events)]
    assert zone != "UTC" or found == (patients, events)
    assert {"heparinResistance", "hitPossible"} <= {event["topic"] for event in events}
    assert patients.count("\n") == 4


def rates_at_moments(file: Path) -> None:
    """Chart the infusions as eICU does: a rate at a moment, and a zero where it was stopped."""
    resources = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for one in resources:
        if one["resourceType"] == "MedicationAdministration":
            one["effectiveDateTime"] = one.pop("effectivePeriod")["start"]
    first = next(r for r in resources if r["resourceType"] == "MedicationAdministration")
    for number, (who, hours, rate) in enumerate(shapes.CHARTED_AGAIN):
        again = {
            "id": f"again{number}",
            "subject": {"reference": f"Patient/{who}"},
            "effectiveDateTime": shapes.moment(hours).isoformat(),
            "dosage": {"rateQuantity": {"value": rate, "unit": "units/hour"}},
        }
        resources.append(first | again)
    file.write_text("".join(json.dumps(r) + "\n" for r in resources), encoding="utf-8")


def test_the_same_patients_come_from_eicu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stays all begin on a first of January, have an end, and a weight when the unit begins."""
    monkeypatch.setattr(shapes, "START", shapes.ADMITTED + timedelta(hours=10))
    at_admission = [
        (who, code, -4 if code == "29463-7" else hours, value, sign)
        for who, code, hours, value, sign in shapes.LABS
    ]
    monkeypatch.setattr(shapes, "LABS", at_admission)
    rows = eicu()
    weights = {who: value for who, code, _, value, _ in at_admission if code == "29463-7"}
    for row in rows["patient"]:
        row["admissionweight"] = weights[row["patienthealthsystemstayid"]]
    as_fhir = fhir(tmp_path / "fhir", [(who, shapes.STAYS[who]) for who in ("102", "103")])
    rates_at_moments(as_fhir / "all.ndjson")

    patients, events = tables(as_fhir, tmp_path / "a")
    found = tables(as_csv(tmp_path / "in", rows, packed=True), tmp_path / "b")

    assert found == (patients, events)
    assert {"heparinResistance", "hitPossible"} <= {event["topic"] for event in events}


def test_eicu_tells_units_signs_revisions_and_drugs_in_its_own_way(tmp_path: Path) -> None:
    rows = eicu()
    rows["patient"][0]["age"] = "> 89"
    rows["lab"][1] |= {"labresulttext": "<=0.1", "labresultrevisedoffset": 24 * 60 + 90}
    rows["infusiondrug"][0]["drugname"] = (
        "Heparin 25000 Units Dextrose 5% 500 ml  Premix (units/kg/hr)"
    )
    rows["infusiondrug"][1]["drugrate"] = "OFF"

    found, notes = lines_of(as_csv(tmp_path / "in", rows), tmp_path / "w")

    people = {p["id"]: p["birthDate"] for p in of_kind(found, "Patient")}
    assert people == {"101": "1936", "102": "1955", "103": "1970"}
    labs = {o["id"]: o for o in of_kind(found, "Observation")}
    (revised,) = [o for o in labs.values() if o.get("issued")]
    assert revised["valueQuantity"]["comparator"] == "<="
    assert revised["issued"] == "2026-01-02T07:45:00Z"  # 25.5 h after the unit's admission at 6:15
    given = {a["id"]: a for a in of_kind(found, "MedicationAdministration")}
    assert given["i0"]["dosage"]["rateQuantity"]["unit"] == "units/kg/hr"
    assert given["i0"]["medicationCodeableConcept"]["text"] == (
        "Heparin 25000 Units Dextrose 5% 500 ml  Premix"
    )
    assert "rateQuantity" not in given["i1"]["dosage"]
    assert notes == (
        "infusiondrug: 1 rows have no number as their drugrate;"
        " they are read as infusions of an unknown rate",
    )
    (problem,) = of_kind(found, "Condition")
    assert [(c["system"].rpartition("/")[2], c["code"]) for c in problem["code"]["coding"]] == [
        ("urn:eicu:diagnosisstring", "pulmonary|vascular|embolism"),
        ("icd-9-cm", "415.19"),
        ("icd-10-cm", "I26.99"),
    ]


def test_an_eicu_without_times_or_units_is_refused(tmp_path: Path) -> None:
    rows = eicu()
    for row in rows["lab"]:
        row["labmeasurenamesystem"] = ""
    rows["patient"][0]["hospitaladmitoffset"] = ""

    with pytest.raises(StartRefused) as refused:
        lines_of(as_csv(tmp_path / "in", rows), tmp_path / "w")

    assert [fault.split(":")[1].strip() for fault in refused.value.faults] == ["lab", "patient"]


def test_a_table_that_a_job_left_unfinished_is_refused(tmp_path: Path) -> None:
    folder = as_parts(tmp_path, omop())
    begun = folder / "cdm" / "measurement.parquet" / "_temporary" / "0" / "part-00002.parquet"
    begun.parent.mkdir(parents=True)
    begun.touch()

    with pytest.raises(StartRefused, match="left unfinished"):
        found_at(folder)


def test_a_table_as_a_file_and_as_parts_is_refused(tmp_path: Path) -> None:
    folder = as_parts(tmp_path, omop())
    as_csv(tmp_path / "again", {"measurement": omop()["measurement"]})

    with pytest.raises(StartRefused, match="one table twice"):
        found_at(folder)


def test_parts_that_lack_a_column_are_refused(tmp_path: Path) -> None:
    folder = as_parts(tmp_path, omop())
    part = sorted((folder / "cdm" / "measurement.parquet").glob("part-*"))[1]
    with duckdb.connect() as db:
        db.execute(f"COPY (SELECT 1 AS measurement_id) TO '{part}' (FORMAT parquet)")

    with pytest.raises(StartRefused, match="cannot be read"):
        lines_of(folder, tmp_path / "w")


def lines_of(source: Path, folder: Path, zone: str = "UTC") -> tuple[list[Any], tuple[str, ...]]:
    """The resources that a place comes to, and the notes."""
    lines = as_lines(found_at(source), zone, folder)
    with duckdb.connect() as db:
        found = [
            json.loads(line)
            for file in lines.files
            for (line,) in db.execute("FROM read_parquet($f)", {"f": str(file)}).fetchall()
        ]
    return found, lines.notes


def of_kind(resources: list[Any], kind: str) -> list[Any]:
    return [one for one in resources if one["resourceType"] == kind]


def test_an_omop_without_units_is_refused_in_one_line(tmp_path: Path) -> None:
    rows = omop()
    for row in rows["measurement"]:
        row |= {"unit_concept_id": "0", "unit_source_value": ""}

    with pytest.raises(StartRefused, match="none of 11 numbers has a unit") as refused:
        lines_of(as_csv(tmp_path / "in", rows), tmp_path / "w")
    assert len(refused.value.faults) == 1


def test_a_single_number_without_a_unit_keeps_none(tmp_path: Path) -> None:
    rows = omop()
    rows["measurement"][2] |= {"unit_concept_id": "0", "unit_source_value": ""}

    found, _ = lines_of(as_csv(tmp_path / "in", rows), tmp_path / "w")
    quantities = {o["id"]: o["valueQuantity"] for o in of_kind(found, "Observation")}

    assert quantities["m2"] == {"value": 0.15}
    assert quantities["m3"] == {
        "value": 0.1,
        "comparator": "<",
        "unit": "[IU]/mL",
        "code": "[IU]/mL",
        "system": "http://unitsofmeasure.org",
    }


def test_an_omop_without_known_drug_types_is_refused_and_others_are_told(tmp_path: Path) -> None:
    rows = omop()
    rows["drug_exposure"][0]["drug_type_concept_id"] = "32823"
    _, notes = lines_of(as_csv(tmp_path / "one", rows), tmp_path / "w1")
    for row in rows["drug_exposure"]:
        row["drug_type_concept_id"] = "0"

    assert notes == ("drug_exposure: 1 rows of type EHR discharge record were not read",)
    with pytest.raises(StartRefused, match="none of 3 rows is known as given or ordered"):
        lines_of(as_csv(tmp_path / "all", rows), tmp_path / "w2")


def test_what_omop_maps_to_nothing_keeps_its_source_value(tmp_path: Path) -> None:
    rows = omop()
    for row in rows["measurement"]:
        row["measurement_source_value"] = ""
    rows["measurement"][4] |= {"measurement_concept_id": "0", "measurement_source_value": "ATIII"}

    found, _ = lines_of(as_csv(tmp_path / "in", rows), tmp_path / "w")
    codes = {o["id"]: o["code"] for o in of_kind(found, "Observation")}

    assert codes["m4"] == {
        "coding": [{"system": "urn:omop:source-value", "code": "ATIII", "display": None}],
        "text": "ATIII",
    }
    assert codes["m5"]["coding"][0]["system"] == "http://loinc.org"


def test_midnights_of_a_table_without_times_are_dates(tmp_path: Path) -> None:
    rows = omop()
    for row in rows["measurement"]:
        row["measurement_datetime"] = row["measurement_date"] + " 00:00:00"

    dated, _ = lines_of(as_csv(tmp_path / "dates", rows), tmp_path / "w1")
    rows["measurement"][0]["measurement_datetime"] = "2026-03-01 06:15:00"
    timed, _ = lines_of(as_csv(tmp_path / "times", rows), tmp_path / "w2")

    assert {o["effectiveDateTime"][10:] for o in of_kind(dated, "Observation")} == {""}
    assert {o["effectiveDateTime"][10:] for o in of_kind(timed, "Observation")} == {
        "T06:15:00Z",
        "T00:00:00Z",
    }


def test_a_diagnosis_is_known_when_it_began_only_from_a_problem_list(tmp_path: Path) -> None:
    rows = omop()
    rows["concept"].append(
        rows["concept"][0] | {"concept_id": "7", "concept_name": "EHR problem list"}
    )
    rows["condition_occurrence"].append(
        rows["condition_occurrence"][0]
        | {"condition_occurrence_id": 5, "condition_type_concept_id": "7"}
    )

    found, _ = lines_of(as_csv(tmp_path / "in", rows), tmp_path / "w")
    known = {c["id"]: c.get("recordedDate") for c in of_kind(found, "Condition")}

    assert known == {"c0": None, "c5": "2026-02-28T22:15:00Z"}


def test_local_times_are_those_of_the_zone_also_when_clocks_change(tmp_path: Path) -> None:
    rows = mimic(NEW_YORK)
    rows["labevents"][0]["charttime"] = "2180-07-01 08:00:00"
    rows["labevents"][1]["charttime"] = "2180-01-01 08:00:00"

    found, _ = lines_of(as_csv(tmp_path / "in", rows), tmp_path / "w", NEW_YORK)
    drawn = {o["id"]: o["effectiveDateTime"] for o in of_kind(found, "Observation")}

    assert (drawn["l1"], drawn["l2"]) == (
        "2180-07-01T08:00:00-04:00",
        "2180-01-01T08:00:00-05:00",
    )


def test_a_comparator_of_mimic_is_read_from_value_and_comment(tmp_path: Path) -> None:
    rows = mimic("UTC")
    for row, (value, comment) in zip(
        rows["labevents"],
        [
            (">150.0", ""),
            ("___", "GREATER THAN 150"),
            ("<=3", ""),
            ("5", ""),
            ("___", "LESS THAN 1"),
        ],
        strict=False,
    ):
        row |= {"value": value, "comments": comment}
    for row in rows["labevents"]:
        row.setdefault("comments", "")

    found, _ = lines_of(as_csv(tmp_path / "in", rows), tmp_path / "w")
    signs = [o["valueQuantity"].get("comparator") for o in of_kind(found, "Observation")]

    assert signs[:5] == [">", ">", "<=", None, "<"]


def without(table: str) -> Any:
    return {name: rows for name, rows in omop().items() if name != table}


def without_column(table: str, column: str) -> Any:
    rows = omop()
    rows[table] = [{k: v for k, v in row.items() if k != column} for row in rows[table]]
    return rows


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (without("measurement"), "there is no table measurement"),
        (without("drug_exposure"), "there is no table drug_exposure"),
        (without("concept"), "holds no .ndjson"),
        (without_column("measurement", "unit_concept_id"), "has no column unit_concept_id"),
        (without_column("person", "person_id"), "has no column person_id"),
    ],
)
def test_a_database_that_lacks_something_is_refused(tmp_path: Path, rows: Any, said: str) -> None:
    with pytest.raises(StartRefused, match=said):
        lines_of(as_csv(tmp_path / "in", rows), tmp_path / "w")


def cut(file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) - len(whole) // 3])


@pytest.mark.parametrize("shape", ["OMOP as CSV", "OMOP as csv.gz", "OMOP as Parquet"])
def test_half_a_table_is_refused_by_its_name(tmp_path: Path, shape: str) -> None:
    source = tmp_path / "in"
    source.mkdir()
    SHAPES[shape][0](source)
    (file,) = [f for f in source.iterdir() if f.name.lower().startswith("drug_exposure")]
    cut(file)

    with pytest.raises(StartRefused, match=file.name):
        tables(source, tmp_path / "out")
    assert not (tmp_path / "out" / "patients.csv").exists()


def test_lines_that_were_cut_off_are_refused(tmp_path: Path) -> None:
    plain, packed = fhir(tmp_path / "plain"), fhir(tmp_path / "packed")
    cut(plain / "all.ndjson")
    whole = (packed / "all.ndjson").read_bytes()
    (packed / "all.ndjson").unlink()
    (packed / "all.ndjson.gz").write_bytes(gzip.compress(whole)[:-100])

    with pytest.raises(StartRefused, match=r"all.ndjson: ends in the middle of a line"):
        found_at(plain)
    with pytest.raises(StartRefused, match=r"cannot be read: .*all.ndjson.gz") as refused:
        tables(packed, tmp_path / "out")
    assert len(refused.value.faults) == 1
    assert not (tmp_path / "out" / "patients.csv").exists()


def test_a_last_line_without_a_newline_is_whole(tmp_path: Path) -> None:
    source = fhir(tmp_path / "in")
    file = source / "all.ndjson"
    file.write_bytes(file.read_bytes().rstrip(b"\n"))

    assert found_at(source).kind == "FHIR lines"


@pytest.mark.parametrize("name", ["a.ndjson.part", "b/MEASUREMENT.csv.crdownload"])
def test_half_a_download_is_refused(tmp_path: Path, name: str) -> None:
    fhir(tmp_path / "in")
    (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
    (tmp_path / "in" / name).write_text("")

    with pytest.raises(StartRefused, match="half a download"):
        found_at(tmp_path / "in")


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    as_csv(tmp_path / "in", omop())
    (tmp_path / "in" / "MEASUREMENT.csv").write_text("")

    with pytest.raises(StartRefused, match=r"MEASUREMENT.csv: is empty"):
        found_at(tmp_path / "in")


def test_two_kinds_in_one_folder_are_refused(tmp_path: Path) -> None:
    fhir(tmp_path / "in" / "lines")
    as_csv(tmp_path / "in" / "cdm", omop())

    with pytest.raises(StartRefused, match="holds OMOP CDM and FHIR lines"):
        found_at(tmp_path / "in")


def test_one_table_twice_is_refused(tmp_path: Path) -> None:
    as_csv(tmp_path / "in" / "one", omop())
    as_csv(tmp_path / "in" / "two", omop(), packed=True)

    with pytest.raises(StartRefused, match="one table twice"):
        found_at(tmp_path / "in")


def test_a_zone_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="--time-zone: Mars/Olympus is not known"):
        lines_of(as_csv(tmp_path / "in", omop()), tmp_path / "w", "Mars/Olympus")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no")
    (tmp_path / "cdm.duckdb").write_text("no")

    with pytest.raises(StartRefused, match="neither a folder nor a DuckDB file"):
        found_at(tmp_path / "notes.txt")
    with pytest.raises(StartRefused, match=r"cdm.duckdb: cannot be read"):
        found_at(tmp_path / "cdm.duckdb")


def test_a_broken_bundle_costs_that_file_and_is_told(tmp_path: Path) -> None:
    source = bundles(tmp_path / "in")
    cut(source / "102.json")
    out = tmp_path / "out"

    replayed = run_replay(Request(source, out, (rulebook(),)), lambda *_: None)

    assert replayed.patients == 2
    assert replayed.export.bad_lines == 1
    assert replayed.export.notes == ("102.json: is no whole FHIR Bundle; it was left out",)


def test_a_manifest_beside_the_lines_is_no_bundle(tmp_path: Path) -> None:
    fhir(tmp_path / "in")
    (tmp_path / "in" / "manifest.json").write_text('{"output": [], "note": "no \\"Bundle\\""}')

    assert [file.name for file in found_at(tmp_path / "in").files] == ["all.ndjson"]


def test_a_bad_line_in_parquet_is_counted(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with duckdb.connect() as db:
        db.execute(
            'COPY (FROM (VALUES (\'{"resourceType": "Patient", "id": "a"}\'), (\'{half\'), (NULL)))'
            f" TO '{tmp_path}/in/export.parquet' (FORMAT parquet)"
        )

    replayed = run_replay(
        Request(tmp_path / "in", tmp_path / "out", (rulebook(),)), lambda *_: None
    )

    assert (replayed.patients, replayed.export.lines, replayed.export.bad_lines) == (1, 3, 2)


def test_another_time_zone_starts_anew(tmp_path: Path) -> None:
    source = as_csv(tmp_path / "in", mimic(NEW_YORK))
    first = tables(source, tmp_path / "out", "UTC")

    assert tables(source, tmp_path / "out", NEW_YORK) != first
