from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from cds_service.chart.concepts import Code, Concepts, Query
from cds_service.rulebook.concept_checks import faults_of
from cds_service.rulebook.site_concepts import SiteCode, SiteConcepts, SiteObservation, with_site
from tests.chart.builders import observation, result, shipped


def changed(kind: str, key: str, **changes: Any) -> Concepts:
    """The table with one row changed."""
    rows: Mapping[str, Any] = getattr(shipped(), kind)
    return replace(shipped(), **{kind: {**rows, key: replace(rows[key], **changes)}})


def test_the_shipped_table_holds() -> None:
    assert list(faults_of(shipped())) == []


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (
            changed("observations", "aptt", codes=(Code("mars", "1"), Code("loinc", "14979-9"))),
            "observations.aptt.codes: 1: unknown system 'mars'",
        ),
        (
            changed("conditions", "dic", codes=(Code("icd10cm", "X", status="sure"),)),
            "conditions.dic.codes: X: unknown status 'sure'",
        ),
        (
            changed("conditions", "dic", codes=(Code("snomed", "91302008"),)),
            "conditions.dic.codes: 91302008 stands for sepsis too",
        ),
        (
            changed("drugs", "heparin", except_codes=(Code("mars", "1"),)),
            "drugs (excepted).heparin.codes: 1: unknown system 'mars'",
        ),
        (
            replace(shipped(), positive=(*shipped().positive, shipped().negative[0])),
            "answers.negative.codes: NEG stands for positive too",
        ),
        (
            replace(shipped(), not_given=(Code("mars", "1"),)),
            "not_given: 1: unknown system 'mars'",
        ),
        (
            replace(shipped(), units={k: v for k, v in shipped().units.items() if k != "time"}),
            "units.time: missing; doses and rates are read with it",
        ),
        (
            replace(shipped(), units={**shipped().units, "x": {"u": 0.0}}),
            "units.x: 'u' must be worth more than nothing",
        ),
        (
            replace(shipped(), units={**shipped().units, "x": {"u": 1.0, "U": 2.0}}),
            "units.x: 'U' means two things, told apart by case alone",
        ),
        (
            changed("observations", "aptt", units="minutes"),
            "observations.aptt.units: no row 'minutes' in [units]",
        ),
        (
            changed("observations", "aptt", unit=""),
            "observations.aptt.unit: a canonical unit and a row of spellings belong together",
        ),
        (
            changed("observations", "aptt", plausible=(5.0, 5.0)),
            "observations.aptt.plausible: the lower bound comes first",
        ),
        (
            changed("observations", "aptt", query="orders"),
            "observations.aptt.query: 'orders' is no query for Observations",
        ),
        (
            changed("observations", "aptt", query="gone"),
            "observations.aptt.query: 'gone' is no query for Observations",
        ),
        (
            changed("observations", "aptt", order_code="777-3"),
            "observations.aptt.order_code: 777-3 is not among its codes",
        ),
        (
            changed("queries", "blood", deciding=""),
            "queries: none brings 'platelets'",
        ),
        (
            changed("queries", "tests", deciding="tests"),
            "queries: 'tests' is no deciding fact",
        ),
        (
            changed("queries", "tests", window_hours=0.0),
            "queries.tests.window_hours: must be positive",
        ),
        (
            changed("drugs", "heparin", measured_in="mL"),
            "drugs.heparin.measured_in: 'mL' is neither 'iu' nor 'mass'",
        ),
        (replace(shipped(), products={"1": 5.0}), "products.1: no drug has this code"),
        (
            replace(shipped(), products={"1658717": 0.0}),
            "products.1658717: a strength is more than nothing",
        ),
        (replace(shipped(), routes={"nasal": ()}), "routes.nasal: no such route"),
        (replace(shipped(), route_words={"nasal": ()}), "route_words.nasal: no such route"),
        (replace(shipped(), halted_words=("",)), "halted_words: '' holds no word"),
        (replace(shipped(), negations=("--",)), "negations: '--' holds no word"),
    ],
)
def test_a_contradiction_is_named_with_its_place(table: Concepts, fault: str) -> None:
    assert list(faults_of(table)) == [fault]


