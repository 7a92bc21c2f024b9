"""Everything the command does once its packages are there: checks, tables, report, sweep."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, TimeElapsedColumn

from cds_service.advice import Rulebook
from cds_service.errors import StartRefused
from cds_service.tools.replay.outcomes import GivenOutcomes, read_outcomes
from cds_service.tools.replay.report import Judged, write_report
from cds_service.tools.replay.review.answers import read_answers, reviewed
from cds_service.tools.replay.run import Replayed, Request
from cds_service.tools.replay.run import run_replay as run
from cds_service.tools.replay.scheduler import refuse_unreachable
from cds_service.tools.replay.sources.found import found_at
from cds_service.tools.replay.sweep import FOLDER, moved, parse, write_sweep
from cds_service.tools.replay.truth import TRUTH, read_truth


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted beside the tables."""

    outcomes: str = ""  # a file with a hospital's own labels, or TRUTH
    sweep: str = ""  # "heparin.high_rate=20:26:1", of the first protocol
    protocol: str = "default"  # the first protocol, as it was named
    reviews: tuple[Path, ...] = ()  # readers' answers


def carry_out(request: Request, wanted: Wanted) -> None:
    """Replay, then report; everything that can be refused is refused before the work."""
    console = Console(stderr=True)
    found_at(request.source)
    refuse_unreachable(request.scheduler)
    known = _given(request, wanted.outcomes)
    judged = reviewed(read_answers(wanted.reviews))
    sweep = parse(wanted.sweep) if wanted.sweep else None
    steps: tuple[Rulebook, ...] = ()
    if sweep:
        sweep, steps = moved(request.rulebooks[0], wanted.protocol, sweep)
        for said in sweep.left_out:
            console.print(said, markup=False)
    replayed = _shown(request, console)
    _refuse_nobody(request.source, replayed)
    for note in replayed.export.notes:
        console.print(note, markup=False)
    page = write_report(request.out, request.rulebooks, replayed, Judged(known, judged))
    console.print(
        f"{replayed.patients:,} patients, {replayed.questions:,} questions;"
        f" {replayed.export.bad_lines:,} of {replayed.export.lines:,} lines were unreadable."
    )
    click.echo(page)
    if sweep:
        _shown(replace(request, out=request.out / FOLDER, rulebooks=steps, review=0), console)
        own = request.rulebooks[0].protocol[sweep.key]
        click.echo(write_sweep(request.out, steps, sweep, own, known))


def _given(request: Request, outcomes: str) -> GivenOutcomes:
    """The labels of a file, or of the truth that `heparin-cds simulate` wrote beside its export."""
    if not outcomes:
        return GivenOutcomes()
    if outcomes == TRUTH:
        return read_truth(request.source, request.rulebooks[0].protocol)
    if not Path(outcomes).is_file():
        raise StartRefused([f"--outcomes: there is no file {outcomes}"])
    return read_outcomes(Path(outcomes))


def _shown(request: Request, console: Console) -> Replayed:
    """A replay with its progress on the console."""
    request.out.mkdir(parents=True, exist_ok=True)
    with Progress(*Progress.get_default_columns(), TimeElapsedColumn(), console=console) as shown:
        bar = shown.add_task("sorting the export", total=None)

        def progress(done: int, shards: int, patients: int) -> None:
            shown.update(bar, description=f"{patients:,} patients", completed=done, total=shards)

        return run(request, progress)


def _refuse_nobody(source: Path, replayed: Replayed) -> None:
    if not replayed.patients:
        export = replayed.export
        raise click.ClickException(
            f"{source} holds no patient: of {export.lines:,} lines {export.bad_lines:,} were"
            " unreadable; nothing was replayed"
        )
