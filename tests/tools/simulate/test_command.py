"""`heparin-cds simulate`: an export the service reads, and a truth beside it."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fhir.resources.R4B import get_fhir_model_class

from cds_service.chart.facts import HookContext
from cds_service.chart.reader import read_chart
from cds_service.cli import main
from cds_service.tools.simulate.command import TRUTH, write_stays
from cds_service.tools.simulate.fhir import StayAsFhir
from cds_service.tools.simulate.stay import simulate_stay
from tests.cases import answered, tables

Json = dict[str, Any]


def stays(count: int = 6) -> list[StayAsFhir]:
    return [StayAsFhir(simulate_stay("covid", n, seed=2), seed=2) for n in range(count)]


@pytest.mark.parametrize("stay", stays(3), ids=lambda s: s.name)
def test_every_resource_is_valid_fhir(stay: StayAsFhir) -> None:
    kinds = Counter[str]()
    for resource in stay.resources():
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
        kinds[resource["resourceType"]] += 1

    assert kinds["MedicationRequest"] == 1
    assert kinds["Observation"] > 20


@pytest.mark.parametrize("stay", stays(), ids=lambda s: s.name)
def test_the_service_reads_every_resource(stay: StayAsFhir) -> None:
    resources, rules = list(stay.resources()), tables()
    chart = read_chart(
        HookContext("patient-view", stay.name), answered(resources, rules), rules.concepts
    )
    course = stay.course
    levels = [draw for draw in course.draws if draw.test == "anti_xa"]

    assert not chart.skipped
    assert len(chart.of("anti_xa")) == len(levels)
    assert len(chart.of("platelets")) == sum(d.test == "platelets" for d in course.draws)
    given = len(course.segments) + len(course.boluses) + len(course.prophylaxis)
    given += len(course.at_doses) + (course.apixaban is not None)
    assert len(chart.administrations) == given
    assert len(chart.orders) == 1


def test_the_truth_is_the_course_and_no_part_of_the_export(tmp_path: Path) -> None:
    asked = ["simulate", str(tmp_path), "--stays", "4", "--population", "heavier", "--seed", "9"]
    done = CliRunner().invoke(main, asked)

    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in (tmp_path / TRUTH).read_text().splitlines()]
    patients = (tmp_path / "Patient.ndjson").read_text().splitlines()
    assert [row["patient"] for row in rows] == [json.loads(line)["id"] for line in patients]
    assert not list(tmp_path.glob("truth*.ndjson"))
    course = simulate_stay("heavier", 2, seed=9)
    assert rows[2]["needed_U_per_kg_h"][3][1] == round(course.need[6][1], 1)
    assert rows[2]["target"] == [course.order.lower, course.order.upper]
    began, ended = (datetime.fromisoformat(at) for at in rows[2]["infusion"])
    assert (ended - began).total_seconds() == pytest.approx(course.ended * 3600, abs=2)


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        write_stays(tmp_path / name, ("ordinary", "covid"), 3, seed)
    written = {
        name: {p.name: p.read_bytes() for p in (tmp_path / name).iterdir()}
        for name in ("one", "again", "other")
    }

    assert written["one"] == written["again"]
    assert written["one"] != written["other"]


@pytest.mark.parametrize(
    "wrong", [["--population", "nobody"], ["--world", "none"], ["--stays", "0"]]
)
def test_what_is_not_known_is_refused(wrong: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["simulate", str(tmp_path / "x"), *wrong])

    assert done.exit_code == 2
    assert not (tmp_path / "x").exists()
