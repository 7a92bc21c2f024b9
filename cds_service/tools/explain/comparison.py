"""The rules by several protocols side by side: what the public page shows.

The shipped protocols always stand there; a hospital's own joins them where it is in force.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from cds_service.advice import Rulebook
from cds_service.assessment.model.protocol import Protocol
from cds_service.assessment.recommend.registry import TOPICS
from cds_service.assessment.recommend.topics.topic import Opener, Topic, View
from cds_service.assessment.rules.rules import RULES
from cds_service.rulebook.load import PROTOCOLS, load_protocol
from cds_service.rulebook.toml_table import read_table
from cds_service.tools.explain.numbers import (
    NumberRow,
    names_together,
    number_rows,
    with_numbers,
)
from cds_service.tools.explain.review import Claim, load_review
from cds_service.tools.explain.tables import (
    PINS,
    DoseRow,
    ExplainSubject,
    Explanation,
    dose_rows,
    explain_subject,
    summaries_of,
)

CARDS = Path(__file__).with_name("cards.toml")


@dataclass(frozen=True, slots=True)
class CardText:
    """What a card says, what to do, and what it cannot know; without numbers."""

    title: str
    says: str
    do: str
    cannot: str


@dataclass(frozen=True, slots=True)
class CardTexts:
    """cards.toml."""

    openers: Mapping[str, str]  # Opener's name -> words
    views: Mapping[str, str]  # View's name -> words
    cards: Mapping[str, CardText]  # by topic


@dataclass(frozen=True, slots=True)
class Column:
    """One protocol on the page."""

    protocol: Protocol
    told: Explanation
    in_force: bool  # some caller is answered by it


@dataclass(frozen=True, slots=True)
class Deviation:
    """Where a protocol does something else than a claim of the review says."""

    number: str
    by: str
    here: str


@dataclass(frozen=True, slots=True)
class CardSection:
    """One card of the page."""

    topic: str
    text: CardText
    summaries: tuple[str, ...]
    opened_by: tuple[str, ...]
    on_view: tuple[str, ...]
    in_hit: bool
    in_children: bool
    settings: tuple[str, ...]  # on, silent or off, by column
    numbers: tuple[NumberRow, ...]
    rules: tuple[str, ...]
    claims: tuple[Claim, ...]
    deviations: tuple[Deviation, ...]


@dataclass(frozen=True, slots=True)
class RuleSection:
    """One rule behind the cards."""

    name: str
    question: str
    numbers: tuple[NumberRow, ...]
    cards: tuple[str, ...]
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class DosePair:
    """One patient's antithrombin dose, divided by the recovery and multiplied by it."""

    patient: str
    divided: DoseRow
    multiplied: DoseRow


@dataclass(frozen=True, slots=True)
class ClaimSection:
    """One claim of the review, and what became of it."""

    claim: Claim
    accounts: tuple[tuple[str, str], ...]  # which protocols ("" for all), what became of it


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything on the page."""

    columns: tuple[Column, ...]
    cards: tuple[CardSection, ...]
    rules: tuple[RuleSection, ...]
    doses: tuple[DosePair, ...]
    recovery: float  # % per IU/kg, of the label
    overdose: float  # %, where a level is an overdose
    options: tuple[tuple[str, tuple[str, ...]], ...]
    numbers: tuple[NumberRow, ...]
    claims: tuple[ClaimSection, ...]

    @property
    def titles(self) -> Mapping[str, str]:
        """Of every card, by topic."""
        return {card.topic: card.text.title for card in self.cards}


def compare(in_force: Sequence[Rulebook]) -> Comparison:
    """The page of the rulebooks by which callers are answered, the first one's words on it."""
    own = in_force[0]
    columns = _columns(in_force)
    protocols = [column.protocol for column in columns]
    return Comparison(
        columns=columns,
        cards=tuple(_card(subject, columns, own) for subject in columns[0].told.topics),
        rules=tuple(_rule(subject, protocols, own) for subject in columns[0].told.rules),
        doses=tuple(_dose(protocols[0], kg, level) for kg, level in PINS),
        recovery=protocols[0]["antithrombin_dose.label_recovery"],
        overdose=protocols[0]["antithrombin_dose.overdose_critical"],
        options=_options(protocols),
        numbers=number_rows(protocols[0].rows, protocols, own.wording),
        claims=tuple(_claims(columns)),
    )


