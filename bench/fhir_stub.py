"""A FHIR server that takes 20 ms for every query: `python -m bench.fhir_stub PORT`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from bench.payload import answers

DELAY = 0.020
CODES = {"14979-9": "coagulation", "777-3": "blood", "2160-0": "body"}
BY_TYPE = {
    "MedicationAdministration": "administrations",
    "MedicationRequest": "orders",
    "Condition": "conditions",
    "AllergyIntolerance": "allergies",
    "Procedure": "procedures",
    "ServiceRequest": "tests",
    "Encounter": "encounters",
    "Patient": "patient",
}


class Stub(BaseHTTPRequestHandler):
    """Answers each query with what the patient has, and nothing else."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    known = answers()

    def do_GET(self) -> None:
        time.sleep(DELAY)
        body = orjson.dumps(self._found())
        self.send_response(200)
        self.send_header("Content-Type", "application/fhir+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _found(self) -> Any:
        kind = self.path.split("?")[0].strip("/").split("/")[-2:]
        names = [BY_TYPE[part] for part in kind if part in BY_TYPE] or list(self._by_code())
        return self.known[names[0]] if names else {"resourceType": "Bundle", "type": "searchset"}

    def _by_code(self) -> Iterator[str]:
        return (query for code, query in CODES.items() if code in self.path)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Stub).serve_forever()
