"""Why something is unknown or withheld, in words; text from outside is escaped.

A line on a card names only as much as is read in passing: reasons that are alike stand together,
and what does not fit is counted, never dropped in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import zip_longest

from cds_service.assessment.model.verdict import Evidence, Reason
from cds_service.cards.amounts import HOUR, amount, exact
from cds_service.cards.wording import Wording, escaped, shortened
from cds_service.chart.fhir_datetime import recorded

LONGEST_LINE = 22  # words of the reasons on one line
SIGNS_SHOWN = 3


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
    """Every reason, each once, joined."""
    return wording.layout["join"].join(dict.fromkeys(reason(wording, r) for r in items))


def in_one_line(wording: Wording, items: Iterable[Reason], most: int = LONGEST_LINE) -> str:
    """Reasons of one kind together, at most so many words, and how many more there are."""
    told: list[str] = []
    words = left = 0
    for names, text in _grouped(wording, items):
        length = len(text.split())
        if told and words + length > most:
            left += names
        else:
            told.append(text)
            words += length
    if left:
        told.append(wording.layout["others"].format(count=left))
    return wording.layout["join"].join(told)


def _grouped(wording: Wording, items: Iterable[Reason]) -> Iterable[tuple[int, str]]:
    """How many facts, and their words: "weight, allergies (not on record)"."""
    groups: dict[str, list[str]] = {}
    alone: dict[str, None] = {}
    order: dict[str, bool] = {}
    for item in dict.fromkeys(items):
        name = wording.facts.get(item.fact, item.fact)
        why = wording.reasons.get(item.why, item.why)
        if item.facts or item.detail or not name:
            text = _by_itself(wording, item)
            alone[text] = None
            order.setdefault(text, False)
        else:
            groups.setdefault(why, [])
            if (small := lower(name)) not in groups[why]:
                groups[why].append(small)
            order.setdefault(why, True)
    for key, is_group in order.items():
        if is_group:
            names = wording.layout["and"].join(groups[key])
            yield len(groups[key]), wording.layout["reason_group"].format(facts=names, why=key)
        else:
            yield 1, key


def _by_itself(wording: Wording, item: Reason) -> str:
    """A reason with its signs or with what the record said, cut to a few words."""
    if item.facts:
        why = wording.reasons[item.why]
        return wording.layout["reason_facts"].format(why=why, signs=signs(wording, item.facts))
    name = lower(wording.facts.get(item.fact, item.fact))
    key = "reason_detail" if item.detail else "reason"
    return wording.layout[key if name else f"whole_{key}"].format(
        fact=name, why=wording.reasons.get(item.why, item.why), detail=shortened(item.detail)
    )


def lower(name: str) -> str:
    """A fact's name within a sentence: "Weight" small, "aPTT" and "HIT" as they are."""
    return name[:1].lower() + name[1:] if name[1:2].islower() else name


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
    found = list(dict.fromkeys(texts))
    rest = len(found) - SIGNS_SHOWN
    if rest > 0:
        found = [*found[:SIGNS_SHOWN], wording.layout["others"].format(count=rest)]
    return wording.layout["and"].join(found)


def _is_second(facts: tuple[Evidence, ...], fact: Evidence) -> bool:
    place = facts.index(fact)
    return place > 0 and facts[place - 1].fact == fact.fact


def _fell(wording: Wording, high: Evidence, low: Evidence) -> str:
    hours = (low.at - high.at) / HOUR if low.at and high.at else 0.0
    return wording.layout["sign_fell"].format(
        fact=lower(wording.facts[high.fact]),
        high=exact(high),
        low=exact(low),
        unit=wording.unit(high.unit),
        hours=hours,
    )


def _sign(wording: Wording, fact: Evidence, quote: Callable[[str], str]) -> str:
    name = lower(wording.facts[fact.fact])
    if fact.unit:
        return wording.layout["sign"].format(fact=name, value=amount(wording, fact))
    written = quote(fact.written) or name
    at = "" if fact.at is None else recorded(fact.at)
    return wording.layout["sign_written"].format(written=written, at=at).rstrip(", ")
