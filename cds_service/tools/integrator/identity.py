"""Tokens as an EHR makes them, from a private key in a file.

https://cds-hooks.hl7.org/2.0/#trusting-cds-clients. The key is read, used and never shown.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

LIFE_SECONDS = 300
CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
RSA_BITS = 2048


class UnusableKey(ValueError):  # noqa: N818 - it says what happened
    """The file holds no private key that signs a JWT."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A registered EHR, as it would present itself."""

    key: Any = field(repr=False)
    algorithm: str
    kid: str
    issuer: str
    jku: str = ""
    audience: str = ""  # agreed with the service; else the URL that is called

    def token(self, url: str, **changes: Any) -> str:
        """A fresh token for one call; a change replaces a claim."""
        return self._signed(self.key, self.claims(url) | changes)

    def forged(self, url: str) -> str:
        """The same, signed by somebody else's key."""
        stranger: Any
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            stranger = ec.generate_private_key(self.key.curve)
        else:
            stranger = rsa.generate_private_key(65537, RSA_BITS)
        return self._signed(stranger, self.claims(url))

    def unsigned(self, url: str) -> str:
        """The same with the algorithm "none"."""
        return jwt.encode(self.claims(url), key="", algorithm="none", headers=self._header())

    def claims(self, url: str) -> dict[str, Any]:
        """What a token for this URL says."""
        now = int(time.time())
        return {
            "iss": self.issuer,
            "aud": self.audience or url,
            "iat": now,
            "exp": now + LIFE_SECONDS,
            "jti": str(uuid4()),
        }

    def _signed(self, key: Any, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, key, algorithm=self.algorithm, headers=self._header())

    def _header(self) -> dict[str, str]:
        return {"kid": self.kid} | ({"jku": self.jku} if self.jku else {})


def read_identity(path: Path, kid: str, issuer: str, jku: str, audience: str) -> Identity:
    """The identity of a key file: PEM without a passphrase, or a private JWK."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UnusableKey(f"{path.name} cannot be read") from error
    jwk = _jwk(text)
    key = _from_jwk(jwk, path) if jwk else _from_pem(text, path)
    kid = kid or str(jwk.get("kid", ""))
    if not kid:
        raise UnusableKey("--kid is needed: the key's id in the key set the service knows")
    return Identity(key, _algorithm(key, path), kid, issuer, jku, audience)


def _jwk(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _from_jwk(jwk: dict[str, Any], path: Path) -> Any:
    try:
        return jwt.PyJWK(jwk).key
    except jwt.PyJWTError as error:
        raise UnusableKey(f"{path.name} holds no private JWK") from error


def _from_pem(text: bytes, path: Path) -> Any:
    try:
        return load_pem_private_key(text, password=None)
    except (ValueError, TypeError) as error:
        raise UnusableKey(f"{path.name} holds no PEM private key without passphrase") from error


def _algorithm(key: Any, path: Path) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in CURVES:
        return CURVES[key.curve.name]
    if isinstance(key, rsa.RSAPrivateKey):
        return "RS384"
    raise UnusableKey(f"{path.name} holds no private key of EC (P-256, P-384, P-521) or RSA")
