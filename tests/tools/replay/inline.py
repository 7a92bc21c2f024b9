"""A replay walked in the process of the test: no cluster, no workers."""

from __future__ import annotations

import pytest

from cds_service.tools.replay import run


class NoCluster:
    """Stands for a cluster and its client, and does nothing."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __enter__(self) -> NoCluster:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def walk_inline(patched: pytest.MonkeyPatch) -> None:
    """Walk the shards of every replay here, one after the other."""

    def walk_here(client: object, task: run.Task, results: run._Results) -> None:
        for shard in results.left:
            results.add(run.replay_shard(task, shard))

    patched.setattr(run, "_walk", walk_here)
    patched.setattr(run, "LocalCluster", NoCluster)
    patched.setattr(run, "Client", NoCluster)
