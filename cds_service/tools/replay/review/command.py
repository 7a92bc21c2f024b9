"""`heparin-cds review`: what the readers of a chart review said, topic by topic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cds_service.errors import StartRefused
from cds_service.tools.replay.packages import not_installed
from cds_service.tools.replay.titles import topic_title

if TYPE_CHECKING:
    from cds_service.tools.replay.quality import Estimate

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    short_help="Read the answers of a chart review.",
    epilog="""\b
Examples:
  heparin-cds replay /data/export --out /data/replay --review 20
  heparin-cds review answers-heparinResistance-AB.csv answers-heparinResistance-CD.csv
  heparin-cds review answers-*.csv --out review.csv
""",
)
@click.argument("files", type=FILE, nargs=-1, required=True, metavar="FILE...")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write a CSV, too.")
def review(files: tuple[Path, ...], out: Path | None) -> None:
    """Say how often the readers agreed with the cards of each topic, and with each other.

    FILES are the answers that the pages of a chart review saved (replay --review). Of fewer than
    five cards only counts are told.
    """
    try:
        from cds_service.tools.replay.review import answers
    except ModuleNotFoundError as missing:
        raise not_installed(missing) from missing
    try:
        found = answers.reviewed(answers.read_answers(files))
    except StartRefused as refusal:
        raise click.ClickException(f"the answers cannot be used:\n{refusal}") from refusal
    for row in found.topics:
        counts = ", ".join(f"{row.counts[name]} {name}" for name in answers.ANSWERS)
        split = f", {row.split} on which they differ" if row.split else ""
        click.echo(
            f"{topic_title(row.topic)}, {row.reader}: {counts}{split}; right {_told(row.ppv)}"
        )
    for pair in found.agreements:
        both = f"{pair.same} of {pair.kappa.count} alike, kappa {_told(pair.kappa)}"
        click.echo(f"{topic_title(pair.topic)}, {' and '.join(pair.readers)}: {both}")
    if out:
        answers.write_reviewed(out, found)
        click.echo(f"Written: {out}")


def _told(one: Estimate) -> str:
    from cds_service.tools.replay.quality import FEWEST

    if one.value is None:
        return "-"
    if one.count < FEWEST:
        return "not told of so few"
    return f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})"
