"""One shard of patients, from resources to rows, on whatever process or machine it lands.

The rows are written beside the shards and named only when complete: a shard that is there is
done, so an interrupted replay goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import orjson

from cds_service.advice import Rulebook, advise_on
from cds_service.chart.facts import Chart
from cds_service.chart.query_result import Resource
from cds_service.fhir.queries import FhirQuery
from cds_service.tools.replay.export import Export, locations_of, medications_of, patients_of
from cds_service.tools.replay.outcomes import outcomes
from cds_service.tools.replay.parting import Parting
from cds_service.tools.replay.tally import PatientTally, TallyRow, patient_row, unknown_rows
from cds_service.tools.replay.walk import Archive, Past, read_past, walk_through

TABLES: tuple[str, ...] = ("patients", "events", "unknown", "outcomes", "differences")
PAIR = 2  # protocols that are compared rule by rule


@dataclass(frozen=True, slots=True)
class Task:
    """What every shard needs; small, and sent to each worker."""

    export: Export
    plan: tuple[FhirQuery, ...]
    rulebooks: tuple[Rulebook, ...]  # one table of concepts, several protocols


def done(folder: Path, shard: int) -> Path:
    """The file that says a shard is done, and how many patients and questions it had."""
    return folder / f"{shard:05}.done.json"


def replay_shard(task: Task, shard: int) -> dict[str, int]:
    """Walk every patient of a shard and write the rows; says how much it was."""
    folder = Path(task.export.folder)
    archive = Archive(
        task.plan,
        frozenset(task.export.answered),
        medications_of(folder, shard),
        locations_of(folder),
    )
    said = {"patients": 0, "questions": 0}
    files = {name: folder / f"{shard:05}.{name}.ndjson" for name in TABLES}
    opened = {name: path.open("wb") for name, path in files.items()}
    try:
        for patient, resources in patients_of(folder, shard):
            tables = replay_patient(patient, resources, archive, task.rulebooks)
            for name, rows in tables.items():
                opened[name].writelines(_lines(rows))
            said["patients"] += 1
            said["questions"] += sum(int(str(r["questions"])) for r in tables["patients"])
    finally:
        for file in opened.values():
            file.close()
    complete = done(folder, shard)
    unnamed = complete.with_suffix(".part")
    unnamed.write_bytes(orjson.dumps(said))
    unnamed.replace(complete)
    return said


def replay_patient(
    patient: str, resources: Iterable[Resource], archive: Archive, rulebooks: tuple[Rulebook, ...]
) -> Mapping[str, list[TallyRow]]:
    """One patient's rows, of each table."""
    past = read_past(patient, resources, archive, rulebooks[0])
    tallies = [PatientTally(patient, rules.protocol, past) for rules in rulebooks]

    spoken = tuple(aloud(rules) for rules in rulebooks)
    parting = Parting(patient)

    def tell(now: datetime, chart: Chart) -> bool:
        advices = [advise_on(chart, past.asked, rules, now) for rules in spoken]
        if len(advices) == PAIR:
            parting.take(now, *advices)
        running = [t.take(now, advice) for t, advice in zip(tallies, advices, strict=True)]
        return any(running)

    if _concerns_us(past):
        walk_through(past, archive, rulebooks[0].concepts, tell)
    parting.end(past.until)
    pairs = tuple(zip(tallies, rulebooks, strict=True))
    return {
        "patients": [patient_row(tally, past, rules) for tally, rules in pairs],
        "events": [event for tally in tallies for event in tally.events],
        "unknown": [row for tally in tallies for row in unknown_rows(tally)],
        "outcomes": [
            {"patient": one.patient, "time": one.time.isoformat(), "label": one.label}
            for one in outcomes(patient, past, rulebooks[0].protocol)
        ],
        "differences": parting.rows,
    }


def aloud(rules: Rulebook) -> Rulebook:
    """Silent topics as if they spoke: a hospital asks what they would have said."""
    topics = {t: "on" if how == "silent" else how for t, how in rules.protocol.topics.items()}
    return replace(rules, protocol=replace(rules.protocol, topics=topics))


def _concerns_us(past: Past) -> bool:
    """Whether a question could ever be answered with a card: not without a drug of ours."""
    return bool(past.chart.administrations or past.chart.orders or past.chart.skipped)


def _lines(rows: Iterable[TallyRow]) -> Iterable[bytes]:
    return (orjson.dumps(row) + b"\n" for row in rows)
