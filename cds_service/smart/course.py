"""How the findings came about: the spine asked again at past moments, a bounded number of them.

A card "since 06:00" was there at 06:00 and at every later moment that was looked at, and not at the
moment before, which is told as well. Only what a chart shows counts: what was drafted then, and how
a source answered then, is not on record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from cds_service.advice import Advice, advise
from cds_service.cards.required_rate_words import required_rate_told
from cds_service.chart.facts import HookContext
from cds_service.errors import TookTooLong
from cds_service.outbound.workload import Workload
from cds_service.smart.display import iso, unescaped
from cds_service.smart.ehrs import LaunchingEhr
from cds_service.smart.past_answers import PastAnswers

MOMENTS = 24  # at most; each costs what a hook call's advice costs
FULL_HOURS = 6  # looked at even where nothing new came
SHARE_OF_TIME = 0.5  # of a call's seconds, for the past; the present comes first


@dataclass(frozen=True, slots=True)
class Moment:
    """What the service would have said at a moment."""

    at: datetime
    indicators: Mapping[str, str]  # topic -> indicator, those that may be shown
    summaries: Mapping[str, str]  # topic -> summary, of the cards that fitted
    rules: frozenset[str]  # those that answered yes
    need: Mapping[str, Any]


def moment_of_advice(at: datetime, advice: Advice, ehr: LaunchingEhr) -> Moment:
    """What an advice says, as far as the course tells it."""
    topics = ehr.rulebook.protocol.topics
    shown = [item for item in advice.findings.items if topics.get(item.topic, "on") == "on"]
    return Moment(
        at=at,
        indicators={item.topic: item.indicator.value for item in shown},
        summaries={card.topic: card.summary for card in advice.cards},
        rules=frozenset(name for name, v in advice.findings.verdicts.items() if v.yes),
        need=_need(advice, ehr),
    )


def _need(advice: Advice, ehr: LaunchingEhr) -> dict[str, Any]:
    """The required rate as it was told at that moment; numbers only where they were shown."""
    m = advice.findings.measured
    told: dict[str, Any] = {"told": unescaped(required_rate_told(m, ehr.rulebook.wording))}
    found = m.need.rate
    if found is None or found.shown is None:
        return told
    units = found.units_per_hour(m.need.weight or 0.0, m.case.protocol)
    shown = {"need": found.shown.need, "low": found.shown.lowest, "high": found.shown.highest}
    return told | shown | {"units": units, "probability": found.probability}


def past_moments(
    past: PastAnswers, asked: HookContext, ehr: LaunchingEhr, times: Sequence[datetime],
    work: Workload,
) -> list[Moment]:  # fmt: skip
    """The moments looked at, newest first; fewer than asked for where the time does not last."""
    enough = work.limits.seconds * (1 - SHARE_OF_TIME)
    found = []
    for at in times:
        if work.remaining < enough:
            break
        try:
            advice = advise(asked, past.at(at), ehr.rulebook, at, ehr.capabilities, work.still)
        except TookTooLong:
            break
        found.append(moment_of_advice(at, advice, ehr))
    return found


def times_to_ask(past: PastAnswers, since: datetime, now: datetime) -> list[datetime]:
    """When results came, every sixth hour, and as far as there is room all else; newest first."""
    hours = int((now - since) / timedelta(hours=FULL_HOURS))
    full = [now - timedelta(hours=FULL_HOURS) * n for n in range(1, hours + 1)]
    chosen: set[datetime] = set()
    for group in (past.changes(results=True), full, past.changes(results=False)):
        inside = {_next_minute(at) for at in group} - chosen
        fresh = sorted(at for at in inside if since <= at < now)
        chosen.update(_thinned(fresh, MOMENTS - len(chosen)))
    return sorted(chosen, reverse=True)


def _thinned(times: Sequence[datetime], most: int) -> Sequence[datetime]:
    """Evenly fewer, the newest always among them."""
    if len(times) <= most:
        return times
    step = len(times) / most if most else 0.0
    return [times[-1 - int(place * step)] for place in range(most)]


def _next_minute(at: datetime) -> datetime:
    whole = at.replace(second=0, microsecond=0)
    return whole if whole == at else whole + timedelta(minutes=1)


def course_told(moments: Sequence[Moment], clock: tzinfo | None) -> dict[str, Any]:
    """The course for the page; `moments` newest first, the present at the head."""
    topics = dict.fromkeys(topic for one in moments for topic in one.summaries)
    return {
        "lookedBackTo": iso(moments[-1].at, clock),
        "moments": len(moments),
        "findings": [_run(topic, moments, clock) for topic in topics],
        "needs": [{"at": iso(one.at, clock), **one.need} for one in reversed(moments)],
    }


def _run(topic: str, moments: Sequence[Moment], clock: tzinfo | None) -> dict[str, Any]:
    """The newest unbroken run of moments at which a card was due."""
    due = [topic in one.indicators for one in moments]
    last = due.index(True)  # the newest; the places run backwards in time
    before = due.index(False, last) if False in due[last:] else len(moments)
    told: dict[str, Any] = {
        "topic": topic,
        "indicator": moments[last].indicators[topic],
        "summary": _first_text(one.summaries.get(topic, "") for one in moments[last:before]),
        "since": iso(moments[before - 1].at, clock),
    }
    if before < len(moments):
        told["absentAt"] = iso(moments[before].at, clock)
    if last:
        told["goneAt"] = iso(moments[last - 1].at, clock)
    return told


def _first_text(texts: Iterable[str]) -> str:
    return next((text for text in texts if text), "")


def rule_since(rule: str, moments: Sequence[Moment], clock: tzinfo | None) -> str:
    """Since when a rule that answers yes now has done so, as far as was looked back; else ""."""
    since = ""
    for one in moments:
        if rule not in one.rules:
            break
        since = iso(one.at, clock)
    return since
