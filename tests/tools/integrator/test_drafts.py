"""Drafts from a word, and that the service reads them as they were meant."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.tools.integrator.drafts import UNITS, Draft, UnreadableDraft, order, read_draft
from tests.cases import tables

CONCEPTS = tables().concepts


def drafted(text: str) -> dict[str, Any]:
    return order(read_draft(text, CONCEPTS.drugs), 1, "p", CONCEPTS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("heparin", Draft("heparin")),
        ("heparin=1800U/h", Draft("heparin", 1800, "[IU]/h", "U/h")),
        ("Heparin=18U/kg/h", Draft("heparin", 18, "[IU]/kg/h", "U/kg/h")),
        ("antithrombin=2500IU", Draft("antithrombin", 2500, "[IU]", "IU")),
        ("argatroban=0.5ug/kg/min", Draft("argatroban", 0.5, "ug/kg/min", "ug/kg/min")),
        ("bivalirudin=0.15mg/kg/h", Draft("bivalirudin", 0.15, "mg/kg/h", "mg/kg/h")),
        ("apixaban=5 mg", Draft("apixaban", 5, "mg", "mg")),
    ],
)
def test_a_draft_is_read(text: str, expected: Draft) -> None:
    assert read_draft(text, CONCEPTS.drugs) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("heprin=1800U/h", "is not one of: .*andexanet.*did you mean heparin"),
        ("heparin=1800", "has no unit; one of: U, IU, U/h"),
        ("heparin=fastU/h", "no draft"),
        ("heparin=-5U/h", "no draft"),
        ("heparin=5furlongs", "is not one of the units"),
        ("", "no draft"),
    ],
)
def test_what_is_no_draft_is_refused_with_what_would_be(text: str, said: str) -> None:
    with pytest.raises(UnreadableDraft, match=said):
        read_draft(text, CONCEPTS.drugs)


@pytest.mark.parametrize("unit", UNITS)
def test_every_unit_is_one_that_the_table_understands(unit: str) -> None:
    known = {spelling for row in CONCEPTS.units.values() for spelling in row}
    amount, *per = UNITS[unit].split("/")

    assert amount in known or amount in ("ug", "mg")
    assert set(per) <= {"kg", "h", "min"}


def test_a_rate_and_a_dose_stand_where_fhir_has_them() -> None:
    (rate,) = drafted("heparin=1800U/h")["dosageInstruction"]
    (dose,) = drafted("apixaban=5mg")["dosageInstruction"]

    assert rate["doseAndRate"][0]["rateQuantity"]["value"] == 1800
    assert rate["route"]["coding"][0]["code"] == "47625008"
    assert dose["doseAndRate"][0]["doseQuantity"]["code"] == "mg"
    assert "route" not in dose


def test_a_draft_without_amount_has_no_dosage() -> None:
    assert "dosageInstruction" not in drafted("heparin")


def test_the_drug_is_named_by_a_code_of_ours() -> None:
    (coding,) = drafted("heparin=1800U/h")["medicationCodeableConcept"]["coding"]

    assert coding["system"].endswith("rxnorm")
