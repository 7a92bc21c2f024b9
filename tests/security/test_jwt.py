"""Who is let in, and every way a token can be wrong."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cds_service.errors import FhirFault, NotAuthenticated
from cds_service.ledger.database import Ledger
from cds_service.security.clients import Client
from cds_service.security.jwks import JwksCache
from cds_service.security.jwt import TokenVerifier
from cds_service.security.used_tokens import SeenTokens, seen_tokens
from tests.databases import new_database
from tests.tokens import ISSUER, JKU, claims, ec_key, key_set, public_jwk, rsa_key, sign

Json = dict[str, Any]

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ENDPOINT = "https://cds.example.org/cds-services/heparin-patient-view"
OTHER_EC = ec.generate_private_key(ec.SECP384R1())


class Host:
    """An EHR's key URL."""

    def __init__(self) -> None:
        self.keys: Any = key_set()
        self.is_down = False
        self.fetches = 0

    def fetch(self) -> object:
        self.fetches += 1
        if self.is_down:
            raise FhirFault("not reachable")
        return self.keys


class Door:
    """A verifier with one client, its key URL and a clock to turn."""

    def __init__(self, ledger: Ledger, **registration: Any) -> None:
        self.host = Host()
        self.now = NOW
        self.seen = SeenTokens(ledger)
        self.register(**registration)

    def register(self, **registration: Any) -> None:
        self.client = Client(**({"name": "General", "issuer": ISSUER, "jku": JKU} | registration))
        keys = JwksCache(self.host.fetch, lambda: self.now.timestamp())
        self.verifier = TokenVerifier(((self.client, keys),), self.seen, lambda: self.now)

    def admit(self, token: str) -> str:
        return self.verifier.verify(f"Bearer {token}", ENDPOINT).name

    def token(self, *, key: Any = None, alg: str = "ES384", headers: Json | None = None,
              **changes: Any) -> str:  # fmt: skip
        payload = claims(self.now, ENDPOINT, **({"jti": str(uuid4())} | changes))
        return sign(payload, key, alg, headers)

    def refusal(self, token: str) -> str:
        with pytest.raises(NotAuthenticated) as refusal:
            self.admit(token)
        assert str(refusal.value) == "Authentication is required."
        return refusal.value.reason


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(new_database(tmp_path))
    ledger.create()
    yield ledger
    ledger.close()


@pytest.fixture
def door(ledger: Ledger) -> Door:
    return Door(ledger)


class TestLetIn:
    def test_a_good_token(self, door: Door) -> None:
        assert door.admit(door.token()) == "General"

    def test_rsa_as_well(self, door: Door) -> None:
        assert door.admit(door.token(key=rsa_key(), alg="RS384", headers={"kid": "r1"}))

    def test_a_client_brings_its_profile(self, door: Door) -> None:
        door.register(selection_behavior="any", single_action=True, fhir_servers=[ISSUER])
        caller = door.verifier.verify(f"Bearer {door.token()}", ENDPOINT)
        assert caller.selection_behavior == "any"
        assert caller.single_action
        assert caller.allowed_fhir_server(ISSUER)

    def test_an_audience_among_several(self, door: Door) -> None:
        assert door.admit(door.token(aud=["https://other.example", ENDPOINT]))

    def test_an_agreed_audience(self, door: Door) -> None:
        door.register(audience=["heparin"])
        assert door.admit(door.token(aud="heparin"))
        assert "Audience" in door.refusal(door.token())

    def test_a_token_without_its_key_url(self, door: Door) -> None:
        assert door.admit(door.token(headers={"jku": None}))

    def test_a_key_id_of_any_letters(self, door: Door) -> None:
        kid = "a+b/c=="
        door.host.keys = key_set(public_jwk(ec_key(), kid))
        assert door.admit(door.token(headers={"kid": kid}))

    def test_another_algorithm_only_by_registration(self, door: Door) -> None:
        def token() -> str:
            return door.token(key=rsa_key(), alg="RS256", headers={"kid": "r1"})

        assert "algorithm" in door.refusal(token())
        door.register(algorithms=["RS256"])
        assert door.admit(token())

    @pytest.mark.parametrize(("issued", "expires"), [(59, 359), (-359, -59), (0, 0)])
    def test_a_clock_a_minute_off(self, door: Door, issued: int, expires: int) -> None:
        now = int(NOW.timestamp())
        assert door.admit(door.token(iat=now + issued, nbf=now + issued, exp=now + expires))

    def test_a_registered_tenant(self, door: Door) -> None:
        door.register(tenants=["north"])
        assert door.admit(door.token(tenant="north"))
        assert "tenant" in door.refusal(door.token(tenant="south"))
        assert "tenant" in door.refusal(door.token())

    def test_the_right_one_of_two_clients_with_one_issuer(self, ledger: Ledger) -> None:
        one, two = Host(), Host()
        two.keys = key_set(public_jwk(OTHER_EC, "k1"))
        clients = [
            Client(name="one", issuer=ISSUER, jku=JKU),
            Client(name="two", issuer=ISSUER, jku=JKU + "2"),
        ]
        sources = [JwksCache(host.fetch, lambda: 0.0) for host in (one, two)]
        verifier = TokenVerifier(
            tuple(zip(clients, sources, strict=True)), SeenTokens(ledger), lambda: NOW
        )
        token = sign(claims(NOW, ENDPOINT), OTHER_EC, headers={"jku": JKU + "2"})
        assert verifier.verify(f"Bearer {token}", ENDPOINT).name == "two"
        with pytest.raises(NotAuthenticated):
            verifier.verify(
                f"Bearer {sign(claims(NOW, ENDPOINT), headers={'jku': None})}", ENDPOINT
            )


