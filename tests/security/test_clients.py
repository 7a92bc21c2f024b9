from pathlib import Path

import pytest

from cds_service.errors import StartRefused
from cds_service.security.clients import load_clients, open_mode_client

HOSPITAL = """
[[client]]
name = "General Hospital"
issuer = "https://ehr.example.org/fhir"
jku = "https://ehr.example.org/jwks.json"
fhir_servers = ["https://ehr.example.org/fhir"]
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "clients.toml"
    path.write_text(text)
    return path


def faults(tmp_path: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(StartRefused) as refusal:
        load_clients(written(tmp_path, text))
    return refusal.value.faults


def test_a_client_is_read_with_careful_defaults(tmp_path: Path) -> None:
    (client,) = load_clients(written(tmp_path, HOSPITAL))
    assert client.algorithms == ("ES384", "RS384")
    assert client.audience == ()
    assert client.caller.selection_behavior == "at-most-one"
    assert client.caller.single_action is False


def test_a_key_set_file_is_looked_for_beside_the_clients_file(tmp_path: Path) -> None:
    text = HOSPITAL.replace('jku = "https://ehr.example.org/jwks.json"', 'jwks_file = "keys.json"')
    (client,) = load_clients(written(tmp_path, text))
    assert client.jwks_file == tmp_path / "keys.json"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "[[client]]"),
        ("client = []", "[[client]]"),
        ('other = 1\n[[client]]\nname = "a"', "[[client]]"),
        ("[[client", "cannot be read"),
        (HOSPITAL + 'algorithms = ["HS256"]', "client 1: algorithms.0"),
        (HOSPITAL + 'algorithms = ["none"]', "client 1: algorithms.0"),
        (HOSPITAL + "algorithms = []", "client 1: algorithms"),
        (HOSPITAL + 'jwks_file = "keys.json"', "exactly one of jku and jwks_file"),
        (HOSPITAL.replace("jku =", "jk ="), "client 1: jk"),
        (HOSPITAL.replace("https://ehr.example.org/jwks", "http://ehr.example.org/jwks"), "https"),
        (HOSPITAL.replace('["https://ehr', '["http://ehr'), "client 1: fhir_servers.0"),
        (HOSPITAL.replace('["https://ehr', '["https://me@ehr'), "client 1: fhir_servers.0"),
        (HOSPITAL + 'selection_behavior = "all"', "client 1: selection_behavior"),
        (HOSPITAL.replace("General", "<your>"), "client 1: name: still holds a placeholder"),
        (HOSPITAL.replace("ehr.", "<ehr>.", 1), "client 1: issuer: still holds a placeholder"),
        (HOSPITAL.replace('["https://ehr', '["https://<ehr>'), "fhir_servers: still holds"),
        (HOSPITAL + HOSPITAL, "two clients share name"),
        (HOSPITAL + HOSPITAL, "two clients share issuer and jku"),
    ],
)
def test_a_faulty_file_refuses_the_start(tmp_path: Path, text: str, told: str) -> None:
    assert any(told in fault for fault in faults(tmp_path, text))


def test_all_faults_of_all_clients_are_listed(tmp_path: Path) -> None:
    second = HOSPITAL.replace("General", "Second").replace("name =", "nam =")
    found = faults(tmp_path, HOSPITAL + 'tenants = "one"' + second)
    assert any("client 1: tenants" in fault for fault in found)
    assert any("client 2: name" in fault for fault in found)
    assert any("client 2: nam" in fault for fault in found)


def test_a_missing_file_refuses_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="cannot be read"):
        load_clients(tmp_path / "none.toml")


def test_an_unencrypted_server_on_this_machine_may_be_registered(tmp_path: Path) -> None:
    text = HOSPITAL.replace('["https://ehr.example.org/fhir"]', '["http://127.0.0.1:8000/fhir"]')
    (client,) = load_clients(written(tmp_path, text))
    assert client.caller.allowed_fhir_server("http://127.0.0.1:8000/fhir/")


@pytest.mark.parametrize(
    ("server", "allowed"),
    [
        ("https://ehr.example.org/fhir", True),
        ("https://ehr.example.org/fhir/tenant", True),
        ("https://ehr.example.org/fhirs", False),
        ("https://ehr.example.org/", False),
        ("http://ehr.example.org/fhir", False),
        ("https://ehr.example.org@evil.example/fhir", False),
        ("http://localhost/fhir", False),
        ("nonsense", False),
    ],
)
def test_a_client_may_name_its_own_servers_only(tmp_path: Path, server: str, allowed: bool) -> None:
    (client,) = load_clients(written(tmp_path, HOSPITAL))
    assert (client.caller.allowed_fhir_server(server) is not None) is allowed


@pytest.mark.parametrize(
    ("server", "allowed"),
    [
        ("http://localhost:8000/fhir", True),
        ("http://127.0.0.1/fhir", True),
        ("https://fhir.test/r4", True),
        ("https://ehr.example.org/fhir", False),
        ("http://10.0.0.1/fhir", False),
    ],
)
def test_anybody_may_name_this_machine_and_listed_hosts(server: str, allowed: bool) -> None:
    assert (open_mode_client(["fhir.test"]).allowed_fhir_server(server) is not None) is allowed
