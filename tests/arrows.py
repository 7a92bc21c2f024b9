"""What the architecture forbids, found in sources: a mapping of module name to text, so that a test
can also ask about a tree that was spoilt on purpose.

A module is named as it is imported, without the package: "chart.facts", "app".
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from cds_service import ARROWS

PACKAGE = Path(__file__).parent.parent / "cds_service"
AT_THE_ROOT = {"app", "cli", "settings", "errors", "logs", "metrics", "service", "advice"}
PURE = ("chart", "assessment", "cards")
SHELL_MAY = ("errors", "logs")
IMPURE = ("os", "io", "pathlib", "socket", "requests", "urllib.request", "time", "random")
STILL_PURE = ("datetime", "urllib.parse")
CLOCKS = ("now", "utcnow", "today")
# Where else than in these rooms a library of the shell has no business.
ONLY_IN = {
    "flask": (
        "app",
        "web",
        "demo",
        "smart",
        "tools.explain",
        "tools.integrator.checks.loopback",
    ),
    "sqlalchemy": ("ledger", "security.used_tokens"),
    "requests": ("outbound", "tools"),
    "socket": ("outbound", "serving", "tools"),
}
# Alembic asks each script for these names.
GIVEN_NAMES = {"upgrade", "downgrade"}

Sources = Mapping[str, str]


def package_sources() -> dict[str, str]:
    """Every module of the package."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): (
            path.read_text(encoding="utf-8")
        )
        for path in sorted(PACKAGE.rglob("*.py"))
        if path != PACKAGE / "__init__.py"
    }


@cache  # each check asks for the same few hundred sources
def imports(text: str) -> tuple[str, ...]:
    """Every module that a source imports, those within functions and TYPE_CHECKING too."""
    return tuple(_imported(ast.parse(text)))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def clock_calls(text: str) -> tuple[str, ...]:
    """Calls of `now()` and its like, as they stand in a source."""
    return tuple(
        node.func.attr
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CLOCKS
    )


@cache
def public_definitions(text: str) -> tuple[str, ...]:
    """Classes and functions at the top of a source, but for private ones."""
    return tuple(
        node.name
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name[0] != "_"
    )


def within(name: str, rooms: tuple[str, ...]) -> bool:
    """Whether a module is one of the rooms, or lies in one."""
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def room_of(module: str) -> str:
    """The row of `ARROWS` that a module falls under; empty if none does."""
    return max((room for room in ARROWS if within(module, (room,))), key=len, default="")


def wrong_arrows(sources: Sources) -> set[str]:
    """Imports of ours that no row of `ARROWS` allows, as "module -> module"."""
    return {
        f"{module} -> {target}"
        for module, text in sources.items()
        for name in imports(text)
        if (target := name.removeprefix("cds_service.")) in sources and name != target
        if not _is_allowed(module, target)
    }


def _is_allowed(module: str, target: str) -> bool:
    room = room_of(module)
    if not room:
        return module == "assessment"
    always = (room, *(() if within(module, PURE) or module == "advice" else SHELL_MAY))
    return within(target, (*always, *ARROWS[room]))


def round_trips(sources: Sources) -> set[str]:
    """Rooms that can be reached from themselves along the imports there are."""
    found: dict[str, set[str]] = defaultdict(set)
    for module, text in sources.items():
        for name in imports(text):
            target = name.removeprefix("cds_service.")
            if target in sources and room_of(target) != room_of(module):
                found[_fine(module)].add(_fine(target))
    return {room for room in list(found) if room in _reached(room, found)}


def _fine(module: str) -> str:
    """A room, or a module that lies in a room and imports nothing of it."""
    leaves = (
        "ledger.database_url", "fhir.queries", "fhir.bundles", "tools.shipped_files",
        "tools.nearest", "tools.product", "demo.fixtures", "demo.fhir", "demo.markdown",
    )  # fmt: skip
    return module if module in leaves else room_of(module)


def _reached(start: str, arrows: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    ahead = list(arrows.get(start, ()))
    while ahead:
        room = ahead.pop()
        if room not in seen:
            seen.add(room)
            ahead += arrows.get(room, ())
    return seen


def impurities(sources: Sources) -> set[str]:
    """What a pure stage reads of the outside: modules that open something, and clocks."""
    stages = {module: text for module, text in sources.items() if within(module, PURE)}
    return {
        f"{module}: {name}"
        for module, text in stages.items()
        for name in imports(text)
        if within(name, IMPURE) and not within(name, STILL_PURE)
    } | {f"{module}: {call}()" for module, text in stages.items() for call in clock_calls(text)}


def strays(sources: Sources) -> set[str]:
    """Libraries used where they have no business, as "module: library"."""
    return {
        f"{module}: {library}"
        for module, text in sources.items()
        for name in imports(text)
        for library, rooms in ONLY_IN.items()
        if within(name, (library,)) and not within(module, rooms)
    }


def loose_at_the_root(sources: Sources) -> set[str]:
    """Modules at the root that are none of the eight."""
    rooms = {module.split(".")[0] for module in sources if "." in module}
    return {module for module in sources if "." not in module} - AT_THE_ROOT - rooms


def defined_twice(sources: Sources) -> set[str]:
    """Public classes and functions of two modules by one name."""
    places: dict[str, list[str]] = defaultdict(list)
    for module, text in sources.items():
        for name in public_definitions(text):
            places[name].append(module)
    twice = {name: found for name, found in places.items() if len(found) > 1}
    return {f"{name}: {', '.join(at)}" for name, at in twice.items() if name not in GIVEN_NAMES}
