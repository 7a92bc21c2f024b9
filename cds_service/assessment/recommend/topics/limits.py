"""When the service itself is at its limits: facts not to be had, patients not for it."""

from __future__ import annotations

from datetime import datetime

from cds_service.assessment.measure.doses_given import unplaced_infusions
from cds_service.assessment.measure.exposure import active_heparins, is_treatment
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.measure.rates import is_infusion
from cds_service.assessment.model.case import ANY_HEPARIN, DAY, starts_unidentified
from cds_service.assessment.model.recommendation import Indicator, Recommendation
from cds_service.assessment.model.times import UNPLACED
from cds_service.assessment.model.verdict import Evidence, Reason, Verdict, Verdicts
from cds_service.assessment.recommend.offers import heparin_in_play
from cds_service.assessment.recommend.topics.situation import dose_shown
from cds_service.assessment.rules.odd_rates import UNTRUE
from cds_service.assessment.rules.undecided import NOT_YET
from cds_service.chart.facts import Form, Order, Problem
from cds_service.chart.fhir_datetime import latest
from cds_service.chart.query_result import QueryState

Due = dict[str, Recommendation]

# On record and not to be read, or not to be placed in time.
REFUSALS = frozenset(problem.value for problem in Problem) | UNPLACED

FINDINGS = ("masked", "pseudo_resistance", "above_target", "ceiling")

DECIDING = {
    "conditions": "conditions",
    "allergies": "allergies",
    "blood": "platelets",
    "coagulation": "levels",
}

# What decides less, but may have opened a card or closed a gate.
BESIDE = ("body", "procedures", "tests", "encounters")

