"""Gate 4 in three states: a bleed now, a high risk of one, or neither. Clinical logic 5.

Each sign is a verdict that rests on its own facts, so that a card can name "platelets 40" or
"haemoglobin 13.4 to 10.2" and never just "bleeding". Unknown where a query failed, or where
the newest count is on record and cannot be read or placed in time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cds_service.assessment.measure.current_result import CurrentResult, newest_result
from cds_service.assessment.measure.history import procedures, recent_conditions
from cds_service.assessment.measure.platelet_history import height
from cds_service.assessment.measure.thrombolysis import lysed
from cds_service.assessment.model.case import Case, evidence
from cds_service.assessment.model.verdict import NO, Evidence, Reason, Verdict, any_of, unknown, yes
from cds_service.chart.facts import Condition, Procedure, Result
from cds_service.chart.fhir_datetime import latest

# The row of the protocol that each sign rests on.
ROWS = {
    "bleeding": "bleeding.condition_within",
    "bleeding_major": "bleeding.condition_within",
    "bleeding_intracranial": "bleeding.intracranial_within",
    "organ_injury": "bleeding.injury_within",
    "trauma": "bleeding.injury_within",
    "neurosurgery": "bleeding.neurosurgery_within",
    "neuraxial_catheter": "bleeding.neuraxial_in",
    "thrombolytic": "bleeding.lysis_within",
    "hemoglobin": "bleeding.hemoglobin_fall",
}

MAJOR = ("bleeding_intracranial", "bleeding_major")
ANY = (*MAJOR, "bleeding")


@dataclass(frozen=True, slots=True)
class Bleeding:
    """The signs, sorted by what they close."""

    active: Verdict  # nothing starts or raises an anticoagulant or antithrombin
    major: Verdict  # recorded or begun in the last two days
    fell: Verdict  # haemoglobin, by as much as a major bleed takes
    fell_some: Verdict  # haemoglobin, by a little less: a row on other cards
    high_risk: Verdict  # nothing is started by a click, the small fall of haemoglobin included
    high_risk_alone: Verdict  # the same without that fall


def read_bleeding(case: Case, hit: Verdict, since: datetime | None) -> Bleeding:
    """Every sign that this record shows.

    `hit` is gate 3, in which low counts are no bleeding; `since` is when heparin began to run.
    """
    fell = _hemoglobin_fell(case, "bleeding.hemoglobin_fall", since)
    some = _hemoglobin_fell(case, "bleeding.hemoglobin_risk", since) if fell.no else NO
    low = NO if hit.yes else _platelets_low(case)
    alone = any_of(
        _recorded(case, "bleeding.intracranial_within", "bleeding_intracranial"),
        _recorded(case, "bleeding.injury_within", "organ_injury", "trauma"),
        _done(case, "bleeding.neurosurgery_within", "neurosurgery"),
        _neuraxial(case),
        lysed(case),
        NO if hit.yes else _platelets_fall(case),
    )
    return Bleeding(
        active=any_of(_recorded(case, "bleeding.condition_within", *ANY), fell, low),
        major=_recorded(case, "bleeding.major_within", *MAJOR),
        fell=fell,
        fell_some=some,
        high_risk=any_of(alone, some),
        high_risk_alone=alone,
    )


def rows_of(facts: Iterable[Evidence], platelets: str) -> tuple[str, ...]:
    """The rows of the protocol behind these signs; `platelets` is the line that counts here."""
    rows = (platelets if fact.fact == "platelets" else ROWS[fact.fact] for fact in facts)
    return tuple(dict.fromkeys(rows))


def why_not(bleeding: Bleeding) -> tuple[Reason, ...]:
    """The signs as reasons against a start: those of a bleed, else those of a risk."""
    if bleeding.active.yes:
        return (Reason("bleeding", "active", facts=bleeding.active.facts),)
    if bleeding.high_risk.yes:
        return (Reason("bleeding", "highRisk", facts=bleeding.high_risk.facts),)
    return ()


def _recorded(case: Case, span: str, *concepts: str) -> Verdict:
    found = recent_conditions(case, span, *concepts)
    if found:
        return yes(*(_condition_fact(c) for c in found))
    if not case.is_complete("conditions"):
        return unknown(Reason("conditions", case.state("conditions").value))
    return NO


def _condition_fact(condition: Condition) -> Evidence:
    at = condition.onset or condition.recorded
    written = condition.label.partition(";")[0] or condition.code
    return Evidence(condition.concept, 0.0, "", at, condition.source, "recorded", written=written)


def _done(case: Case, span: str, *concepts: str) -> Verdict:
    found = procedures(case, span, *concepts)
    if found:
        return yes(*(_procedure_fact(p) for p in found))
    return _procedures_answered(case)


def _procedures_answered(case: Case) -> Verdict:
    if not case.is_complete("procedures"):
        return unknown(Reason("procedures", case.state("procedures").value))
    return NO


def _procedure_fact(procedure: Procedure) -> Evidence:
    at = procedure.start or procedure.end
    return Evidence(
        procedure.concept, 0.0, "", at, procedure.source, "recorded", written=procedure.label
    )


def _neuraxial(case: Case) -> Verdict:
    """A catheter in place, or out for less than a day; without a removal three days count."""
    placed = [p for p in case.chart.procedures if p.concept == "neuraxial_catheter"]
    found = [p for p in placed if _may_lie(case, p)]
    if found:
        return yes(*(_procedure_fact(p) for p in found))
    return _procedures_answered(case)


def _may_lie(case: Case, catheter: Procedure) -> bool:
    if catheter.in_progress:
        return True
    out = _removed(case, catheter)
    if out is not None:
        return out.end is not None and latest(out.end) > case.ago("bleeding.neuraxial_out")
    start = catheter.start
    return (
        start is not None
        and case.known_by_now(start)
        and latest(start) >= case.ago("bleeding.neuraxial_in")
    )


def _removed(case: Case, catheter: Procedure) -> Procedure | None:
    """Its own end, or the first removal recorded after it was placed."""
    if catheter.end is not None and catheter.start is not None and catheter.end > catheter.start:
        return catheter
    later = [
        p
        for p in case.chart.procedures
        if p.concept == "neuraxial_removal"
        and p.end is not None
        and case.known_by_now(p.end)
        and (catheter.start is None or p.end >= catheter.start)
    ]
    return min(later, key=lambda p: p.end or case.now, default=None)


def _counts(case: Case, concept: str, since: datetime) -> list[Result]:
    """Plain values drawn since a moment, newest first."""
    found = case.results(concept, since)
    return [r for r in found if r.value is not None and not r.comparator and r.at is not None]


def _hemoglobin_fell(case: Case, line: str, since: datetime | None) -> Verdict:
    """A fall between two counts a day apart at most, the later one of the last day.

    Under heparin two days count: what fell before it began (an operation) is not its bleed. A
    count that has come back since ends it: the newest has to lie as far below the higher one.
    """
    limit, window = case.protocol[line], case.protocol.span("bleeding.hemoglobin_window")
    on_heparin = max(since or case.now, case.ago("bleeding.hemoglobin_within"))
    oldest = min(case.now - window, on_heparin)
    counts = _counts(case, "hemoglobin", oldest - window)
    highs = highest_before(counts, window)
    for later in (r for r in counts if r.at is not None and r.at >= oldest):
        high = highs.get(later.source)
        if high is not None and _by(high, later) >= limit and _by(high, counts[0]) >= limit:
            return yes(evidence(high, "g/dL"), evidence(later, "g/dL"))
    if not case.is_complete("blood"):
        return unknown(Reason("hemoglobin", case.state("blood").value))
    newest_count = newest_result(case, "hemoglobin", "blood", "bleeding.hemoglobin_window", "g/dL")
    return _newest_unread(newest_count)


def highest_before(counts: Sequence[Result], window: timedelta) -> dict[str, Result]:
    """By the source of each dated count: the highest one of the window before it.

    The window slides, from the newest to the oldest: of those in it only such are kept as are
    higher than all that were drawn before them.
    """
    dated = sorted(((r.at, r) for r in counts if r.at), key=lambda one: one[0], reverse=True)
    found: dict[str, Result] = {}
    kept: deque[tuple[datetime, Result]] = deque()
    following = 0
    for drawn, later in dated:
        while following < len(dated) and dated[following][0] >= drawn - window:
            while kept and _rank(kept[-1][1]) <= _rank(dated[following][1]):
                kept.pop()
            kept.append(dated[following])
            following += 1
        while kept and not kept[0][0] < drawn:
            kept.popleft()
        if kept:
            found[later.source] = kept[0][1]
    return found


def _rank(count: Result) -> tuple[float, str]:
    return _value(count), count.source


def _newest_unread(level: CurrentResult) -> Verdict:
    """Unknown where the newest count is on record and does not tell; else no sign of a bleed."""
    refused = list(level.refused)
    if level.current.yes and level.result is not None and level.result.comparator:
        refused.append(Reason(level.concept, "comparator", level.result.written))
    return unknown(*refused) if refused else NO


def _by(high: Result, low: Result) -> float:
    return round(_value(high) - _value(low), 2)


def _value(result: Result) -> float:
    return result.value or 0.0  # there is one: see `_counts`


def _platelets_low(case: Case) -> Verdict:
    level = newest_result(case, "platelets", "blood", "platelets.current", "10*3/uL")
    low = level.below(case.protocol["bleeding.platelets_low"])
    if low.yes:
        return low
    unread = _newest_unread(level) if low.unknown else NO
    return unread if unread.unknown else _blood_answered(case)


def _blood_answered(case: Case) -> Verdict:
    if not case.is_complete("blood"):
        return unknown(Reason("platelets", case.state("blood").value))
    return NO


def _platelets_fall(case: Case) -> Verdict:
    """Between the two lines, and falling by a good part within three days."""
    window = case.protocol.span("bleeding.platelets_window")
    counts = _counts(case, "platelets", case.ago("platelets.current") - window)
    last = counts[0] if counts else None
    if last is None or last.at is None or last.at < case.ago("platelets.current"):
        return _blood_answered(case)
    low, high = case.protocol["bleeding.platelets_low"], case.protocol["bleeding.platelets_risk"]
    before = [r for r in counts[1:] if r.at is not None and r.at >= last.at - window]
    top = max(before, key=height, default=last)
    fall = (_value(top) - _value(last)) * 100 / _value(top) if _value(top) else 0.0
    if low <= _value(last) <= high and fall >= case.protocol["bleeding.platelets_fall"]:
        return yes(evidence(top, "10*3/uL"), evidence(last, "10*3/uL"))
    return _blood_answered(case)
