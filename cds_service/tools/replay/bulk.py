"""A FHIR bulk export, from kick-off to files: https://hl7.org/fhir/uv/bulkdata/export.html

A file is named only when it is whole, and what is there is not fetched again: started anew, a fetch
goes on with the export it had asked for. Half a download keeps the ending `.part`, by which a
replay refuses the folder.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests

from cds_service.errors import StartRefused

STATE = "bulk-export.json.part"  # gone when all is there
TYPES = (
    "Patient,Observation,MedicationAdministration,MedicationRequest,Medication,Condition,"
    "AllergyIntolerance,Procedure,ServiceRequest,Encounter,Location"
)
SECONDS = 60.0  # for one answer, or one piece of a file
CHUNK = 1024 * 1024
LONGEST_WAIT, USUAL_WAIT = 120.0, 10.0  # between two looks
TRIES = 5  # of a server that is busy or fails for a moment
BUSY = (429, 500, 502, 503, 504)

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Bulk:
    """What to ask for, and where to put it."""

    base: str  # of the FHIR server, without a last slash
    folder: Path
    token: str = ""  # sent to the server's own host only
    group: str = ""  # Group/[id]; without it, all patients


def fetch_bulk(bulk: Bulk, told: Told, sleep: Callable[[float], None] = time.sleep) -> int:
    """Export and download; returns how many files there are."""
    bulk.folder.mkdir(parents=True, exist_ok=True)
    with requests.Session() as session:
        server = _Server(bulk, session, sleep)
        manifest = server.manifest(_status(bulk, server, told), told)
        outputs = manifest.get("output")
        if not isinstance(outputs, list):
            raise StartRefused([f"{bulk.base}: the export's manifest lists no output"])
        if manifest.get("error"):
            told("The server lists errors of its own export; see its administrators.")
        for number, output in enumerate(outputs):
            server.download(output, number, told)
    (bulk.folder / STATE).unlink()
    return len(outputs)


def _status(bulk: Bulk, server: _Server, told: Told) -> str:
    """Where the export's state is told: of an earlier start, or of a new export."""
    state = bulk.folder / STATE
    if state.exists():
        saved = orjson.loads(state.read_bytes())
        if saved["asked"] == [bulk.base, bulk.group]:
            told("going on with the export asked for before")
            return str(saved["status"])
        raise StartRefused([f"{bulk.folder}: holds half an export of {saved['asked'][0]}"])
    if any(bulk.folder.iterdir()):
        raise StartRefused([f"{bulk.folder}: is not empty; an export needs a folder of its own"])
    status = server.kick_off()
    state.write_bytes(orjson.dumps({"asked": [bulk.base, bulk.group], "status": status}))
    return status


@dataclass(frozen=True, slots=True)
class _Server:
    bulk: Bulk
    session: requests.Session
    sleep: Callable[[float], None]

    def kick_off(self) -> str:
        """Ask for an export; the server says where its state is told."""
        what = f"Group/{self.bulk.group}" if self.bulk.group else "Patient"
        headers = {"Accept": "application/fhir+json", "Prefer": "respond-async"}
        parameters = {"_type": TYPES, "_outputFormat": "application/fhir+ndjson"}
        answer = self._get(f"{self.bulk.base}/{what}/$export", headers, params=parameters)
        where = answer.headers.get("Content-Location", "")
        if answer.status_code != requests.codes.accepted or not where:
            raise StartRefused([f"{self.bulk.base}: answered {answer.status_code} to $export"])
        return where

    def manifest(self, status: str, told: Told) -> dict[str, Any]:
        """Wait until the export is done, as long and as often as the server says."""
        while True:
            answer = self._get(status, {"Accept": "application/json"})
            if answer.status_code != requests.codes.accepted:
                break
            told(answer.headers.get("X-Progress", "") or "the server is at work")
            self.sleep(_wait(answer))
        if answer.status_code == requests.codes.not_found:
            (self.bulk.folder / STATE).unlink()
            raise StartRefused([f"{self.bulk.base}: the export is there no longer; start again"])
        found = _json(answer)
        if answer.status_code != requests.codes.ok or not isinstance(found, dict):
            raise StartRefused([f"{self.bulk.base}: the export ended with {answer.status_code}"])
        return found

    def download(self, output: object, number: int, told: Told) -> None:
        """One file, named when it is whole."""
        address = output.get("url") if isinstance(output, dict) else None
        kind = output.get("type") if isinstance(output, dict) else None
        if not isinstance(address, str) or not re.fullmatch(r"[A-Za-z]{1,60}", str(kind)):
            raise StartRefused([f"{self.bulk.base}: output {number + 1} has no type or url"])
        target = self.bulk.folder / f"{number:05}-{kind}.ndjson"
        if target.exists():
            return
        partial = target.with_name(f"{target.name}.part")
        answer = self._get(address, {"Accept": "application/fhir+ndjson"}, stream=True)
        if answer.status_code != requests.codes.ok:
            raise StartRefused([f"{target.name}: the server answered {answer.status_code}"])
        try:
            with partial.open("wb") as file:
                for chunk in answer.iter_content(CHUNK):
                    file.write(chunk)
        except requests.RequestException as fault:
            raise StartRefused(
                [f"{target.name}: broke off ({type(fault).__name__}); start again to go on"]
            ) from fault
        _refuse_cut(answer, partial, output.get("count") if isinstance(output, dict) else None)
        partial.replace(target)
        told(target.name)

    def _get(self, address: str, headers: dict[str, str], **more: Any) -> requests.Response:
        """An answer; of a server that is busy, after some waiting."""
        if self.bulk.token and _host(address) == _host(self.bulk.base):
            headers = headers | {"Authorization": f"Bearer {self.bulk.token}"}
        for left in reversed(range(TRIES)):
            try:
                answer = self.session.get(address, headers=headers, timeout=SECONDS, **more)
            except requests.RequestException as fault:
                why = type(fault).__name__
                raise StartRefused([f"{self.bulk.base}: no answer ({why})"]) from fault
            if answer.status_code not in BUSY or not left:
                return answer
            answer.close()
            self.sleep(_wait(answer))
        raise AssertionError("unreachable: the last try returns")


def _refuse_cut(answer: requests.Response, partial: Path, count: object) -> None:
    """A file that is shorter than it was said to be is no file."""
    said = answer.headers.get("Content-Length", "")
    plain = not answer.headers.get("Content-Encoding")
    short = plain and said.isdigit() and partial.stat().st_size != int(said)
    if not short and isinstance(count, int):
        with partial.open("rb") as file:
            short = sum(1 for line in file if line.strip()) != count
    if short:
        raise StartRefused([f"{partial.name}: is not whole; start again to go on"])


def _host(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.scheme, parts.netloc


def _wait(answer: requests.Response) -> float:
    said = answer.headers.get("Retry-After", "")
    return min(float(said), LONGEST_WAIT) if said.isdigit() else USUAL_WAIT


def _json(answer: requests.Response) -> object:
    try:
        return orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return None
