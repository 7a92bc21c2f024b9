"""Bands that do not flap: near a line, the more cautious band of two neighbouring values stands.

Assays scatter by some per cent. Without this, a value that just crossed a line, with the one before
it on the other side, would make a card change its drug from one draw to the next. Clinical logic
2.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from cds_service.assessment.model.case import Case, DatedValue
from cds_service.assessment.model.times import at_or_after, before
from cds_service.chart.facts import Procedure, Result
from cds_service.chart.fhir_datetime import earliest


def is_near(case: Case, value: float, line: float) -> bool:
    """Whether a value lies within `bands.near` percent of a line, so that the one before it counts
    too.
    """
    return abs(value - line) * 100 <= case.protocol["bands.near"] * line


def value_before(
    case: Case, newest: Result, barred_by: Iterable[datetime] = ()
) -> DatedValue | None:
    """The number drawn before the newest result, within `bands.within` of it.

    None where one of the times in `barred_by` lies between the two: something (a dose, dialysis)
    changed the value.
    """
    if newest.at is None:
        return None
    # An older value shows another state of the patient, not the scatter of the assay.
    since = earliest(newest.at) - case.protocol.span("bands.within")
    values = case.plain(newest.concept, since)
    older = next((one for one in values if before(one.at, newest.at, newest.concept).yes), None)
    if older is None or any(_lies_between(at, older.at, newest.at) for at in barred_by):
        return None
    return older


def _lies_between(at: datetime, first: datetime, last: datetime) -> bool:
    return at_or_after(at, first, "bands").yes and before(at, last, "bands").yes


def dialysed_at(case: Case) -> list[datetime]:
    """The times at which haemodialysis or haemofiltration began or ended."""
    kinds = ("crrt", "hemodialysis")
    done: list[Procedure] = [p for p in case.chart.procedures if p.concept in kinds]
    return [at for p in done for at in (p.start, p.end) if at is not None]


_TIERS = ("severe", "low", "lowNormal", "normal")
_UPPER = {
    "severe": "antithrombin.severe",
    "low": "antithrombin.low",
    "lowNormal": "antithrombin.normal",
}


def held_tier(case: Case, newest: Result, tier: str) -> str:
    """The tier of an antithrombin level, or the next higher one just under its upper line.

    The higher tier stands where the level before it, with no dose between, was at or above the
    line.
    """
    row = _UPPER.get(tier)
    if row is None or newest.value is None or newest.comparator:
        return tier
    line = case.protocol[row]
    older = value_before(case, newest, _antithrombin_given(case))
    held = older is not None and older.value >= line and is_near(case, newest.value, line)
    return _TIERS[_TIERS.index(tier) + 1] if held else tier


def _antithrombin_given(case: Case) -> list[datetime]:
    return [row.start for row in case.given("antithrombin") if row.start is not None]


def held_under(case: Case, value: float, older: float | None, line: float) -> bool:
    """Whether a value just at or above a line counts as under it, because the one before it was
    under.
    """
    return older is not None and older < line <= value and is_near(case, value, line)


def held_over(case: Case, newest: Result, line: float) -> bool:
    """Whether a value just at or under a line counts as over it: the one before it was over."""
    older = value_before(case, newest)
    if newest.value is None or newest.comparator or older is None:
        return False
    return newest.value <= line < older.value and is_near(case, newest.value, line)
