"""The rows of an infusion as charted, and the stretches of one rate that they come to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from cds_service.assessment.model.case import HOUR
from cds_service.assessment.model.verdict import Reason

TWO_RATES = Reason("heparinDose", "twoRates")
REPLACES_OR_ADDS = Reason("heparinDose", "replacesOrAdds")
OUTLASTED = Reason("heparinRunning", "outlasted")


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time over which one infusion, or the sum of all, ran at one rate.

    `rate` is in U/h; it is None where it cannot be worked out, and `why` gives the reason. Where
    `state_known` is False it is not even known whether anything ran. `charted` is the rate in the
    unit it was charted in, as (unit, value): two rates in U/kg/h are compared by it when no weight
    is known.
    """

    start: datetime
    end: datetime | None  # None: still open
    rate: float | None
    source: str
    written: str = ""
    why: Reason | None = None
    state_known: bool = True
    charted: tuple[str, float] | None = None
    order: str = ""  # the order that its last row carries out
    ended: bool = False  # that order is on record as ended

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why the rate is not known; empty where nothing is said."""
        return (self.why,) if self.why else ()

    def lasts_beyond(self, at: datetime) -> bool:
        """Whether it is still open, or ends after a moment."""
        return self.end is None or self.end > at

    def overlap(self, since: datetime, until: datetime) -> float:
        """Hours of this segment between two moments."""
        end = min(self.end or until, until)
        return max((end - max(self.start, since)) / HOUR, 0.0)


class Kind(Enum):
    RATE = "rate"
    STOP = "stop"  # a stop or a hold: rate zero from its start
    BARE = "bare"  # running, by a row that names no rate: a new bag


@dataclass(frozen=True, slots=True)
class Row:
    """One charted row of an infusion, as the merging takes it.

    Its rate is in U/h; it is None where it cannot be worked out, and `why` then says the reason.
    """

    kind: Kind
    start: datetime
    end: datetime | None
    rate: float | None  # U/h; None where it cannot be worked out
    source: str
    written: str = ""
    why: Reason | None = None  # why the rate is None
    charted: tuple[str, float] | None = None
    point: bool = False  # a moment, not a Period: holds until the next rate
    stops: bool = False  # stopped at its end, by its status alone
    order: str = ""  # the order it carries out
    over: bool = False  # that order no longer stands
    ended: bool = False  # and is on record as ended
    order_end: datetime | None = None  # when, where the record says
    units: float | None = None  # the dose, where the row states one

    @property
    def hours(self) -> float | None:
        return None if self.end is None else (self.end - self.start) / HOUR


@dataclass(frozen=True, slots=True)
class Rules:
    """The protocol's numbers for merging charted rows into segments."""

    same: float  # per cent within which two rates are one
    bolus_longest: timedelta
    bolus_times: float
    gap: timedelta  # a pause this short is a change of the bag


@dataclass(frozen=True, slots=True)
class Bolus:
    """Units given at one moment."""

    at: datetime
    units: float
    source: str


def same_rate(one: Row | Segment, other: Row | Segment, percent: float) -> bool:
    """Whether two rates differ by at most `percent` of the lower one.

    They are compared in U/h; where one of them is not known in U/h, both as charted, if charted in
    one unit.
    """
    # U/h first: 18 U/kg/h and 1,440 U/h may be one rate.
    if one.rate is not None and other.rate is not None:
        return _close(one.rate, other.rate, percent)
    if one.charted is None or other.charted is None or one.charted[0] != other.charted[0]:
        return False
    return _close(one.charted[1], other.charted[1], percent)


def _close(one: float, other: float, percent: float) -> bool:
    # Of the lower rate, so that the order of the two does not matter.
    low, high = sorted((one, other))
    return (high - low) * 100 <= percent * low
