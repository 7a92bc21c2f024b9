"""The same few patients as FHIR lines, as tables of OMOP CDM, MIMIC-IV and eICU.

80 kg on heparin that does not reach its target with low antithrombin; one with a falling platelet
count; one without heparin. Each fact is told once, in hours after START.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

START = datetime(2026, 3, 1, 8, 15, tzinfo=UTC)
LOINC, RXNORM = "http://loinc.org", "http://www.nlm.nih.gov/research/umls/rxnorm"
ITEMS = {  # LOINC -> OMOP concept, MIMIC item, UCUM unit, its OMOP concept
    "3274-8": ("301", "52000", "[IU]/mL", "401"),
    "27811-9": ("302", "52001", "%", "402"),
    "777-3": ("303", "51265", "10*3/uL", "403"),
    "29463-7": ("304", "226512", "kg", "404"),
}
Rows = dict[str, list[dict[str, Any]]]
Json = dict[str, Any]

PEOPLE = {"101": ("female", 1960), "102": ("male", 1955), "103": ("male", 1970)}
# person, LOINC, hours, value, sign
LABS = [
    ("101", "29463-7", -2, 80, ""),
    ("101", "777-3", -2, 220, ""),
    ("101", "3274-8", 8, 0.15, ""),
    ("101", "3274-8", 20, 0.1, "<"),
    ("101", "27811-9", 30, 55, ""),
    ("101", "777-3", 24, 210, ""),
    ("102", "29463-7", 0, 92.5, ""),
    ("102", "777-3", 0, 240, ""),
    ("102", "777-3", 130, 70, ""),
    ("102", "3274-8", 10, 0.41, ""),
    ("103", "29463-7", 0, 70, ""),
]
# person, hours of start and end, U/h
INFUSIONS = [
    ("101", 0, 12, 1600),
    ("101", 12, 48, 1900),
    ("102", 0, 140, 1200),
]
# person, ICD-10-CM, hours at which the stay ends and the code becomes known
PROBLEMS = [("101", "I26.99", 60)]


def moment(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def fhir(folder: Path, stays: Iterable[tuple[str, float]] = ()) -> Path:
    """NDJSON, as a server would export it; with further stays of a person until some hour."""
    resources: list[Json] = []
    for name, (gender, year) in PEOPLE.items():
        resources.append(
            {"resourceType": "Patient", "id": name, "gender": gender, "birthDate": str(year)}
        )
    for number, (name, code, hours, value, sign) in enumerate(LABS):
        unit = ITEMS[code][2]
        quantity = {
            "value": value,
            "unit": unit,
            "system": "http://unitsofmeasure.org",
            "code": unit,
        }
        resources.append(
            _of(
                name,
                "Observation",
                f"l{number}",
                status="final",
                code={"coding": [{"system": LOINC, "code": code}]},
                effectiveDateTime=moment(hours).isoformat(),
                valueQuantity=quantity | ({"comparator": sign} if sign else {}),
            )
        )
    for number, (name, since, until, rate) in enumerate(INFUSIONS):
        resources.append(
            _of(
                name,
                "MedicationAdministration",
                f"i{number}",
                status="completed",
                medicationCodeableConcept={"coding": [{"system": RXNORM, "code": "5224"}]},
                effectivePeriod={
                    "start": moment(since).isoformat(),
                    "end": moment(until).isoformat(),
                },
                dosage={"rateQuantity": {"value": rate, "unit": "units/hour"}},
            )
        )
    for number, (name, code, until) in enumerate(PROBLEMS):
        period = {"start": moment(-10).isoformat(), "end": moment(until).isoformat()}
        resources.append(
            _of(
                name,
                "Encounter",
                f"e{number}",
                status="finished",
                **{"class": {"code": "IMP"}},
                period=period,
            )
        )
        resources.append(
            _of(
                name,
                "Condition",
                f"c{number}",
                encounter={"reference": f"Encounter/e{number}"},
                code={"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}]},
            )
        )
    for name, until in stays:
        period = {"start": moment(-10).isoformat(), "end": moment(until).isoformat()}
        stay = {"status": "finished", "class": {"code": "IMP"}, "period": period}
        resources.append(_of(name, "Encounter", f"s{name}", **stay))
    folder.mkdir(parents=True)
    (folder / "all.ndjson").write_text(
        "".join(json.dumps(r) + "\n" for r in resources), encoding="utf-8"
    )
    return folder


def bundles(folder: Path) -> Path:
    """A Bundle for each patient, its entries known by fullUrl only, as Synthea writes them."""
    lines = (fhir(folder / "lines") / "all.ndjson").read_text(encoding="utf-8").splitlines()
    for name in PEOPLE:
        entries = []
        for line in lines:
            resource = json.loads(line)
            if (
                f"{resource.get('subject', {}).get('reference', '')}/{resource['id']}/".find(
                    f"/{name}/"
                )
                < 0
                and resource["id"] != name
            ):
                continue
            address = f"urn:uuid:{resource.pop('id')}"
            text = (
                json.dumps(resource)
                .replace("Patient/", "urn:uuid:")
                .replace("Encounter/", "urn:uuid:")
            )
            entries.append({"fullUrl": address, "resource": json.loads(text)})
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        (folder / f"{name}.json").write_text(json.dumps(bundle, indent=2), encoding="utf-8")
    (folder / "lines" / "all.ndjson").unlink()
    return folder


def _of(name: str, kind: str, identity: str, **more: Any) -> Json:
    return {
        "resourceType": kind,
        "id": identity,
        "subject": {"reference": f"Patient/{name}"},
    } | more


def omop() -> Rows:
    """CDM 5.4: standard concepts for codes, UCUM for units, times in UTC."""
    concepts = [
        *(("8507", "MALE", "Gender", "M"), ("8532", "FEMALE", "Gender", "F")),
        *(("500", "heparin", "RxNorm", "5224"), ("600", "Pulmonary embolism", "ICD10CM", "I26.99")),
        *(("32818", "EHR administration record", "Type Concept", "x"),),
        *(("32823", "EHR discharge record", "Type Concept", "y"),),
        *(("9201", "Inpatient Visit", "Visit", "IP"), ("4171756", "<", "SNOMED", "276139006")),
        *((concept, code, "LOINC", code) for code, (concept, *_) in ITEMS.items()),
        *((unit_id, unit, "UCUM", unit) for _, _, unit, unit_id in ITEMS.values()),
    ]
    columns = ("concept_id", "concept_name", "vocabulary_id", "concept_code")
    rows: Rows = {"concept": [dict(zip(columns, one, strict=True)) for one in concepts]}
    rows["person"] = [
        {
            "person_id": name,
            "gender_concept_id": "8532" if gender == "female" else "8507",
            "year_of_birth": year,
        }
        for name, (gender, year) in PEOPLE.items()
    ]
    rows["measurement"] = [
        {
            "measurement_id": n,
            "person_id": name,
            "measurement_concept_id": ITEMS[code][0],
            **_when("measurement", hours),
            "value_as_number": value,
            "unit_concept_id": ITEMS[code][3],
            "operator_concept_id": "4171756" if sign else "0",
            "unit_source_value": ITEMS[code][2],
        }
        for n, (name, code, hours, value, sign) in enumerate(LABS)
    ]
    rows["drug_exposure"] = [
        {
            "drug_exposure_id": n,
            "person_id": name,
            "drug_concept_id": "500",
            "drug_type_concept_id": "32818",
            **_when("drug_exposure_start", since),
            **_when("drug_exposure_end", until),
            "quantity": rate,
            "dose_unit_source_value": "units/hour",
        }
        for n, (name, since, until, rate) in enumerate(INFUSIONS)
    ]
    rows["visit_occurrence"] = [
        {
            "visit_occurrence_id": n,
            "person_id": name,
            "visit_concept_id": "9201",
            **_when("visit_start", -10),
            **_when("visit_end", until),
        }
        for n, (name, _, until) in enumerate(PROBLEMS)
    ]
    rows["condition_occurrence"] = [
        {
            "condition_occurrence_id": n,
            "person_id": name,
            "condition_concept_id": "600",
            "condition_type_concept_id": "32823",
            **_when("condition_start", -10),
            "visit_occurrence_id": n,
        }
        for n, (name, _, _) in enumerate(PROBLEMS)
    ]
    return rows


def _when(column: str, hours: float) -> dict[str, str]:
    at = f"{moment(hours):%Y-%m-%d %H:%M:%S}"
    return {f"{column}_date": at[:10], f"{column}_datetime": at}


def mimic(zone: str) -> Rows:
    """The CSV files of MIMIC-IV, times on the clock of its hospital."""

    def at(hours: float) -> str:
        return f"{moment(hours).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"

    labs = [(n, *one) for n, one in enumerate(LABS) if one[1] != "29463-7"]
    weights = [one for one in LABS if one[1] == "29463-7"]
    return {
        "patients": [
            {
                "subject_id": name,
                "gender": gender[0].upper(),
                "anchor_age": 2026 - year,
                "anchor_year": 2026,
            }
            for name, (gender, year) in PEOPLE.items()
        ],
        "admissions": [
            {
                "subject_id": name,
                "hadm_id": n,
                "admittime": at(-10),
                "dischtime": at(until),
                "admission_type": "URGENT",
            }
            for n, (name, _, until) in enumerate(PROBLEMS)
        ],
        "labevents": [
            {
                "labevent_id": n,
                "subject_id": name,
                "itemid": ITEMS[code][1],
                "charttime": at(hours),
                "value": f"{sign}{value}",
                "valuenum": value,
                "valueuom": ITEMS[code][2],
            }
            for n, name, code, hours, value, sign in labs
        ],
        "d_labitems": [{"itemid": item, "label": code} for code, (_, item, *_) in ITEMS.items()],
        "d_items": [{"itemid": "225152", "label": "Heparin Sodium"}],
        "chartevents": [
            {
                "subject_id": name,
                "stay_id": 1,
                "itemid": "226512",
                "charttime": at(hours),
                "valuenum": value,
                "valueuom": "kg",
            }
            for name, _, hours, value, _ in weights
        ],
        "inputevents": [
            {
                "subject_id": name,
                "stay_id": 1,
                "starttime": at(since),
                "endtime": at(until),
                "itemid": "225152",
                "amount": rate * (until - since),
                "amountuom": "units",
                "rate": rate,
                "rateuom": "units/hour",
                "orderid": n,
                "ordercategoryname": "01-Drips",
                "ordercategorydescription": "Continuous Med",
            }
            for n, (name, since, until, rate) in enumerate(INFUSIONS)
        ],
        "diagnoses_icd": [
            {
                "subject_id": name,
                "hadm_id": n,
                "seq_num": 1,
                "icd_code": code.replace(".", ""),
                "icd_version": 10,
            }
            for n, (name, code, _) in enumerate(PROBLEMS)
        ],
    }


ADMITTED = datetime(2026, 1, 1, 0, 15, tzinfo=UTC)  # to the hospital: eICU keeps no date
# Person, hour, U/h: a rate holds until the next, is charted again now and then, and is stopped.
CHARTED_AGAIN = [("102", 64, 1200), ("102", 128, 1200), ("101", 48, 0), ("102", 140, 0)]
STAYS = {"101": 60, "102": 150, "103": 20}  # person -> hours at which the stay ends


def eicu() -> Rows:
    """The CSV files of eICU: minutes from the unit's admission, which is at -4 h."""

    def minutes(hours: float) -> int:
        return round((hours + 4) * 60)

    rates = [(name, since, rate) for name, since, _, rate in INFUSIONS]
    rates += CHARTED_AGAIN
    labs = [(n, *one) for n, one in enumerate(LABS) if one[1] != "29463-7"]
    return {
        "patient": [
            {
                "patientunitstayid": f"9{name}",
                "patienthealthsystemstayid": name,
                "gender": gender.title(),
                "age": 2026 - year,
                "ethnicity": "",
                "hospitaladmittime24": f"{ADMITTED:%H:%M:%S}",
                "hospitaladmitoffset": -6 * 60,
                "hospitaldischargeyear": 2026,
                "hospitaldischargeoffset": minutes(STAYS[name]),
                "unittype": "Med-Surg ICU",
                "unitdischargeoffset": minutes(STAYS[name]) - 60,
            }
            for name, (gender, year) in PEOPLE.items()
        ],
        "lab": [
            {
                "labid": n,
                "patientunitstayid": f"9{name}",
                "labresultoffset": minutes(hours),
                "labname": code,
                "labresult": value,
                "labresulttext": f"{sign}{value}",
                "labmeasurenamesystem": ITEMS[code][2],
                "labresultrevisedoffset": minutes(hours),
            }
            for n, name, code, hours, value, sign in labs
        ],
        "infusiondrug": [
            {
                "infusiondrugid": n,
                "patientunitstayid": f"9{name}",
                "infusionoffset": minutes(since),
                "drugname": "Heparin (units/hr)",
                "drugrate": rate,
            }
            for n, (name, since, rate) in enumerate(rates)
        ],
        "diagnosis": [
            {
                "diagnosisid": n,
                "patientunitstayid": f"9{name}",
                "diagnosisoffset": minutes(hours),
                "diagnosisstring": "pulmonary|vascular|embolism",
                "icd9code": f"415.19, {code}",
            }
            for n, (name, code, hours) in enumerate(PROBLEMS)
        ],
    }


