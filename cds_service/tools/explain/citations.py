"""A citation as parts of text: some are links, to a claim of the review or to a publication."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cds_service.rulebook.toml_table import read_table

SOURCES = Path(__file__).with_name("sources.toml")


@dataclass(frozen=True, slots=True)
class Source:
    """One publication or label, by the texts that protocols cite it with."""

    cited: tuple[str, ...]
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class SourceTable:
    """sources.toml."""

    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class CitationPart:
    """A piece of a citation; `href` and `title` are empty where it is plain text."""

    text: str
    href: str = ""
    title: str = ""


@cache
def source_table() -> Mapping[str, Source]:
    """Every source by each text that it is cited with."""
    table = read_table(SOURCES, SourceTable)
    return {text: source for source in table.sources for text in source.cited}


def citation_parts(citation: str) -> tuple[CitationPart, ...]:
    """The whole citation in pieces; "R8" leads to the anchor `#R8` of the page."""
    return tuple(_parts(citation))


def _parts(citation: str) -> Iterator[CitationPart]:
    end = 0
    for found in _pattern().finditer(citation):
        if found.start() > end:
            yield CitationPart(citation[end : found.start()])
        text, end = found[0], found.end()
        source = source_table().get(text)
        yield (
            CitationPart(text, source.url, source.title)
            if source
            else CitationPart(text, f"#{text}", "the review, retold")
        )
    if end < len(citation):
        yield CitationPart(citation[end:])


@cache
def _pattern() -> re.Pattern[str]:
    longest_first = sorted(source_table(), key=len, reverse=True)
    names = "|".join(re.escape(text) for text in longest_first)
    return re.compile(rf"(?<!\w)(?:{names})(?!\w)|\bR\d+\b")
