"""A running CDS service, asked over HTTP as an EHR asks it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import requests

from cds_service.outbound.base_url import parse_address
from cds_service.tools.integrator.fhir_base import CONNECT_SECONDS, Bearer, NotAnswered
from cds_service.tools.integrator.identity import Identity

Json = dict[str, Any]

SECONDS = 30.0
DISCOVERY = "/cds-services"


@dataclass(frozen=True, slots=True)
class ServiceResponse:
    """What came back."""

    status: int
    headers: Mapping[str, str]  # any case
    text: str
    milliseconds: int

    @property
    def json(self) -> Any:
        """The body, or None if it is no JSON."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None

    @property
    def cards(self) -> list[Json]:
        """The cards, if there are any to be read."""
        body = self.json
        cards = body.get("cards") if isinstance(body, dict) else None
        return [c for c in cards if isinstance(c, dict)] if isinstance(cards, list) else []


class RemoteCdsService:
    """One CDS service; signs what it asks if there is an identity."""

    def __init__(
        self, url: str, identity: Identity | None = None, seconds: float = SECONDS
    ) -> None:
        address = parse_address(url)
        if address is None or "?" in url or "#" in url:
            raise NotAnswered("The service's URL must be an http(s) URL without user or query.")
        self.base = url.rstrip("/").removesuffix(DISCOVERY)
        self.identity = identity
        self.is_here = address.is_loopback
        self.is_private = address.scheme == "https" or address.is_loopback
        self._seconds = seconds
        self._session = requests.Session()
        self._session.trust_env = not address.is_loopback

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def refuse_to_leak(self, token: str) -> None:
        """A bearer token goes to this machine or under TLS."""
        if token and not self.is_private:
            raise NotAnswered("The token would travel unencrypted: the service needs an https URL.")

    def url(self, service_id: str = "", end: str = "") -> str:
        """The URL of discovery, of a service, or of its feedback."""
        return "/".join(p for p in (self.base + DISCOVERY, service_id, end) if p)

    def discover(self) -> ServiceResponse:
        """`GET /cds-services`."""
        return self.ask("GET", self.url())

    def services(self) -> list[Json]:
        """The entries of discovery; a service that has none to show is no CDS service."""
        answer = self.discover()
        body = answer.json
        rows = body.get("services") if isinstance(body, dict) else None
        if answer.status != 200 or not isinstance(rows, list):
            raise NotAnswered(f"{self.url()}: {answer.status}, no services.", answer.status)
        return [row for row in rows if isinstance(row, dict)]

    def post(self, url: str, body: object, **headers: str) -> ServiceResponse:
        """A call or feedback."""
        return self.ask("POST", url, json.dumps(body).encode(), headers)

    def ask(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> ServiceResponse:
        """Anything; `token` replaces the one the identity would make, empty sends none."""
        sent = {"Accept": "application/json", **(headers or {})}
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        try:
            response = self._session.request(
                method,
                url,
                data=body,
                headers=sent,
                auth=Bearer(self._token(url, method) if token is None else token),
                timeout=(min(CONNECT_SECONDS, self._seconds), self._seconds),
                allow_redirects=False,
            )
        except (requests.RequestException, ValueError) as error:
            raise NotAnswered(f"{method} {url}: no answer ({type(error).__name__}).") from error
        took = round(response.elapsed.total_seconds() * 1000)
        return ServiceResponse(response.status_code, response.headers, response.text, took)

    def declare(self, url: str, size: int) -> int:
        """The status for a body of which only the size is sent, never the bytes."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = connect(parts.netloc, timeout=self._seconds)
        try:
            connection.putrequest("POST", parts.path)
            connection.putheader("Content-Type", "application/json")
            connection.putheader("Content-Length", str(size))
            if self.identity:
                connection.putheader("Authorization", f"Bearer {self._token(url, 'POST')}")
            connection.endheaders()
            return connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise NotAnswered(f"POST {url}: no answer ({type(error).__name__}).") from error
        finally:
            connection.close()

    def _token(self, url: str, method: str) -> str:
        """Preflights carry no credentials."""
        return self.identity.token(url) if self.identity and method != "OPTIONS" else ""
