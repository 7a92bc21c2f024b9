"""Which thresholds a patient of fhir_fixtures stands near: within ten per cent, so that moving one
would change the patient's cards.

`python -m tests.near_lines` prints them all. A case says in its `about` which of them it is about;
test_near_lines.py wants no others, so that a threshold can be moved without moving many patients.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cds_service.advice import advise_on
from cds_service.assessment.model.protocol import Protocol
from cds_service.chart.reader import read_chart
from cds_service.demo.fixtures import Fixture
from tests.cases import answered, called, cases, tables

SHARE = 0.0999  # exactly ten per cent off is far enough

Shown = tuple[tuple[str, str], ...]


def shown_by(
    case: Fixture, protocols: Iterator[tuple[str, Protocol]]
) -> Iterator[tuple[str, Shown]]:
    """Topic and indicator of each card of one patient, under each protocol."""
    rules, context = tables(), called(case.request)
    chart = read_chart(context, answered(case.resources, rules), rules.concepts)
    for name, protocol in protocols:
        advice = advise_on(chart, context, replace(rules, protocol=protocol), case.now)
        yield name, tuple((card.topic, card.indicator) for card in advice.cards)


def moved(protocol: Protocol, share: float = SHARE) -> Iterator[tuple[str, Protocol]]:
    """The protocol as it is, then with each threshold a tenth lower and higher."""
    yield "", protocol
    for key, row in protocol.rows.items():
        for factor in (1 - share, 1 + share):
            rows = {**protocol.rows, key: replace(row, value=row.value * factor)}
            yield key, replace(protocol, rows=rows)


def near(case: Fixture) -> set[str]:
    """The thresholds within a tenth of which this patient's cards would be others."""
    answers = shown_by(case, moved(tables().protocol))
    _, now = next(answers)
    return {key for key, cards in answers if cards != now}


def main() -> None:
    """Print the thresholds near each patient."""
    for name, case in cases().items():
        print(f"{name}: {', '.join(sorted(near(case))) or 'none'}", flush=True)


if __name__ == "__main__":
    main()