@cache
def card_texts() -> CardTexts:
    """The words of the page."""
    return read_table(CARDS, CardTexts)


def _columns(in_force: Sequence[Rulebook]) -> tuple[Column, ...]:
    """The shipped protocols first, then the hospital's, each once, no two by one name."""
    running = {rules.protocol.digest: rules.protocol for rules in in_force}
    shipped = {one.digest: one for one in _shipped()}
    review, found = load_review(), dict[str, Column]()
    for digest, one in (shipped | running).items():
        name = one.name if one.name not in found else f"{one.name} {digest[:8]}"
        named = replace(one, name=name)
        told = explain_subject(replace(in_force[0], protocol=named), review)
        found[name] = Column(named, told, digest in running)
    return tuple(found.values())


@cache
def _shipped() -> tuple[Protocol, ...]:
    return tuple(map(load_protocol, PROTOCOLS.values()))


def _card(subject: ExplainSubject, columns: tuple[Column, ...], own: Rulebook) -> CardSection:
    topic, texts = TOPICS[subject.name], card_texts()
    protocols = [column.protocol for column in columns]
    return CardSection(
        topic=topic.name,
        text=texts.cards[topic.name],
        summaries=_summaries(topic.name, own),
        opened_by=tuple(texts.openers[one.name] for one in Opener if one in topic.opened_by),
        on_view=tuple(texts.views[one.name] for one in View if one in topic.on_view),
        in_hit=topic.in_hit,
        in_children=topic.in_children,
        settings=tuple(one.topics.get(topic.name, "on") for one in protocols),
        numbers=number_rows(_limits_behind(topic), protocols, own.wording),
        rules=topic.cites.rules,
        claims=tuple(account.claim for account in subject.claims),
        deviations=_deviations(topic.name, columns),
    )


def _summaries(topic: str, own: Rulebook) -> tuple[str, ...]:
    return tuple(with_numbers(text, own.protocol) for text in summaries_of(topic, own.wording))


def _limits_behind(topic: Topic) -> tuple[str, ...]:
    """A card's own limits, and those of the rules that open it."""
    behind = (key for name in topic.cites.rules for key in RULES[name].limits)
    return (*topic.cites.limits, *behind)


def _deviations(topic: str, columns: tuple[Column, ...]) -> tuple[Deviation, ...]:
    """What each protocol does instead of what its claims say; the same words once."""
    found: dict[tuple[str, str], list[Protocol]] = {}
    for column in columns:
        subject = next(one for one in column.told.topics if one.name == topic)
        for account in subject.claims:
            if account.here:
                key = account.claim.number, account.here
                found.setdefault(key, []).append(column.protocol)
    in_order = sorted(found.items(), key=lambda one: int(one[0][0].removeprefix("R")))
    return tuple(
        Deviation(number, names_together(some, len(columns)), here)
        for (number, here), some in in_order
    )


def _rule(subject: ExplainSubject, protocols: Sequence[Protocol], own: Rulebook) -> RuleSection:
    return RuleSection(
        name=subject.name,
        question=subject.question,
        numbers=number_rows(RULES[subject.name].limits, protocols, own.wording),
        cards=subject.related,
        claims=tuple(account.claim for account in subject.claims),
    )


def _dose(protocol: Protocol, kg: float, level: float) -> DosePair:
    divided, multiplied = dose_rows(protocol, kg, level)
    return DosePair(divided.patient, divided, multiplied)


def _options(protocols: Sequence[Protocol]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (name.replace("_", " "), tuple(_chosen(one.options[name]) for one in protocols))
        for name in protocols[0].options
    )


def _chosen(option: str | bool) -> str:
    if isinstance(option, bool):
        return "yes" if option else "no"
    return option


def _claims(columns: tuple[Column, ...]) -> Iterator[ClaimSection]:
    by_protocol = zip(*(column.told.accounts for column in columns), strict=True)
    for accounts in by_protocol:
        found: dict[str, list[Protocol]] = {}
        for column, account in zip(columns, accounts, strict=True):
            found.setdefault(account.told, []).append(column.protocol)
        told = ((names_together(some, len(columns)), text) for text, some in found.items())
        yield ClaimSection(accounts[0].claim, tuple(told))
