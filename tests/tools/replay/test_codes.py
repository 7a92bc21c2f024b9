from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cds_service.rulebook.load import rulebook
from cds_service.tools.replay.codes import (
    STUB,
    CodeRow,
    guesses,
    read_codes,
    stub,
    unread_first_guessed,
    write_stub,
)
from cds_service.tools.replay.export import sort_export
from cds_service.tools.replay.report import unread_codes
from tests.tools.replay.hospital import (
    HEPARIN,
    at,
    hospital,
    infusion,
    lab,
    noted,
    of,
    patient,
    write,
)

RULES = rulebook()
LOCAL = "http://hospital.example/labs"

Json = dict[str, Any]


def rows(tmp_path: Path, resources: Iterable[Json]) -> list[CodeRow]:
    """codes.csv of an export."""
    work = tmp_path / "work"
    work.mkdir()
    source = write(tmp_path / "in", resources)
    sort_export((source / "0.ndjson",), work, RULES.concepts, 8)
    write_stub(work, tmp_path, RULES.concepts)
    return list(read_codes(tmp_path))


def local(name: str, code: str, display: str, hours: float, unit: str = "sec") -> Json:
    """A result under a code of the hospital's own."""
    result = lab(name, "0", hours, 50, unit)
    result["id"] = f"{name}-{code}-{hours}"
    result["code"] = {"coding": [{"system": LOCAL, "code": code, "display": display}]}
    return result


def one(found: Iterable[CodeRow], **wanted: str) -> CodeRow:
    (row,) = [r for r in found if all(getattr(r, k) == v for k, v in wanted.items())]
    return row


def test_a_known_code_says_what_it_was_read_as(tmp_path: Path) -> None:
    found = rows(tmp_path, hospital())

    anti_xa = one(found, code="3274-8")
    assert (anti_xa.read_as, anti_xa.unit) == ("anti_xa", "[IU]/mL")
    assert (anti_xa.count, anti_xa.patients) == (4, 2)
    assert one(found, code="5224", resource="MedicationAdministration").read_as == "heparin"


def test_an_unknown_code_is_counted_and_read_as_nothing(tmp_path: Path) -> None:
    aptt = [local(name, "L1", "PTT", hours) for name in ("a", "b") for hours in (1, 2)]

    row = one(rows(tmp_path, [patient("a"), patient("b"), *aptt]), code="L1")

    assert row == CodeRow(LOCAL, "L1", "PTT", "sec", "Observation", 4, 2, "")


def test_a_local_code_beside_a_known_one_is_read(tmp_path: Path) -> None:
    result = lab("a", "14979-9", 1, 50, "s")
    result["code"]["coding"].append({"system": LOCAL, "code": "L1"})

    assert one(rows(tmp_path, [patient("a"), result]), code="L1").read_as == "aptt"


def test_a_drug_told_by_its_name_alone_is_read(tmp_path: Path) -> None:
    given = infusion("a", 0, 4, 1500) | {"medicationCodeableConcept": {"text": "Heparin drip"}}

    row = one(rows(tmp_path, [patient("a"), given]), resource="MedicationAdministration")

    assert (row.display, row.code, row.read_as) == ("Heparin drip", "", "heparin")


def test_problems_and_allergies_are_listed_too(tmp_path: Path) -> None:
    found = rows(tmp_path, noted())

    assert {r.resource for r in found} >= {"Condition", "AllergyIntolerance", "MedicationRequest"}


@pytest.mark.parametrize("code", ["plain", [], {"coding": "x"}, {"coding": []}, {"coding": [7]}])
def test_an_odd_code_costs_nothing(tmp_path: Path, code: object) -> None:
    odd = lab("a", "3274-8", 1, 0.2, "[IU]/mL") | {"id": "odd", "code": code}

    assert one(rows(tmp_path, [*hospital(), odd]), code="3274-8").count == 4


