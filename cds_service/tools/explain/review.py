"""The review's claims as numbered paragraphs, read from `assessment/review.md`.

Reads the fixed shape of that file; a file that has lost it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cds_service.rulebook.toml_table import TableFault

REVIEW = Path(__file__).parents[2] / "assessment" / "model" / "review.md"
STATUSES = ("used", "replaced", "not computed")

_BLOCK = re.compile(r"^## .*?(?=^#|\Z)", re.MULTILINE | re.DOTALL)  # to the next heading
_CLAIM = re.compile(r"^## (R\d+) (.+)$")
_STATUS = re.compile(r"^Status: (.+?)(?: — (.+))?$")
_NUMBER = re.compile(r"\bR\d+\b")


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim: what it says, and what the default protocol does with it."""

    number: str
    title: str
    text: str
    status: str  # one of STATUSES
    reason: str = ""


def load_review(path: Path = REVIEW) -> Mapping[str, Claim]:
    """Every claim by its number, in the order of the file."""
    blocks = _BLOCK.findall(path.read_text(encoding="utf-8"))
    claims = [_claim(path, block.splitlines()) for block in blocks]
    return {claim.number: claim for claim in claims}


def cited_in(text: str) -> tuple[str, ...]:
    """The claims that a source line names: "review R8, R9" names two."""
    return tuple(dict.fromkeys(_NUMBER.findall(text)))


def _claim(path: Path, block: list[str]) -> Claim:
    heading = _CLAIM.match(block[0])
    body = [line.strip() for line in block[1:] if line.strip()]
    status = _STATUS.match(body[-1]) if body else None
    if heading is None or status is None or status[1] not in STATUSES:
        raise TableFault([f"{path.name}: {block[0]}: needs a number, a text and a status"])
    text = " ".join(body[:-1])
    return Claim(heading[1], heading[2], text, status[1], status[2] or "")
