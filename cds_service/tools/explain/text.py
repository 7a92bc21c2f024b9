"""The explanation as plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping

from cds_service.cards.card import Card
from cds_service.tools.explain.patient import ExplainedPatient, Fact, Walk
from cds_service.tools.explain.tables import DoseRow, ExplainSubject, Explanation

WIDTH = 96
OPENS, RESTS = "Opens the cards", "Rests on the rules"
QUESTIONS = (
    "The questions are put with the default's numbers; what holds here are the rows below each."
)

SETTINGS = {
    "silent": "silent (worked out, recorded and counted, not shown)",
    "off": "off (not worked out)",
}

SECTIONS: Mapping[str, Callable[[Explanation], Iterable[str]]] = {
    "rules": lambda told: (
        *_heading("Rules", "="),
        *(line for subject in told.rules for line in _subject(subject, OPENS)),
    ),
    "cards": lambda told: (
        *_heading("Cards", "="),
        *(line for subject in told.topics for line in _subject(subject, RESTS)),
    ),
    "dose": lambda told: (
        *_heading("Antithrombin: the label's dose and the multiplied one", "="),
        *dose_lines(told.doses),
        "",
    ),
    "claims": lambda told: (
        *_heading("What became of each claim of the review", "="),
        *(
            line
            for account in told.accounts
            for line in _wrapped(f"{account.claim.number} {account.claim.title}: {account.told}")
        ),
    ),
}


def to_text(told: Explanation, only: str = "") -> str:
    """Rules, cards, the dose by both forms, and the account of every claim; or one of the four."""
    parts = [
        *_heading(f"Protocol: {told.protocol.title} ({told.protocol.name})", "="),
        *_head(told),
        *(line for name, lines in SECTIONS.items() if only in ("", name) for line in lines(told)),
    ]
    return "\n".join(line.rstrip() for line in parts).rstrip() + "\n"


def subject_to_text(told: Explanation, name: str) -> str | None:
    """One rule or card, whatever the case of its name; None if there is none of this name."""
    for subjects, related in ((told.rules, OPENS), (told.topics, RESTS)):
        for subject in subjects:
            if subject.name.casefold() == name.casefold():
                lines = list(_subject(subject, related))[1:]
                return "\n".join(line.rstrip() for line in lines).rstrip() + "\n"
    return None


def _head(told: Explanation) -> Iterable[str]:
    protocol = told.protocol
    yield f"Digest {protocol.digest}, reviewed {protocol.reviewed}, due {protocol.review_due}"
    yield f"Approver: {protocol.approver or 'none named'}"
    if protocol.source_note:
        yield f"Note on every card: {protocol.source_note}"
    options = ", ".join(f"{key} = {value}" for key, value in protocol.options.items())
    yield from _wrapped(f"Options: {options}")
    yield from _wrapped(QUESTIONS)
    yield ""


def _heading(text: str, rule: str) -> tuple[str, ...]:
    return (text, rule * len(text))


def _subject(subject: ExplainSubject, related: str) -> Iterable[str]:
    yield ""
    yield from _heading(subject.name, "-")
    yield from _wrapped(subject.question)
    if subject.setting in SETTINGS:
        yield from _wrapped(f"Here: {SETTINGS[subject.setting]}", "  ")
    for account in subject.claims:
        claim, here = account.claim, f" HERE: {account.here}" if account.here else ""
        yield from _wrapped(f"[{claim.number}] {claim.title}. {claim.text}{here}", "  ")
    for limit in subject.limits:
        yield from _wrapped(f"{limit.key} = {limit.value} ({limit.source})", "  ")
    if subject.related:
        yield from _wrapped(f"{related}: {', '.join(subject.related)}", "  ")
    for words in subject.words:
        yield from _wrapped(f'"{words}"', "    ")


def dose_lines(rows: Iterable[DoseRow]) -> list[str]:
    """The dose table, one line a row."""
    return [
        f"  {row.patient:<24} {row.form:<34} {row.units:>6,} IU {row.per_kg:>5.1f} IU/kg"
        f"  predicted {row.predicted:>4.0f} %"
        for row in rows
    ]


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ", break_long_words=False
    )


def walk_to_text(walked: Walk, protocol: str) -> str:
    """One patient as text."""
    queries = ", ".join(f"{key} {state}" for key, state in walked.queries.items())
    need = "Required rate: where the lower limit of the target lies, no advice"
    doses = "Antithrombin dose: the label's and the multiplied one, neither of them advice"
    no_dose = ["  none: level or weight not known, or a gate not open"]
    parts = [
        *_heading(f"{walked.title} (protocol {protocol})", "="),
        *_wrapped(f"Queries: {queries}"),
        *_section("Facts", map(_fact, walked.facts)),
        *_section("Gates (yes closes)", map(_answered, walked.gates)),
        *_section("Rules", map(_answered, walked.rules)),
        *_section(need, (_wrapped(step, "  ") for step in walked.need)),
        *_section(doses, [dose_lines(walked.doses) or no_dose]),
        *_section("Cards", map(_card, walked.cards) if walked.cards else [["none"]]),
        *_would_have_been_shown(walked),
    ]
    return "\n".join(line.rstrip() for line in parts).rstrip() + "\n"


def _section(title: str, groups: Iterable[Iterable[str]]) -> Iterable[str]:
    """A blank line, a heading, and the lines of every group."""
    yield ""
    yield from _heading(title, "-")
    for group in groups:
        yield from group


def _would_have_been_shown(walked: Walk) -> Iterable[str]:
    if walked.silent:
        yield ""
        yield from _heading("Silent by the protocol: would have been shown", "-")
        yield from (line for card in walked.silent for line in _card(card))


def _fact(fact: Fact) -> list[str]:
    source = f" [{fact.source}]" if fact.source else ""
    return _wrapped(f"{fact.name}: {fact.told}{source}", "  ")


def _answered(one: ExplainedPatient) -> list[str]:
    because = f": {one.because}" if one.because else ""
    return _wrapped(f"{one.name} {one.answer}{because}", "  ")


def _card(card: Card) -> list[str]:
    lines = [*_wrapped(f"{card.indicator.upper()} {card.topic}: {card.summary}")]
    for line in card.detail.splitlines():
        lines += [f"  {line}"] if line.startswith("|") else _wrapped(line, "  ")
    for choice in card.suggestions:
        mark = "recommended" if choice.recommended else "offered"
        actions = "; ".join(action.description for action in choice.actions)
        lines += _wrapped(f"{mark}: {choice.label} ({actions})", "  ")
    return [*lines, f"  {card.source['label']}", ""]
