"""A pytest plugin for `make mutate` alone: a mutant is judged in a fifth of the time.

mutmut calls each function through a wrapper that asks at every call which mutant is on trial. In
the process of one mutant the answer never changes, so every name is bound, once, to the function
its wrapper would choose; a table that holds a wrapper keeps it, which does the same. Tests of the
mutant's own module and the recorded answers come first; nothing is reported but the exit code.
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


WANTED: dict[str, int] = {}  # the tests that mutmut asks for, and their place: the fastest first


def pytest_configure(config: pytest.Config) -> None:
    """Collect by files, the likely ones first: a thousand single names take pytest far longer."""
    if _mutant():
        WANTED.update({name: place for place, name in enumerate(config.args)})
        config.args = [file for file in _files() if _likely(file)] or _files()


def _files() -> list[str]:
    return list(dict.fromkeys(name.partition("::")[0] for name in WANTED))


def _likely(file: str) -> bool:
    """The tests of the mutant's own module, and the recorded answers."""
    module = _mutant().rpartition(".")[0].rpartition(".")[2].rstrip("s")
    name = file.rpartition("/")[2]
    return module in name or name == "test_fixtures.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Only what was asked for, in its order."""
    if _mutant():
        asked = (item for item in items if item.nodeid in WANTED)
        items[:] = sorted(asked, key=lambda item: WANTED[item.nodeid])


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
    rest = [file for file in _files() if file not in session.config.args]
    if _all_pass(session) and rest:
        session.perform_collect(rest)
        _all_pass(session)
    return True


def _all_pass(session: pytest.Session) -> bool:
    following = [*session.items[1:], None]
    passed = all(map(_passes, session.items, following))
    session.testsfailed = int(not passed)
    return passed


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
