"""Requirement, test, result: `python -m tests.conformance.table` prints all as a Markdown table.

The requirements stand in requirements.toml; a test names those it holds by their numbers. It ends
in 1 if a requirement has no test, or a test did not pass.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
HEAD = ("Requirement", "What it asks", "Tests", "Result")
_DEFINED = re.compile(r"^ *def (test_\w+)\(", re.MULTILINE)
_NEXT = re.compile(r"_(\d+)_(\d+)(?=_)")

Results = Mapping[str, Counter[str]]  # by test: how often it ended in which way


def requirements() -> dict[str, str]:
    """What is asked, by number."""
    text = (FOLDER / "requirements.toml").read_text(encoding="utf-8")
    return {number: said for part in tomllib.loads(text).values() for number, said in part.items()}


def numbers(test: str) -> Iterator[str]:
    """The requirements a test is named after: 3.2 and 3.3 of `test_3_2_3_3_the_only_token`."""
    place = len("test")
    while found := _NEXT.match(test, place):
        yield f"{found[1]}.{found[2]}"
        place = found.end()


def written() -> list[str]:
    """Every test of this folder, by file and name."""
    files = sorted(FOLDER.glob("test_*.py"))
    return [f"{f.name}::{name}" for f in files for name in _DEFINED.findall(f.read_text())]


def by_requirement(tests: list[str]) -> dict[str, list[str]]:
    """Each requirement's tests."""
    found: dict[str, list[str]] = {number: [] for number in requirements()}
    for test in tests:
        for number in numbers(test.partition("::")[2]):
            found.setdefault(number, []).append(test)
    return found


def table(results: Results) -> str:
    """One line for each requirement."""
    lines = [HEAD, ["---"] * len(HEAD)]
    for number, tests in by_requirement(list(results)).items():
        ended = sum((results[test] for test in tests), Counter[str]())
        names = "<br>".join(f"`{test}`" for test in tests)
        lines.append([number, requirements()[number], names, told(ended)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def told(ended: Counter[str]) -> str:
    """How a requirement's tests ended."""
    return ", ".join(f"{times} {way}" for way, times in sorted(ended.items())) or "**no test**"


class Recorder:
    """A plugin of pytest that notes how each test ended."""

    def __init__(self) -> None:
        self.results: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            path, *_, name = report.nodeid.split("::")
            test = f"{Path(path).name}::{name.partition('[')[0]}"
            self.results[test][report.outcome] += 1


def main() -> int:
    """Run them, print the table."""
    recorder = Recorder()
    with contextlib.redirect_stdout(io.StringIO()):
        code = pytest.main(["--quiet", str(FOLDER), *sys.argv[1:]], plugins=[recorder])
    print(table(recorder.results))
    missing = [
        number for number, tests in by_requirement(list(recorder.results)).items() if not tests
    ]
    ended = sum(recorder.results.values(), Counter[str]())
    total = len(requirements())
    print(
        f"\n{total} requirements, {total - len(missing)} of them with tests; tests: {told(ended)}."
    )
    return 1 if missing or code != pytest.ExitCode.OK else 0


if __name__ == "__main__":
    sys.exit(main())
