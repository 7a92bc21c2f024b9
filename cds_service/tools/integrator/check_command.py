"""`heparin-cds check`: the present settings, or with a URL a running service as an EHR sees it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from cds_service.tools.integrator.options import (
    console,
    faults_in_a_line,
    identity_of,
    identity_options,
    whole_url,
)

if TYPE_CHECKING:
    from cds_service.tools.integrator.checks.outcome import CheckOutcome


@click.command(
    short_help="Test the settings, or a running service by its URL.",
    epilog="""\b
Examples:
  heparin-cds check
  heparin-cds check http://127.0.0.1:5000
  heparin-cds check https://cds.example.org --client-key key.pem --kid k1 \\
      --issuer https://ehr.example.org/fhir
""",
)
@click.argument("url", required=False, callback=whole_url)
@click.option("--all", "every", is_flag=True, help="each check on a line, also if all pass")
@click.option("--json", "as_json", is_flag=True, help="for programs")
@click.option("--origin", default="", help="of a browser client, such as https://ehr.example.org")
@click.option("--fhir-port", default=0, help="port here for the FHIR server that the check starts")
@identity_options
def check(
    url: str | None, every: bool, as_json: bool, origin: str, fhir_port: int, **who: Any
) -> None:
    """Test settings, tables and database; with URL a running service, as an EHR sees it.

    Without URL it opens the database that the CDS_ variables name, and creates nothing. With URL it
    leaves a few calls and feedback items about an invented patient in the ledger of that service.
    """
    if url is None:
        _check_settings(as_json)
        return
    from cds_service.tools.integrator.checks.run import run
    from cds_service.tools.integrator.service import RemoteCdsService

    waiting = Console(stderr=True).status(f"Checking {url} ...")
    with faults_in_a_line(), RemoteCdsService(url, identity_of(**who)) as service, waiting:
        outcomes = list(run(service, origin, fhir_port))
    _show(outcomes, every, as_json)
    if any(outcome.verdict == "FAIL" for outcome in outcomes):
        sys.exit(1)


def _show(outcomes: Sequence[CheckOutcome], every: bool, as_json: bool) -> None:
    from cds_service.tools.integrator import show

    rows = [outcome.row for outcome in outcomes]
    if as_json:
        keys = ("area", "check", "verdict", "note")
        click.echo(json.dumps([dict(zip(keys, row, strict=True)) for row in rows], indent=2))
        return
    counts = _counts(outcomes)
    screen = console()
    if every or counts["FAIL"]:
        show.verdicts(screen, rows)
    else:
        show.areas(screen, rows)
    screen.print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))


def _counts(outcomes: Sequence[CheckOutcome]) -> dict[str, int]:
    return {v: sum(o.verdict == v for o in outcomes) for v in ("pass", "FAIL", "skip")}


def _check_settings(as_json: bool) -> None:
    from cds_service.serving.start_check import start_faults  # loads every table

    faults = start_faults(os.environ, connect=True)
    if as_json:
        click.echo(json.dumps({"ok": not faults, "faults": faults}, indent=2))
        sys.exit(1 if faults else 0)
    if faults:
        raise click.ClickException("\n- ".join(["the service would not start:", *faults]))
    click.echo("Settings, tables and database are in order.")
