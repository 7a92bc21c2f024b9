"""A page of ours as a tree, and what keeps somebody from reading it.

Without script, with a keyboard, by a screen reader, on paper: what can be told from the text alone.
A browser and axe look at the rest (tests/demo).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise

VOID = {"meta", "link", "br", "img", "input", "hr"}
INLINE = {"a", "code", "strong", "bdi"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    def all(self, *tags: str) -> Iterator[Element]:
        """Every element of these tags within, in the order of the page."""
        for child in self.children:
            if isinstance(child, Element):
                if not tags or child.tag in tags:
                    yield child
                yield from child.all(*tags)

    @property
    def text(self) -> str:
        """What is read: elements apart, but for those within a line."""
        return " ".join("".join(self._parts()).split())

    def _parts(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, str):
                yield child
            else:
                apart = "" if child.tag in INLINE else " "
                yield f"{apart}{''.join(child._parts())}{apart}"


class Reader(HTMLParser):
    """A page as a tree; an element that is not closed in its place is a fault."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read(html: str) -> Element:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == [reader.root]
    return reader.root


def ids(page: Element) -> Counter[str]:
    """How often each id stands on the page."""
    return Counter(one.attributes["id"] for one in page.all() if "id" in one.attributes)


def unreadable(html: str) -> Iterator[str]:
    """Each thing that is wrong, in words."""
    page = read(html)
    if found := re.search(r"<script|\son\w+=|javascript:|\sstyle=", html):
        yield f"needs script, or a style of its own: {found[0]}"
    fetched = page.all("link", "img", "iframe", "form", "object")
    yield from (f"fetches: {one.tag}" for one in fetched)
    yield from (f"an id twice: {name}" for name, count in ids(page).items() if count > 1)
    yield from _frame_faults(page)
    yield from _heading_faults(page)
    yield from _name_faults(page)
    yield from (fault for table in page.all("table") for fault in _table_faults(table))


def _frame_faults(page: Element) -> Iterator[str]:
    if not next(page.all("html")).attributes.get("lang") or not next(page.all("title")).text:
        yield "no language or no title"
    for tag in ("header", "main", "h1", "nav"):
        if len(list(page.all(tag))) != 1:
            yield f"not one {tag}"
    if "@media print" not in next(page.all("style")).text:
        yield "no print style"


def _heading_faults(page: Element) -> Iterator[str]:
    levels = [int(one.tag[1]) for one in page.all("h1", "h2", "h3", "h4", "h5")]
    if levels[:1] != [1] or any(then > now + 1 for now, then in pairwise(levels)):
        yield f"headings jump: {levels}"


def _name_faults(page: Element) -> Iterator[str]:
    """Of what a screen reader lists: navigation, sections, regions, links."""
    for section in page.all("section"):
        if section.attributes.get("aria-labelledby") not in ids(page):
            yield "a section without a name"
    for one in page.all("div", "nav"):
        if (
            "tabindex" in one.attributes or one.tag == "nav"
        ) and "aria-label" not in one.attributes:
            yield f"a {one.tag} without a name"
    yield from (f"a link without words: {a.attributes}" for a in page.all("a") if not a.text)


def _table_faults(table: Element) -> Iterator[str]:
    caption = next(table.all("caption"), None)
    if caption is None or not caption.text:
        yield "a table without a caption"
    if {th.attributes.get("scope") for th in table.all("th")} != {"col", "row"}:
        yield "a head without its scope"
    if len({len(list(row.all("th", "td"))) for row in table.all("tr")}) != 1:
        yield "rows of different lengths"
