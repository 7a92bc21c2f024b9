"""The demo's SMART launcher, point by point: what conformance asks, and what it must refuse."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cds_service.demo import create_demo
from cds_service.demo.grants import SECONDS, Grants, UsedIds
from cds_service.settings import Settings
from tests.demo.builders import PATIENT, observation, write_case

Json = dict[str, Any]

OWN = "http://localhost"
BASE = f"{OWN}/demo/fhir"
APP = f"{OWN}/smart/"
VERIFIER = "v" * 43
OTHER = {**PATIENT, "id": "bob"}
CONTEXT = "call-1#antithrombinDose"


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder = tmp_path_factory.mktemp("fixtures")
    labs = (observation("3274-8", 0.18, "IU/mL", "2026-03-02T11:00:00Z"),)
    write_case(folder, resources=(PATIENT, *labs))
    request = {"hook": "patient-view", "context": {"patientId": "bob"}}
    write_case(folder, "02-bob", resources=(OTHER,), request=request)
    app = Flask(__name__, static_folder=None)
    settings = Settings(open=True, demo=True, smart=True)
    app.register_blueprint(create_demo(settings, folder))
    return app.test_client()


def query_of(location: str) -> Json:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def launched(client: FlaskClient, **changes: str) -> str:
    """A launch handle, as the app gets it from a card's link."""
    asked = {"app": f"{OWN}/smart/launch", "patient": "ada", "appContext": CONTEXT} | changes
    answer = client.get("/demo/launch", query_string=asked)
    assert answer.status_code == 302, answer.text
    given = query_of(answer.headers["Location"])
    assert given["iss"] == BASE
    return str(given["launch"])


def request_of(handle: str = "", **changes: str | None) -> Json:
    asked: dict[str, str | None] = {
        "response_type": "code",
        "client_id": "heparin-cds",
        "redirect_uri": APP,
        "scope": "launch patient/Observation.rs patient/Patient.rs",
        "state": "s1",
        "aud": BASE,
        "launch": handle,
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    }
    return {name: value for name, value in (asked | changes).items() if value is not None}


def authorize(client: FlaskClient, handle: str, **changes: str | None) -> Any:
    return client.get("/demo/authorize", query_string=request_of(handle, **changes))


def code_for(client: FlaskClient, **changes: str | None) -> str:
    answer = authorize(client, launched(client), **changes)
    return str(query_of(answer.headers["Location"])["code"])


def exchange(client: FlaskClient, code: str | None, **changes: str | None) -> Any:
    form: dict[str, str | None] = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": APP,
        "client_id": "heparin-cds",
        "code_verifier": VERIFIER,
    }
    sent = {name: value for name, value in (form | changes).items() if value is not None}
    return client.post("/demo/token", data=sent)


def token(client: FlaskClient, **changes: str | None) -> str:
    return str(exchange(client, code_for(client, **changes)).json["access_token"])


def read(client: FlaskClient, path: str, held: str) -> Any:
    return client.get(f"/demo/fhir/{path}", headers={"Authorization": f"Bearer {held}"})


# What it says of itself


def test_the_configuration_names_its_addresses_and_what_it_can(client: FlaskClient) -> None:
    told = client.get("/demo/fhir/.well-known/smart-configuration").json

    assert told["authorization_endpoint"] == f"{OWN}/demo/authorize"
    assert told["token_endpoint"] == f"{OWN}/demo/token"
    assert told["code_challenge_methods_supported"] == ["S256"]  # and never "plain"
    assert told["grant_types_supported"] == ["authorization_code"]
    assert {"launch-ehr", "launch-standalone", "client-public", "permission-v2"} <= set(
        told["capabilities"]
    )


def test_without_the_app_there_is_no_launcher(tmp_path: Path) -> None:
    write_case(tmp_path)
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(create_demo(Settings(open=True, demo=True), tmp_path))
    for path in ("/demo/launch", "/demo/authorize", "/demo/fhir/.well-known/smart-configuration"):
        assert app.test_client().get(path).status_code == 404
    assert app.test_client().post("/demo/token").status_code == 404


# The launch


