"""What to say where the packages of the extra `replay` are not installed."""

from __future__ import annotations

import sys

import click

from cds_service.tools.shipped_files import shipped


def not_installed(missing: ModuleNotFoundError) -> click.ClickException:
    """The package that lacks, and the command that installs what is locked."""
    python, lock = sys.executable, shipped("requirements-replay.lock")
    command = f"{python} -m pip install --no-deps --require-hashes --only-binary :all: -r {lock}"
    return click.ClickException(f"{missing.name} is not installed: {command}")