@pytest.mark.parametrize(
    ("concept", "code", "meant"),
    [
        ("anti_xa", "3271-4", "LMWH"),
        ("anti_xa", "32684-3", "LMWH"),
        ("anti_xa", "80892-3", "protamine titration"),
        ("anti_xa", "4646-6", "withdrawn"),
        ("antithrombin", "27812-7", "antigen"),
        ("antithrombin", "1868-9", "antigen"),
        ("antithrombin", "3176-5", "moles"),
        ("antithrombin", "91120-6", "without heparin"),
        ("antithrombin", "3184-9", "activated clotting time"),
        ("aptt", "13488-2", "control plasma"),
        ("aptt", "34571-0", "lupus screen"),
        ("aptt_ratio", "5899-0", "upside down"),
        ("platelets", "49497-1", "an estimate"),
        ("d_dimer", "48066-5", "DDU"),
        ("hit_antibody", "6002-0", "PF4 itself"),
        ("hit_functional", "50727-7", "the control"),
    ],
)
def test_look_alikes_stay_out(concept: str, code: str, meant: str) -> None:
    assert code not in {c.code for c in shipped().observations[concept].codes}, meant


def test_every_family_the_judging_knows_has_its_drugs() -> None:
    families: dict[str, set[str]] = {}
    for key, row in shipped().drugs.items():
        families.setdefault(row.family, set()).add(key)
    assert families == {
        "heparin": {"heparin"},
        "lmwh": {"enoxaparin", "dalteparin", "tinzaparin", "nadroparin", "bemiparin"},
        "danaparoid": {"danaparoid"},
        "fondaparinux": {"fondaparinux"},
        "oralXa": {"apixaban", "rivaroxaban", "edoxaban"},
        "oralThrombin": {"dabigatran"},
        "dti": {"argatroban", "bivalirudin", "desirudin"},
        "vka": {"warfarin", "phenprocoumon"},
        "antithrombin": {"antithrombin"},
        "p2y12": {"clopidogrel", "prasugrel", "ticagrelor", "cangrelor"},
        "aspirin": {"aspirin"},
        "protamine": {"protamine"},
        "andexanet": {"andexanet"},
        "thrombolytic": {"alteplase", "tenecteplase", "reteplase", "streptokinase", "urokinase"},
    }


def test_each_query_has_its_window() -> None:
    hours = {key: query.window_hours for key, query in shipped().queries.items()}
    assert hours == {
        "patient": None,
        "coagulation": 168,
        "blood": 336,
        "body": 720,
        "administrations": 72,
        "orders": 720,
        "conditions": None,
        "allergies": None,
        "procedures": 720,
        "tests": 168,
        "encounters": 24,
    }


def test_a_site_adds_to_every_part_of_the_table() -> None:
    code = SiteCode("lab", "1")
    site = SiteConcepts(
        site="S",
        systems={"lab": ("urn:lab",), "loinc": ("urn:loinc-mirror",)},
        units={"seconds": {"Sekunden": 1.0}},
        observations={"aptt": SiteObservation((code,))},
        routes={"iv": (SiteCode("lab", "2"),)},
        route_words={"iv": ("venous drip",)},
        no_therapy=(SiteCode("lab", "3"),),
        no_therapy_words=("rinse",),
        not_given=(SiteCode("lab", "4"),),
        not_given_words=("skipped",),
        halted=(SiteCode("lab", "5"),),
        halted_words=("ended",),
    )
    table = with_site(shipped(), site)
    assert list(faults_of(table)) == []
    local = observation("x", 50, "Sekunden", code={"coding": [{"system": "urn:lab", "code": "1"}]})
    assert result(local, concepts=table).value == 50
    mirrored = {"coding": [{"system": "urn:loinc-mirror", "code": "3173-2"}]}
    assert result(observation("x", 50, "s", code=mirrored), concepts=table).value == 50
    assert table.routes["iv"][-1] == Code("lab", "2", "site")
    assert table.route_words["iv"][-1] == "venous drip"
    assert [codes[-1].code for codes in (table.no_therapy, table.not_given, table.halted)] == [
        "3",
        "4",
        "5",
    ]
    assert (table.no_therapy_words[-1], table.not_given_words[-1]) == ("rinse", "skipped")
    assert table.halted_words[-1] == "ended"


def test_a_query_names_its_resource() -> None:
    assert isinstance(shipped().queries["tests"], Query)
    assert shipped().queries["tests"].resource == "ServiceRequest"
