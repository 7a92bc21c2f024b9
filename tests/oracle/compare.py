"""Asks service and oracle the same questions: `python -m tests.oracle.compare`.

The only module here that knows the service. Without arguments a seeded sample; `--all` walks the
whole grid on every core.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime

from cds_service.advice import Advice, advise
from cds_service.assessment.model.recommendation import Option, StartDrug
from cds_service.chart.query_result import QueryResult, QueryState
from tests.cases import called, tables
from tests.oracle import chart, grid
from tests.oracle.cell import Cell
from tests.oracle.expected import IGNORED, Decision, decide

NOW = datetime(2026, 3, 2, 14, tzinfo=UTC)
FINDINGS = (
    "high",
    "very_high",
    "ceiling",
    "below_target",
    "above_target",
    "masked",
    "pseudo_resistance",
    "requirement_raised",
    "failing",
    "confirmed",
    "resistance_suspected",
)


def ask(cell: Cell) -> Advice:
    """The service's advice for a cell."""
    answers = {
        key: QueryResult(QueryState.SUPPLIED if found else QueryState.EMPTY, tuple(found))
        for key, found in chart.resources(cell, NOW).items()
    }
    for key in tables().concepts.queries:
        answers.setdefault(key, QueryResult(QueryState.EMPTY))
    return advise(called(chart.hook_request(cell)), answers, tables(), NOW)


def differences(cell: Cell) -> list[str]:
    """Where service and oracle part, in words; empty when they agree."""
    expected, advice = decide(cell), ask(cell)
    found = [
        f"{name}: service {advice.findings.verdicts[name].truth.value}, oracle {answer}"
        for name, answer in expected.findings.items()
        if name in FINDINGS
        and not (name == "pseudo_resistance" and cell.trust != "good")  # no usable pair
        and advice.findings.verdicts[name].truth.value != answer
    ]
    items = {i.topic: i for i in advice.findings.items if i.topic not in IGNORED}
    indicators = {topic: item.indicator.value for topic, item in items.items()}
    if indicators != dict(expected.topics):
        found.append(f"topics: service {indicators}, oracle {dict(expected.topics)}")
    return found + list(_offers(advice, expected))


def _offers(advice: Advice, expected: Decision) -> Iterator[str]:
    """Drugs, doses and recommendations on the cards that may carry them."""
    carriers = ("hitSuspected", "anticoagulantSwitch", "antithrombinDose")
    choices = [c for i in advice.findings.items if i.topic in carriers for c in i.choices]
    starts = [(c, a) for c in choices for a in c.actions if isinstance(a, StartDrug)]
    drugs = {a.drug: a.value for _, a in starts if a.drug != "antithrombin"}
    doses = [a.value for _, a in starts if a.drug == "antithrombin"]
    recommended = _recommended(starts)
    if drugs != dict(expected.offered):
        yield f"offered: service {drugs}, oracle {dict(expected.offered)}"
    if recommended != expected.recommended:
        yield f"recommended: service {recommended}, oracle {expected.recommended}"
    if doses != ([] if expected.antithrombin_units is None else [expected.antithrombin_units]):
        yield f"dose: service {doses}, oracle {expected.antithrombin_units}"


def _recommended(starts: Iterable[tuple[Option, StartDrug]]) -> str | None:
    """The one recommended drug; antithrombin never is in this grid."""
    drugs = [a.drug for c, a in starts if c.recommended]
    return " and ".join(drugs) or None


def _tally(cells: Iterable[Cell]) -> tuple[int, Counter[str], dict[str, Cell]]:
    """Cells that agree; kinds of difference with their number and one example each."""
    agreed, kinds, examples = 0, Counter[str](), dict[str, Cell]()
    for cell in cells:
        found = differences(cell)
        agreed += not found
        for one in found:
            kinds[one] += 1
            examples.setdefault(one, cell)
    return agreed, kinds, examples


def _part(bounds: tuple[int, int, int]) -> tuple[int, Counter[str], dict[str, Cell]]:
    return _tally(grid.cell_at(number) for number in range(*bounds))


def main() -> int:
    """Compare and print the tally; 1 when any cell differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="the whole grid")
    parser.add_argument("--cells", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args()
    began = time.perf_counter()
    if chosen.all:
        cores = os.cpu_count() or 1
        step = 20_000
        parts = [(n, min(n + step, grid.SIZE), 1) for n in range(0, grid.SIZE, step)]
        with ProcessPoolExecutor(cores) as pool:
            tallies = list(pool.map(_part, parts))
        asked = grid.SIZE
    else:
        tallies = [_tally(grid.sample(chosen.cells, chosen.seed))]
        asked = chosen.cells
    agreed = sum(t[0] for t in tallies)
    kinds = sum((t[1] for t in tallies), Counter[str]())
    examples = {kind: cell for t in tallies for kind, cell in t[2].items()}
    seconds = time.perf_counter() - began
    out = sys.stdout.write
    out(f"{asked} cells of {grid.SIZE}: {agreed} agree, {asked - agreed} differ; {seconds:.0f} s\n")
    for kind, count in kinds.most_common(12):
        out(f"  {count:6} {kind}\n         {examples[kind]}\n")
    return 0 if agreed == asked else 1


if __name__ == "__main__":
    sys.exit(main())
