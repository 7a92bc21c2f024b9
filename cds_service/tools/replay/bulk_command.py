"""`heparin-cds fetch`: a bulk export of a FHIR server, or tables of PostgreSQL, for a replay."""

from __future__ import annotations

import re
from pathlib import Path

import click

from cds_service.errors import StartRefused


@click.command(
    short_help="Download a bulk export or tables to be replayed.",
    epilog="""\b
Examples:
  heparin-cds fetch https://ehr.example.org/fhir --out export --token-file token.txt
  heparin-cds fetch https://ehr.example.org/fhir --out export --group icu-2025
  heparin-cds fetch postgresql://reader@db.example.org/omop --schema cdm --out export
  heparin-cds replay export --out replay
""",
)
@click.argument("base", metavar="URL")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--group", default="", help="Id of a Group; without it, all patients.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with an access token.",
)
@click.option("--schema", default="public", show_default=True, help="Of a PostgreSQL database.")
def fetch(base: str, out: Path, group: str, token_file: Path | None, schema: str) -> None:
    """Ask a FHIR server for a bulk export ($export), wait for it and download it.

    Stopped and started again it goes on where it was. A file is named only when it is whole. Of a
    PostgreSQL database (URL is postgresql://...) the tables of OMOP CDM or MIMIC-IV are copied.
    """
    if base.startswith("postgresql://"):
        _dump(base, schema, out)
        return
    from cds_service.tools.replay.bulk import Bulk
    from cds_service.tools.replay.bulk import fetch_bulk as run

    if not re.fullmatch(r"https?://[^\s?#]+", base):
        raise click.BadParameter("must be an http(s) URL", param_hint="URL")
    if group and not re.fullmatch(r"[A-Za-z0-9.\-]{1,64}", group):
        raise click.BadParameter("is no id of a Group", param_hint="--group")
    token = token_file.read_text(encoding="utf-8").strip() if token_file else ""
    if token and not re.fullmatch(r"[\x21-\x7e]+", token):
        raise click.ClickException(f"{token_file}: holds no access token")
    try:
        number = run(
            Bulk(base.rstrip("/"), out, token, group), lambda said: click.echo(said, err=True)
        )
    except StartRefused as refusal:
        raise click.ClickException(f"the export could not be fetched:\n{refusal}") from refusal
    click.echo(f"{number} files in {out}")


def _dump(url: str, schema: str, out: Path) -> None:
    try:
        from cds_service.tools.replay.dump import dump
    except ModuleNotFoundError as missing:
        raise click.ClickException(
            f"{missing.name} is not installed: it comes with the extra postgres"
        ) from missing
    try:
        number = dump(url, schema, out, lambda said: click.echo(said, err=True))
    except StartRefused as refusal:
        raise click.ClickException(f"the tables could not be fetched:\n{refusal}") from refusal
    click.echo(f"{number} files in {out}")
