"""FHIR Bundles, one or many resources in each file, to lines.

An entry without an id goes by the last part of its fullUrl, as references to it do. A file that is
no JSON, or no Bundle, costs that file: it counts as one unreadable line.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

LINES = "bundles.ndjson"


def write_bundle_lines(files: Iterable[Path], folder: Path) -> tuple[Path, tuple[str, ...]]:
    """Write every entry of some Bundles as a line; also tells which files were unreadable."""
    unreadable = []
    place = folder / LINES
    with place.open("wb") as lines:
        for file in files:
            bundle = _read(file)
            if bundle is None:
                unreadable.append(f"{file.name}: is no whole FHIR Bundle; it was left out")
                lines.write(b"null\n")
                continue
            for resource in _resources(bundle):
                lines.write(orjson.dumps(resource) + b"\n")
    return place, tuple(unreadable)


def is_bundle(file: Path) -> bool:
    """Whether a JSON file begins as a Bundle does; a broken one is told later."""
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as opened:
            begin = opened.read(4096)
    except (OSError, EOFError, zlib.error):
        return True
    return b'"Bundle"' in begin


def _read(file: Path) -> dict[str, Any] | None:
    try:
        raw = file.read_bytes()
        document = orjson.loads(gzip.decompress(raw) if file.suffix == ".gz" else raw)
    except (OSError, EOFError, zlib.error, orjson.JSONDecodeError):
        return None
    whole = isinstance(document, dict) and document.get("resourceType") == "Bundle"
    return document if whole and isinstance(document.get("entry", []), list) else None


def _resources(bundle: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for entry in bundle.get("entry", []):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict):
            continue
        address = entry.get("fullUrl")
        if "id" not in resource and isinstance(address, str):
            resource = {**resource, "id": address.rpartition("/")[2].rpartition(":")[2]}
        yield resource
