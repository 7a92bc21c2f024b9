"""A CDS Hooks card as it goes on the wire.

https://cds-hooks.hl7.org/2.0/#card-attributes: a summary has fewer than 140 characters;
suggestions need a selectionBehavior; nothing empty is ever sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

NewId = Callable[[], str]


LinkType = Literal["absolute", "smart"]  # CDS Hooks 2.0, link attributes


@dataclass(frozen=True, slots=True)
class LinkTargets:
    """Where the links of one call's cards lead; what is empty has no link."""

    rules: str = ""  # the public page about the rules, "https://cds.example.org/explain"
    launch: str = ""  # the launch URL of the SMART app
    call_id: str = ""  # handed to the app as `appContext`


@dataclass(frozen=True, slots=True)
class ClientCapabilities:
    """What a client's EHR can take, and where its links may lead."""

    selection_behavior: str = "at-most-one"
    single_action: bool = False  # one action a suggestion: tests; stops and deletes in HIT only
    links: frozenset[LinkType] = frozenset({"absolute"})
    targets: LinkTargets = LinkTargets()


@dataclass(frozen=True, slots=True)
class CardLink:
    """A link beside a card; only a SMART app is told the context."""

    label: str
    url: str
    type: LinkType
    app_context: str = ""

    def wire(self) -> dict[str, str]:
        """As JSON; CDS Hooks forbids `appContext` on an absolute link."""
        body = {"label": self.label, "url": self.url, "type": self.type}
        return body | ({"appContext": self.app_context} if self.app_context else {})


@dataclass(frozen=True, slots=True)
class CardAction:
    """One action of a suggestion; `resource` for create and update, `target` for delete."""

    type: str  # "create", "update", "delete"
    description: str
    resource: Mapping[str, Any] | None = None
    target: str = ""  # "MedicationRequest/abc"

    def wire(self) -> dict[str, Any]:
        """As JSON."""
        body: dict[str, Any] = {"type": self.type, "description": self.description}
        if self.type == "delete":
            return body | {"resourceId": self.target}
        return body | {"resource": dict(self.resource or {})}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Actions that are taken together."""

    label: str
    actions: tuple[CardAction, ...]
    recommended: bool = False

    def wire(self, new_id: NewId) -> dict[str, Any]:
        """As JSON, with a fresh uuid."""
        body: dict[str, Any] = {"label": self.label, "uuid": new_id()}
        if self.recommended:
            body["isRecommended"] = True
        return body | {"actions": [action.wire() for action in self.actions]}


@dataclass(frozen=True, slots=True)
class Card:
    """One card; `topic` is what an EHR remembers an override by."""

    topic: str
    summary: str
    indicator: str
    detail: str
    source: Mapping[str, Any]
    suggestions: tuple[Suggestion, ...] = ()
    selection_behavior: str = "at-most-one"
    links: tuple[CardLink, ...] = ()
    override_reasons: tuple[Mapping[str, str], ...] = ()

    def wire(self, new_id: NewId) -> dict[str, Any]:
        """As JSON, with fresh uuids for the card and its suggestions."""
        body: dict[str, Any] = {
            "uuid": new_id(),
            "summary": self.summary,
            "indicator": self.indicator,
            "detail": self.detail,
            "source": dict(self.source),
        }
        if self.suggestions:
            body["suggestions"] = [s.wire(new_id) for s in self.suggestions]
            body["selectionBehavior"] = self.selection_behavior
        if self.links:
            body["links"] = [link.wire() for link in self.links]
        if self.override_reasons:
            body["overrideReasons"] = [dict(reason) for reason in self.override_reasons]
        return body
