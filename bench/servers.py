"""Starts what is measured, under gunicorn with two workers on loopback, and reads what it costs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import psutil

WORKERS = 2
BIN = Path(sys.executable).parent
GUNICORN = (str(BIN / "gunicorn"), "--config", "gunicorn.conf.py")


@dataclass(frozen=True)
class Server:
    """A running service: where it listens, and how long it took to answer."""

    name: str
    port: int
    pid: int
    started_in: float
    path: str = ""  # where it answers, if not where the service does

    def cpu(self) -> float:
        """Seconds of CPU that it and its workers have used."""
        times = [p.cpu_times() for p in self._processes()]
        return sum(t.user + t.system for t in times)

    def memory(self) -> int:
        """Bytes, shared pages counted once."""
        return sum(p.memory_full_info().pss for p in self._processes())

    def _processes(self) -> list[psutil.Process]:
        root = psutil.Process(self.pid)
        return [root, *root.children(recursive=True)]


@contextmanager
def ours(folder: Path, name: str = "ours", **settings: str) -> Iterator[Server]:
    """The service itself, ledger on."""
    database = {"CDS_DATABASE_URL": f"sqlite:///{folder / name}.sqlite", "CDS_LOG_LEVEL": "info"}
    opened = {} if "CDS_CLIENTS" in settings else {"CDS_OPEN": "1"}
    with started(name, GUNICORN, {**opened, **database, **settings}) as server:
        yield server


@contextmanager
def baseline(way: str) -> Iterator[Server]:
    """One of the ways to compare with, served alike."""
    command = (*GUNICORN, "--preload", "bench.baselines:app")
    with started(way, command, {"BENCH_WAY": way}) as server:
        yield server


@contextmanager
def started(
    name: str, command: tuple[str, ...], environ: Mapping[str, str], path: str = ""
) -> Iterator[Server]:
    """A server until it is no longer needed."""
    port = free_port()
    clean = {k: v for k, v in os.environ.items() if not k.startswith("CDS_")}
    own = {"PORT": str(port), "WEB_CONCURRENCY": str(WORKERS), **environ}
    began = time.perf_counter()
    with ExitStack() as stack:
        process = subprocess.Popen(
            [part.replace("{port}", str(port)) for part in command],
            env={**clean, **own},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(_stop, process)
        _wait(name, port, process)
        yield Server(name, port, process.pid, time.perf_counter() - began, path)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait(name: str, port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"{name} did not start")
        try:
            asked = HTTPConnection("127.0.0.1", port, timeout=5)
            asked.request("GET", "/healthz")
            asked.getresponse().read()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise SystemExit(f"{name} does not answer")


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])
