import responses

from cds_service.clients import Client
from cds_service.keys import key_source
from tests.tokens import ISSUER, JKU, key_set


def test_keys_are_fetched_from_the_registered_url() -> None:
    source = key_source(Client(name="General", issuer=ISSUER, jku=JKU))
    with responses.RequestsMock() as wire:
        wire.get(JKU, json=key_set())
        assert source.find("k1") is not None
        assert source.find("nobody's") is None
        assert len(wire.calls) == 1


def test_a_redirected_key_url_gives_no_key() -> None:
    source = key_source(Client(name="General", issuer=ISSUER, jku=JKU))
    with responses.RequestsMock() as wire:
        wire.get(JKU, status=302, headers={"Location": "https://evil.example/jwks.json"})
        assert source.find("k1") is None
        assert len(wire.calls) == 1
