"""Attacks on the service as it is run, and what each came to: `python -m bench.attacks`.

    python -m bench.attacks keys feedback     only some of them

Each row of the table is one attack: what was done, what was found, and whether it was withstood.
Each is a test of the project as well; here they are printed together, against one running service.
It ends with 1 if any attack succeeded. Some four minutes.
"""

from __future__ import annotations

import json
import socket
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import requests
from cryptography.hazmat.primitives.asymmetric import ec

from tests.cases import cases
from tests.floods import BODIES, FLOODS, seconds
from tests.load_during_restart import PATH, body
from tests.running import Gunicorn, at_present
from tests.service import CASE, prefetch_of, request_of
from tests.tokens import claims, key_set, public_jwk, sign

Json = dict[str, Any]

PUBLIC = "https://cds.example.org"
SELECT = "/cds-services/heparin-order-select"
INVENTED = 24  # key ids at once
ROUND_SECONDS = 4.0
MOST_MEMORY = 800  # MB of a worker: docs/deployment.md
STEEPEST = 3.0  # a doubling


@dataclass(frozen=True, slots=True)
class Row:
    """What one attack came to."""

    attack: str
    found: str
    held: bool


class Hospitals:
    """A running service with two registered EHRs, whose keys lie in files or at a URL."""

    def __init__(self, folder: Path, north_keys: str = "") -> None:
        self.keys = {name: ec.generate_private_key(ec.SECP384R1()) for name in ("North", "South")}
        text = ""
        for name, key in self.keys.items():
            (folder / f"{name}.json").write_text(json.dumps(key_set(public_jwk(key, "k1"))))
            source = f'jku = "{north_keys}"' if north_keys and name == "North" else ""
            source = source or f'jwks_file = "{name}.json"'
            text += f'[[client]]\nname = "{name}"\nissuer = "https://{name}.example"\n{source}\n'
        (folder / "clients.toml").write_text(text)
        settings = {
            "CDS_CLIENTS": str(folder / "clients.toml"),
            "CDS_PUBLIC_URL": PUBLIC,
            "CDS_LEDGER_KEY": "0123456789abcdef0123456789abcdef",
        }
        self.server = Gunicorn(folder, f"sqlite:///{folder}/ledger.sqlite", **settings)
        call = request_of(CASE) | {"prefetch": prefetch_of(CASE)}
        self._call = at_present(call, cases()[CASE].now)

    def post(self, name: str, path: str, call: Any, kid: str = "k1", **changes: Any) -> Any:
        """With a token of its own."""
        token = claims(datetime.now(UTC), PUBLIC + path, iss=f"https://{name}.example", **changes)
        head = {"kid": kid, "jku": None}
        signed = sign(token, self.keys[name], headers=head)
        headers = {"Authorization": f"Bearer {signed}"}
        return requests.post(self.server.url + path, json=call, headers=headers, timeout=60)

    def cards(self, name: str) -> list[Json]:
        """For one and the same patient."""
        answer = self.post(name, SELECT, self._call)
        answer.raise_for_status()
        found: list[Json] = answer.json()["cards"]
        return found

    def override(self, name: str, *ids: str) -> int:
        """The status of feedback on these cards."""
        reason = {"reason": {"code": "disagree", "system": "urn:x"}}
        items = [
            {
                "card": id_,
                "outcome": "overridden",
                "outcomeTimestamp": datetime.now(UTC).isoformat(),
                "overrideReason": reason,
            }
            for id_ in ids
        ]
        return int(self.post(name, SELECT + "/feedback", {"feedback": items}).status_code)


@contextmanager
def hospitals(north_keys: str = "") -> Iterator[Hospitals]:
    """Started, and ended."""
    with tempfile.TemporaryDirectory() as folder:
        both = Hospitals(Path(folder), north_keys)
        try:
            both.server.wait()
            yield both
        finally:
            both.server.kill_all()


@contextmanager
def open_service(workers: int = 1, before: str = ":") -> Iterator[Gunicorn]:
    """Without tokens."""
    with tempfile.TemporaryDirectory() as folder:
        database = f"sqlite:///{folder}/ledger.sqlite"
        server = Gunicorn(Path(folder), database, workers, before=before)
        try:
            server.wait()
            yield server
        finally:
            server.kill_all()


