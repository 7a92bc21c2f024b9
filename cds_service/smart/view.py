"""One patient's view as a JSON document: tracks, course, cards and why, by the one `advise`.

Pure but for the time that a call may take. The question is always patient-view: what is drafted in
the EHR, an app cannot see.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cds_service.advice import advise
from cds_service.assessment.measure.measurements import Measured
from cds_service.cards.card import Card
from cds_service.chart.facts import HookContext
from cds_service.chart.query_result import QueryResult
from cds_service.fhir.prefetch import read_prefetch
from cds_service.outbound.workload import Workload
from cds_service.smart.course import (
    course_told,
    moment_of_advice,
    past_moments,
    rule_since,
    times_to_ask,
)
from cds_service.smart.detail_tree import detail_tree
from cds_service.smart.display import clock_of, iso
from cds_service.smart.ehrs import LaunchingEhr
from cds_service.smart.heparin_track import doses_given, heparin_track
from cds_service.smart.level_tracks import Plot, level_tracks
from cds_service.smart.past_answers import past_of
from cds_service.smart.view_request import ViewRequest
from cds_service.smart.why import Questions, why_told
from cds_service.tools.explain.patient import walk_of

SHORTEST, LONGEST = timedelta(hours=24), timedelta(hours=192)  # shown
BEFORE_THE_START = timedelta(hours=4)


def view_of(
    request: ViewRequest, ehr: LaunchingEhr, questions: Questions, now: datetime, work: Workload
) -> dict[str, Any]:
    """Everything the page shows of one patient, from what the browser fetched."""
    answers = read_prefetch(request.prefetch, ehr.queries, now)
    asked = HookContext("patient-view", request.patient_id, zone=ehr.zone, base=request.iss)
    rules = ehr.rulebook
    advice = advise(asked, answers, rules, now, ehr.capabilities, work.still)
    m = advice.findings.measured
    since, clock = _shown_since(m), clock_of(m)
    past = past_of(answers)
    moments = [moment_of_advice(now, advice, ehr)]
    moments += past_moments(past, asked, ehr, times_to_ask(past, since, now), work)
    walked = walk_of("", answers, advice, rules.wording)
    return {
        "now": iso(now, clock),
        "since": iso(since, clock),
        "protocol": rules.protocol.title or rules.protocol.name,
        "unread": _unread(answers),
        "heparin": heparin_track(m, rules.wording, clock, since),
        "given": doses_given(m, rules.wording, clock, since),
        "tracks": level_tracks(Plot(m, rules.wording, clock, since)),
        "course": course_told(moments, clock) | {"undated": past.undated},
        "cards": [_card(card) for card in advice.cards],
        "why": why_told(
            walked, advice, rules, questions, lambda rule: rule_since(rule, moments, clock)
        ),
    }


def _shown_since(m: Measured) -> datetime:
    """A little before heparin began, within reason."""
    now = m.case.now
    begun = [one.start for one in m.infusion.segments if now - one.start <= LONGEST]
    first = min(begun, default=now - 2 * SHORTEST) - BEFORE_THE_START
    return max(min(first, now - SHORTEST), now - LONGEST)


def _unread(answers: Mapping[str, QueryResult]) -> list[dict[str, str]]:
    """The queries of which "not on record" may not be said, and why."""
    return [
        {"key": key, "state": answer.state.value, "problem": answer.problem}
        for key, answer in answers.items()
        if not answer.state.is_complete
    ]


def _card(card: Card) -> dict[str, Any]:
    """A card without ids and resources: the page shows what is offered, the EHR does it."""
    wire = card.wire(lambda: "")
    return {
        "topic": card.topic,
        "indicator": card.indicator,
        "summary": card.summary,
        "detail": detail_tree(card.detail),
        "source": wire["source"].get("label", ""),
        "links": [one for one in wire.get("links", ()) if one.get("type") == "absolute"],
        "suggestions": [
            {
                "label": one.label,
                "recommended": one.recommended,
                "actions": [action.description for action in one.actions],
            }
            for one in card.suggestions
        ],
    }
