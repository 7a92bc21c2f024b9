"""Every word a clinician reads, by key, and how outside text is made harmless.

The rows stand in `wording.toml`. Templates are `str.format` templates of our own; text from
a record is only ever a value in them, and is escaped first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

Words = Mapping[str, str]

LONGEST_SUMMARY = 139  # CDS Hooks 2.0: fewer than 140 characters
LONGEST_QUOTE = 80


@dataclass(frozen=True, slots=True)
class Wording:
    """The table, section by section."""

    source: Words
    facts: Words
    units: Words
    how: Words
    reasons: Words
    summaries: Words
    leads: Words
    notes: Words
    labels: Words
    actions: Words
    drugs: Words
    tests: Words
    risks: Words
    layout: Words
    skips: Words
    limits: Words
    overrides: Words

    def drug(self, key: str) -> str:
        return self.drugs.get(key, key)

    def unit(self, unit: str) -> str:
        return self.units.get(unit, unit)


_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~$&:@/^=-])")
# A dot before a letter: readers of markdown link "www.x" and, many of them, "x.com" by themselves.
_DOT = re.compile(r"(?<=\w)\.(?=[^\W\d])")
_BLANK = re.compile(r"[\s\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]+")


def plain(text: str) -> str:
    """Outside text on one short line, without control or invisible characters."""
    return _BLANK.sub(" ", text).strip()[:LONGEST_QUOTE]


def escaped(text: str) -> str:
    """Outside text that GitHub-flavoured markdown shows as it stands: no link, image or html."""
    return _DOT.sub("&#46;", _SPECIAL.sub(_entity, plain(text)))


def _entity(match: re.Match[str]) -> str:
    """Plain marks stay readable; what can open something becomes an entity."""
    mark = match.group(1)
    return mark if mark in "()/%=^-+" else f"&#{ord(mark)};"
