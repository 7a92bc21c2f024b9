"""A real socket server on loopback that behaves as badly as a test tells it to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Behaviour = Callable[[socket.socket, bytes], None]  # the connection and the request's head


class FaultyServer:
    """Answers each request with `behave`; remembers what was asked."""

    def __init__(self, behave: Behaviour) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.gone = threading.Event()  # a client hung up on us
        self._behave = behave
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base = f"http://127.0.0.1:{self._listener.getsockname()[1]}/fhir"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for line in [self._listener, *self._open]:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                self.connections += 1
                self._open.append(line)
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        with suppress(OSError):
            while head := self._head(line):
                self.requests.append(head)
                self._behave(line, head)
        self.gone.set()
        line.close()

    def _head(self, line: socket.socket) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = line.recv(1)
            if not byte:
                return b""
            head += byte
        return head


@contextmanager
def faulty(behave: Behaviour) -> Iterator[FaultyServer]:
    server = FaultyServer(behave)
    try:
        yield server
    finally:
        server.close()


def answering(
    body: bytes, content_type: str = "application/fhir+json", extra: str = ""
) -> Behaviour:
    """A well-behaved answer."""
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n{extra}\r\n"
    )
    return lambda line, _: line.sendall(head.encode() + body)


def dripping(text: bytes, seconds: float, start: bytes = b"") -> Behaviour:
    """A byte at a time, so that no single read ever times out."""

    def behave(line: socket.socket, _: bytes) -> None:
        line.sendall(start)
        pause = threading.Event()
        for byte in text:
            line.sendall(bytes([byte]))
            pause.wait(seconds)

    return behave


def hanging(line: socket.socket, _: bytes) -> None:
    """Never a byte, until the client hangs up."""
    line.recv(1)
