"""Servers on loopback for as long as a test needs them: an application, or the service itself."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from flask import Flask
from werkzeug.serving import make_server

from cds_service.tools.integrator.checks.loopback import Quiet
from tests.fhir_server.sekmet import _free_port as free_port

REPOSITORY = Path(__file__).parents[3]
START_SECONDS = 30.0

__all__ = ["free_port", "gunicorn", "served"]


@contextmanager
def served(app: Flask, port: int = 0) -> Iterator[str]:
    """The application's URL."""
    import threading

    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def gunicorn(folder: Path) -> Iterator[str]:
    """The service as `make run` serves it, without the demo; gives its URL."""
    port = free_port()
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("CDS_", "PROMETHEUS"))}
    ours = {
        "CDS_OPEN": "1",
        "CDS_LOG_LEVEL": "error",
        "CDS_DATABASE_URL": f"sqlite:///{folder / 'ledger.sqlite'}",
        "CDS_FHIR_DEADLINE_SECONDS": "20",  # the FHIR server shares a busy machine with the tests
        "PORT": str(port),
        "WEB_CONCURRENCY": "1",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"],
            cwd=REPOSITORY,
            env=inherited | ours,
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url, process, folder / "log")
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            if requests.get(f"{url}/healthz", timeout=2).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise RuntimeError(f"the service did not start:\n{log.read_text(errors='replace')[-2000:]}")
