"""The steps behind the cards: facts, gates, and the rules that opened each card, in their order.

The walk is that of `heparin-cds explain --patient`; here its rules are sorted to the cards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from cds_service.advice import Advice, Rulebook
from cds_service.assessment.model.verdict import Verdict, Verdicts
from cds_service.assessment.recommend.citations import FEEDS
from cds_service.assessment.recommend.registry import TOPICS
from cds_service.assessment.recommend.topics.topic import Assessed
from cds_service.smart.display import unescaped
from cds_service.tools.explain.patient import ExplainedPatient, Walk
from cds_service.tools.explain.review import load_review
from cds_service.tools.explain.tables import explain_subject, limits_of

Questions = Mapping[str, str]  # of rules and topics, by name


def questions_of(rules: Rulebook) -> Questions:
    """What every rule and card asks, in words; costly, so asked once at start."""
    told = explain_subject(rules, load_review())
    return {one.name: one.question for one in (*told.rules, *told.topics)}


class ReadVerdicts(Verdicts):
    """Verdicts that remember which of them were looked at."""

    def __init__(self, verdicts: Verdicts) -> None:
        self._verdicts = verdicts
        self.read: set[str] = set()

    def __getitem__(self, rule: str) -> Verdict:
        self.read.add(rule)
        return self._verdicts[rule]

    def __iter__(self) -> Iterator[str]:
        return iter(self._verdicts)

    def __len__(self) -> int:
        return len(self._verdicts)


def why_told(
    walked: Walk, advice: Advice, rules: Rulebook, questions: Questions, since: Callable[[str], str]
) -> dict[str, Any]:
    """The whole walk, and for each card the rules and limits that it rests on."""
    return {
        "queries": dict(walked.queries),
        "facts": [_plain(asdict(fact)) for fact in walked.facts],
        "gates": [_answered(gate, questions) for gate in walked.gates],
        "rules": [
            _answered(rule, questions) | {"since": since(rule.name)} for rule in walked.rules
        ],
        "need": [unescaped(line) for line in walked.need],
        "doses": [asdict(row) for row in walked.doses],
        "cards": {card.topic: _card(card.topic, advice, rules, questions) for card in advice.cards},
    }


def _card(topic: str, advice: Advice, rules: Rulebook, questions: Questions) -> dict[str, Any]:
    """What its function looked at for this very patient, and what those rules look at."""
    verdicts = ReadVerdicts(advice.findings.verdicts)
    TOPICS[topic].ask(Assessed(advice.findings.measured, verdicts, {}))
    behind = _with_fed_by(verdicts.read)
    limits = limits_of(rules.protocol, TOPICS[topic].cites.limits)
    return {
        "question": questions.get(topic, ""),
        "rules": [name for name in verdicts if name in behind],
        "limits": [asdict(limit) for limit in limits],
    }


def _with_fed_by(read: Iterable[str]) -> frozenset[str]:
    """Some rules, and those that these look at."""
    found = set(read)
    for rule in reversed(tuple(FEEDS)):  # what is fed comes after what feeds it
        if found & set(FEEDS[rule]):
            found.add(rule)
    return frozenset(found)


def _answered(one: ExplainedPatient, questions: Questions) -> dict[str, Any]:
    return _plain(asdict(one)) | {"question": questions.get(one.name, "")}


def _plain(texts: Mapping[str, str]) -> dict[str, str]:
    return {name: unescaped(text) for name, text in texts.items()}
