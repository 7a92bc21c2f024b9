"""What a cell's chart shows, in three values: section 3 of the clinical logic."""

from collections.abc import Callable, Mapping
from typing import Literal

from tests.oracle.cell import (
    HOURS_SINCE_FIRST_LEVEL,
    HOURS_SINCE_LEVEL,
    HOURS_SINCE_START,
    Cell,
)
from tests.oracle.estimate import Estimate, Pair, estimate

Answer = Literal["yes", "no", "unknown"]
LIMITS = {"default": (0.3, 0.7), "low": (0.2, 0.4)}


def find(cell: Cell) -> dict[str, Answer]:
    """Every finding of the grid."""
    answers = dose_findings(cell) | level_findings(cell)
    answers["requirement_raised"] = answers["very_high"]
    answers["failing"] = failing(cell, answers)
    answers["resistance_suspected"] = either(answers["requirement_raised"], answers["failing"])
    answers["confirmed"] = confirmed(cell, answers)
    return answers


# --- dose --------------------------------------------------------------------------------------


def dose_findings(cell: Cell) -> dict[str, Answer]:
    """High, very high and ceiling."""
    daily, by_weight = cell.rate * 24, cell.per_kg(cell.rate)
    if by_weight is None:
        high: Answer = "yes" if daily > 35_000 else "unknown" if cell.rate > 800 else "no"
        above_start = True
    else:
        above_start = by_weight > 18.5
        high = yes(round(by_weight + 1e-9, 1) >= 20 or (daily > 35_000 and above_start))
    top = top_rate(cell)
    top_by_weight = cell.per_kg(top)
    return {
        "high": high,
        "very_high": yes(daily > 40_000 and above_start),
        "ceiling": yes(top * 24 > 50_000 and (top_by_weight is None or top_by_weight > 20)),
    }


def top_rate(cell: Cell) -> float:
    """U/h: the running rate, or the drafted one where it is a raise that can be meant."""
    return cell.rate * 1.125 if cell.draft == "raise" else cell.rate


# --- levels ------------------------------------------------------------------------------------


def level_findings(cell: Cell) -> dict[str, Answer]:
    """Below, above, masked and pseudo-resistance, against the target that was ordered."""
    low_aptt = ask(cell.aptt, lambda seconds: seconds < 60)
    high_aptt = ask(cell.aptt, lambda seconds: seconds > 100)
    below_xa, above_xa = anti_xa_says(cell)
    if cell.target == "unreadable":
        unknown: Answer = "unknown"
        return dict.fromkeys(
            ("below_target", "above_target", "masked", "pseudo_resistance"), unknown
        )
    if cell.target == "low":  # the order names the anti-Xa: it decides, the aPTT only vetoes
        below, above = below_xa, above_xa
    else:
        below, above = leading(below_xa, low_aptt), leading(above_xa, high_aptt)
        disturbed = cell.trust != "good" and cell.anti_xa is not None
        if disturbed and above_xa == "unknown" and above == "no":
            above = "unknown"  # the anti-Xa says nothing against it, whatever the aPTT
    in_range = both(negate(below_xa), negate(above_xa))
    return {
        "below_target": below,
        "above_target": above,
        "masked": both(below_xa, negate(low_aptt)),
        "pseudo_resistance": "no" if cell.trust == "foreign" else both(in_range, low_aptt),
    }


def anti_xa_says(cell: Cell) -> tuple[Answer, Answer]:
    """Below the lower limit, above the upper one, as far as the anti-Xa can be trusted."""
    low, high = LIMITS.get(cell.target, LIMITS["default"])
    below = ask(cell.anti_xa, lambda level: level < low)
    above = ask(cell.anti_xa, lambda level: level > high)
    if cell.trust == "mayReadLow":  # the true level is this or more
        return ("no" if below == "no" else "unknown"), ("yes" if above == "yes" else "unknown")
    if cell.trust == "foreign":  # heparin's own part is this or less
        return ("yes" if below == "yes" else "unknown"), ("no" if above == "no" else "unknown")
    return below, above


