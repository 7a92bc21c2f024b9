"""What a walk came to: rows for the tables, with every count the report needs.

An event is a card that is new, changed, gone, or back as it was. A card counts again only when it
changes: when its topic, urgency or drugs are not those last shown, or when the same was last shown
longer ago than administrations are looked back for. Figures in its text move with every
charted hour and are no change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cds_service.advice import Advice, Rulebook
from cds_service.assessment.measure.infusion_reader import boluses, charted_segments, longest_total
from cds_service.assessment.measure.segments import Bolus
from cds_service.assessment.model.case import DAY, HOUR, Case
from cds_service.assessment.model.protocol import Protocol
from cds_service.assessment.model.recommendation import Indicator
from cds_service.assessment.model.verdict import Reason
from cds_service.assessment.recommend.registry import TOPICS
from cds_service.assessment.recommend.scope import scope_of
from cds_service.cards.card import Card
from cds_service.chart.facts import Chart, HookContext, Result
from cds_service.chart.fhir_datetime import read_period
from cds_service.chart.fhir_json import member, text
from cds_service.chart.query_result import Resource
from cds_service.tools.replay.heights import bmi
from cds_service.tools.replay.stays import age_at, ethnicity_of, place_at, sex_of
from cds_service.tools.replay.titles import topic_title
from cds_service.tools.replay.walk import HOOK, Past

TallyRow = dict[str, object]
Signature = tuple[object, ...]

GONE, BACK = "gone", "back"
UNCOUNTED = (GONE, BACK)  # rows of events.csv that are no new burden
INDICATORS = tuple(indicator.value for indicator in Indicator)
SPOKEN = tuple(t for t in TOPICS if t in scope_of(HookContext(HOOK, ""), ()).topics)


@dataclass(slots=True)
class PatientTally:
    """The answers of one patient's walk under one protocol."""

    patient: str
    protocol: Protocol
    past: Past
    questions: int = 0
    shown: Counter[str] = field(default_factory=Counter)  # topic: every time it was answered
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)  # topic and indicator
    first: dict[str, datetime] = field(default_factory=dict)
    events: list[TallyRow] = field(default_factory=list)
    unknown: Counter[tuple[str, str]] = field(default_factory=Counter)
    first_sign: datetime | None = None
    by_weight: float = 0.0  # the highest daily dose in U/kg/h
    # As it was seen to run, moment by moment: a row that nobody closed would run on for years.
    hours_running: float = 0.0
    kidney: str = ""  # "impaired" or "normal", as last known while heparin ran
    _last: dict[str, tuple[Signature, datetime]] = field(default_factory=dict)
    _there: dict[str, str] = field(default_factory=dict)  # topic -> urgency of the last answer
    _since: datetime | None = None  # heparin was first seen to run
    _course: datetime | None = None  # the same of this course; none when it is long over
    _running_at: datetime | None = None  # when it was last seen to run
    _asked_at: datetime | None = None
    _ran: bool = False

    @property
    def started(self) -> datetime | None:
        """When heparin was first seen to run, else the first question."""
        return self._since or self._asked_at

    def take(self, now: datetime, advice: Advice) -> bool:
        """Note one answer; says whether heparin runs."""
        if self._ran and self._asked_at is not None:
            self.hours_running += (now - self._asked_at) / HOUR
        measured, verdicts = advice.findings.measured, advice.findings.verdicts
        self.questions += 1
        self.by_weight = max(self.by_weight, measured.dose.per_kg_h or 0.0)
        if self.first_sign is None and verdicts["resistance_suspected"].yes:
            self.first_sign = now
        self._follow(now, running=measured.infusion.running.yes)
        if measured.infusion.running.yes:
            self._since = self._since or now
            renal = measured.organs.renal
            self.kidney = self.kidney if renal.unknown else ("impaired" if renal.yes else "normal")
        for card in advice.cards:
            self._note(now, card)
        self._leave(now, {card.topic: card.indicator for card in advice.cards})
        self.unknown.update({(r.fact, r.why) for r in _reasons(advice)})
        self._asked_at, self._ran = now, measured.infusion.running.yes
        return self._ran

    def _follow(self, now: datetime, *, running: bool) -> None:
        """A course is over when heparin was last seen longer ago than rows are looked back for."""
        window = self.protocol.span("heparin.administration_window")
        if self._running_at is not None and now - self._running_at > window:
            self._course = None
        if running:
            self._course = self._course or now
            self._running_at = now

    def _note(self, now: datetime, card: Card) -> None:
        self.shown[card.topic] += 1
        self.first.setdefault(card.topic, now)
        signature = _signature(card)
        last, at = self._last.get(card.topic, ((), now))
        self._last[card.topic] = (signature, now)
        if signature == last and now - at <= self.protocol.span("heparin.administration_window"):
            if card.topic not in self._there:
                self._tell(now, BACK, card.topic, card.indicator, card)
            return
        self.counted[card.topic, card.indicator] += 1
        self._tell(now, "changed" if last else "new", card.topic, card.indicator, card)

    def _leave(self, now: datetime, there: dict[str, str]) -> None:
        """A row for each card that was in the last answer and is not in this one."""
        for topic, indicator in self._there.items():
            if topic not in there:
                self._tell(now, GONE, topic, indicator, None)
        self._there = there

    def _tell(
        self, now: datetime, event: str, topic: str, indicator: str, card: Card | None
    ) -> None:
        hours = None if self._course is None else round((now - self._course) / HOUR, 2)
        self.events.append(
            {
                "patient": self.patient,
                "time": now.isoformat(),
                "protocol": self.protocol.name,
                "event": event,
                "topic": topic,
                "title": topic_title(topic),
                "indicator": indicator,
                "setting": self.protocol.topics.get(topic, "on"),
                "place": place_at(self.past.stays, now),
                "hours_on_heparin": hours,
                "summary": card.summary if card else "",
                "suggestions": "; ".join(s.label for s in card.suggestions) if card else "",
            }
        )


