"""Against a real socket: what a server can do to one GET, and how long that may take."""

import gzip
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from cds_service.errors import FhirFault
from cds_service.outbound.http import Deadline, FhirHttp
from tests.faulty_server import Behaviour, FaultyServer, answering, dripping, faulty, hanging

LOOPBACK = frozenset({"127.0.0.1"})
CAP = 1_000_000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\n"
ENDLESS = b" " * 100_000


@pytest.fixture
def http() -> Iterator[FhirHttp]:
    http = FhirHttp(LOOPBACK)
    yield http
    http.close()


def get(http: FhirHttp, server: FaultyServer, seconds: float = 2.0, token: str = "") -> object:
    return http.get(f"{server.base}/Patient/1", token, Deadline(seconds), CAP)[0]


def fault(http: FhirHttp, behave: Behaviour, seconds: float = 2.0) -> str:
    with faulty(behave) as server, pytest.raises(FhirFault) as failure:
        get(http, server, seconds)
    return str(failure.value)


def saying(text: bytes) -> Behaviour:
    def behave(line: socket.socket, _: bytes) -> None:
        line.sendall(text)
        line.shutdown(socket.SHUT_RDWR)

    return behave


def test_json_is_read_with_its_size(http: FhirHttp) -> None:
    with faulty(answering(b'{"resourceType": "Patient"}')) as server:
        found = http.get(f"{server.base}/Patient/1", "", Deadline(2), CAP)
    assert found == ({"resourceType": "Patient"}, 27)


def test_the_request_asks_for_fhir_json_and_carries_the_token(http: FhirHttp) -> None:
    with faulty(answering(b"{}")) as server:
        get(http, server, token="abc")
        get(http, server)
    first, second = server.requests
    assert b"Accept: application/fhir+json" in first
    assert b"Authorization: Bearer abc" in first
    assert b"Authorization" not in second


def test_connections_are_kept(http: FhirHttp) -> None:
    with faulty(answering(b"{}")) as server:
        for _ in range(5):
            get(http, server)
    assert server.connections == 1


def test_a_kept_connection_that_the_server_closed_is_opened_anew(http: FhirHttp) -> None:
    answered = threading.Event()

    def behave(line: socket.socket, head: bytes) -> None:
        if answered.is_set() and b"again" not in head:
            answered.clear()
            line.shutdown(socket.SHUT_RDWR)
        else:
            answered.set()
            answering(b"{}")(line, head)

    with faulty(behave) as server:
        get(http, server)
        assert get(http, server) == {}
    assert server.connections == 2


def test_cookies_are_not_kept(http: FhirHttp) -> None:
    with faulty(answering(b"{}", extra="Set-Cookie: session=1; Path=/\r\n")) as server:
        get(http, server)
        get(http, server)
    assert b"session" not in b"".join(server.requests)


def test_packed_answers_are_unpacked(http: FhirHttp) -> None:
    behave = answering(gzip.compress(b'{"a": 1}'), extra="Content-Encoding: gzip\r\n")
    with faulty(behave) as server:
        assert get(http, server) == {"a": 1}


@pytest.mark.parametrize("status", [201, 204, 400, 401, 403, 404, 410, 429, 500, 502, 503])
def test_any_status_but_200_is_a_fault(http: FhirHttp, status: int) -> None:
    answer = f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()
    assert fault(http, saying(answer)) == f"HTTP {status}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(http: FhirHttp, status: int) -> None:
    where = "Location: http://127.0.0.1:1/fhir"
    answer = f"HTTP/1.1 {status} X\r\n{where}\r\nContent-Length: 0\r\n\r\n".encode()
    assert fault(http, saying(answer)) == "redirected"


