"""The command line itself: what is refused before anything is asked, and that no token shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tokens import ec_key
from tests.tools.integrator.conftest import Run
from tests.tools.integrator.fake_fhir import FakeFhir
from tests.tools.integrator.serving import free_port, served
from tests.tools.integrator.test_identity import pem

FHIR = ("--fhir", "https://ehr.example.org/fhir")
CALL = ("call", *FHIR, "--patient", "a", "--hook", "patient-view")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("load", "--fhir", "ftp://nowhere"), "FHIR base must be"),
        (("load", *FHIR, "--case", "99-nobody"), "no patient 99-nobody"),
        ((*CALL, "--draft", "heprin=5U/h"), "is not one of"),
        ((*CALL, "--service", "ftp://nowhere"), "service's URL must be"),
        ((*CALL, "--service", "http://cds.example.org", "--token", "s3cret"), "unencrypted"),
        (("check", "ftp://nowhere"), "service's URL must be"),
    ],
)
def test_what_cannot_work_is_refused_in_a_line(
    run: Run, arguments: tuple[str, ...], said: str
) -> None:
    done = run(*arguments)

    assert done.exit_code in (1, 2)
    assert said in done.output
    assert "s3cret" not in done.output
    assert "Traceback" not in done.output


def test_a_folder_without_patients_is_named(run: Run, tmp_path: Path) -> None:
    assert "no patient" in run("load", *FHIR, "--fixtures", tmp_path).output
    (tmp_path / "01-broken").mkdir()
    (tmp_path / "01-broken" / "case.md").write_text("nothing")
    assert "01-broken" in run("load", *FHIR, "--fixtures", tmp_path).output


def test_a_key_needs_an_issuer_and_must_be_one(run: Run, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(pem(ec_key()))
    assert "--issuer" in run("check", "http://127.0.0.1:1", "--client-key", key).output
    key.write_text("no key")
    refused = run("check", "http://127.0.0.1:1", "--client-key", key, "--issuer", "i", "--kid", "k")
    assert "holds no PEM private key" in refused.output


@pytest.mark.parametrize("command", ["load", "unload", "call"])
def test_a_token_of_the_environment_is_named_in_help_and_never_shown(
    run: Run, command: str
) -> None:
    told = run(command, "--help", token="s3cret")

    assert "CDS_FHIR_TOKEN" in told.output
    assert "s3cret" not in told.output


def test_a_server_that_does_not_answer_is_named(run: Run) -> None:
    done = run("load", "--fhir", f"http://127.0.0.1:{free_port()}/fhir", "--token", "s3cret")

    assert done.exit_code == 1
    assert "no answer (ConnectionError)" in done.output
    assert "s3cret" not in done.output


def test_what_could_not_be_removed_is_named_and_is_a_fault(run: Run) -> None:
    fake = FakeFhir(forbidden=frozenset({"Patient/hr-13"}))
    with served(fake.app()) as url:
        assert run("load", "--fhir", f"{url}/fhir", "--case", "13-child").exit_code == 0

        done = run("unload", "--fhir", f"{url}/fhir")

    assert done.exit_code == 1
    assert "Still there: Patient/hr-13" in done.output
    assert set(fake.held) == {"Patient/hr-13"}
