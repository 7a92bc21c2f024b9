"""A heparin allergy that names HIT is told apart from any other."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.chart.facts import HookContext
from cds_service.chart.query_result import QueryResult, QueryState
from cds_service.chart.reader import read_chart
from tests.cases import tables

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"
HEPARIN = {"coding": [{"system": RXNORM, "code": "5224", "display": "heparin"}]}
RASH = [{"manifestation": [{"text": "Rash"}]}]
LOW = [{"manifestation": [{"text": "Thrombocytopenia"}]}]


def allergy(**parts: Any) -> dict[str, Any]:
    return {
        "resourceType": "AllergyIntolerance",
        "id": "a",
        "patient": {"reference": "Patient/p"},
    } | parts


def concepts(resource: dict[str, Any]) -> list[str]:
    answers = {"allergies": QueryResult(QueryState.SUPPLIED, (resource,))}
    chart = read_chart(HookContext("patient-view", "p"), answers, tables().concepts)
    return [a.concept for a in chart.allergies]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"code": HEPARIN}, ["heparin"]),
        ({"code": HEPARIN, "reaction": RASH}, ["heparin"]),
        ({"code": {"text": "Heparin"}, "note": [{"text": "a hitch in the note"}]}, ["heparin"]),
        ({"code": HEPARIN, "reaction": LOW}, ["heparin_hit"]),
        ({"code": HEPARIN, "note": [{"text": "HIT 2019"}]}, ["heparin_hit"]),
        ({"code": {"text": "Heparin (HIT)"}}, ["heparin_hit"]),
        ({"code": {"coding": [{"system": SNOMED, "code": "73397007"}]}}, ["heparin_hit"]),
        ({"code": {"text": "Penicillin"}, "reaction": LOW}, []),
    ],
)
def test_only_a_heparin_allergy_that_names_hit_is_one(
    parts: dict[str, Any], expected: list[str]
) -> None:
    assert concepts(allergy(**parts)) == expected
