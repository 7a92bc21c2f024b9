"""The command line, `heparin-cds`: what an operator or a reviewer asks outside of an EHR.

Serving is gunicorn's part (`wsgi.py`). Later commands stand in modules of their own.
"""

from __future__ import annotations

import os

import click

from cds_service.errors import StartRefused
from cds_service.settings import Settings


@click.group()
@click.version_option(package_name="heparin-cds")
def main() -> None:
    """Heparin resistance advice over CDS Hooks."""


@main.command()
def check() -> None:
    """Say whether the service would start with the present settings and tables."""
    from cds_service.app import create_app  # loads every table, which other commands need not

    try:
        create_app(Settings.from_environ(os.environ))
    except StartRefused as refusal:
        raise click.ClickException(f"the service would not start:\n{refusal}") from refusal
    click.echo("Settings and tables are in order.")
