"""The parts of a view by themselves: markdown as a tree, the past, the vendored library."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import cds_service.smart
from cds_service.chart.query_result import QueryResult, QueryState
from cds_service.smart.course import MOMENTS, times_to_ask
from cds_service.smart.detail_tree import detail_tree
from cds_service.smart.past_answers import past_of

START = datetime(2026, 3, 1, tzinfo=UTC)
VENDOR = Path(cds_service.smart.__file__).parent / "static" / "vendor"


def at(hours: float) -> str:
    return (START + timedelta(hours=hours)).isoformat()


def lab(hours: float, issued: float, id_: str = "a") -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": id_,
        "effectiveDateTime": at(hours),
        "issued": at(issued),
    }


@pytest.mark.parametrize(
    ("markdown", "tree"),
    [
        ("**a** b", [{"tag": "p", "parts": [{"tag": "strong", "parts": ["a"]}, " b"]}]),
        ("a\nb", [{"tag": "p", "parts": ["a", " ", "b"]}]),
        ("a  \nb", [{"tag": "p", "parts": ["a", {"tag": "br", "parts": []}, "b"]}]),
        (
            "[x](https://e.org)",
            [{"tag": "p", "parts": [{"tag": "a", "parts": ["x"], "href": "https://e.org"}]}],
        ),
        ("[x](javascript:alert)", [{"tag": "p", "parts": ["[x](javascript:alert)"]}]),
        ("[x](//evil.org)", [{"tag": "p", "parts": ["x"]}]),
        ("[x](data:text/html,y)", [{"tag": "p", "parts": ["[x](data:text/html,y)"]}]),
        ("<b onclick=x>a</b>", [{"tag": "p", "parts": ["<b onclick=x>a</b>"]}]),
        ("&#60;b&#62;", [{"tag": "p", "parts": ["<b>"]}]),
        ("", []),
    ],
)
def test_markdown_becomes_elements_and_text(markdown: str, tree: list[Any]) -> None:
    assert detail_tree(markdown) == tree


def test_an_image_is_not_drawn() -> None:
    (paragraph,) = detail_tree("![x](https://e.org/y.png)")

    assert "img" not in str(paragraph)


def test_a_table_keeps_its_cells() -> None:
    (table,) = detail_tree("| a | b |\n|---|---|\n| 1 | **2** |")

    assert table["tag"] == "table"
    head, body = table["parts"]
    assert head["parts"][0]["parts"][0] == {"tag": "th", "parts": ["a"]}
    assert body["parts"][0]["parts"][1]["parts"] == [{"tag": "strong", "parts": ["2"]}]


def test_a_result_is_not_known_before_it_was_issued() -> None:
    past = past_of({"coagulation": QueryResult(QueryState.SUPPLIED, (lab(1, 2),))})

    before, after = past.at(START + timedelta(hours=1.9)), past.at(START + timedelta(hours=2))

    assert before["coagulation"].state is QueryState.EMPTY
    assert len(after["coagulation"].resources) == 1


@pytest.mark.parametrize("state", [QueryState.FAILED, QueryState.PARTIAL, QueryState.NOT_SUPPLIED])
def test_what_was_not_answered_now_was_not_answered_then(state: QueryState) -> None:
    past = past_of({"coagulation": QueryResult(state, (lab(1, 2),))})

    assert past.at(START)["coagulation"].state is state


def test_an_infusion_that_has_ended_was_running() -> None:
    row = {
        "resourceType": "MedicationAdministration",
        "status": "completed",
        "effectivePeriod": {"start": at(0), "end": at(5)},
        "dosage": {"rateQuantity": {"value": 1000, "unit": "U/h"}},
    }
    past = past_of({"administrations": QueryResult(QueryState.SUPPLIED, (row,))})

    (then,) = past.at(START + timedelta(hours=3))["administrations"].resources
    assert then["status"] == "in-progress"
    assert "end" not in then["effectivePeriod"]


def test_what_has_no_date_counts_as_always_known_and_is_counted() -> None:
    found = {"resourceType": "Condition", "id": "c"}
    past = past_of({"conditions": QueryResult(QueryState.SUPPLIED, (found,))})

    assert past.undated == 1
    assert past.at(START)["conditions"].resources == (found,)


def test_results_are_asked_about_first_and_never_too_many() -> None:
    """A pump that charts every minute must not push out the moments at which a result came."""
    labs = tuple(lab(n, n + 0.25, str(n)) for n in range(0, 48, 8))
    rows = tuple(
        {
            "resourceType": "MedicationAdministration",
            "effectiveDateTime": at(n / 10),
            "dosage": {"rateQuantity": {"value": n}},
        }
        for n in range(480)
    )
    past = past_of({"a": QueryResult(QueryState.SUPPLIED, (*labs, *rows))})

    times = times_to_ask(past, START, START + timedelta(hours=48))

    assert len(times) == MOMENTS
    assert times == sorted(times, reverse=True)
    assert {START + timedelta(hours=n, minutes=15) for n in range(0, 48, 8)} <= set(times)


def test_more_results_than_moments_are_thinned_with_the_newest_kept() -> None:
    labs = tuple(lab(n / 2, n / 2, str(n)) for n in range(90))
    past = past_of({"a": QueryResult(QueryState.SUPPLIED, labs)})

    times = times_to_ask(past, START, START + timedelta(hours=48))

    assert len(times) == MOMENTS
    assert times[0] == START + timedelta(hours=44.5)
    assert times[-1] < START + timedelta(hours=4)


def test_the_vendored_library_is_the_one_that_its_note_names() -> None:
    held = (VENDOR / "fhir-client.pure.min.js").read_bytes()
    note = (VENDOR / "README.md").read_text(encoding="utf-8")

    assert hashlib.sha256(held).hexdigest() in note
    assert "Apache License" in (VENDOR / "LICENSE").read_text(encoding="utf-8")
