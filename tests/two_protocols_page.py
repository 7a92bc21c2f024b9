"""Writes docs/two-protocols.md from the live service: `make golden`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from cds_service.cards.card import Card
from cds_service.tools.explain.patient import explain_patient
from tests.cases import advice_for, cases, tables
from tests.vignettes import PROTOCOLS

PAGE = Path(__file__).parents[1] / "docs" / "two-protocols.md"
FIXTURE = "26-sepsis-forty"

INTRODUCTION = """# Two protocols, one patient

Written by `make golden` from the running code; a test compares it with the live answer.
Both protocols are files in `cds_service/assessment/`: `protocol.toml` (`default`) and
`review-as-written.toml`. A hospital sets one by `CDS_PROTOCOL`, or brings its own file.

"""


def written() -> str:
    """The whole page."""
    case = cases()[FIXTURE]
    story = case.story.split("\n\n")[1]
    return INTRODUCTION + "\n\n".join(
        [
            "## The patient",
            story + f" (`fhir_fixtures/{FIXTURE}`)",
            "## Side by side",
            side_by_side(),
            "## The antithrombin dose by both forms",
            dose_table(),
            *(part for name in PROTOCOLS for part in full(name)),
            "The same lines from the command line:",
            f"    heparin-cds explain --patient {FIXTURE} --protocol review-as-written",
        ]
    ) + "\n"  # fmt: skip


def side_by_side() -> str:
    """One line for each thing in which two answers can differ."""
    default, review = (advice_for(FIXTURE, name).cards for name in PROTOCOLS)
    lines = {
        "card": [_join(f"`{c.topic}`, {c.indicator}" for c in cs) for cs in (default, review)],
        "summary": [_join(c.summary for c in cs) for cs in (default, review)],
        "offered": [_join(_offers(cs)) or "no order" for cs in (default, review)],
        "recommended": [_join(_offers(cs, only=True)) or "none" for cs in (default, review)],
        "source line": [_join(str(c.source["label"]) for c in cs) for cs in (default, review)],
    }
    rows = [f"| {name} | {one} | {other} |" for name, (one, other) in lines.items()]
    return "\n".join(["| | `default` | `review-as-written` |", "|---|---|---|", *rows])


def _join(parts: Iterable[str]) -> str:
    return "<br>".join(parts)


def _offers(cards: tuple[Card, ...], *, only: bool = False) -> list[str]:
    return [s.label for c in cards for s in c.suggestions if s.recommended or not only]


def dose_table() -> str:
    """What the label's form and the multiplied one come to for this patient."""
    told = explain_patient(cases()[FIXTURE], tables())
    rows = [
        f"| {r.patient} | {r.form} | {r.units:,} IU | {r.per_kg:.1f} IU/kg | {r.predicted:.0f} % |"
        for r in told.doses
    ]
    head = "| patient | form | dose | by weight | predicted level |"
    return "\n".join([head, "|---|---|---|---|---|", *rows])


def full(protocol: str) -> list[str]:
    """Every card of one protocol, in full."""
    parts = [f"## `{protocol}`, in full"]
    for card in advice_for(FIXTURE, protocol).cards:
        parts += [f"**{card.indicator}: {card.summary}**", card.detail]
        marks = ("recommended" if s.recommended else "offered" for s in card.suggestions)
        labels = (s.label for s in card.suggestions)
        offers = [f"- {mark}: {label}" for mark, label in zip(marks, labels, strict=True)]
        parts += ["\n".join(offers)] if offers else []
        parts.append(f"*{card.source['label']}*")
    return parts


if __name__ == "__main__":
    PAGE.write_text(written(), encoding="utf-8")
    sys.exit(0)
