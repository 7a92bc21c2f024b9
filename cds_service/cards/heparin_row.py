"""The row about heparin: the running rate, its last change, what was charted, each infusion."""

from __future__ import annotations

from datetime import timedelta

from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.verdict import Evidence
from cds_service.cards.amounts import HOUR, amount
from cds_service.cards.wording import Wording, escaped
from cds_service.chart.fhir_datetime import Stretch

_MOMENT = timedelta(seconds=1)
A_DAY = 24
MANY = 3 * A_DAY  # hours; from then on in days


def rate_words(m: Measured, wording: Wording, rate: float) -> str:
    """A rate as pumps have it, and by the weight of this course of heparin where it is known."""
    kg = m.course_weight.kg
    by_weight = wording.layout["by_weight"].format(per_kg_h=rate / kg) if kg else ""
    return wording.layout["rate_known"].format(rate=rate, by_weight=by_weight)


def rate_phrase(m: Measured, wording: Wording) -> str:
    """The running rate, or that it is not known."""
    rate = m.infusion.rate
    if rate is None:
        return wording.layout["rate_held" if m.infusion.paused else "rate_unknown"]
    return rate_words(m, wording, rate)


def heparin_told(m: Measured, facts: tuple[Evidence, ...], wording: Wording) -> str:
    """ "1,600 U/h (20.0 U/kg/h) for 26 h, was 1,440 U/h; 38,400 U/day; 35,400 U charted in 24 h".

    The first of these is the running rate; what follows depends on the facts of the card.
    """
    found = [_running(m, wording), *_parts(facts, wording)]
    found += [_drafted(m, fact, wording) for fact in facts if fact.fact == "draftedRate"]
    found += [_earlier(m, fact, wording) for fact in facts if fact.how in ("whenDrawn", "rises")]
    if any(fact.fact == "dailyDose" for fact in facts):
        found += _of_a_day(m, facts, wording)
    return wording.layout["join"].join(part for part in found if part)


def _running(m: Measured, wording: Wording) -> str:
    rate, layout = m.infusion.rate, wording.layout
    if rate is None or not m.infusion.running.yes:
        return wording.layout["rate_held"] if m.infusion.paused else wording.how["rateUnread"]
    text = rate_words(m, wording, rate)
    changed = m.infusion.last_change
    if changed is not None and not isinstance(changed, Stretch):
        hours = (m.case.now - changed) / HOUR
        text += layout["for_days" if hours > MANY else "for_hours"].format(
            hours=hours, days=hours / A_DAY
        )
        before = m.infusion.rate_at(changed - _MOMENT)
        text += layout["was_rate"].format(rate=before) if before and before != rate else ""
    return f"{text}, {wording.how['byOrder']}" if m.infusion.by_order else text


def _parts(facts: tuple[Evidence, ...], wording: Wording) -> list[str]:
    """Each infusion by itself, where several run: "systemic 1,800 + Impella purge 300 U/h"."""
    told = []
    for fact in facts:
        if fact.fact.startswith("rate_"):
            value = amount(wording, fact) if fact.unit else escaped(fact.written)
            text = f"{wording.facts[fact.fact]} {value or wording.how['rateUnread']}"
            told.append(text.strip())
    return [wording.layout["plus"].join(told)] if told else []


def _drafted(m: Measured, fact: Evidence, wording: Wording) -> str:
    return wording.layout["drafted_rate"].format(rate=rate_words(m, wording, fact.value))


def _earlier(m: Measured, fact: Evidence, wording: Wording) -> str:
    """The rate a level was drawn under, where it is another than now."""
    if fact.value == m.infusion.rate:
        return ""
    how = wording.how[fact.how]
    return wording.layout["remark"].format(value=rate_words(m, wording, fact.value), how=how)


def _of_a_day(m: Measured, facts: tuple[Evidence, ...], wording: Wording) -> list[str]:
    """Above a daily line the units of a day; what was charted; boluses, which decide nothing."""
    layout, told = wording.layout, []
    if m.dose.known.yes and m.dose.units > m.case.protocol["heparin.high_daily_dose"]:
        told.append(layout["per_day"].format(units=m.dose.units))
    for fact in facts:
        if fact.fact == "documentedDose":
            told.append(layout["charted"].format(units=fact.value, hours=fact.hours or 0.0))
    if m.infusion.bolus_units:
        told.append(layout["bolus"].format(units=m.infusion.bolus_units))
    return told
