"""The arrows of the package, and that its tables are total.

demo -> settings        shell -> advice -> cards -> assessment -> chart -> standard library
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cds_service.assessment.recommend.registry import TOPICS
from cds_service.chart.facts import Problem
from cds_service.chart.query_result import QueryState
from tests.cases import tables

PACKAGE = Path(__file__).parent.parent / "cds_service"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST_MODULE = 250  # lines of code
LONGEST_FUNCTION = 45

# A pure stage may import these of ours; of others the standard library and what LENT names.
STAGES = {
    "chart": ("cds_service.chart",),
    "assessment": ("cds_service.chart", "cds_service.assessment"),
    "cards": ("cds_service.chart", "cds_service.assessment", "cds_service.cards"),
}
LENT = {"cards": ("fhir.resources",)}
IMPURE = ("os", "io", "pathlib", "socket", "requests", "urllib.request", "time", "random")
STILL_PURE = ("datetime", "urllib.parse")
CLOCKS = ("now", "utcnow", "today")


def imports(module: Path) -> Iterator[str]:
    """Every module that a file names, those under TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def stage_files(stage: str) -> list[Path]:
    return sorted((PACKAGE / stage).rglob("*.py"))


def within(name: str, allowed: tuple[str, ...]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in allowed)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_only_what_lies_before_it(stage: str) -> None:
    allowed = STAGES[stage] + LENT.get(stage, ())

    strangers = {
        f"{path.name}: {name}"
        for path in stage_files(stage)
        for name in imports(path)
        if not within(name, allowed) and name.split(".")[0] not in sys.stdlib_module_names
    }

    assert not strangers


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_reads_no_clock_environment_file_or_network(stage: str) -> None:
    impure = {
        f"{path.name}: {name}"
        for path in stage_files(stage)
        for name in imports(path)
        if within(name, IMPURE) and name not in STILL_PURE
    }
    clocks = {
        f"{path.name}: {node.func.attr}"
        for path in stage_files(stage)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CLOCKS
    }

    assert not impure | clocks


def test_the_spine_imports_the_three_stages_only() -> None:
    strangers = {
        name
        for name in imports(PACKAGE / "advice.py")
        if name.startswith("cds_service") and not within(name, STAGES["cards"])
    }

    assert not strangers


def test_the_demo_knows_settings_and_shipped_files_and_nothing_else_of_ours() -> None:
    strangers = {
        f"{path.name}: {name}"
        for path in sorted((PACKAGE / "demo").rglob("*.py"))
        for name in imports(path)
        if name.startswith("cds_service")
        and not within(
            name, ("cds_service.demo", "cds_service.settings", "cds_service.tools.shipped_files")
        )
    }

    assert not strangers


@pytest.mark.parametrize("module", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_and_its_functions_stay_short(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    code = [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)]
    long = [
        f.name
        for f in functions
        if (f.end_lineno or f.lineno) - f.lineno >= LONGEST_FUNCTION
        and not any(isinstance(inner, ast.FunctionDef) for inner in f.body)  # route factories
    ]

    assert len(code) <= LONGEST_MODULE
    assert not long


def test_every_topic_stands_in_every_table() -> None:
    rules = tables()
    worded = {key.split(".")[0] for key in rules.wording.summaries}

    assert set(TOPICS) == set(rules.protocol.topics) == worded


def test_only_the_registry_lists_cards_by_name() -> None:
    """A set or table of topic names elsewhere would have to be kept in step with the registry."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name == "registry.py":
            continue
        lists = [
            node.lineno
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Set | ast.Tuple | ast.List | ast.Dict)
            and sum(isinstance(n, ast.Constant) and n.value in TOPICS for n in _parts(node)) > 1
        ]
        assert lists == [], path


def _parts(node: ast.Set | ast.Tuple | ast.List | ast.Dict) -> list[ast.expr | None]:
    return node.keys if isinstance(node, ast.Dict) else list(node.elts)


def test_every_state_and_problem_has_words() -> None:
    reasons = tables().wording.reasons

    assert {s.value for s in QueryState} | {p.value for p in Problem} <= set(reasons)


def test_every_test_that_can_be_ordered_has_a_code_and_a_name() -> None:
    rules = tables()

    assert dict(rules.concepts.order_codes()).keys() == rules.wording.tests.keys()
