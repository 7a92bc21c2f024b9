"""The figures that templates may name, from what was measured; text from outside is escaped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import zip_longest

from cds_service.assessment.assess import Findings
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.protocol import Protocol
from cds_service.assessment.model.recommendation import Recommendation
from cds_service.assessment.model.verdict import Evidence, Reason
from cds_service.assessment.recommend.switch import Start, argatroban, bivalirudin
from cds_service.cards.wording import Wording, escaped, plain
from cds_service.chart.fhir_datetime import Stretch, recorded

Figures = dict[str, object]

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LONG_AGO = 3 * DAY
LAST_YEAR = 300 * DAY


def decimals(value: float, unit: str) -> str:
    """A value as it is written in its unit: 38,400 U/d, 0.18 IU/mL, 55 %."""
    if unit in ("[IU]/mL", "{OD}", "mg/kg/h", "ug/kg/min"):
        return f"{value:.2f}"
    if unit == "g/dL" or (unit in ("U/kg/h", "mg/dL", "1") and value < TEN):
        return f"{value:.1f}"
    return f"{value:,.0f}" if value >= TEN or value == round(value) else f"{value:.1f}"


TEN = 10


def amount(wording: Wording, fact: Evidence) -> str:
    """Value and unit of one fact."""
    layout = wording.layout
    text = layout["value"].format(
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


TINY = 1e-9


def time(wording: Wording, at: datetime | None, now: datetime) -> str:
    """When, and how long ago."""
    if at is None:
        return wording.layout["no_time"]
    if isinstance(at, Stretch):
        why = wording.reasons[at.why]
        if now - at.latest > LONG_AGO:
            return escaped(at.written)
        return wording.layout["time_open"].format(written=escaped(at.written), why=why)
    age = max(now - at, timedelta())
    if age < HOUR:
        ago = wording.layout["ago_minutes"].format(minutes=age / timedelta(minutes=1))
    elif age <= LONG_AGO:
        ago = wording.layout["ago_hours"].format(hours=age / HOUR)
    else:
        ago = wording.layout["ago_days"].format(days=age / DAY)
    layout = "time" if age < LAST_YEAR else "time_old"
    return wording.layout[layout].format(at=at, ago=ago)


def reason(wording: Wording, item: Reason) -> str:
    """One named reason: fact and why, with what the record said, or the facts it rests on."""
    if item.facts:
        why = wording.reasons[item.why]
        return wording.layout["reason_facts"].format(why=why, signs=signs(wording, item.facts))
    fact = wording.facts.get(item.fact, item.fact)
    why = wording.reasons.get(item.why, item.why)
    key = "reason_detail" if item.detail else "reason"
    if not fact:  # the reason is a sentence that names it
        key = f"whole_{key}"
    return wording.layout[key].format(fact=fact, why=why, detail=escaped(item.detail))


def reasons(wording: Wording, items: tuple[Reason, ...]) -> str:
    """Several reasons, each once, joined."""
    return wording.layout["join"].join(dict.fromkeys(reason(wording, r) for r in items))


def signs(
    wording: Wording, facts: tuple[Evidence, ...], quote: Callable[[str], str] = escaped
) -> str:
    """Facts in one line: "haemoglobin 13.4 to 10.2 g/dL in 18 h", "platelets 40"."""
    texts = []
    for first, second in zip_longest(facts, facts[1:]):
        if second is not None and second.fact == first.fact and first.unit:
            texts.append(_fell(wording, first, second))
        elif not (texts and first.unit and _is_second(facts, first)):
            texts.append(_sign(wording, first, quote))
    return wording.layout["and"].join(dict.fromkeys(texts))


def _is_second(facts: tuple[Evidence, ...], fact: Evidence) -> bool:
    place = facts.index(fact)
    return place > 0 and facts[place - 1].fact == fact.fact


def _fell(wording: Wording, high: Evidence, low: Evidence) -> str:
    hours = (low.at - high.at) / HOUR if low.at and high.at else 0.0
    return wording.layout["sign_fell"].format(
        fact=wording.facts[high.fact],
        high=exact(high),
        low=exact(low),
        unit=wording.unit(high.unit),
        hours=hours,
    )


def _sign(wording: Wording, fact: Evidence, quote: Callable[[str], str]) -> str:
    name = wording.facts[fact.fact]
    if fact.unit:
        return wording.layout["sign"].format(fact=name, value=amount(wording, fact))
    written = quote(fact.written) or name
    at = "" if fact.at is None else recorded(fact.at)
    return wording.layout["sign_written"].format(written=written, at=at).rstrip(", ")


def start(wording: Wording, item: Start) -> str:
    """A drug with its starting rate."""
    return wording.layout["start"].format(
        drug=wording.drug(item.drug), rate=f"{item.rate:g}", unit=wording.unit(item.unit)
    )


class Limits:
    """Protocol numbers for templates: {p[section.key]:format}."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol

    def __getitem__(self, key: str) -> float:
        return self._protocol[key]


