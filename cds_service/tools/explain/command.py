"""`heparin-cds explain`: the tables, a rule, a card or a patient as text; the tables as a page."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cds_service.demo.fixtures import Fixture, FixtureError, choose, load_cases
from cds_service.errors import StartRefused
from cds_service.rulebook.load import PROTOCOLS, protocol_path, rulebook
from cds_service.tools.nearest import did_you_mean
from cds_service.tools.shipped_files import FIXTURES

if TYPE_CHECKING:
    from cds_service.advice import Rulebook
    from cds_service.tools.explain.tables import Explanation

PARTS = ("rules", "cards", "dose", "claims")


@click.command(
    short_help="Tell every rule and card, or walk one patient.",
    epilog="""\b
Examples:
  heparin-cds explain
  heparin-cds explain antithrombinDose
  heparin-cds explain --only cards --protocol review-as-written
  heparin-cds explain --patient 26
  heparin-cds explain --html rules.html
  heparin-cds explain --html /srv/www/heparin-rules --protocol ours.toml
""",
)
@click.argument("subject", required=False, metavar="[RULE-OR-CARD]")
@click.option("--only", type=click.Choice(PARTS), help="one part of the tables")
@click.option(
    "--protocol", default="default", show_default=True, metavar="NAME|FILE", help="which tables"
)
@click.option("--patient", metavar="FIXTURE", help="walk one patient: name, number, id or folder")
@click.option(
    "--html",
    type=click.Path(path_type=Path),
    metavar="FOLDER|FILE",
    help="write the public page of the rules, to be hosted anywhere",
)
def explain(
    subject: str | None, only: str | None, protocol: str, patient: str | None, html: Path | None
) -> None:
    """Tell every rule, its limits, its words and its source; or walk one patient."""
    if sum(map(bool, (subject, only, patient, html))) > 1:
        raise click.UsageError("RULE-OR-CARD, --only, --patient and --html exclude each other")
    try:
        rules = rulebook(protocol_path(protocol))
    except StartRefused as refusal:
        raise click.ClickException(f"{_known(protocol)}\n{refusal}") from refusal
    if patient:
        _show(_walk(patient, rules))
    else:
        _tables(rules, subject, only or "", html)


def _tables(rules: Rulebook, subject: str | None, only: str, html: Path | None) -> None:
    from cds_service.tools.explain import comparison, page, review, tables, text

    if html:
        _write(html, page.as_html(comparison.compare([rules])))
        return
    told = tables.explain_subject(rules, review.load_review())
    if subject:
        found = text.subject_to_text(told, subject)
        if found is None:
            raise click.ClickException(f"no rule or card {subject}{_near(subject, told)}")
        _show(found)
    else:
        _show(text.to_text(told, only))


def _write(target: Path, html: str) -> None:
    """A file of that name; or, where the name is a folder's, its index.html."""
    file = target
    if target.is_dir() or target.suffix.lower() not in (".html", ".htm"):
        target.mkdir(parents=True, exist_ok=True)
        file = target / "index.html"
    file.write_text(html, encoding="utf-8")
    click.echo(f"Written: {file}")


def _near(name: str, told: Explanation) -> str:
    known = (one.name for one in (*told.rules, *told.topics))
    return did_you_mean(name, known) or "; heparin-cds explain lists them"


def _walk(patient: str, rules: Rulebook) -> str:
    from cds_service.tools.explain import patient as one
    from cds_service.tools.explain import text

    return text.walk_to_text(one.explain_patient(_case(patient), rules), rules.protocol.name)


def _show(text: str) -> None:
    """By pages where a person looks and it is longer than the window."""
    if sys.stdout.isatty() and text.count("\n") >= shutil.get_terminal_size().lines:
        click.echo_via_pager(text)
    else:
        click.echo(text, nl=False)


def _known(protocol: str) -> str:
    shipped = ", ".join(PROTOCOLS)
    return f"The protocol {protocol} cannot be used (shipped: {shipped}; or a file):"


def _case(wanted: str) -> Fixture:
    """A fixture by folder, whole name, number or patient id."""
    folder = Path(wanted)
    parent = folder.parent if (folder / "case.md").is_file() else FIXTURES
    try:
        cases = load_cases(parent)
    except FixtureError as fault:
        raise click.ClickException(str(fault)) from fault
    found = choose(cases, folder.name)
    if found is None:
        close = did_you_mean(folder.name, (case.name for case in cases))
        raise click.ClickException(f"no patient {wanted} in {FIXTURES}{close}")
    return found
