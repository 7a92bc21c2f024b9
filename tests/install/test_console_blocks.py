"""Every console block of README and docs is run, line by line, as somebody would type it.

In a folder that looks like a checkout, against a service with its demonstration and a FHIR server.
What cannot be run here is named below with its reason; a line that is neither run nor named fails.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.install.hospital_server import HospitalServer
from tests.install.installed import steps
from tests.running import Gunicorn, until
from tests.tools.integrator.serving import free_port, served
from tests.tools.replay.hospital import hospital, write
from tests.tools.replay.review.test_answers import answers
from tests.tools.replay.review.test_answers import file as answers_file

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
PAGES = [
    *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "fhir_fixtures/README.md")),
    *sorted((REPOSITORY / "docs").glob("*.md")),
]
FENCED = re.compile(r"^```(?:sh|bash|console|shell)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(
    r"^    ((?:make|git|curl|pip|python3?|heparin-cds|\.venv/bin/\S+) .+)$", re.MULTILINE
)
ROOT = "needs root and systemd: read, not run"
NOT_RUN: Mapping[str, str] = {
    r"useradd|install -d -o root|install -m 0644 .*/etc/systemd|chown root|systemctl ": ROOT,
    r"systemd-run ": ROOT,
    r"\$EDITOR ": "a person writes these files",
    r"heparin-cds check https://cds\.hospital\.example\.org ": "a hospital's own URL and key;"
    " tests/tools/integrator/test_check.py has a service with a registered key",
}
INSTALLS = re.compile(r"/opt/heparin-cds\b.*(?:pip |\Z)")


def commands(block: str) -> list[str]:
    """One entry a command: continued lines are joined, comments left out."""
    joined = re.sub(r"\\\n\s*", " ", block)
    lines = (re.sub(r"\s+# .*", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line]


BLOCKS = [
    pytest.param(block, id=f"{page.name}: {commands(block)[0][:60]}")
    for page in PAGES
    for text in [page.read_text(encoding="utf-8")]
    for block in [*FENCED.findall(text), *INDENTED.findall(FENCED.sub("", text))]
]


def why_not(line: str) -> str:
    return next((why for words, why in NOT_RUN.items() if re.search(words, line)), "")


def is_of_the_wheel(line: str) -> bool:
    """Whether tests/install/test_wheel.py runs this line, as one of the Containerfile."""
    run = {step.replace("--no-cache-dir ", "") for step in steps("RUN")}
    same = line.replace("python3.11", "python").replace(" dist/heparin_cds-*", " /opt/dist/*")
    return same in run or same.endswith(" -r requirements-replay.lock")


class Place:
    """A folder with what a checkout has, and servers in the place of those that pages name."""

    def __init__(self, folder: Path, replaced: Mapping[str, str]) -> None:
        self.folder = folder
        self._replaced = replaced
        for name in ("cds_service", "docs", "fhir_fixtures", "Makefile"):
            (folder / name).symlink_to(REPOSITORY / name)
        (folder / ".venv").symlink_to(sys.prefix)
        (folder / "site.toml").write_text('site = "General Hospital"\n', encoding="utf-8")

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        said = re.compile("|".join(map(re.escape, self._replaced)))
        line = said.sub(lambda found: self._replaced[found[0]], line)
        dropped = ("CDS_", "PYTHON")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            cwd=self.folder,
            env=kept | {"PATH": f"{sys.prefix}/bin:{kept['PATH']}"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("console")
    servers = tmp_path_factory.mktemp("servers")
    export = write(servers / "export", hospital())
    for reader in ("AB", "CD"):  # as two readers would have saved them
        lines = answers(reader, [("p1", "agree"), ("p2", "disagree")], "heparinResistance")
        answers_file(folder / f"answers-heparinResistance-{reader}.csv", lines)
    demo = Gunicorn(servers, f"sqlite:///{servers}/ledger.sqlite", workers=1, CDS_DEMO="1")
    try:
        demo.wait()
        with served(HospitalServer().app()) as fhir:
            yield Place(
                folder,
                {
                    "http://127.0.0.1:5000": demo.url,
                    "http://127.0.0.1:8080": fhir,
                    "heparin-cds call ": f"heparin-cds call --service {demo.url} ",
                    "/data/bulk-export": str(export),
                    "/data/replay": str(servers / "replay"),
                    " SOURCE ": f" {export} ",
                    " OUT": f" {servers / 'out'}",
                    "/etc/heparin-cds/protocol.toml": "cds_service/assessment/model/protocol.toml",
                    "/srv/www/": f"{servers}/",
                    "/tmp/": f"{servers}/",  # noqa: S108 - what the documents say
                    "--stays 100": "--stays 2",
                },
            )
    finally:
        demo.stop()


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_runs(block: str, place: Place) -> None:
    ran = [line for line in commands(block) if not why_not(line)]
    by_the_wheel = [line for line in ran if INSTALLS.search(line)]
    here = [line for line in ran if line not in by_the_wheel and line != "make run"]

    assert all(is_of_the_wheel(line) for line in by_the_wheel), by_the_wheel
    if here:
        done = place.run("\n".join(here))
        assert done.returncode == 0, f"{done.args[-1]}\n{done.stdout}\n{done.stderr}"


def test_what_is_not_run_is_still_there_to_be_named() -> None:
    everything = "\n".join(line for b in BLOCKS for line in commands(str(b.values[0])))

    assert all(re.search(words, everything) for words in NOT_RUN)


def test_make_run_serves(tmp_path: Path) -> None:
    """For real, where the environment is the one that make has set up, and up to date."""
    ready = subprocess.run(["make", "--question", ".venv/.ready"], cwd=REPOSITORY, check=False)
    if (REPOSITORY / ".venv").is_symlink() or ready.returncode:
        pytest.skip("make setup has not made this environment, or would change it")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {"CDS_DATABASE_URL": f"sqlite:///{tmp_path}/ledger.sqlite", "WEB_CONCURRENCY": "1"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            ["make", "run", f"PORT={port}"],
            cwd=REPOSITORY,
            env={k: v for k, v in os.environ.items() if not k.startswith("CDS_")} | settings,
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: _answers(url), "make run serves")
    finally:
        process.terminate()
        process.wait(30)

    assert url in (tmp_path / "log").read_text()


def _answers(url: str) -> bool:
    import requests

    try:
        return requests.get(f"{url}/cds-services", timeout=5).ok
    except requests.RequestException:
        return False
