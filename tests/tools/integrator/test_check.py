"""`heparin-cds check URL`: a good service passes, each fault of a bad one is found."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, jsonify, request
from pydantic import SecretStr

from cds_service.app import create_app
from cds_service.rulebook.load import PROTOCOLS
from cds_service.settings import Settings
from cds_service.tools.integrator.checks.feedback import _items
from cds_service.tools.integrator.fhir_base import NotAnswered
from cds_service.tools.integrator.service import RemoteCdsService
from tests.cases import tables
from tests.tokens import ISSUER, ec_key, key_set
from tests.tools.integrator.conftest import Run
from tests.tools.integrator.serving import free_port, served
from tests.tools.integrator.test_identity import pem

pytestmark = pytest.mark.slow


def verdicts(output: str) -> dict[str, str]:
    """The table as check -> verdict."""
    cells = [line.split("│") for line in output.splitlines() if line.startswith("│")]
    return {row[2].strip(): row[3].strip() for row in cells if row[3].strip()}


def test_the_service_passes_as_it_is_served(service_url: str, run: Run) -> None:
    done = run("check", service_url, "--all")

    assert done.exit_code == 0, done.output
    assert "0 FAIL, 1 skip" in done.output  # without a key, identity is not looked at
    assert "412" in done.output
    assert run("check", f"{service_url}/cds-services/").exit_code == 0


@pytest.fixture
def registered(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """A service that lets in one registered client, and the port its FHIR server is to have."""
    port, fhir_port = free_port(), free_port()
    (tmp_path / "keys.json").write_text(json.dumps(key_set()))
    (tmp_path / "clients.toml").write_text(
        f'[[client]]\nname = "Check"\nissuer = "{ISSUER}"\njwks_file = "keys.json"\n'
        f'fhir_servers = ["http://127.0.0.1:{fhir_port}/fhir"]\n'
    )
    settings = Settings(
        clients=tmp_path / "clients.toml",
        public_url=f"http://127.0.0.1:{port}",
        ledger_key=SecretStr("k" * 32),
        database_url=f"sqlite:///{tmp_path / 'ledger.sqlite'}",
        cors_origins=("https://ehr.example.org",),
        log_level="error",
    )
    with served(create_app(settings, rulebook=tables()), port) as url:
        yield url, fhir_port


def test_a_registered_client_passes(registered: tuple[str, int], tmp_path: Path, run: Run) -> None:
    url, fhir_port = registered
    (tmp_path / "key.pem").write_bytes(pem(ec_key()))

    done = run(
        "check", url, "--client-key", tmp_path / "key.pem", "--kid", "k1", "--issuer", ISSUER,
        "--fhir-port", fhir_port, "--origin", "https://ehr.example.org", "--all",
    )  # fmt: skip

    assert done.exit_code == 0, done.output
    assert "0 FAIL, 0 skip" in done.output
    found = verdicts(done.output)
    for check in ("no token: discovery", "bad signature", "expired", "good token",
                  "the same token again"):  # fmt: skip
        assert found[check] == "pass"


def test_what_was_not_said_is_skipped_with_a_reason(
    registered: tuple[str, int], tmp_path: Path, run: Run
) -> None:
    (tmp_path / "key.pem").write_bytes(pem(ec_key()))

    done = run(
        "check", registered[0], "--client-key", tmp_path / "key.pem", "--kid", "k1",
        "--issuer", ISSUER,
    )  # fmt: skip

    assert done.exit_code == 0, done.output
    assert "4 skip" in done.output
    assert "--origin" in done.output
    assert "--fhir-port" in done.output


def test_a_call_with_an_identity_is_let_in(
    registered: tuple[str, int], tmp_path: Path, run: Run
) -> None:
    (tmp_path / "key.pem").write_bytes(pem(ec_key()))
    call = (
        "call", "--fhir", f"http://127.0.0.1:{free_port()}/fhir", "--patient", "a",
        "--hook", "order-select", "--draft", "apixaban=5mg",
        "--service", registered[0], "--no-prefetch",
    )  # fmt: skip
    who = ("--client-key", tmp_path / "key.pem", "--kid", "k1", "--issuer", ISSUER)

    assert run(*call, *who).exit_code == 0
    refused = run(*call)
    assert refused.exit_code == 1
    assert "401" in refused.output


def test_without_a_key_a_closed_service_is_not_passed(
    registered: tuple[str, int], run: Run
) -> None:
    done = run("check", registered[0])

    assert done.exit_code == 1
    assert "--client-key" in done.output


def test_a_service_in_shadow_mode_passes_and_says_that_it_is_silent(
    tmp_path: Path, run: Run
) -> None:
    text = PROTOCOLS["default"].read_text(encoding="utf-8").replace('= "on"', '= "silent"')
    (tmp_path / "silent.toml").write_text(text, encoding="utf-8")
    settings = Settings(
        open=True,
        protocol=str(tmp_path / "silent.toml"),
        database_url=f"sqlite:///{tmp_path / 'ledger.sqlite'}",
        log_level="error",
    )
    with served(create_app(settings)) as url:
        done = run("check", url)

    assert done.exit_code == 0, done.output
    assert "every topic silent" in " ".join(done.output.replace("│", " ").split())
    assert "no card with a uuid was shown" in " ".join(done.output.replace("│", " ").split())


class Careless:
    """A service that gets everything wrong that can be."""

    def app(self) -> Flask:
        app = Flask(__name__)
        app.add_url_rule("/cds-services", "discovery", self._discovery)
        app.add_url_rule("/cds-services/<id_>", "call", self._call, methods=["GET", "POST"])
        app.add_url_rule("/cds-services/<id_>/feedback", "fb", self._call, methods=["POST"])
        return app

    def _discovery(self) -> Response:
        prefetch = {"p": "https://x/Patient/{{context.draftOrders}}"}
        row = {"hook": "order-select", "id": "one", "description": "d", "prefetch": prefetch}
        return jsonify(services=[row, row | {"title": ""}])

    def _call(self, id_: str) -> Any:
        if request.content_length and request.content_length > 1_000_000:
            return "", 500
        return jsonify(cards=[{"summary": "s" * 200, "indicator": "hard-stop", "source": {}}])


def test_each_fault_is_found(run: Run) -> None:
    with served(Careless().app()) as url:
        done = run("check", url, "--origin", "http://localhost:9")

    assert done.exit_code == 1
    found = verdicts(done.output)
    for check in ("serves the three hooks", "ids are unique", "nothing empty",
                  "prefetch of plain tokens", "prefetch relative to the FHIR base",
                  "preflight allows the origin", "headers on discovery", "headers on an error",
                  "data sent along: cards as CDS Hooks wants", "hook missing", "not JSON",
                  "unknown service", "GET where POST is due", "declared as XML",
                  "declared as one gigabyte", "no feedback array",
                  "no data at all: 412"):  # fmt: skip
        assert found.get(check) == "FAIL", (check, done.output)


@pytest.mark.parametrize("body", ["<html>", "[]", '{"services": 5}', '{"services": [5]}'])
def test_what_is_no_discovery_ends_there(run: Run, body: str) -> None:
    app = Flask(__name__)
    app.add_url_rule("/cds-services", "discovery", lambda: Response(body))
    with served(app) as url:
        done = run("check", url)

    assert done.exit_code == 1
    assert "FAIL" in done.output
    assert not done.exception or isinstance(done.exception, SystemExit)


def test_no_service_at_all_is_named_in_a_line(run: Run) -> None:
    done = run("check", f"http://127.0.0.1:{free_port()}")

    assert done.exit_code == 1
    assert "no answer (ConnectionError)" in done.output


def test_without_a_url_the_settings_are_checked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"CDS_OPEN": "1", "CDS_DATABASE_URL": "sqlite://"}.items():
        monkeypatch.setenv(name, value)
    assert "in order" in run("check", token="a-token-in-the-shell").output

    monkeypatch.setenv("CDS_COLOUR", "blue")
    refused = run("check")
    assert refused.exit_code == 1
    assert "CDS_COLOUR is not a setting" in refused.output


def test_a_port_that_is_taken_is_named(service_url: str, run: Run) -> None:
    done = run("check", service_url, "--fhir-port", service_url.rpartition(":")[2])

    assert done.exit_code == 1
    assert "cannot be had" in done.output


def test_a_service_that_goes_away_is_a_fault_and_not_the_end(run: Run) -> None:
    """It answers discovery, then every connection is cut."""
    app = Flask(__name__)
    rows = [{"hook": "patient-view", "id": "one", "description": "d"}, {"id": 5}]
    app.add_url_rule("/cds-services", "discovery", lambda: jsonify(services=rows))

    @app.before_request
    def cut() -> None:
        if request.path != "/cds-services" or request.method == "OPTIONS":
            request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)

    with served(app) as url:
        done = run("check", url)

    assert done.exit_code == 1
    assert done.output.count("looked at to the end") >= 4


def test_a_hook_that_is_not_served_is_named(run: Run) -> None:
    app = Flask(__name__)
    app.add_url_rule("/cds-services", "discovery", lambda: jsonify(services=[]))
    with served(app) as url:
        done = run(
            "call", "--fhir", "http://127.0.0.1:1/fhir", "--patient", "a",
            "--hook", "order-sign", "--draft", "heparin=5U/h", "--service", url, "--no-prefetch",
        )  # fmt: skip

    assert done.exit_code == 1
    assert "no service for the hook order-sign" in done.output


def test_a_body_that_is_only_declared_may_get_no_answer() -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with RemoteCdsService(nobody) as service, pytest.raises(NotAnswered, match="no answer"):
        service.declare(service.url("one"), 10)


def test_a_card_without_suggestions_can_only_be_overridden() -> None:
    ((what, item),) = _items({"uuid": "c"})

    assert what == "a card overridden"
    assert item["outcome"] == "overridden"
