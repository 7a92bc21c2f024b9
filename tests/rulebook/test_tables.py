from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from cds_service.errors import StartRefused
from cds_service.rulebook.toml_table import CONCEPTS, TableFault, load_concepts, read_table

REPOSITORY = Path(__file__).parents[2]
MIMIC = REPOSITORY / "docs" / "site-concepts-mimic.toml"


@dataclass(frozen=True, slots=True)
class Limit:
    value: float
    unit: str = ""
    reviewed: date | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    name: str
    limits: Mapping[str, Limit] = field(default_factory=dict)
    codes: tuple[str, ...] = ()


def faults(path: Path, text: str, kind: type[object] = Sheet) -> tuple[str, ...]:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TableFault) as caught:
        read_table(path, kind)
    return caught.value.faults


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    return tmp_path / "sheet.toml"


def test_a_table_becomes_a_frozen_dataclass(sheet: Path) -> None:
    sheet.write_text('name = "n"\ncodes = ["a"]\n[limits.x]\nvalue = 1\nreviewed = 2026-11-22\n')
    assert read_table(sheet, Sheet) == Sheet(
        "n", {"x": Limit(1.0, reviewed=date(2026, 11, 22))}, ("a",)
    )


def test_every_fault_is_listed_with_file_and_key(sheet: Path) -> None:
    found = faults(sheet, 'nam = "n"\n[limits.x]\nvalue = "1"\nunti = "s"\n')
    assert len(found) == 4
    assert all(fault.startswith("sheet.toml: ") for fault in found)
    for key in ("name: ", "nam: ", "limits.x.value: ", "limits.x.unti: "):
        assert sum(f" {key}" in fault for fault in found) == 1


@pytest.mark.parametrize("value", ["nan", "inf", "true", '"1"'])
def test_a_number_is_a_number(sheet: Path, value: str) -> None:
    (fault,) = faults(sheet, f'name = "n"\n[limits.x]\nvalue = {value}\n')
    assert "limits.x.value" in fault


def test_what_cannot_be_read_is_a_fault_as_well(sheet: Path) -> None:
    assert "sheet.toml: " in faults(sheet, "name = ")[0]
    with pytest.raises(TableFault, match=r"gone\.toml"):
        read_table(sheet.with_name("gone.toml"), Sheet)
    sheet.write_bytes(b"\xff\xfe")
    with pytest.raises(TableFault, match=r"sheet\.toml"):
        read_table(sheet, Sheet)


def test_a_fault_refuses_the_start() -> None:
    assert issubclass(TableFault, StartRefused)


def test_the_shipped_concepts_load() -> None:
    table = load_concepts()
    assert table.site == ""
    assert dict(table.order_codes()) == {
        "antithrombin": "27811-9",
        "anti_xa": "3274-8",
        "aptt": "14979-9",
        "platelets": "777-3",
        "fibrinogen": "3255-7",
        "factor_viii": "3209-4",
        "creatinine": "2160-0",
        "bilirubin": "1975-2",
        "inr": "6301-6",
        "hit_antibody": "34701-3",
        "hit_functional": "50728-5",
    }


def test_a_contradiction_in_the_concepts_is_a_fault(tmp_path: Path) -> None:
    broken = tmp_path / "concepts.toml"
    text = CONCEPTS.read_text(encoding="utf-8")
    broken.write_text(text.replace("plausible = [10.0, 300.0]", "plausible = [300.0, 10.0]"))
    with pytest.raises(TableFault, match=r"concepts\.toml: observations\.aptt\.plausible: "):
        load_concepts(broken)


def test_a_site_adds_its_codes() -> None:
    table = load_concepts(site=MIMIC)
    assert table.site == "MIMIC-IV demo"
    assert "225152" in {code.code for code in table.drugs["heparin"].codes}
    assert "5224" in {code.code for code in table.drugs["heparin"].codes}


@pytest.mark.parametrize(
    ("added", "fault"),
    [
        ("[drugs.heparine]\nwords = ['x']", "drugs.heparine: not in the table"),
        ("[units.iu]\nU = 2.0", "units.iu.U: already means something else"),
        ("[units.parsec]\nly = 2.0", "units.parsec: not in the table"),
        ("[products]\n1658717 = 50.0", "products.1658717: already means something else"),
        ("[products]\n99 = 50.0", "products.99: no drug has this code"),
        ("[routes]\nrectal = []", "routes.rectal: not in the table"),
        (
            "[drugs.heparin]\ncodes = [{ system = 'mars', code = '1' }]",
            "drugs.heparin.codes: 1: unknown system 'mars'",
        ),
        (
            "[drugs.heparin]\ncodes = [{ system = 'rxnorm', code = '67108' }]",
            "drugs.enoxaparin.codes: 67108 stands for heparin too",
        ),
        ("[drugs.heparin]\nwords = ['-']", "drugs.heparin.words: '-' holds no word"),
        ("[drugs.heparin]\nfamily = 'dti'", "drugs.heparin.family: Unexpected keyword argument"),
        ("[thresholds]\nx = 1", "thresholds: Unexpected keyword argument"),
    ],
)
def test_a_site_can_only_add(tmp_path: Path, added: str, fault: str) -> None:
    site = tmp_path / "site.toml"
    site.write_text(f'site = "S"\n{added}\n', encoding="utf-8")
    with pytest.raises(TableFault) as caught:
        load_concepts(site=site)
    assert caught.value.faults == (f"site.toml: {fault}",)
