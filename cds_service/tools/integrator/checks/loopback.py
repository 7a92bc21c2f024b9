"""A FHIR server on this machine's loopback, for as long as a check needs it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from cds_service.demo.fhir import create_fhir
from cds_service.tools.integrator.fhir_base import NotAnswered

PATH = "/fhir"


class Quiet(WSGIRequestHandler):
    """Writes no line per request into the report."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def fhir_on_loopback(resources: Sequence[Any], port: int = 0) -> Iterator[str]:
    """Serves the resources read-only; gives the base."""
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(create_fhir("checked", PATH, lambda _: resources, ""))
    try:
        server = make_server("127.0.0.1", port, app, threaded=True, request_handler=Quiet)
    except (OSError, SystemExit) as error:
        raise NotAnswered(f"Port {port} of this machine cannot be had.") from error
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{PATH}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