def figures(
    findings: Findings, item: Recommendation, wording: Wording, *, markdown: bool
) -> Figures:
    """Everything a template of this item may name."""
    m, quote = findings.measured, escaped if markdown else plain
    protocol = m.case.protocol
    values: Figures = {"p": Limits(protocol)}
    values |= _levels(m, wording) | _antithrombin(m, wording) | _starts(m, wording)
    values["signs"] = signs(wording, tuple(f for r in item.first for f in r.facts), quote)
    values["rate_phrase"] = rate_phrase(m, wording)
    odd = item.values.get("odd")
    values["odd_phrase"] = _rate_words(m, wording, odd) if isinstance(odd, float) else ""
    aptts = [f for f in item.facts if f.fact in ("aptt", "aptt_ratio")]
    levels = [f for f in item.facts if f.fact in ("anti_xa", "aptt", "aptt_ratio")]
    values["level_shown"] = _level_words(wording, levels[0]) if levels else ""
    values["aptt_now"] = amount(wording, aptts[0]) if aptts else ""
    values["dose_phrase"] = dose_phrase(m, wording)
    values["aptt_high"] = _aptt_limit(m, wording)
    values["age"] = " ".join(amount(wording, f) for f in m.gates.under_age.facts)
    values["risks"] = wording.layout["and"].join(wording.risks[r] for r in m.risk.names)
    values["excess"] = protocol["antithrombin_dose.label_recovery"] ** 2
    values["recheck"] = _span(wording, protocol, "antithrombin_dose.recheck")
    values["maintenance"] = _maintenance(wording, protocol)
    values["withheld"] = _withheld(wording, item.withheld[:1], quote)
    values["open"] = reasons(wording, _bare(item.open[:2]))
    values["tests"] = tests(wording, item.tests)
    platelets = [f for f in item.facts if f.fact == "platelets"]
    values["platelets"] = amount(wording, platelets[0]) if platelets else ""
    for key, value in item.values.items():
        values[key] = quote(wording.drug(value)) if isinstance(value, str) else value
    return values


def _withheld(wording: Wording, items: tuple[Reason, ...], quote: Callable[[str], str]) -> str:
    """Why a drug is withheld, for a summary: the signs themselves where it rests on some."""
    facts = tuple(fact for item in items for fact in item.facts)
    return signs(wording, facts, quote) if facts else reasons(wording, _bare(items))


