"""Which codes an export holds, how often, and what the service reads each as.

A hospital whose laboratory codes are not in the table must hear that, instead of "not on record".
Written as `codes.csv`, and for what was not read as a site file with every line commented out:
a person decides what a local code means, never this module.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
import orjson

from cds_service.chart.concepts import Concepts
from cds_service.chart.fhir_json import codings
from cds_service.chart.vocabulary import Matcher, Vocabulary, spaced, written_text

CODES = "codes.csv"
STUB = "site-stub.toml"
# Resource type -> what it is called on the page, and the table of a site file its codes go into.
GROUPS: Mapping[str, tuple[str, str]] = {
    "Observation": ("results", "observations"),
    "MedicationAdministration": ("drugs", "drugs"),
    "MedicationRequest": ("drugs", "drugs"),
    "Condition": ("problems", "conditions"),
    "AllergyIntolerance": ("problems", "allergies"),
    "Procedure": ("problems", "procedures"),
}


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One code of one kind of resource, with how often it stands in the export."""

    system: str
    code: str
    display: str
    unit: str
    resource: str
    count: int
    patients: int
    read_as: str  # keys of the table of concepts, "" when it was not read


def write_codes(db: duckdb.DuckDBPyConnection, concepts: Concepts, folder: Path) -> None:
    """Write codes.csv from the table `seen` of the export's lines."""
    db.execute("CREATE TABLE meaning (kind VARCHAR, concept VARCHAR, read_as VARCHAR)")
    reader = _Reader(concepts)
    reading, telling = db.cursor(), db.cursor()  # one result is read while rows are written
    reading.execute("SELECT DISTINCT kind, concept FROM seen WHERE concept IS NOT NULL")
    while batch := reading.fetchmany(1024):
        rows = [(kind, concept, reader.read_as(kind, concept)) for kind, concept in batch]
        telling.executemany("INSERT INTO meaning VALUES (?, ?, ?)", rows)
    place = str(folder / CODES).replace("'", "''")
    db.execute(
        f"""
        COPY (
            SELECT coalesce(coding->>'$.system', '') AS system,
                coalesce(coding->>'$.code', '') AS code,
                coalesce(coding->>'$.display', concept->>'$.text', '') AS display,
                coalesce(unit, '') AS unit, kind AS resource,
                count(*) AS count, count(DISTINCT person) AS patients, read_as
            FROM (
                SELECT *, unnest(CASE WHEN json_array_length(concept, '$.coding') > 0
                    THEN json_extract(concept, '$.coding[*]') ELSE [NULL] END) AS coding
                FROM seen JOIN meaning USING (kind, concept)
            )
            GROUP BY ALL
            ORDER BY count DESC, resource, system, code, display, unit, read_as
        ) TO '{place}' (HEADER)
        """  # noqa: S608 - a path of our own, quoted
    )


class _Reader:
    """What the service makes of a CodeableConcept, by the kind of resource that carries it."""

    def __init__(self, concepts: Concepts) -> None:
        self._vocabulary = Vocabulary(concepts)
        self._matchers: Mapping[str, Matcher] = {
            "MedicationAdministration": self._vocabulary.drugs,
            "MedicationRequest": self._vocabulary.drugs,
            "Condition": self._vocabulary.conditions,
            "AllergyIntolerance": self._vocabulary.allergies,
            "Procedure": self._vocabulary.procedures,
        }
        self.read_as = cache(self._read_as)

    def _read_as(self, kind: str, concept: str) -> str:
        node = orjson.loads(concept)
        pairs = self._vocabulary.pairs(codings(node))
        if kind == "Observation":
            return " ".join(sorted(self._vocabulary.observations.keys(pairs)))
        matcher = self._matchers[kind]
        return " ".join(matcher.by_code(pairs) or matcher.by_words(pairs, written_text(node)))


# --- the site file that could be ---------------------------------------------------------------


def write_stub(work: Path, out: Path, concepts: Concepts) -> None:
    """Put codes.csv beside the other tables, and the site file that could be."""
    shutil.copyfile(work / CODES, out / CODES)
    (out / STUB).write_text(stub(read_codes(out), concepts), encoding="utf-8")


def read_codes(out: Path) -> Iterator[CodeRow]:
    """The rows of codes.csv, most frequent first."""
    with (out / CODES).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield CodeRow(
                system=row["system"],
                code=row["code"],
                display=row["display"],
                unit=row["unit"],
                resource=row["resource"],
                count=int(row["count"]),
                patients=int(row["patients"]),
                read_as=row["read_as"],
            )


def stub(rows: Iterable[CodeRow], concepts: Concepts) -> str:
    """A site file for what was not read; every line is commented out until somebody decides."""
    unread = unread_first_guessed(rows, concepts)
    known = {uri: key for key, uris in concepts.systems.items() for uri in uris}
    strange = sorted({row.system for row in unread} - known.keys() - {""})
    systems = known | {uri: f"site-{n}" for n, uri in enumerate(strange, 1)}
    lines = [
        "# What this export holds and the service does not read, likely and frequent ones first.",
        "# Nothing here counts until a line is moved under the right heading and its # is removed.",
        '# "like" is a guess by name and unit: see what the code means before you map it.',
        'site = "name of the hospital"',
        "",
        "[systems]",
        *(f"# {systems[uri]} = [{_quoted(uri)}]" for uri in strange),
    ]
    for heading in dict.fromkeys(table for _, table in GROUPS.values()):
        of_it = [row for row in unread if GROUPS[row.resource][1] == heading and row.code]
        if of_it:
            lines += ["", f"# [{heading}.KEY]", "# codes = ["]
            lines += [f"#   {_line(row, systems, concepts)}" for row in of_it[:MOST_LINES]]
            lines.append("# ]")
    return "\n".join(lines) + "\n"


def unread_first_guessed(rows: Iterable[CodeRow], concepts: Concepts) -> list[CodeRow]:
    """The rows that were not read: those with a guess first, then by frequency as they come."""
    unread = [row for row in rows if not row.read_as]
    return sorted(unread, key=lambda row: not guesses(row, concepts))


MOST_LINES = 200  # of one heading; codes.csv has them all


def _line(row: CodeRow, systems: Mapping[str, str], concepts: Concepts) -> str:
    system = systems.get(row.system, "")
    named = ", ".join(part for part in (row.display, row.unit) if part)
    like = guesses(row, concepts)
    remark = f"{named}: {row.count:,} of {row.patients:,} patients" + (
        f"; like {' or '.join(like)}" if like else ""
    )
    code = f"{{ system = {_quoted(system)}, code = {_quoted(row.code)} }},"
    return f"{code}  # {' '.join(remark.split())}"


def guesses(row: CodeRow, concepts: Concepts) -> tuple[str, ...]:
    """The tests whose usual names a result's name holds, and that know its unit."""
    if row.resource != "Observation":
        return ()
    name = spaced(row.display)
    return tuple(
        key
        for key, concept in concepts.observations.items()
        if any(spaced(one) in name for one in concept.names)
        and (row.unit in concepts.units.get(concept.units, {}) or not row.unit)
    )


def _quoted(written_: str) -> str:
    """A TOML basic string: JSON's escapes are a part of TOML's."""
    return orjson.dumps(written_).decode()