# --- resistance --------------------------------------------------------------------------------


def failing(cell: Cell, answers: Mapping[str, Answer]) -> Answer:
    """Below target at a high rate; no plateau, thrombosis or lost effect stands in the grid."""
    against = ("masked", "pseudo_resistance", "above_target")
    if any(answers[name] == "yes" for name in against):
        return "no"
    if cell.aptt is not None and cell.aptt > 100:
        return "no"
    fails = both(answers["below_target"], answers["high"])
    # What disturbs the anti-Xa leaves open whether it is above: then failing is open too.
    disturbed = cell.trust != "good" and cell.anti_xa is not None
    open_ = disturbed and answers["above_target"] == "unknown"
    return both(fails, "unknown") if open_ else fails


def confirmed(cell: Cell, answers: Mapping[str, Answer]) -> Answer:
    """Two levels with a raise between, or the required rate; never by the aPTT alone."""
    if cell.weight is None or cell.target == "unreadable":
        return "no" if answers["failing"] == "no" else "unknown"
    if answers["failing"] != "yes":
        return answers["failing"]
    low, high = LIMITS[cell.target]
    last = cell.anti_xa
    if not steep(cell):  # high by units alone opens tests only
        return "no"
    if last is None or anti_xa_says(cell)[0] != "yes" or round(low - last, 6) < 0.05:
        return "no"
    return yes(two_levels(cell, low) or by_required_rate(cell, low, high))


def two_levels(cell: Cell, low: float) -> bool:
    """The earlier level below target too, the rate raised by at least a tenth between them."""
    raised = cell.rate >= cell.rate_before * 1.10
    return cell.earlier is not None and cell.earlier < low and raised


def by_required_rate(cell: Cell, low: float, high: float) -> bool:
    """At least 80 % for more than 20 U/kg/h, both pairs asking for it, and 20 running."""
    found = required_rate(cell)
    if found is None or len(found.implied) < 2 or (cell.earlier or 0) > high:
        return False
    return found.above_20 >= 0.80 and all(rate > 20 for rate in found.implied)


def steep(cell: Cell) -> bool:
    """From 20 U/kg/h, rounded as pumps are."""
    return round((cell.per_kg(cell.rate) or 0.0) + 1e-9, 1) >= 20


def required_rate(cell: Cell) -> Estimate | None:
    """The estimate of the usable pairs; none without weight or a target that is told."""
    if cell.weight is None or cell.target == "unreadable":
        return None
    pairs = []
    if cell.earlier is not None:
        hours = HOURS_SINCE_START - HOURS_SINCE_FIRST_LEVEL
        pairs.append(Pair(hours, cell.rate_before / cell.weight, cell.earlier))
    if cell.anti_xa is not None and cell.trust == "good":
        hours = HOURS_SINCE_START - HOURS_SINCE_LEVEL
        pairs.append(Pair(hours, cell.rate / cell.weight, cell.anti_xa))
    if not pairs:
        return None
    found = estimate(tuple(pairs), LIMITS[cell.target][0], moved=cell.sepsis)
    return None if found.aside else found


def on_target(findings: Mapping[str, Answer]) -> bool:
    """The level is known, and neither below nor above."""
    return findings["below_target"] == findings["above_target"] == "no"


# --- three values ------------------------------------------------------------------------------


def yes(is_so: bool) -> Answer:
    """A known answer."""
    return "yes" if is_so else "no"


def ask(value: float | None, condition: Callable[[float], bool]) -> Answer:
    """Unknown where there is no value."""
    return "unknown" if value is None else yes(condition(value))


def negate(answer: Answer) -> Answer:
    """Not, in three values."""
    return {"yes": "no", "no": "yes", "unknown": "unknown"}[answer]  # type: ignore[return-value]


def leading(by_anti_xa: Answer, by_aptt: Answer) -> Answer:
    """The anti-Xa decides where it says anything."""
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
