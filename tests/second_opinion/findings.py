"""The cell, and section 3 of the clinical logic: what a cell's chart shows, in three values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Answer = Literal["yes", "no", "unknown"]


@dataclass(frozen=True)
class Cell:
    """One patient, one moment, one hook. None is 'not on record'."""

    rate: int  # U/h, running
    weight: int | None  # kg
    anti_xa: float | None  # IU/mL
    aptt: int | None  # s
    antithrombin: float | None  # %
    renal: str  # normal, impaired, unknown
    hepatic: str
    sepsis: bool
    cardiac_surgery: bool  # within 72 hours
    hit: bool  # on record
    bleeding: bool
    hook: str  # patient-view, order-sign
    draft_raise: bool  # order-sign only: the drafted rate is 12.5 % above the running one


def find(cell: Cell) -> dict[str, Answer]:
    """Every finding of the grid."""
    xa, aptt = cell.anti_xa, cell.aptt
    low_xa = ask(xa, lambda level: level < 0.3)
    low_aptt = ask(aptt, lambda seconds: seconds < 60)
    answers = dose_findings(cell) | {
        "below_target": leading(low_xa, low_aptt),
        "above_target": leading(
            ask(xa, lambda level: level > 0.7), ask(aptt, lambda seconds: seconds > 100)
        ),
        "masked": both(low_xa, ask(aptt, lambda seconds: seconds >= 60)),
        "pseudo_resistance": both(ask(xa, lambda level: 0.3 <= level <= 0.7), low_aptt),
    }
    answers["requirement_raised"] = answers["very_high"]
    answers["failing"] = failing(answers, aptt)
    answers["resistance_suspected"] = either(answers["requirement_raised"], answers["failing"])
    return answers


def dose_findings(cell: Cell) -> dict[str, Answer]:
    """High, very high and ceiling; a weight that is unknown leaves the units alone."""
    daily = cell.rate * 24
    above_start = cell.weight is None or cell.rate / cell.weight > 18.5
    by_weight_alone = cell.weight is not None and cell.rate / cell.weight >= 25
    return {
        "high": yes((daily > 35_000 and above_start) or by_weight_alone),
        "very_high": yes(daily > 40_000 and above_start),
        "ceiling": yes(top_rate(cell) * 24 > 50_000),
    }


def failing(answers: Mapping[str, Answer], aptt: int | None) -> Answer:
    """No rate change and no thrombosis in the grid: never escalating, plateau or thrombosis."""
    if answers["pseudo_resistance"] == "yes" or answers["above_target"] == "yes":
        return "no"
    if aptt is not None and aptt > 100:
        return "no"
    high = answers["high"]
    return either(both(answers["below_target"], high), both(answers["masked"], high))


def on_target(findings: Mapping[str, Answer]) -> bool:
    """The level is known, and neither below nor above."""
    return findings["below_target"] == findings["above_target"] == "no"


def top_rate(cell: Cell) -> float:
    """U/h: the running rate, or the drafted one where it is a raise."""
    return cell.rate * 1.125 if cell.draft_raise else cell.rate


def yes(is_so: bool) -> Answer:
    """A known answer."""
    return "yes" if is_so else "no"


def ask(value: float | None, condition: Callable[[float], bool]) -> Answer:
    """Unknown where there is no value."""
    return "unknown" if value is None else yes(condition(value))


def leading(by_anti_xa: Answer, by_aptt: Answer) -> Answer:
    """The anti-Xa decides where there is one."""
    return by_aptt if by_anti_xa == "unknown" else by_anti_xa


def both(one: Answer, other: Answer) -> Answer:
    """And, in three values."""
    if "no" in (one, other):
        return "no"
    return "unknown" if "unknown" in (one, other) else "yes"


def either(one: Answer, other: Answer) -> Answer:
    """Or, in three values."""
    if "yes" in (one, other):
        return "yes"
    return "unknown" if "unknown" in (one, other) else "no"