def test_the_page_shows_results_drugs_and_problems_apart(tmp_path: Path) -> None:
    drug = infusion("a", 0, 4, 1500) | {"medicationCodeableConcept": {"text": "unheard of"}}
    problem = {"resourceType": "Condition", "id": "c", "code": {"text": "gout"}, **of("a")}
    rows(tmp_path, [patient("a"), local("a", "L1", "PTT", 1), drug, problem])

    names = {
        group: [r.display for r in found]
        for group, found in unread_codes(tmp_path, RULES.concepts).items()
    }

    assert names == {"results": ["PTT"], "drugs": ["unheard of"], "problems": ["gout"]}


# --- the site file that could be ---------------------------------------------------------------


def test_the_stub_is_a_site_file_that_maps_nothing_by_itself(tmp_path: Path) -> None:
    rows(tmp_path, [patient("a"), local("a", "L1", "PTT", 1)])

    written = (tmp_path / STUB).read_text(encoding="utf-8")

    assert tomllib.loads(written) == {"site": "name of the hospital", "systems": {}}
    assert '{ system = "site-1", code = "L1" },  # PTT, sec: 1 of 1 patients; like aptt' in written


def test_the_stub_is_a_site_file_once_its_lines_are_put_under_a_heading(tmp_path: Path) -> None:
    rows(tmp_path, [patient("a"), local("a", "L1", "PTT", 1)])
    written = (tmp_path / STUB).read_text(encoding="utf-8")
    decided = written.replace("observations.KEY", "observations.aptt")
    site = tmp_path / "site.toml"
    lines = decided.splitlines()
    opened = [line.removeprefix("# ") if place > 2 else line for place, line in enumerate(lines)]
    site.write_text("\n".join(opened) + "\n", encoding="utf-8")

    table = rulebook(site=site).concepts

    assert any(code.code == "L1" for code in table.observations["aptt"].codes)


PTT = CodeRow(LOCAL, "L1", "PTT", "sec", "Observation", 10, 3, "")


@pytest.mark.parametrize(
    ("name", "unit", "like"),
    [
        ("PTT", "sec", ("aptt",)),
        ("Partial Thromboplastin Time", "", ("aptt",)),
        ("PTT", "mg/dL", ()),  # by its unit it is none
        ("Anti-Xa, heparin", "IU/mL", ("anti_xa",)),
        ("INR(PT)", "", ("inr",)),
        ("Platelet Count", "K/uL", ("platelets",)),
        ("Sodium", "mmol/L", ()),
    ],
)
def test_a_guess_needs_the_name_and_the_unit(name: str, unit: str, like: tuple[str, ...]) -> None:
    assert guesses(replace(PTT, display=name, unit=unit), RULES.concepts) == like


def test_what_looks_like_a_test_of_ours_comes_first() -> None:
    frequent = replace(PTT, display="Sodium", code="L2", unit="mmol/L", count=9000)

    assert unread_first_guessed([frequent, PTT], RULES.concepts) == [PTT, frequent]


def test_no_drug_or_problem_is_guessed() -> None:
    assert guesses(replace(PTT, resource="Condition", display="INR raised"), RULES.concepts) == ()


def test_text_of_the_export_cannot_leave_its_line() -> None:
    row = replace(PTT, display='x\n[observations.aptt]\ncodes = [{ system = "a" }]', code='q"\n]')

    written = stub([row], RULES.concepts)

    assert tomllib.loads(written) == {"site": "name of the hospital", "systems": {}}


def test_every_heparin_of_the_export_is_counted_once(tmp_path: Path) -> None:
    order = {
        "resourceType": "MedicationRequest",
        "id": "o",
        "authoredOn": at(0),
        "medicationCodeableConcept": HEPARIN,
        **of("a"),
    }

    found = rows(tmp_path, [patient("a"), order, infusion("a", 0, 4, 1500)])

    assert {r.resource: r.count for r in found} == {
        "MedicationRequest": 1,
        "MedicationAdministration": 1,
    }