def test_a_launch_for_the_patient_gives_a_token_for_him_with_its_context(
    client: FlaskClient,
) -> None:
    answer = authorize(client, launched(client))
    back = answer.headers["Location"]
    told = exchange(client, query_of(back)["code"])

    assert back.startswith(f"{APP}?")
    assert query_of(back)["state"] == "s1"
    assert told.status_code == 200
    assert told.headers["Cache-Control"] == "no-store"
    assert told.headers["Pragma"] == "no-cache"
    assert told.json["token_type"] == "Bearer"
    assert told.json["patient"] == "ada"
    assert told.json["appContext"] == CONTEXT
    assert told.json["expires_in"] == SECONDS["token"]
    assert told.json["scope"] == "launch patient/Observation.rs patient/Patient.rs"


def test_a_handle_tells_nobody_whom_it_is_for(client: FlaskClient) -> None:
    handle = launched(client)
    padded = handle + "=" * (-len(handle) % 4)

    assert b"ada" not in base64.urlsafe_b64decode(padded)


@pytest.mark.parametrize(
    "changes",
    [
        {"app": "https://evil.example/launch"},
        {"app": f"{OWN}/smart/launch/../../evil"},
        {"app": ""},
        {"patient": "nobody"},
        {"patient": ""},
        {"appContext": "x" * 3000},
    ],
)
def test_only_its_own_app_is_launched_and_only_for_its_patients(
    client: FlaskClient, changes: Json
) -> None:
    asked = {"app": f"{OWN}/smart/launch", "patient": "ada", "appContext": CONTEXT} | changes
    answer = client.get("/demo/launch", query_string=asked)

    assert answer.status_code == 404
    assert "Location" not in answer.headers


def test_a_standalone_launch_asks_which_patient(client: FlaskClient) -> None:
    asked = request_of(scope="launch/patient patient/*.rs", launch=None)
    page = client.get("/demo/authorize", query_string=asked)
    assert page.status_code == 200
    assert "patient=bob" in page.text

    chosen = client.get("/demo/authorize", query_string=asked | {"patient": "bob"})
    told = exchange(client, query_of(chosen.headers["Location"])["code"]).json
    assert told["patient"] == "bob"
    assert "appContext" not in told


# The authorization endpoint


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "another"},
        {"client_id": None},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": f"{APP}?x=1"},
        {"redirect_uri": f"{OWN}/smart"},
        {"redirect_uri": None},
    ],
)
def test_who_is_not_registered_is_told_here_and_not_sent_on(
    client: FlaskClient, changes: dict[str, str | None]
) -> None:
    answer = authorize(client, launched(client), **changes)

    assert answer.status_code == 400
    assert "Location" not in answer.headers


def test_a_parameter_twice_is_refused(client: FlaskClient) -> None:
    pairs = [*request_of(launched(client)).items(), ("redirect_uri", "https://evil.example/")]
    answer = client.get(f"/demo/authorize?{urlencode(pairs)}")

    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"aud": "https://other.example/fhir"}, "invalid_request"),
        ({"aud": None}, "invalid_request"),
        ({"state": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"launch": "forged"}, "invalid_request"),
        ({"launch": None}, "invalid_request"),
        ({"scope": "patient/*.rs"}, "invalid_scope"),
        ({"scope": None}, "invalid_scope"),
    ],
)
def test_a_faulty_request_goes_back_with_its_error_and_state(
    client: FlaskClient, changes: dict[str, str | None], error: str
) -> None:
    answer = authorize(client, launched(client), **changes)
    told = query_of(answer.headers["Location"])

    assert answer.headers["Location"].startswith(f"{APP}?")
    assert told["error"] == error
    assert "code" not in told
    assert told.get("state") == (None if changes.get("state", "") is None else "s1")


def test_a_base_with_a_final_slash_is_the_same_audience(client: FlaskClient) -> None:
    assert code_for(client, aud=f"{BASE}/")


def test_a_handle_opens_the_app_once(client: FlaskClient) -> None:
    handle = launched(client)
    authorize(client, handle)

    again = authorize(client, handle)

    assert query_of(again.headers["Location"])["error"] == "invalid_request"


