"""The whole service as an EHR meets it, over a database of its own, at a patient's time."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Flask, request
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import create_engine, select, text
from werkzeug.serving import make_server

from cds_service.app import create_app
from cds_service.fhir.queries import codes_asked
from cds_service.ledger.database import metadata
from cds_service.settings import Settings
from tests.cases import answered, cases, searches, tables
from tests.databases import new_database

Json = dict[str, Any]

KEY = "0123456789abcdef0123456789abcdef"
CASE = "01-antithrombin-dose"  # order-select; one card with suggestions
INSTANCE = "7b4913a8-d722-4a65-8b80-af1f6a211d6f"


class Service:
    """The application and what it wrote down."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.path = folder / "ledger.sqlite"  # unless another database is given or chosen
        self.now: datetime = cases()[CASE].now
        url = changes.pop("database_url", None) or new_database(folder)
        rules = changes.pop("rulebook", tables())  # None: as the settings and the clients say
        given = {"open": True, "database_url": url, "ledger_key": SecretStr(KEY)}
        settings = Settings(**(given | changes))
        self.database_url = settings.database_url
        self._engine = create_engine(self.database_url)
        self.app: Flask = create_app(settings, rulebook=rules, clock=lambda: self.now)
        self.client: FlaskClient = self.app.test_client()

    def call(self, name: str = CASE, **changes: Any) -> Any:
        """A fixture's call with complete prefetch; a change to None leaves the field out."""
        return self.post(request_of(name) | {"prefetch": prefetch_of(name)} | changes)

    def post(self, body: Mapping[str, Any]) -> Any:
        kept = {name: value for name, value in body.items() if value is not None}
        return self.client.post(f"/cds-services/heparin-{body['hook']}", json=kept)

    def rows(self, table: Any) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(select(table)))

    def execute(self, sql: str) -> None:
        """Change the database behind the service's back."""
        with self._engine.begin() as connection:
            connection.execute(text(sql))

    def dumped(self) -> str:
        """Everything the database holds, as text."""
        return "".join(repr(row) for table in metadata.sorted_tables for row in self.rows(table))

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()
        self.app.extensions["ledger"].close()


def request_of(name: str = CASE) -> Json:
    """The request of a fixture, without prefetch and server."""
    return {"hookInstance": INSTANCE, **cases()[name].request}


def prefetch_of(name: str = CASE) -> Json:
    """What an EHR that honours every template sends along."""
    found = answered(cases()[name].resources, tables())
    return {key: bundle(*answer.resources) for key, answer in found.items()}


def bundle(*resources: Any, **fields: Any) -> Json:
    return {"resourceType": "Bundle", "entry": [{"resource": r} for r in resources], **fields}


def topics(answer: Any) -> list[str]:
    """The topics of the cards, in order."""
    return [card["source"]["topic"]["code"] for card in answer.json["cards"]]


@contextmanager
def fhir_server(name: str = CASE) -> Iterator[str]:
    """A FHIR server on loopback that answers our queries about one fixture; gives its base."""
    app = Flask("fhir")

    @app.get("/fhir/<kind>")
    def search(kind: str) -> Json:
        codes = codes_asked(request.full_path)
        key = next(s.key for s in searches(tables()) if (s.resource, s.codes) == (kind, codes))
        return prefetch_of(name)[key]

    @app.get("/fhir/<kind>/<id_>")
    def read(kind: str, id_: str) -> Any:
        held = ((r["resourceType"], r.get("id"), r) for r in cases()[name].resources)
        return next(resource for *at, resource in held if at == [kind, id_])

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}/fhir"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
