"""Database tables, as CSV, Parquet or a DuckDB file, to lines of FHIR.

Each table is taken in as columns of text; the layout's SQL writes the lines from them. Wrong or
half-written tables are refused before a line is written.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cds_service.errors import StartRefused
from cds_service.tools.replay.sources.layout import HERE, Layout, Table, layouts, statements

ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")
BUFFER = 8 * 1024 * 1024  # bytes of a CSV file at once; no row is longer
_DELIMITERS = ("\t", ";", "|", ",")


@dataclass(frozen=True, slots=True)
class Tables:
    """A database as it was found."""

    layout: str  # "omop"
    # Table -> its file, or the parts of one; of a DuckDB file, all tables have the same.
    files: Mapping[str, tuple[Path, ...]]


def stem(file: Path) -> str:
    """The table that a file holds: its name in lower case, without its ending."""
    name = file.name.lower()
    ending = next((e for e in sorted(ENDINGS, key=len, reverse=True) if name.endswith(e)), "")
    return name.removesuffix(ending) if ending else ""


def recognised(files: Iterable[Path]) -> list[Tables]:
    """Every layout whose telling tables are among some files."""
    by_table: dict[str, dict[Path, list[Path]]] = {}
    for file in files:
        table, whole = _table_of(file)
        if table:
            by_table.setdefault(table, {}).setdefault(whole, []).append(file)
    return [
        Tables(name, _single({t: by_table[t] for t in layout.tables if t in by_table}))
        for name, layout in layouts().items()
        if all(table in by_table for table in layout.known_by)
    ]


def _table_of(file: Path) -> tuple[str, Path]:
    """The table that a file holds, and the file or the folder that is all of it.

    Spark and its like write a table as a folder of that name with Parquet files in it.
    """
    known = {table for layout in layouts().values() for table in layout.tables}
    folder = file.parent.name.lower().removesuffix(".parquet")
    if file.suffix == ".parquet" and stem(file) not in known and folder in known:
        return folder, file.parent
    return stem(file), file


def _single(found: Mapping[str, Mapping[Path, list[Path]]]) -> dict[str, tuple[Path, ...]]:
    twice = [list(wholes)[:2] for wholes in found.values() if len(wholes) > 1]
    if twice:
        raise StartRefused(
            [f"{one} and {other}: one table twice; which is meant?" for one, other in twice]
        )
    return {table: tuple(sorted(*wholes.values())) for table, wholes in found.items()}


def recognised_in(db: duckdb.DuckDBPyConnection, file: Path) -> list[Tables]:
    """The same of the tables inside an attached DuckDB file."""
    names = {name for (name,) in db.execute(_NAMES).fetchall()}
    return [
        Tables(name, {table: (file,) for table in layout.tables if table in names})
        for name, layout in layouts().items()
        if all(table in names for table in layout.known_by)
    ]


_NAMES = "SELECT lower(table_name) FROM duckdb_tables() WHERE database_name = 'source'"


def write_lines(
    db: duckdb.DuckDBPyConnection, tables: Tables, zone: str, folder: Path
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Write a database's lines as Parquet files; also tells which rows were left out.

    `zone` is the time zone of the tables' times, which state none.
    """
    layout = layouts()[tables.layout]
    _refuse_without(layout, tables)
    _prepare(db, layout, zone)
    for name, table in layout.tables.items():
        _load(db, name, table, tables.files.get(name, ()))
    try:
        return _lines(db, tables.layout, layout, folder)
    except duckdb.Error as error:
        raise StartRefused([f"{layout.title}: cannot be read: {first_line(error)}"]) from error


