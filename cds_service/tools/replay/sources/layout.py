"""What a set of tables looks like: their names and columns, and the words that mean something."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from cds_service.rulebook.toml_table import read_table

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Table:
    """One table: columns it must have, and columns that are read where they are."""

    needs: tuple[str, ...]
    may: tuple[str, ...] = ()
    required: bool = False  # without this table nothing can be read


@dataclass(frozen=True, slots=True)
class Refusal:
    """A state of the data in which reading them would mislead: a query that counts it."""

    when: str  # SQL that gives one number; more than 0 refuses
    say: str  # with {count}


@dataclass(frozen=True, slots=True)
class Note:
    """Rows that are left out, to be told: a query of (count, what)."""

    of: str
    say: str  # with {count} and {what}


@dataclass(frozen=True, slots=True)
class Layout:
    """One database as a file of tables; the SQL of the same name writes the lines."""

    title: str
    known_by: tuple[str, ...]  # a folder with these tables is such a database
    tables: Mapping[str, Table]
    maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # table of (key, value)
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[Note, ...] = ()


@cache
def layouts() -> Mapping[str, Layout]:
    """All layouts that can be read, by the name of their file."""
    return {name: read_table(HERE / f"{name}.toml", Layout) for name in ("omop", "mimic", "eicu")}


def statements(name: str) -> Iterator[str]:
    """The SQL that turns a layout's tables into FHIR lines; each SELECT gives a column of them."""
    text = (HERE / f"{name}.sql").read_text(encoding="utf-8")
    bare = re.sub(r"^ *--.*$", "", text, flags=re.MULTILINE)
    yield from (part.strip() for part in re.split(r";$", bare, flags=re.MULTILINE) if part.strip())
