"""Recorded times are compared in one place: yes or no only where it holds for every moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from cds_service.assessment.model.times import apart, at_or_after, at_or_before, before, within
from cds_service.assessment.model.verdict import Reason, Truth, Verdict
from cds_service.chart.fhir_datetime import DATE_ONLY, Stretch

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(first: float, last: float | None = None) -> datetime:
    """Hours after noon; with two, the stretch between them."""
    begin = NOON + first * HOUR
    if last is None:
        return begin
    return Stretch.between(begin, NOON + last * HOUR, DATE_ONLY, "22 Nov 2026")


EXACT, SHORT, LONG = at(0), at(-1, 1), at(-6, 6)
YES, NO, UNKNOWN = Truth.YES, Truth.NO, Truth.UNKNOWN


@pytest.mark.parametrize(
    ("one", "other", "answer"),
    [
        (at(-1), EXACT, YES),
        (at(0), EXACT, NO),
        (at(1), EXACT, NO),
        (at(-3, -1), EXACT, YES),
        (at(-3, 0), EXACT, UNKNOWN),
        (at(0, 3), EXACT, NO),
        (EXACT, at(1, 3), YES),
        (EXACT, at(0, 3), UNKNOWN),
        (EXACT, at(-3, 0), NO),
        (SHORT, LONG, UNKNOWN),
        (at(-9, -7), LONG, YES),
        (at(7, 9), LONG, NO),
    ],
)
def test_before(one: datetime, other: datetime, answer: Truth) -> None:
    assert before(one, other, "aptt").truth is answer


def moments(one: datetime) -> list[datetime]:
    """Some exact moments that a time can mean, both ends among them."""
    last = one.latest if isinstance(one, Stretch) else one
    first = NOON + (one - NOON)
    return [first + (last - first) * part / 4 for part in range(5)]


TIMES = [at(h) for h in (-2, 0, 2)] + [at(-3, -1), at(-2, 2), at(0, 2), at(2, 5), at(-9, 9)]


@pytest.mark.parametrize("compare", [before, at_or_after, at_or_before])
def test_an_answer_is_the_answer_for_every_moment(compare) -> None:
    """Unknown exactly where two moments of the stretches answer differently."""
    for one, other in product(TIMES, TIMES):
        answers = {compare(a, b, "aptt").truth for a, b in product(moments(one), moments(other))}
        assert compare(one, other, "aptt").truth is (
            answers.pop() if len(answers) == 1 else UNKNOWN
        ), (one, other)


def test_within_a_window_counts_both_its_ends() -> None:
    window = (at(-2), at(2), "aptt")
    assert [within(at(h), *window).truth for h in (-3, -2, 0, 2, 3)] == [NO, YES, YES, YES, NO]
    assert within(at(-1, 1), *window).yes
    assert within(at(1, 3), *window).unknown
    assert within(at(3, 4), *window).no


def test_a_span_between_two_times() -> None:
    assert [apart(at(h), EXACT, 6 * HOUR, "aptt").truth for h in (5.9, 6, 7)] == [NO, YES, YES]
    assert apart(at(5, 7), EXACT, 6 * HOUR, "aptt").unknown
    assert apart(at(9), at(0, 2), 6 * HOUR, "aptt").yes
    assert apart(at(7), at(0, 2), 6 * HOUR, "aptt").unknown


def test_the_reason_names_the_fact_and_what_the_record_left_open() -> None:
    open_ = Verdict(UNKNOWN, (), (Reason("aptt", DATE_ONLY, "22 Nov 2026"),))
    assert before(EXACT, LONG, "aptt") == at_or_after(LONG, EXACT, "aptt") == open_
    undated = Verdict(UNKNOWN, (), (Reason("aptt", "undated"),))
    assert before(None, EXACT, "aptt") == apart(EXACT, None, HOUR, "aptt") == undated
