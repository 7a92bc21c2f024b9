"""Laboratory values over time as the page draws them, each with its verdict.

aPTT and anti-Xa against the target with what may be concluded from each level; antithrombin against
the protocol's tiers; platelets against the count before heparin.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from cds_service.assessment.measure.antithrombin import tier_of
from cds_service.assessment.measure.heparin_levels import drawn_too_early
from cds_service.assessment.measure.level import Level
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.measure.target import UNITS
from cds_service.assessment.model.case import evidence, unread
from cds_service.assessment.model.verdict import Reason
from cds_service.cards.amounts import amount
from cds_service.cards.reason_words import reason
from cds_service.cards.reason_words import reasons as reasons_told
from cds_service.cards.required_rate_words import target_told
from cds_service.cards.wording import Wording
from cds_service.chart.facts import Result
from cds_service.smart.display import iso, stretch, unescaped

TIERS = ("severe", "low", "normal")
SHOWN_RESULTS = 60  # of one test, the newest


@dataclass(frozen=True, slots=True)
class Plot:
    """What all tracks of one view share."""

    m: Measured
    wording: Wording
    clock: tzinfo | None
    since: datetime  # nothing older is drawn


def level_tracks(plot: Plot) -> list[dict[str, Any]]:
    """The four tracks, in the order in which they are drawn."""
    return [
        _heparin_level(plot, "anti_xa"),
        _heparin_level(plot, plot.m.levels.aptt.concept),
        _antithrombin(plot),
        _platelets(plot),
    ]


def _heparin_level(plot: Plot, concept: str) -> dict[str, Any]:
    m = plot.m
    judged = {id(level.result): level for level in m.levels.of(concept)}
    points = [
        _level_point(plot, judged[id(result)]) if id(result) in judged else _old(plot, result)
        for result in _results(plot, concept)
    ]
    return {
        **_head(plot, concept, UNITS[concept]),
        "bands": [{"low": one.low, "high": one.high} for one in m.target.of(concept)],
        "bandSays": unescaped(target_told(m, plot.wording)),
        "lines": [],
        "points": points,
    }


def _head(plot: Plot, concept: str, unit: str) -> dict[str, Any]:
    label = plot.wording.facts[concept]
    return {"key": concept, "label": label, "unit": plot.wording.unit(unit)}


def _results(plot: Plot, concept: str) -> Iterable[Result]:
    """Oldest first."""
    found = plot.m.case.results(concept, plot.since)
    return list(found)[:SHOWN_RESULTS][::-1]


def _point(plot: Plot, result: Result, unit: str) -> dict[str, Any]:
    """What every point has; results are dated, see `Case.results`."""
    told = amount(plot.wording, evidence(result, unit)) if result.value is not None else ""
    return {
        **(stretch(result.at, plot.clock) if result.at else {}),
        "value": result.value,
        "comparator": result.comparator,
        "shown": unescaped(told) or result.written,
        "trust": "shown" if result.value is not None else "unread",
        "because": "" if result.value is not None else _unread(plot, result),
        "preliminary": result.preliminary,
    }


def _unread(plot: Plot, result: Result) -> str:
    return unescaped(reason(plot.wording, unread(result.concept, result)))


def _old(plot: Plot, result: Result) -> dict[str, Any]:
    """Older than the window of trends: shown, judged no more."""
    point = _point(plot, result, UNITS[result.concept])
    return point if result.value is None else point | {"trust": "old"}


def _level_point(plot: Plot, level: Level) -> dict[str, Any]:
    if level.result is None:  # the history holds results only
        raise ValueError(level.concept)
    trust, reasons = _trust(level)
    where = "" if trust == "without" else _position(plot.m, level)  # a baseline has no target
    kg = plot.m.course_weight.kg
    return {
        **_point(plot, level.result, UNITS[level.concept]),
        "position": where,
        "trust": trust,
        "because": unescaped(reasons_told(plot.wording, reasons)),
        "until": iso(level.until, plot.clock) if level.until else None,
        "bound": "atMost" if level.at_most else "atLeast" if level.at_least else "",
        "rate": level.rate,
        "perKg": level.rate / kg if level.rate is not None and kg else None,
    }


def _trust(level: Level) -> tuple[str, tuple[Reason, ...]]:
    """What a level may be used for, and why no more: the words of the page's legend."""
    if not level.current.yes:
        return "unread", level.current.reasons
    if not level.usable.yes:
        return "doubtful", level.usable.reasons
    if drawn_too_early(level):
        return "early", level.steady.reasons
    if any(reason.why == "notRunning" for reason in level.steady.reasons):
        return "without", level.steady.reasons
    return ("usable", ()) if level.steady.yes else ("unsure", level.steady.reasons)


def _position(m: Measured, level: Level) -> str:
    low, high = m.target.below(level), m.target.above(level)
    if low.yes or high.yes:
        return "below" if low.yes else "above"
    return "within" if low.no and high.no else "unknown"


def _antithrombin(plot: Plot) -> dict[str, Any]:
    m, protocol = plot.m, plot.m.case.protocol
    known = m.antithrombin.evidence.source if m.antithrombin.evidence else ""
    return {
        **_head(plot, "antithrombin", "%"),
        "bands": [],
        "bandSays": "",
        "lines": [{"key": tier, "value": protocol[f"antithrombin.{tier}"]} for tier in TIERS],
        "points": list(_tiered(plot, known)),
        "because": unescaped(reasons_told(plot.wording, m.antithrombin.known.reasons)),
    }


def _tiered(plot: Plot, known: str) -> Iterator[dict[str, Any]]:
    for result in _results(plot, "antithrombin"):
        point = _point(plot, result, "%")
        if result.value is not None:
            point["position"] = tier_of(plot.m.case, result.value, result.comparator)
        if result.source == known:
            point["trust"] = "usable"
        yield point


def _platelets(plot: Plot) -> dict[str, Any]:
    baseline = plot.m.hit.score.baseline
    lines = [] if baseline is None else [{"key": "baseline", "value": baseline.value}]
    return {
        **_head(plot, "platelets", "10*3/uL"),
        "bands": [],
        "bandSays": "",
        "lines": lines,
        "points": [_point(plot, one, "10*3/uL") for one in _results(plot, "platelets")],
    }
