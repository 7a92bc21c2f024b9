"""Who calls: the JWT of a registered EHR, checked in full before anything is read.

https://cds-hooks.hl7.org/2.0/#trusting-cds-clients. Which algorithms and keys count is told by
the registration, never by the token. The caller learns only that it was refused; the log why.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt

from cds_service.errors import NotAuthenticated
from cds_service.security.clients import Client, ClientPolicy
from cds_service.security.jwks import FETCH_SECONDS, WAITING_OF_ALL, JwksCache, key_source
from cds_service.security.used_tokens import SeenTokens

LEEWAY_SECONDS = 60
LONGEST_LIFE_SECONDS = 3600
_LONGEST_TOKEN = 8000  # gunicorn refuses longer headers anyway

Claims = Mapping[str, Any]

# Times are checked here and not by the library, which reads its own clock.
_OPTIONS: Any = {
    "require": ["iss", "aud", "exp", "iat", "jti"],
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}


@dataclass(frozen=True, slots=True)
class TokenVerifier:
    """Lets registered clients in."""

    clients: tuple[tuple[Client, JwksCache], ...]
    seen: SeenTokens
    clock: Callable[[], datetime]

    def verify(self, header: str, endpoint: str) -> ClientPolicy:
        """The caller a request's Authorization header proves; `endpoint` is the URL called."""
        token = _bearer(header)
        head, claims = _unverified(token)
        client, keys = self._client(head, claims)
        _check_algorithm(head, client)
        key = keys.find(_kid(head))
        if key is None:
            raise NotAuthenticated(f"{client.name}: no such key")
        proven = _verified(token, key, client, endpoint)
        self._check_times(proven, client)
        _check_tenant(proven, client)
        self._check_first_use(proven, client)
        return client.caller

    def warm_up(self) -> None:
        """Fetch the keys of all clients at once, and wait for them as long as a fetch may take.

        For a worker that takes no calls yet: after a restart under load many calls would want keys
        at the same moment, and only a few can wait.
        """
        end = time.monotonic() + FETCH_SECONDS
        for under_way in [keys.begin() for _, keys in self.clients]:
            if under_way is not None:
                under_way.wait(max(end - time.monotonic(), 0))

    def _client(self, head: Claims, claims: Claims) -> tuple[Client, JwksCache]:
        """The one registration that issuer and key URL fit; a token may leave out its key URL."""
        fitting = [
            (client, keys)
            for client, keys in self.clients
            if client.issuer == claims.get("iss") and head.get("jku") in (None, client.jku)
        ]
        if len(fitting) != 1:
            raise NotAuthenticated("no client is registered with this issuer and key URL")
        return fitting[0]

    def _check_times(self, claims: Claims, client: Client) -> None:
        now = self.clock().timestamp()
        issued, expires = _seconds(claims, "iat"), _seconds(claims, "exp")
        begins = _seconds(claims, "nbf") if "nbf" in claims else issued
        if expires <= now - LEEWAY_SECONDS:
            raise NotAuthenticated(f"{client.name}: expired")
        if expires < issued:
            raise NotAuthenticated(f"{client.name}: expires before it was issued")
        if max(issued, begins) > now + LEEWAY_SECONDS:
            raise NotAuthenticated(f"{client.name}: not valid yet")
        if expires - issued > LONGEST_LIFE_SECONDS:
            raise NotAuthenticated(f"{client.name}: lives too long")

    def _check_first_use(self, claims: Claims, client: Client) -> None:
        jti = claims["jti"]
        if not isinstance(jti, str) or not jti:
            raise NotAuthenticated(f"{client.name}: jti is not a string")
        until = datetime.fromtimestamp(_seconds(claims, "exp") + LEEWAY_SECONDS, UTC)
        if not self.seen.is_new(client.name, jti, until, self.clock()):
            raise NotAuthenticated(f"{client.name}: used before")


def make_verifier(
    clients: Iterable[Client],
    seen: SeenTokens,
    clock: Callable[[], datetime],
    fetched: Callable[[str, bool], None] = lambda _name, _good: None,
) -> TokenVerifier:
    """The gate for these clients; keys are fetched when first needed, or by `warm_up`."""
    waiting = threading.BoundedSemaphore(WAITING_OF_ALL)
    sources = ((client, key_source(client, waiting, fetched)) for client in clients)
    return TokenVerifier(tuple(sources), seen, clock)


def _bearer(header: str) -> str:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticated("no bearer token")
    if len(token) > _LONGEST_TOKEN:
        raise NotAuthenticated("token too long")
    return token.strip()


def _unverified(token: str) -> tuple[Claims, Claims]:
    """Header and claims as they claim to be: good for finding the registration, nothing else."""
    try:
        head = jwt.get_unverified_header(token)
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise NotAuthenticated("not a JWT") from error
    if str(head.get("typ", "JWT")).upper() != "JWT":
        raise NotAuthenticated("a token of another type")
    return head, claims


def _check_algorithm(head: Claims, client: Client) -> None:
    if head.get("alg") not in client.algorithms:
        raise NotAuthenticated(f"{client.name}: algorithm not registered")


def _kid(head: Claims) -> str:
    kid = head.get("kid")
    if not isinstance(kid, str) or not kid:
        raise NotAuthenticated("kid missing")
    return kid


def _verified(token: str, key: jwt.PyJWK, client: Client, endpoint: str) -> Claims:
    """The claims, once signature, issuer and audience are right."""
    audience = client.audience or (endpoint.rstrip("/"), endpoint.rstrip("/") + "/")
    try:
        claims: Claims = jwt.decode(
            token,
            key.key,
            algorithms=list(client.algorithms),
            audience=audience,
            issuer=client.issuer,
            options=_OPTIONS,
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise NotAuthenticated(f"{client.name}: {type(error).__name__}") from error
    return claims


def _seconds(claims: Claims, name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
        raise NotAuthenticated(f"{name} is not a time")
    return float(value)


def _check_tenant(claims: Claims, client: Client) -> None:
    if client.tenants and claims.get("tenant") not in client.tenants:
        raise NotAuthenticated(f"{client.name}: tenant not registered")
