"""A fixture with markup in place of words that come from its record."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cds_service.demo.pages import FIXTURES

EVIL = "<img src=x onerror=window.broken=1>"


def hostile_copy(folder: Path, fixture: str, mark: Callable[[dict[str, Any]], Any]) -> None:
    """Copy a fixture: markup for the patient's name, what `mark` returns for any other object."""
    folder.mkdir(parents=True)
    for file in (FIXTURES / fixture).iterdir():
        content = file.read_text(encoding="utf-8")
        if file.suffix == ".json":
            content = json.dumps(json.loads(content, object_hook=lambda o: _marked(o, mark)))
        (folder / file.name).write_text(content, encoding="utf-8")


def _marked(value: dict[str, Any], mark: Callable[[dict[str, Any]], Any]) -> Any:
    if value.get("resourceType") == "Patient":
        return {**value, "name": [{"text": EVIL}]}
    return mark(value)
