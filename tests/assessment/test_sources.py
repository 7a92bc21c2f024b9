"""A source that a hospital says it does not have: its absence is a line, no failure (logic 5)."""

from dataclasses import replace
from datetime import date

import pytest

from cds_service.assessment.model.protocol import Declared
from cds_service.chart.query_result import QueryState
from cds_service.rulebook.load import PROTOCOLS, load_protocol
from cds_service.rulebook.toml_table import TableFault
from tests.builders import (
    cards_of,
    condition,
    failed,
    failing,
    judge_chart,
    lab,
    protocol,
    spec,
    starts,
    topics,
)

BY = Declared("none", "Medicines committee", date(2026, 11, 1))
WITHOUT = replace(protocol(), sources={"allergies": BY})
PLAIN = failing(lab("antithrombin", 55))


def detail(found, topic):
    return next(card.detail for card in cards_of(found) if card.topic == topic)


@pytest.mark.parametrize("state", [QueryState.NOT_SUPPLIED, QueryState.FAILED])
def test_without_the_declaration_it_withholds_and_is_not_assessed(state):
    found = judge_chart(*PLAIN, failed("allergies", state=state))
    assert "notAssessed" in topics(found)
    assert not any(starts(one) for one in found.items)


@pytest.mark.parametrize("state", [QueryState.NOT_SUPPLIED, QueryState.FAILED])
def test_with_it_the_drug_stands_and_its_card_says_so(state):
    found = judge_chart(*PLAIN, failed("allergies", state=state), by=WITHOUT)
    assert "notAssessed" not in topics(found)
    assert "Allergies are not read here: check." in detail(found, "antithrombinDose")


def test_where_the_allergies_came_after_all_they_count_and_no_line_stands():
    found = judge_chart(*PLAIN, by=WITHOUT)
    assert "not read here" not in detail(found, "antithrombinDose")
    assert "hitSuspected" in topics(judge_chart(*PLAIN, condition("heparin_hit"), by=WITHOUT))


def test_a_card_without_a_drug_has_no_such_line():
    facts = failing(lab("antithrombin", 90))
    found = judge_chart(*facts, failed("allergies"), by=WITHOUT)
    assert "not read here" not in detail(found, "heparinResistance")


def test_another_source_that_failed_is_still_not_assessed():
    assert "notAssessed" in topics(judge_chart(*PLAIN, failed("conditions"), by=WITHOUT))


@spec(
    "written, fault",
    ("fine", 'allergies = { state = "none", decided_by = "P&T", decided = 2026-11-01 }', ""),
    (
        "medicines cannot be missing",
        'orders = { state = "none", decided_by = "P&T", decided = 2026-11-01 }',
        "sources.orders: only",
    ),
    (
        "nobody decided it",
        'allergies = { state = "none", decided_by = " ", decided = 2026-11-01 }',
        "sources.allergies.decided_by: who decided it",
    ),
    ("no date", 'allergies = { state = "none", decided_by = "P&T" }', "decided"),
    (
        "another state",
        'allergies = { state = "some", decided_by = "P&T", decided = 2026-11-01 }',
        "state",
    ),
)
def test_a_declaration_names_who_decided_and_when(tmp_path, written, fault):
    text = PROTOCOLS["default"].read_text(encoding="utf-8")
    path = tmp_path / "own.toml"
    path.write_text(f"{text}\n[sources]\n{written}\n", encoding="utf-8")
    if not fault:
        assert load_protocol(path).sources["allergies"].decided_by == "P&T"
        return
    with pytest.raises(TableFault, match=fault):
        load_protocol(path)
