"""The OpenAPI document of the service: what stands in openapi.json, at the address it is served."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

_DOCUMENT = Path(__file__).with_name("openapi.json")


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_DOCUMENT.read_text(encoding="utf-8"))
    return document


def description(public_url: str) -> dict[str, Any]:
    """The document, naming the public URL if there is one."""
    return _document() | ({"servers": [{"url": public_url}]} if public_url else {})