TOLD_APART = 3  # medicines named by their rate or dose; the rest counts among what was left out
NAMED = (
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


def not_assessed(m: Measured, verdicts: Verdicts, due: Due) -> Recommendation | None:
    """Heparin is in play and something that decides could not be read."""
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
    known = (m.weight.known, m.antithrombin.known, m.levels.anti_xa.current, m.levels.aptt.current)
    return tuple(r for verdict in known for r in verdict.reasons if r.why in REFUSALS)


def _in_play(m: Measured) -> bool:
    """A heparin infusion runs, or may run: a failure is then never an empty list of cards."""
    if m.case.asked.hook != "patient-view":
        return True
    if m.case.unidentified_rates() or unplaced_infusions(m.case):  # which may be heparin that runs
        return True
    if not m.case.were_retrieved("orders") and not m.case.chart.administrations:
        return True  # where no administrations are kept, heparin is known by its orders alone
    running = m.infusion.running
    if not (
        m.case.were_retrieved("administrations") or m.case.were_retrieved("orders")
    ):  # nothing of medicines
        return True
    return running.yes or (running.unknown and _infused_lately(m))


def _infused_lately(m: Measured) -> bool:
    """Charted as an infusion, or ordered as one, within the days in which one is believed."""
    since = m.case.ago("heparin.administration_window")
    rows = [a for a in m.case.given("heparin") if a.form is Form.INFUSION]
    charted = any(latest(at) >= since for a in rows for at in (a.start, a.end) if at is not None)
    orders = [o for o in m.case.chart.orders if o.drug.family == "heparin" and is_infusion(o)]
    return charted or any(_stands(m, o, since) for o in orders)


def _stands(m: Measured, order: Order, since: datetime) -> bool:
    """An order of these days, or one that is active and no older than an order may be."""
    if order.begun is None:
        return order.active
    believed = order.active and latest(order.begun) >= m.case.ago("heparin.order_age")
    return believed or latest(order.begun) >= since


def _unread(m: Measured) -> list[Reason]:
    reasons = [
        Reason(fact, m.case.state(query).value)
        for query, fact in DECIDING.items()
        if not m.case.is_complete(query)
    ]
    reasons += _dose_unread(m)
    reasons += unidentified_medicines(m)
    reasons += _misspelt(m)
    reasons += _levels_unread(m)
    return reasons


def _failed(m: Measured, due: Due) -> tuple[Reason, ...]:
    """Other queries that failed, where no card speaks: an empty list would pass them over.

    One that was never made is not named: many hospitals do not have it.
    """
    states = {query: m.case.retrieved_state(query) for query in BESIDE} if not due else {}
    ended = (QueryState.FAILED, QueryState.PARTIAL)
    return tuple(Reason(query, state.value) for query, state in states.items() if state in ended)


def _dose_unread(m: Measured) -> list[Reason]:
    """Medicines that failed, a run that is not known, or a rate that cannot be read."""
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
    """Medicines nobody can tell: those at a rate always, others where heparin is in play too."""
    beside = bool(active_heparins(m.case)) or not heparin_in_play(m).no
    told = m.case.unidentified("administrations", "orders")
    said = [Reason("medicine", "untold", one.written) for one in told if one.rate or beside]
    return list(dict.fromkeys(said))[:TOLD_APART]


def unidentified_drafts(m: Measured) -> list[Reason]:
    """One line, however many of the drafts it is about."""
    asked = m.case.asked
    untold = any(starts_unidentified(asked, one) for one in m.case.chart.unidentified)
    return [Reason("medicine", "untoldDraft")] if untold else []


def _antithrombin_unread(m: Measured) -> list[Reason]:
    """A drafted antithrombin dose that nobody can judge."""
    return [
        Reason("antithrombinDose", o.dosage.problem.value, o.dosage.written)
        for o in m.case.drafted("antithrombin")
        if o.dosage.problem is not None
    ]


def _misspelt(m: Measured) -> list[Reason]:
    """Facts whose newest result stands under a misspelt code system."""
    newest = {concept: found[0] for concept in NAMED if (found := m.case.chart.of(concept))}
    return [
        Reason(concept, one.problem.value, one.written)
        for concept, one in newest.items()
        if one.problem is Problem.SYSTEM
    ]


def _levels_unread(m: Measured) -> list[Reason]:
    """Both levels there and neither to be read or placed; one not drawn is only missing."""
    if not m.infusion.running.yes:
        return []
    levels = (m.levels.anti_xa, m.levels.aptt)
    refused = [
        [r for r in (*level.current.reasons, *level.steady.reasons) if r.why in REFUSALS]
        for level in levels
    ]
    usable = any(
        level.current.yes and not of_level for level, of_level in zip(levels, refused, strict=True)
    )
    return [] if usable else [reason for of_level in refused for reason in of_level]


def _age_unread(m: Measured, due: Due) -> tuple[Reason, ...]:
    """The birth date, unless a card that withholds something for it names it already."""
    named = {reason for one in due.values() for reason in (*one.withheld, *one.open)}
    return tuple(r for r in m.gates.under_age.reasons if r not in named)


def _left_open(m: Measured, verdicts: Verdicts, due: Due) -> tuple[Reason, ...]:
    """What is on record and refused, where a finding hangs on it that nothing else tells of."""
    rules = ("failing",) if due else ("failing", *FINDINGS)
    left = [verdicts[rule] for rule in rules if verdicts[rule].unknown]
    if not due and m.antithrombin.last_dose is not None:  # after a dose a level may be too high
        left.append(m.antithrombin.known)
    return tuple(
        r for v in left for r in v.reasons if r.why in REFUSALS or r in dose_in_doubt(m, v)
    )


def dose_in_doubt(m: Measured, verdict: Verdict) -> tuple[Reason, ...]:
    """Rows of heparin that leave an answer open; that none ran, or not for long, is no doubt."""
    doubtful = (r for r in verdict.reasons if r.fact in ("heparinDose", "heparinRunning"))
    return tuple(r for r in doubtful if r.why not in NOT_YET) if m.infusion.running.yes else ()


def _weight_unread(m: Measured, verdicts: Verdicts) -> tuple[Reason, ...]:
    """The weight, where a level is low and whether the rate is high hangs on it."""
    hangs = verdicts["high"].unknown and verdicts["below_target"].yes
    return tuple(r for r in m.weight.known.reasons if hangs and r in verdicts["high"].reasons)


def adult_only(m: Measured, verdicts: Verdicts, due: Due) -> Recommendation | None:
    """Under 18 nothing is computed."""
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
