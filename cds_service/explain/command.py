"""`heparin-cds explain`: the tables or one patient, as text; the tables as one HTML page."""

from __future__ import annotations

from pathlib import Path

import click

from cds_service.demo.fixtures import Case, FixtureError, load_cases
from cds_service.errors import StartRefused
from cds_service.rulebook import PROTOCOLS, protocol_path, rulebook

FIXTURES = Path(__file__).resolve().parents[2] / "fhir_fixtures"


@click.command()
@click.option("--protocol", default="default", metavar="NAME|FILE", help="default: default")
@click.option("--patient", metavar="FIXTURE", help="walk one patient: name, number or folder")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="write the page")
def explain(protocol: str, patient: str | None, html: Path | None) -> None:
    """Tell every rule, its limits, its words and its source; or walk one patient."""
    from cds_service.explain import page, review, tables, text
    from cds_service.explain import patient as one

    if patient and html:
        raise click.UsageError("--html shows the tables, not a patient")
    try:
        rules = rulebook(protocol_path(protocol))
    except StartRefused as refusal:
        raise click.ClickException(f"{_known(protocol)}\n{refusal}") from refusal
    if patient:
        click.echo(
            text.walk_to_text(one.walk(_case(patient), rules), rules.protocol.name), nl=False
        )
        return
    told = tables.explain(rules, review.load_review())
    if html:
        html.write_text(page.as_file(told), encoding="utf-8")
        click.echo(f"Written: {html}")
        return
    click.echo(text.to_text(told), nl=False)


def _known(protocol: str) -> str:
    shipped = ", ".join(PROTOCOLS)
    return f"The protocol {protocol} cannot be used (shipped: {shipped}; or a file):"


def _case(wanted: str) -> Case:
    """A fixture by folder, whole name or number."""
    folder = Path(wanted)
    parent = folder.parent if (folder / "case.md").is_file() else FIXTURES
    name = folder.name
    try:
        found = [c for c in load_cases(parent) if name in (c.name, c.name.split("-")[0])]
    except FixtureError as fault:
        raise click.ClickException(str(fault)) from fault
    if len(found) != 1:
        raise click.ClickException(f"no fixture {wanted}; see {FIXTURES}")
    return found[0]
