"""The MIMIC-IV demo's 18 patients with a heparin infusion: the totals must be what the data say.

Item 225152 of the ICU's own charting, by the site file in docs. The expected totals are summed
here by a few plain lines over the raw rows, which share nothing with the service.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cds_service.advice import Rulebook
from cds_service.assessment.case import Case
from cds_service.assessment.infusion_reading import boluses, charted_segments, longest_total
from cds_service.chart.facts import Asked, Queried, State
from cds_service.chart.reader import read_chart
from cds_service.rulebook import rulebook

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ITEM = "225152"
SITE = Path(__file__).parents[2] / "docs" / "site-concepts-mimic.toml"

Row = Mapping[str, Any]

# Any 24 hours: the window may begin or end at any change. Counted only from the start of a
# segment on, the first two come to 41,790 and 40,320.
OVER_35000 = {"158f3a39": 42_205.5, "7ec7078a": 40_352.3, "9c3ebb7e": 38_600.0}
FROM_A_START = {"158f3a39": 41_790, "7ec7078a": 40_320, "9c3ebb7e": 38_600}


@cache
def rows_by_patient(folder: Path) -> dict[str, list[Row]]:
    """Every administration charted in the ICU, of the patients who got the item as an infusion."""
    found: dict[str, list[Row]] = {}
    file = folder / "mimic-iv-demo-fhir" / "MimicMedicationAdministrationICU.ndjson.gz"
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            found.setdefault(row["subject"]["reference"].removeprefix("Patient/"), []).append(row)
    return {patient: rows for patient, rows in sorted(found.items()) if rates(rows)}


def of_item(rows: Iterable[Row]) -> list[Row]:
    return [r for r in rows if r["medicationCodeableConcept"]["coding"][0]["code"] == ITEM]


def rates(rows: Iterable[Row]) -> list[tuple[datetime, datetime, float]]:
    """Start, end and U/h as charted."""
    return [
        (
            datetime.fromisoformat(row["effectivePeriod"]["start"]),
            datetime.fromisoformat(row["effectivePeriod"]["end"]),
            row["dosage"]["rateQuantity"]["value"],
        )
        for row in of_item(rows)
        if "rateQuantity" in row["dosage"]
    ]


def pushes(rows: Iterable[Row]) -> list[tuple[datetime, float]]:
    return [
        (datetime.fromisoformat(row["effectiveDateTime"]), row["dosage"]["dose"]["value"])
        for row in of_item(rows)
        if "rateQuantity" not in row["dosage"]
    ]


def total_from(since: datetime, charted: Iterable[tuple[datetime, datetime, float]]) -> float:
    """Rate x time within the 24 hours from a moment on."""
    until = since + DAY
    return sum(
        rate * max((min(end, until) - max(start, since)) / HOUR, 0) for start, end, rate in charted
    )


def largest_infused(rows: Iterable[Row]) -> float:
    charted = rates(rows)
    edges = [edge for start, end, _ in charted for edge in (start, end)]
    return max(total_from(at, charted) for edge in edges for at in (edge, edge - DAY))


def largest_pushed(rows: Iterable[Row]) -> float:
    given = pushes(rows)
    return max(
        (sum(u for t, u in given if first <= t < first + DAY) for first, _ in given), default=0.0
    )


@cache
def tables() -> Rulebook:
    return rulebook(site=SITE)


def read(patient: str, rows: Iterable[Row]) -> Case:
    """The chart after the last row, as the service reads it."""
    asked = Asked("patient-view", patient)
    answers = {"administrations": Queried(State.SUPPLIED, tuple(rows))}
    chart = read_chart(asked, answers, tables().concepts)
    last = max(t for a in chart.administrations if (t := a.end or a.start))
    return Case(asked, chart, tables().protocol, last)


def infused(case: Case) -> float:
    segments, _ = charted_segments(case, weight=None)
    return longest_total(segments, case.now, DAY)


def pushed(case: Case) -> float:
    given = [(one.at, one.units) for one in boluses(case, weight=None)]
    return max(
        (sum(u for t, u in given if first <= t < first + DAY) for first, _ in given), default=0.0
    )


def test_eighteen_patients_have_the_infusion(real_data: Path) -> None:
    assert len(rows_by_patient(real_data)) == 18


@pytest.mark.parametrize(
    ("by_service", "by_hand"),
    [
        pytest.param(infused, largest_infused, id="infusion"),
        pytest.param(pushed, largest_pushed, id="boluses"),
    ],
)
def test_largest_total_of_any_24_hours_is_what_the_rows_add_up_to(
    real_data: Path, by_service: Callable[[Case], float], by_hand: Callable[[list[Row]], float]
) -> None:
    patients = rows_by_patient(real_data)

    ours = {patient: by_service(read(patient, rows)) for patient, rows in patients.items()}

    assert ours == pytest.approx({patient: by_hand(rows) for patient, rows in patients.items()})


def test_three_of_them_pass_35000_units(real_data: Path) -> None:
    totals = {p[:8]: infused(read(p, rows)) for p, rows in rows_by_patient(real_data).items()}

    over = {patient: total for patient, total in totals.items() if total > 35_000}

    assert over == pytest.approx(OVER_35000, abs=0.1)


def test_windows_that_begin_with_a_segment_hold_a_little_less(real_data: Path) -> None:
    patients = {p[:8]: rates(rows) for p, rows in rows_by_patient(real_data).items()}

    largest = {
        patient: max(total_from(start, patients[patient]) for start, _, _ in patients[patient])
        for patient in FROM_A_START
    }

    assert largest == pytest.approx(FROM_A_START, abs=1)


def test_no_minute_is_counted_twice(real_data: Path) -> None:
    for patient, rows in rows_by_patient(real_data).items():
        segments, reasons = charted_segments(read(patient, rows), weight=None)

        assert not reasons
        assert sum((s.end - s.start) / HOUR for s in segments if s.end) == pytest.approx(
            sum((end - start) / HOUR for start, end, _ in rates(rows))
        )
