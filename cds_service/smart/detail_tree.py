"""A card's markdown as a tree of harmless elements: the page builds them one by one.

No HTML is ever made of a card's text, so nothing in it can become markup. Raw HTML stays text,
images are left out, links go to http and https only.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

Tree = dict[str, Any] | str

SAFE_SCHEMES = ("http://", "https://")
TEXT = ("p", "br", "hr", "h1", "h2", "h3", "h4", "blockquote", "pre", "code")
MARKS = ("strong", "em", "s", "a", "ul", "ol", "li")
TABLE = ("table", "thead", "tbody", "tr", "th", "td")
BREAKS: Mapping[str, list[Tree]] = {"softbreak": [" "], "hardbreak": [{"tag": "br", "parts": []}]}
ELEMENTS = frozenset({*TEXT, *MARKS, *TABLE})


def detail_tree(markdown: str) -> list[Tree]:
    """The blocks of a card's detail: strings, and {"tag", "href"?, "parts"}."""
    root = SyntaxTreeNode(_parser().parse(markdown))
    return [part for child in root.children for part in _parts(child)]


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False})
    return parser.enable(["table", "strikethrough"]).disable(["image"])


def _parts(node: SyntaxTreeNode) -> list[Tree]:
    """What a node comes to; one that is no element of ours is only its content."""
    if node.type in BREAKS:
        return list(BREAKS[node.type])
    inner = _inner(node)
    if node.type in ("inline", "text") or node.tag not in ELEMENTS:
        return inner
    return _link(node, inner) if node.tag == "a" else [{"tag": node.tag, "parts": inner}]


def _inner(node: SyntaxTreeNode) -> list[Tree]:
    if node.children:
        return [part for child in node.children for part in _parts(child)]
    return [node.content] if node.content else []


def _link(node: SyntaxTreeNode, inner: list[Tree]) -> list[Tree]:
    """A link, or only its text where it leads nowhere that is safe."""
    href = str(node.attrs.get("href", ""))
    if not href.lower().startswith(SAFE_SCHEMES):
        return inner
    return [{"tag": "a", "parts": inner, "href": href}]
