"""The tree is the flow: arrows, purity and sizes of the package, and that its tables are total."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from cds_service import ARROWS
from cds_service.assessment.recommend.registry import TOPICS
from cds_service.chart.facts import Problem
from cds_service.chart.query_result import QueryState
from tests import arrows
from tests.cases import tables
from tests.complexity import function_sizes

PACKAGE = Path(__file__).parent.parent / "cds_service"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST_MODULE = 250  # lines of code
LONGEST_FUNCTION = 45
MOST_WAYS = 8  # through one function, as tests/complexity.py counts them
# Rooms in which every function keeps to that.
SIMPLE = (
    "assessment",
    "chart",
    "fhir",
    "hooks",
    "ledger",
    "outbound",
    "rulebook",
    "security",
    "serving",
    "tools/explain",
    "tools/handover",
    "tools/integrator",
    "web",
)

SOURCES = arrows.package_sources()
CHECKS: dict[str, Callable[[arrows.Sources], set[str]]] = {
    "an arrow that is not in the table": arrows.wrong_arrows,
    "a way from a room back to itself": arrows.round_trips,
    "a stage that reads the outside": arrows.impurities,
    "a library outside its rooms": arrows.strays,
    "a ninth module at the root": arrows.loose_at_the_root,
    "a public name defined twice": arrows.defined_twice,
}


@pytest.mark.parametrize("kind", CHECKS)
def test_the_package_has_none(kind: str) -> None:
    assert CHECKS[kind](SOURCES) == set()


CLIENTS = "from cds_service.security.clients import Client\n"
# Each spoils the tree in one way: (what must notice it, module, lines added to it).
ARROW, ROUND, OUTSIDE, LIBRARY, NINTH, TWICE = CHECKS
SPOILT = (
    (ARROW, "ledger.calls", CLIENTS),
    (ARROW, "chart.facts", "from cds_service import errors\n"),
    (ARROW, "assessment.model.case", "import cds_service.assessment.rules.rules\n"),
    (ARROW, "cards.card", "def f():\n    from cds_service.fhir import client\n"),
    (ROUND, "outbound.http", "from cds_service.web.routes import hook_routes\n"),
    (OUTSIDE, "assessment.measure.rates", "NOW = datetime.now()\n"),
    (OUTSIDE, "chart.units", "from pathlib import Path\n"),
    (OUTSIDE, "cards.card", "from urllib.request import urlopen\n"),
    (LIBRARY, "service", "from flask import request\n"),
    (LIBRARY, "security.jwks", "import requests\n"),
    (LIBRARY, "hooks.feedback", "from sqlalchemy import Table\n"),
    (NINTH, "helpers", "ONE = 1\n"),
    (TWICE, "chart.units", "class FhirQuery: ...\n"),
    (TWICE, "tools.nearest", "def handle(): ...\n"),
)


@pytest.mark.parametrize(("kind", "module", "lines"), SPOILT)
def test_a_tree_that_was_spoilt_is_noticed(kind: str, module: str, lines: str) -> None:
    spoilt = SOURCES | {module: f"{SOURCES.get(module, '')}\n{lines}"}

    assert CHECKS[kind](spoilt) - CHECKS[kind](SOURCES)


def test_every_room_has_a_row_of_arrows_and_every_row_a_room() -> None:
    assert {room.split(".")[0] for room in ARROWS} == {name.split(".")[0] for name in SOURCES}
    targets = {target for row in ARROWS.values() for target in row}
    assert not [t for t in targets if not any(arrows.within(name, (t,)) for name in SOURCES)]


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


@pytest.mark.parametrize(
    "module",
    [m for m in MODULES if m.relative_to(PACKAGE).as_posix().startswith(SIMPLE)],
    ids=lambda p: str(p.relative_to(PACKAGE)),
)
def test_few_ways_lead_through_a_function(module: Path) -> None:
    sizes = function_sizes(module.read_text(encoding="utf-8"))

    assert [one for one in sizes if one.complexity > MOST_WAYS] == []


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
