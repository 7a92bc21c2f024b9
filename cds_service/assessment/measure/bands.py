"""Bands that do not flap: at a line, the more cautious band of two neighbouring values stands.

Clinical logic 2.2. Assays scatter by some per cent; a value that just crossed a line, with the one
before it on the other side, would make a card change its drug from one draw to the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from cds_service.assessment.model.case import Case
from cds_service.assessment.model.times import at_or_after, before
from cds_service.chart.facts import Procedure, Result
from cds_service.chart.fhir_datetime import earliest


def is_near(case: Case, value: float, line: float) -> bool:
    """Whether a value lies so close to a line that the one before it counts too."""
    return abs(value - line) * 100 <= case.protocol["bands.near"] * line


def value_before(case: Case, newest: Result, barred_by: Iterable[datetime] = ()) -> Result | None:
    """The readable value before the newest one, drawn in the days before it and nothing between.

    `barred_by` are the times of what changes a value: a dose, dialysis.
    """
    if newest.at is None:
        return None
    since = earliest(newest.at) - case.protocol.span("bands.within")
    older = [
        r
        for r in case.results(newest.concept, since)
        if r.value is not None and not r.comparator and before(r.at, newest.at, r.concept).yes
    ]
    if not older:
        return None
    last = older[0]
    between = any(
        at_or_after(at, last.at, "bands").yes and before(at, newest.at, "bands").yes
        for at in barred_by
    )
    return None if between else last


def dialysed_at(case: Case) -> list[datetime]:
    """When dialysis or haemofiltration began or ended."""
    kinds = ("crrt", "hemodialysis")
    done: list[Procedure] = [p for p in case.chart.procedures if p.concept in kinds]
    return [at for p in done for at in (p.start, p.end) if at is not None]


TIERS = ("severe", "low", "lowNormal", "normal")
UPPER = {
    "severe": "antithrombin.severe",
    "low": "antithrombin.low",
    "lowNormal": "antithrombin.normal",
}


def held_tier(case: Case, newest: Result, tier: str) -> str:
    """Of antithrombin: just under a line, with the level before it at or above, the higher tier."""
    row = UPPER.get(tier)
    if row is None or newest.value is None or newest.comparator:
        return tier
    line = case.protocol[row]
    doses = [a.start for a in case.given("antithrombin") if a.start is not None]
    older = value_before(case, newest, doses)
    crossed = older is not None and older.value is not None and older.value >= line
    held = crossed and is_near(case, newest.value, line)
    return TIERS[TIERS.index(tier) + 1] if held else tier


def held_under(case: Case, value: float, older: float | None, line: float) -> bool:
    """Just at or above a line, with the value before it under the line: it counts as under."""
    return older is not None and older < line <= value and is_near(case, value, line)


def held_over(case: Case, newest: Result, line: float) -> bool:
    """Just at or under a line, with the value before it over the line: it counts as over."""
    older = value_before(case, newest)
    if newest.value is None or newest.comparator or older is None or older.value is None:
        return False
    return newest.value <= line < older.value and is_near(case, newest.value, line)
