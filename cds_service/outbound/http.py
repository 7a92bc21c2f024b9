"""One GET to a FHIR server: bounded in time, bytes and reach, whatever the server does.

Knows nothing of FHIR but the media type. Every way it can fail is a `FhirFault`.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.cookiejar import DefaultCookiePolicy

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, ReadTimeoutError

from cds_service.errors import BodyTooLarge, Busy, FhirFault, RequestRefused, UnreadableJson
from cds_service.outbound.base_url import is_private
from cds_service.outbound.json_text import is_within_depth_limit, read_json
from cds_service.outbound.workload import Workload

_CHUNK = 65_536
_CONNECT_SECONDS = 2.0
_KEPT_CONNECTIONS = 32  # per server
_KEPT_SERVERS = 32


class Deadline:
    """A point in time shared by all reads of one call; cutting it ends reads that still hang.

    A timeout of a socket starts anew with every byte, so a server that drips could hold a read
    for ever: at the deadline its connection is shut down instead.
    """

    def __init__(self, seconds: float, work: Workload | None = None) -> None:
        self.work = work  # of the call that reads; what it may read in all
        self._end = time.monotonic() + seconds
        self._lines: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_cut = False

    @property
    def remaining(self) -> float:
        """Seconds left; not above zero when it is over."""
        return self._end - time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether nothing more may be read."""
        return self._is_cut or self.remaining <= 0

    @contextmanager
    def enforced(self) -> Iterator[Deadline]:
        """Cut when it is over; who waits for several reads at once does that itself."""
        timer = threading.Timer(max(self.remaining, 0), self.cut)
        timer.daemon = True
        timer.start()
        try:
            yield self
        finally:
            timer.cancel()

    def watch(self, line: socket.socket) -> None:
        """Shut this connection down when the deadline is cut."""
        with self._lock:
            if not self._is_cut:
                self._lines.add(line)
                return
        _shut_down(line)

    def release(self, line: socket.socket) -> None:
        """The read on this connection is finished."""
        with self._lock:
            self._lines.discard(line)

    def cut(self) -> None:
        """End every read that is still under way."""
        with self._lock:
            self._is_cut = True
            lines, self._lines = self._lines, set()
        for line in lines:
            _shut_down(line)


