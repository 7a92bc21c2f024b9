"""Reading data that real systems and HL7 wrote; where there is none, it is skipped."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from cds_service.chart.facts import Chart, Form, HookContext, Problem, Use
from cds_service.chart.query_result import QueryResult, QueryState
from cds_service.chart.reader import read_chart
from cds_service.rulebook.toml_table import load_concepts
from tests.chart.builders import Json, shipped

MIMIC = load_concepts(site=Path(__file__).parents[2] / "docs" / "site-concepts-mimic.toml")


def lines(path: Path, *, holding: str = "") -> list[Json]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file if holding in line]


def by_patient(resources: list[Json]) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = defaultdict(list)
    for resource in resources:
        found[resource["subject"]["reference"].rpartition("/")[2]].append(resource)
    return found


def chart_of(patient: str, resources: list[Any], drafts: list[Any] | None = None) -> Chart:
    asked = HookContext("patient-view", patient, tuple(drafts or ()))
    return read_chart(asked, {"orders": QueryResult(QueryState.SUPPLIED, tuple(resources))}, MIMIC)


@pytest.fixture(scope="module")
def infusions(real_data: Path) -> list[Json]:
    """All 183 rows of one item: heparin in intensive care."""
    return lines(real_data / "mimic-iv-demo-fhir" / "heparin-icu-infusions.ndjson.gz")


def test_every_segment_and_bolus_of_intensive_care_is_recognised(infusions: list[Json]) -> None:
    kinds: Counter[tuple[Form, bool]] = Counter()
    for patient, resources in by_patient(infusions).items():
        chart = chart_of(patient, resources)
        assert not chart.skipped
        for one in chart.administrations:
            assert (one.drug.key, one.use, one.given) == ("heparin", Use.THERAPY, True)
            assert one.dosage.problem is None
            assert one.dosage.dose is not None
            assert one.dosage.dose.unit == "[IU]"
            kinds[one.form, one.point] += 1
    assert kinds == {(Form.INFUSION, False): 157, (Form.SINGLE, True): 26}


def test_rate_and_total_of_a_segment_agree(infusions: list[Json]) -> None:
    """The record states both; the rate times the time must come to the total."""
    agreeing = 0
    for patient, resources in by_patient(infusions).items():
        for one in chart_of(patient, resources).administrations:
            if one.dosage.rate and one.dosage.dose and one.start and one.end:
                hours = (one.end - one.start).total_seconds() / 3600
                total = one.dosage.rate.value * hours
                agreeing += abs(total - one.dosage.dose.value) <= 0.02 * total
    assert agreeing >= 140


@pytest.mark.slow
def test_what_was_not_given_and_what_is_no_therapy_is_recognised(real_data: Path) -> None:
    folder = real_data / "mimic-iv-demo-fhir"
    rows = lines(folder / "MimicMedicationAdministration.ndjson.gz", holding="HEP")
    found: Counter[str] = Counter()
    for patient, resources in by_patient(rows).items():
        chart = chart_of(patient, resources)
        for one in chart.administrations:
            found["not given" if one.given is False else one.use.value] += 1
    assert found["not given"] == 14  # 12 doses, 2 flushes
    assert found["noTherapy"] == 247  # flushes, dwells
    assert found["therapy"] == 1630
    assert sum(found.values()) == 1891  # hepatitis B vaccine is not among them


@pytest.mark.slow
def test_prophylaxis_without_an_amount_is_no_therapy(real_data: Path) -> None:
    folder = real_data / "mimic-iv-demo-fhir"
    rows = lines(folder / "MimicMedicationAdministrationICU.ndjson.gz", holding='"225975"')
    for patient, resources in by_patient(rows).items():
        for one in chart_of(patient, resources).administrations:
            assert (one.use, one.form, one.dosage.problem) == (
                Use.NO_THERAPY,
                Form.SINGLE,
                Problem.UNIT,
            )


@pytest.mark.slow
def test_drugs_hidden_two_references_away_are_found(real_data: Path) -> None:
    folder = real_data / "mimic-iv-demo-fhir"
    medications = lines(folder / "MimicMedication.ndjson.gz")
    medications += lines(folder / "MimicMedicationMix.ndjson.gz")
    orders = lines(folder / "MimicMedicationRequest.ndjson.gz")
    pointing = [one for one in orders if "medicationReference" in one]
    patient, rows = max(by_patient(pointing).items(), key=lambda item: len(item[1]))
    chart = chart_of(patient, [*rows, *medications])
    assert not chart.skipped
    assert "heparin" in {one.drug.key for one in chart.orders}
    assert not any("HEPVACCR" in json.dumps(one.resource) for one in chart.orders)


def test_hl7_examples_are_read_without_a_hitch(real_data: Path) -> None:
    examples = lines(real_data / "hl7-r4-examples" / "examples.ndjson.gz")
    patients = {
        (one.get("subject") or one.get("patient") or {}).get("reference", "") for one in examples
    }
    for reference in sorted(patients):
        chart = chart_of(reference.rpartition("/")[2] or "example", examples, examples)
        assert {one.reason for one in chart.skipped} <= {"otherPatient", "status", "malformed"}
        for results in chart.results.values():
            for one in results:
                assert (one.value is None) == (one.problem is not None or one.positive is not None)


def test_requests_of_the_public_sandbox_are_read(real_data: Path) -> None:
    drafted = []
    for path in sorted((real_data / "sandbox-requests").glob("*.json")):
        body = json.loads(path.read_text(encoding="utf-8"))["body"]
        context = body["context"]
        entries = context.get("draftOrders", {}).get("entry", [])
        asked = HookContext(
            body["hook"],
            context["patientId"],
            tuple(entry.get("resource") for entry in entries),
            frozenset(context.get("selections", ())),
        )
        bundles = [value for value in body.get("prefetch", {}).values() if value]
        resources = [
            entry["resource"]
            for bundle in bundles
            for entry in bundle.get("entry", [{"resource": bundle}])
        ]
        chart = read_chart(
            asked, {"x": QueryResult(QueryState.SUPPLIED, tuple(resources))}, shipped()
        )
        assert not chart.skipped
        drafted += [(one.drug.key, one.home, one.selected) for one in chart.drafts]
    assert drafted
    assert set(drafted) == {("heparin", False, True)}
