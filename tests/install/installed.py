"""The wheel, installed into a clean environment by the Containerfile's own lines.

The lines that need no root are run in a scratch folder, with its path before /opt; what they copy
is the working tree. The image itself is built nowhere here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.running import free_port

REPOSITORY = Path(__file__).parents[2]
CONTAINERFILE = (REPOSITORY / "Containerfile").read_text(encoding="utf-8")
NEEDS_ROOT = re.compile(r"/var/lib|useradd|chown|apt-get|install -d -o")


def steps(instruction: str) -> list[str]:
    """The Containerfile's lines of one instruction, in order, continued lines joined."""
    joined = re.sub(r"\\\n\s*", " ", CONTAINERFILE)
    return re.findall(rf"^{instruction} (.+)$", joined, re.MULTILINE)


class Installed:
    """`heparin-cds` of the wheel, called from an empty folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin = root / "opt" / "heparin-cds" / "bin"
        self.empty = root / "empty"
        self.empty.mkdir()

    def environ(self, **settings: str) -> dict[str, str]:
        """Nothing of the checkout, of the tests or of the settings of whoever runs them."""
        dropped = ("CDS_", "PYTHON", "PROMETHEUS", "COVERAGE", "PORT", "WEB_CONCURRENCY")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
        return kept | {"WEB_CONCURRENCY": "1"} | settings

    def run(self, *words: object, **settings: str) -> subprocess.CompletedProcess[str]:
        """A command to its end."""
        return subprocess.run(
            [self.bin / "heparin-cds", *map(str, words)],
            cwd=self.empty,
            env=self.environ(**settings),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @contextmanager
    def serving(self, *words: str, **settings: str) -> Iterator[str]:
        """The URL of a server that a command became, until it is stopped."""
        port = free_port()
        log = self.root / f"{words[0]}-{port}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [self.bin / "heparin-cds", *words, "--port", str(port)],
                cwd=self.empty,
                env=self.environ(**settings),
                stdout=out,
                stderr=out,
            )
        url = f"http://127.0.0.1:{port}"
        try:
            _until_it_answers(url, process, log)
            yield url
        finally:
            process.terminate()
            assert process.wait(30) == 0, log.read_text()


def _until_it_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text(errors="replace")
        try:
            if requests.get(f"{url}/healthz", timeout=2).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    raise AssertionError(log.read_text(errors="replace"))


def install(root: Path) -> Installed:
    """Run the lines; a machine that reaches no package index cannot, and skips unless it is CI."""
    source = root / "src"
    _copy_tree(source)
    (root / "opt").mkdir()
    environ = Installed.environ(Installed.__new__(Installed))
    environ["PATH"] = f"{Path(sys.executable).parent}:{environ['PATH']}"
    for step in steps("RUN"):
        if NEEDS_ROOT.search(step):
            continue
        _run(step.replace("/opt/", f"{root}/opt/").replace("--no-cache-dir ", ""), source, environ)
    return Installed(root)


def _run(step: str, folder: Path, environ: Mapping[str, str]) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", step],
        cwd=folder,
        env=dict(environ),
        capture_output=True,
        text=True,
        check=False,
    )
    unreachable = "ConnectionError" in done.stderr or "NewConnectionError" in done.stderr
    if done.returncode and unreachable and os.environ.get("CI") != "true":
        pytest.skip("no package index can be reached: the wheel is not installed and not tried")
    assert done.returncode == 0, f"{step}\n{done.stdout}\n{done.stderr}"


def _copy_tree(target: Path) -> None:
    """What a clone would hold, and what is not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, listed):
        if (REPOSITORY / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, target / name)
