"""Goals in the words of orders: the corpus of texts with hand-read goals, and how texts arrive."""

import time
import tomllib
from pathlib import Path

import pytest

from cds_service.chart.goal import Goal, GoalRange
from cds_service.chart.goals import GoalReader
from tests.chart.builders import RXNORM, concept, order, ordered, shipped

ORDERS = tomllib.loads(
    (Path(__file__).parent.parent / "data" / "order_goals.toml").read_text(encoding="utf-8")
)["order"]
TESTS = ("anti_xa", "aptt", "aptt_ratio")


def reader() -> GoalReader:
    return GoalReader(shipped().goals)


def goal_of(texts):
    """What was read: the range of each test, or "unread" where it must be unknown."""
    goal = reader().read(texts)
    ranges = {test: [r for r in goal.ranges if r.test == test] for test in TESTS}
    nameless = bool(goal.intensities) and not goal.ranges
    if goal.unread or nameless or any(len(found) > 1 for found in ranges.values()):
        return "unread"
    return {test: [found[0].low, found[0].high] for test, found in ranges.items() if found}


@pytest.mark.parametrize("order", ORDERS, ids=lambda one: " / ".join(one["texts"])[:70])
def test_the_reader_finds_what_a_pharmacist_reads(order):
    expected = {test: order[test] for test in TESTS if test in order}
    assert goal_of(order["texts"]) == ("unread" if order.get("unread") else expected)


def test_the_corpus_holds_every_kind_of_text():
    kinds = [
        "unread" if one.get("unread") else "goal" if one.keys() & set(TESTS) else "none"
        for one in ORDERS
    ]
    assert len(ORDERS) >= 60
    assert min(kinds.count(kind) for kind in ("unread", "goal", "none")) >= 10


@pytest.mark.parametrize("case", [str.upper, str.lower])
def test_capitals_change_no_goal(case):
    """But for ACT, which is a verb in small letters."""
    for texts in (one["texts"] for one in ORDERS):
        if not any("ACT" in text or " act " in text for text in texts):
            assert goal_of([case(text) for text in texts]) == goal_of(texts)


@pytest.mark.parametrize(
    "text",
    ["Target anti-Xa .3-.7", "goal anti-Xa 0.3−0.7", "Cible d'anti-Xa : 0,3-0,7 UI.mL-1"],
)
def test_other_ways_to_write_the_numbers(text):
    assert goal_of([text]) == {"anti_xa": [0.3, 0.7]}


def test_digits_beside_a_goal_that_nothing_explains_are_no_silence():
    assert goal_of(["Target anti-Xa 0.3/0.7"]) == "unread"


@pytest.mark.parametrize(
    "text", ["goal 0.3-" * 4000, "between 1 " * 4000, "1.1,1" * 9000, "low " * 9000]
)
def test_a_long_text_is_read_in_no_time(text):
    began = time.process_time()
    reader().read([text])
    assert time.process_time() - began < 0.5


GOAL = "Goal anti-Xa 0.2-0.4 units/mL"
READ = Goal((GoalRange("anti_xa", 0.2, 0.4),))
HEPARIN = (RXNORM, "5224")


@pytest.mark.parametrize(
    "resource",
    [
        order({"text": GOAL}),
        order({"patientInstruction": GOAL}),
        order({}, note=[{"text": "x"}, {"text": GOAL}]),
        order({}, medicationCodeableConcept=concept(HEPARIN, text=f"heparin infusion, {GOAL}")),
        order(
            {},
            medicationCodeableConcept={"coding": [{"display": f"Heparin ({GOAL})"}]},
        ),
    ],
    ids=["the dosage's text", "the instruction", "a note", "the product's text", "its display"],
)
def test_a_goal_is_read_wherever_an_order_has_words(resource):
    assert ordered(resource).goal == READ


def test_texts_of_one_order_are_read_together():
    resource = order({"text": "anti-Xa every 6 h"}, note=[{"text": "goal 0.2-0.4"}])
    assert ordered(resource).goal == READ


def test_an_order_of_another_drug_has_no_goal():
    enoxaparin = concept((RXNORM, "67108"), text="enoxaparin")
    assert ordered(order({"text": GOAL}, medicationCodeableConcept=enoxaparin)).goal == Goal()
