"""The command line, `heparin-cds`; most commands stand in modules of their own."""

from __future__ import annotations

import json

import click
from rich.console import Console

from cds_service.serving.command import demo, serve
from cds_service.settings import DEFAULT_DATABASE
from cds_service.tools.explain.command import explain
from cds_service.tools.handover.command import export, terminology
from cds_service.tools.integrator import commands as integrator
from cds_service.tools.integrator.check_command import check
from cds_service.tools.replay.bulk_command import fetch
from cds_service.tools.replay.command import replay
from cds_service.tools.replay.review.command import review
from cds_service.tools.simulate.command import simulate


class Commands(click.Group):
    """The commands; a path that cannot be read or written ends any of them in one line."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except OSError as fault:
            if fault.filename is None:
                raise
            raise click.ClickException(f"{fault.filename}: {fault.strerror}") from fault


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Exit status: 0 done; 1 it could not be done, and why; 2 not asked as the command wants it.
Each command has examples: heparin-cds explain -h
""",
)
@click.version_option(package_name="heparin-cds")
def main() -> None:
    """Heparin resistance advice over CDS Hooks: serve it, try it, explain it."""


main.add_command(serve)
main.add_command(demo)
main.add_command(explain)
main.add_command(integrator.load)
main.add_command(integrator.unload)
main.add_command(integrator.call)
main.add_command(check)
main.add_command(replay)
main.add_command(fetch)
main.add_command(review)
main.add_command(simulate)
main.add_command(terminology)
main.add_command(export)


@main.command(
    short_help="Say what clinicians did with the cards.",
    epilog="""\b
Examples:
  heparin-cds feedback
  heparin-cds feedback --json --database sqlite:////var/lib/heparin-cds/ledger.sqlite
""",
)
@click.option("--json", "as_text", is_flag=True, help="For programs.")
@click.option(
    "--database",
    envvar="CDS_DATABASE_URL",
    default=DEFAULT_DATABASE,
    show_default=True,
    show_envvar=True,
    help="The ledger; it is only read.",
)
def feedback(as_text: bool, database: str) -> None:
    """Say what clinicians did with the cards: shown, accepted, overridden, by month.

    "Would have been shown" counts the cards of topics that the protocol keeps silent.
    """
    from cds_service.ledger.database_url import DatabaseUnusable, reading
    from cds_service.ledger.report import as_json, as_table, report
    from cds_service.ledger.schema import HEAD, revision_of

    try:
        with reading(database) as connection:
            if (revision := revision_of(connection)) not in (None, HEAD):
                raise click.ClickException(
                    f"--database: the ledger is at version {revision}, this command reads {HEAD}:"
                    " heparin-cds migrate, or a start of the service, brings an older one up"
                )
            found = report(connection)
    except DatabaseUnusable as fault:
        raise click.ClickException(f"--database: {fault}") from fault
    if as_text:
        click.echo(json.dumps(as_json(found), indent=2))
    else:
        Console().print(
            as_table(found) if found else "No card has been shown yet, and none would have been."
        )


@main.command(
    short_help="Bring the ledger to a version of its schema.",
    epilog="""\b
Examples:
  heparin-cds migrate
  heparin-cds migrate 0001 --database sqlite:////var/lib/heparin-cds/ledger.sqlite
""",
)
@click.argument("revision", required=False)
@click.option(
    "--database",
    envvar="CDS_DATABASE_URL",
    default=DEFAULT_DATABASE,
    show_default=True,
    show_envvar=True,
)
def migrate(revision: str | None, database: str) -> None:
    """Bring the ledger to a version of its schema: the newest, or back to one that is named.

    A start does the first by itself. Stop the service before going back for an older release.
    """
    from cds_service.errors import NotStored
    from cds_service.ledger.database import Ledger
    from cds_service.ledger.database_url import url_fault
    from cds_service.ledger.schema import REVISIONS

    if revision is not None and revision not in REVISIONS:
        raise click.BadParameter(f"there are {', '.join(REVISIONS)}", param_hint="REVISION")
    if fault := url_fault(database):
        raise click.ClickException(f"--database: {fault}")
    ledger = Ledger(database)
    try:
        ledger.create(revision or REVISIONS[-1])
    except NotStored as error:
        raise click.ClickException(f"{error}: {error.__cause__ or ''}".rstrip(": ")) from error
    finally:
        ledger.close()
    click.echo(f"The ledger is at version {revision or REVISIONS[-1]}.")
