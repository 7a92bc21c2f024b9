"""Where the cards are felt: by place, hour and day, by patient, and by group of patients.

Counted are cards when new or changed, as in patients.csv. Groups are compared with everybody else;
a difference is flagged where chance alone would rarely make it, never as proof of a cause.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from math import sqrt
from pathlib import Path

from cds_service.rulebook.toml_table import read_table
from cds_service.tools.replay.quality import Estimate, share
from cds_service.tools.replay.stays import NOT_CODED
from cds_service.tools.replay.tables import read_rows
from cds_service.tools.replay.tally import UNCOUNTED

BANDS = Path(__file__).with_name("groups.toml")
REPEAT = timedelta(hours=24)
FIRST_HOURS = 24.0
WORST = 10
RARE = 2.576  # standard errors: one in a hundred by chance
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(slots=True)
class Burden:
    """One protocol's cards, new or changed."""

    cards: int = 0
    early: int = 0  # in the first 24 h of heparin
    repeats: int = 0  # the same topic and urgency again within 24 h
    places: Counter[str] = field(default_factory=Counter)
    hours: Counter[tuple[int, int]] = field(default_factory=Counter)  # weekday and hour
    by_patient: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)  # new, changed and gone

    def worst(self) -> list[tuple[str, int]]:
        """The patients whose cards changed most often."""
        return sorted(self.changes.items(), key=lambda one: (-one[1], one[0]))[:WORST]

    def quantile(self, part: float) -> int:
        """Cards per patient with any, at a part of all of them."""
        counts = sorted(self.by_patient.values())
        return counts[min(int(part * len(counts)), len(counts) - 1)] if counts else 0

    def at(self, weekday: int, hour: int) -> int:
        """Cards at an hour of a weekday."""
        return self.hours[weekday, hour]


def burdens(out: Path, protocols: Iterable[str]) -> dict[str, Burden]:
    """The burden under each protocol, from events.csv; its rows are in order of time."""
    found = {name: Burden() for name in protocols}
    last: dict[tuple[str, str, str, str], datetime] = {}
    for row in read_rows(out, "events"):
        burden = found[row["protocol"]]
        burden.changes[row["patient"]] += 1
        if row["event"] in UNCOUNTED:
            continue
        at = datetime.fromisoformat(row["time"])
        key = (row["protocol"], row["patient"], row["topic"], row["indicator"])
        burden.cards += 1
        burden.repeats += key in last and at - last[key] <= REPEAT
        burden.early += bool(row["hours_on_heparin"]) and (
            float(row["hours_on_heparin"]) < FIRST_HOURS
        )
        burden.places[row["place"] or NOT_CODED] += 1
        burden.hours[at.weekday(), at.hour] += 1
        burden.by_patient[row["patient"]] += 1
        last[key] = at
    return found


# --- groups ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bands:
    """Lower edges of the bands above the first."""

    age_years: tuple[float, ...]
    weight_kg: tuple[float, ...]
    bmi: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Patients on heparin of one kind, and how many of them got a topic."""

    protocol: str
    topic: str
    kind: str  # "sex", "age", "weight", "body mass index", "kidney", "ethnicity"
    group: str
    share: Estimate
    others: Estimate
    flagged: bool


def groups(out: Path, topics: Sequence[str]) -> list[Group]:
    """Every topic in every group, under each protocol."""
    bands = read_table(BANDS, Bands)
    of: dict[tuple[str, str, str], int] = Counter()
    got: dict[tuple[str, str, str, str], int] = Counter()
    whole: dict[str, int] = Counter()
    all_got: dict[tuple[str, str], int] = Counter()
    for row in read_rows(out, "patients"):
        if not row["first_heparin"]:
            continue
        protocol = row["protocol"]
        whole[protocol] += 1
        shown = [topic for topic in topics if row[f"first_{topic}"]]
        for topic in shown:
            all_got[protocol, topic] += 1
        for kind, group in _groups_of(row, bands).items():
            of[protocol, kind, group] += 1
            for topic in shown:
                got[protocol, kind, group, topic] += 1
    found = []
    for (protocol, kind, group), count in sorted(of.items()):
        for topic in topics:
            own = (got[protocol, kind, group, topic], count)
            everybody = (all_got[protocol, topic], whole[protocol])
            if everybody[0]:
                found.append(_group(protocol, topic, kind, group, own, everybody))
    return found


def _group(
    protocol: str, topic: str, kind: str, group: str, own: tuple[int, int], whole: tuple[int, int]
) -> Group:
    rest = (whole[0] - own[0], whole[1] - own[1])
    return Group(protocol, topic, kind, group, share(*own), share(*rest), groups_differ(own, rest))


def groups_differ(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two shares differ by more than chance would make in a hundred groups once."""
    if not one[1] or not other[1]:
        return False
    pooled = (one[0] + other[0]) / (one[1] + other[1])
    spread = sqrt(pooled * (1 - pooled) * (1 / one[1] + 1 / other[1]))
    return spread > 0 and abs(one[0] / one[1] - other[0] / other[1]) > RARE * spread


def _groups_of(row: Mapping[str, str], bands: Bands) -> dict[str, str]:
    return {
        "sex": row["sex"] or NOT_CODED,
        "age": _band(row["age"], bands.age_years, "years"),
        "weight": _band(row["weight_kg"], bands.weight_kg, "kg"),
        "body mass index": _band(row["bmi"], bands.bmi, "kg/m2"),
        "kidney": row["kidney"] or "unknown",
        "ethnicity": row["ethnicity"] or NOT_CODED,
    }


def _band(value: str, edges: Sequence[float], unit: str) -> str:
    if not value:
        return "unknown"
    number = float(value)
    if number < edges[0]:
        return f"under {edges[0]:g} {unit}"
    for low, high in pairwise(edges):
        if number < high:
            return f"{low:g} to under {high:g} {unit}"
    return f"{edges[-1]:g} {unit} and more"


def by_kind(found: Iterable[Group]) -> dict[str, list[Group]]:
    """The groups under the kind they belong to."""
    kinds: dict[str, list[Group]] = defaultdict(list)
    for group in found:
        kinds[group.kind].append(group)
    return dict(kinds)
