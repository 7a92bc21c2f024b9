"""The MIMIC-IV demo as its tables must give the answers that its FHIR form gives.

The demo's tables are not at hand; they are written here from its FHIR form, column by column, with
the local times that the tables hold. So names, units, categories and clocks are the hospital's own.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from cds_service.rulebook.load import rulebook
from cds_service.tools.replay.run import Request, run_replay
from tests.real.test_mimic import SITE, rows_by_patient
from tests.tools.replay.inline import walk_inline
from tests.tools.replay.shapes import as_csv

DEMO = "mimic-iv-demo-fhir"
PUBLIC = {
    f"http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-diagnosis-icd{v}": (v, uri)
    for v, uri in (
        ("9", "http://hl7.org/fhir/sid/icd-9-cm"),
        ("10", "http://hl7.org/fhir/sid/icd-10-cm"),
    )
}
Json = dict[str, Any]


def lines(folder: Path, name: str, patients: Mapping[str, Any]) -> Iterator[Json]:
    with gzip.open(folder / DEMO / f"{name}.ndjson.gz", "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if row.get("subject", {}).get("reference", "").removeprefix("Patient/") in patients:
                yield row


def patients_of(folder: Path, patients: Mapping[str, Any]) -> Iterator[Json]:
    with gzip.open(folder / DEMO / "MimicPatient.ndjson.gz", "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            if row["id"] in patients:
                born = row["birthDate"][:4]  # the tables hold no more
                yield {k: row[k] for k in ("resourceType", "id", "gender")} | {"birthDate": born}


def demo(folder: Path) -> dict[str, list[Json]]:
    """What both forms hold, of the patients with an infusion."""
    charted = rows_by_patient(folder)
    stays = list(lines(folder, "MimicEncounter", charted))
    for stay in stays:
        stay["class"] = {"code": "IMP"}
        stay.pop("location", None)
    problems = list(lines(folder, "MimicCondition", charted))
    for problem in problems:
        (coding,) = problem["code"]["coding"]
        coding["system"] = PUBLIC[coding["system"]][1]
    return {
        "patients": list(patients_of(folder, charted)),
        "stays": stays,
        "problems": problems,
        "given": [row for rows in charted.values() for row in rows],
        "results": list(lines(folder, "observations-coagulation-organs-weight", charted)),
    }


def local(at: str | None) -> str:
    return (at or "")[:19].replace("T", " ")


def whose(row: Json) -> str:
    return str(row["subject"]["reference"]).removeprefix("Patient/")


def code(row: Json, key: str) -> str:
    return next((c["code"] for c in row.get(key, {}).get("coding", ())), "")


def as_tables(held: Mapping[str, list[Json]]) -> dict[str, list[Json]]:
    stays = {stay["id"]: stay for stay in held["stays"]}
    labs = [r for r in held["results"] if "labitems" in r["code"]["coding"][0]["system"]]
    chart = [r for r in held["results"] if r not in labs]
    return {
        "patients": [
            {"subject_id": p["id"], "gender": p["gender"][0].upper(), "anchor_age": 0,
             "anchor_year": p["birthDate"]} for p in held["patients"]
        ],
        "admissions": [
            {"subject_id": whose(s), "hadm_id": i, "admittime": local(s["period"]["start"]),
             "dischtime": local(s["period"]["end"]), "admission_type": "URGENT"}
            for i, s in stays.items()
        ],
        "labevents": [
            {"labevent_id": r["id"], "subject_id": whose(r), "itemid": code(r, "code"),
             "charttime": local(r["effectiveDateTime"]), "storetime": local(r.get("issued")),
             "valuenum": r.get("valueQuantity", {}).get("value", ""),
             "value": r.get("valueString", ""),
             "valueuom": r.get("valueQuantity", {}).get("unit", "")} for r in labs
        ],
        "chartevents": [
            {"subject_id": whose(r), "stay_id": 1, "itemid": code(r, "code"),
             "charttime": local(r["effectiveDateTime"]),
             "valuenum": r["valueQuantity"]["value"], "valueuom": r["valueQuantity"]["unit"]}
            for r in chart
        ],
        "inputevents": [inputs(row) for row in held["given"]],
        "diagnoses_icd": [
            {"subject_id": whose(p),
             "hadm_id": p["encounter"]["reference"].removeprefix("Encounter/"),
             "seq_num": n, "icd_code": code(p, "code"),
             "icd_version": "9" if "icd-9" in p["code"]["coding"][0]["system"] else "10"}
            for n, p in enumerate(held["problems"])
        ],
        "d_labitems": titles(labs, "code"),
        "d_items": titles(held["given"], "medicationCodeableConcept"),
        "d_icd_diagnoses": [
            {"icd_code": code(p, "code"), "long_title": p["code"]["coding"][0].get("display", ""),
             "icd_version": "9" if "icd-9" in p["code"]["coding"][0]["system"] else "10"}
            for p in {code(p, "code"): p for p in held["problems"]}.values()
        ],
    }  # fmt: skip


def titles(rows: list[Json], key: str) -> list[Json]:
    named = {code(r, key): r[key]["coding"][0].get("display", "") for r in rows}
    return [{"itemid": item, "label": label} for item, label in named.items()]


def inputs(row: Json) -> Json:
    dosage, period = row.get("dosage", {}), row.get("effectivePeriod", {})
    dose, rate = dosage.get("dose", {}), dosage.get("rateQuantity", {})
    return {
        "subject_id": whose(row),
        "stay_id": 1,
        "starttime": local(row.get("effectiveDateTime") or period.get("start")),
        "endtime": local(period.get("end")),
        "itemid": code(row, "medicationCodeableConcept"),
        "amount": dose.get("value", ""),
        "amountuom": dose.get("unit", ""),
        "rate": rate.get("value", ""),
        "rateuom": rate.get("unit", ""),
        "orderid": row["id"],
        "ordercategoryname": code(row, "category"),
        "ordercategorydescription": code(dosage, "method"),
    }


def tables(source: Path, out: Path) -> tuple[list[str], list[dict[str, str]]]:
    rules = (rulebook(site=SITE),)
    run_replay(Request(source, out, rules, time_zone="America/New_York"), lambda *_: None)
    with (out / "events.csv").open(encoding="utf-8", newline="") as file:
        events = [{k: v for k, v in row.items() if k != "place"} for row in csv.DictReader(file)]
    return (out / "patients.csv").read_text(encoding="utf-8").splitlines(), events


@pytest.mark.slow
def test_tables_and_fhir_give_the_same_answers(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk_inline(monkeypatch)
    held = demo(real_data)
    (tmp_path / "fhir").mkdir()
    text = "".join(json.dumps(row) + "\n" for rows in held.values() for row in rows)
    (tmp_path / "fhir" / "all.ndjson").write_text(text, encoding="utf-8")

    as_fhir = tables(tmp_path / "fhir", tmp_path / "a")
    found = tables(as_csv(tmp_path / "tables", as_tables(held)), tmp_path / "b")

    assert len(as_fhir[0]) == 19
    assert len(as_fhir[1]) > 100
    assert found == as_fhir
