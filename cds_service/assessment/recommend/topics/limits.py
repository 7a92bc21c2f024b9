"""Cards about the service's own limits: facts it could not get, patients it is not for."""

from __future__ import annotations

from datetime import datetime

from cds_service.assessment.measure.doses_given import unplaced_infusions
from cds_service.assessment.measure.exposure import active_heparins, is_treatment
from cds_service.assessment.measure.level import Level
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.measure.rates import is_infusion
from cds_service.assessment.model.case import ANY_HEPARIN, DAY, starts_unidentified
from cds_service.assessment.model.recommendation import Indicator, Recommendation
from cds_service.assessment.model.times import UNPLACED
from cds_service.assessment.model.verdict import Evidence, Reason, Verdict, Verdicts
from cds_service.assessment.recommend.offers import heparin_in_play
from cds_service.assessment.recommend.topics.situation import dose_shown
from cds_service.assessment.recommend.topics.topic import Assessed, Due
from cds_service.assessment.rules.odd_rates import UNTRUE
from cds_service.assessment.rules.undecided import NOT_YET
from cds_service.chart.facts import Administration, Form, Order, Problem
from cds_service.chart.fhir_datetime import latest
from cds_service.chart.query_result import QueryState

# On record and not to be read, or not to be placed in time.
_REFUSALS = frozenset(problem.value for problem in Problem) | UNPLACED

_FINDINGS = ("masked", "pseudo_resistance", "above_target", "ceiling")

_DECIDING = {
    "conditions": "conditions",
    "allergies": "allergies",
    "blood": "platelets",
    "coagulation": "levels",
}

# What decides less, but may have opened a card or closed a gate.
_BESIDE = ("body", "procedures", "tests", "encounters")

_NAMED_AT_MOST = 3  # medicines named by their rate or dose; the rest counts among what was left out
_NAMED = (
    "anti_xa",
    "aptt",
    "antithrombin",
    "platelets",
    "hemoglobin",
    "weight",
    "creatinine",
    "bilirubin",
    "hit_antibody",
    "hit_functional",
)


def not_assessed(known: Assessed) -> Recommendation | None:
    """Heparin is in play and something that decides could not be read."""
    m, verdicts, due = known.measured, known.verdicts, known.due
    drafts = unidentified_drafts(m)
    hanging = (*_age_unread(m, due), *_weight_unread(m, verdicts), *_left_open(m, verdicts, due))
    reasons = [*_unread(m), *hanging, *_failed(m, due)] if _in_play(m) else []
    if not reasons and not drafts:
        return None
    return Recommendation(
        indicator=Indicator.INFO,
        facts=(*dose_shown(m), *((m.antithrombin.evidence,) if m.antithrombin.evidence else ())),
        notes=("notAssessed.rule",),
        open=tuple(dict.fromkeys((*drafts, *reasons, *_refused(m)))),
        aside=not reasons,
    )


def _refused(m: Measured) -> tuple[Reason, ...]:
    """Other facts that are on record and were refused: a weight of 800 kg, an unknown unit."""
    # Refused, not missing: somebody can correct the entry.
    known = (m.weight.known, m.antithrombin.known, m.levels.anti_xa.current, m.levels.aptt.current)
    return tuple(r for verdict in known for r in verdict.reasons if r.why in _REFUSALS)


def _in_play(m: Measured) -> bool:
    """Whether a heparin infusion runs or may run: a failure then is no empty list of cards."""
    if m.case.asked.hook != "patient-view" or _may_be_missed(m):
        return True
    running = m.infusion.running
    return running.yes or (running.unknown and _infused_lately(m))


def _may_be_missed(m: Measured) -> bool:
    """Whether heparin may run unseen: in a row that is not readable, or in a query that failed."""
    case = m.case
    if case.unidentified_rates() or unplaced_infusions(case):
        return True
    if case.were_retrieved("orders"):
        return False
    # Where no administrations are kept, heparin is known by its orders alone.
    return not case.chart.administrations or not case.were_retrieved("administrations")


