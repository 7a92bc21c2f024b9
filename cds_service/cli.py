"""The command line, `heparin-cds`: what an operator or a reviewer asks outside of an EHR.

Serving is gunicorn's part (`wsgi.py`). Later commands stand in modules of their own.
"""

from __future__ import annotations

import json

import click
from rich.console import Console

from cds_service.explain.command import explain
from cds_service.integrator import commands as integrator
from cds_service.replay.command import replay
from cds_service.settings import DEFAULT_DATABASE


@click.group()
@click.version_option(package_name="heparin-cds")
def main() -> None:
    """Heparin resistance advice over CDS Hooks."""


main.add_command(explain)
main.add_command(integrator.load)
main.add_command(integrator.unload)
main.add_command(integrator.call)
main.add_command(integrator.check)
main.add_command(replay)


@main.command()
@click.option("--json", "as_text", is_flag=True, help="For programs.")
@click.option("--database", envvar="CDS_DATABASE_URL", default=DEFAULT_DATABASE, show_default=True)
def feedback(as_text: bool, database: str) -> None:
    """Say what clinicians did with the cards: shown, accepted, overridden and why, by month."""
    from cds_service.feedback_report import as_json, as_table, report
    from cds_service.ledger import Ledger

    ledger = Ledger(database)
    ledger.create()
    with ledger.engine.connect() as connection:
        found = report(connection)
    ledger.close()
    if as_text:
        click.echo(json.dumps(as_json(found), indent=2))
    else:
        Console().print(as_table(found) if found else "No card has been shown yet.")
