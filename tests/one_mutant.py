"""A pytest plugin for `make mutate` alone: a mutant is judged in a fifth of the time.

mutmut calls each function through a wrapper that asks at every call which mutant is on trial. In
the process of one mutant the answer never changes, so every name is bound, once, to the function
its wrapper would choose; a table that holds a wrapper keeps it, which does the same. Tests of the
mutant's own module come first, then the recorded answers; no report is written but the exit code.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from inspect import getclosurevars, isclass, isfunction
from types import FunctionType
from typing import Any

import pytest


def _mutant() -> str:
    """The mutant on trial, "" while mutmut only looks at the tests."""
    name = os.environ.get("MUTANT_UNDER_TEST", "")
    return name if "__mutmut_" in name else ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Most likely first; sorting keeps mutmut's order, the fastest first, within each kind."""
    own = f"test_{_mutant().rpartition('.')[0].rpartition('.')[2]}.py"
    if _mutant():
        items.sort(key=lambda item: (item.path.name != own, item.path.name != "test_fixtures.py"))


def pytest_collection_finish() -> None:
    """With all modules loaded, and before the first test."""
    mutant = _mutant()
    names = list(sys.modules.items()) if mutant else []
    for module in (m for n, m in names if n.startswith(("cds_service", "tests."))):
        _bind(module, mutant)
        for value in list(vars(module).values()):
            if isclass(value) and value.__module__ == module.__name__:
                _bind(value, mutant)


def _bind(holder: Any, mutant: str) -> None:
    for name, value in list(vars(holder).items()):
        if isfunction(value) and value.__code__.co_name == "_trampoline_wrapper":
            setattr(holder, name, _chosen(value, mutant))


def _chosen(wrapper: FunctionType, mutant: str) -> Callable[..., Any]:
    module, _, name = mutant.rpartition(".")
    inner = getclosurevars(wrapper).nonlocals["trampoline"]
    versions: dict[str, Callable[..., Any]] = getclosurevars(inner).nonlocals["mutants_dict"]
    here = module == wrapper.__module__
    return versions.get(name, versions["_mutmut_orig"]) if here else versions["_mutmut_orig"]


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run the tests without reports; None leaves it to pytest."""
    if not _mutant():
        return None
    for item, following in zip(session.items, [*session.items[1:], None], strict=True):
        if not _passes(item, following):
            session.testsfailed = 1
            break
    return True


def _passes(item: pytest.Item, following: pytest.Item | None) -> bool:
    if "tmp_path" in getattr(item, "fixturenames", ()):  # asks at its end how the test went
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        return not item.session.testsfailed
    state = item.session._setupstate
    try:
        state.setup(item)
        item.runtest()
    except pytest.skip.Exception:
        return True
    except (Exception, pytest.fail.Exception):  # noqa: BLE001 - it noticed the mutant
        return False
    finally:
        state.teardown_exact(following)
    return True
