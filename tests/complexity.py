"""How many ways lead through a function: its cyclomatic complexity, with boolean operators counted.

One for the function itself, and one for each `if`, `elif`, conditional expression, `for`, `while`,
`except`, `assert` and `case` (a bare `case _` is free), each `for` and each `if` of a
comprehension, and each operand of `and` / `or` after the first. A function inside a function is
counted by itself; a lambda counts for the function it stands in.

`python -m tests.complexity` prints the measures of the package and its worst functions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

Function = ast.FunctionDef | ast.AsyncFunctionDef

_PACKAGE = Path(__file__).parent.parent / "cds_service"
_ONE_EACH = (
    ast.If,
    ast.IfExp,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.ExceptHandler,
    ast.Assert,
)


@dataclass(frozen=True)
class FunctionSize:
    """`name` is qualified (`Class.method`); `line` is where it begins; `lines` how long it is."""

    name: str
    line: int
    complexity: int
    lines: int


def function_sizes(source: str) -> list[FunctionSize]:
    """Measure every function of a module's text, those inside classes and functions too."""
    return list(_functions(ast.parse(source), ()))


def complexity(function: Function) -> int:
    return 1 + sum(_weight(node) for node in _own_nodes(function))


def _functions(node: ast.AST, within: tuple[str, ...]) -> Iterator[FunctionSize]:
    for child in ast.iter_child_nodes(node):
        name = within
        if isinstance(child, Function | ast.ClassDef):
            name = (*within, child.name)
        if isinstance(child, Function):
            lines = (child.end_lineno or child.lineno) - child.lineno + 1
            yield FunctionSize(".".join(name), child.lineno, complexity(child), lines)
        yield from _functions(child, name)


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, Function | ast.ClassDef):
            yield child
            yield from _own_nodes(child)


def _weight(node: ast.AST) -> int:
    match node:
        case ast.BoolOp():
            return len(node.values) - 1
        case ast.comprehension():
            return 1 + len(node.ifs)
        case ast.match_case():
            return 0 if _takes_anything(node) else 1
        case _:
            return int(isinstance(node, _ONE_EACH))


def _takes_anything(case: ast.match_case) -> bool:
    bare = isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None
    return bare and case.guard is None


def main() -> None:
    every = [
        (one.complexity, one.lines, f"{path.relative_to(_PACKAGE)}:{one.line} {one.name}")
        for path in sorted(_PACKAGE.rglob("*.py"))
        for one in function_sizes(path.read_text(encoding="utf-8"))
    ]
    for number, measure in enumerate(("complexity", "lines")):
        values = [one[number] for one in every]
        p90 = quantiles(values, n=10)[-1]
        print(f"{measure}: median {median(values):g}, p90 {p90:g}, most {max(values)}")
    for one in sorted(every, reverse=True)[:20]:
        print(*one)


if __name__ == "__main__":
    main()
