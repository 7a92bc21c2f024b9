"""A registered EHR for one run: its key, its entry in CDS_CLIENTS, and a fresh token per call."""

from __future__ import annotations

import json
import time
from pathlib import Path
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

ISSUER = "https://ehr.example.org/fhir"
URL = "http://127.0.0.1"
KEY_ID = "bench"


def register(folder: Path) -> ec.EllipticCurvePrivateKey:
    """Write the registration; the key signs its tokens."""
    key = ec.generate_private_key(ec.SECP384R1())
    public = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    jwks = {"keys": [public | {"kid": KEY_ID, "alg": "ES384", "use": "sig"}]}
    (folder / "keys.json").write_text(json.dumps(jwks), encoding="utf-8")
    (folder / "clients.toml").write_text(
        f'[[client]]\nname = "Bench"\nissuer = "{ISSUER}"\njwks_file = "{folder / "keys.json"}"\n',
        encoding="utf-8",
    )
    return key


def tokens(key: ec.EllipticCurvePrivateKey, path: str, count: int) -> list[str]:
    """One for each call: a token is good only once."""
    now = int(time.time())
    return [
        jwt.encode(
            {"iss": ISSUER, "aud": URL + path, "iat": now, "exp": now + 280, "jti": str(uuid4())},
            key,
            algorithm="ES384",
            headers={"kid": KEY_ID},
        )
        for _ in range(count)
    ]
