"""The table of attacks holds: `python -m bench.attacks` prints it with its figures.

Here the rows that take little time; keys, growth and slow clients have tests of their own
(test_keys.py, test_growth.py, test_slow_clients.py), and so have the ledger's faults.
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from bench import attacks
from tests.floods import BODIES
from tests.running import Gunicorn

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds workers in /proc"),
]


@pytest.mark.parametrize("name", ["feedback", "patients", "tokens", "reach", "log"])
def test_an_attack_is_withstood(name: str) -> None:
    rows = list(attacks.ATTACKS[name]())
    assert rows
    assert not [row for row in rows if not row.held]


def test_a_worker_stays_within_the_memory_that_is_stated(tmp_path: Path) -> None:
    """Sixteen of the worst bodies at once, kind after kind, on one worker of eight threads."""
    server = Gunicorn(tmp_path, f"sqlite:///{tmp_path}/ledger.sqlite", 1)
    kinds = ("16 MB of small objects", "chains of objects below the cap", "990,000 keys",
             "24,000 results")  # fmt: skip
    try:
        server.wait()
        (pid,) = server.workers()
        for kind in kinds:
            text = BODIES[kind]()
            senders = [
                threading.Thread(target=attacks.answered, args=(server, text)) for _ in range(16)
            ]
            for one in senders:
                one.start()
            for one in senders:
                one.join()
        assert server.workers() == [pid], "it is still the same process"
        assert attacks.peak_memory(pid) < attacks.MOST_MEMORY
        assert attacks.answered(server) == "200"
    finally:
        server.kill_all()


def test_the_stated_memory_is_the_one_that_is_held() -> None:
    page = (Path(__file__).parents[1] / "docs" / "deployment.md").read_text(encoding="utf-8")
    assert f"{attacks.MOST_MEMORY} MB for each worker" in page
