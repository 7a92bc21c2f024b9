"""What a card is, as one row of the registry: when it may speak and what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.recommendation import Recommendation
from cds_service.assessment.model.verdict import Verdicts

Due = Mapping[str, Recommendation]  # by the name of their card, in the registry's order


@dataclass(frozen=True, slots=True)
class Assessed:
    """What a card may ask: the measurements, every rule's verdict, and the cards due before it."""

    measured: Measured
    verdicts: Verdicts
    due: Due


Ask = Callable[[Assessed], Recommendation | None]


class Opener(Enum):
    """The kinds of drafted order that open a card on the order hooks."""

    INFUSION = auto()  # unfractionated heparin, also with a rate that cannot be read
    OTHER_HEPARIN = auto()  # LMWH; heparin as a flush, a lock or under the skin
    ANTITHROMBIN = auto()
    OTHER_ANTICOAGULANT = auto()  # thrombin inhibitors, fondaparinux, danaparoid, oral inhibitors
    WARFARIN = auto()
    P2Y12 = auto()
    UNIDENTIFIED = auto()  # a medicine that nobody can tell from what was sent


class View(Enum):
    """The situations in which a card may speak when a chart is opened (`patient-view`)."""

    RUNS = auto()  # treatment heparin runs now
    PAUSED = auto()  # it is held since a short while, its order stands
    MAY_RUN = auto()  # and whether it does is not known
    MEETS_HIT = auto()  # HIT or a heparin allergy is on record and any heparin is active
    INHIBITOR_RUNS = auto()  # argatroban or bivalirudin, after heparin
    ANYTIME = auto()


@dataclass(frozen=True, slots=True)
class Cited:
    """The review's claims, the rules that open a card, its own limits, its words by prefix."""

    review: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Topic:
    """One card: everything that is decided about it by its name stands here.

    `ask` is called with `Assessed` and returns the recommendation, or None where the card is not
    due. The defaults are those of a card about resistance.
    """

    name: str  # letters only: `source.topic.code`, by which EHRs remember overrides
    ask: Ask
    opened_by: frozenset[Opener]
    on_view: frozenset[View] = frozenset({View.RUNS})  # empty: it is about a draft
    in_hit: bool = False  # it speaks while HIT is suspected or on record
    in_children: bool = False  # it speaks of patients under the protocol's adult age
    silent_beside: frozenset[str] = frozenset()  # silent where one of these cards is due
    names_bleeding: bool = False  # its own facts are the bleed, which other cards open with
    checks_rate: bool = False  # while it is critical no other card builds on the rate
    needs_rate: bool = False  # builds on the rate of heparin
    outranks_rate: bool = False  # starts its drug whatever the rate
    leads: bool = False  # first within its urgency
    never_dropped: bool = False  # keeps its place when there are more cards than fit
    only_tests: bool = False  # silent where cards before it offer all of its tests
    too_much: bool = False  # about too strong an effect: a higher level is the worse one
    softens: bool = True  # an overridden warning comes back as info for a day
    acts_alone: bool = False  # its stops and deletes stand for clients of one action a suggestion
    cites: Cited = field(default_factory=Cited)