def segment(value: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


class TestRefused:
    @pytest.mark.parametrize(
        "header",
        ["", "Bearer", "Bearer ", "Basic abc", "Bearer abc", "Bearer a.b.c", "Bearer ...",
         "Bearer " + "x" * 100_000, "Bearer é.é.é"],
    )  # fmt: skip
    def test_what_is_no_token(self, door: Door, header: str) -> None:
        with pytest.raises(NotAuthenticated):
            door.verifier.verify(header, ENDPOINT)

    @pytest.mark.parametrize("payload", ["[]", "7", '"text"', "{", "null"])
    def test_claims_that_are_no_object(self, door: Door, payload: str) -> None:
        body = base64.urlsafe_b64encode(payload.encode()).decode().rstrip("=")
        assert door.refusal(f"{segment({'alg': 'ES384'})}.{body}.AAAA") == "not a JWT"

    def test_no_algorithm(self, door: Door) -> None:
        payload = segment(claims(NOW, ENDPOINT))
        for alg in ("none", "None", "NONE", ""):
            head = segment({"alg": alg, "kid": "k1", "typ": "JWT"})
            assert door.refusal(f"{head}.{payload}.")

    def test_a_symmetric_algorithm_keyed_with_the_public_key(self, door: Door) -> None:
        import hashlib
        import hmac

        pem = rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        head = segment({"alg": "HS256", "kid": "r1", "typ": "JWT"})
        signed = f"{head}.{segment(claims(NOW, ENDPOINT))}"
        mac = hmac.new(pem, signed.encode(), hashlib.sha256).digest()
        signature = base64.urlsafe_b64encode(mac).decode().rstrip("=")
        assert "algorithm" in door.refusal(f"{signed}.{signature}")

    def test_a_key_of_the_other_kind(self, door: Door) -> None:
        assert door.refusal(door.token(headers={"kid": "r1"}))

    def test_a_signature_by_another_key(self, door: Door) -> None:
        assert "Signature" in door.refusal(door.token(key=OTHER_EC))

    def test_claims_changed_after_signing(self, door: Door) -> None:
        head, _, signature = door.token().split(".")
        assert door.refusal(f"{head}.{segment(claims(NOW, ENDPOINT))}.{signature}")

    def test_an_unknown_issuer(self, door: Door) -> None:
        assert "registered" in door.refusal(door.token(iss="https://evil.example"))

    def test_a_key_url_that_is_not_registered_is_never_fetched(self, door: Door) -> None:
        for jku in ("https://evil.example/jwks.json", JKU + "/", JKU + "?x", 7):
            assert "registered" in door.refusal(door.token(headers={"jku": jku}))
        assert door.host.fetches == 0

    @pytest.mark.parametrize(
        "audience",
        ["https://cds.example.org", ENDPOINT + "/feedback", "https://cds.example.org/cds-services",
         [], ["https://other.example"], 7, ""],
    )  # fmt: skip
    def test_a_token_made_out_to_something_else(self, door: Door, audience: object) -> None:
        assert door.refusal(door.token(aud=audience))

    @pytest.mark.parametrize("claim", ["iss", "aud", "exp", "iat", "jti"])
    def test_a_required_claim_left_out(self, door: Door, claim: str) -> None:
        assert door.refusal(door.token(**{claim: None}))

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"iat": -400, "exp": -60}, "expired"),
            ({"iat": 61, "exp": 300}, "not valid yet"),
            ({"nbf": 61}, "not valid yet"),
            ({"exp": 3601}, "lives too long"),
            ({"iat": 59, "exp": 58}, "expires before it was issued"),
            ({"iat": 0, "nbf": 0, "exp": -1}, "expires before it was issued"),
            ({"iat": -3600, "exp": 300}, "lives too long"),
        ],
    )
    def test_at_the_wrong_time(self, door: Door, changes: Json, reason: str) -> None:
        absolute = {name: int(NOW.timestamp()) + seconds for name, seconds in changes.items()}
        assert reason in door.refusal(door.token(**absolute))

    @pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
    @pytest.mark.parametrize("value", ["soon", True, [], -1, 2**60])
    def test_a_time_that_is_none(self, door: Door, claim: str, value: object) -> None:
        assert door.refusal(door.token(**{claim: value}))

    @pytest.mark.parametrize("jti", [7, "", [], {}])
    def test_an_id_that_is_none(self, door: Door, jti: object) -> None:
        assert door.refusal(door.token(jti=jti))

    @pytest.mark.parametrize("kid", [None, "", 7])
    def test_without_a_key_id(self, door: Door, kid: object) -> None:
        token = door.token(headers={"kid": None})
        if kid is not None:
            head = segment({"alg": "ES384", "kid": kid, "jku": JKU, "typ": "JWT"})
            token = ".".join([head, *token.split(".")[1:]])
        assert door.refusal(token)

    def test_an_access_token_of_the_same_issuer(self, door: Door) -> None:
        assert "another type" in door.refusal(door.token(headers={"typ": "at+jwt"}))

    def test_a_second_time(self, door: Door) -> None:
        token = door.token()
        door.admit(token)
        assert "used before" in door.refusal(token)

    def test_a_second_time_at_another_worker(self, door: Door, ledger: Ledger) -> None:
        token = door.token()
        door.admit(token)
        door.seen = SeenTokens(ledger)
        door.register()
        assert "used before" in door.refusal(token)

    def test_no_reason_holds_the_token(self, door: Door) -> None:
        token = door.token(key=OTHER_EC)
        assert not any(part in door.refusal(token) for part in token.split("."))


