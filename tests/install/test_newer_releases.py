"""The Makefile's own targets against an index that has newer releases than the locks name.

Small packages stand for the real ones, so that it takes seconds: the recipes, the flags and pip are
the real ones.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.install.index import NEW, OLD, PACKAGES, lock_of, release, served

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
LOCKS = ("", "-build", "-test", "-replay", "-fhir", "-mutate", "-healthchain", "-lock-tool")
PROJECT = """
[build-system]
requires = ["backend"]
build-backend = "backend"
[project]
name = "heparin-cds"
version = "0.1.0"
"""


class Checkout:
    """A clone with the project's Makefile, and small packages in its locks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "clone"
        self._index = folder / "index"
        self.folder.mkdir()
        shutil.copy(REPOSITORY / "Makefile", self.folder)
        (self.folder / "pyproject.toml").write_text(PROJECT)
        release(self._index, OLD)
        for end in LOCKS:
            (self.folder / f"requirements{end}.lock").write_text(lock_of(self._index))

    def make(self, *targets: str) -> subprocess.CompletedProcess[str]:
        """`make` as a stranger calls it, with this index and no other."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "MAKE"))}
        with served(self._index) as url:
            ours = {"PIP_INDEX_URL": url, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"}
            return subprocess.run(
                ["make", *targets],
                cwd=self.folder,
                env=inherited | ours,
                capture_output=True,
                text=True,
                check=False,
            )

    def publish(self) -> None:
        """Somebody releases a newer version of everything."""
        release(self._index, NEW)

    def installed(self, environment: str) -> dict[str, str]:
        """Name and version of each of the packages."""
        python = self.folder / environment / "bin" / "python"
        listed = subprocess.run(
            [python, "-m", "pip", "list", "--format", "json"],
            capture_output=True,
            check=True,
        )
        rows = {row["name"]: row["version"] for row in json.loads(listed.stdout)}
        return {name: rows[name] for name in PACKAGES if name in rows}


LOCKED = dict.fromkeys(PACKAGES, OLD)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Set up while the index has newer releases of everything, an extra's package among them."""
    checkout = Checkout(tmp_path_factory.mktemp("checkout"))
    checkout.publish()
    made = checkout.make(".venv/.ready-runtime", "setup", "fhir-server")
    assert made.returncode == 0, made.stderr
    return checkout


@pytest.mark.parametrize("environment", [".venv", ".venv-fhir"])
def test_newer_releases_change_nothing(checkout: Checkout, environment: str) -> None:
    assert checkout.installed(environment) == LOCKED


def test_a_set_up_that_failed_or_was_interrupted_is_made_whole(checkout: Checkout) -> None:
    """pip takes a package for installed whose metadata are there, whatever else is missing."""
    (half,) = checkout.folder.glob(".venv/lib/*/site-packages/gamma.py")
    half.unlink()
    lock = checkout.folder / "requirements-test.lock"
    whole = lock.read_text()
    lock.write_text(whole.replace(f"alpha=={OLD}", "alpha==9.9"))  # which nobody has released
    failed = checkout.make("setup")
    lock.write_text(whole)

    made = checkout.make("setup")

    assert failed.returncode != 0
    assert made.returncode == 0, made.stderr
    assert half.exists()
    assert checkout.installed(".venv") == LOCKED


def test_what_does_not_fit_together_is_named(checkout: Checkout) -> None:
    """A lock that lacks what one of its packages wants."""
    python = checkout.folder / ".venv-fhir" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "uninstall", "--quiet", "--yes", "beta"], check=True)
    lock = checkout.folder / "requirements-fhir.lock"
    lock.write_text(lock.read_text().partition("beta==")[0])

    made = checkout.make("fhir-server")

    assert made.returncode != 0
    assert "alpha 1.0 requires beta" in made.stderr