@pytest.mark.parametrize(
    ("behave", "told"),
    [
        (answering(b"<html>", "text/html"), "not JSON"),
        (answering(b"{}", "text/html"), "not JSON"),
        (answering(b"<html>"), "not JSON"),
        (answering(b""), "not JSON"),
        (answering(b'{"a": NaN}'), "not JSON"),
        (answering(b'{"a": 1e400}'), "not JSON"),
        (answering(b'{"a": '), "not JSON"),
        (answering(b"[" * 5000 + b"]" * 5000), "not JSON"),
        (answering(b"{}", extra="Content-Encoding: gzip\r\n"), "answer broke off"),
        (saying(HEAD + b"Content-Length: 100\r\n\r\n{}"), "answer broke off"),
        (saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"), "answer broke off"),
        (saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{"), "answer broke off"),
        (saying(b""), "not reachable"),
        (saying(b"nonsense\r\n\r\n"), "not reachable"),
        (saying(HEAD + b"X: y\r\n" * 200 + b"\r\n"), "not reachable"),
    ],
)
def test_what_is_no_whole_json_is_a_fault(http: FhirHttp, behave: Behaviour, told: str) -> None:
    assert fault(http, behave) == told


@pytest.mark.parametrize(
    "content_type",
    ["application/fhir+json; charset=utf-8", "application/json", "application/json+fhir", ""],
)
def test_any_json_type_or_none_is_taken(http: FhirHttp, content_type: str) -> None:
    with faulty(answering(b"{}", content_type)) as server:
        assert get(http, server) == {}


def test_nobody_there_is_a_fault(http: FhirHttp) -> None:
    with pytest.raises(FhirFault, match="not reachable"):
        http.get("http://127.0.0.1:1/fhir/Patient/1", "", Deadline(2), CAP)


def test_an_answer_above_the_cap_is_not_read_to_its_end(http: FhirHttp) -> None:
    assert fault(http, answering(b" " * (CAP + 1))) == "answer too large"


def test_a_packed_answer_counts_by_what_it_unpacks_to(http: FhirHttp) -> None:
    bomb = gzip.compress(b" " * 50 * CAP)
    assert len(bomb) < CAP
    behave = answering(bomb, extra="Content-Encoding: gzip\r\n")
    assert fault(http, behave) == "answer too large"


def test_nothing_is_asked_after_the_deadline(http: FhirHttp) -> None:
    with faulty(answering(b"{}")) as server, pytest.raises(FhirFault, match="timed out"):
        get(http, server, seconds=0)
    assert not server.requests


@pytest.mark.parametrize(
    "behave",
    [
        hanging,
        dripping(ENDLESS, 0.02, HEAD + b"Content-Length: 100000\r\n\r\n"),
        dripping(ENDLESS, 0.02, HEAD + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n"),
    ],
    ids=["hang", "body", "chunk"],
)
def test_a_hang_or_a_drip_ends_with_the_deadline(http: FhirHttp, behave: Behaviour) -> None:
    began = time.monotonic()
    assert fault(http, behave, seconds=0.3) == "timed out"
    assert time.monotonic() - began < 0.8


@pytest.mark.parametrize(
    "behave",
    [
        dripping(b"X: " + ENDLESS, 0.02, HEAD),
        dripping(b"HTTP/1.1 200 " + ENDLESS, 0.02),
        dripping(b"1" * 1000, 0.02, HEAD + b"Transfer-Encoding: chunked\r\n\r\n"),
        dripping(
            b"1" * 1000, 0.02, HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        ),
    ],
    ids=["header", "status line", "chunk size", "chunk size, closing"],
)
def test_a_drip_in_what_is_read_by_lines_ends_when_the_deadline_is_cut(
    http: FhirHttp, behave: Behaviour
) -> None:
    deadline = Deadline(0.3)
    threading.Timer(0.3, deadline.cut).start()
    began = time.monotonic()
    with faulty(behave) as server, pytest.raises(FhirFault, match="timed out"):
        http.get(f"{server.base}/Patient/1", "", deadline, CAP)
    assert time.monotonic() - began < 0.8


def test_a_kept_connection_is_watched_again(http: FhirHttp) -> None:
    def behave(line: socket.socket, head: bytes) -> None:
        if b"slow" in head:
            dripping(ENDLESS, 0.02, HEAD)(line, head)
        else:
            answering(b"{}")(line, head)

    deadline = Deadline(0.3)
    with faulty(behave) as server:
        get(http, server)
        threading.Timer(0.3, deadline.cut).start()
        with pytest.raises(FhirFault, match="timed out"):
            http.get(f"{server.base}/slow", "", deadline, CAP)
    assert server.connections == 1


def test_a_connection_begun_after_the_cut_is_shut_down_at_once(http: FhirHttp) -> None:
    deadline = Deadline(5)
    with faulty(hanging) as server:
        line = socket.create_connection(("127.0.0.1", int(server.base.split(":")[2].split("/")[0])))
        with line:
            deadline.cut()
            deadline.watch(line)
            assert line.recv(1) == b""


def test_a_private_address_is_not_spoken_to_unless_listed() -> None:
    http = FhirHttp()
    with faulty(answering(b"{}")) as server, pytest.raises(FhirFault, match="private address"):
        get(http, server)
    assert not server.requests
    http.close()


def test_a_name_is_judged_by_where_it_leads() -> None:
    with faulty(answering(b"{}")) as server:
        url = server.base.replace("127.0.0.1", "localhost") + "/Patient/1"
        stranger, listed = FhirHttp(LOOPBACK), FhirHttp(frozenset({"localhost"}))
        with pytest.raises(FhirFault, match="private address"):
            stranger.get(url, "", Deadline(2), CAP)
        assert listed.get(url, "", Deadline(2), CAP)[0] == {}
        stranger.close()
        listed.close()


def test_proxies_of_the_environment_are_not_used(
    http: FhirHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    with faulty(answering(b"{}")) as server:
        assert get(http, server) == {}
