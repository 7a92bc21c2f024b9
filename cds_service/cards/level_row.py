"""The row about levels: of the deciding test the last three, each with the rate it was drawn under.

Levels that do not decide are shown with the reason, and with the end of it where that is known.
"""

from __future__ import annotations

from cds_service.assessment.measure.level import Level
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.verdict import Evidence, Reason
from cds_service.cards.amounts import amount, day_and_time
from cds_service.cards.reason_words import lower
from cds_service.cards.wording import Wording, escaped

LAST = 3


def levels_told(m: Measured, facts: tuple[Evidence, ...], wording: Wording) -> str:
    """ "anti-Xa 0.18 IU/mL at 1,440 U/h (01 Mar 11:00), 0.24 IU/mL at 1,600 U/h; aPTT 47 s"."""
    concepts = dict.fromkeys(fact.fact for fact in facts)
    newest = max((fact.at for fact in facts if fact.at is not None), default=None)
    told = []
    for concept in sorted(concepts, key=lambda c: c != m.levels.deciding.concept):
        of_it = [fact for fact in facts if fact.fact == concept]
        levels = _shown(m, concept, of_it)
        texts = [_level(one, wording, dated=one.drawn != newest) for one in levels]
        texts += [
            _fact(fact, wording, dated=fact.at != newest)
            for fact in of_it
            if all(fact.source != one.evidence.source for one in levels if one.evidence)
        ]
        name = lower(wording.facts[concept])
        values = wording.layout["and"].join(texts)
        told.append(wording.layout["sign"].format(fact=name, value=values))
    return wording.layout["join"].join(told)


def _shown(m: Measured, concept: str, facts: list[Evidence]) -> list[Level]:
    """The last three of the deciding test, of another only those among the facts; oldest first."""
    levels = list(m.levels.of(concept)[:LAST])
    if concept != m.levels.deciding.concept:
        levels = [one for one in levels if one.evidence in facts]
    return levels[::-1]


def _level(level: Level, wording: Wording, *, dated: bool) -> str:
    layout = wording.layout
    text = _value(level, wording)
    if level.rate:
        text = layout["at_rate"].format(value=text, rate=level.rate)
    remarks = [wording.how[level.evidence.how]] if level.evidence and level.evidence.how else []
    if dated and level.drawn is not None:
        remarks.insert(0, day_and_time(wording, level.drawn))
    remarks += [_why(level, reason, wording) for reason in _doubts(level)]
    return layout["bracketed"].format(value=text, remarks="; ".join(remarks)) if remarks else text


def _value(level: Level, wording: Wording) -> str:
    """The value with its unit; one that cannot be read as the record has it, with the reason."""
    result = level.result
    if result is not None and result.value is None:
        why = wording.reasons[result.problem.value if result.problem else "unreadable"]
        written = escaped(result.written)
        return wording.layout["remark"].format(value=written, how=why) if written else why
    return amount(wording, level.evidence) if level.evidence else ""


def _doubts(level: Level) -> tuple[Reason, ...]:
    """What keeps a level from deciding."""
    return tuple(dict.fromkeys((*level.usable.reasons, *level.steady.reasons)))


def _why(level: Level, reason: Reason, wording: Wording) -> str:
    why = wording.reasons[reason.why]
    if level.until is None or reason not in level.usable.reasons:
        return why
    return wording.layout["until"].format(why=why, at=day_and_time(wording, level.until))


def _fact(fact: Evidence, wording: Wording, *, dated: bool) -> str:
    text = amount(wording, fact)
    remarks = [wording.how[fact.how]] if fact.how else []
    if dated and fact.at is not None:
        remarks.insert(0, day_and_time(wording, fact.at))
    bracketed = wording.layout["bracketed"]
    return bracketed.format(value=text, remarks="; ".join(remarks)) if remarks else text
