"""Clients that send nothing, or byte by byte, on the service as it is run."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.load_during_restart import PATH, body
from tests.running import Gunicorn, until

pytestmark = [pytest.mark.slow]

HEAD = f"POST {PATH} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Gunicorn]:
    """One worker of eight threads, so that two dozen slow clients are three to a thread."""
    running = Gunicorn(tmp_path, f"sqlite:///{tmp_path}/ledger.sqlite", workers=1)
    try:
        running.wait()
        yield running
    finally:
        running.kill_all()


@pytest.fixture
def slow(server: Gunicorn) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            for _ in range(24)
        ]


def answered(server: Gunicorn) -> float:
    """Seconds until a call is answered."""
    began = time.monotonic()
    headers = {"Content-Type": "application/json"}
    answer = requests.post(server.url + PATH, data=body(), headers=headers, timeout=60)
    assert answer.status_code == 200
    return time.monotonic() - began


def test_connections_that_send_nothing_delay_nobody(
    server: Gunicorn, slow: list[socket.socket]
) -> None:
    time.sleep(0.5)
    assert answered(server) < 3.0, "gunicorn's own worker waits 5 s for each"
    until(lambda: all(is_closed(line) for line in slow), "they are closed")


@pytest.mark.parametrize(
    "begun",
    ["POST /cds", HEAD, HEAD + "Content-Length: 5000\r\n\r\n{"],
    ids=["line", "head", "body"],
)
def test_requests_that_drip_are_cut(
    server: Gunicorn, slow: list[socket.socket], begun: str
) -> None:
    """They take every thread, and give them back at the deadline though bytes go on coming."""
    slow = slow[:8]
    for line in slow:
        line.sendall(begun.encode())
    end = time.monotonic() + 18
    while not all(is_closed(line) for line in slow):
        assert time.monotonic() < end
        for line in slow:
            drip(line)
        time.sleep(0.5)
    assert answered(server) < 5.0


def test_a_slow_but_whole_call_is_answered(server: Gunicorn) -> None:
    text = body()
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        line.sendall(f"{HEAD}Connection: close\r\nContent-Length: {len(text)}\r\n\r\n".encode())
        step = len(text) // 5 + 1
        for start in range(0, len(text), step):
            time.sleep(0.5)
            line.sendall(text[start : start + step])
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200")


def drip(line: socket.socket) -> None:
    try:
        line.sendall(b"x")
    except OSError:
        return


def is_closed(line: socket.socket) -> bool:
    """Whether the service has ended the connection, with or without an answer."""
    line.setblocking(False)
    try:
        return line.recv(65536, socket.MSG_PEEK) == b"" or _is_closed_after_answer(line)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        line.setblocking(True)


def _is_closed_after_answer(line: socket.socket) -> bool:
    line.recv(65536)
    try:
        return line.recv(65536) == b""
    except BlockingIOError:
        return False
