"""A whole replay: sort the export, walk the shards by Dask, join their rows into tables.

Processes of this machine by default, any Dask cluster by its scheduler's address (whose workers
must see the output folder). What was done stays done: started again with the same export, tables
and protocols, it goes on.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import dask
import orjson
from distributed import Client, LocalCluster, as_completed

from cds_service.advice import Rulebook
from cds_service.errors import StartRefused
from cds_service.fhir.queries import fhir_queries
from cds_service.tools.replay.codes import write_stub
from cds_service.tools.replay.export import Export, shards_for, sort_export
from cds_service.tools.replay.review.pages import write_review
from cds_service.tools.replay.shards import Task, done, replay_shard
from cds_service.tools.replay.sources.found import FoundFiles, as_lines, found_at
from cds_service.tools.replay.tables import write_tables

LINES = "lines"  # inside of the next, while they are sorted
WORK = ".replay"  # inside the output folder; gone when all is done
VERSION = 7  # of what stands in it

Progress = Callable[[int, int, int], None]  # shards done, of how many, patients so far


@dataclass(frozen=True, slots=True)
class Request:
    """What to replay, and where to put what comes of it."""

    source: Path
    out: Path
    rulebooks: tuple[Rulebook, ...]
    workers: int = 2
    scheduler: str = ""
    shards: int | None = None  # by size, unless said
    time_zone: str = "UTC"  # of the times in tables, which state none
    review: int = 0  # cards of each topic of the first protocol, for chart review
    review_seed: int = 1


@dataclass(frozen=True, slots=True)
class Replayed:
    """How it went."""

    export: Export
    patients: int
    questions: int


def run_replay(request: Request, progress: Progress) -> Replayed:
    """Replay an export; the tables stand in the output folder."""
    names = [rules.protocol.name for rules in request.rulebooks]
    if len(set(names)) != len(names):
        raise StartRefused([f"--protocol: {', '.join(names)} have one name"])
    work = request.out / WORK
    task = _task(request, work)
    results = _Results(task, progress)
    if results.left:
        with _cluster(request) as client:
            _walk(client, task, results)
    write_tables(work, request.out)
    write_stub(work, request.out, request.rulebooks[0].concepts)
    if request.review:
        write_review(task, request.out, request.review, request.review_seed)
    shutil.rmtree(work)
    return Replayed(task.export, results.patients, results.questions)


def _task(request: Request, work: Path) -> Task:
    """The sorted export, from before if it is of the same files and tables."""
    found = found_at(request.source)
    concepts = request.rulebooks[0].concepts
    plan = fhir_queries(concepts)
    shards = request.shards or shards_for(found.files)
    mark, state = work / "export.json", _state(found.files, request, shards)
    if mark.exists():
        saved = orjson.loads(mark.read_bytes())
        if saved["state"] == state:
            return Task(_export(saved["export"]), plan, request.rulebooks)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    export = _sorted(found, request, work, shards)
    mark.write_bytes(orjson.dumps({"state": state, "export": asdict(export)}))
    return Task(export, plan, request.rulebooks)


def _sorted(found: FoundFiles, request: Request, work: Path, shards: int) -> Export:
    """The export in order of patients; lines that had to be written for it are gone after."""
    folder = work / LINES
    lines = as_lines(found, request.time_zone, folder)
    export = sort_export(lines.files, work.resolve(), request.rulebooks[0].concepts, shards)
    shutil.rmtree(folder, ignore_errors=True)
    return replace(export, files=tuple(file.name for file in found.files), notes=lines.notes)


def _export(saved: dict[str, Any]) -> Export:
    lists = {name: tuple(saved[name]) for name in ("files", "came", "answered", "notes")}
    return Export(**{**saved, **lists})


def _state(files: Iterable[Path], request: Request, shards: int) -> str:
    """A fingerprint of everything that the rows depend on."""
    told = [f"{VERSION} {shards} {request.time_zone}"]
    told += [f"{p} {p.stat().st_size} {p.stat().st_mtime_ns}" for p in files]
    told += [repr(rules) for rules in request.rulebooks]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


class _Results:
    """What is done, and tells of it."""

    def __init__(self, task: Task, progress: Progress) -> None:
        self._task = task
        self._progress = progress
        self.patients = self.questions = self.done = 0
        folder = Path(task.export.folder)
        self.left: list[int] = []
        for shard in range(task.export.shards):
            if done(folder, shard).exists():
                self.add(orjson.loads(done(folder, shard).read_bytes()))
            else:
                self.left.append(shard)

    def add(self, said: dict[str, int]) -> None:
        """One more shard is done."""
        self.done += 1
        self.patients += said["patients"]
        self.questions += said["questions"]
        self._progress(self.done, self._task.export.shards, self.patients)


@contextmanager
def _cluster(request: Request) -> Iterator[Client]:
    if request.scheduler:
        with Client(request.scheduler) as client:
            yield client
        return
    # A worker keeps a profile of itself, which grows for as long as it works.
    with dask.config.set({"distributed.worker.profile.enabled": False}):
        cluster = LocalCluster(
            n_workers=request.workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # any free port: None would still try the usual one
            memory_limit=None,
        )
        with cluster, Client(cluster) as client:
            yield client


def _walk(client: Client, task: Task, results: _Results) -> None:
    """A shard that fails stops the replay with its own error; those done stay done."""
    sent = client.scatter(task, broadcast=True, hash=False)
    futures = [client.submit(replay_shard, sent, shard, pure=False) for shard in results.left]
    for future in as_completed(futures):
        results.add(future.result())
        future.release()
