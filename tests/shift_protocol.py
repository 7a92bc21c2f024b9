"""Moves every number of the protocol by one step, up and down: some test must notice each.

`python -m tests.shift_protocol` (or `make mutate-protocol`). Only a test that stands at the line
can notice one per cent; whole numbers and numbers that are only printed move by their last digit.
The tests are collected once; each shift runs in a forked child, until the first that fails.
"""

from __future__ import annotations

import gc
import os
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

from cds_service.assessment.model.protocol import Protocol
from tests.builders import protocol

TESTS = Path(__file__).parent
SELECTION = tuple(
    str(TESTS / part)
    for part in ("assessment", "cards/test_numbers.py", "ledger/test_override_span.py")
)
OPTIONS = ("-o", "addopts=--import-mode=importlib", "-p", "no:cacheprovider", "-p", "no:terminal")
AT_ONCE = 2
STEP = Decimal("0.01")

# Counted in whole numbers: points, rises, cards, days of the 4Ts, years.
WHOLE = frozenset(
    {
        "patient.adult_age",
        "heparin.escalation_rises",
        "heparin.hourly_rows",
        "hit.onset_first_day",
        "hit.onset_last_day",
        "hit.suspected_score",
        "hit.reopened_score",
        "hit.possible_score",
        "hit.possible_day",
        "cards.shown",
        "resistance.lost_fewest",
        "required_rate.fewest_pairs",
        "required_rate.fewest_anew",
    }
)
# Compared with nothing: a clinician reads them on a card.
PRINTED = frozenset(
    {
        "antithrombin_dose.recheck_from",
        "antithrombin_dose.maintenance_low",
        "antithrombin_dose.maintenance_high",
        "antithrombin_dose.maintenance_from",
        "antithrombin_dose.maintenance_to",
        "switch.argatroban_target_low",
        "switch.argatroban_target_high",
        "switch.argatroban_first_aptt",
        "switch.bivalirudin_target_low",
        "switch.bivalirudin_ecmo_low",
        "switch.bivalirudin_ecmo_high",
        "bleeding.protamine_per_units",
        "bleeding.protamine_most",
        "bleeding.protamine_hours",
        "bleeding.lysis_aptt",
        "switch.bivalirudin_target_high",
        "switch.bivalirudin_first_aptt_from",
        "switch.bivalirudin_first_aptt_to",
    }
)


@dataclass(frozen=True, slots=True)
class Shift:
    """One number with another value."""

    key: str
    value: float

    def __str__(self) -> str:
        return f"{self.key}={self.value!r}"


def step_of(key: str, value: float) -> Decimal:
    """One per cent, or the last digit as the protocol writes it."""
    number = Decimal(str(value)).normalize()
    if key not in WHOLE | PRINTED:
        return abs(number) * STEP
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    return Decimal(1).scaleb(min(exponent, 0))


def shifts(rows: Protocol) -> Iterator[Shift]:
    """Every number, one step up and one down."""
    for key, row in rows.rows.items():
        for sign in (1, -1):
            yield Shift(key, float(Decimal(str(row.value)) + sign * step_of(key, row.value)))


class Reads(dict[str, object]):
    """The protocol's rows, noting which of them a test looked at."""

    seen: set[str]

    def __getitem__(self, key: str) -> object:
        self.seen.add(key)
        return super().__getitem__(key)


class Runner:
    """A pytest plugin that runs the collected tests once, then once for every shift."""

    def __init__(self) -> None:
        self.survivors: list[Shift] = []
        self.tried: list[Shift] = []
        self.broken: list[str] = []

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Laws draw at random: they hold whatever the numbers are."""
        items[:] = [item for item in items if "test_laws" not in item.nodeid]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of the ordinary run."""
        readers = self._unshifted(session.items)
        if not self.broken:
            gc.freeze()  # the children share what is loaded
            self.tried = list(shifts(protocol()))
            self.survivors = _survivors(self.tried, readers)
        return True

    def _unshifted(self, items: Sequence[pytest.Item]) -> Mapping[str, list[pytest.Item]]:
        """Which tests look at which number; all of them must pass."""
        readers: dict[str, list[tuple[float, pytest.Item]]] = {}
        note = _watch()
        for item in items:
            note.clear()
            began = time.perf_counter()
            if not passes(item):
                self.broken.append(item.nodeid)
            spent = time.perf_counter() - began
            for key in note:
                readers.setdefault(key, []).append((_far(key, item), spent, item))  # type: ignore[arg-type]
        return {k: [one[-1] for one in sorted(v, key=lambda x: x[:2])] for k, v in readers.items()}


def _far(key: str, item: pytest.Item) -> int:
    """Tests whose file speaks of the number's section come first."""
    section, _, name = key.partition(".")
    words = {section, *name.split("_")}
    return -sum(word in item.nodeid for word in words)


def _watch() -> set[str]:
    """Note every row that is looked at from now on."""
    seen: set[str] = set()
    plain, span = Protocol.__getitem__, Protocol.span

    def item_of(self: Protocol, key: str) -> float:
        seen.add(key)
        return plain(self, key)

    def span_of(self: Protocol, key: str) -> object:
        seen.add(key)
        return span(self, key)

    Protocol.__getitem__ = item_of  # type: ignore[method-assign]
    Protocol.span = span_of  # type: ignore[method-assign,assignment]
    return seen


def passes(item: pytest.Item) -> bool:
    """Run one test, without a word."""
    reports = runtestprotocol(item, log=False, nextitem=None)
    return not any(report.failed for report in reports)


def _survivors(tried: list[Shift], readers: Mapping[str, list[pytest.Item]]) -> list[Shift]:
    """The shifts that no test noticed, two children at a time."""
    running: dict[int, Shift] = {}
    survivors: list[Shift] = []
    waiting = list(reversed(tried))
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            shift = waiting.pop()
            running[_child(shift, readers.get(shift.key, []))] = shift
        pid, status = os.wait()
        shift = running.pop(pid)
        if os.waitstatus_to_exitcode(status) != NOTICED:
            survivors.append(shift)
    return survivors


NOTICED, UNNOTICED = 3, 4


def _child(shift: Shift, items: list[pytest.Item]) -> int:
    """Fork, run the tests with the shift until one fails, and say so by the exit code."""
    pid = os.fork()
    if pid:
        return pid
    code = UNNOTICED
    try:
        os.environ["CDS_TEST_SHIFT"] = str(shift)
        code = NOTICED if any(not passes(item) for item in items) else UNNOTICED
    except BaseException:  # noqa: BLE001 - a child must never return into the parent's work
        traceback.print_exc()
    finally:
        os._exit(code)


def main() -> int:
    """Print how many numbers are held, and the shifts that no test noticed."""
    runner, began = Runner(), time.perf_counter()
    pytest.main([*OPTIONS, *SELECTION], plugins=[runner])
    out = sys.stdout.write
    for broken in runner.broken:
        out(f"fails without any shift: {broken}\n")
    numbers = {shift.key for shift in runner.tried}
    lost = {shift.key for shift in runner.survivors}
    for shift in runner.survivors:
        out(f"no test notices {shift}\n")
    held = len(numbers - lost)
    seconds = time.perf_counter() - began
    out(f"{held} of {len(numbers)} numbers are held by a test")
    out(f" ({len(runner.tried)} shifts in {seconds:.0f} s)\n")
    return 1 if runner.broken or runner.survivors or not numbers else 0


if __name__ == "__main__":
    sys.exit(main())
