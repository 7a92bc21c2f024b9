"""Small total functions over parsed JSON: they answer or say nothing, and never raise.

Everything a server may send is possible here, so each looks at one place and trusts none of it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

LONGEST_TEXT = 400  # longer texts are cut: they are names, units and labels, not documents

_BLANKS = re.compile(r"[\s\u200b-\u200f\u2028-\u202e\u2060\ufeff\x00-\x1f\x7f]+")
# Ids as they are sent, not as FHIR has them: Epic's run to almost 200 characters.
_REFERENCE = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/([^/?#|\s]{1,200})(?:/_history/[^/]*)?/?$")
_URN = re.compile(r"(urn:(?:uuid|oid):)([^\s/?#|]{1,200})", re.IGNORECASE)
_BARE_ID = re.compile(r"[A-Za-z0-9.\-]{1,200}")
_HOST = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^/?#\s]+")


@dataclass(frozen=True, slots=True)
class Coding:
    """One code as sent: the system is still a URI."""

    system: str
    code: str
    display: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a reference points, as far as it says."""

    type: str = ""  # "Medication"; empty for "#id" and urn:uuid
    id: str = ""
    contained: bool = False
    display: str = ""
    base: str = ""  # "https://ehr.org/fhir" of an absolute one, "urn:uuid:" of that kind

    @property
    def url(self) -> str:
        """The absolute form without a version; nothing where it is relative or contained."""
        if not self.base:
            return ""
        if self.base.startswith("urn:"):
            return f"{self.base}{self.id}".lower()
        return f"{self.base}/{self.type}/{self.id}"

    @property
    def source(self) -> str:
        """`Type/id`, or nothing."""
        return f"{self.type}/{self.id}" if self.type and self.id else ""


_NO_REFERENCE = Reference()


def member(node: object, *path: str) -> object:
    """What stands at a path of keys, or None."""
    for key in path:
        if not isinstance(node, dict):
            return None
        node = node.get(key)
    return node


def each(node: object) -> tuple[object, ...]:
    """The items of a list; clients also send an object where an array is due."""
    if node is None:
        return ()
    return tuple(node) if isinstance(node, list | tuple) else (node,)


def named(node: object) -> tuple[object, ...]:
    """The CodeableConcepts at a place; FHIR R5 puts some into `concept` of a CodeableReference."""
    return tuple(one if (c := member(one, "concept")) is None else c for one in each(node))


def text(node: object) -> str:
    """A string on one line and of bearable length; anything else is no text."""
    if not isinstance(node, str):
        return ""
    if len(node) <= LONGEST_TEXT and node.isprintable() and "  " not in node:
        return node.strip()
    return _BLANKS.sub(" ", node[: 2 * LONGEST_TEXT]).strip()[:LONGEST_TEXT]


def number(node: object) -> float | None:
    """A finite number; neither a boolean nor a number in quotes."""
    if isinstance(node, bool) or not isinstance(node, int | float):
        return None
    try:
        value = float(node)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def codings(concepts: object) -> tuple[Coding, ...]:
    """Every coding of one CodeableConcept or of a list of them."""
    found = []
    for concept in each(concepts):
        for coding in each(member(concept, "coding")):
            if not isinstance(coding, dict):
                continue
            code, display = text(coding.get("code")), text(coding.get("display"))
            if code or display:
                found.append(Coding(text(coding.get("system")), code, display))
    return tuple(found)


def bare_codes(concepts: object) -> tuple[tuple[str, str], ...]:
    """System and code of every coding: for looking up, without what it is called."""
    found = []
    for concept in each(concepts):
        for coding in each(concept.get("coding")) if isinstance(concept, dict) else ():
            if isinstance(coding, dict) and (code := text(coding.get("code"))):
                found.append((text(coding.get("system")), code))
    return tuple(found)


def texts(concepts: object) -> tuple[str, ...]:
    """The texts and displays of one CodeableConcept or of a list of them."""
    found, displays = [], []
    for concept in each(concepts):
        if not isinstance(concept, dict):
            continue
        if name := text(concept.get("text")):
            found.append(name)
        for coding in each(concept.get("coding")):
            if isinstance(coding, dict) and (display := text(coding.get("display"))):
                displays.append(display)
    return tuple(dict.fromkeys(found + displays))


def label(concepts: object) -> str:
    """What the record calls it."""
    return label_of(texts(concepts))


def label_of(texts: tuple[str, ...]) -> str:
    """Texts and displays as one."""
    return "; ".join(texts)[:LONGEST_TEXT]


def reference(node: object) -> Reference:
    """Relative, absolute, contained and `urn:uuid:` references alike."""
    if node is None:
        return _NO_REFERENCE
    written, display = text(member(node, "reference")), text(member(node, "display"))
    if written.startswith("#"):
        return Reference(id=written.lstrip("#"), contained=True, display=display)
    if urn := _URN.match(written):
        return Reference(text(member(node, "type")), urn[2], False, display, urn[1].lower())
    match = _REFERENCE.search(written)
    if match is None:  # some leave the "#" of a contained id out
        bare = bool(_BARE_ID.fullmatch(written))
        return Reference(id=written if bare else "", contained=bare, display=display)
    return Reference(match[1], match[2], False, display, server(written[: match.start(1)]))


def place(url: object) -> Reference:
    """The same of a bare URL: the `fullUrl` of an entry, a selection."""
    return reference({"reference": url})


def server(url: str) -> str:
    """A base URL for comparison, host in lower case and no slash at its end; "" if relative."""
    host = _HOST.match(url)
    return (host[0].lower() + url[host.end() :]).rstrip("/") if host else ""


def source(resource: object) -> str:
    """`Type/id`, as cards and skipped lists name a resource."""
    if not isinstance(resource, dict):
        return "/"
    return f"{text(resource.get('resourceType'))}/{text(resource.get('id'))}"


def written(value: float) -> str:
    """A number as people write it."""
    if abs(value) >= 1e12:
        return f"{value:g}"
    return f"{value:.4f}".rstrip("0").rstrip(".")