class FhirHttp:
    """Kept connections to FHIR servers; shared by all threads of a process."""

    def __init__(self, private_hosts: frozenset[str] = frozenset()) -> None:
        self._session = requests.Session()
        self._session.trust_env = False  # no proxies, no .netrc
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _GuardedAdapter())
        self._private_hosts = private_hosts

    def close(self) -> None:
        """Give up the kept connections."""
        self._session.close()

    def get(self, url: str, token: str, deadline: Deadline, byte_cap: int) -> tuple[object, int]:
        """The JSON at a URL and the number of bytes it took."""
        if deadline.is_over:
            raise FhirFault("timed out")
        with _reading(deadline, self._private_hosts):
            try:
                text = self._read(url, token, deadline, byte_cap)
            except BodyTooLarge as error:
                raise FhirFault(_beyond(error)) from error
            except (requests.RequestException, HTTPError, OSError) as error:
                raise FhirFault(_told(error, deadline)) from error
        try:
            if deadline.work is not None:
                deadline.work.hold(text)
            value = read_json(text)
        except UnreadableJson as error:
            raise FhirFault("not JSON") from error
        except (BodyTooLarge, Busy) as error:
            raise FhirFault(_beyond(error)) from error
        if not is_within_depth_limit(value):
            raise FhirFault("nested too deeply")
        return value, len(text)

    def _read(self, url: str, token: str, deadline: Deadline, byte_cap: int) -> bytes:
        with self._send(url, token, deadline) as response:
            if 300 <= response.status_code < 400:
                raise FhirFault("redirected")
            if response.status_code != requests.codes.ok:
                raise FhirFault(f"HTTP {response.status_code}", response.status_code)
            if not _is_json(response.headers.get("Content-Type", "")):
                raise FhirFault("not JSON")
            return _body(response, deadline, byte_cap)

    def _send(self, url: str, token: str, deadline: Deadline) -> requests.Response:
        """Send once more if a kept connection turns out to be closed by the server."""
        try:
            return self._send_once(url, token, deadline)
        except requests.Timeout:
            raise
        except requests.ConnectionError:
            if deadline.is_over:
                raise
            return self._send_once(url, token, deadline)

    def _send_once(self, url: str, token: str, deadline: Deadline) -> requests.Response:
        headers = {"Accept": "application/fhir+json", "User-Agent": "heparin-cds"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        left = max(deadline.remaining, 0.001)
        return self._session.get(
            url,
            headers=headers,
            stream=True,
            allow_redirects=False,
            timeout=(min(left, _CONNECT_SECONDS), left),
        )


def _body(response: requests.Response, deadline: Deadline, byte_cap: int) -> bytes:
    """The unpacked body, one piece of network at a time."""
    pieces, size = [], 0
    while piece := response.raw.read1(_CHUNK, decode_content=True):
        size += len(piece)
        if size > byte_cap:
            raise FhirFault("answer too large")
        if deadline.work is not None:
            deadline.work.count(len(piece))
        if deadline.is_over:
            break
        pieces.append(piece)
    if deadline.is_over:  # a connection that was cut looks like the end of the body
        raise FhirFault("timed out")
    return b"".join(pieces)


def _beyond(error: RequestRefused) -> str:
    return "no room for it" if isinstance(error, Busy) else "more than one call may read"


def _is_json(content_type: str) -> bool:
    """Whether a media type is some JSON; servers that name none are judged by the text."""
    return not content_type or "json" in content_type.partition(";")[0].lower()


def _told(error: Exception, deadline: Deadline) -> str:
    if deadline.is_over or isinstance(error, requests.Timeout | ReadTimeoutError | TimeoutError):
        return "timed out"
    if isinstance(error, requests.exceptions.SSLError):
        return "TLS failed"
    return "not reachable" if isinstance(error, requests.ConnectionError) else "answer broke off"


# Connections that the deadline can end and that do not reach private addresses unasked.


class _Reading(threading.local):
    """What the current thread is reading for; connections have no other way to know."""

    deadline: Deadline | None = None
    private_hosts: frozenset[str] = frozenset()
    lines: list[socket.socket]


_current = _Reading()


@contextmanager
def _reading(deadline: Deadline, private_hosts: frozenset[str]) -> Iterator[None]:
    _current.deadline, _current.private_hosts, _current.lines = deadline, private_hosts, []
    try:
        yield
    finally:
        for line in _current.lines:
            deadline.release(line)
            line.close()
        _current.deadline = None


def _watch(connection: socket.socket) -> None:
    """Watch a duplicate: it stays valid when TLS takes over the socket or the client closes it."""
    if _current.deadline is not None:
        line = socket.socket(fileno=os.dup(connection.fileno()))
        _current.lines.append(line)
        _current.deadline.watch(line)


def _refuse_private(line: socket.socket, host: str) -> None:
    """Judged by the address we are connected to: a name may resolve differently each time."""
    if host.strip("[]").lower() not in _current.private_hosts and is_private(line.getpeername()[0]):
        line.close()
        raise FhirFault("private address refused")


def _shut_down(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


class _GuardedConnection(HTTPConnection):
    """Watched from its first byte on."""

    def _new_conn(self) -> socket.socket:
        line = super()._new_conn()
        _refuse_private(line, self.host)
        _watch(line)
        return line

    def putrequest(
        self,
        method: str,
        url: str,
        skip_host: bool = False,
        skip_accept_encoding: bool = False,
    ) -> None:
        if self.sock is not None:  # a kept connection: this reader has to watch it too
            _watch(self.sock)
        super().putrequest(method, url, skip_host, skip_accept_encoding)


class _GuardedTlsConnection(_GuardedConnection, HTTPSConnection):
    """The same over TLS."""


class _GuardedPool(HTTPConnectionPool):
    ConnectionCls = _GuardedConnection


class _GuardedTlsPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedTlsConnection


class _GuardedAdapter(HTTPAdapter):
    def __init__(self) -> None:
        super().__init__(_KEPT_SERVERS, _KEPT_CONNECTIONS)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _GuardedPool,
            "https": _GuardedTlsPool,
        }