SITE = """\
site = "made up"
[systems]
mimic-laboratory = ["http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-d-labitems"]
mimic-chart = ["http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-chartevents-d-items"]
mimic-item = ["http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-medication-icu"]
eicu-lab = ["urn:eicu:labname"]
eicu-patient = ["urn:eicu:patient"]
[drugs.heparin]
codes = [{ system = "mimic-item", code = "225152" }]
[observations.anti_xa]
codes = [{ system = "mimic-laboratory", code = "52000" }, { system = "eicu-lab", code = "3274-8" }]
[observations.antithrombin]
codes = [{ system = "mimic-laboratory", code = "52001" }, { system = "eicu-lab", code = "27811-9" }]
[observations.platelets]
codes = [{ system = "mimic-laboratory", code = "51265" }, { system = "eicu-lab", code = "777-3" }]
[observations.weight]
codes = [
  { system = "mimic-chart", code = "226512" },
  { system = "eicu-patient", code = "admissionweight" },
]
"""


def as_csv(
    folder: Path, rows: Mapping[str, Iterable[Mapping[str, Any]]], *, packed: bool = False
) -> Path:
    """Each table as CSV, or as csv.gz."""
    folder.mkdir(parents=True, exist_ok=True)
    for table, lines in rows.items():
        found = list(lines)
        text = io.StringIO()
        writer = csv.DictWriter(text, found[0].keys())
        writer.writeheader()
        writer.writerows(found)
        if packed:
            (folder / f"{table}.csv.gz").write_bytes(gzip.compress(text.getvalue().encode()))
        else:
            (folder / f"{table.upper()}.csv").write_text(text.getvalue(), encoding="utf-8")
    return folder
