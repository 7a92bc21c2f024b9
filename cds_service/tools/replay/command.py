"""`heparin-cds replay`: what the service would have said to last year's patients."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from cds_service.errors import StartRefused
from cds_service.rulebook.load import protocol_path, rulebook
from cds_service.tools.replay.packages import not_installed

SOURCE = click.Path(exists=True, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    short_help="Replay a hospital's past from a bulk export.",
    epilog="""\b
Examples:
  heparin-cds replay /data/export --out /data/replay
  heparin-cds replay /data/export --out /data/replay --concepts site.toml \\
      --protocol default --protocol silent.toml
  heparin-cds replay /data/omop --out /data/replay --time-zone Europe/Berlin \\
      --sweep heparin.high_rate=20:26:1
""",
)
@click.argument("source", type=SOURCE, metavar="SOURCE")
@click.option("--concepts", type=FILE, help="The hospital's own codes (as CDS_CONCEPTS).")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option(
    "--protocol",
    "protocols",
    multiple=True,
    default=("default",),
    show_default=True,
    help="A shipped protocol or a file; give two to compare them.",
)
@click.option("--workers", type=click.IntRange(1), default=os.cpu_count, show_default="cores")
@click.option(
    "--scheduler", default="", help="Address of a Dask cluster that sees the folder --out."
)
@click.option(
    "--outcomes",
    default="",
    metavar="FILE|truth",
    help="What happened: CSV with patient, time, label (a topic, or one of the built-in labels);"
    " or the truth that simulate wrote into SOURCE.",
)
@click.option(
    "--time-zone",
    default="UTC",
    show_default=True,
    help="Of the times in database tables, such as Europe/Berlin.",
)
@click.option(
    "--sweep",
    default="",
    metavar="KEY=LOW:HIGH:STEP",
    help="Move one threshold of the first protocol, such as heparin.high_rate=20:26:1.",
)
@click.option(
    "--review",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Pages for chart review: at most so many cards of each topic, of the first protocol.",
)
@click.option("--review-seed", type=int, default=1, show_default=True, help="Which cards.")
@click.option(
    "--reviews",
    type=FILE,
    multiple=True,
    help="Answers of a chart review, for the report; give it again for each file.",
)
def replay(**options: Any) -> None:
    """Replay a hospital's past: what would have been said, and how often.

    SOURCE is a folder with a FHIR bulk export (NDJSON, plain, gz or Parquet), with FHIR Bundles, or
    with the tables of OMOP CDM 5.4, MIMIC-IV or eICU (CSV or Parquet), or a DuckDB file of them.
    Writes patients.csv, events.csv, unknown.csv, codes.csv, outcomes.csv, quality.csv,
    site-stub.toml and report.html. Stopped and started again with the same source and tables, it
    goes on where it was.
    """
    try:
        _replay(Options(**options))
    except StartRefused as refusal:
        raise click.ClickException(f"the replay cannot start:\n{refusal}") from refusal


@dataclass(frozen=True, slots=True)
class Options:
    """What the command was asked for."""

    source: Path
    concepts: Path | None
    out: Path
    protocols: tuple[str, ...]
    workers: int
    scheduler: str
    outcomes: str
    time_zone: str
    sweep: str
    review: int
    review_seed: int
    reviews: tuple[Path, ...]


def _replay(asked: Options) -> None:
    try:
        from cds_service.tools.replay.run import Request
        from cds_service.tools.replay.whole import Wanted, carry_out
    except ModuleNotFoundError as missing:
        raise not_installed(missing) from missing
    rulebooks = tuple(rulebook(protocol_path(name), asked.concepts) for name in asked.protocols)
    request = Request(
        asked.source,
        asked.out,
        rulebooks,
        asked.workers,
        asked.scheduler,
        time_zone=asked.time_zone,
        review=asked.review,
        review_seed=asked.review_seed,
    )
    wanted = Wanted(asked.outcomes, asked.sweep, asked.protocols[0], asked.reviews)
    carry_out(request, wanted)
