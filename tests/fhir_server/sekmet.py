"""Starts the real FHIR server of `.venv-fhir` and loads records into it."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import Any

import requests

REPOSITORY = Path(__file__).parents[2]
PROGRAM = REPOSITORY / ".venv-fhir" / "bin" / "sekmet"
SETTINGS = Path(__file__).parent / "sekmet.yaml"
TOKEN = "test-token"
START_SECONDS = 30.0

Json = dict[str, Any]


@contextmanager
def sekmet(folder: Path, more_settings: str = "") -> Iterator[str]:
    """A fresh server; gives its base once it answers."""
    port = _free_port()
    folder.mkdir(parents=True, exist_ok=True)
    settings = Template(SETTINGS.read_text(encoding="utf-8"))
    text = settings.substitute(port=port, data_dir=folder / "data") + more_settings
    (folder / "sekmet.yaml").write_text(text, encoding="utf-8")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [PROGRAM, "serve", "--config", folder / "sekmet.yaml"],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    base = f"http://127.0.0.1:{port}/fhir"
    try:
        _wait_for(base, process, folder / "log")
        yield base
    finally:
        process.terminate()
        process.wait(10)


def load(base: str, resources: Iterable[Mapping[str, Any]]) -> None:
    """Store resources under their own ids, all or none."""
    entries = [
        {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}}
        for r in resources
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    response = requests.post(base, json=bundle, headers=_headers(), timeout=30)
    assert response.status_code == 200, response.text[:2000]


def get(base: str, relative: str) -> Json:
    """What the server answers to a read or search."""
    response = requests.get(f"{base}/{relative}", headers=_headers(), timeout=10)
    assert response.status_code == 200, response.text[:500]
    answer: Json = response.json()
    return answer


def _headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKEN}", "Accept": "application/fhir+json"}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_for(base: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            if requests.get(f"{base}/metadata", timeout=2).status_code == 200:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise RuntimeError(f"the FHIR server did not start:\n{log.read_text(errors='replace')[-2000:]}")
