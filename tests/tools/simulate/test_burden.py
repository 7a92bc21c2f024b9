"""`make burden` counts what it says: each figure on a course and cards made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from bench.asking import Moment, ask, drugs
from bench.burden import FIGURES, Sums, changes, events, judge, lines
from bench.courses import KINDS, Drawing, first_of
from cds_service.cards.card import Card, CardAction, Suggestion
from cds_service.rulebook.load import rulebook
from cds_service.tools.simulate.course import (
    Bleed,
    Course,
    Draw,
    Fault,
    SimulatedOrder,
    SimulatedRate,
)

AT_ORDER = {
    "resourceType": "MedicationRequest",
    "medicationCodeableConcept": {"text": "Antithrombin concentrate"},
}


def card(topic: str, indicator: str = "warning", offer: bool = False) -> Card:
    actions = (CardAction("create", "", AT_ORDER),)
    suggestions = (Suggestion("dose", actions),) if offer else ()
    return Card(topic, "", indicator, "", {}, suggestions)


def moments(*shown: tuple[float, tuple[Card, ...]]) -> list[Moment]:
    return [Moment(hour, cards) for hour, cards in shown]


def course(need: float = 15.0, **more: Any) -> Course:
    """Two days at one rate, with a good low level at 10 h."""
    found = Course(
        number=0,
        population="ordinary",
        weight=80,
        age=60,
        sex="female",
        order=SimulatedOrder(0.3, 0.7, "", 18),
        before=12,
        hours=48,
    )
    found.segments = [SimulatedRate(0, 48, 1440)]
    found.need = [(float(h), need) for h in range(48)]
    found.draws = [Draw("anti_xa", 10, 11, 0.2)]
    for name, value in more.items():
        setattr(found, name, value)
    return found


def shares(one: Course, *shown: tuple[float, tuple[Card, ...]]) -> dict[str, tuple[float, float]]:
    return judge(one, moments(*shown)).shares


def test_a_card_appears_once_while_it_stands_and_repeats_within_a_day() -> None:
    resistance = (card("heparinResistance"),)
    shown = moments((1, resistance), (2, resistance), (3, ()), (20, resistance), (50, ()))
    found = list(events(shown))

    assert [(e.hour, e.repeats) for e in found] == [(1, False), (20, True)]
    late = [*shown, Moment(80, resistance)]
    assert [e.repeats for e in events(late)] == [False, True, False]


def test_another_indicator_or_drug_is_another_card() -> None:
    shown = moments(
        (1, (card("antithrombinDose", "info"),)),
        (2, (card("antithrombinDose"),)),
        (3, (card("antithrombinDose", offer=True),)),
        (4, ()),
        (5, (card("antithrombinDose", offer=True),)),
    )

    assert len(list(events(shown))) == 4
    assert changes(shown)["antithrombinDose"] == 2


def test_warnings_are_counted_by_heparin_day_and_infos_are_not() -> None:
    found = shares(course(), (1, (card("aboveTarget"), card("monitoringDue", "info"))))

    assert found["events"] == (1, 2.0)


@pytest.mark.parametrize(("need", "right"), [(21.0, 1), (19.0, 0)])
def test_a_resistance_warning_is_right_where_more_than_twenty_is_needed(
    need: float, right: int
) -> None:
    found = shares(course(need), (12, (card("heparinResistance"),)))

    assert found["warned truly"] == (right, 1)
    assert found.get("resistant warned") == ((1, 1) if right else None)
    assert "warned truly" not in shares(course(need), (12, (card("aboveTarget"),)))


def test_an_offer_is_an_order_for_a_drug() -> None:
    assert drugs(card("antithrombinDose", offer=True)) == {"antithrombin"}
    assert drugs(card("antithrombinDose")) == frozenset()
    needed = shares(course(25.0), (12, (card("antithrombinDose", offer=True),)))
    assert needed["offer not needed"] == (0, 1)
    assert needed["resistant offered"] == (1, 1)
    assert shares(course(20.0), (12, (card("antithrombinDose", offer=True),)))[
        "offer not needed"
    ] == (1, 1)


LOW_BEFORE = [Draw("anti_xa", 4, 5, 0.2), Draw("anti_xa", 8, 9, 0.22)]
BAD = Draw("anti_xa", 10, 11, 0.1, True, "stop")
FAULT = Fault("disconnected", 9, 20, 0.0)


@pytest.mark.parametrize(
    ("one", "wrong"),
    [
        (course(25.0), ""),
        (course(25.0, faults=[FAULT]), "fault"),
        (course(25.0, draws=[BAD]), "fault"),
        (course(25.0, draws=[*LOW_BEFORE, BAD]), ""),  # resistant by the two before
        (course(15.0, draws=[*LOW_BEFORE, BAD]), "fault"),
        (course(25.0, draws=[Draw("anti_xa", 10, 11, 0.3)]), "met"),
        (course(25.0, draws=[Draw("anti_xa", 10, 11, 0.29)]), ""),
        (course(25.0, bleeds=[Bleed(5, 8, 3.0, 12.0)]), "bleed"),
        (course(25.0, bleeds=[Bleed(5, 8, 3.0, 12.5)]), ""),
        (course(25.0, bleeds=[Bleed(5, 8, 3.0, None)]), ""),
    ],
)
def test_what_no_offer_may_do(one: Course, wrong: str) -> None:
    found = shares(one, (12, (card("antithrombinDose", offer=True),)))

    counted = {name for name in ("fault", "met", "bleed") if found[f"offers: {name}"][0]}
    assert counted == ({wrong} if wrong else set())


def test_a_bleed_is_told_by_its_own_card_while_it_is_news() -> None:
    bleeding = course(bleeds=[Bleed(20, 8, 3.0, None)])

    assert shares(bleeding, (26, (card("bleedingOnHeparin"),)))["bleeds told"] == (1, 1)
    assert shares(bleeding, (26, (card("bleedingOnHeparin", "info"),)))["bleeds told"] == (0, 1)
    assert shares(bleeding, (10, (card("bleedingOnHeparin"),)))["bleeds told"] == (0, 1)


def test_a_fault_counts_once_a_level_could_show_it() -> None:
    unseen = course(faults=[Fault("partly_lost", 30, 40, 0.4)])
    seen = course(faults=[Fault("partly_lost", 30, 40, 0.4)], draws=[Draw("anti_xa", 34, 35, 0.1)])
    told = (35.0, (card("heparinEffectLost"),))

    assert "faults named" not in shares(unseen, told)
    assert shares(seen, told)["faults named"] == (1, 1)
    assert shares(seen, told)["faults named: partly_lost"] == (1, 1)
    assert shares(seen)["faults named"] == (0, 1)
    assert shares(seen, (20, told[1]))["faults named"] == (0, 1)


def test_hit_is_found_after_it_began_and_false_where_there_is_none() -> None:
    ill = course(hit=-20.0)

    assert shares(ill, (40, (card("hitPossible"),)))["HIT found"] == (1, 1)
    assert shares(ill)["HIT found"] == (0, 1)
    well = shares(course(), (40, (card("hitSuspected", "critical"),)))
    assert well["HIT falsely critical"] == (1, 1)
    assert shares(course(), (40, (card("hitPossible"),)))["HIT falsely critical"] == (0, 1)


def test_the_table_says_what_was_missed() -> None:
    loud = judge(course(15.0), moments((12, (card("heparinResistance", "critical"),))))
    calm = [Sums({"events": (0, 2.0), "repeats": (0, 0)}) for _ in range(3)]
    written = {line[:44].strip(): line for line in lines([[loud], calm, calm])}

    assert len(written) == len(FIGURES)
    rates = written["warnings and criticals per heparin-day"]
    assert rates.endswith("MISSED ok ok")
    assert "0.5" in rates


def test_a_simulated_stay_is_asked_about_hour_by_hour_and_drawn() -> None:
    """One of each kind is found; the first is asked about and drawn."""
    assert all(first_of(kind, 1, set()) >= 0 for kind in KINDS[:3])
    found, asked = ask("ordinary", 0, rulebook())
    hours = [moment.hour for moment in asked]

    assert hours == sorted(hours)
    assert len(hours) > found.ended
    picture = Drawing(found, asked).svg()
    assert picture.count("<circle") == sum(d.test == "anti_xa" for d in found.draws)
