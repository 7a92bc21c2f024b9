"""The thresholds of several protocols side by side: values with unit, citations, review dates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from string import Formatter

from cds_service.assessment.model.protocol import Protocol, Threshold
from cds_service.cards.wording import Wording
from cds_service.tools.explain.citations import CitationPart, citation_parts

GAP = "…"  # in a sentence of a card: a figure of the patient, which no page can know


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a number comes from, by which protocols (empty: by all), and when it was reviewed."""

    by: str
    parts: tuple[CitationPart, ...]
    reviewed: str


@dataclass(frozen=True, slots=True)
class NumberRow:
    """One threshold: its value with unit in each protocol, and its citations."""

    key: str  # "heparin.high_rate"
    name: str  # "heparin: high rate"
    values: tuple[str, ...]
    differs: bool
    citations: tuple[Citation, ...]


def number_rows(
    keys: Iterable[str], protocols: Sequence[Protocol], wording: Wording
) -> tuple[NumberRow, ...]:
    """A row for each key, each key once, in the order given; every protocol has every row."""
    return tuple(_row(key, protocols, wording) for key in dict.fromkeys(keys))


def names_together(protocols: Iterable[Protocol], everyone: int) -> str:
    """The names of some protocols; empty if these are all there are."""
    names = [one.name for one in protocols]
    return "" if len(names) == everyone else ", ".join(names)


def with_numbers(template: str, protocol: Protocol) -> str:
    """A sentence of a card with the protocol's numbers in it, a gap for the patient's."""
    found = ""
    for text, field, spec, _ in Formatter().parse(template):
        found += text
        if field is not None:
            key = field.removeprefix("p[").removesuffix("]")
            named = field.startswith("p[") and key in protocol.rows
            found += format(protocol[key], spec or "") if named else GAP
    return found


def _row(key: str, protocols: Sequence[Protocol], wording: Wording) -> NumberRow:
    values = tuple(_value(one.rows[key], wording) for one in protocols)
    by_source: dict[tuple[str, str], list[Protocol]] = {}
    for one in protocols:
        row = one.rows[key]
        reviewed = (row.reviewed or one.reviewed).isoformat()
        by_source.setdefault((row.source, reviewed), []).append(one)
    return NumberRow(
        key=key,
        name=key.replace(".", ": ").replace("_", " "),
        values=values,
        differs=len(set(values)) > 1,
        citations=tuple(
            Citation(names_together(some, len(protocols)), citation_parts(source), reviewed)
            for (source, reviewed), some in by_source.items()
        ),
    )


def _value(row: Threshold, wording: Wording) -> str:
    number = f"{row.value:,}" if isinstance(row.value, int) else f"{row.value:,g}"
    return f"{number} {wording.unit(row.unit)}".strip()
