"""`heparin-cds terminology` and `export`: what the service knows, for other programs."""

from __future__ import annotations

import re
from pathlib import Path

import click

from cds_service.errors import StartRefused

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
BASE = "https://heparin-cds.example.org/fhir"


def checked_base(_: click.Context, __: click.Parameter, value: str) -> str:
    """The base of canonical addresses; a query or a fragment would break what is appended."""
    if not re.fullmatch(r"https?://[^\s?#|]+|urn:[^\s?#|]+", value):
        raise click.BadParameter("must be an address such as https://hospital.example.org/fhir")
    return value.rstrip("/")


base_option = click.option(
    "--url",
    default=BASE,
    show_default=True,
    callback=checked_base,
    help="Base of the canonical addresses: one of your own before you publish them.",
)
concepts_option = click.option(
    "--concepts", type=FILE, help="The hospital's own codes (as CDS_CONCEPTS)."
)


@click.command(
    short_help="Write the table of codes as ValueSets and ConceptMaps.",
    epilog="""\b
Examples:
  heparin-cds terminology --out terminology
  heparin-cds terminology --out terminology --concepts site.toml \\
      --url https://hospital.example.org/fhir
""",
)
@click.option("--out", type=FOLDER, required=True, help="A folder; made if it is not there.")
@concepts_option
@base_option
def terminology(out: Path, concepts: Path | None, url: str) -> None:
    """Write the table of codes as FHIR R4: a CodeSystem, ValueSets and ConceptMaps.

    One file each, named Type-id.json. With a site file its codes are in the ValueSets too, and
    have ConceptMaps of their own.
    """
    from cds_service.rulebook.toml_table import load_concepts
    from cds_service.tools.handover.files import write_resources
    from cds_service.tools.handover.terminology import PREFIX
    from cds_service.tools.handover.terminology import terminology_resources as resources
    from cds_service.tools.product import product_version

    try:
        table = load_concepts(site=concepts)
    except StartRefused as refusal:
        raise click.ClickException(f"the codes cannot be written:\n{refusal}") from refusal
    number = write_resources(out, resources(table, url, product_version()), PREFIX)
    click.echo(f"{number} resources in {out}")


@click.command(
    short_help="Write the rules as a PlanDefinition, to be read.",
    epilog="""\b
Examples:
  heparin-cds export --out knowledge
  heparin-cds export --out knowledge --protocol ours.toml --url https://hospital.example.org/fhir
""",
)
@click.option("--out", type=FOLDER, required=True, help="A folder; made if it is not there.")
@click.option(
    "--protocol", default="default", show_default=True, help="A shipped protocol, or a file."
)
@concepts_option
@base_option
def export(out: Path, protocol: str, concepts: Path | None, url: str) -> None:
    """Write the rules as FHIR R4, to be read: a PlanDefinition, a Library, ActivityDefinitions.

    It documents a protocol; it is no program. docs/knowledge.md says what cannot be run.
    """
    from cds_service.rulebook.load import protocol_path, rulebook
    from cds_service.tools.handover.files import write_resources
    from cds_service.tools.handover.knowledge import knowledge
    from cds_service.tools.handover.terminology import PREFIX, slug
    from cds_service.tools.product import product_version

    try:
        rules = rulebook(protocol_path(protocol), concepts)
    except StartRefused as refusal:
        raise click.ClickException(f"the rules cannot be written:\n{refusal}") from refusal
    text = protocol_path(protocol).read_bytes()
    of_protocol = f"{PREFIX}-{slug(rules.protocol.name)}"
    number = write_resources(out, knowledge(rules, text, url, product_version()), of_protocol)
    click.echo(f"{number} resources in {out}")
