"""The protocol: every threshold with unit, citation and review date, and the few options.

Shapes only. The rows stand in `protocol.toml` (or a hospital's own file); what may be set, and
within which bounds, stands in `bounds.toml`. The shell loads and checks both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

Number = float | int

SPANS: Mapping[str, timedelta] = {
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "wk": timedelta(weeks=1),
    "mo": timedelta(days=365) / 12,
}


@dataclass(frozen=True, slots=True)
class Threshold:
    """One threshold as a protocol file states it."""

    value: Number
    unit: str
    source: str
    reviewed: date | None = None  # else the file's own date


@dataclass(frozen=True, slots=True)
class SiteTarget:
    """A range that a hospital uses for one indication, or for an intensity by its name."""

    test: Literal["anti_xa", "aptt", "aptt_ratio"]
    low: Number
    high: Number
    source: str
    reviewed: date


@dataclass(frozen=True, slots=True)
class Declared:
    """A source that a hospital does not have, with who decided to go on without it, and when."""

    state: Literal["none"]
    decided_by: str
    decided: date


@dataclass(frozen=True, slots=True)
class ProtocolFile:
    """A protocol file: what a hospital edits."""

    name: str
    title: str
    reviewed: date
    review_due: date
    options: Mapping[str, str | bool]
    topics: Mapping[str, str]  # topic -> on, silent, off
    rows: Mapping[str, Mapping[str, Threshold]]  # section -> key -> row
    approver: str = ""
    source_note: str = ""  # added to every card's source line
    intensities: Mapping[str, SiteTarget] = field(default_factory=dict)  # "low intensity"
    indications: Mapping[str, SiteTarget] = field(default_factory=dict)  # "vv_ecmo"
    sources: Mapping[str, Declared] = field(default_factory=dict)  # "allergies"


@dataclass(frozen=True, slots=True)
class Bound:
    """The safe range of one threshold; outside it a protocol is refused."""

    unit: str
    lowest: Number
    highest: Number


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a protocol may set, and the numbers that it may not."""

    ranges: Mapping[str, Mapping[str, Bound]]
    fixed: Mapping[str, Mapping[str, Threshold]]
    options: Mapping[str, tuple[str | bool, ...]]
    site_targets: Mapping[str, Bound]  # by test


@dataclass(frozen=True, slots=True)
class Protocol:
    """A checked protocol: thresholds by "section.key", options and topics by name."""

    name: str
    title: str
    rows: Mapping[str, Threshold]
    options: Mapping[str, str | bool]
    topics: Mapping[str, str]
    reviewed: date
    review_due: date
    approver: str = ""
    source_note: str = ""
    intensities: Mapping[str, SiteTarget] = field(default_factory=dict)
    indications: Mapping[str, SiteTarget] = field(default_factory=dict)
    sources: Mapping[str, Declared] = field(default_factory=dict)
    digest: str = field(default="", compare=False)
    _spans: Mapping[str, timedelta] = field(init=False, compare=False, repr=False)
    _numbers: Mapping[str, float] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        spans = {k: SPANS[r.unit] * float(r.value) for k, r in self.rows.items() if r.unit in SPANS}
        object.__setattr__(self, "_spans", spans)
        numbers = {key: float(row.value) for key, row in self.rows.items()}
        object.__setattr__(self, "_numbers", numbers)

    def __getitem__(self, key: str) -> float:
        return self._numbers[key]

    def span(self, key: str) -> timedelta:
        """A span that the file gives in min, h, d, wk or mo (a twelfth of 365 days)."""
        return self._spans[key]

    def chosen(self, option: str) -> str:
        return str(self.options[option])

    def allows(self, option: str) -> bool:
        return self.options[option] is True

    def source(self, *keys: str) -> str:
        """The citations of some rows, each once."""
        return "; ".join(dict.fromkeys(self.rows[key].source for key in keys))
