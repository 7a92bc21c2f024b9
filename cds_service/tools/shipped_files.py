"""Where the files are that lie beside the package in a checkout and inside of it once installed.

The invented patients, gunicorn's configuration, the documents and two locks: pyproject.toml puts
them into the wheel, in the folder `shipped` of the package.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def shipped(name: str) -> Path:
    """The path of such a file or folder, by its name at the top of a checkout."""
    package = Path(str(files("cds_service")))
    inside = package / "shipped" / name
    return inside if inside.exists() else package.parent / name


FIXTURES = shipped("fhir_fixtures")
