"""Invented EHRs: key pairs, key sets and signed tokens."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

Json = dict[str, Any]

ISSUER = "https://ehr.example.org/fhir"
JKU = "https://ehr.example.org/jwks.json"


@cache
def ec_key(kid: str = "k1") -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP384R1())


@cache
def rsa_key(kid: str = "r1") -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def public_jwk(key: Any, kid: str, **more: Any) -> Json:
    kind = jwt.algorithms.ECAlgorithm if hasattr(key, "curve") else jwt.algorithms.RSAAlgorithm
    row: Json = json.loads(kind.to_jwk(key.public_key()))
    return row | {"kid": kid} | more


def key_set(*rows: Json) -> Json:
    return {"keys": list(rows) or [public_jwk(ec_key(), "k1"), public_jwk(rsa_key(), "r1")]}


def claims(now: datetime, audience: Any, **changes: Any) -> Json:
    """Good claims; a change to None leaves the claim out."""
    seconds = int(now.timestamp())
    good: Json = {
        "iss": ISSUER,
        "aud": audience,
        "iat": seconds,
        "exp": seconds + 300,
        "jti": str(uuid4()),
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def sign(payload: Json, key: Any = None, alg: str = "ES384", headers: Json | None = None) -> str:
    """A token; a header changed to None is left out."""
    given = {"kid": "k1", "jku": JKU} | (headers or {})
    kept = {name: value for name, value in given.items() if value is not None}
    return jwt.encode(payload, key or ec_key(), algorithm=alg, headers=kept)
