"""US or UK spelling, by a setting or a client's profile: one table, never both on a card."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from cds_service.cards.compose import compose
from cds_service.cards.wording import Wording, respelled
from cds_service.rulebook.load import load_rulebook
from tests.cards.form import STYLE
from tests.cases import advice_for, cases, tables, wire
from tests.service import Service

UK = tables().wording
US = respelled(UK, "us")
PAIRS = dict(UK.spelling)
# A US stem stands inside of other words too ("hemodialysis"), but never in our UK table.
# A journal keeps its name: J Thromb Haemost.
UK_WORDS = re.compile("|".join(PAIRS).replace("haem", "haem(?!ost)"), re.IGNORECASE)
US_WORDS = re.compile(r"\bhem(?:o|a)|pediatric|anesth|\blabeled|\bischemi", re.IGNORECASE)


def texts(wording: Wording) -> list[str]:
    """Every word a clinician may read; keys and the table of pairs apart."""
    sections = (f.name for f in fields(wording) if f.name != "spelling")
    return [text for name in sections for text in getattr(wording, name).values()]


def test_each_pair_is_of_a_word_that_our_table_has() -> None:
    everything = " ".join(texts(UK)).lower()
    assert [word for word in PAIRS if word not in everything] == []


def test_the_table_is_in_uk_spelling_and_has_no_us_word() -> None:
    assert [text for text in texts(UK) if US_WORDS.search(text)] == []


def test_no_uk_word_is_left_in_us_spelling() -> None:
    assert [text for text in texts(US) if UK_WORDS.search(text)] == []
    assert US.facts["hemoglobin"] == "Hemoglobin"
    assert US.layout["labelled_argatroban"] == "labeled for HIT"


def test_nothing_but_words_changes() -> None:
    for one in fields(Wording):
        assert getattr(US, one.name).keys() == getattr(UK, one.name).keys()
    held = [re.findall(r"\{[^}]*\}", text) for text in texts(UK)]
    assert held == [re.findall(r"\{[^}]*\}", text) for text in texts(US)]


@pytest.mark.parametrize("name", sorted(cases()))
def test_no_card_mixes_both(name: str) -> None:
    """What the record itself says is left as it was written, in whatever spelling."""
    advice, rules = advice_for(name, style=STYLE), tables()
    cards = compose(advice.findings, rules.concepts, US, STYLE)
    written = " ".join(c.label for c in advice.chart.conditions)
    for card in cards:
        for text in (card.summary, card.detail, *(s.label for s in card.suggestions)):
            assert [w for w in UK_WORDS.findall(text) if w.lower() not in written.lower()] == []
    for told in wire(advice):
        assert not US_WORDS.search(f"{told['summary']} {told['detail']}")


def test_what_the_record_says_stays_as_it_was_written() -> None:
    advice, rules = advice_for("16-bleeding"), tables()
    (card, *_) = compose(advice.findings, rules.concepts, US, STYLE)
    assert "Upper gastrointestinal haemorrhage" in card.detail


def labels(service: Service) -> set[str]:
    answer = service.call("09-hit-on-record")
    return {s["label"] for c in answer.json["cards"] for s in c["suggestions"]}


def test_the_setting_reaches_the_cards(tmp_path: Path) -> None:
    in_us = Service(tmp_path, rulebook=None, spelling="us")
    assert any("labeled for HIT" in label for label in labels(in_us))


def test_a_rulebook_is_spelled_as_it_is_asked_for() -> None:
    words = load_rulebook("default", None, False, "us").wording
    assert words.leads["adultOnly"] == "Ask pediatric hematology"
