"""Tables of a PostgreSQL database to CSV files, for a replay: only those, and only what is read.

One snapshot, read only. A file is named when it is whole.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg import IsolationLevel, sql

from cds_service.errors import StartRefused
from cds_service.tools.replay.sources.layout import Table, layouts

_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
_COLUMNS = (
    "SELECT column_name FROM information_schema.columns"
    " WHERE table_schema = current_schema() AND table_name = %s"
)


def dump(url: str, schema: str, folder: Path, told: Callable[[str], None]) -> int:
    """Write the tables of the layout that a schema holds; returns how many files there are."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise StartRefused([f"{folder}: is not empty; an export needs a folder of its own"])
    try:
        with psycopg.connect(url) as connection:
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            path = sql.SQL("SET search_path = {}").format(sql.Identifier(schema))
            connection.execute(path)
            connection.execute("SET datestyle = 'ISO, YMD'")
            return _written(connection, folder, told)
    except psycopg.Error as fault:
        said = next(iter(str(fault).splitlines()), type(fault).__name__)
        raise StartRefused([f"the database: {said}"]) from fault


def _written(connection: psycopg.Connection, folder: Path, told: Callable[[str], None]) -> int:
    there = {name for (name,) in connection.execute(_TABLES).fetchall()}
    layout = next((one for one in layouts().values() if there.issuperset(one.known_by)), None)
    if layout is None:
        names = " or ".join(f"{o.title} ({', '.join(o.known_by)})" for o in layouts().values())
        raise StartRefused([f"the database: its schema holds no tables of {names}"])
    tables = {name: table for name, table in layout.tables.items() if name in there}
    for name, table in tables.items():
        _copy(connection, name, table, folder / f"{name}.csv")
        told(f"{name}.csv")
    return len(tables)


def _copy(connection: psycopg.Connection, name: str, table: Table, target: Path) -> None:
    there = {column for (column,) in connection.execute(_COLUMNS, [name]).fetchall()}
    columns = [c for c in (*table.needs, *table.may) if c in there]
    if not columns:
        raise StartRefused([f"the database: table {name} has none of the columns that are read"])
    query = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT csv, HEADER)").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(name)
    )
    partial = target.with_name(f"{target.name}.part")
    with partial.open("wb") as file, connection.cursor().copy(query) as rows:
        for piece in rows:
            file.write(piece)
    partial.replace(target)
