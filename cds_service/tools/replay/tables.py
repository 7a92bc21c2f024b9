"""The rows of all shards as CSV files, sorted: the same whatever shards and workers there were."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from cds_service.tools.replay.export import MEMORY, opened
from cds_service.tools.replay.shards import TABLES
from cds_service.tools.replay.tally import INDICATORS, SPOKEN

PATIENTS: Mapping[str, str] = {
    "patient": "VARCHAR",
    "protocol": "VARCHAR",
    "first_heparin": "VARCHAR",
    "heparin_hours": "DOUBLE",
    "max_24h_infusion_units": "BIGINT",
    "max_24h_bolus_units": "BIGINT",
    "max_u_per_kg_h": "DOUBLE",
    "weight_kg": "DOUBLE",
    "height_cm": "DOUBLE",
    "bmi": "DOUBLE",
    "observed_days": "DOUBLE",
    "questions": "BIGINT",
    "cards_shown": "BIGINT",
    "cards_counted": "BIGINT",
    "first_sign": "VARCHAR",
    "sign_to_at_test_hours": "DOUBLE",
    "undated": "BIGINT",
    "sex": "VARCHAR",
    "age": "BIGINT",
    "ethnicity": "VARCHAR",
    "kidney": "VARCHAR",
    **{f"first_{topic}": "VARCHAR" for topic in SPOKEN},
    **{f"shown_{topic}": "BIGINT" for topic in SPOKEN},
    **{f"{topic}_{indicator}": "BIGINT" for topic in SPOKEN for indicator in INDICATORS},
}
EVENTS = dict.fromkeys(
    ("patient", "time", "protocol", "event", "topic", "title", "indicator", "setting", "place"),
    "VARCHAR",
) | {"hours_on_heparin": "DOUBLE", "summary": "VARCHAR", "suggestions": "VARCHAR"}
UNKNOWN = {
    "patient": "VARCHAR",
    "protocol": "VARCHAR",
    "fact": "VARCHAR",
    "why": "VARCHAR",
    "questions": "BIGINT",
}
OUTCOMES = dict.fromkeys(("patient", "time", "label"), "VARCHAR")
DIFFERENCES = dict.fromkeys(
    ("patient", "since", "until", "kind", "name", "first", "second"), "VARCHAR"
)
COLUMNS = dict(zip(TABLES, (PATIENTS, EVENTS, UNKNOWN, OUTCOMES, DIFFERENCES), strict=True))
ORDER = {
    "patients": "patient, protocol",
    "events": "patient, time, protocol, topic, event",
    "unknown": "patient, protocol, fact, why",
    "outcomes": "patient, time, label",
    "differences": "patient, since, kind, name, until",
}


def write_tables(work: Path, out: Path) -> None:
    """One CSV file for each table."""
    with opened(MEMORY, threads=1) as db:
        db.execute("SET temp_directory = ?", [str(work / "spill")])
        for name, columns in COLUMNS.items():
            written = out / f"{name}.csv.part"  # named when it is whole
            rows = db.read_json(
                str(work / f"*.{name}.ndjson"),
                columns=dict(columns),
                format="newline_delimited",
            )
            rows.order(ORDER[name]).write_csv(str(written), header=True)
            written.replace(out / f"{name}.csv")


def read_rows(out: Path, name: str) -> Iterator[dict[str, str]]:
    """A table's rows, as text."""
    with (out / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
