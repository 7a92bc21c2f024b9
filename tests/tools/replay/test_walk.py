from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from operator import itemgetter
from typing import Any

import pytest

from cds_service.advice import Rulebook, advise, advise_on
from cds_service.chart.facts import Chart
from cds_service.rulebook.load import PROTOCOLS, rulebook
from cds_service.tools.replay.shards import replay_patient
from cds_service.tools.replay.walk import HOOK, read_past, walk_through
from tests.tools.replay.hospital import START, archive, at, infusion, lab, patient, quiet, resistant

RULES = rulebook()
Json = dict[str, Any]


def asked_at(resources: list[Json], rules: Rulebook = RULES) -> dict[float, tuple[str, ...]]:
    """Hours since the start, and the topics of the cards."""
    past = read_past("one", resources, archive(rules), rules)
    said: dict[float, tuple[str, ...]] = {}

    def tell(now: datetime, chart: Chart) -> bool:
        advice = advise_on(chart, past.asked, rules, now)
        said[(now - START) / timedelta(hours=1)] = tuple(card.topic for card in advice.cards)
        return advice.findings.measured.infusion.running.yes

    walk_through(past, archive(rules), rules.concepts, tell)
    return said


def row(resources: list[Json], table: str = "patients", rules: Rulebook = RULES) -> Any:
    return replay_patient("one", resources, archive(), (rules,))[table]


def test_the_question_is_asked_at_every_fact_and_each_hour_on_heparin() -> None:
    moments = set(asked_at(resistant("one")))

    assert {-1, 0, 9, 12, 21, 25, 31, 48} <= moments
    assert {float(hour) for hour in range(1, 48)} <= moments


def test_without_heparin_nothing_is_asked_between_facts() -> None:
    assert set(asked_at(quiet("one"))) == {1}


def test_a_card_comes_only_when_the_result_is_issued() -> None:
    said = asked_at(resistant("one"))

    assert "heparinResistance" not in said[8]
    assert "antithrombinDose" not in said[30]
    assert "antithrombinDose" in said[31]


def test_what_comes_later_changes_nothing_before() -> None:
    """A law: the past is the same however much of the future the export holds."""
    whole = resistant("one")
    cut = [r for r in whole if not str(r["id"]).startswith(("one-27811", "one-777-3-24"))]

    before = {hour: cards for hour, cards in asked_at(whole).items() if hour < 25}

    assert before.items() <= asked_at(cut).items()


def test_each_answer_is_the_one_that_advise_gives() -> None:
    past = read_past("one", resistant("one"), archive(), RULES)
    charts: list[Chart] = []

    def tell(now: datetime, chart: Chart) -> bool:
        charts.append(chart)
        return False

    walk_through(past, archive(), RULES.concepts, tell)
    known = {  # at the last moment everything is known
        key: answer for key, answer in _everything(resistant("one")).items()
    }
    now = past.moments[-1]

    assert advise_on(charts[-1], past.asked, RULES, now) == advise(past.asked, known, RULES, now)
    assert past.asked.hook == HOOK


def _everything(resources: list[Json]) -> Any:
    from cds_service.tools.replay.walk import _answers

    return _answers(resources, archive())


def test_the_row_of_a_patient() -> None:
    (found,) = row(resistant("one"))

    assert found["first_heparin"] == at(0)
    assert found["heparin_hours"] == 48
    assert found["max_24h_infusion_units"] == 24 * 1900
    assert found["max_u_per_kg_h"] == pytest.approx(1900 / 80)
    assert found["sign_to_at_test_hours"] > 0
    assert found["antithrombinDose_warning"] == 1


def test_a_card_counts_again_only_when_it_changes() -> None:
    (found,) = row(resistant("one"))
    events = [e for e in row(resistant("one"), "events") if e["event"] in ("new", "changed")]

    assert found["shown_heparinResistance"] > 5
    told = [(e["indicator"], e["suggestions"]) for e in events if e["topic"] == "heparinResistance"]
    assert all(one != next_one for one, next_one in pairwise(told))
    assert 1 < len(told) < found["shown_heparinResistance"] / 3
    assert found["cards_counted"] == len(events)
    assert events == sorted(events, key=itemgetter("time"))


def test_a_card_that_is_no_longer_shown_has_a_row_of_its_own() -> None:
    events = row(resistant("one"), "events")

    told: set[str] = set()
    for event in events:  # every topic that goes had come, and comes before it goes again
        if event["event"] == "gone":
            told.remove(event["topic"])
        else:
            told.add(event["topic"])
    assert any(e["event"] == "gone" and e["topic"] == "heparinResistance" for e in events)


def test_a_silent_topic_is_counted_as_if_it_spoke() -> None:
    silent = replace(RULES.protocol, topics=dict.fromkeys(RULES.protocol.topics, "silent"))

    quiet = row(resistant("one"), "events", replace(RULES, protocol=silent))

    assert [e["topic"] for e in quiet] == [e["topic"] for e in row(resistant("one"), "events")]
    assert {e["setting"] for e in quiet} == {"silent"}


def test_a_card_counts_anew_in_a_later_course() -> None:
    later = 24 * 30
    second = [
        infusion("one", later, later + 40, 1900, 2),
        lab("one", "29463-7", later - 1, 80, "kg"),
        lab("one", "3274-8", later + 20, 0.15, "[IU]/mL"),
    ]
    first = [r for r in resistant("one") if not str(r["id"]).startswith("one-27811")]

    (found,) = row([*first, *second])

    assert found["heparinResistance_warning"] >= 2


def test_heparin_by_order_alone_has_hours_and_no_totals() -> None:
    order = {
        "resourceType": "MedicationRequest",
        "id": "order",
        "status": "completed",
        "intent": "order",
        "authoredOn": at(0),
        "subject": {"reference": "Patient/one"},
        "medicationCodeableConcept": {"text": "heparin infusion"},
        "dispenseRequest": {"validityPeriod": {"end": at(10)}},
        "dosageInstruction": [{"doseAndRate": [{"rateQuantity": {"value": 1500, "unit": "U/h"}}]}],
    }

    (found,) = row([patient("one"), order])

    assert found["heparin_hours"] == 10
    assert found["max_24h_infusion_units"] == 0


def test_a_row_that_was_never_closed_does_not_run_for_a_year() -> None:
    window = RULES.protocol.span("heparin.administration_window") / timedelta(hours=1)
    year = 365 * 24

    (found,) = row(
        [
            patient("one"),
            infusion("one", 0, None, 1600),
            lab("one", "777-3", year, 210, "10*3/uL"),
            infusion("one", year + 1, year + 6, 900, 1),
            lab("one", "777-3", year + 8, 210, "10*3/uL"),
        ]
    )

    assert window <= found["heparin_hours"] <= window + 7


def test_two_protocols_walk_side_by_side() -> None:
    both = (RULES, rulebook(PROTOCOLS["review-as-written"]))

    rows = replay_patient("one", resistant("one"), archive(), both)["patients"]

    assert [r["protocol"] for r in rows] == ["default", "review-as-written"]


def test_unknowns_are_counted_by_fact_and_reason() -> None:
    unweighed = [r for r in resistant("one") if not str(r["id"]).startswith("one-29463")]

    reasons = {(r["fact"], r["why"]) for r in row(unweighed, "unknown")}

    assert ("weight", "missing") in reasons
