"""The hazard log names a control and a test for every hazard, and each of those tests exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOG = ROOT / "docs" / "safety.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py(?:::\w+)+)`")


@dataclass(frozen=True)
class Hazard:
    id: str
    hazard: str
    harm: str
    cause: str
    control: str
    shown_by: str

    @property
    def tests(self) -> list[str]:
        return NAMED.findall(self.shown_by)


def hazards() -> Iterator[Hazard]:
    for line in LOG.read_text(encoding="utf-8").splitlines():
        if re.match(r"\| H\d+ ", line):
            yield Hazard(*(cell.strip() for cell in line.strip("|").split("|")))


HAZARDS = list(hazards())


@cache
def names_in(path: Path) -> frozenset[str]:
    """`test_x` and `TestY::test_z` of a file, without importing it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            inner = (one for one in node.body if isinstance(one, ast.FunctionDef))
            found |= {f"{node.name}::{one.name}" for one in inner}
    return frozenset(name for name in found if name.rpartition("::")[2].startswith("test_"))


@pytest.mark.parametrize("hazard", HAZARDS, ids=lambda hazard: hazard.id)
def test_a_hazard_has_a_cause_a_control_and_a_test_that_exists(hazard: Hazard) -> None:
    assert hazard.hazard
    assert hazard.cause
    assert hazard.control
    assert hazard.harm in ("A", "B", "C")
    assert hazard.tests, "no test named"
    for named in hazard.tests:
        file, _, name = named.partition("::")
        assert (ROOT / file).is_file(), named
        assert name in names_in(ROOT / file), named


def test_hazards_are_numbered_without_a_gap() -> None:
    assert [hazard.id for hazard in HAZARDS] == [f"H{n}" for n in range(1, len(HAZARDS) + 1)]


def test_nothing_named_is_overlooked_for_its_spelling() -> None:
    """Every word that looks like a test's place is one that was checked."""
    text = LOG.read_text(encoding="utf-8")
    assert len(re.findall(r"tests/[^`\s,|]*::", text)) == sum(len(h.tests) for h in HAZARDS)
