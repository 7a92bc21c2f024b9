"""Laws of the oracle over a sample of the grid, and the chart that stands for a cell."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.second_opinion import fhir_chart, grid
from tests.second_opinion.oracle import DRUGS, IGNORED, TABLE_ORDER, Cell, decide

PATIENT = Cell(
    rate=1680,
    weight=80,
    anti_xa=0.1,
    aptt=45,
    antithrombin=45,
    renal="normal",
    hepatic="normal",
    sepsis=False,
    cardiac_surgery=False,
    hit=False,
    bleeding=False,
    hook="patient-view",
    draft_raise=False,
)
SAMPLE = grid.sample(3000, seed=1)


def test_the_sample_is_the_same_for_the_same_seed():
    assert SAMPLE[:50] == grid.sample(50, seed=1)


def test_numbers_and_iteration_name_the_same_cells():
    first = [cell for _, cell in zip(range(500), grid.cells(), strict=False)]
    assert first == [grid.cell_at(number) for number in range(500)]


def test_a_sample_can_be_narrowed():
    quiet = grid.sample(20, seed=2, where=lambda cell: not cell.hit and not cell.bleeding)
    assert not any(cell.hit or cell.bleeding for cell in quiet)


def test_every_cell_shows_all_it_expects_in_order_of_severity():
    for answer in map(decide, SAMPLE):
        names = [name for name, _ in answer.topics]
        assert tuple(names) == answer.shown
        assert set(names) <= set(TABLE_ORDER) - IGNORED
        order = [("critical", "warning", "info").index(kind) for _, kind in answer.topics]
        assert order == sorted(order)


def test_hit_or_bleeding_never_leaves_an_antithrombin_dose():
    doses = [decide(cell).at_dose_iu for cell in SAMPLE if cell.hit or cell.bleeding]
    assert set(doses) == {None}


def test_a_recommended_drug_is_an_offered_one():
    for answer in map(decide, SAMPLE):
        assert answer.recommended is None or answer.recommended in answer.offered
    assert all(first in drugs for first, drugs in DRUGS.values())


NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_chart_holds_what_the_cell_says():
    chart = fhir_chart.resources(replace(PATIENT, sepsis=True, cardiac_surgery=True), NOW)
    values = {o["id"]: o["valueQuantity"]["value"] for o in chart["coagulation"] + chart["body"]}
    assert values == {
        "aptt": 45,
        "anti-xa": 0.1,
        "antithrombin": 45,
        "weight": 80,
        "creatinine": 0.8,
        "bilirubin": 0.8,
    }
    assert [c["id"] for c in chart["conditions"]] == ["sepsis"]
    assert len(chart["procedures"]) == 1


def test_what_is_unknown_is_not_in_the_chart():
    cell = replace(
        PATIENT,
        weight=None,
        anti_xa=None,
        aptt=None,
        antithrombin=None,
        renal="unknown",
        hepatic="unknown",
    )
    chart = fhir_chart.resources(cell, NOW)
    assert chart["coagulation"] == chart["body"] == []


def test_without_weight_the_kidney_is_told_by_egfr():
    chart = fhir_chart.resources(replace(PATIENT, weight=None, renal="impaired"), NOW)
    assert {o["id"] for o in chart["body"]} == {"creatinine", "egfr", "bilirubin"}


@pytest.mark.parametrize(("draft_raise", "rate"), [(False, 1680), (True, 1890)])
def test_order_sign_drafts_the_old_or_the_raised_rate(draft_raise, rate):
    cell = replace(PATIENT, hook="order-sign", draft_raise=draft_raise)
    entry = fhir_chart.hook_request(cell)["context"]["draftOrders"]["entry"][0]["resource"]
    assert entry["id"] == "draft-heparin"
    assert entry["dosageInstruction"][0]["doseAndRate"][0]["rateQuantity"]["value"] == rate


def test_patient_view_has_no_drafts_and_all_is_json():
    request = fhir_chart.hook_request(PATIENT)
    assert "draftOrders" not in request["context"]
    assert json.loads(json.dumps(request)) == request
