"""One generated chart through the spine, and the rules over its cards."""

from __future__ import annotations

from typing import Any

from cds_service.advice import advise, concerns_us
from cds_service.chart.facts import Queried, State
from tests.cases import called, tables, wire
from tests.invariants.charts import NOW, Made, make
from tests.invariants.rules import RULES, a_dose_stays_within_its_limits

HIGHEST = {"default": 120.0, "review-as-written": 150.0}
STATES = {
    "failed": State.FAILED,
    "partial": State.PARTIAL,
    "not supplied": State.NOT_SUPPLIED,
}


def answers(made: Made) -> dict[str, Queried]:
    """What each query gives: broken as the dice fell, else what was found."""
    found = {}
    for key, resources in made.resources.items():
        state = State.SUPPLIED if resources else State.EMPTY
        if key in made.truth.broken:
            state = STATES[made.truth.broken[key]]
        kept = () if state in (State.FAILED, State.NOT_SUPPLIED) else tuple(resources)
        found[key] = Queried(state, kept)
    return found


def judged(seed: int, protocol: str = "default") -> tuple[list[dict[str, Any]], list[str]]:
    """The cards for a chart, and every rule they break."""
    made, rules = make(seed), tables(protocol)
    asked = called(made.request)
    if not concerns_us(asked, rules):
        return [], []
    cards = wire(advise(asked, answers(made), rules, NOW))
    if protocol == "default":
        wrong = [one for rule in RULES for one in rule(made, cards)]
    else:
        others = [r for r in RULES if r is not a_dose_stays_within_its_limits]
        wrong = [one for rule in others for one in rule(made, cards)]
        wrong += a_dose_stays_within_its_limits(made, cards, HIGHEST[protocol])
    return cards, wrong
