"""What our HTML pages share: how templates are read, and how a policy names what stands in it."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def page_templates(folder: Path) -> Environment:
    """The templates of a folder: text is escaped, and a name that is not given is an error."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def csp_hash(text: str) -> str:
    """What a page's Content-Security-Policy names a script or style by that stands in it."""
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
