"""One generated chart through the spine, and the rules over its cards."""

from __future__ import annotations

from typing import Any

from cds_service.advice import advise, is_in_scope
from cds_service.chart.query_result import QueryResult, QueryState
from tests.cases import called, tables, wire
from tests.invariants.charts import NOW, Made, make
from tests.invariants.rules import RULES, a_dose_stays_within_its_limits

HIGHEST = {"default": 120.0, "review-as-written": 150.0}
STATES = {
    "failed": QueryState.FAILED,
    "partial": QueryState.PARTIAL,
    "not supplied": QueryState.NOT_SUPPLIED,
}


def answers(made: Made) -> dict[str, QueryResult]:
    """What each query gives: broken as the dice fell, else what was found."""
    found = {}
    for key, resources in made.resources.items():
        state = QueryState.SUPPLIED if resources else QueryState.EMPTY
        if key in made.truth.broken:
            state = STATES[made.truth.broken[key]]
        kept = () if state in (QueryState.FAILED, QueryState.NOT_SUPPLIED) else tuple(resources)
        found[key] = QueryResult(state, kept)
    return found


def judged(seed: int, protocol: str = "default") -> tuple[list[dict[str, Any]], list[str]]:
    """The cards for a chart, and every rule they break."""
    made, rules = make(seed), tables(protocol)
    asked = called(made.request)
    if not is_in_scope(asked, rules):
        return [], []
    cards = wire(advise(asked, answers(made), rules, NOW))
    if protocol == "default":
        wrong = [one for rule in RULES for one in rule(made, cards)]
    else:
        others = [r for r in RULES if r is not a_dose_stays_within_its_limits]
        wrong = [one for rule in others for one in rule(made, cards)]
        wrong += a_dose_stays_within_its_limits(made, cards, HIGHEST[protocol])
    return cards, wrong
