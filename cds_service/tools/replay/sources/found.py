"""What a place holds: FHIR lines, Bundles or a database. One kind, or a refusal in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import orjson

from cds_service.errors import StartRefused
from cds_service.tools.replay.sources.bundles import is_bundle, write_bundle_lines
from cds_service.tools.replay.sources.layout import layouts
from cds_service.tools.replay.sources.tables import (
    Tables,
    first_line,
    quoted,
    recognised,
    recognised_in,
    write_lines,
)

MEMORY = "300MB"  # of DuckDB; what is more goes to the disk
DATABASES = (".duckdb", ".db")
LINES = ("*.ndjson", "*.ndjson.gz")
LAST = 1024 * 1024  # bytes of a file in which its last line stands
UNFINISHED = "_temporary"  # where Spark writes until a table is whole
PARTIAL = (".part", ".partial", ".crdownload", ".download", ".tmp", ".filepart")


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """A place to read from."""

    kind: str  # "FHIR lines", "FHIR Bundles", "OMOP CDM"
    files: tuple[Path, ...]
    tables: Tables | None = None


@dataclass(frozen=True, slots=True)
class Lines:
    """Files of FHIR lines, and what was left out on the way to them."""

    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def found_at(source: Path) -> FoundFiles:
    """What lies in a folder or a DuckDB file."""
    if source.is_file():
        return _found_in_database(source)
    files = sorted(file for file in source.rglob("*") if file.is_file())
    half = [file for file in files if file.suffix.lower() in PARTIAL]
    if half:
        raise StartRefused([f"{half[0]}: is half a download; finish it or take it away"])
    unfinished = [file for file in files if UNFINISHED in file.relative_to(source).parts]
    if unfinished:
        raise StartRefused(
            [f"{unfinished[0].parent}: is what a job that writes it left unfinished"]
        )
    empty = [f for f in files if f.stat().st_size == 0 and f.name.lower().endswith(_TABLES)]
    if empty:
        raise StartRefused([f"{empty[0]}: is empty; half a download?"])
    kinds = tuple(_kinds(source, files))
    if not kinds:
        raise StartRefused([f"{source}: holds no .ndjson or .ndjson.gz file, {_OTHERS}"])
    if len(kinds) > 1:
        names = " and ".join(kind.kind for kind in kinds)
        raise StartRefused([f"{source}: holds {names}; give a folder with one of them"])
    return kinds[0]


_TABLES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")
_OTHERS = "no FHIR Bundle and no tables of " + " or ".join(
    f"{layout.title} ({', '.join(layout.known_by)})" for layout in layouts().values()
)


def _kinds(source: Path, there: list[Path]) -> Iterator[FoundFiles]:
    for tables in recognised(there):
        parts = tuple(part for files in tables.files.values() for part in files)
        yield FoundFiles(layouts()[tables.layout].title, parts, tables)
    held = {file for pattern in LINES for file in source.rglob(pattern)}
    lines = [file for file in there if file in held or _is_parquet_of_lines(file)]
    if lines:
        cut = [file for file in lines if file.suffix == ".ndjson" and _ends_in_a_line(file)]
        if cut:
            raise StartRefused([f"{cut[0]}: ends in the middle of a line; half a download?"])
        yield FoundFiles("FHIR lines", tuple(lines))
        return  # a bulk export may hold a manifest or other JSON beside its lines
    bundles = [f for f in there if f.name.endswith((".json", ".json.gz")) and is_bundle(f)]
    if bundles:
        yield FoundFiles("FHIR Bundles", tuple(bundles))


def _ends_in_a_line(file: Path) -> bool:
    """Whether a file of lines was cut off within its last one."""
    with file.open("rb") as lines:
        lines.seek(max(file.stat().st_size - LAST, 0))
        end = lines.read()
    last = end.rpartition(b"\n")[2].strip()
    if not last:
        return False
    try:
        orjson.loads(last)
        return False
    except orjson.JSONDecodeError:
        return True


def _is_parquet_of_lines(file: Path) -> bool:
    """A Parquet file with a single column of text: each a FHIR resource."""
    if file.suffix != ".parquet":
        return False
    with duckdb.connect() as db:
        try:
            columns = db.execute(f"DESCRIBE FROM read_parquet({quoted(str(file))})").fetchall()
        except duckdb.Error as error:
            raise StartRefused([f"{file}: cannot be read: {first_line(error)}"]) from error
    return len(columns) == 1 and columns[0][1] in ("VARCHAR", "JSON", "BLOB")


def _found_in_database(file: Path) -> FoundFiles:
    if file.suffix not in DATABASES:
        raise StartRefused([f"{file}: is neither a folder nor a DuckDB file (.duckdb, .db)"])
    with _attached(file) as db:
        kinds = recognised_in(db, file)
    if not kinds:
        raise StartRefused([f"{file}: holds {_OTHERS}"])
    return FoundFiles(layouts()[kinds[0].layout].title, (file,), kinds[0])


@contextmanager
def _attached(
    file: Path | None, scratch: Path | str = ":memory:"
) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(scratch, config={"memory_limit": MEMORY, "threads": 1}) as db:
        db.execute("SET enable_progress_bar = false")
        if file is not None:
            try:
                db.execute(f"ATTACH {quoted(str(file))} AS source (READ_ONLY)")
            except duckdb.Error as error:
                raise StartRefused([f"{file}: cannot be read: {first_line(error)}"]) from error
        yield db


def as_lines(found: FoundFiles, zone: str, folder: Path) -> Lines:
    """FHIR lines of what was found, written into a folder where they are not lines already."""
    if found.kind == "FHIR lines":
        return Lines(found.files)
    folder.mkdir(parents=True, exist_ok=True)
    if found.tables is None:
        file, notes = write_bundle_lines(found.files, folder)
        return Lines((file,), notes)
    database = next((f for f in found.files if f.suffix in DATABASES), None)
    scratch = folder / "tables.duckdb"
    scratch.unlink(missing_ok=True)
    with _attached(database, scratch) as db:
        files, notes = write_lines(db, found.tables, zone, folder)
    scratch.unlink()
    return Lines(files, notes)
