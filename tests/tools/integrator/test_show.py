"""What a server wrote is shown as text: it cannot steer the terminal or the layout."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from cds_service.tools.integrator import show
from cds_service.tools.integrator.loading import Removed
from cds_service.tools.integrator.prefetching import Fetched

EVIL = "\x1b[31mred[bold]\x07 [/nothing] <b>x</b>"


def shown(what: Any, *arguments: Any) -> str:
    console = Console(file=StringIO(), width=100)
    what(console, *arguments)
    text = console.file.getvalue()  # type: ignore[attr-defined]  # it is a StringIO
    assert "\x1b[31m" not in text
    assert "\x07" not in text
    return str(text)


@pytest.mark.parametrize(
    "card",
    [
        {},
        {"summary": EVIL, "detail": EVIL, "indicator": EVIL, "source": {"label": EVIL}},
        {"suggestions": [{"label": EVIL, "actions": [{"description": EVIL, "type": EVIL}]}]},
        {"suggestions": [{"label": EVIL}], "selectionBehavior": EVIL},
        {"suggestions": [{"actions": [{"resource": {"resourceType": EVIL, "status": EVIL}}]}]},
        {"suggestions": [{"actions": [{"resourceId": EVIL}, None]}, None], "source": "x"},
        {"suggestions": "none", "detail": 5},
    ],
)
def test_any_card_is_shown(card: dict[str, Any]) -> None:
    text = shown(show.show_cards, [card])

    assert ("[bold]" in text.replace("\n", "")) == (EVIL in str(card.values()) or "[bold]" in text)


def test_a_detail_table_is_drawn() -> None:
    text = shown(show.show_cards, [{"summary": "s", "detail": "| A | B |\n|---|---|\n| 1 | 2 |"}])

    assert "|---|" not in text
    assert "A" in text


def test_prefetch_and_removal_are_named() -> None:
    assert "labs" in shown(show.fetched, [Fetched("labs", f"Observation?{EVIL}", None, EVIL)])
    left = tuple((f"Patient/{n}", EVIL) for n in range(show.MOST_LEFT + 2))
    text = shown(show.removed, Removed(("Patient/a", "Patient/b"), left))
    assert "2" in text
    assert "... and 2 more." in text
    assert "Nothing of ours" in shown(show.removed, Removed(()))


def test_verdicts_name_an_area_once() -> None:
    rows = [("Discovery", "a", "pass", ""), ("Discovery", "b", "FAIL", EVIL)]

    assert shown(show.verdicts, rows).count("Discovery") == 1
