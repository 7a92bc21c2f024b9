"""Key servers as they are met: slow, dripping, failing, rotated; and who waits for them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import responses

from cds_service.errors import FhirFault
from cds_service.security.clients import Client
from cds_service.security.jwks import (
    FETCH_SECONDS,
    WAITING_OF_ALL,
    WAITING_OF_ONE,
    JwksCache,
    key_source,
)
from tests.tokens import ISSUER, JKU, ec_key, key_set, public_jwk

Json = dict[str, Any]


def test_keys_are_fetched_from_the_registered_url() -> None:
    source = key_source(Client(name="General", issuer=ISSUER, jku=JKU))
    with responses.RequestsMock() as wire:
        wire.get(JKU, json=key_set())
        assert source.find("k1") is not None
        assert source.find("nobody's") is None
        assert len(wire.calls) == 1


def test_a_redirected_key_url_gives_no_key() -> None:
    source = key_source(Client(name="General", issuer=ISSUER, jku=JKU))
    with responses.RequestsMock() as wire:
        wire.get(JKU, status=302, headers={"Location": "https://evil.example/jwks.json"})
        assert source.find("k1") is None
        assert len(wire.calls) == 1


class Host:
    """A key server with a clock of its own; `gate` closed, it does not answer."""

    def __init__(self) -> None:
        self.now = 0.0
        self.keys: Any = key_set()
        self.is_down = False
        self.gate = threading.Event()
        self.gate.set()
        self.fetches: list[float] = []
        self.at_once, self.most = 0, 0
        self.source = JwksCache(self.fetch, lambda: self.now)

    def fetch(self) -> object:
        self.fetches.append(self.now)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.gate.wait(10)
        self.at_once -= 1
        if self.is_down:
            raise FhirFault("not reachable")
        return self.keys

    def find(self, kid: str) -> bool:
        """Whether the key is known, once any fetch it began has ended."""
        found = self.source.find(kid) is not None
        self.settle()
        return found

    def settle(self) -> None:
        end = time.monotonic() + 5
        while self.source._under_way is not None and self.gate.is_set():
            assert time.monotonic() < end
            time.sleep(0.001)

    def rotate(self, kid: str = "k2") -> None:
        self.keys = key_set(public_jwk(ec_key(), kid))


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.gate.set()


class TestWhenToFetch:
    def test_after_a_failure_soon_then_less_often(self, host: Host) -> None:
        host.is_down = True
        for tenth in range(3000):
            host.now = tenth / 10
            host.find("k1")
        gaps = [
            later - sooner for sooner, later in zip(host.fetches, host.fetches[1:], strict=False)
        ]
        assert [round(gap) for gap in gaps[:8]] == [1, 2, 4, 8, 16, 32, 60, 60]

    def test_it_is_back_with_the_next_try(self, host: Host) -> None:
        host.is_down = True
        assert not host.find("k1")
        host.is_down = False
        host.now = 1.01
        assert host.find("k1")

    def test_after_a_failed_renewal_too(self, host: Host) -> None:
        assert host.find("k1")
        host.now, host.is_down = 1801, True
        assert host.find("k1")
        host.now = 1802.01
        host.find("k1")
        assert host.fetches == [0, 1801, 1802.01]

    def test_an_unknown_id_asks_again_once_a_minute(self, host: Host) -> None:
        assert host.find("k1")
        for second in range(2, 200):
            host.now = float(second)
            assert not host.find("invented")
        assert host.fetches == [0, 2, 62, 122, 182]

    def test_an_invented_id_does_not_delay_a_rotation(self, host: Host) -> None:
        assert host.find("k1")
        host.now = 10
        assert not host.find("invented")
        host.rotate()
        host.now = 11.01
        assert host.find("k2")

    def test_nor_do_many_of_them(self, host: Host) -> None:
        assert host.find("k1")
        for number in range(500):
            host.now += 0.05
            host.find(f"invented-{number}")
        host.rotate()
        host.now += 1.01
        assert host.find("k2")

    def test_strangers_make_us_ask_once_a_second_at_most(self, host: Host) -> None:
        assert host.find("k1")
        for number in range(2000):
            host.now += 0.05
            host.find(f"invented-{number}")
        assert len(host.fetches) <= 101

    def test_an_id_that_failed_to_be_asked_for_may_be_asked_for_again(self, host: Host) -> None:
        assert host.find("k1")
        host.now, host.is_down = 10, True
        host.rotate()
        assert not host.find("k2")
        host.now, host.is_down = 11.01, False
        assert host.find("k2")


class TestWhoWaits:
    def test_a_known_key_answers_while_keys_are_fetched(self, host: Host) -> None:
        assert host.find("k1")
        host.gate.clear()
        host.now = 1801
        began = time.monotonic()
        for _ in range(100):
            assert host.source.find("k1") is not None
        assert time.monotonic() - began < 0.5
        assert len(host.fetches) == 2

    def test_after_a_quiet_hour_it_waits_half_a_second_and_goes_on(self, host: Host) -> None:
        assert host.find("k1")
        host.gate.clear()
        host.now = 3601
        began = time.monotonic()
        assert host.source.find("k1") is not None
        assert 0.3 < time.monotonic() - began < 1.5

    def test_but_not_for_a_server_that_has_failed(self, host: Host) -> None:
        assert host.find("k1")
        host.now, host.is_down = 3601, True
        host.find("k1")
        host.gate.clear()
        host.now = 3603
        began = time.monotonic()
        assert host.source.find("k1") is not None
        assert time.monotonic() - began < 0.2

    def test_one_fetch_at_a_time_and_few_wait(self, host: Host) -> None:
        host.gate.clear()
        answered: list[object] = []

        def ask(number: int) -> None:
            answered.append(host.source.find(f"invented-{number}"))

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(24)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 1.5
        while len(answered) < 24 - WAITING_OF_ONE and time.monotonic() < end:
            time.sleep(0.01)
        assert len(answered) == 24 - WAITING_OF_ONE, "the others were answered at once"
        host.gate.set()
        for thread in threads:
            thread.join()
        assert host.most == 1
        assert not any(answered)

    def test_of_all_clients_together_some_threads_stay_free(self) -> None:
        waiting = threading.BoundedSemaphore(WAITING_OF_ALL)
        hosts = [Host() for _ in range(4)]
        for one in hosts:
            one.gate.clear()
            one.source.all_waiting = waiting
        answered: list[object] = []
        threads = [
            threading.Thread(target=lambda one=one: answered.append(one.source.find("k1")))
            for one in hosts
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        assert len(answered) == 24 - WAITING_OF_ALL
        for one in hosts:
            one.gate.set()
        for thread in threads:
            thread.join()

    def test_those_who_waited_get_the_key(self, host: Host) -> None:
        host.gate.clear()
        answered: list[object] = []
        threads = [
            threading.Thread(target=lambda: answered.append(host.source.find("k1")))
            for _ in range(WAITING_OF_ONE)
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.1)
        host.gate.set()
        for thread in threads:
            thread.join()
        assert all(answered)
        assert len(host.fetches) == 1


def silent(_line: socket.socket) -> None:
    time.sleep(10)


def dripping_headers(line: socket.socket) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(20):
        time.sleep(0.5)
        line.sendall(f"X-{number}: x\r\n".encode())


def dripping_body(line: socket.socket) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    for _ in range(20):
        time.sleep(0.5)
        line.sendall(b" ")


def failing(line: socket.socket) -> None:
    line.recv(65536)
    line.sendall(b"HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n")
    line.close()


SERVERS = {"silent": silent, "dripping headers": dripping_headers, "dripping body": dripping_body}


@contextmanager
def key_server(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """A listening socket whose connections are treated so; gives its URL."""
    door = socket.create_server(("127.0.0.1", 0))

    def serve(line: socket.socket) -> None:
        try:
            behave(line)
        except OSError:
            pass
        finally:
            line.close()

    def accept() -> None:
        while True:
            try:
                line, _ = door.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(line,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{door.getsockname()[1]}/jwks.json"
    finally:
        door.close()


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", SERVERS)
def test_a_fetch_ends_at_its_deadline_whatever_the_server_does(behaviour: str) -> None:
    with key_server(SERVERS[behaviour]) as url:
        source = key_source(Client(name="General", issuer=ISSUER, jku=url))
        began = time.monotonic()
        under_way = source.begin()
        assert under_way is not None
        assert under_way.wait(FETCH_SECONDS + 1.0)
        assert time.monotonic() - began < FETCH_SECONDS + 0.7
        assert source.find("k1") is None
