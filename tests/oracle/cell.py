"""One cell of the grid: a patient, a moment and a hook, in a few words and numbers."""

from dataclasses import dataclass, replace
from typing import Any

HOURS_SINCE_START = 60.0
HOURS_SINCE_RAISE = 20.0
HOURS_SINCE_FIRST_LEVEL = 22.0
HOURS_SINCE_LEVEL = 2.0
RAISED_BY = 1.15  # the present rate is this much of the one before, where it was raised


@dataclass(frozen=True)
class Cell:
    """None is "not on record"."""

    rate: int  # U/h, running
    weight: int | None  # kg
    history: str  # "one" level, two at the "same" rate, or two with the rate "raised" between
    earlier: float | None  # anti-Xa of 22 hours ago, where there are two
    anti_xa: float | None  # IU/mL, two hours ago
    trust: str  # of that anti-Xa: "good", "mayReadLow" (plasma haemoglobin), "foreign" (apixaban)
    aptt: int | None  # s, of the same sample
    target: str  # by order: "default", "low" (0.2 to 0.4), "unreadable" (two that differ)
    antithrombin: float | None  # %, three hours ago
    renal: str  # "normal", "impaired", "unknown"
    hepatic: str
    sepsis: bool
    cardiac_surgery: bool  # 60 hours ago
    hit: bool  # on record
    bleeding: str  # "no", "highRisk" (Hb down 1.6), "active" (platelets 40), "major" (GI bleed)
    hook: str  # "patient-view", "order-sign"
    draft: str  # "", "same" rate, "raise" by an eighth, "tenfold", "antithrombin", "atenativ"

    @property
    def drafted_rate(self) -> float | None:
        """U/h of the drafted heparin order."""
        times = {"same": 1.0, "raise": 1.125, "tenfold": 10.0}.get(self.draft)
        return None if times is None else self.rate * times

    @property
    def rate_before(self) -> int:
        """U/h before the raise."""
        return round(self.rate / RAISED_BY) if self.history == "raised" else self.rate

    def per_kg(self, rate: float) -> float | None:
        """U/kg/h, where the weight is known."""
        return None if self.weight is None else rate / self.weight


# 80 kg at 21 U/kg/h, under target before a raise and after it.
RESISTANT = Cell(
    rate=1680, weight=80, history="raised", earlier=0.15, anti_xa=0.15, trust="good", aptt=45,
    target="default", antithrombin=55, renal="normal", hepatic="normal", sepsis=False,
    cardiac_surgery=False, hit=False, bleeding="no", hook="patient-view", draft="",
)  # fmt: skip


def patient(**changes: Any) -> Cell:
    """The resistant patient with something changed; a draft makes it order-sign."""
    if changes.get("draft"):
        changes.setdefault("hook", "order-sign")
    return replace(RESISTANT, **changes)
