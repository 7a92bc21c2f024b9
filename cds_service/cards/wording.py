"""Every word a clinician reads, by key, and how outside text is made harmless.

The rows stand in `wording.toml`. Templates are `str.format` templates of our own; text from
a record is only ever a value in them, and is escaped first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal

Words = Mapping[str, str]
Spelling = Literal["uk", "us"]

LONGEST_SUMMARY = 139  # CDS Hooks 2.0: fewer than 140 characters
LONGEST_QUOTE = 80
FEW_WORDS = 6


@dataclass(frozen=True, slots=True)
class Wording:
    """The table, section by section."""

    source: Words
    titles: Words  # of topics, where a card has no room of its own
    facts: Words
    rows: Words  # fact -> the row of a card's table that it shares with others
    row_names: Words
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
    entries: Words  # FHIR resource type -> what a ward calls it
    overrides: Words
    links: Words
    spelling: Words  # UK word -> US word

    def drug(self, key: str) -> str:
        return self.drugs.get(key, key)

    def unit(self, unit: str) -> str:
        return self.units.get(unit, unit)


def respelled(wording: Wording, spelling: Spelling) -> Wording:
    """The same words as they are spelled in the UK, as the table has them, or in the US.

    Only our own words are changed: what a record says stays as it was written.
    """
    if spelling == "uk" or not wording.spelling:
        return wording
    pairs = wording.spelling.items()
    us = dict([*pairs, *((word.capitalize(), other.capitalize()) for word, other in pairs)])
    uk = re.compile("|".join(map(re.escape, us)))

    def section(words: Words) -> Words:
        return {key: uk.sub(lambda found: us[found.group()], text) for key, text in words.items()}

    sections = {f.name: section(getattr(wording, f.name)) for f in fields(wording)}
    return replace(wording, **sections | {"spelling": wording.spelling})


_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~$&:@/^=-])")
# A dot before a letter: readers of markdown link "www.x" and, many of them, "x.com" by themselves.
_DOT = re.compile(r"(?<=\w)\.(?=[^\W\d])")
_BLANK = re.compile(r"[\s\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]+")


def plain(text: str) -> str:
    """Outside text on one short line, without control or invisible characters.

    Units lose the marks of UCUM: "5 {pill}" is 5 pill, "1000 [IU]/h" is 1000 IU/h.
    """
    line = _BLANK.sub(" ", text).strip()
    return _UCUM.sub(r"\1\2", line).replace("ug/", "µg/")[:LONGEST_QUOTE]


_UCUM = re.compile(r"\{([A-Za-z ]+)\}|\[(IU|iU|USP'U)\]")


def shortened(text: str) -> str:
    """Outside text cut to a few words, for the middle of a line; escaped."""
    words = plain(text).split(" ")
    cut = " ".join(words[:FEW_WORDS])
    return escaped(cut + ("…" if len(words) > FEW_WORDS else ""))


def escaped(text: str) -> str:
    """Outside text that GitHub-flavoured markdown shows as it stands: no link, image or html."""
    return _DOT.sub("&#46;", _SPECIAL.sub(_entity, plain(text)))


def _entity(match: re.Match[str]) -> str:
    """Plain marks stay readable; what can open something becomes an entity."""
    mark = match.group(1)
    return mark if mark in "()/%=^-+" else f"&#{ord(mark)};"
