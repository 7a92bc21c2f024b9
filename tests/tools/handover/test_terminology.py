"""The tables as FHIR terminology: valid by two authors' validators, and the table itself."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import fhirkit
import pytest
from click.testing import CliRunner
from fhir.resources.R4B import get_fhir_model_class

from cds_service.chart.concepts import Code, Concepts
from cds_service.chart.vocabulary import Vocabulary
from cds_service.cli import main
from cds_service.rulebook.toml_table import load_concepts
from cds_service.tools.handover.terminology import KINDS, REMARKS, code_rows, terminology_resources
from tests.fhir_rules import faults

SITE = Path(__file__).parents[3] / "docs" / "site-concepts-mimic.toml"
TABLES = {"shipped": load_concepts(), "with a site file": load_concepts(site=SITE)}
URL = "https://hospital.example.org/fhir"

Json = dict[str, Any]


def written(concepts: Concepts) -> list[Json]:
    return list(terminology_resources(concepts, URL, "1.0"))


def of_kind(resources: list[Json], kind: str) -> list[Json]:
    return [one for one in resources if one["resourceType"] == kind]


def included(value_set: Json, part: str = "include") -> set[tuple[str, str]]:
    """(system, code) of a ValueSet; a family of codes by the beginning they share."""
    found = set()
    for one in value_set["compose"].get(part, ()):
        found |= {(one["system"], listed["code"]) for listed in one.get("concept", ())}
        for chosen in one.get("filter", ()):
            assert (chosen["property"], chosen["op"]) == ("code", "regex")
            found.add((one["system"], chosen["value"].removesuffix(".*").replace("\\", "") + "*"))
    return found


def of_table(concepts: Concepts, codes: tuple[Code, ...]) -> set[tuple[str, str]]:
    return {
        (concepts.systems[c.system][0], c.code + "*" * c.prefix)
        for c in codes
        if c.status != "unverified"
    }


@pytest.mark.parametrize("table", TABLES)
def test_every_resource_is_valid_for_both_validators(table: str) -> None:
    resources = written(TABLES[table])

    assert len(resources) > 100
    for resource in resources:
        found = [str(issue) for issue in fhirkit.validate(resource)]
        assert not found, (resource["id"], found)
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
        assert not [fault for fault in faults(resource)], resource["id"]


@pytest.mark.parametrize("table", TABLES)
def test_ids_and_names_are_unique_and_of_the_forms_that_fhir_asks_for(table: str) -> None:
    resources = written(TABLES[table])
    addresses = [resource["url"] for resource in resources]

    assert len(set(addresses)) == len(addresses)
    for resource in resources:
        assert re.fullmatch(r"[A-Za-z0-9.-]{1,64}", resource["id"])
        assert re.fullmatch(r"[A-Z][A-Za-z0-9_]{0,254}", resource["name"])
        assert resource["url"] == f"{URL}/{resource['resourceType']}/{resource['id']}"


@pytest.mark.parametrize("table", TABLES)
def test_the_value_sets_hold_the_codes_of_the_table_and_no_other(table: str) -> None:
    concepts = TABLES[table]
    by_code = {
        re.findall(r"`(.+?)`", v["purpose"])[0]: v for v in of_kind(written(concepts), "ValueSet")
    }
    rows = {row.code: row for row in code_rows(concepts)}

    assert by_code.keys() == {code for code, row in rows.items() if of_table(concepts, row.codes)}
    for code, value_set in by_code.items():
        assert included(value_set) == of_table(concepts, rows[code].codes), code
        assert included(value_set, "exclude") == of_table(concepts, rows[code].except_codes), code


def test_no_row_of_the_table_is_forgotten() -> None:
    concepts = TABLES["with a site file"]
    codes = {row.code for row in code_rows(concepts)}

    assert {f"{kind}.{key}" for kind in KINDS for key in getattr(concepts, kind)} <= codes
    held = {c for row in code_rows(concepts) for c in (*row.codes, *row.except_codes)}
    assert held == set(codes_within(concepts))


def codes_within(part: object) -> list[Code]:
    """Every Code anywhere in a table, found without knowing its fields."""
    if isinstance(part, Code):
        return [part]
    if isinstance(part, dict):
        return [c for value in part.values() for c in codes_within(value)]
    if isinstance(part, tuple):
        return [c for value in part for c in codes_within(value)]
    fields = getattr(part, "__dataclass_fields__", {})
    return [c for name in fields for c in codes_within(getattr(part, name))]


@pytest.mark.parametrize("table", TABLES)
def test_each_code_is_mapped_to_what_the_service_reads_it_as(table: str) -> None:
    concepts = TABLES[table]
    vocabulary = Vocabulary(concepts)
    systems = {uris[0]: key for key, uris in concepts.systems.items()}
    mapped = 0
    for one in of_kind(written(concepts), "ConceptMap"):
        for group in one["group"]:
            for element in group["element"]:
                pair = (systems[group["source"]], element["code"].replace(".", "").upper())
                for target in element["target"]:
                    assert target["equivalence"] == "wider"
                    kind, _, key = target["code"].partition(".")
                    if kind in ("drugs", "conditions", "allergies", "procedures"):
                        assert key in getattr(vocabulary, kind).by_code([pair])
                    elif kind == "observations":
                        assert key in vocabulary.observations.keys([pair])
                    mapped += 1
    assert mapped > 300


def test_targets_are_codes_of_the_code_system() -> None:
    resources = written(TABLES["with a site file"])
    (system,) = of_kind(resources, "CodeSystem")
    codes = {concept["code"] for concept in system["concept"]}

    for one in of_kind(resources, "ConceptMap"):
        for group in one["group"]:
            assert group["target"] == system["url"]
            assert {t["code"] for e in group["element"] for t in e["target"]} <= codes


def test_a_sites_codes_have_maps_of_their_own_and_only_they() -> None:
    maps = of_kind(written(TABLES["with a site file"]), "ConceptMap")
    sites = [one for one in maps if one["id"].startswith("heparin-cds-site-")]
    local = {g["source"] for one in sites for g in one["group"]}
    public = {g["source"] for one in maps if one not in sites for g in one["group"]}

    assert local == {uri for uri in local if "mimic" in uri}
    assert not any("mimic" in uri for uri in public)
    assert not [
        one for one in of_kind(written(TABLES["shipped"]), "ConceptMap") if "site" in one["id"]
    ]


def test_what_is_known_of_a_code_stands_beside_it() -> None:
    value_sets = {v["id"]: v for v in of_kind(written(TABLES["shipped"]), "ValueSet")}
    listed = value_sets["heparin-cds-observations-aptt"]["compose"]["include"][0]["concept"]
    remarks = {one["code"]: [e["valueString"] for e in one.get("extension", ())] for one in listed}

    assert remarks == {"14979-9": [], "3173-2": [], "5898-2": [REMARKS["deprecated"]]}


def test_unconfirmed_codes_stand_nowhere() -> None:
    concepts = TABLES["shipped"]
    unconfirmed = {c.code for c in codes_within(concepts) if c.status == "unverified"}
    sure = {c.code for c in codes_within(concepts) if c.status != "unverified"}
    text = json.dumps(written(concepts))

    assert unconfirmed
    assert not [code for code in unconfirmed - sure if f'"{code}"' in text]


def test_the_command_writes_files_and_takes_away_those_of_another_table(tmp_path: Path) -> None:
    (tmp_path / "ValueSet-mine.json").write_text("{}", encoding="utf-8")
    run = CliRunner().invoke
    first = run(main, ["terminology", "--out", str(tmp_path), "--concepts", str(SITE)])
    with_site = {file.name for file in tmp_path.iterdir()}
    second = run(main, ["terminology", "--out", str(tmp_path), "--url", f"{URL}/"])
    without = {file.name for file in tmp_path.iterdir()}

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "ConceptMap-heparin-cds-site-drugs.json" in with_site - without
    assert "ValueSet-mine.json" in without
    assert second.output == f"{len(without) - 1} resources in {tmp_path}\n"
    for file in without - {"ValueSet-mine.json"}:
        resource = json.loads((tmp_path / file).read_text(encoding="utf-8"))
        assert resource["url"] == f"{URL}/{resource['resourceType']}/{resource['id']}"


@pytest.mark.parametrize("url", ["hospital", "https://a.org/x?y", "https://a b", ""])
def test_an_address_that_canonicals_cannot_begin_with_is_refused(tmp_path: Path, url: str) -> None:
    outcome = CliRunner().invoke(main, ["terminology", "--out", str(tmp_path / "t"), "--url", url])

    assert outcome.exit_code == 2
    assert not (tmp_path / "t").exists()


def test_a_faulty_site_file_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text('site = "x"\n[drugs.nothing]\nwords = ["n"]\n')
    asked = ["terminology", "--out", str(tmp_path / "t"), "--concepts", str(tmp_path / "site.toml")]

    outcome = CliRunner().invoke(main, asked)

    assert outcome.exit_code == 1
    assert "drugs.nothing" in outcome.output
    assert not (tmp_path / "t").exists()