def _infused_lately(m: Measured) -> bool:
    """Charted as an infusion, or ordered as one, within the days in which one is believed."""
    since = m.case.ago("heparin.administration_window")
    orders = [o for o in m.case.chart.orders if o.drug.family == "heparin" and is_infusion(o)]
    return _charted_since(m, since) or _is_left_open(m) or any(_stands(m, o, since) for o in orders)


def _charted_since(m: Measured, since: datetime) -> bool:
    times = (at for row in _infusion_rows(m) for at in (row.start, row.end))
    return any(at is not None and latest(at) >= since for at in times)


def _is_left_open(m: Measured) -> bool:
    """Whether an infusion's row never ended: nobody charted its stop, and no order stands.

    A pump may go on for days under one row. After a week it is rather a row that nobody closed.
    """
    since = m.case.ago("heparin.order_age")
    rows = (row for row in _infusion_rows(m) if row.end is None and not row.point)
    return any(row.start is not None and row.start >= since for row in rows)


def _infusion_rows(m: Measured) -> list[Administration]:
    return [row for row in m.case.given("heparin") if row.form is Form.INFUSION]


def _stands(m: Measured, order: Order, since: datetime) -> bool:
    """An order of these days, or an active one no older than `heparin.order_age`."""
    if order.begun is None:
        return order.active
    believed = order.active and latest(order.begun) >= m.case.ago("heparin.order_age")
    return believed or latest(order.begun) >= since


def _unread(m: Measured) -> list[Reason]:
    reasons = [
        Reason(fact, m.case.state(query).value)
        for query, fact in _DECIDING.items()
        if not m.case.is_complete(query)
    ]
    reasons += _dose_unread(m)
    reasons += unidentified_medicines(m)
    reasons += _misspelt(m)
    reasons += _levels_unread(m)
    return reasons


def _failed(m: Measured, due: Due) -> tuple[Reason, ...]:
    """Other queries that failed, where no card is due: an empty list would pass over them.

    A query that was never made is not named: many hospitals do not have it.
    """
    states = {query: m.case.retrieved_state(query) for query in _BESIDE} if not due else {}
    ended = (QueryState.FAILED, QueryState.PARTIAL)
    return tuple(Reason(query, state.value) for query, state in states.items() if state in ended)


def _dose_unread(m: Measured) -> list[Reason]:
    """Why the dose is not known: a failed query, a run that is not known, a rate that cannot be
    read.
    """
    failed = [
        Reason("heparinDose", m.case.state(query).value)
        for query in ("administrations", "orders")
        if not m.case.were_retrieved(query)
    ]
    running = list(m.infusion.running.reasons) if not m.infusion.running.no else []
    rate = list(m.infusion.reasons) if m.infusion.rate is None else []
    # A drafted rate that cannot be true is told by the card that checks rates.
    drafts = [d.reason for d in m.drafted if d.reason and d.reason.why not in UNTRUE]
    undated = unplaced_infusions(m.case)
    return [*failed, *running, *rate, *undated, *drafts, *_antithrombin_unread(m)]


def unidentified_medicines(m: Measured) -> list[Reason]:
    """Medicines that cannot be identified: those at a rate always, others beside heparin only."""
    beside = bool(active_heparins(m.case)) or not heparin_in_play(m).no
    found = m.case.unidentified("administrations", "orders")
    named = [Reason("medicine", "untold", one.written) for one in found if one.rate or beside]
    return list(dict.fromkeys(named))[:_NAMED_AT_MOST]


def unidentified_drafts(m: Measured) -> list[Reason]:
    """One line, however many of the drafts it is about."""
    found = m.case.chart.unidentified
    drafted = any(starts_unidentified(m.case.asked, one) for one in found)
    return [Reason("medicine", "untoldDraft")] if drafted else []


