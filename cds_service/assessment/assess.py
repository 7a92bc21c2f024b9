"""STAGE 2 in one place: measure, evaluate the rules, and list the cards that are due.

Clinical logic 3 to 5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from cds_service.assessment.measure.bleeding import why_not
from cds_service.assessment.measure.exposure import any_heparin_active
from cds_service.assessment.measure.measurements import Measured, measure
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.protocol import Protocol
from cds_service.assessment.model.recommendation import Indicator, Recommendation, StartDrug
from cds_service.assessment.model.verdict import Verdicts
from cds_service.assessment.recommend.offers import already_ordered, is_expected, wanted
from cds_service.assessment.recommend.registry import TOPICS
from cds_service.assessment.recommend.scope import Scope, scope_of
from cds_service.assessment.recommend.topics.topic import Assessed, Topic, View
from cds_service.assessment.rules.rules import evaluate
from cds_service.chart.facts import Chart, HookContext
from cds_service.chart.resources import Still, on_and_on


@dataclass(frozen=True, slots=True)
class Findings:
    """What was measured, each rule's verdict, and the recommendations that follow, unsorted."""

    measured: Measured
    verdicts: Verdicts
    items: tuple[Recommendation, ...]  # in the order of TOPICS, those in scope and not silent
    if_all_spoke: tuple[Recommendation, ...]  # the same, had the silent topics spoken too
    scope: Scope
    nothing_of_medicines: bool  # neither orders nor administrations could be had

    @property
    def silent(self) -> tuple[Recommendation, ...]:
        """What the protocol keeps silent of what is due: recorded, never shown."""
        topics = self.measured.case.protocol.topics
        return tuple(item for item in self.if_all_spoke if topics.get(item.topic) == "silent")


def assess(
    asked: HookContext, chart: Chart, protocol: Protocol, now: datetime, still: Still = on_and_on
) -> Findings:
    """All findings for one call; `still` is called now and then, and may raise to give up."""
    case = Case(asked, chart, protocol, now, still)
    measured = measure(case)
    verdicts = evaluate(measured)
    bag = protocol["heparin.bag_content"]
    scope = scope_of(asked, chart.drafts, chart.unidentified, bag_content=bag)
    allowed = scope.topics & _past_gates(measured) & _not_set_to("off", protocol)
    speaking = allowed & _not_set_to("silent", protocol)
    items = _due(measured, verdicts, speaking)
    return Findings(
        measured=measured,
        verdicts=verdicts,
        items=items,
        # A silent topic is judged beside all others, and these as if it were not there.
        if_all_spoke=items if speaking == allowed else _due(measured, verdicts, allowed),
        scope=scope,
        nothing_of_medicines=not (
            case.were_retrieved("administrations") or case.were_retrieved("orders")
        ),
    )


def _due(m: Measured, verdicts: Verdicts, allowed: frozenset[str]) -> tuple[Recommendation, ...]:
    """Every card that is due and may be shown in this call, in the registry's order.

    Only a card that is shown can keep another one silent.
    """
    due: dict[str, Recommendation] = {}
    rate_in_doubt = False
    for name, topic in TOPICS.items():
        known = Assessed(m, verdicts, due)
        item = _item(topic, known, rate_in_doubt=rate_in_doubt) if name in allowed else None
        if item is None:
            continue
        # A bleed, or the risk of one, stands first on every card that may lead to more
        # anticoagulation.
        first = item.first if topic.names_bleeding else why_not(m.gates.signs)
        due[name] = replace(_without_pending(m.case, item), topic=name, first=first)
        rate_in_doubt |= topic.checks_rate and item.indicator is Indicator.CRITICAL
    return tuple(due.values())


def _item(topic: Topic, known: Assessed, *, rate_in_doubt: bool) -> Recommendation | None:
    """What a card says; None where it is not due, or where another card keeps it silent."""
    if topic.silent_beside & known.due.keys() or (rate_in_doubt and topic.needs_rate):
        return None
    item = topic.ask(known)
    if item is None:
        return None
    item = replace(item, tests=_useful_tests(known.measured, item))
    builds_on_rate = rate_in_doubt and not topic.outranks_rate
    return _without_the_rate(topic, item) if builds_on_rate else item


def _useful_tests(m: Measured, item: Recommendation) -> tuple[str, ...]:
    if m.risk.andexanet is None:
        return item.tests
    return tuple(test for test in item.tests if test not in _ACUTE_PHASE)


# After andexanet alfa no card asks for them: the question is not why heparin fails.
_ACUTE_PHASE = ("fibrinogen", "factor_viii")


def _without_the_rate(topic: Topic, item: Recommendation) -> Recommendation | None:
    """A card while the rate is in doubt: it asks for no antithrombin and starts no drug."""
    choices = tuple(
        choice
        for choice in item.choices
        if not any(isinstance(action, StartDrug) for action in choice.actions)
    )
    # Why heparin fails is no question while it is unclear how much of it runs.
    tests = tuple(test for test in item.tests if test != "antithrombin")
    if topic.only_tests and not tests:
        return None
    return replace(item, choices=choices, tests=tests)


def _without_pending(case: Case, item: Recommendation) -> Recommendation:
    """Suggest nothing that is already ordered, drafted or in progress; the text names it.

    Where nothing else is left to do, the card is one step quieter until the result is due.
    """
    pending = (*item.pending, *already_ordered(case, *item.tests))
    left = replace(item, tests=wanted(case, *item.tests), pending=pending)
    # The same card an hour later, with everything ordered, is the kind of alert that is overridden.
    done = pending and not (left.tests or left.choices)
    if done and all(is_expected(case, test) for test in pending):
        return replace(left, indicator=_QUIETER[item.indicator])
    return left


_QUIETER = {
    Indicator.CRITICAL: Indicator.WARNING,
    Indicator.WARNING: Indicator.INFO,
    Indicator.INFO: Indicator.INFO,
}


def _not_set_to(setting: str, protocol: Protocol) -> frozenset[str]:
    return frozenset(topic for topic in TOPICS if protocol.topics.get(topic, "on") != setting)


def _past_gates(m: Measured) -> frozenset[str]:
    """The topics that the gates and the hook leave open."""
    situations = _situations(m)
    return frozenset(row.name for row in TOPICS.values() if _passes(m, row, situations))


def _passes(m: Measured, row: Topic, situations: frozenset[View]) -> bool:
    about_call = m.case.asked.hook != "patient-view" or bool(row.on_view & situations)
    for_age = row.in_children or not m.gates.under_age.yes
    in_hit = row.in_hit or not m.gates.hit.yes
    return about_call and for_age and in_hit


def _situations(m: Measured) -> frozenset[View]:
    """What holds of this patient when a chart is opened."""
    known = m.hit.recorded.yes or m.hit.allergy_names_hit.yes or m.hit.allergy_other.yes
    holds = {
        View.ANYTIME: True,
        View.RUNS: m.infusion.running.yes,
        View.PAUSED: m.infusion.paused,
        View.MAY_RUN: m.infusion.running.unknown,
        View.MEETS_HIT: known and any_heparin_active(m.case, m.infusion),
        View.INHIBITOR_RUNS: m.inhibitor is not None and m.inhibitor.after_heparin,
    }
    return frozenset(view for view, true in holds.items() if true)