def _bare(items: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """Without what the record said, for a summary."""
    return tuple(replace(r, detail="") for r in items)


def sources(protocol: Protocol, item: Recommendation) -> str:
    """The citations of an item's limits, each once, without what they say there."""
    rows = (source for key in item.limits for source in protocol.rows[key].source.split("; "))
    return "; ".join(dict.fromkeys(source.split(": ")[0] for source in rows))


def tests(wording: Wording, concepts: tuple[str, ...]) -> str:
    """Names of tests, joined."""
    return wording.layout["and"].join(wording.tests[c] for c in concepts)


def dose_phrase(m: Measured, wording: Wording) -> str:
    """The daily dose in words: units, and by weight where it is known."""
    if not m.dose.known.yes:
        return wording.layout["dose_unknown"]
    by_weight = ""
    if m.dose.per_kg_h is not None:
        by_weight = wording.layout["by_weight"].format(per_kg_h=m.dose.per_kg_h)
    return wording.layout["dose_known"].format(daily=m.dose.units, by_weight=by_weight)


def rate_phrase(m: Measured, wording: Wording) -> str:
    """The running rate in words: as pumps and orders have it, and by weight where known."""
    rate = m.infusion.rate
    if rate is None:
        return wording.layout["rate_held" if m.infusion.paused else "rate_unknown"]
    return _rate_words(m, wording, rate)


def _rate_words(m: Measured, wording: Wording, rate: float) -> str:
    by_weight = ""
    if m.weight.kg:
        by_weight = wording.layout["by_weight"].format(per_kg_h=rate / m.weight.kg)
    return wording.layout["rate_known"].format(rate=rate, by_weight=by_weight)


def _level_words(wording: Wording, fact: Evidence) -> str:
    kind = "anti_xa" if fact.fact == "anti_xa" else "aptt"
    return wording.layout[f"level_{kind}"].format(value=amount(wording, fact))


def _levels(m: Measured, wording: Wording) -> Figures:
    anti_xa, aptt = m.levels.anti_xa, m.levels.aptt
    texts: Figures = {"anti_xa": "", "aptt": "", "level_phrase": wording.layout["level_unknown"]}
    for key, level in (("aptt", aptt), ("anti_xa", anti_xa)):
        if level.current.yes and level.evidence is not None:
            texts[key] = amount(wording, level.evidence)
            if level.usable.yes:
                phrase = wording.layout[f"level_{key}"]
                texts["level_phrase"] = phrase.format(value=texts[key])
    return texts


def _antithrombin(m: Measured, wording: Wording) -> Figures:
    level, kg = m.antithrombin, m.weight.kg
    if level.evidence is None:
        return {"antithrombin": "", "antithrombin_value": 0.0, "weight": kg or 0.0}
    return {
        "antithrombin": amount(wording, level.evidence),
        "antithrombin_value": level.level or 0.0,
        "weight": kg or 0.0,
    }


def _starts(m: Measured, wording: Wording) -> Figures:
    apart = m.case.protocol.chosen("organ_choice") == "apart"
    offered = (
        argatroban(m.case, m.organs, m.risk if apart else None, recommended=False),
        bivalirudin(m.case, m.organs, recommended=False),
    )
    lowest = wording.layout["and"].join(start(wording, one) for one in offered)
    figures: Figures = {one.drug: start_words(wording, one, m.weight.kg) for one in offered}
    return figures | {"lowest_starts": lowest}


def start_words(wording: Wording, one: Start, kg: float | None) -> str:
    """A rate by weight, and in the pump's own unit where the weight is known."""
    rate = f"{one.rate:g} {wording.unit(one.unit)}"
    if not kg:
        return rate
    layout = wording.layout["start_per_hour"]
    return layout.format(rate=rate, per_hour=f"{one.per_hour(kg):.3g}", kg=f"{kg:.3g}")


def _aptt_limit(m: Measured, wording: Wording) -> str:
    key = "limit_ratio" if m.levels.aptt.concept == "aptt_ratio" else "limit_seconds"
    return wording.layout[key].format(limit=m.case.protocol[f"levels.{m.levels.aptt.concept}_over"])


def _span(wording: Wording, protocol: Protocol, key: str) -> str:
    low, high = protocol[f"{key}_from"], protocol[f"{key}_to"]
    return wording.layout["span"].format(low=low, high=high)


def _maintenance(wording: Wording, protocol: Protocol) -> str:
    row = "antithrombin_dose.maintenance_"
    low, high = protocol[row + "low"], protocol[row + "high"]
    every, until = protocol[row + "from"], protocol[row + "to"]
    key = "maintenance" if low == high and every == until else "maintenance_range"
    return wording.layout[key].format(low=low, high=high, every=every, until=until)
