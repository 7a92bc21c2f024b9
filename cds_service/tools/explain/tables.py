"""Every rule and topic with its claims, question, limits and words; and each claim's account.

Made from the tables the service runs on, so it cannot tell another story than they do.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cds_service.advice import Rulebook
from cds_service.assessment.model.protocol import Protocol
from cds_service.assessment.recommend.citations import AS_WRITTEN, FEEDS, PARTS
from cds_service.assessment.recommend.registry import TOPICS
from cds_service.assessment.recommend.topics.topic import Cited
from cds_service.assessment.rules.rules import RULES
from cds_service.cards.wording import Wording
from cds_service.tools.explain.review import Claim, cited_in


@dataclass(frozen=True, slots=True)
class Limit:
    """One threshold row of the protocol."""

    key: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class ExplainSubject:
    """A rule or a topic, explained."""

    name: str
    question: str
    claims: tuple[Account, ...]
    limits: tuple[Limit, ...]
    related: tuple[str, ...]  # of a rule: the cards it opens; of a topic: the rules behind it
    words: tuple[str, ...]  # templates: of a rule its cards' summaries, of a topic all its words
    setting: str = ""  # of a topic: on, silent or off


@dataclass(frozen=True, slots=True)
class Account:
    """What became of one claim under this protocol."""

    claim: Claim
    told: str  # "used by ...", "replaced: ...", "not computed: ..."
    here: str = ""  # what this protocol does instead, in short; empty where it does as claimed


@dataclass(frozen=True, slots=True)
class DoseRow:
    """One patient's antithrombin dose by both forms."""

    patient: str
    form: str
    units: int
    per_kg: float
    predicted: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """All of it, for one protocol."""

    protocol: Protocol
    rules: tuple[ExplainSubject, ...]
    topics: tuple[ExplainSubject, ...]
    doses: tuple[DoseRow, ...]
    accounts: tuple[Account, ...]


PINS = ((70.0, 50.0), (80.0, 55.0), (84.0, 40.0))  # kg, % now: examples of the dose table


def explain_subject(rules: Rulebook, review: Mapping[str, Claim]) -> Explanation:
    """The whole explanation of a rulebook."""
    doses = (row for kg, level in PINS for row in dose_rows(rules.protocol, kg, level))
    accounts = _accounts(review, rules.protocol)
    return Explanation(
        protocol=rules.protocol,
        rules=tuple(_rule(name, rules, accounts) for name in RULES),
        topics=tuple(_topic(name, rules, accounts) for name in TOPICS),
        doses=tuple(doses),
        accounts=tuple(accounts.values()),
    )


def _rule(name: str, rules: Rulebook, accounts: Mapping[str, Account]) -> ExplainSubject:
    rule = RULES[name]
    return ExplainSubject(
        name=name,
        question=_question(rule.ask),
        claims=tuple(accounts[number] for number in rule.review),
        limits=limits_of(rules.protocol, rule.limits),
        related=topics_of(name),
        words=tuple(w for topic in topics_of(name) for w in summaries_of(topic, rules.wording)),
    )


def _topic(name: str, rules: Rulebook, accounts: Mapping[str, Account]) -> ExplainSubject:
    cited = TOPICS[name].cites
    return ExplainSubject(
        name=name,
        question=_question(TOPICS[name].ask),
        claims=tuple(accounts[number] for number in cited.review),
        limits=limits_of(rules.protocol, cited.limits),
        related=cited.rules,
        words=words_of(name, cited, rules.wording),
        setting=rules.protocol.topics.get(name, "on"),
    )


def topics_of(rule: str) -> tuple[str, ...]:
    """The cards a rule opens, by itself or by way of the rules it feeds."""
    reached = {rule}
    for name in FEEDS:  # in the order of the rules: what feeds comes before what is fed
        if name in reached:
            reached.update(FEEDS[name])
    return tuple(name for name, topic in TOPICS.items() if reached & set(topic.cites.rules))