class TestKeys:
    def test_keys_are_fetched_once_for_many_tokens(self, door: Door) -> None:
        for _ in range(5):
            door.admit(door.token())
        assert door.host.fetches == 1

    def test_a_rotated_key_is_fetched_when_a_token_names_it(self, door: Door) -> None:
        door.admit(door.token())
        door.host.keys = key_set(public_jwk(OTHER_EC, "k2"))
        door.now += timedelta(seconds=61)
        assert door.admit(door.token(key=OTHER_EC, headers={"kid": "k2"}))
        assert "no such key" in door.refusal(door.token())

    def test_invented_key_ids_do_not_make_us_fetch_again_and_again(self, door: Door) -> None:
        for number in range(20):
            door.refusal(door.token(headers={"kid": f"x{number}"}))
        assert door.host.fetches == 1

    def test_a_key_host_that_is_down_refuses_until_it_is_back(self, door: Door) -> None:
        door.host.is_down = True
        assert "no such key" in door.refusal(door.token())
        door.host.is_down = False
        door.now += timedelta(seconds=61)
        assert door.admit(door.token())

    def test_old_keys_serve_a_day_while_the_host_is_down(self, door: Door) -> None:
        door.admit(door.token())
        door.host.is_down = True
        door.now += timedelta(hours=23)
        assert door.admit(door.token())
        door.now += timedelta(hours=2)
        assert "no such key" in door.refusal(door.token())

    def test_a_withdrawn_key_is_refused_after_an_hour(self, door: Door) -> None:
        door.admit(door.token())
        door.host.keys = key_set(public_jwk(OTHER_EC, "k2"))
        door.now += timedelta(seconds=3601)
        assert "no such key" in door.refusal(door.token())

    @pytest.mark.parametrize("keys", [None, [], "text", {}, {"keys": "text"}, {"keys": [7, {}]}])
    def test_a_key_set_that_is_none_gives_no_key(self, door: Door, keys: object) -> None:
        door.host.keys = keys
        assert "no such key" in door.refusal(door.token())

    def test_a_broken_key_costs_only_itself(self, door: Door) -> None:
        broken = [{"kid": "b", "kty": "EC"}, {"kid": "o", "kty": "oct", "k": "c2VjcmV0"}]
        encryption = public_jwk(ec_key(), "e", use="enc")
        door.host.keys = key_set(*broken, encryption, public_jwk(ec_key(), "k1"))
        assert door.admit(door.token())
        assert "no such key" in door.refusal(door.token(headers={"kid": "e"}))


class TestDatabase:
    def test_without_the_database_calls_go_on_and_repeats_are_still_caught(
        self, tmp_path: Path
    ) -> None:
        ledger = Ledger(f"sqlite:///{tmp_path}/none/ledger.sqlite")
        door = Door(ledger)
        token = door.token()
        assert door.admit(token)
        assert "used before" in door.refusal(token)
        assert not ledger.ready()
        ledger.close()

    def test_after_a_failed_write_it_is_ready_once_it_can_write_again(self, ledger: Ledger) -> None:
        ledger.failed(seen_tokens)
        assert ledger.ready()

    def test_expired_ids_are_purged(self, door: Door, ledger: Ledger) -> None:
        from sqlalchemy import func, select

        for _ in range(3):
            door.admit(door.token())
        door.now += timedelta(hours=1)
        door.admit(door.token())
        with ledger.engine.connect() as connection:
            assert connection.execute(select(func.count()).select_from(seen_tokens)).scalar() == 1
