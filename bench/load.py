"""A load generator of a few processes over kept connections, and nothing that parses HTTP twice."""

from __future__ import annotations

import multiprocessing
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from multiprocessing.queues import Queue

CONNECTIONS = 4  # a process each, with one call under way


@dataclass(frozen=True)
class Load:
    """What one round came to."""

    requests: int
    failures: int
    seconds: float
    latencies: tuple[float, ...]  # sorted, in seconds

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        if not self.latencies:
            return float("nan")
        return self.latencies[min(int(len(self.latencies) * share), len(self.latencies) - 1)] * 1000


def joined(rounds: Iterable[Load]) -> Load:
    """Several rounds as one."""
    rounds = tuple(rounds)
    return Load(
        sum(r.requests for r in rounds),
        sum(r.failures for r in rounds),
        sum(r.seconds for r in rounds),
        tuple(sorted(latency for r in rounds for latency in r.latencies)),
    )


def post(
    port: int,
    path: str,
    body: bytes,
    seconds: float,
    tokens: Sequence[str] = (),
    connections: int = CONNECTIONS,
) -> Load:
    """Post one body over and over; with tokens, each call takes the next."""
    results: Queue[Load] = multiprocessing.Queue()
    shares = [tokens[n::connections] for n in range(connections)]
    workers = [
        multiprocessing.Process(target=_work, args=(results, port, path, body, seconds, share))
        for share in shares
    ]
    for worker in workers:
        worker.start()
    found = [results.get(timeout=seconds + 120) for _ in workers]
    for worker in workers:
        worker.join()
    whole = joined(found)
    return Load(whole.requests, whole.failures, max(r.seconds for r in found), whole.latencies)


def get(port: int, path: str, times: int) -> Load:
    """Get one address over and over, one call after the other."""
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    latencies = []
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        for _ in range(times):
            began = time.perf_counter()
            connection.sendall(head)
            answer(connection)
            latencies.append(time.perf_counter() - began)
    return Load(times, 0, sum(latencies), tuple(sorted(latencies)))


def request(path: str, body: bytes, token: str = "") -> bytes:
    """One call as it goes over the wire."""
    head = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    head += [f"Content-Length: {len(body)}"]
    head += [f"Authorization: Bearer {token}"] if token else []
    return "\r\n".join([*head, "", ""]).encode() + body


def _work(
    results: Queue[Load], port: int, path: str, body: bytes, seconds: float, tokens: Sequence[str]
) -> None:
    latencies: list[float] = []
    failures, one, left = 0, request(path, body), list(tokens)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = now = time.perf_counter()
        while now - began < seconds and (left or not tokens):
            connection.sendall(request(path, body, left.pop()) if tokens else one)
            failures += answer(connection) != b"200"
            ended = time.perf_counter()
            latencies.append(ended - now)
            now = ended
    results.put(Load(len(latencies), failures, now - began, tuple(latencies)))


def answer(connection: socket.socket) -> bytes:
    """Read one answer to its end; its status."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, rest = data.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length")
    )
    while len(rest) < length:
        rest += _more(connection)
    return head.split(b" ", 2)[1]


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionError("the server closed the connection")
    return data
