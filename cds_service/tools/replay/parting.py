"""Where two protocols part over one patient: which rules answer otherwise, which cards, and when.

A row is a stretch of time in which one rule or one card stood otherwise under the second protocol
than under the first, both with what they said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from cds_service.advice import Advice
from cds_service.tools.replay.tally import TallyRow

NOT_SHOWN = "not shown"

RulesAnswered = tuple[str, str]


@dataclass(slots=True)
class Parting:
    """Takes the two answers of each moment of one patient's walk, in order."""

    patient: str
    rows: list[TallyRow] = field(default_factory=list)
    _open: dict[tuple[str, str], tuple[datetime, RulesAnswered]] = field(default_factory=dict)

    def take(self, now: datetime, first: Advice, second: Advice) -> None:
        """Note what differs now; a stretch ends when it no longer does or is another one."""
        differing = dict(_differing(first, second))
        for what, (since, said) in list(self._open.items()):
            if differing.get(what) != said:
                self._close(what, since, now, said)
        for what, said in differing.items():
            self._open.setdefault(what, (now, said))

    def end(self, until: datetime | None) -> None:
        """Close what is open at the last moment of the walk."""
        for what, (since, said) in list(self._open.items()):
            self._close(what, since, max(until or since, since), said)

    def _close(
        self, what: tuple[str, str], since: datetime, until: datetime, said: RulesAnswered
    ) -> None:
        del self._open[what]
        self.rows.append(
            {
                "patient": self.patient,
                "since": since.isoformat(),
                "until": until.isoformat(),
                "kind": what[0],
                "name": what[1],
                "first": said[0],
                "second": said[1],
            }
        )


def _differing(first: Advice, second: Advice) -> Iterator[tuple[tuple[str, str], RulesAnswered]]:
    ours, theirs = first.findings.verdicts, second.findings.verdicts
    for name, verdict in ours.items():
        said = (verdict.truth.value, theirs[name].truth.value)
        if said[0] != said[1]:
            yield ("rule", name), said
    here = {card.topic: str(card.indicator) for card in first.cards}
    there = {card.topic: str(card.indicator) for card in second.cards}
    for topic in sorted(here.keys() | there.keys()):
        said = (here.get(topic, NOT_SHOWN), there.get(topic, NOT_SHOWN))
        if said[0] != said[1]:
            yield ("card", topic), said
