"""The service as it is run: gunicorn with the project's own configuration, and calls of today."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).parents[1]
SECONDS = 60.0  # before a test gives up waiting; the machine may be busy
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)")


def until(reached: Callable[[], object], what: str = "it") -> None:
    """Wait for something that happens elsewhere."""
    end = time.monotonic() + SECONDS
    while not reached():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


class Gunicorn:
    """One instance, in a process group of its own; settings as in the environment.

    With `door`, a listening socket, it is started as systemd starts the service of a socket unit.
    `before` is run by the shell that starts it: `ulimit -f 400`.
    """

    def __init__(
        self,
        folder: Path,
        database: str,
        workers: int = 2,
        door: socket.socket | None = None,
        before: str = ":",
        **settings: str,
    ) -> None:
        self._door, self._before = door, before
        self.port: int = door.getsockname()[1] if door else free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("CDS_", "PROM"))}
        self._environ = inherited | {
            "CDS_DATABASE_URL": database,
            "CDS_LOG_LEVEL": "error",
            "PORT": str(self.port),
            "WEB_CONCURRENCY": str(workers),
            **({} if "CDS_CLIENTS" in settings else {"CDS_OPEN": "1"}),
            **settings,
        }
        self.log = folder / f"gunicorn-{self.port}.log"
        self.start()

    def start(self) -> None:
        """Start it; `wait` for it before it is asked anything."""
        command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"]
        listening = (
            "export LISTEN_PID=$$ LISTEN_FDS=1; exec 3<&0 0</dev/null" if self._door else ":"
        )
        shell = f'{self._before}; {listening}; exec "$@"'
        with self.log.open("ab") as log:
            self.master = subprocess.Popen(
                ["sh", "-c", shell, "sh", *command],
                cwd=ROOT,
                env=self._environ,
                start_new_session=True,
                stdin=self._door or subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait(self) -> None:
        """Until it answers."""
        until(self._answers, "gunicorn answers")

    def _answers(self) -> bool:
        assert self.master.poll() is None, self.log.read_text(errors="replace")[-2000:]
        try:
            return requests.get(f"{self.url}/healthz", timeout=5).ok
        except requests.RequestException:
            return False

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.master.pid}/task/{self.master.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def reload(self) -> None:
        """New workers for the old ones, which finish what they have."""
        before = set(self.workers())
        self.master.send_signal(signal.SIGHUP)
        until(lambda: self.workers() and not before & set(self.workers()), "the old workers ended")

    def stop(self) -> None:
        """End it as systemd does: what was begun is finished."""
        self.master.send_signal(signal.SIGTERM)
        self.master.wait(SECONDS)

    def kill_all(self) -> None:
        if self.master.poll() is None:
            os.killpg(self.master.pid, signal.SIGKILL)
            self.master.wait()


def at_present(value: Any, then: datetime) -> Any:
    """The same JSON with every instant moved, so that what was `then` is now."""
    by = datetime.now(UTC) - then

    def moved(found: re.Match[str]) -> str:
        return (datetime.fromisoformat(found[0]) + by).isoformat()

    return json.loads(INSTANT.sub(moved, json.dumps(value)))
