"""Bulk exports from a server that behaves as the Bulk Data guide says, and from ones that do not.

The server is a stub written after the guide, not a product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask, Response, jsonify, request

from cds_service.cli import main
from cds_service.errors import StartRefused
from cds_service.tools.replay import bulk
from cds_service.tools.replay.bulk import STATE, Bulk, fetch_bulk
from cds_service.tools.replay.sources.found import found_at
from tests.tools.integrator.serving import served
from tests.tools.replay.hospital import hospital, write

FILES = {"Patient": b'{"resourceType":"Patient","id":"a"}\n', "Observation": b'{"a":1}\n{"a":2}\n'}


@dataclass
class Stub:
    """An export server: how often it is busy, and what it does wrong."""

    polls: int = 2
    busy: int = 0
    wrong: str = ""
    asked: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    base: str = ""

    def app(self) -> Flask:
        app = Flask("bulk")
        app.add_url_rule("/fhir/<path:what>/$export", view_func=self.kick_off)
        app.add_url_rule("/status", view_func=self.status)
        app.add_url_rule("/files/<kind>", view_func=self.file)
        return app

    def note(self, what: str) -> None:
        self.asked.append(what)
        self.tokens.add(request.headers.get("Authorization", ""))

    def kick_off(self, what: str) -> Response:
        self.note(f"{what}/$export")
        if self.wrong == "refuses" or request.headers["Prefer"] != "respond-async":
            return Response(status=401)
        if self.busy:
            self.busy -= 1
            return Response(status=503, headers={"Retry-After": "7"})
        return Response(status=202, headers={"Content-Location": f"{self.base}/status"})

    def status(self) -> Response:
        self.note("status")
        if self.wrong == "forgets":
            return Response(status=404)
        if self.wrong == "fails":
            return Response(status=410)
        if self.polls:
            self.polls -= 1
            return Response(status=202, headers={"Retry-After": "3", "X-Progress": "half"})
        if self.wrong == "lists nothing":
            return jsonify({"transactionTime": "2026-01-01T00:00:00Z"})
        return jsonify(
            {
                "output": [
                    {"type": kind, "url": f"{self.base}/files/{kind}", "count": text.count(b"\n")}
                    for kind, text in FILES.items()
                ],
                "error": [],
            }
        )

    def file(self, kind: str) -> Response:
        self.note(kind)
        text = FILES[kind]
        if self.wrong == "cuts" and kind == "Observation":
            text = text[: len(text) // 2]
        if self.wrong == "breaks" and kind == "Observation":
            return Response(iter([text]), headers={"Content-Length": str(len(text) + 9)})
        return Response(text, mimetype="application/fhir+ndjson")


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub()
    with served(server.app()) as base:
        server.base = base
        yield server


def fetched(stub: Stub, folder: Path, **more: str) -> list[float]:
    waits: list[float] = []
    fetch_bulk(Bulk(f"{stub.base}/fhir", folder, **more), lambda _: None, waits.append)
    return waits


def test_an_export_is_asked_for_waited_for_and_downloaded(stub: Stub, tmp_path: Path) -> None:
    stub.busy = 1
    waits = fetched(stub, tmp_path / "out")
    found = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}

    assert waits == [7, 3, 3], "as long as the server says"
    assert found == {
        "00000-Patient.ndjson": FILES["Patient"],
        "00001-Observation.ndjson": FILES["Observation"],
    }
    assert found_at(tmp_path / "out").kind == "FHIR lines"


def test_a_group_and_a_token_are_sent(stub: Stub, tmp_path: Path) -> None:
    fetched(stub, tmp_path / "out", group="icu", token="secret")

    assert stub.asked[0] == "Group/icu/$export"
    assert stub.tokens == {"Bearer secret"}


def test_a_token_goes_to_its_own_host_only(stub: Stub, tmp_path: Path) -> None:
    other = Stub()
    with served(other.app()) as base:
        other.base = stub.base = base
        with served(stub.app()) as asked:
            bulk_of = Bulk(f"{asked}/fhir", tmp_path / "out", "secret")
            other.polls = 0
            fetch_bulk(bulk_of, lambda _: None, lambda _: None)

    assert stub.tokens == {"Bearer secret"}
    assert other.tokens == {""}


@pytest.mark.parametrize("wrong", ["cuts", "breaks"])
def test_half_a_file_is_not_taken_for_whole_and_a_new_start_goes_on(
    stub: Stub, tmp_path: Path, wrong: str
) -> None:
    stub.wrong, out = wrong, tmp_path / "out"
    with pytest.raises(StartRefused, match="start again"):
        fetched(stub, out)
    with pytest.raises(StartRefused, match="half a download"):
        found_at(out)
    first, stub.wrong = list(stub.asked), ""
    fetched(stub, out)
    again = stub.asked[len(first) :]

    assert again == ["status", "Observation"], "nothing that is there is asked for again"
    assert sorted(f.name for f in out.iterdir()) == [
        "00000-Patient.ndjson",
        "00001-Observation.ndjson",
    ]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("refuses", "answered 401 to .export"),
        ("forgets", "the export is there no longer"),
        ("fails", "ended with 410"),
        ("lists nothing", "lists no output"),
    ],
)
def test_what_goes_wrong_is_said_in_one_line(
    stub: Stub, tmp_path: Path, wrong: str, said: str
) -> None:
    stub.wrong = wrong

    with pytest.raises(StartRefused, match=said) as refused:
        fetched(stub, tmp_path / "out")
    assert len(refused.value.faults) == 1
    assert not list((tmp_path / "out").glob("*.ndjson"))


def test_a_forgotten_export_is_asked_for_anew(stub: Stub, tmp_path: Path) -> None:
    stub.wrong = "forgets"
    with pytest.raises(StartRefused):
        fetched(stub, tmp_path / "out")
    stub.wrong = ""

    fetched(stub, tmp_path / "out")

    assert not (tmp_path / "out" / STATE).exists()


def test_a_server_that_stays_busy_is_left_in_peace(stub: Stub, tmp_path: Path) -> None:
    stub.busy = 99

    with pytest.raises(StartRefused, match="answered 503"):
        fetched(stub, tmp_path / "out")
    assert len(stub.asked) == bulk.TRIES


def test_another_export_or_other_files_are_not_mixed(stub: Stub, tmp_path: Path) -> None:
    stub.wrong = "cuts"
    with pytest.raises(StartRefused):
        fetched(stub, tmp_path / "half")
    with pytest.raises(StartRefused, match="holds half an export of"):
        fetched(stub, tmp_path / "half", group="other")
    with pytest.raises(StartRefused, match="is not empty"):
        fetched(stub, write(tmp_path / "full", hospital()))


@pytest.mark.parametrize(
    "asked",
    [["ftp://a.org"], ["https://a.org/fhir?x"], ["https://a.org", "--group", "../x"]],
)
def test_the_command_refuses_what_it_cannot_ask(tmp_path: Path, asked: list[str]) -> None:
    outcome = CliRunner().invoke(main, ["fetch", *asked, "--out", str(tmp_path / "o")])

    assert outcome.exit_code == 2
    assert not (tmp_path / "o").exists()


def test_the_command_fetches(stub: Stub, tmp_path: Path) -> None:
    stub.polls = 0
    (tmp_path / "token").write_text("secret\n")
    asked = ["fetch", f"{stub.base}/fhir/", "--out", str(tmp_path / "o")]

    outcome = CliRunner().invoke(main, [*asked, "--token-file", str(tmp_path / "token")])

    assert outcome.exit_code == 0, outcome.output
    assert "2 files in" in outcome.output
    assert "secret" not in outcome.output
