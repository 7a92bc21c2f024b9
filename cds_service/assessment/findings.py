"""STAGE 2 in one place: measure, judge, and list what is due. Clinical logic 3 to 5."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from cds_service.assessment.allowed import already_ordered, wanted
from cds_service.assessment.answers import Verdicts
from cds_service.assessment.case import Case
from cds_service.assessment.exposure import any_heparin_active
from cds_service.assessment.items import Item
from cds_service.assessment.measured import Measured, measure
from cds_service.assessment.protocol import Protocol
from cds_service.assessment.rules import judge
from cds_service.assessment.scope import Scope, scope_of
from cds_service.assessment.topics import drafts, hit, limits, resistance, target, treatment, watch
from cds_service.chart.facts import Asked, Chart

Topic = Callable[[Measured, Verdicts, dict[str, Item]], Item | None]

TOPICS: Mapping[str, Topic] = {
    "hitSuspected": hit.hit_suspected,
    "hitPossible": hit.hit_possible,
    "antithrombinOverdose": drafts.antithrombin_overdose,
    "antithrombinUnchecked": drafts.antithrombin_unchecked,
    "warfarinInHit": drafts.warfarin_in_hit,
    "anticoagulantCombination": drafts.combination,
    "antiplateletWithHeparin": drafts.antiplatelet,
    "aboveTargetRaise": target.above_target_raise,
    "anticoagulantSwitch": treatment.anticoagulant_switch,
    "heparinDoseCeiling": resistance.dose_ceiling,
    "antithrombinDose": treatment.antithrombin_dose,
    "thrombosisOnHeparin": resistance.thrombosis,
    "heparinResistance": resistance.resistance,
    "assayDiscordance": resistance.discordance,
    "pseudoResistance": target.pseudo_resistance,
    "andexanetExposure": watch.andexanet,
    "baselineTests": watch.baseline,
    "monitoringDue": watch.monitoring,
    "notAssessed": limits.not_assessed,
    "adultOnly": limits.adult_only,
}

IN_HIT = frozenset(
    {
        "hitSuspected",
        "warfarinInHit",
        "antithrombinOverdose",
        "anticoagulantCombination",
        "notAssessed",
        "adultOnly",
    }
)
# HIT and allergy on record still speak of a child; the gate counts no score there.
IN_CHILDREN = frozenset(
    {"hitSuspected", "hitPossible", "warfarinInHit", "notAssessed", "adultOnly"}
)
BY_RECORD = frozenset({"hitSuspected", "hitPossible", "notAssessed"})


@dataclass(frozen=True, slots=True)
class Findings:
    """What was measured, what each rule answered, and the advice that follows, unsorted."""

    measured: Measured
    verdicts: Verdicts
    items: tuple[Item, ...]  # in the order of TOPICS, those in scope
    scope: Scope
    nothing_of_medicines: bool  # neither orders nor administrations could be had


def assess(asked: Asked, chart: Chart, protocol: Protocol, now: datetime) -> Findings:
    """All findings for one call."""
    case = Case(asked, chart, protocol, now)
    measured = measure(case)
    verdicts = judge(measured)
    scope = scope_of(asked, chart.drafts)
    open_topics = _past_gates(measured)
    allowed = scope.topics & open_topics & _switched_on(protocol)
    due: dict[str, Item] = {}
    for topic, ask in TOPICS.items():
        item = ask(measured, verdicts, due) if topic in open_topics else None
        if item is not None:
            due[topic] = _without_pending(case, item)
    return Findings(
        measured=measured,
        verdicts=verdicts,
        items=tuple(item for topic, item in due.items() if topic in allowed),
        scope=scope,
        nothing_of_medicines=not (case.answered("administrations") or case.answered("orders")),
    )


def _without_pending(case: Case, item: Item) -> Item:
    """Nothing is suggested that is already ordered, drafted or in progress; the text names it."""
    pending = (*item.pending, *already_ordered(case, *item.tests))
    return replace(item, tests=wanted(case, *item.tests), pending=pending)


def _switched_on(protocol: Protocol) -> frozenset[str]:
    return frozenset(topic for topic in TOPICS if protocol.topics.get(topic, "on") != "off")


def _past_gates(m: Measured) -> frozenset[str]:
    """The topics that the gates leave open, in their order."""
    allowed = frozenset(TOPICS)
    if m.case.asked.hook == "patient-view":
        allowed &= _patient_view(m)
    if m.gates.under_age.yes:
        allowed &= IN_CHILDREN
    if m.gates.hit.yes:
        allowed &= IN_HIT
    return allowed


def _patient_view(m: Measured) -> frozenset[str]:
    """Opening a chart speaks while treatment heparin runs, or HIT meets any heparin."""
    if m.infusion.running.yes:
        return frozenset(TOPICS)
    if m.infusion.running.unknown:
        return BY_RECORD
    known = m.hit.recorded.yes or m.hit.allergy_names_hit.yes or m.hit.allergy_other.yes
    spoken = BY_RECORD if known and any_heparin_active(m.case, m.infusion) else frozenset()
    return spoken | {"notAssessed", "adultOnly"}  # a child's drug is in play without heparin too
