from __future__ import annotations

import pytest

from cds_service.chart.fhir_json import (
    LONGEST_TEXT,
    Reference,
    codings,
    each,
    label,
    member,
    number,
    reference,
    source,
    text,
    texts,
    written,
)


def test_a_path_leads_somewhere_or_nowhere() -> None:
    node = {"a": {"b": 1}}
    assert member(node, "a", "b") == 1
    assert member(node) == node
    for wrong in (None, 1, "a", [node]):
        assert member(wrong, "a") is None
    assert member(node, "a", "b", "c") is None


def test_one_where_many_are_due_is_one_of_many() -> None:
    assert each([1, 2]) == (1, 2)
    assert each({"a": 1}) == ({"a": 1},)
    assert each(None) == ()


@pytest.mark.parametrize(
    ("node", "read_as"),
    [
        ("plain", "plain"),
        ("  two\n lines\t", "two lines"),
        ("[Mass/\u200bvolume]", "[Mass/ volume]"),
        ("a\u00a0b", "a b"),
        ("x" * 10_000, "x" * LONGEST_TEXT),
        (" " * 10_000 + "late", ""),
        ("", ""),
        (7, ""),
        (None, ""),
        (["text"], ""),
    ],
)
def test_a_text_stands_on_one_bearable_line(node: object, read_as: str) -> None:
    assert text(node) == read_as


@pytest.mark.parametrize(
    ("node", "read_as"),
    [
        (1, 1.0),
        (1.5, 1.5),
        (0, 0.0),
        (-2, -2.0),
        (True, None),
        ("1", None),
        (None, None),
        ([], None),
        (float("nan"), None),
        (float("inf"), None),
        (10**400, None),
    ],
)
def test_a_number_is_finite_or_none(node: object, read_as: float | None) -> None:
    assert number(node) == read_as


def test_codings_and_texts_come_from_one_concept_or_many() -> None:
    concept = {"text": "aPTT", "coding": [{"code": "1", "display": "PTT"}, {}, "x", {"code": 3}]}
    assert [coding.code for coding in codings([concept, None, "x", concept])] == ["1", "1"]
    assert texts([concept, concept]) == ("aPTT", "PTT")
    assert label(concept) == "aPTT; PTT"
    assert codings({"coding": {"code": "alone"}})[0].code == "alone"


@pytest.mark.parametrize(
    ("node", "read_as"),
    [
        ({"reference": "Medication/1"}, Reference("Medication", "1")),
        (
            {"reference": "https://x.org/fhir/Medication/1/_history/2"},
            Reference("Medication", "1", base="https://x.org/fhir"),
        ),
        ({"reference": "#a"}, Reference("", "a", contained=True)),
        (
            {"reference": "urn:uuid:a", "type": "Patient"},
            Reference("Patient", "a", base="urn:uuid:"),
        ),
        ({"reference": "##a"}, Reference("", "a", contained=True)),
        ({"reference": "a"}, Reference("", "a", contained=True)),
        ({"reference": "not a ref", "display": "D"}, Reference(display="D")),
        ({"reference": 7}, Reference()),
        ("Medication/1", Reference()),
        (None, Reference()),
    ],
)
def test_references_come_in_several_forms(node: object, read_as: Reference) -> None:
    assert reference(node) == read_as


def test_a_reference_names_its_source_only_if_it_has_a_type() -> None:
    assert Reference("Medication", "1").source == "Medication/1"
    assert Reference("", "1").source == ""
    assert source({"resourceType": "Observation", "id": "1"}) == "Observation/1"
    assert source(None) == "/"


def test_numbers_are_written_as_people_do() -> None:
    assert [written(v) for v in (1.0, 0.18, 1879.09326, 0.0, 1e15)] == [
        "1",
        "0.18",
        "1879.0933",
        "0",
        "1e+15",
    ]
