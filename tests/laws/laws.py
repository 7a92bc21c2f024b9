"""The laws: each takes a seed, draws a chart, and lists what broke."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from tests.laws.asking import ask, findings, topics
from tests.laws.charts import NOW, Chart, Dice, draw
from tests.laws.odd import ODD, add_twins
from tests.laws.taking import taken

Json = dict[str, Any]
Law = Callable[[int], Iterator[str]]

QUERIES = (
    "patient", "coagulation", "blood", "body", "administrations", "orders", "conditions",
    "allergies", "procedures", "tests", "encounters",
)  # fmt: skip


def _dice(seed: int, chart: Chart) -> Dice:
    """Further choices about a drawn chart, apart from those that drew it."""
    dice = Dice(seed ^ 0x5EED)
    dice.chart = chart
    return dice


def one_odd_resource_is_not_silence(seed: int) -> Iterator[str]:
    """A chart that speaks goes on speaking when one resource that is hard to read is added."""
    chart = draw(seed)
    if not ask(chart):
        return
    for make in ODD:
        odd = copy.deepcopy(chart)
        odd.resources.append(make(_dice(seed, odd)))
        if ask(odd) == []:
            yield f"silent after {make.__name__}"


def a_failed_query_is_not_silence(seed: int) -> Iterator[str]:
    """With heparin running or drafted, no single query that fails gives an empty list."""
    chart = draw(seed)
    for query in QUERIES:
        if ask(chart, failed=[query]) == [] and _in_play(chart):
            yield f"silent although {query} failed"


def _in_play(chart: Chart) -> bool:
    """The hook concerns heparin: a chart opened on the infusion, or heparin or AT drafted.

    All drawn charts have an infusion that runs.
    """
    if chart.request["hook"] == "patient-view":
        return True
    context = chart.request["context"]
    drafts = [entry["resource"] for entry in context["draftOrders"]["entry"]]
    if "selections" in context:
        drafts = [d for d in drafts if f"MedicationRequest/{d['id']}" in context["selections"]]
    return any(
        d["medicationCodeableConcept"]["text"] in ("heparin", "antithrombin") for d in drafts
    )


def a_taken_suggestion_is_not_made_again(seed: int) -> Iterator[str]:
    """Its card is silent afterwards, or is info without that suggestion.

    Tests alone change nothing about a draft: where the card's draft still stands, so does the card.
    """
    chart = draw(seed)
    for card in ask(chart) or ():
        topic = card["source"]["topic"]["code"]
        for suggestion in card.get("suggestions", ()):
            again = _card(ask(taken(chart, suggestion)) or [], topic)
            if again is None:
                continue
            if suggestion["label"] in [one["label"] for one in again.get("suggestions", ())]:
                yield f"{topic} suggests the same again: {suggestion['label']}"
            elif _deletes(suggestion) and _loud(again) and topic in ABOUT_WHAT_WAS_DRAFTED:
                yield f"{topic} still {again['indicator']} after: {suggestion['label']}"


def _deletes(suggestion: Json) -> bool:
    return any(action["type"] == "delete" for action in suggestion["actions"])


def _loud(card: Json) -> bool:
    return card["indicator"] != "info"


# A card about a draft has nothing left to say once its draft is gone.
ABOUT_WHAT_WAS_DRAFTED = (
    "antithrombinOverdose", "aboveTargetRaise", "pseudoResistance", "heparinRateCheck",
    "warfarinInHit",
)  # fmt: skip


def _card(cards: list[Json], topic: str) -> Json | None:
    return next((card for card in cards if card["source"]["topic"]["code"] == topic), None)


def order_and_ids_decide_nothing(seed: int) -> Iterator[str]:
    """Resources in another order, under other ids; some of one moment, that say other things."""
    chart = draw(seed)
    add_twins(chart, _dice(seed, chart))
    other = _renamed(chart, _dice(seed, chart))
    before, after = ask(chart) or [], ask(other) or []
    if findings(before) != findings(after):
        yield f"{findings(before)} became {findings(after)}"


def _renamed(chart: Chart, dice: Dice) -> Chart:
    """The same chart shuffled, every id but the patient's replaced wherever it stands."""
    names = {r["id"]: f"r{dice.random.randrange(10**9)}" for r in _named(chart)}
    other: Chart = _replaced(chart, names)
    dice.random.shuffle(other.resources)
    return other


def _named(chart: Chart) -> list[Json]:
    entries = chart.request["context"].get("draftOrders", {}).get("entry", ())
    resources = [*chart.resources, *(entry["resource"] for entry in entries)]
    return [r for r in resources if r["resourceType"] != "Patient"]


def _replaced(chart: Chart, names: dict[str, str]) -> Chart:
    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: walk(value) for key, value in node.items()}
        if isinstance(node, list):
            return [walk(value) for value in node]
        if isinstance(node, str):
            kind, slash, name = node.rpartition("/")
            return f"{kind}{slash}{names[name]}" if name in names else node
        return node

    return Chart([walk(r) for r in chart.resources], walk(chart.request), chart.kg, chart.rate)


def the_calendar_decides_nothing(seed: int) -> Iterator[str]:
    """Every time moved by the same number of days, now with it."""
    chart, days = draw(seed), timedelta(days=_dice(seed, draw(seed)).pick([-400, -31, 45, 1000]))
    moved = _timed(chart, lambda at: (at + days).isoformat())
    before, after = ask(chart) or [], ask(moved, now=NOW + days) or []
    if topics(before) != topics(after):
        yield f"{topics(before)} became {topics(after)} {days.days} days on"


def the_zone_written_decides_nothing(seed: int) -> Iterator[str]:
    """Every instant written in a zone of its own: the same moments."""
    chart = draw(seed)
    dice = _dice(seed, chart)

    def rewritten(at: datetime) -> str:
        return at.astimezone(dice.pick(ZONES)).isoformat()

    before, after = ask(chart) or [], ask(_timed(chart, rewritten)) or []
    told = {k: v for k, v in topics(before).items() if k not in BY_CALENDAR_DAY}
    now_told = {k: v for k, v in topics(after).items() if k not in BY_CALENDAR_DAY}
    if told != now_told:
        yield f"{told} became {now_told}"


ZONES = tuple(
    datetime.fromisoformat(f"2026-01-01T00:00:00{offset}").tzinfo
    for offset in ("+00:00", "+01:00", "-08:00", "+05:45", "+12:00")
)
# The 4Ts count calendar days, in the zone that the record is written in when none is set.
BY_CALENDAR_DAY = ("hitPossible", "hitSuspected")


def _timed(chart: Chart, change: Callable[[datetime], str]) -> Chart:
    """The chart with every instant rewritten; dates without a time stay."""

    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: walk(value) for key, value in node.items()}
        if isinstance(node, list):
            return [walk(value) for value in node]
        if isinstance(node, str) and "T" in node and node[:4].isdigit():
            return change(datetime.fromisoformat(node))
        return node

    return Chart([walk(r) for r in chart.resources], walk(chart.request), chart.kg, chart.rate)


LAWS: tuple[Law, ...] = (
    one_odd_resource_is_not_silence,
    a_failed_query_is_not_silence,
    a_taken_suggestion_is_not_made_again,
    order_and_ids_decide_nothing,
    the_calendar_decides_nothing,
    the_zone_written_decides_nothing,
)