def words_of(topic: str, cited: Cited, wording: Wording) -> tuple[str, ...]:
    """Every summary and note that a topic's card may carry, as templates."""
    notes = [text for key, text in wording.notes.items() if key.startswith(cited.notes)]
    return (*summaries_of(topic, wording), *notes)


def summaries_of(topic: str, wording: Wording) -> tuple[str, ...]:
    """The summaries of a topic's card, in all variants."""
    return tuple(
        text
        for key, text in wording.summaries.items()
        if key == topic or key.startswith(f"{topic}.")
    )


def limits_of(protocol: Protocol, keys: Iterable[str]) -> tuple[Limit, ...]:
    """Rows as they are shown: value with unit, and source."""
    return tuple(Limit(key, value_of(protocol, key), protocol.rows[key].source) for key in keys)


def value_of(protocol: Protocol, key: str) -> str:
    """A row's value with its unit."""
    row = protocol.rows[key]
    unit = "" if row.unit == "1" else f" {row.unit}"
    return f"{row.value:,g}{unit}" if row.value < THOUSAND else f"{row.value:,}{unit}"


THOUSAND = 1000


def _question(ask: object) -> str:
    """A rule's own sentence, without the numbers of its claims."""
    text = " ".join((inspect.getdoc(ask) or "").split("\n\n")[0].split())
    return re.sub(r"\s*\[R[^\]]*\]", "", text)


def dose_rows(protocol: Protocol, kg: float, level: float) -> tuple[DoseRow, ...]:
    """The label's form and the multiplied one, and what the label says each will reach."""
    recovery = protocol["antithrombin_dose.label_recovery"]
    gap = (protocol["antithrombin_dose.target"] - level) * kg
    who = f"{kg:g} kg, {level:g} to {protocol['antithrombin_dose.target']:g} %"
    forms = (
        ("label, divided by", gap / recovery),
        ("in circulation, multiplied by", gap * recovery),
    )
    return tuple(
        DoseRow(who, f"{form} {recovery:g}", round(u), u / kg, level + u * recovery / kg)
        for form, u in forms
    )


def users(protocol: Protocol) -> dict[str, tuple[str, ...]]:
    """Which rules, cards, parts, rows and options cite each claim."""
    found: dict[str, list[str]] = {}
    for who, numbers in _citations(protocol):
        for number in numbers:
            found.setdefault(number, []).append(who)
    return {number: tuple(dict.fromkeys(names)) for number, names in found.items()}


def _citations(protocol: Protocol) -> Iterable[tuple[str, tuple[str, ...]]]:
    yield from ((f"rule {name}", rule.review) for name, rule in RULES.items())
    yield from ((f"card {name}", topic.cites.review) for name, topic in TOPICS.items())
    yield from ((title, numbers) for title, numbers in PARTS.values())
    yield from ((f"row {key}", cited_in(row.source)) for key, row in protocol.rows.items())


def followed_as_written(protocol: Protocol) -> dict[str, str]:
    """Claims that this protocol follows to the letter, with the option or row that does so."""
    found = {
        number: f"option {option}"
        for option, (value, numbers) in AS_WRITTEN.items()
        if protocol.options.get(option) == value
        for number in numbers
    }
    for key, row in protocol.rows.items():
        if "as written" in row.source:
            found |= {number: f"row {key}" for number in cited_in(row.source)}
    return found


def _accounts(review: Mapping[str, Claim], protocol: Protocol) -> Mapping[str, Account]:
    by, to_the_letter = users(protocol), followed_as_written(protocol)
    return {
        number: _account(claim, by.get(number, ()), to_the_letter.get(number))
        for number, claim in review.items()
    }


def _account(claim: Claim, cited_by: tuple[str, ...], as_written: str | None) -> Account:
    by = ", ".join(cited_by)
    if as_written and claim.status == "replaced":
        return Account(claim, f"followed as written ({as_written}), at {by}", "as written")
    if claim.status == "used":
        return Account(claim, f"used by {by}")
    at = f" (at {by})" if by else ""
    return Account(claim, f"{claim.status}{at}: {claim.reason}", claim.reason)
