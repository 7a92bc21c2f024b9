"""Where a card's links lead: the page of its own rule, and the SMART app.

The page holds no patient data; each rule stands there under its topic's name.
"""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.cards.card import CardLink, ClientCapabilities
from cds_service.cards.wording import Wording


def rule_url(topic: str, style: ClientCapabilities) -> str:
    """The place of a card's rule on the public page; "" where the page's address is not known."""
    return f"{style.targets.rules}#{topic}" if style.targets.rules else ""


def links(topic: str, wording: Wording, style: ClientCapabilities) -> tuple[CardLink, ...]:
    """The links of one card, as far as its client allows them."""
    return tuple(link for link in _all(topic, wording, style) if link.type in style.links)


def _all(topic: str, wording: Wording, style: ClientCapabilities) -> Iterator[CardLink]:
    targets = style.targets
    if targets.rules:
        yield CardLink(wording.links["absolute"], rule_url(topic, style), "absolute")
    if targets.launch:
        opened_from = f"{targets.call_id}#{topic}"  # the app names the card it was opened from
        yield CardLink(wording.links["smart"], targets.launch, "smart", opened_from)
