"""OMOP tables of a real PostgreSQL, copied and replayed like any others."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql

from cds_service.cli import main
from cds_service.tools.replay.sources.found import found_at
from tests.databases import Postgres
from tests.tools.replay.shapes import as_csv, omop
from tests.tools.replay.test_sources import lines_of

pytestmark = pytest.mark.slow


def server(postgres: Postgres) -> str:
    """Its address, as libpq writes it."""
    url = postgres.new_database().replace("postgresql+psycopg://", "postgresql://")
    return url.split("options=")[0].rstrip("?&")


def filled(url: str, schema: str, *, without: str = "") -> None:
    with psycopg.connect(url) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        for table, rows in omop().items():
            if table == without:
                continue
            place, columns = sql.Identifier(schema, table), [*rows[0], "more"]
            typed = sql.SQL(", ").join(
                sql.SQL("{} text").format(sql.Identifier(c)) for c in columns
            )
            connection.execute(sql.SQL("CREATE TABLE {} ({})").format(place, typed))
            for row in rows:
                values = sql.SQL(", ").join(sql.Placeholder() for _ in columns)
                insert = sql.SQL("INSERT INTO {} VALUES ({})").format(place, values)
                connection.execute(insert, [*map(str, row.values()), "not read"])


def test_tables_of_postgres_come_to_the_lines_that_their_files_come_to(
    postgres: Postgres, tmp_path: Path
) -> None:
    url = server(postgres)
    filled(url, "cdm")
    asked = ["fetch", url, "--schema", "cdm", "--out", str(tmp_path / "out")]

    outcome = CliRunner().invoke(main, asked)

    assert outcome.exit_code == 0, outcome.output
    assert found_at(tmp_path / "out").kind == "OMOP CDM"
    assert "not read" not in (tmp_path / "out" / "measurement.csv").read_text()
    as_files = lines_of(as_csv(tmp_path / "files", omop()), tmp_path / "w1")
    found = lines_of(tmp_path / "out", tmp_path / "w2")
    assert sorted(map(str, found[0])) == sorted(map(str, as_files[0]))
    assert "is not empty" in CliRunner().invoke(main, asked).output


def test_a_schema_without_the_tables_is_refused(postgres: Postgres, tmp_path: Path) -> None:
    url = server(postgres)
    filled(url, "half", without="concept")
    asked = ["fetch", url, "--schema", "half", "--out", str(tmp_path / "out")]

    outcome = CliRunner().invoke(main, asked)

    assert outcome.exit_code == 1
    assert "holds no tables of OMOP CDM" in outcome.output


def test_a_database_that_does_not_answer_is_told_without_the_password(tmp_path: Path) -> None:
    url = "postgresql://reader:hunter2@127.0.0.1:1/omop"

    outcome = CliRunner().invoke(main, ["fetch", url, "--out", str(tmp_path / "out")])

    assert outcome.exit_code == 1
    assert "the database:" in outcome.output
    assert "hunter2" not in outcome.output
