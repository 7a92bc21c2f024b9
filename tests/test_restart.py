"""Restarts: what was begun is finished, and no call is lost that a proxy could not send again.

`python -m bench.restart` does the same for longer and prints figures.
"""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.calls import request
from tests.fault_tables import healthy, serving
from tests.faulty_server import answering, faulty
from tests.load_during_restart import PATH, Caller, steady_calls
from tests.running import Gunicorn, until
from tests.service import CASE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds workers in /proc"),
]

KEPT = (True, True, False, False)  # callers: two keep their connection, two open one for each call
SOME = 20  # calls


class Instances:
    """Starts instances on one ledger; all end with the test."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack

    def started(self, door: socket.socket | None = None) -> Gunicorn:
        database = f"sqlite:///{self._folder}/ledger.sqlite"
        patience = {"CDS_FHIR_DEADLINE_SECONDS": "30"}
        instance = Gunicorn(self._folder, database, door=door, **patience)
        self._stack.callback(instance.kill_all)
        return instance


@pytest.fixture
def instances(tmp_path: Path) -> Iterator[Instances]:
    with ExitStack() as stack:
        yield Instances(tmp_path, stack)


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGHUP])
def test_a_call_under_way_is_finished(instances: Instances, told: signal.Signals) -> None:
    """Its FHIR server answers only after the service was told to stop, or to reload."""
    instance = instances.started()
    instance.wait()
    go_on = threading.Event()
    allergies = answering(json.dumps(healthy()["allergies"]).encode())

    def late(line: socket.socket, head: bytes) -> None:
        go_on.wait()
        allergies(line, head)

    answers: list[requests.Response] = []

    def call(base: str) -> None:
        body = request(CASE, "patient-view") | {"fhirServer": base}
        answers.append(requests.post(instance.url + PATH, json=body, timeout=60))

    with faulty(serving(healthy() | {"allergies": late})) as server:
        caller = threading.Thread(target=call, args=(server.base,))
        caller.start()
        until(lambda: any(b"AllergyIntolerance" in head for head in server.requests), "it is asked")
        before = set(instance.workers())
        instance.master.send_signal(told)
        if told == signal.SIGTERM:
            until(lambda: refuses(instance.port), "the door is closed")
        else:
            until(lambda: len(set(instance.workers()) - before) == len(before), "the new are there")
        assert not answers
        go_on.set()
        caller.join()
    assert [answer.status_code for answer in answers] == [200]


def test_no_call_is_lost_in_reloads(instances: Instances) -> None:
    instance = instances.started()
    instance.wait()
    with steady_calls([instance.port], KEPT) as stream:
        for _ in range(2):
            stream.some_more(SOME)
            instance.reload()
        stream.some_more(SOME)
    found = stream.tally()
    assert found.failures == []
    assert found.answered == found.calls
    assert found.refused == 0


def test_no_call_is_lost_while_one_of_two_is_down(instances: Instances) -> None:
    one, two = instances.started(), instances.started()
    one.wait()
    two.wait()
    with steady_calls([one.port, two.port], KEPT) as stream:
        stream.some_more(SOME)
        one.stop()
        stream.some_more(SOME)
    found = stream.tally()
    assert found.failures == []
    assert found.answered == found.calls
    assert found.refused > 0, "the other was asked instead"


def test_with_a_socket_of_systemd_calls_wait_for_the_new_start(instances: Instances) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        instance = instances.started(door)
        with steady_calls([instance.port], KEPT) as stream:
            stream.some_more(SOME)
            instance.stop()
            instance.start()
            stream.some_more(SOME)
        found = stream.tally()
    assert found.failures == []
    assert (found.answered, found.refused) == (found.calls, 0)


def test_an_idle_connection_is_closed_and_the_next_call_goes_over_a_new_one(
    instances: Instances,
) -> None:
    instance = instances.started()
    instance.wait()
    caller = Caller([instance.port], keep=True)
    caller.call()
    instance.reload()
    caller.call()
    caller.close()
    assert (caller.tally.answered, caller.tally.closed) == (2, 1)
