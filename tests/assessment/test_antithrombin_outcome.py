"""What came of an antithrombin dose, as one row (clinical logic 6)."""

import pytest

from cds_service.assessment.measure.antithrombin_outcome import dose_outcome
from tests.builders import (
    MINUTE,
    cards_of,
    failing,
    given,
    judge_chart,
    lab,
    measured,
    spec,
    weight,
)

BEFORE = lab("antithrombin", 50, 30)
OLD = lab("antithrombin", 50, 80)
LIMIT = lab("antithrombin", 50, 30, comparator="<")


def row(*facts):
    m = measured(*facts)
    return dose_outcome(m.case, m.antithrombin, m.weight.kg)


@spec(
    "facts, expected",
    ("2,500 IU at 70 kg", (BEFORE, given("antithrombin", 20, 2500), weight(70)), 100),
    ("three days ago", (OLD, given("antithrombin", 72, 2500), weight(70)), 100),
    ("no weight", (BEFORE, given("antithrombin", 20, 2500)), None),
    ("no level before it", (given("antithrombin", 20, 2500), weight(70)), None),
    ("only a limit before it", (LIMIT, given("antithrombin", 20, 2500), weight(70)), None),
)
def test_the_dose_and_what_its_label_let_expect(facts, expected):
    (one,) = row(*facts)
    assert (one.value, one.unit) == (2500, "[IU]")
    assert one.figure == (pytest.approx(expected) if expected else None)


@spec(
    "facts",
    ("no dose", (BEFORE, weight(70))),
    ("longer ago", (BEFORE, given("antithrombin", 72 + MINUTE, 2500), weight(70))),
    ("a dose that is not known", (BEFORE, given("antithrombin", 20), weight(70))),
    ("in another unit", (BEFORE, given("antithrombin", 20, 30, unit="[IU]/kg"), weight(70))),
)
def test_where_there_is_no_such_row(facts):
    assert row(*facts) == ()


def test_the_row_stands_on_the_next_card():
    facts = failing(BEFORE, given("antithrombin", 20, 2500), lab("antithrombin", 88, 17))
    card = next(c for c in cards_of(judge_chart(*facts)) if c.topic == "heparinResistance")
    assert (
        "| Antithrombin given | 2,500 IU, 94 % expected after it | 09 Mar 16:00 (20 h ago) |"
        in (card.detail)
    )