def post(server: Gunicorn, text: bytes | None = None) -> requests.Response:
    """A call in open mode."""
    headers = {"Content-Type": "application/json"}
    return requests.post(server.url + PATH, data=text or body(), headers=headers, timeout=120)


# Keys.


def hanging(line: socket.socket) -> None:
    """Takes the request and says nothing."""
    time.sleep(30)
    line.close()


def dripping(line: socket.socket) -> None:
    """A header line each second and a half."""
    line.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(20):
        time.sleep(1.5)
        line.sendall(f"X-{number}: x\r\n".encode())


def failing(line: socket.socket) -> None:
    """Answers 500 at once."""
    line.recv(65536)
    line.sendall(b"HTTP/1.1 500 no\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    line.close()


@contextmanager
def key_server(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """Its URL."""
    door = socket.create_server(("127.0.0.1", 0))

    def serve(line: socket.socket) -> None:
        with suppress(OSError):
            behave(line)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(door.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{door.getsockname()[1]}/keys"
    finally:
        door.close()


def keys() -> Iterator[Row]:
    """A key server that hangs, drips or fails; 24 invented key ids at once; another's calls."""
    for behave in (hanging, dripping, failing):
        tries = []
        for _ in range(3):  # a machine that is busy for a moment is no success of the attack
            tries.append(under_attack(behave))
            if tries[-1][1] < 1.5 * tries[-1][0]:
                break
        quiet, under = min(tries, key=lambda one: one[1] / one[0])
        found = f"slowest of another hospital {under * 1000:.0f} ms, quiet {quiet * 1000:.0f} ms"
        yield Row(
            f"key server {behave.__name__}, {INVENTED} invented ids", found, under < 1.5 * quiet
        )


def under_attack(behave: Callable[[socket.socket], None]) -> tuple[float, float]:
    """The slowest call of another hospital before the attack, and from its first moment on."""
    with key_server(behave) as url, hospitals(url) as both:
        both.cards("South")
        quiet = slowest(both)
        ended = threading.Event()

        def attack() -> None:
            while not ended.is_set():
                with suppress(requests.RequestException):
                    both.post("North", SELECT, {}, kid=str(uuid4()))
                ended.wait(1)

        attackers = [threading.Thread(target=attack, daemon=True) for _ in range(INVENTED)]
        for one in attackers:
            one.start()
        under = slowest(both)
        ended.set()
        for one in attackers:
            one.join()
    return quiet, under


def slowest(both: Hospitals) -> float:
    """Of the calls that one caller makes one after the other for some seconds."""
    end, took = time.monotonic() + ROUND_SECONDS, []
    while time.monotonic() < end:
        began = time.perf_counter()
        both.cards("South")
        took.append(time.perf_counter() - began)
    return max(took)


# One hospital and the other.


def feedback() -> Iterator[Row]:
    """Forged and foreign feedback."""
    with hospitals() as both:
        (foreign,), (own,) = both.cards("North"), both.cards("South")
        forged = {
            "a card of another hospital": [foreign["uuid"]],
            "an invented card": [str(uuid4())],
            "a suggestion for a card": [foreign["suggestions"][0]["uuid"]],
            "a foreign card among own ones": [own["uuid"], foreign["uuid"]],
            "a foreign card in capitals": [foreign["uuid"].upper()],
        }
        statuses = {what: both.override("South", *ids) for what, ids in forged.items()}
        refused = sum(status == 404 for status in statuses.values())
        (after,) = both.cards("North")
    yield Row("forged and foreign feedback", f"{refused} of {len(forged)} refused", refused == 5)
    yield Row(
        "another hospital's override",
        f"the warning is then: {after['indicator']}",
        after["indicator"] == "warning",
    )


def patients() -> Iterator[Row]:
    """The same patient id at two hospitals."""
    with hospitals() as both:
        (card,) = both.cards("North")
        both.override("North", card["uuid"])
        (north,), (south,) = both.cards("North"), both.cards("South")
    found = f"overridden at one: {north['indicator']}; at the other: {south['indicator']}"
    yield Row("the same patient id at two hospitals", found, south["indicator"] == "warning")


def tokens() -> Iterator[Row]:
    """A token that expires before it was issued."""
    with hospitals() as both:
        now = int(datetime.now(UTC).timestamp())
        status = both.post("North", SELECT, {}, iat=now + 30, exp=now + 10).status_code
    yield Row("a token that expires before it was issued", f"status {status}", status == 401)


# Size.


def memory() -> Iterator[Row]:
    """Sixteen of the same body at once, on one worker."""
    for name, make in BODIES.items():
        text = make()
        with open_service() as server:
            post(server)
            statuses: list[str] = []

            def send(text: bytes = text, at: Gunicorn = server, told: Any = statuses) -> None:
                told.append(answered(at, text))

            senders = [threading.Thread(target=send) for _ in range(16)]
            for one in senders:
                one.start()
            for one in senders:
                one.join()
            peak = max(peak_memory(pid) for pid in server.workers())
            alive = answered(server) == "200"
        found = f"peak {peak} MB; {counted(statuses)}"
        yield Row(f"16 x {name}", found, peak < MOST_MEMORY and alive)


def peak_memory(pid: int) -> int:
    """The most that a process has held, in MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) // 1024


def answered(server: Gunicorn, text: bytes | None = None) -> str:
    """The status of a call, or what became of it."""
    try:
        return str(post(server, text).status_code)
    except requests.RequestException as error:
        return type(error).__name__


def counted(statuses: list[str]) -> str:
    """How often each."""
    return ", ".join(f"{statuses.count(one)} x {one}" for one in sorted(set(statuses)))


def growth() -> Iterator[Row]:
    """Everything a chart can hold many of, at n, 2n and 4n."""
    for kind, make in FLOODS.items():
        seconds(make(10))
        took = [min(seconds(make(n)) for _ in range(2)) for n in (1000, 2000, 4000)]
        steepest = max(after / max(before, 0.05) for before, after in pairwise(took))
        found = " / ".join(f"{one:.2f}" for one in took) + " s of CPU"
        yield Row(f"{kind}: 1,000 / 2,000 / 4,000", found, steepest < STEEPEST)


def time_limit() -> Iterator[Row]:
    """A call that would take longer than anybody waits."""
    with open_service() as server:
        for kind in ("n active orders of one drug", "n drafts and n orders of six drugs"):
            text = orjson.dumps(FLOODS[kind](10_000))
            began = time.perf_counter()
            path = "order-sign" if b'"order-sign"' in text else "patient-view"
            headers = {"Content-Type": "application/json"}
            url = f"{server.url}/cds-services/heparin-{path}"
            status = requests.post(url, data=text, headers=headers, timeout=300).status_code
            took = time.perf_counter() - began
            yield Row(f"{kind}, n = 10,000", f"status {status} after {took:.1f} s", took < 12)


# Log, ledger, clients, reach.


def log() -> Iterator[Row]:
    """Standard error on a full disk."""
    with open_service(before="export CDS_LOG_LEVEL=info; exec 2>/dev/full 1>/dev/full") as server:
        statuses = [answered(server) for _ in range(5)]
    yield Row("log on a full disk", counted(statuses), statuses == ["200"] * 5)


def ledger() -> Iterator[Row]:
    """Each way in which the file can fail, under a running service."""
    for name, break_ in LEDGER_FAULTS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "ledger.sqlite"
            server = Gunicorn(Path(folder), f"sqlite:///{path}", 2)
            try:
                server.wait()
                card = post(server).json()["cards"][0]["uuid"]
                time.sleep(0.1)
                undo = break_(path)
                calls = [post(server) for _ in range(4)]
                advised = sum(one.status_code == 200 and bool(one.json()["cards"]) for one in calls)
                told = tell(server, card)
                ready = {requests.get(f"{server.url}/readyz", timeout=30).status_code
                         for _ in range(6)}  # fmt: skip
                undo()
            finally:
                server.kill_all()
        found = f"{advised} of 4 advised; feedback {told}; readyz {sorted(ready)}"
        yield Row(f"ledger {name}", found, advised == 4 and told == 503 and ready == {503})


def tell(server: Gunicorn, card: str) -> int:
    """The status of feedback."""
    at = datetime.now(UTC).isoformat()
    item = {"card": card, "outcome": "accepted", "outcomeTimestamp": at}
    url = f"{server.url}{PATH}/feedback"
    return requests.post(url, json={"feedback": [item]}, timeout=60).status_code


def _lock(path: Path) -> Callable[[], None]:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other.close


def _remove(path: Path) -> Callable[[], None]:
    path.unlink()
    return lambda: None


def _damage(path: Path) -> Callable[[], None]:
    other = path.with_name("other")
    other.write_bytes(b"no database at all" * 5000)
    other.rename(path)
    return lambda: None


def _foreign(path: Path) -> Callable[[], None]:
    other = path.with_name("other")
    with sqlite3.connect(other) as made:
        made.execute("CREATE TABLE card (title TEXT)")
    made.close()
    other.rename(path)
    return lambda: None


def _empty(path: Path) -> Callable[[], None]:
    with path.open("r+b") as file:
        file.truncate(0)
    return lambda: None


def _fill(path: Path) -> Callable[[], None]:
    """A trigger that says what SQLite says when the disk is full."""
    with sqlite3.connect(path) as made:
        for table in ("call", "feedback", "probe"):
            made.execute(
                f"CREATE TRIGGER full_{table} BEFORE INSERT ON {table}"
                " BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            )
    made.close()
    return lambda: None


LEDGER_FAULTS: Mapping[str, Callable[[Path], Callable[[], None]]] = {
    "locked": _lock,
    "full": _fill,
    "removed": _remove,
    "replaced by damage": _damage,
    "replaced by another program's": _foreign,
    "emptied": _empty,
}


def slow() -> Iterator[Row]:
    """Clients that send nothing, and such as drip, on eight threads."""
    text = body()
    head = f"POST {PATH} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(text)}\r\n".encode()
    for what, begun in (("send nothing", b""), ("begin a call and stop", head)):
        with open_service() as server, ExitStack() as stack:
            for _ in range(16 if not begun else 8):
                address = ("127.0.0.1", server.port)
                line = stack.enter_context(socket.create_connection(address))
                line.sendall(begun)
            time.sleep(0.3)
            began = time.perf_counter()
            status: Any
            try:
                headers = {"Content-Type": "application/json"}
                url = server.url + PATH
                status = requests.post(url, data=text, headers=headers, timeout=40).status_code
            except requests.RequestException as error:
                status = type(error).__name__
            took = time.perf_counter() - began
        found = f"a call beside them: {status} after {took:.1f} s"
        yield Row(f"clients that {what}", found, status == 200 and took < 13)


ODD = (
    "/..;/admin", "/%252e%252e/admin", "/;x/admin", "/%00/admin", "/%c0%ae%c0%ae/admin", "/x%3F",
    "/%ef%bc%8e%ef%bc%8e/admin", "/x%23", "?x=", "#x", "/.%e2%80%8b./admin",
)  # fmt: skip


def reach() -> Iterator[Row]:
    """Addresses below the registered base that some server reads as another path."""
    from cds_service.outbound.base_url import parse_address

    base = parse_address("https://ehr.example.org/fhir")
    assert base is not None
    odd = [parse_address(f"https://ehr.example.org/fhir{one}") for one in ODD]
    refused = sum(one is None or not base.holds(one) for one in odd)
    yield Row("odd addresses below a base", f"{refused} of {len(ODD)} refused", refused == len(ODD))


ATTACKS: Mapping[str, Callable[[], Iterator[Row]]] = {
    one.__name__: one
    for one in (
        feedback, patients, tokens, keys, reach, log, ledger, slow, growth, time_limit, memory,
    )
}  # fmt: skip


def main() -> int:
    """Attack, print the table."""
    chosen = sys.argv[1:] or list(ATTACKS)
    succeeded = 0
    print(f"{'attack':<58} {'withstood':<10} found")
    for name in chosen:
        for row in ATTACKS[name]():
            succeeded += not row.held
            print(f"{row.attack:<58} {'yes' if row.held else 'NO':<10} {row.found}", flush=True)
    return 1 if succeeded else 0


if __name__ == "__main__":
    sys.exit(main())
