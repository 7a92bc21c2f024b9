"""Every line that installs something, wherever it is written: as locked, and nothing resolved."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
TARGETS = (
    *(".venv/.ready-runtime", "setup", "fhir-server", "healthchain", "wheel", "lock"),
    *(".venv-mutate/.ready", ".venv-lock-tool/.ready"),
)
INSTALLS = re.compile(
    r"\b(?:pip3?|uv|uvx|pipx|poetry|pdm|conda|mamba|easy_install|pip-sync)\b"
    r"(?= +(?:--?\S+ +)*(?:install|sync|add|run|tool|download|wheel)\b)"
)
ENVIRONMENT = re.compile(r"\S*?([\w./-]+)/bin/")
PINNED = re.compile(r"^([a-z0-9][\w.-]*)==([^ ;]+)(?: ; [^\\]+)?(.*)$")


def by_make() -> str:
    """What make would run, its variables filled in."""
    command = ["make", "--always-make", "--dry-run", "--no-print-directory", *TARGETS]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return done.stdout


def written() -> dict[str, str]:
    """Each text of the project that a person or a machine may take a command from."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    kinds = (".md", ".py", ".toml", ".yaml", ".yml", ".service", ".html", ".cfg", ".ini")
    names = ("Containerfile", "Makefile", ".ci/run")
    skipped = ("tests/install/", "fhir_fixtures/", "DECISIONS.md")  # these are tests, data, reasons
    return {
        name: (REPOSITORY / name).read_text(encoding="utf-8")
        for name in listed
        if (name.endswith(kinds) or name in names)
        and not name.startswith(skipped)
        and (REPOSITORY / name).is_file()
    } | {"Makefile": by_make()}


def install_lines() -> list[tuple[str, str]]:
    """File and line, continued lines joined."""
    found = []
    for name, text in written().items():
        joined = re.sub(r"\\\n\s*(?:&& )?", " ", text)
        # A message of ours that is cut into pieces by Python's quotes.
        found += [(name, line.strip()) for line in joined.splitlines() if INSTALLS.search(line)]
    return found


LINES = install_lines()


def as_locked(line: str) -> bool:
    """From locks, each file by hash, as built by its makers."""
    locks = re.findall(r"(?:-r|--requirement)[ =](\S+)", line)
    return (
        "--require-hashes" in line
        and "--only-binary :all:" in line
        and bool(locks)
        and all(lock.endswith(".lock") or lock.startswith("{lock}") for lock in locks)
    )


def of_our_own(line: str) -> bool:
    """Our own code, from here, with tools that are installed already."""
    ours = line.endswith((" --editable .", "heparin_cds-*.whl", "/opt/dist/*.whl"))
    built = "--no-build-isolation" in line or ".whl" in line
    return "--no-index" in line and built and ours


def test_the_lines_are_found() -> None:
    files = {name for name, _ in LINES}

    assert {"Makefile", "Containerfile", "docs/deployment.md"} <= files
    assert sum(name == "Makefile" for name, _ in LINES) >= len(TARGETS) - 2


@pytest.mark.parametrize(("name", "line"), LINES, ids=[f"{n}: {x[-60:]}" for n, x in LINES])
def test_a_line_installs_what_is_locked_and_resolves_nothing(name: str, line: str) -> None:
    assert "--no-deps" in line, line
    assert as_locked(line) or of_our_own(line), line


def test_each_environment_is_checked_after_its_installs() -> None:
    for name in ("Makefile", "Containerfile"):
        checked: dict[str, bool] = {}
        for line in written()[name].splitlines():
            place = ENVIRONMENT.search(line)
            if place and INSTALLS.search(line):
                checked[place[1]] = False
            elif place and re.search(r"-m pip check\b", line):
                checked[place[1]] = True
        assert checked, name
        assert all(checked.values()), (name, checked)


def test_nothing_is_built_with_tools_that_are_fetched_for_it() -> None:
    builds = [
        line
        for name, text in written().items()
        for line in text.splitlines()
        if name in ("Makefile", "Containerfile") and re.search(r"-m build\b", line)
    ]

    assert len(builds) == 2
    assert all("--no-isolation" in line for line in builds)


def pins(lock: Path) -> dict[str, set[str]]:
    """Versions by name; more than one where Pythons or systems differ."""
    found: dict[str, set[str]] = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        pinned = PINNED.match(line)
        if pinned:
            found.setdefault(pinned[1], set()).add(pinned[2])
    return found


LOCKS = sorted(REPOSITORY.glob("*.lock"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda p: str(p.name))
def test_a_lock_holds_versions_with_hashes_and_names_no_index(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-z0-9])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))

    assert pins(lock)
    for entry in entries:
        assert PINNED.match(entry.splitlines()[0]), entry
        assert "--hash=sha256:" in entry, entry
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


def test_the_locks_of_one_environment_agree() -> None:
    """What serves, builds and replays is what was tested."""
    tested = pins(REPOSITORY / "requirements-test.lock")
    for end in ("", "-build", "-replay"):
        locked = pins(REPOSITORY / f"requirements{end}.lock")
        assert {name: tested.get(name) for name in locked} == locked, end


def test_serving_needs_no_part_of_replay_or_tests() -> None:
    served = pins(REPOSITORY / "requirements.lock")

    assert not {"dask", "distributed", "duckdb", "matplotlib", "numpy", "pytest"} & set(served)


def test_what_builds_the_project_is_locked() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    locked = pins(REPOSITORY / "requirements-build.lock")

    wanted = project["build-system"]["requires"]
    assert set(wanted) <= set(project["dependency-groups"]["build"])
    assert {re.split(r"[^\w-]", one)[0] for one in wanted} <= set(locked)
