"""The table of what is drawn, `tracks.toml`, and the readings of a chart that belong to it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from cds_service.demo.fixtures import Resource
from cds_service.demo.search import moment_of

TABLE = Path(__file__).with_name("tracks.toml")
IMPLAUSIBLE, UNREADABLE = "implausible", "unreadable"
WARD_UNITS = (
    ("[USP'U]", "U"),
    ("[IU]", "IU"),
    ("[iU]", "IU"),
    ("[lb_av]", "lb"),
    ("10*9", "10⁹"),
    ("10^9", "10⁹"),
    ("10*3", "10³"),
)
TRUSTED = ("final", "amended", "corrected", "preliminary")


@dataclass(frozen=True, slots=True)
class Track:
    """One measurement: its codes, its unit, and the band drawn behind its points."""

    key: str
    label: str
    unit: str
    codes: tuple[str, ...]
    units: Mapping[str, float]
    plausible: tuple[float, float]
    target: tuple[float, float] | None = None
    target_says: str = ""
    decimals: int = 0

    def state(self, value: float) -> str:
        """Where the value lies against the band; empty without one."""
        lowest, highest = self.plausible
        if not lowest <= value <= highest:
            return IMPLAUSIBLE
        if self.target is None:
            return ""
        low, high = self.target
        return "below" if value < low else "above" if value > high else "within"

    def write(self, value: float) -> str:
        """The value as the page prints it, without its unit."""
        return f"{value:,.{self.decimals}f}"


@dataclass(frozen=True, slots=True)
class Tracks:
    """The tracks of the timeline, and what else of a chart is shown by its numbers."""

    drawn: tuple[Track, ...]
    weight: Track
    highest_rate: float  # U/h of heparin that may be true
    highest_rate_per_kg: float

    @property
    def codes(self) -> frozenset[str]:
        """Of everything drawn."""
        return frozenset(code for track in self.drawn for code in track.codes)

    def may_be_true(self, units_per_hour: float, weight_kg: float | None) -> bool:
        """Whether a heparin infusion may have run at this rate."""
        limit = self.highest_rate_per_kg * weight_kg if weight_kg else self.highest_rate
        return 0 <= units_per_hour <= min(limit, self.highest_rate)


@dataclass(frozen=True, slots=True)
class Reading:
    """One result; `value` is none where its unit is not understood, `shown` is as charted.

    Only the spelling of the unit is a ward's.
    """

    track: Track
    at: datetime
    value: float | None
    shown: str

    @property
    def state(self) -> str:
        """Where the value lies against the track's band, or why it is of no use."""
        return UNREADABLE if self.value is None else self.track.state(self.value)

    @property
    def usable(self) -> float | None:
        """The value, if it is one that a person may have."""
        return None if self.state in (IMPLAUSIBLE, UNREADABLE) else self.value


@cache
def load_tracks() -> Tracks:
    """The table of the package."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    drawn = tuple(_track(row) for row in table["track"])
    rate = table["rate"]
    return Tracks(drawn, _track(table["weight"][0]), rate["highest"], rate["highest_per_kg"])


def readings(resources: tuple[Resource, ...], track: Track) -> tuple[Reading, ...]:
    """The results of one track, oldest first."""
    found = (_reading(entry, track) for entry in resources if _belongs(entry, track))
    return tuple(sorted((one for one in found if one), key=lambda one: one.at))


def ward_unit(unit: str) -> str:
    """A unit as a ward writes it: UCUM's brackets and remarks in braces are for programs."""
    written = re.sub(r"\{[^}]*\}", "", unit)
    for theirs, ours in WARD_UNITS:
        written = written.replace(theirs, ours)
    return written or "(no unit)"


def _track(row: Mapping[str, Any]) -> Track:
    ranges = {name: tuple(map(float, row[name])) for name in ("target", "plausible") if name in row}
    return Track(**{**row, **ranges, "codes": tuple(row["codes"])})


def _belongs(resource: Resource, track: Track) -> bool:
    if resource["resourceType"] != "Observation" or resource.get("status") not in TRUSTED:
        return False
    return any(one.get("code") in track.codes for one in resource["code"].get("coding", []))


def _reading(resource: Resource, track: Track) -> Reading | None:
    period = resource.get("effectivePeriod", {})
    drawn = resource.get("effectiveDateTime") or period.get("start") or resource.get("issued")
    at = moment_of(drawn or "")
    if at is None:
        return None
    quantity = resource.get("valueQuantity", {})
    unit = ward_unit(quantity.get("unit") or quantity.get("code") or "(no unit)")
    if "value" not in quantity:
        return Reading(track, at, None, str(resource.get("valueString", "no value")))
    comparator = quantity.get("comparator", "")
    shown = f"{comparator}{quantity['value']:g} {unit}"
    return Reading(track, at, _in_unit(quantity, track), shown)


def _in_unit(quantity: Mapping[str, Any], track: Track) -> float | None:
    spellings = (str(quantity.get("code")), str(quantity.get("unit")))
    factor = next((track.units[one] for one in spellings if one in track.units), None)
    return None if factor is None else float(quantity["value"]) * factor
