"""Keys as sites keep them, and the tokens made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cds_service.tools.integrator.identity import UnusableKey, read_identity
from tests.tokens import ISSUER, JKU, ec_key, rsa_key

URL = "http://127.0.0.1:5000/cds-services"


def pem(key: Any) -> bytes:
    text: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return text


def key_file(folder: Path, content: bytes) -> Path:
    path = folder / "key"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("key", "algorithm"), [(ec_key(), "ES384"), (rsa_key(), "RS384")])
def test_a_token_is_made_out_to_the_url(tmp_path: Path, key: Any, algorithm: str) -> None:
    identity = read_identity(key_file(tmp_path, pem(key)), "k1", ISSUER, JKU, "")

    token = identity.token(URL)

    head = jwt.get_unverified_header(token)
    claims = jwt.decode(token, key.public_key(), algorithms=[algorithm], audience=URL)
    assert (head["alg"], head["kid"], head["jku"], head["typ"]) == (algorithm, "k1", JKU, "JWT")
    assert claims["iss"] == ISSUER
    assert claims["jti"] != jwt.decode(identity.token(URL), options={"verify_signature": False})


@pytest.mark.parametrize("key", [ec_key(), rsa_key()])
def test_a_forged_token_is_not_ours(tmp_path: Path, key: Any) -> None:
    identity = read_identity(key_file(tmp_path, pem(key)), "k1", ISSUER, "", "agreed")

    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(
            identity.forged(URL),
            key.public_key(),
            algorithms=[identity.algorithm],
            audience="agreed",
        )
    assert "jku" not in jwt.get_unverified_header(identity.unsigned(URL))


def test_a_jwk_has_its_own_id(tmp_path: Path) -> None:
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(ec_key())) | {"kid": "own"}
    path = key_file(tmp_path, json.dumps(jwk).encode())

    assert read_identity(path, "", ISSUER, JKU, "").kid == "own"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"nonsense", "no PEM private key"),
        (b'{"kty": "EC"}', "no private JWK"),
        (pem(ed25519.Ed25519PrivateKey.generate()), "no private key of EC"),
        (pem(ec.generate_private_key(ec.SECP256K1())), "no private key of EC"),
        (json.dumps(json.loads(jwt.algorithms.ECAlgorithm.to_jwk(ec_key().public_key()))).encode(),
         "no private key of EC"),
        (pem(ec_key()), "--kid is needed"),
    ],
)  # fmt: skip
def test_a_key_that_cannot_sign_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(UnusableKey, match=said):
        read_identity(key_file(tmp_path, content), "" if "kid" in said else "k", ISSUER, JKU, "")


def test_a_key_is_never_shown(tmp_path: Path) -> None:
    identity = read_identity(key_file(tmp_path, pem(ec_key())), "k1", ISSUER, JKU, "")

    assert "key=" not in repr(identity)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableKey, match="absent cannot be read"):
        read_identity(tmp_path / "absent", "k1", ISSUER, JKU, "")