def _antithrombin_unread(m: Measured) -> list[Reason]:
    """A drafted antithrombin dose that nobody can judge."""
    return [
        Reason("antithrombinDose", o.dosage.problem.value, o.dosage.written)
        for o in m.case.drafted("antithrombin")
        if o.dosage.problem is not None
    ]


def _misspelt(m: Measured) -> list[Reason]:
    """Facts whose newest result stands under a misspelt code system."""
    # An older misspelt result has been overtaken by a readable one.
    newest = {concept: found[0] for concept in _NAMED if (found := m.case.chart.of(concept))}
    return [
        Reason(concept, one.problem.value, one.written)
        for concept, one in newest.items()
        if one.problem is Problem.SYSTEM
    ]


def _levels_unread(m: Measured) -> list[Reason]:
    """Why neither of two levels can be read or placed; one that was not drawn is only missing."""
    levels = (m.levels.anti_xa, m.levels.aptt)
    readable = any(level.current.yes and not _refusals(level) for level in levels)
    if readable or not m.infusion.running.yes:
        return []
    return [reason for level in levels for reason in _refusals(level)]


def _refusals(level: Level) -> list[Reason]:
    reasons = (*level.current.reasons, *level.steady.reasons)
    return [reason for reason in reasons if reason.why in _REFUSALS]


def _age_unread(m: Measured, due: Due) -> tuple[Reason, ...]:
    """The birth date, unless a card that withholds something for it names it already."""
    named = {reason for one in due.values() for reason in (*one.withheld, *one.open)}
    return tuple(r for r in m.gates.under_age.reasons if r not in named)


def _left_open(m: Measured, verdicts: Verdicts, due: Due) -> tuple[Reason, ...]:
    """What is on record and refused, where a finding depends on it that no other card names."""
    rules = ("failing",) if due else ("failing", *_FINDINGS)
    left = [verdicts[rule] for rule in rules if verdicts[rule].unknown]
    if not due and m.antithrombin.last_dose is not None:  # after a dose a level may be too high
        left.append(m.antithrombin.known)
    return tuple(reason for verdict in left for reason in _doubts(m, verdict))


def _doubts(m: Measured, verdict: Verdict) -> list[Reason]:
    of_dose = dose_in_doubt(m, verdict)
    return [r for r in verdict.reasons if r.why in _REFUSALS or r in of_dose]


def dose_in_doubt(m: Measured, verdict: Verdict) -> tuple[Reason, ...]:
    """Rows of heparin that leave a verdict open; that none ran, or not for long, is no doubt."""
    doubtful = (r for r in verdict.reasons if r.fact in ("heparinDose", "heparinRunning"))
    return tuple(r for r in doubtful if r.why not in NOT_YET) if m.infusion.running.yes else ()


def _weight_unread(m: Measured, verdicts: Verdicts) -> tuple[Reason, ...]:
    """Why the weight is unknown, where a level is low and "high" depends on it."""
    hangs = verdicts["high"].unknown and verdicts["below_target"].yes
    return tuple(r for r in m.weight.known.reasons if hangs and r in verdicts["high"].reasons)


def adult_only(known: Assessed) -> Recommendation | None:
    """Under 18 nothing is computed."""
    m = known.measured
    if not m.gates.under_age.yes or not _treatment_in_play(m):
        return None
    facts: tuple[Evidence, ...] = m.gates.under_age.facts
    return Recommendation(
        indicator=Indicator.INFO,
        facts=facts,
        notes=("adult.rule",),
        limits=("patient.adult_age",),
    )


def _treatment_in_play(m: Measured) -> bool:
    """Treatment heparin, antithrombin or a thrombin inhibitor, running or drafted."""
    families = ("antithrombin", "dti")
    drafted = [o for o in m.case.drafted(*families, *ANY_HEPARIN) if is_treatment(m.case, o)]
    given = any(a.start and m.case.now - a.start <= DAY for a in m.case.given(*families))
    standing = bool(m.case.active_orders(*families))
    return bool(drafted) or standing or given or not heparin_in_play(m).no
