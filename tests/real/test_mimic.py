"""The MIMIC-IV demo's 18 patients with a heparin infusion: the totals must be what the data say.

Item 225152 of the ICU's own charting, by the site file in docs. The expected totals are summed
here by a few plain lines over the raw rows, which share nothing with the service.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cds_service.advice import Rulebook
from cds_service.assessment.measure.infusion_reader import (
    boluses,
    charted_segments,
    longest_total,
    read_infusion,
)
from cds_service.assessment.model.case import Case
from cds_service.chart.facts import HookContext
from cds_service.chart.known import Ends, versions
from cds_service.chart.query_result import QueryResult, QueryState
from cds_service.chart.reader import read_chart
from cds_service.rulebook.load import rulebook

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
    asked = HookContext("patient-view", patient)
    answers = {"administrations": QueryResult(QueryState.SUPPLIED, tuple(rows))}
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


# Read from the rows by eye, each at three moments: what the row that holds then says, in U/h, and
# 0 where the last one ended more than two hours before (a shorter pause is a change of the bag).
BY_HAND = {
    "158f3a39": {
        "2144-10-31T06:00:00-04:00": 600.10,
        "2144-10-31T20:00:00-04:00": 1100.23,
        "2144-11-02T05:00:00-05:00": 1976.29,
    },
    "27980ad8": {
        "2135-01-22T08:00:00-05:00": 700.28,
        "2135-01-22T13:28:00-05:00": 600,
        "2135-01-24T12:00:00-05:00": 600,
    },
    "2955c958": {
        "2178-07-04T04:20:00-04:00": 0,  # a bolus, and nothing yet
        "2178-07-05T06:00:00-04:00": 720.46,
        "2178-07-06T06:00:00-04:00": 700.28,
    },
    "5f74c4bf": {
        "2137-06-13T00:00:00-04:00": 819.96,
        "2137-06-13T20:00:00-04:00": 1019.11,
        "2137-06-14T23:00:00-04:00": 0,
    },
    "752d15e2": {
        "2115-12-29T06:00:00-05:00": 500.00,
        "2115-12-30T02:00:00-05:00": 450.06,
        "2115-12-30T13:30:00-05:00": 800.63,
    },
    "76202c51": {
        "2118-11-19T15:00:00-05:00": 1000.00,
        "2118-11-19T20:00:00-05:00": 1200,
        "2118-11-19T23:00:00-05:00": 0,
    },
    "7ec7078a": {
        "2123-02-20T10:00:00-05:00": 0,  # between 05:15 and 12:14
        "2123-02-21T06:00:00-05:00": 1500.48,
        "2123-02-28T12:00:00-05:00": 1672.24,
    },
    "8659a6be": {
        "2186-11-13T12:00:00-05:00": 1000.37,
        "2186-11-14T05:00:00-05:00": 800.50,
        "2186-11-14T06:02:00-05:00": 839.02,
    },
    "8e77dd0b": {
        "2140-01-29T12:00:00-05:00": 450.21,
        "2140-01-30T16:00:00-05:00": 0,
        "2140-02-04T23:30:00-05:00": 350.00,
    },
    "9111ccb1": {
        "2201-07-07T23:00:00-04:00": 1450.68,
        "2201-07-09T12:00:00-04:00": 0,
        "2201-07-11T01:00:00-04:00": 1450.68,
    },
    "94abdf17": {
        "2167-11-08T10:00:00-05:00": 1250.11,
        "2167-11-08T15:00:00-05:00": 0,
        "2167-11-09T16:00:00-05:00": 1100.07,
    },
    "9c3ebb7e": {
        "2175-03-21T20:00:00-04:00": 3171.25,
        "2175-03-22T18:00:00-04:00": 800,
        "2175-03-27T17:30:00-04:00": 802.61,
    },
    "a2605b15": {
        "2135-01-11T12:00:00-05:00": 0,
        "2135-01-18T08:00:00-05:00": 4120.88,
        "2135-01-18T15:00:00-05:00": 444.08,
    },
    "cb70e6ae": {
        "2148-08-16T23:00:00-04:00": 1600.85,
        "2148-08-17T10:00:00-04:00": 1835.13,
        "2148-08-17T12:00:00-04:00": 1792.68,
    },
    "df756e08": {
        "2155-12-04T22:00:00-05:00": 0,
        "2155-12-05T12:00:00-05:00": 1168.58,
        "2155-12-06T20:00:00-05:00": 1266.70,
    },
    "f5a99b42": {
        "2176-12-22T20:00:00-05:00": 1100.51,
        "2176-12-23T08:00:00-05:00": 850.34,
        "2176-12-23T18:30:00-05:00": 699.89,
    },
    "f5efdf3f": {
        "2141-05-23T23:45:00-04:00": 0,
        "2141-05-24T12:00:00-04:00": 1000.00,
        "2141-05-26T09:00:00-04:00": 1650.17,
    },
    "f77a5b72": {
        "2176-11-26T20:00:00-05:00": 800.54,
        "2176-11-28T05:00:00-05:00": 1062.64,
        "2176-11-29T20:00:00-05:00": 0,
    },
}


def as_of(rows: Iterable[Row], moment: datetime) -> list[Row]:
    """The rows as they stood at a moment: what ran then had no end yet."""
    states = (state for row in rows for state in versions(row, Ends()))
    known = [s for s in states if s.since is not None and s.since <= moment]
    return list({state.resource["id"]: state.resource for state in known}.values())


def at_the_bedside(patient: str, rows: Iterable[Row], moment: datetime) -> float:
    """U/h by the service, asked at that moment."""
    asked = HookContext("patient-view", patient)
    answers = {
        "administrations": QueryResult(QueryState.SUPPLIED, tuple(as_of(rows, moment))),
        "orders": QueryResult(QueryState.EMPTY),
    }
    chart = read_chart(asked, answers, tables().concepts)
    infusion = read_infusion(Case(asked, chart, tables().protocol, moment), weight=None)
    assert not infusion.running.unknown
    return infusion.rate or 0.0


def test_the_rate_at_three_moments_is_the_one_read_by_eye(real_data: Path) -> None:
    patients = {p[:8]: (p, rows) for p, rows in rows_by_patient(real_data).items()}

    ours = {
        p: {m: at_the_bedside(*patients[p], datetime.fromisoformat(m)) for m in moments}
        for p, moments in BY_HAND.items()
    }

    assert len(BY_HAND) == len(patients) == 18
    for patient, moments in BY_HAND.items():
        assert ours[patient] == pytest.approx(moments, abs=0.01), patient


def test_the_whole_record_says_the_same_of_those_moments(real_data: Path) -> None:
    for patient, rows in rows_by_patient(real_data).items():
        last = max(end for _, end, _ in rates(rows))
        infusion = read_infusion(replace(read(patient, rows), now=last), weight=None)
        moments = BY_HAND[patient[:8]]

        ours = {m: infusion.rate_at(datetime.fromisoformat(m)) for m in moments}

        assert ours == pytest.approx(moments, abs=0.01), patient


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