def test_scopes_that_there_are_not_here_are_not_granted(client: FlaskClient) -> None:
    scope = "launch patient/Observation.rs user/*.cruds offline_access patient/Observation.w"
    told = exchange(client, code_for(client, scope=scope)).json

    assert told["scope"] == "launch patient/Observation.rs"
    assert "refresh_token" not in told


# The token endpoint


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_grant"),
        ({"code_verifier": challenge_of(VERIFIER)}, "invalid_grant"),
        ({"redirect_uri": "https://evil.example/"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"client_id": "another"}, "invalid_client"),
        ({"client_id": None}, "invalid_client"),
        ({"grant_type": "refresh_token"}, "unsupported_grant_type"),
        ({"code": "forged"}, "invalid_grant"),
        ({"code": "gefälscht"}, "invalid_grant"),
        ({"code": None}, "invalid_grant"),
    ],
)
def test_a_faulty_exchange_gives_no_token(
    client: FlaskClient, changes: dict[str, str | None], error: str
) -> None:
    answer = exchange(client, **({"code": code_for(client)} | changes))

    assert answer.status_code == 400
    assert answer.json["error"] == error
    assert answer.headers["Cache-Control"] == "no-store"
    assert "access_token" not in answer.json


def test_a_code_is_worth_one_token(client: FlaskClient) -> None:
    code = code_for(client)
    assert exchange(client, code).status_code == 200

    assert exchange(client, code).json["error"] == "invalid_grant"


def test_a_code_that_failed_its_proof_is_worth_none(client: FlaskClient) -> None:
    """Else whoever has the code could try verifiers."""
    code = code_for(client)
    exchange(client, code, code_verifier="w" * 43)

    assert exchange(client, code).json["error"] == "invalid_grant"


def test_a_launch_handle_is_no_code_and_a_code_no_token(client: FlaskClient) -> None:
    assert exchange(client, launched(client)).json["error"] == "invalid_grant"
    assert read(client, "Patient/ada", code_for(client)).status_code == 401


@pytest.mark.parametrize("kind", SECONDS)
def test_everything_that_is_handed_out_runs_out(kind: str) -> None:
    now = [1_000_000.0]
    grants = Grants(UsedIds().is_first, clock=lambda: now[0])
    sealed = grants.issue(kind, {"patient": "ada"})

    now[0] += SECONDS[kind]
    assert grants.read(kind, sealed)
    now[0] += 1
    assert grants.read(kind, sealed) is None


def test_another_process_cannot_forge_what_this_one_issues() -> None:
    one, other = Grants(UsedIds().is_first), Grants(UsedIds().is_first)

    assert other.read("token", one.issue("token", {"patient": "ada"})) is None


# The FHIR endpoint with a token


def test_a_token_reads_its_patient_and_no_other(client: FlaskClient) -> None:
    held = token(client)

    assert read(client, "Patient/ada", held).status_code == 200
    assert read(client, "Observation?patient=ada", held).json["total"] == 1
    assert read(client, "Patient/bob", held).status_code == 404
    assert read(client, "Observation?patient=bob", held).json["total"] == 0


@pytest.mark.parametrize(
    ("scope", "path", "status"),
    [
        ("launch patient/Observation.rs", "Patient/ada", 403),
        ("launch patient/Observation.r", "Observation?patient=ada", 403),
        ("launch patient/Patient.s", "Patient/ada", 403),
        ("launch patient/Observation.read", "Observation?patient=ada", 200),
        ("launch patient/*.rs", "Condition?patient=ada", 200),
        ("launch patient/*.read", "Patient/ada", 200),
        ("launch", "Patient/ada", 403),
    ],
)
def test_a_token_reads_what_its_scopes_cover(
    client: FlaskClient, scope: str, path: str, status: int
) -> None:
    assert read(client, path, token(client, scope=scope)).status_code == status


@pytest.mark.parametrize("header", ["Bearer forged", "Bearer", "Basic YTpi", "x"])
def test_a_token_that_is_none_is_refused_and_never_ignored(
    client: FlaskClient, header: str
) -> None:
    answer = client.get("/demo/fhir/Patient/ada", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_without_a_token_the_service_reads_on_as_before(client: FlaskClient) -> None:
    assert client.get("/demo/fhir/Patient/bob").status_code == 200
