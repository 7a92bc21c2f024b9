from __future__ import annotations

import pytest

from cds_service.demo.markdown import to_html


def test_tables_and_emphasis_are_drawn() -> None:
    html = to_html("**Heparin**\n\n| a | b |\n|---|---|\n| 1 | ~~2~~ |\n")
    assert "<strong>Heparin</strong>" in html
    assert '<table class="card-table">' in html
    assert "<s>2</s>" in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "text <b onclick=alert(1)>bold</b>",
        "![picture](https://example.org/x.png)",
        "| <svg onload=alert(1)> |\n|---|\n",
    ],
)
def test_html_and_pictures_stay_text(text: str) -> None:
    html = to_html(text)
    for tag in ("<script", "<img", "<b ", "<svg"):
        assert tag not in html


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "JaVaScRiPt:alert(1)", "file:///etc", "/relative"],
)
def test_only_web_addresses_become_links(url: str) -> None:
    assert "<a " not in to_html(f"[label]({url})")


def test_links_open_apart_and_tell_nobody() -> None:
    html = to_html("[label](https://example.org/label)")
    assert 'href="https://example.org/label"' in html
    assert 'rel="noopener noreferrer"' in html
    assert 'target="_blank"' in html
