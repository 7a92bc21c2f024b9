"""One service for several registered hospitals, each with a key and tokens of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from tests.service import CASE, Service, prefetch_of, request_of
from tests.tokens import claims, key_set, public_jwk, sign

PUBLIC = "https://cds.example.org"
SELECT = "/cds-services/heparin-order-select"
FEEDBACK = SELECT + "/feedback"

Json = dict[str, Any]


def issuer(name: str) -> str:
    return f"https://{name.lower()}.example.org/fhir"


class Hospitals:
    """A service and its callers; a profile is what stands in a hospital's entry beside the keys."""

    def __init__(self, folder: Path, profiles: Mapping[str, str], **settings: Any) -> None:
        self.keys = {name: ec.generate_private_key(ec.SECP384R1()) for name in profiles}
        rows = []
        for name, profile in profiles.items():
            keys = key_set(public_jwk(self.keys[name], "k1"))
            (folder / f"{name}.json").write_text(json.dumps(keys))
            rows.append(
                f'[[client]]\nname = "{name}"\nissuer = "{issuer(name)}"\n'
                f'jwks_file = "{name}.json"\n{profile}\n'
            )
        (folder / "clients.toml").write_text("".join(rows))
        clients = {"clients": folder / "clients.toml", "public_url": PUBLIC}
        self.service = Service(folder, open=False, **(clients | settings))

    def head(self, name: str, path: str, **changes: Any) -> Mapping[str, str]:
        token = claims(self.service.now, PUBLIC + path, iss=issuer(name), **changes)
        return {"Authorization": f"Bearer {sign(token, self.keys[name], headers={'jku': None})}"}

    def post(self, name: str, path: str, body: Mapping[str, Any], **changes: Any) -> Any:
        """With a token of its own, whose claims may be changed."""
        head = self.head(name, path, **changes)
        return self.service.client.post(path, json=body, headers=head)

    def cards(self, name: str, case: str = CASE) -> list[Json]:
        """The cards one hospital gets for a patient of the fixtures."""
        body = request_of(case) | {"prefetch": prefetch_of(case)}
        answer = self.post(name, f"/cds-services/heparin-{body['hook']}", body)
        assert answer.status_code == 200, answer.text
        cards: list[Json] = answer.json["cards"]
        return cards

    def override(self, name: str, *cards: str) -> Any:
        """What the service answers when a hospital overrides these cards."""
        return self.post(name, FEEDBACK, {"feedback": [overridden(card) for card in cards]})


def overridden(card: str) -> Json:
    return {
        "card": card,
        "outcome": "overridden",
        "outcomeTimestamp": "2026-03-02T14:00:00Z",
        "overrideReason": {"reason": {"code": "disagree", "system": "urn:heparin"}},
    }
