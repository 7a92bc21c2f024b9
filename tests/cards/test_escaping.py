"""Text from a record is shown as it stands: no link, image, HTML or table in a card."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from cds_service.assessment.model.recommendation import Indicator
from cds_service.cards.wording import LONGEST_QUOTE, escaped, plain
from tests.cases import advice_for, cases

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "http://evil.example",
    "www.evil.example",
    "evil.com",
    "EVIL.Com/x",
    "a.co b.de",
    "nurse@evil.example",
    "<http://evil.example>",
    "| a | b |\n|---|---|\n| c | d |",
    "# heading",
    "- item\n- item",
    "1. item",
    "> quote",
    "```\ncode\n```",
    "**bold** _em_ ~~gone~~",
    "&lt;b&gt; &#60;i&#62;",
    "a\u2028b\u202ec\x00d",
    "\\<b>",
    "[ref]: http://evil.example",
    "line\n\n===",
)
RENDER = MarkdownIt("gfm-like", {"html": True, "linkify": True})
ALLOWED = {"table_open", "thead_open", "tbody_open", "tr_open", "th_open", "td_open", "inline"}


def kinds(text: str) -> set[str]:
    """What a cell and a sentence with this text make of it, beyond plain words."""
    table = f"| Fact | Value |\n|---|---|\n| Order | {text} |\n\nNot known: order: {text}."
    found: set[str] = set()
    for token in RENDER.parse(table):
        found |= _named(token)
    return found - {*TEXT, *ALLOWED}


def _named(token: Token) -> set[str]:
    inner = {one for child in token.children or () for one in _named(child)}
    return inner | ({token.type} if not token.type.endswith("_close") else set())


def rows(text: str) -> int:
    table = f"| Fact | Value |\n|---|---|\n| Order | {text} |\n"
    return sum(token.type == "td_open" for token in RENDER.parse(table))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_becomes_nothing_but_text(text: str) -> None:
    assert kinds(escaped(text)) == set()
    assert rows(escaped(text)) == 2


@given(st.text(max_size=60))
def test_no_text_becomes_anything_but_text(text: str) -> None:
    assert kinds(escaped(text)) == set()
    assert rows(escaped(text)) == 2


@given(st.text())
def test_a_quote_is_one_short_line_without_control_characters(text: str) -> None:
    quote = plain(text)

    assert len(quote) <= LONGEST_QUOTE
    assert not any(ord(mark) < 32 or ord(mark) == 127 for mark in quote)


def test_indicators_are_those_of_the_specification() -> None:
    assert [i.value for i in Indicator] == ["critical", "warning", "info"]


TEXT = ("text", "text_special", "softbreak", "paragraph_open", "strong_open", "strong_close")


@pytest.mark.parametrize("name", sorted(cases()))
def test_our_own_details_hold_a_table_and_sentences_only(name: str) -> None:
    for card in advice_for(name).cards:
        found = {kind for token in RENDER.parse(card.detail) for kind in _named(token)}
        assert found <= {*TEXT, *ALLOWED}
