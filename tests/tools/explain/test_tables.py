"""The explanation tells what the tables and the code do, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from cds_service.assessment.model.verdict import Verdict
from cds_service.assessment.recommend.citations import FEEDS
from cds_service.assessment.recommend.registry import TOPICS
from cds_service.assessment.rules.known import Known
from cds_service.assessment.rules.rules import RULES
from cds_service.tools.explain.review import load_review
from cds_service.tools.explain.tables import Explanation, dose_rows, explain_subject, topics_of
from cds_service.tools.explain.text import to_text
from tests.cases import advice_for, cases, tables
from tests.vignettes import PROTOCOLS

NAMES = sorted(cases())


def explained(protocol: str = "default") -> Explanation:
    return explain_subject(tables(protocol), load_review())


class Spied(Mapping[str, Verdict]):
    """Earlier verdicts that note who was looked up."""

    def __init__(self, verdicts: Mapping[str, Verdict]) -> None:
        self.verdicts = verdicts
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> Verdict:
        self.asked.add(name)
        return self.verdicts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.verdicts)

    def __len__(self) -> int:
        return len(self.verdicts)


def test_all_rules_and_all_cards_are_named_in_their_order() -> None:
    assert [one.name for one in explained().rules] == list(RULES)
    assert [one.name for one in explained().topics] == list(TOPICS)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_looks_only_at_the_rules_listed_as_feeding_it(name: str) -> None:
    for fixture in NAMES:
        findings = advice_for(fixture).findings
        spied = Spied(findings.verdicts)
        RULES[name].ask(Known(findings.measured, spied))
        assert spied.asked <= {one for one, fed in FEEDS.items() if name in fed}, fixture


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("fixture", NAMES)
def test_a_card_carries_only_the_words_and_limits_listed_for_it(
    fixture: str, protocol: str
) -> None:
    for item in advice_for(fixture, protocol).findings.items:
        cited = TOPICS[item.topic].cites
        strange = [note for note in item.notes if not note.startswith(cited.notes)]
        assert strange == [], item.topic
        fed = {r for r in RULES if item.topic in topics_of(r)}
        limits = {key for rule in fed for key in RULES[rule].limits} | set(cited.limits)
        assert set(item.limits) <= limits, item.topic


def test_every_note_of_the_wording_belongs_to_some_card() -> None:
    prefixes = tuple(prefix for row in TOPICS.values() for prefix in row.cites.notes)
    assert [key for key in tables().wording.notes if not key.startswith(prefixes)] == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_limits_are_those_of_the_protocol(protocol: str) -> None:
    rows = tables(protocol).protocol.rows
    for one in (*explained(protocol).rules, *explained(protocol).topics):
        for limit in one.limits:
            assert limit.source == rows[limit.key].source
            assert float(limit.value.split()[0].replace(",", "")) == rows[limit.key].value


def test_no_question_shows_the_number_of_a_claim() -> None:
    told_by_default = explained()
    assert [one.name for one in told_by_default.rules if "[R" in one.question] == []
    assert all(one.question.endswith(".") for one in told_by_default.topics)


@pytest.mark.parametrize(
    ("kg", "level", "label", "multiplied", "reached"),
    [(70.0, 50.0, 2500, 4900, 148), (80.0, 55.0, 2571, 5040, 143), (84.0, 40.0, 3600, 7056, 158)],
)
def test_the_dose_stands_by_both_forms(
    kg: float, level: float, label: int, multiplied: int, reached: int
) -> None:
    divided, times = dose_rows(tables().protocol, kg, level)
    assert (divided.units, round(divided.predicted)) == (label, 100)
    assert (times.units, round(times.predicted)) == (multiplied, reached)


def account(number: str, protocol: str = "default") -> str:
    return next(a.told for a in explained(protocol).accounts if a.claim.number == number)


def test_every_claim_is_accounted_for() -> None:
    accounts = explained().accounts
    assert [a.claim.number for a in accounts] == list(load_review())
    assert {a.told.split()[0] for a in accounts} == {"used", "replaced", "replaced:", "not"}


@pytest.mark.parametrize("number", ["R44", "R117", "R46", "R53", "R62", "R29", "R111"])
def test_what_the_default_replaces_the_other_protocol_follows_as_written(number: str) -> None:
    assert account(number).startswith("replaced")
    assert account(number, "review-as-written").startswith("followed as written (")


def test_the_text_tells_rows_words_and_claims() -> None:
    text = to_text(explained())
    assert "levels.anti_xa_low = 0.3 [IU]/mL (review R28; Blood 2011;118:4992)" in text
    assert "[R28] The normal answer." in text
    assert "2,571 IU" in text
    assert "5,040 IU" in text
    assert max(map(len, text.splitlines())) <= 110


def test_a_claim_the_protocol_does_not_follow_says_so_on_the_spot() -> None:
    """A reader of the review's formula must not take it for the one in use."""
    quoted = "[R44] The loading dose formula. (Target % - current %) x weight in kg x 1.4"
    for protocol, here in (("default", "HERE: divided by 1.4"), ("review-as-written", "HERE: as")):
        text = " ".join(to_text(explained(protocol)).split())
        start = text.index(quoted)
        assert here in text[start : start + len(quoted) + 60]


def test_the_text_of_the_review_carries_its_note() -> None:
    assert "review formula, not the label" in to_text(explained("review-as-written"))
