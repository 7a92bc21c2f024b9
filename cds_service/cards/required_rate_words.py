"""The required rate and the target in words, for a card's table and for explain.

It says where the lower limit lies, with its interval, in whole U/kg/h and the pump's U/h; never
"raise".
"""

from __future__ import annotations

from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.measure.required_rate import Likelihood, Place
from cds_service.assessment.measure.target import UNITS, Range
from cds_service.cards.amounts import decimals
from cds_service.cards.reason_words import reasons
from cds_service.cards.wording import Wording


def required_rate_told(m: Measured, wording: Wording) -> str:
    """Where the lower limit lies; or a pair that does not fit; or why nothing is said."""
    found, layout = m.need.rate, wording.layout
    if found is None:
        return layout["need_none"].format(reasons=reasons(wording, m.need.told.reasons))
    last = found.steps[-1] if found.steps else None
    if last is not None and last.place is Place.SET_ASIDE:
        level = f"{last.pair.comparator}{decimals(last.pair.level, UNITS[m.need.concept])}"
        return layout["need_aside"].format(level=level)
    limit = _limit(m, wording)
    if found.shown is not None:
        text = layout["need_at"].format(
            limit=limit,
            need=found.shown.need,
            low=found.shown.lowest,
            high=found.shown.highest,
            units=found.units_per_hour(m.need.weight or 0.0, m.case.protocol),
        )
    elif found.beyond is not None:
        key = "need_above" if found.beyond.above else "need_below"
        text = layout[key].format(limit=limit, rate=found.beyond.rate)
    else:
        return layout["need_silent"].format(why=layout[f"need_{found.silence or 'too_few'}"])
    if found.likelihood is Likelihood.NONE:
        return text
    line = m.case.protocol["required_rate.line"]
    return text + layout[f"likely_{found.likelihood}"].format(line=line)


def _limit(m: Measured, wording: Wording) -> str:
    low = m.target.of(m.need.concept)[0].low
    unit = UNITS[m.need.concept]
    return (
        f"{decimals(low, unit)}" if unit == "[IU]/mL" else f"{low:g} {wording.unit(unit)}".strip()
    )


def target_told(m: Measured, wording: Wording) -> str:
    """The range of each test that the target gives, and where it is from."""
    layout, target = wording.layout, m.target
    told = [
        layout["target_test"].format(test=wording.facts[test], ranges=_ranges(found, test, wording))
        for test in UNITS
        if (found := target.of(test)) and test in _shown(m)
    ]
    if target.known.unknown:
        told.append(reasons(wording, target.known.reasons))
    where = layout[f"target_{target.source}"]
    return layout["target"].format(told=layout["join"].join(told), where=where)


def _shown(m: Measured) -> tuple[str, ...]:
    """The test that the order names, else the anti-Xa and the aPTT that are in use here."""
    if m.target.leads:
        return (m.levels.aptt.concept,) if m.target.leads == "aptt" else ("anti_xa",)
    used = [v.concept for v in (m.levels.anti_xa, m.levels.aptt) if v.result is not None]
    return tuple(used or ["anti_xa"])


def _ranges(found: tuple[Range, ...], test: str, wording: Wording) -> str:
    unit = UNITS[test]
    spans = (f"{decimals(r.low, unit)}-{decimals(r.high, unit)}" for r in found)
    text = wording.layout["or"].join(spans)
    return f"{text} {wording.unit(unit)}".strip()