def _lines(
    db: duckdb.DuckDBPyConnection, name: str, layout: Layout, folder: Path
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    faults = []
    for refusal in layout.refusals:
        (count,) = db.execute(refusal.when).fetchone() or (0,)
        if count:
            faults.append(f"{layout.title}: {refusal.say.format(count=f'{count:,}')}")
    if faults:
        raise StartRefused(faults)
    notes = [
        note.say.format(count=f"{count:,}", what=what)
        for note in layout.notes
        for count, what in db.execute(note.of).fetchall()
    ]
    files: list[Path] = []
    for statement in statements(name):
        if not statement.startswith("SELECT"):
            db.execute(statement)
            continue
        files.append(folder / f"lines-{len(files):02}.parquet")
        place = quoted(str(files[-1]))
        db.execute(f"COPY ({statement}) TO {place} (FORMAT parquet, COMPRESSION zstd)")
    return tuple(files), tuple(notes)


def _refuse_without(layout: Layout, tables: Tables) -> None:
    lacking = [n for n, t in layout.tables.items() if t.required and n not in tables.files]
    if lacking:
        raise StartRefused([f"{layout.title}: there is no table {name}" for name in lacking])


def _prepare(db: duckdb.DuckDBPyConnection, layout: Layout, zone: str) -> None:
    db.execute("SET TimeZone = 'UTC'")
    db.execute((HERE / "macros.sql").read_text(encoding="utf-8"))
    try:
        db.execute(
            "SELECT count(timezone($zone, TIMESTAMP '2026-01-01'))", {"zone": zone}
        ).fetchall()
    except duckdb.Error as error:
        raise StartRefused([f"--time-zone: {zone} is not known"]) from error
    db.execute(
        "CREATE MACRO moment(written) AS clock(TRY_CAST(written AS TIMESTAMP), timezone('UTC',"
        f" timezone({quoted(zone)}, TRY_CAST(written AS TIMESTAMP))))"
    )
    for name, pairs in layout.maps.items():
        db.execute(f"CREATE TABLE {name} (key VARCHAR, value VARCHAR)")
        db.executemany(f"INSERT INTO {name} VALUES (?, ?)", [list(p) for p in pairs.items()])  # noqa: S608 - a name of the layout


def _load(db: duckdb.DuckDBPyConnection, name: str, table: Table, files: tuple[Path, ...]) -> None:
    """A table with every column of the layout as text; blanks are nothing, 12.0 as an id is 12."""
    wanted = (*table.needs, *table.may)
    if not files:
        empty = ", ".join(f"CAST(NULL AS VARCHAR) AS {column}" for column in wanted)
        db.execute(f"CREATE TABLE {name} AS SELECT {empty} WHERE false")
        return
    file, origin = files[0], _origin(name, files)
    try:
        described = db.execute(f"DESCRIBE FROM {origin}").fetchall()
    except duckdb.Error as error:
        raise StartRefused([f"{file}: cannot be read: {first_line(error)}"]) from error
    there = {column.lower(): column for column, *_ in described}
    lacking = [column for column in table.needs if column not in there]
    if lacking:
        raise StartRefused([f"{file}: table {name} has no column {', '.join(lacking)}"])
    columns = ", ".join(f"{_column(there, column)} AS {column}" for column in wanted)
    try:
        db.execute(f"CREATE TABLE {name} AS SELECT {columns} FROM {origin}")  # noqa: S608 - quoted
    except duckdb.Error as error:  # a half-written file ends in the middle of a row or of its gzip
        raise StartRefused([f"{file}: cannot be read: {first_line(error)}"]) from error


def _column(there: Mapping[str, str], column: str) -> str:
    if column not in there:
        return "CAST(NULL AS VARCHAR)"
    name = '"' + there[column].replace('"', '""') + '"'
    text = f"nullif(trim(CAST({name} AS VARCHAR)), '')"
    return f"regexp_replace({text}, '\\.0$', '')" if column.endswith(("_id", "itemid")) else text


def _origin(name: str, files: tuple[Path, ...]) -> str:
    file = files[0]
    if file.suffix in (".duckdb", ".db"):
        return f'source."{name}"'
    place = quoted(str(file))
    if file.suffix == ".parquet":
        parts = ", ".join(quoted(str(part)) for part in files)
        return f"read_parquet([{parts}])"  # parts of other columns are refused
    delimiter = _delimiter(file)
    # Athena writes its vocabularies with tabs and bare quotation marks.
    quote = "" if delimiter == "\t" else '"'
    return (
        f"read_csv({place}, all_varchar = true, header = true, delim = {quoted(delimiter)},"
        f" quote = {quoted(quote)}, escape = {quoted(quote)}, auto_detect = false,"
        f" buffer_size = {BUFFER}, columns = {_columns(file, delimiter)})"
    )


def _columns(file: Path, delimiter: str) -> str:
    names = [name.strip().strip('"') for name in _header(file).split(delimiter)]
    return "{" + ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in names) + "}"


def _delimiter(file: Path) -> str:
    header = _header(file)
    return max(_DELIMITERS, key=header.count)


def _header(file: Path) -> str:
    try:
        if file.suffix == ".gz":
            with gzip.open(file, "rt", encoding="utf-8-sig") as packed:
                return packed.readline().rstrip("\r\n")
        with file.open(encoding="utf-8-sig") as plain:
            return plain.readline().rstrip("\r\n")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise StartRefused([f"{file}: cannot be read: {first_line(error)}"]) from error


def quoted(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def first_line(error: Exception) -> str:
    """What an error says, without the lines of advice below it."""
    return next(iter(str(error).splitlines()), type(error).__name__)