def _signature(card: Card) -> Signature:
    """The urgency and the drugs offered: which tests are pending makes no card new."""
    drugs = {
        action.description
        for suggestion in card.suggestions
        for action in suggestion.actions
        if action.type == "create" and _is_drug(action.resource)
    }
    return (card.indicator, *sorted(drugs))


def _is_drug(resource: Resource | None) -> bool:
    return text(member(resource, "resourceType")) == "MedicationRequest"


def _reasons(advice: Advice) -> Iterable[Reason]:
    for item in advice.findings.items:
        yield from item.open
        yield from item.withheld


def patient_row(tally: PatientTally, past: Past, rules: Rulebook) -> TallyRow:
    """A row of patients.csv, and the further columns the report works with."""
    case = _in_the_end(past, rules)
    weight = _weight(past.chart)
    segments = charted_segments(case, weight)[0] if case else ()
    running = [s for s in segments if s.rate != 0]
    row: TallyRow = {
        "patient": tally.patient,
        "protocol": tally.protocol.name,
        "first_heparin": _iso(running[0].start) if running else None,
        "heparin_hours": round(tally.hours_running, 2),
        "max_24h_infusion_units": round(longest_total(segments, case.now, DAY)) if case else 0,
        "max_24h_bolus_units": round(_most(boluses(case, weight), DAY)) if case else 0,
        "max_u_per_kg_h": round(tally.by_weight, 2),
        "weight_kg": weight,
        "height_cm": past.height_cm,
        "bmi": bmi(weight, past.height_cm),
        "observed_days": _days(past),
        "questions": tally.questions,
        "cards_shown": sum(tally.shown.values()),
        "cards_counted": sum(tally.counted.values()),
        "first_sign": _iso(tally.first_sign),
        "sign_to_at_test_hours": _to_test(tally.first_sign, past.chart),
        "undated": past.undated,
        "sex": sex_of(past.person),
        "age": age_at(past.person, tally.started),
        "ethnicity": ethnicity_of(past.person),
        "kidney": tally.kidney,
    }
    row |= {f"first_{topic}": _iso(tally.first.get(topic)) for topic in SPOKEN}
    row |= {f"shown_{topic}": tally.shown[topic] for topic in SPOKEN}
    return row | {f"{t}_{i}": tally.counted[t, i] for t in SPOKEN for i in INDICATORS}


def unknown_rows(tally: PatientTally) -> list[TallyRow]:
    """What was unknown and why, by the number of questions it was unknown at."""
    return [
        {
            "patient": tally.patient,
            "protocol": tally.protocol.name,
            "fact": fact,
            "why": why,
            "questions": count,
        }
        for (fact, why), count in sorted(tally.unknown.items())
    ]


def _in_the_end(past: Past, rules: Rulebook) -> Case | None:
    until = past.until
    return Case(past.asked, past.chart, rules.protocol, until) if until else None


def _weight(chart: Chart) -> float | None:
    """The newest on record, measured before stated: for totals over a whole stay."""
    results: tuple[Result, ...] = (*chart.of("weight"), *chart.of("weight_stated"))
    return next((r.value for r in results if r.value and not r.comparator), None)


def _most(given: tuple[Bolus, ...], window: timedelta) -> float:
    """The largest sum of any stretch of that length."""
    return max(
        (sum(b.units for b in given if one.at <= b.at < one.at + window) for one in given),
        default=0.0,
    )


def _days(past: Past) -> float:
    """Days in care: the encounters taken together, or without any from first to last fact."""
    times = [v.since for v in past.dated if v.since is not None]
    stays = sorted(_stays(past)) or [(times[0], times[-1])] if times else []
    total, covered = 0.0, datetime.min.replace(tzinfo=UTC)
    for start, end in stays:
        total += max((end - max(start, covered)) / DAY, 0.0)
        covered = max(covered, end)
    return round(total, 3)


def _stays(past: Past) -> Iterable[tuple[datetime, datetime]]:
    for version in past.dated:
        period = read_period(member(version.resource, "period"))
        if period.start is not None and period.end is not None:
            yield period.start, period.end


def _to_test(sign: datetime | None, chart: Chart) -> float | None:
    """Hours from the first sign to the first antithrombin level; below zero: it was there."""
    drawn = [r.at for r in chart.of("antithrombin") if r.at is not None]
    if sign is None or not drawn:
        return None
    after = [at for at in drawn if at >= sign]
    return round(((min(after) if after else max(drawn)) - sign) / HOUR, 2)


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
