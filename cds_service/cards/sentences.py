"""The lines of a card around its table: what to do first, prose, what is unknown, the sources.

A card is read standing. The prose has so many words and no more: its sentences stand in the order
of their weight, and what no longer fits stands on the page that the card links to.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from cds_service.assessment.assess import Findings
from cds_service.assessment.model.protocol import Protocol
from cds_service.assessment.model.recommendation import Recommendation, StartDrug
from cds_service.assessment.model.verdict import Reason
from cds_service.assessment.recommend.registry import TOPICS
from cds_service.cards.reason_words import LONGEST_LINE, in_one_line
from cds_service.cards.template_values import Figures, tests
from cds_service.cards.wording import Wording

LONGEST_PROSE = {True: 60, False: 40}  # words on a card with a drug, on others
LONGEST_CARD = {True: 100, False: 75}  # words of all that stands outside of the tables
LONGEST_SOURCES = 9  # words
LONGEST_OF_UNKNOWN = 50  # words, on the card that is about nothing else
# A source that can be looked up carries a year or is a label; the rest says how we came to a row.
_PUBLISHED = re.compile(r"\b(19|20)\d\d\b|\blabel\b")


def has_drug(item: Recommendation) -> bool:
    """Whether a card holds the start or the dose of a drug."""
    acts = (action for choice in item.choices for action in choice.actions)
    return bool(item.starts) or any(isinstance(action, StartDrug) for action in acts)


def what_first(item: Recommendation, wording: Wording, values: Figures) -> str:
    """What to do now, in bold; a bleed or the risk of one before it."""
    key = item.lead or (f"{item.topic}.{item.summary}" if item.summary else item.topic)
    lead = wording.leads.get(key) or wording.leads[item.topic]
    told = [in_one_line(wording, item.first), lead.format_map(values)]
    return wording.layout["first"].format(text=" ".join(map(_sentence, filter(None, told))))


def _sentence(text: str) -> str:
    """With a capital at its head, unless its first word has one inside, and a stop at its end."""
    if not re.match(r"[a-z]+[A-Z]", text):
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?")) else f"{text}."


def starts_table(item: Recommendation, wording: Wording, values: Figures) -> str:
    """Each drug with its start, its first aPTT and its target, as a small table."""
    if not item.starts:
        return ""
    chosen = {
        action.drug
        for choice in item.choices
        if choice.recommended
        for action in choice.actions
        if isinstance(action, StartDrug)
    }
    layout = wording.layout
    rows = []
    for drug in item.starts:
        status = layout["is_recommended"] if drug in chosen else ""
        rows.append(layout[f"start_{drug}"].format_map({**values, "chosen": status}))
    return "\n".join([layout["starts_head"], layout["starts_rule"], *rows])


def prose(item: Recommendation, wording: Wording, values: Figures, room: int) -> str:
    """The sentences that fit, those of most weight first."""
    told: list[str] = []
    for sentence in _sentences(item, wording, values):
        words = len(sentence.split())
        if words <= room:
            told.append(sentence)
            room -= words
    return " ".join(told)


def _sentences(item: Recommendation, wording: Wording, values: Figures) -> Iterator[str]:
    against = in_one_line(wording, (r for r in item.withheld if r not in item.first))
    if against:
        yield wording.layout["withheld"].format(reasons=against)
    yield from (wording.notes[note].format_map(values) for note in item.notes)
    if item.pending:
        yield wording.layout["pending"].format(tests=tests(wording, item.pending))


def unknown_line(findings: Findings, item: Recommendation, wording: Wording) -> str:
    """All that is not known, in one line; what was left out of the record is counted there."""
    found = []
    most = LONGEST_OF_UNKNOWN if TOPICS[item.topic].never_dropped else LONGEST_LINE
    told = in_one_line(wording, _still_open(item), most)
    if told:
        found.append(wording.layout["open"].format(reasons=told))
    found += [*_left_out(findings, wording), *_not_kept(findings, item, wording)]
    return " ".join(found)


def _still_open(item: Recommendation) -> tuple[Reason, ...]:
    told = (*item.withheld, *item.first)
    return tuple(r for r in dict.fromkeys(item.open) if r not in told)


def _left_out(findings: Findings, wording: Wording) -> Iterator[str]:
    """Entries of the record that were left out: how many of which kind, and why."""
    skipped = findings.measured.case.chart.skipped
    odd = [(s.source.partition("/")[0], s.reason) for s in skipped if s.reason in wording.skips]
    if odd:
        told = (
            wording.layout["skip"].format(
                count=count,
                kind=wording.entries.get(kind, wording.entries["other"]),
                why=wording.skips[why],
            )
            for (kind, why), count in Counter(odd).most_common(2)
        )
        yield wording.layout["skipped"].format(reasons=wording.layout["and"].join(told))


def _not_kept(findings: Findings, item: Recommendation, wording: Wording) -> Iterator[str]:
    """On cards that carry a drug: what this hospital's record does not hold."""
    missing = findings.measured.case.not_kept
    if missing and any(isinstance(a, StartDrug) for c in item.choices for a in c.actions):
        named = wording.layout["and"].join(wording.facts[query] for query in missing)
        yield _sentence(wording.layout["not_kept"].format(sources=named))


def small_line(item: Recommendation, protocol: Protocol, wording: Wording) -> str:
    """Who decides, where there is something to choose, and what was published."""
    decides = wording.layout["decides"] if item.choices else ""
    published = wording.layout["join"].join(sources(protocol, item))
    cited = wording.layout["sources"].format(sources=published) if published else ""
    note = _sentence(protocol.source_note) if protocol.source_note else ""
    return " ".join(part for part in (decides, cited, note) if part)


def sources(protocol: Protocol, item: Recommendation) -> list[str]:
    """What can be looked up of an item's limits, else of its card's, in a few words."""
    found = _published(protocol, item.limits or TOPICS[item.topic].cites.limits)
    told: list[str] = []
    for source in found:
        if len(" ".join([*told, source]).split()) <= LONGEST_SOURCES:
            told.append(source)
    return told


def _published(protocol: Protocol, keys: Iterable[str]) -> list[str]:
    """The citations behind protocol rows, each once, without what they say there."""
    rows = (source for key in keys for source in protocol.rows[key].source.split("; "))
    short = dict.fromkeys(source.split(": ")[0] for source in rows)
    return [one for one in short if _PUBLISHED.search(one) and not one.startswith("review ")]


def word_count(*lines: str) -> int:
    """Words outside of the tables."""
    return len(" ".join(lines).split())
