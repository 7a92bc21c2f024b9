"""Values and times as a ward writes them: 0.18 IU/mL, 38,400 U/day, 02 Mar 11:00 (3 h ago)."""

from __future__ import annotations

from datetime import datetime, timedelta

from cds_service.assessment.model.verdict import Evidence
from cds_service.cards.wording import Wording, escaped
from cds_service.chart.fhir_datetime import Stretch

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LONG_AGO = 3 * DAY
LAST_YEAR = 300 * DAY
TEN = 10
TINY = 1e-9


def decimals(value: float, unit: str) -> str:
    """A value as it is written in its unit: 38,400 U/d, 0.18 IU/mL, 55 %."""
    if unit in ("[IU]/mL", "{OD}", "mg/kg/h", "ug/kg/min"):
        return f"{value:.2f}"
    if unit == "g/dL" or (unit in ("U/kg/h", "mg/dL", "1") and value < TEN):
        return f"{value:.1f}"
    return f"{value:,.0f}" if value >= TEN or value == round(value) else f"{value:.1f}"


def amount(wording: Wording, fact: Evidence) -> str:
    """Value and unit of one fact."""
    text = wording.layout["value"].format(
        comparator=fact.comparator, value=exact(fact), unit=wording.unit(fact.unit)
    )
    return text.strip()


def exact(fact: Evidence) -> str:
    """A level just under a line must not be rounded onto it: 49.9 % stays 49.9 %."""
    rounded = decimals(fact.value, fact.unit)
    measured = fact.unit in ("%", "s", "[IU]/mL", "10*3/uL", "kg", "mL/min")
    if measured and abs(float(rounded.replace(",", "")) - fact.value) > TINY * max(fact.value, 1):
        return f"{fact.value:.3g}" if fact.value < TEN else f"{fact.value:,.1f}"
    return rounded


def to_two_decimals(value: float) -> str:
    """A term of a sum, so that the sum can be done again: 55, 49.9, 71.25."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def time(wording: Wording, at: datetime | None, now: datetime) -> str:
    """When, and how long ago."""
    if at is None:
        return wording.layout["no_time"]
    if isinstance(at, Stretch):
        if now - at.latest > LONG_AGO:
            return escaped(at.written)
        return wording.layout["time_open"].format(
            written=escaped(at.written), why=wording.reasons[at.why]
        )
    age = max(now - at, timedelta())
    layout = "time" if age < LAST_YEAR else "time_old"
    return wording.layout[layout].format(at=at, ago=_ago(wording, age))


def _ago(wording: Wording, age: timedelta) -> str:
    if age < HOUR:
        return wording.layout["ago_minutes"].format(minutes=age / timedelta(minutes=1))
    if age <= LONG_AGO:
        return wording.layout["ago_hours"].format(hours=age / HOUR)
    return wording.layout["ago_days"].format(days=age / DAY)


def day_and_time(wording: Wording, at: datetime) -> str:
    """Day and clock time inside a cell; what is not known of it stays as it was written."""
    if isinstance(at, Stretch):
        return escaped(at.written)
    return wording.layout["clock"].format(at=at)
