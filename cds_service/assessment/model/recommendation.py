"""What the assessment advises, before it has words: recommendations, options and actions.

A recommendation becomes a card; an option becomes a suggestion, whose actions are taken together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from cds_service.assessment.model.verdict import Evidence, Reason
from cds_service.chart.facts import Order


class Indicator(Enum):
    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """Most urgent first."""
        return list(Indicator).index(self)


@dataclass(frozen=True, slots=True)
class OrderTest:
    """Draft a ServiceRequest for a laboratory test."""

    concept: str


@dataclass(frozen=True, slots=True)
class StartDrug:
    """Draft a MedicationRequest: an infusion rate, or a dose in IU."""

    drug: str
    value: float
    unit: str
    kg: float | None = None  # by which an infusion's rate is also told in mg/h
    labelled: bool = False  # whether its label names this use; the card says so in words


@dataclass(frozen=True, slots=True)
class StopOrder:
    """Update a standing order to stopped."""

    order: Order


@dataclass(frozen=True, slots=True)
class DeleteDraft:
    """Delete a draft of this session."""

    order: Order


Action = OrderTest | StartDrug | StopOrder | DeleteDraft


@dataclass(frozen=True, slots=True)
class Option:
    """One suggestion; `label` is a key of the wording table."""

    label: str
    actions: tuple[Action, ...]
    recommended: bool = False
    values: Mapping[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One piece of advice. All its texts are keys of the wording table."""

    indicator: Indicator
    summary: str = ""  # variant of the topic's summary
    lead: str = ""  # what to do first, told before the facts, in place of the topic's own
    facts: tuple[Evidence, ...] = ()
    values: Mapping[str, str | float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # of most weight first: a card has room for so many words
    starts: tuple[str, ...] = ()  # drugs whose start is told as a row each
    choices: tuple[Option, ...] = ()
    tests: tuple[str, ...] = ()  # concepts wanted, offered together as one more choice
    pending: tuple[str, ...] = ()  # of those wanted, the ones that are ordered already
    withheld: tuple[Reason, ...] = ()  # why a dose or switch is not offered
    open: tuple[Reason, ...] = ()  # what could not be told
    first: tuple[Reason, ...] = ()  # told before all else: a bleed, or the risk of one
    limits: tuple[str, ...] = ()  # protocol rows cited
    rules: tuple[str, ...] = ()
    aside: bool = False  # where another card speaks, what is `open` is a line on that one
    topic: str = ""  # the name of its row in the registry, set from there
