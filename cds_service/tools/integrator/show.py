"""Cards and tables in a terminal.

What a server wrote is shown as text only: no markup of ours, no control characters of theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cds_service.demo.fixtures import Fixture
from cds_service.tools.integrator.loading import Removed
from cds_service.tools.integrator.prefetching import Fetched

Json = dict[str, Any]

COLOURS = {"info": "blue", "warning": "yellow", "critical": "red"}
VERDICTS = {"pass": "green", "FAIL": "bold red", "skip": "dim"}
MOST_LEFT = 20


def plain_text(value: object) -> str:
    """Text that cannot steer a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}"
                   for c in str(value))  # fmt: skip


def show_cards(console: Console, found: Iterable[Json]) -> None:
    """Each card in a frame: how urgent, what, the details, what can be taken."""
    for card in found:
        indicator = plain_text(card.get("indicator", "?"))
        source = card.get("source")
        label = source.get("label", "") if isinstance(source, dict) else ""
        console.print(
            Panel(
                Group(*_body(card)),
                title=Text(indicator.upper()),
                subtitle=Text(plain_text(label)),
                title_align="left",
                subtitle_align="right",
                border_style=COLOURS.get(indicator, ""),
            )
        )


def fetched(console: Console, rows: Iterable[Fetched]) -> None:
    """What was asked of the FHIR server for prefetch, and what came."""
    table = Table("Prefetch key", "Type", "Answer", title="Prefetch", title_justify="left")
    for row in rows:
        table.add_row(
            Text(plain_text(row.key)),
            Text(plain_text(row.url.partition("?")[0])),
            Text(plain_text(row.told)),
        )
    console.print(table)


def patients(console: Console, loaded: Iterable[Fixture]) -> None:
    """Who is there now, and which hook each was made for."""
    table = Table("Patient", "Hook", "In one line", title="On the server now", title_justify="left")
    for case in loaded:
        table.add_row(Text(str(case.patient["id"])), Text(case.hook), Text(case.one_line))
    console.print(table)


def removed(console: Console, done: Removed) -> None:
    """What was removed by type, and what could not be."""
    kinds = [name.partition("/")[0] for name in done.names]
    table = Table("Type", "Removed", title="Removed", title_justify="left")
    for kind in sorted(set(kinds)):
        table.add_row(Text(plain_text(kind)), str(kinds.count(kind)))
    console.print(table if kinds else "Nothing of ours is on the server.")
    for name, why in done.left[:MOST_LEFT]:
        console.print(Text(f"Still there: {plain_text(name)}: {plain_text(why)}"))
    if len(done.left) > MOST_LEFT:
        console.print(f"... and {len(done.left) - MOST_LEFT} more.")


def verdicts(console: Console, rows: Iterable[tuple[str, str, str, str]]) -> None:
    """Area, check, verdict and note, one line each."""
    table = Table("Area", "Check", "Result", "Note")
    for column in table.columns[:3]:
        column.no_wrap = True
    before = ""
    for area, what, verdict, note in rows:
        shown = "" if area == before else area
        style = VERDICTS.get(verdict, "")
        table.add_row(shown, Text(what), Text(verdict, style=style), Text(plain_text(note)))
        before = area
    console.print(table)


def areas(console: Console, rows: Iterable[tuple[str, str, str, str]]) -> None:
    """One line for each area, where nothing failed; what was skipped is named with its reason."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for area, *rest in rows:
        found.setdefault(area, []).append((rest[0], rest[1], rest[2]))
    for area, checks in found.items():
        console.print(Text(f"{area}: {_passed(checks)}"))
        for what, verdict, note in checks:
            if verdict == "skip":
                console.print(Text(f"  skip: {what}: {plain_text(note)}"))


def _passed(checks: list[tuple[str, str, str]]) -> str:
    """How many passed, with the notes that say something in words, each once."""
    notes = [note for _, verdict, note in checks if verdict == "pass"]
    words = dict.fromkeys(note for note in notes if any(c.isalpha() for c in note))
    return f"{len(notes)} pass" + (f" ({plain_text('; '.join(words))})" if words else "")


def _body(card: Mapping[str, Any]) -> Iterator[RenderableType]:
    yield Text(plain_text(card.get("summary", "")), style="bold")
    detail = card.get("detail")
    if isinstance(detail, str):
        yield Markdown(plain_text(detail), hyperlinks=False)
    suggestions = card.get("suggestions")
    rows = [row for row in suggestions if isinstance(row, dict)] if isinstance(
        suggestions, list) else []  # fmt: skip
    if rows:
        yield _suggestions(rows, str(card.get("selectionBehavior", "")))


def _suggestions(rows: Iterable[Json], behaviour: str) -> Table:
    table = Table(
        "Suggestion", "Action", "What", title=Text(f"Take {plain_text(behaviour)}"), expand=True
    )
    for row in rows:
        label = _label(row)
        actions = [_action_cells(a) for a in row.get("actions") or [] if isinstance(a, dict)]
        for number, cells in enumerate(actions or [(Text(), Text())]):
            table.add_row(label if number == 0 else "", *cells)
    return table


def _label(suggestion: Json) -> Text:
    recommended = " (recommended)" if suggestion.get("isRecommended") else ""
    return Text(plain_text(suggestion.get("label", "")) + recommended)


def _action_cells(action: Json) -> tuple[Text, Text]:
    what = f"{plain_text(action.get('description', ''))}\n{_target(action)}"
    return Text(plain_text(action.get("type", ""))), Text(what)


def _target(action: Mapping[str, Any]) -> str:
    """What an action is about, as an EHR would file it."""
    resource = action.get("resource")
    if not isinstance(resource, dict):
        return plain_text(action.get("resourceId", ""))
    name = [str(resource.get(key)) for key in ("resourceType", "id") if resource.get(key)]
    return plain_text("/".join(name) + (f", {resource['status']}" if "status" in resource else ""))
