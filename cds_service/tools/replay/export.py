"""Lines of FHIR (NDJSON, plain or gz, or Parquet) to one file sorted by patient.

DuckDB does it out of core: each line is parsed once and kept if one of the service's queries
would have found it; the kept ones are sorted, so that a patient's rows come together whatever
the order and number of files. A line that is no JSON object costs that line and is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import duckdb
import orjson

from cds_service.chart.concepts import Concepts
from cds_service.chart.query_result import Resource
from cds_service.errors import StartRefused
from cds_service.fhir.queries import FhirQuery, fhir_queries
from cds_service.tools.replay.codes import GROUPS, write_codes
from cds_service.tools.replay.heights import height_codes
from cds_service.tools.replay.sources.tables import first_line

SORTED = "patients.parquet"
MEDICATIONS = "medications.parquet"
LOCATIONS = "locations.parquet"
SCRATCH = "lines.duckdb"
MEMORY = "200MB"  # of DuckDB; what is more goes to the disk
WORKER_MEMORY = "100MB"
ROWS_AT_ONCE = 512
BYTES_A_SHARD = 16 * 1024 * 1024
UNPACKED = 12  # FHIR as NDJSON shrinks to about a twelfth
PACKED = (".gz", ".parquet")
FEWEST_SHARDS, MOST_SHARDS = 8, 4096

_ID = "regexp_extract({}, '([^/:]+)(/_history/[^/]*)?$', 1)"
_SUBJECT = f"""CASE line->>'$.resourceType'
    WHEN 'Patient' THEN line->>'$.id'
    WHEN 'AllergyIntolerance' THEN {_ID.format("line->>'$.patient.reference'")}
    ELSE {_ID.format("line->>'$.subject.reference'")} END"""
_PATHS = (
    "$.code",
    "$.medicationCodeableConcept",
    "$.valueQuantity.unit",
    "$.valueQuantity.code",
    "$.dosage.rateQuantity.unit",
    "$.dosage.dose.unit",
    "$.dosageInstruction[0].doseAndRate[0].rateQuantity.unit",
    "$.dosageInstruction[0].doseAndRate[0].doseQuantity.unit",
)
# All paths in one go: DuckDB parses the line anew for every extraction it is asked for.
_PARTS = "json_extract_string(json, [{}])".format(", ".join(f"'{path}'" for path in _PATHS))
_INGREDIENTS = "json_extract_string(line, '$.ingredient[*].itemReference.reference')"


@dataclass(frozen=True, slots=True)
class Export:
    """What was read: where its rows stand, and how it went."""

    folder: str
    shards: int
    lines: int
    bad_lines: int  # no JSON, or no FHIR resource
    strangers: int  # wanted, but of no patient
    files: tuple[str, ...]  # names, without their folder
    came: tuple[str, ...]  # resource types that the export holds
    answered: tuple[str, ...]  # queries of which the export holds something for somebody
    notes: tuple[str, ...] = ()  # what was left out on the way to FHIR lines


def opened(
    memory: str, *, threads: int, file: Path | str = ":memory:"
) -> duckdb.DuckDBPyConnection:
    """A database that keeps to its share of the memory and draws no bars."""
    db = duckdb.connect(file, config={"memory_limit": memory, "threads": threads})
    db.execute("SET enable_progress_bar = false")
    return db


def shards_for(files: Iterable[Path]) -> int:
    """So many that each is done in a minute or so: what a resumed run may lose."""
    sizes = (p.stat().st_size * (UNPACKED if p.suffix in PACKED else 1) for p in files)
    return min(max(sum(sizes) // BYTES_A_SHARD, FEWEST_SHARDS), MOST_SHARDS)


def sort_export(files: tuple[Path, ...], folder: Path, concepts: Concepts, shards: int) -> Export:
    """Write the kept rows, sorted, into a folder, and codes.csv with all codes that were there."""
    plan = fhir_queries(concepts)
    scratch = folder / SCRATCH
    scratch.unlink(missing_ok=True)
    with opened(MEMORY, threads=1, file=scratch) as db:
        db.execute("SET preserve_insertion_order = false")
        try:
            _read_lines(db, files, plan)
        except duckdb.Error as error:  # a gz that ends too early, a file that may not be read
            raise StartRefused([f"the export cannot be read: {first_line(error)}"]) from error
        _write(
            db,
            f"SELECT hash(patient) % {shards} AS shard, patient, line FROM seen"  # noqa: S608 - a number
            " WHERE patient <> '' ORDER BY shard, patient",
            folder / SORTED,
        )
        _write(
            db,
            "SELECT line->>'$.id' AS id, line FROM seen WHERE kind = 'Medication' ORDER BY id",
            folder / MEDICATIONS,
        )
        _write(
            db,
            "SELECT DISTINCT line->>'$.id' AS id, line->>'$.name' AS name FROM seen"
            " WHERE kind = 'Location' AND line->>'$.name' IS NOT NULL ORDER BY ALL",
            folder / LOCATIONS,
        )
        write_codes(db, concepts, folder)
        names = tuple(file.name for file in files)
        export = Export(str(folder), shards, *_counts(db), names, _came(db), _answered(db, plan))
    scratch.unlink()
    return export


def _read_lines(
    db: duckdb.DuckDBPyConnection, files: tuple[Path, ...], plan: tuple[FhirQuery, ...]
) -> None:
    """Every line once: what it is about, and its text only where it is wanted."""
    whole = {search.resource for search in plan if not search.codes}
    kinds = sorted(whole | {"Medication", "Location"})
    codes = sorted({code for search in plan for code in search.codes} | height_codes())
    db.execute(
        f"""
        CREATE TABLE seen AS
        WITH read AS (
            SELECT json AS line, kind, codes, list_contains($kinds, kind)
                OR (kind = 'Observation' AND list_has_any(codes, $codes)) AS wanted,
                CASE WHEN list_contains($coded, kind) THEN {_PARTS} END AS parts
            FROM (
                SELECT json, json->>'$.resourceType' AS kind,
                    CASE WHEN json->>'$.resourceType' = 'Observation'
                        THEN json_extract_string(json, '$.code.coding[*].code') END AS codes
                FROM ({_origins(files)})
            )
        ), of_patients AS (
            SELECT *, coalesce({_SUBJECT}, '') AS person FROM read
        )
        SELECT kind, codes,
            CASE WHEN parts[1] LIKE '{{%' THEN parts[1]
                WHEN parts[2] LIKE '{{%' THEN parts[2] END AS concept,
            list_filter(parts[3:], lambda part: part IS NOT NULL)[1] AS unit, person,
            CASE WHEN wanted AND kind NOT IN ('Medication', 'Location') THEN person END AS patient,
            CASE WHEN wanted THEN line END AS line
        FROM of_patients
        """,  # noqa: S608 - the expressions above
        {
            "kinds": kinds,
            "codes": codes,
            "coded": sorted(GROUPS),
        },
    )


def _origins(files: Iterable[Path]) -> str:
    """Lines of text, and the one column of Parquet files; what is no JSON comes as null."""
    listed: dict[bool, list[str]] = {True: [], False: []}
    for file in files:
        listed[file.suffix == ".parquet"].append(_quoted(str(file)))
    texts = ", ".join(listed[False])
    parts = [f"SELECT json FROM read_ndjson_objects([{texts}], ignore_errors = true)"] * bool(texts)  # noqa: S608 - quoted
    parts += [
        f"SELECT TRY_CAST(CAST(t AS VARCHAR) AS JSON) AS json FROM read_parquet({place}) AS _(t)"  # noqa: S608 - quoted
        for place in listed[True]
    ]
    return " UNION ALL ".join(parts)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _write(db: duckdb.DuckDBPyConnection, query: str, target: Path) -> None:
    db.execute(f"COPY ({query}) TO {_quoted(str(target))} (FORMAT parquet, ROW_GROUP_SIZE 4096)")


def _counts(db: duckdb.DuckDBPyConnection) -> tuple[int, int, int]:
    row = db.execute(
        "SELECT count(*), count(*) FILTER (kind IS NULL), count(*) FILTER (patient = '') FROM seen"
    ).fetchone()
    lines, bad, strangers = row or (0, 0, 0)
    return lines, bad, strangers


def _came(db: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    rows = db.execute("SELECT DISTINCT kind FROM seen WHERE kind IS NOT NULL ORDER BY kind")
    return tuple(kind for (kind,) in rows.fetchall())


def _answered(db: duckdb.DuckDBPyConnection, plan: tuple[FhirQuery, ...]) -> tuple[str, ...]:
    """A query nothing answers for anybody was not exported: that is not "nothing on record"."""
    found = []
    for search in plan:
        row = db.execute(
            "SELECT count(*) FROM seen WHERE kind = $kind"
            " AND (len($codes) = 0 OR list_has_any(codes, $codes))",
            {"kind": search.resource, "codes": sorted(search.codes)},
        ).fetchone()
        if row and row[0]:
            found.append(search.key)
    return tuple(found)


def patients_of(folder: Path, shard: int) -> Iterator[tuple[str, list[Resource]]]:
    """The patients of a shard with their resources, one patient in memory at a time."""
    with opened(WORKER_MEMORY, threads=1) as db:
        rows = db.execute(
            "SELECT patient, line FROM read_parquet($file) WHERE shard = $shard",
            {"file": str(folder / SORTED), "shard": shard},
        )
        batches = iter(lambda: rows.fetchmany(ROWS_AT_ONCE), [])
        lines = (row for batch in batches for row in batch)
        for patient, group in groupby(lines, key=itemgetter(0)):
            # Sorted: the order of the files must not show.
            yield patient, [orjson.loads(line) for line in sorted(line for _, line in group)]


def resources_of(
    folder: Path, patients: Iterable[str]
) -> Iterator[tuple[int, str, list[Resource]]]:
    """Some patients with their shard and resources, one patient in memory at a time."""
    with opened(WORKER_MEMORY, threads=1) as db:
        rows = db.execute(
            "SELECT shard, patient, line FROM read_parquet($file)"
            " WHERE list_contains($patients, patient) ORDER BY shard, patient, line",
            {"file": str(folder / SORTED), "patients": sorted(patients)},
        )
        batches = iter(lambda: rows.fetchmany(ROWS_AT_ONCE), [])
        lines = (row for batch in batches for row in batch)
        for (shard, patient), group in groupby(lines, key=itemgetter(0, 1)):
            yield shard, patient, [orjson.loads(line) for _, _, line in group]


def medications_of(folder: Path, shard: int) -> dict[str, Resource]:
    """The Medications that a shard refers to, and their ingredients, by id."""
    with opened(WORKER_MEMORY, threads=1) as db:
        rows = db.execute(
            f"""
            WITH referred AS (
                SELECT DISTINCT {_ID.format("line->>'$.medicationReference.reference'")} AS id
                FROM read_parquet($sorted) WHERE shard = $shard
            ), products AS (
                SELECT m.id, line FROM read_parquet($medications) m JOIN referred USING (id)
            ), parts AS (
                SELECT DISTINCT {_ID.format("part")} AS id
                FROM (SELECT unnest({_INGREDIENTS}) AS part FROM products)
            )
            SELECT id, line FROM products UNION
            SELECT m.id, line FROM read_parquet($medications) m JOIN parts USING (id)
            ORDER BY ALL
            """,  # noqa: S608 - the expressions above
            {
                "sorted": str(folder / SORTED),
                "shard": shard,
                "medications": str(folder / MEDICATIONS),
            },
        ).fetchall()
    return {identity: orjson.loads(line) for identity, line in rows}


def locations_of(folder: Path) -> dict[str, str]:
    """Names of wards and other places, by the id of their Location."""
    with opened(WORKER_MEMORY, threads=1) as db:
        rows = db.execute(
            "SELECT id, name FROM read_parquet($file)", {"file": str(folder / LOCATIONS)}
        )
        return dict(rows.fetchall())
