"""`heparin-cds simulate`: an invented intensive care unit as a bulk export, with its truth."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import click
import orjson

from cds_service.tools.simulate.fhir import StayAsFhir
from cds_service.tools.simulate.stay import simulate_stay
from cds_service.tools.simulate.worlds import POPULATIONS, WORLDS

TRUTH = "truth.jsonl"  # not .ndjson: it is no part of the export


@click.command(
    short_help="Write an invented intensive care unit as a bulk export.",
    epilog="""\b
Examples:
  heparin-cds simulate /tmp/icu --stays 50
  heparin-cds simulate /tmp/icu --population heavier --population covid --world adverse
  heparin-cds replay /tmp/icu --out /tmp/replayed
""",
)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option("--stays", type=click.IntRange(1), default=100, show_default=True)
@click.option(
    "--population",
    "populations",
    multiple=True,
    type=click.Choice(list(POPULATIONS)),
    default=("ordinary",),
    show_default=True,
    help="Give it again for several; each gets as many stays.",
)
@click.option("--world", type=click.Choice(list(WORLDS)), default="moderate", show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def simulate(folder: Path, stays: int, populations: tuple[str, ...], world: str, seed: int) -> None:
    """Write simulated heparin courses into DIR: one NDJSON file per FHIR type, and the truth.

    truth.jsonl has a line for each stay: the needed rate over time, its cause, delivery faults,
    bad samples, HIT and bleeds, which the resources do not tell. The same seed gives the same.
    """
    written = write_stays(folder, populations, stays, seed, world)
    click.echo(f"{written:,} resources of {stays * len(populations):,} stays in {folder}")


def write_stays(
    folder: Path, populations: tuple[str, ...], stays: int, seed: int = 1, world: str = "moderate"
) -> int:
    """Write the stays; says how many resources there are."""
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    with ExitStack() as files:
        opened: dict[str, BinaryIO] = {}
        truth = files.enter_context((folder / TRUTH).open("wb"))
        for population in dict.fromkeys(populations):
            for number in range(stays):
                stay = StayAsFhir(simulate_stay(population, number, seed, world), seed)
                truth.write(orjson.dumps(stay.truth()) + b"\n")
                for resource in stay.resources():
                    kind = resource["resourceType"]
                    if kind not in opened:
                        file = (folder / f"{kind}.ndjson").open("wb")
                        opened[kind] = files.enter_context(file)
                    opened[kind].write(orjson.dumps(resource) + b"\n")
                    written += 1
    return written
