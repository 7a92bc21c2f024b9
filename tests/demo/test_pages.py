from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cds_service.demo import create_demo
from cds_service.demo.pages import FIXTURES, clock
from cds_service.settings import Settings
from tests.demo.builders import NOW, PATIENT, heparin, observation, ordered, per_hour, write_case

EVIL = "<img src=x onerror=alert(1)>"
LATER = NOW + timedelta(days=100)


def app_over(folder: Path, **settings: object) -> Flask:
    app = Flask(__name__, static_folder=None)
    chosen = Settings.model_validate({"open": True, "demo": True, **settings})
    app.register_blueprint(create_demo(chosen, folder, lambda: LATER))
    return app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    evil = {**PATIENT, "id": "eve", "name": [{"text": EVIL}]}
    running = ordered("heparin", dosageInstruction=[{"text": "infusion"}])
    labs = [
        observation("3274-8", value, "IU/mL", f"2026-03-0{day}T11:00:00Z", id=f"lab-{day}")
        for day, value in ((1, 0.2), (2, 0.3))
    ]
    infusion = heparin("2026-03-01T11:00:00Z", rate=per_hour(1600), id="infusion")
    bag = {"resourceType": "Medication", "id": "bag", "code": {"text": "heparin bag"}}
    write_case(tmp_path, "01-ada", resources=(PATIENT, running, infusion, bag, *labs))
    context = {"context": {"patientId": "eve"}}
    return write_case(tmp_path, "02-eve", resources=(evil,), request=context)


@pytest.fixture
def client(folder: Path) -> FlaskClient:
    return app_over(folder).test_client()


def test_the_list_names_every_patient_with_one_line(client: FlaskClient) -> None:
    page = client.get("/").text
    assert "Ada Probe, 64" in page
    assert "a patient of the tests" in page
    assert "Not for clinical use" in page


def test_a_list_without_patients_says_so(tmp_path: Path) -> None:
    assert "no fixtures" in app_over(tmp_path).test_client().get("/").text


def test_a_chart_shows_who_and_what(client: FlaskClient) -> None:
    page = client.get("/demo/patients/01-ada").text
    assert "<h1>Ada Probe</h1>" in page
    assert "1,600 U/h" in page
    assert "0.30 IU/mL" in page
    assert "<h3>A patient of the tests</h3>" in page
    assert "Next →" in page
    assert "Previous" not in page


def test_a_name_that_is_markup_stays_text(client: FlaskClient) -> None:
    page = client.get("/demo/patients/02-eve").text
    assert EVIL not in page
    assert "&lt;img src=x" in page
    assert "← Previous" in page


def test_an_unknown_patient_is_not_found(client: FlaskClient) -> None:
    assert client.get("/demo/patients/99-nobody").status_code == 404
    assert client.get("/demo/patients/99-nobody/call").status_code == 404


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/nowhere", "/demo", "/demo/patients/99-nobody", "/demo/x/y"])
def test_a_wrong_address_is_a_page_of_the_demo_for_whoever_looks(
    client: FlaskClient, path: str
) -> None:
    answer = client.get(path, headers=BROWSER)
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert 'href="/"' in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/nowhere", "application/json"),
        ("/nowhere", "*/*"),
        ("/cds-services/none", BROWSER["Accept"]),
        ("/demo/fhir/Observation/none", BROWSER["Accept"]),
        ("/demo/static/none.js", BROWSER["Accept"]),
        ("/demo/patients/99-nobody/call", BROWSER["Accept"]),
    ],
)
def test_a_program_gets_the_answer_made_for_programs(
    client: FlaskClient, path: str, accept: str
) -> None:
    answer = client.get(path, headers={"Accept": accept})
    assert answer.status_code == 404
    assert "There is no such page" not in answer.text


def test_only_looking_is_answered_by_a_page(client: FlaskClient) -> None:
    assert "no such page" not in client.post("/nowhere", headers=BROWSER).text
    assert client.get("/", headers=BROWSER).status_code == 200


def test_the_page_learns_what_to_call(client: FlaskClient) -> None:
    call = client.get("/demo/patients/01-ada/call").get_json()
    assert call["hook"] == "patient-view"
    assert call["request"]["context"]["patientId"] == "ada"
    assert call["runningHeparin"] == "MedicationRequest/order"
    assert call["runningRate"] == {"U/h": 1600}
    assert call["moments"][-1] == {"ago": 0, "at": "14:00"}
    assert call["names"] == {"MedicationRequest/order": "heparin", "Medication/bag": "heparin bag"}


@pytest.mark.parametrize(
    ("protocol", "label"), [("default", "default"), ("/etc/cds/our-ward.toml", "our-ward")]
)
def test_protocols_can_be_chosen_where_both_are_served(
    folder: Path, protocol: str, label: str
) -> None:
    app = app_over(folder, protocol=protocol)
    assert 'name="protocol"' not in app.test_client().get("/demo/patients/01-ada").text
    app = app_over(folder, protocol=protocol)
    app.add_url_rule("/review-as-written/cds-services", view_func=lambda: "services")
    page = app.test_client().get("/demo/patients/01-ada").text
    assert f'value="" data-name="{label}" checked' in page
    assert 'value="/review-as-written" data-name="review as written">' in page


def test_two_of_the_same_protocol_are_no_choice(folder: Path) -> None:
    app = app_over(folder, protocol="review-as-written")
    app.add_url_rule("/review-as-written/cds-services", view_func=lambda: "services")
    assert 'name="protocol"' not in app.test_client().get("/demo/patients/01-ada").text


def test_where_to_look_back_is_told_only_if_it_is_served(folder: Path) -> None:
    app = app_over(folder)
    call = app.test_client().get("/demo/patients/01-ada/call").get_json()
    assert call["lookingBack"] == ""
    app = app_over(folder)
    app.add_url_rule("/looking-back/cds-services", view_func=lambda: "services")
    call = app.test_client().get("/demo/patients/01-ada/call").get_json()
    assert call["lookingBack"] == "/looking-back"


def test_where_an_app_is_started_is_told_only_if_it_is_served(folder: Path) -> None:
    app = app_over(folder)
    assert app.test_client().get("/demo/patients/01-ada/call").get_json()["launch"] == ""
    app = app_over(folder)
    app.add_url_rule("/demo/launch", view_func=lambda: "launched")
    call = app.test_client().get("/demo/patients/01-ada/call").get_json()
    assert call["launch"] == "/demo/launch"


def test_how_the_service_decides_is_linked_where_it_is_told(folder: Path) -> None:
    app = app_over(folder)
    assert "/explain" not in app.test_client().get("/demo/patients/01-ada").text
    app = app_over(folder)
    app.add_url_rule("/explain", view_func=lambda: "because")
    assert 'href="/explain"' in app.test_client().get("/demo/patients/01-ada").text


@pytest.mark.parametrize("path", ["/", "/demo/patients/01-ada", "/demo/static/chart.js"])
def test_pages_allow_nothing_but_their_own_scripts_and_styles(
    client: FlaskClient, path: str
) -> None:
    with client.get(path) as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


def test_no_page_has_a_script_or_style_of_its_own(client: FlaskClient) -> None:
    for path in ("/", "/demo/patients/01-ada"):
        page = client.get(path).text
        assert "<style" not in page
        assert " style=" not in page
        assert "<script>" not in page
        assert " onclick=" not in page


def test_markdown_is_rendered_for_the_page(client: FlaskClient) -> None:
    answer = client.post("/demo/markdown", data="**55 %** <b>")
    assert answer.text == "<p><strong>55 %</strong> &lt;b&gt;</p>\n"


def test_an_endless_text_is_refused(client: FlaskClient) -> None:
    assert client.post("/demo/markdown", data="x" * 50_001).status_code == 413


def test_metadata_says_r4(client: FlaskClient) -> None:
    statement = client.get("/demo/fhir/metadata").get_json()
    assert statement["resourceType"] == "CapabilityStatement"
    assert statement["fhirVersion"] == "4.0.1"


def test_a_resource_is_read_as_it_is_today(client: FlaskClient) -> None:
    answer = client.get("/demo/fhir/Observation/lab-2")
    assert answer.mimetype == "application/fhir+json"
    assert answer.get_json()["effectiveDateTime"] == "2026-06-10T11:00:00Z"


def test_what_is_not_there_is_an_operation_outcome(client: FlaskClient) -> None:
    for path in ("Observation/none", "a/b/c", ""):
        answer = client.get(f"/demo/fhir/{path}")
        assert answer.status_code == 404
        assert answer.get_json()["resourceType"] == "OperationOutcome"


def test_the_chart_of_some_hours_ago_is_served_as_if_it_were_now(client: FlaskClient) -> None:
    bundle = client.get("/demo/earlier/6/fhir/Observation?patient=ada&_count=1").get_json()
    (entry,) = bundle["entry"]
    assert bundle["total"] == 1
    assert entry["resource"]["id"] == "lab-1"
    assert entry["resource"]["effectiveDateTime"] == "2026-06-09T17:00:00Z"
    assert entry["fullUrl"] == "http://localhost/demo/earlier/6/fhir/Observation/lab-1"
    assert client.get("/demo/earlier/6/fhir/Observation/lab-2").status_code == 404


def test_a_search_answers_a_searchset_with_links(client: FlaskClient) -> None:
    query = "patient=ada&code=http://loinc.org|3274-8&_sort=-date&_count=1"
    bundle = client.get(f"/demo/fhir/Observation?{query}").get_json()
    assert (bundle["type"], bundle["total"]) == ("searchset", 2)
    (entry,) = bundle["entry"]
    assert entry["fullUrl"] == "http://localhost/demo/fhir/Observation/lab-2"
    assert entry["search"] == {"mode": "match"}
    links = {link["relation"]: link["url"] for link in bundle["link"]}
    assert links["self"] == f"http://localhost/demo/fhir/Observation?{query}"
    following = client.get(links["next"]).get_json()
    assert following["entry"][0]["resource"]["id"] == "lab-1"
    assert [link["relation"] for link in following["link"]] == ["self"]


def test_a_search_without_result_has_no_empty_list(client: FlaskClient) -> None:
    bundle = client.get("/demo/fhir/Condition").get_json()
    assert bundle["total"] == 0
    assert "entry" not in bundle
    assert bundle["link"][0]["url"] == "http://localhost/demo/fhir/Condition"


def test_a_search_that_is_not_supported_is_refused_by_name(client: FlaskClient) -> None:
    answer = client.get("/demo/fhir/Observation?value=1")
    assert answer.status_code == 400
    assert "parameter value" in answer.get_json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["Observation", "Observation/lab-1", "metadata", ""])
def test_nothing_is_ever_written(client: FlaskClient, method: str, path: str) -> None:
    answer = client.open(f"/demo/fhir/{path}", method=method, json={})
    assert answer.status_code == 405
    assert answer.get_json()["resourceType"] == "OperationOutcome"


def test_behind_a_proxy_links_carry_the_public_address(folder: Path) -> None:
    client = app_over(folder, public_url="https://cds.example.org").test_client()
    bundle = client.get("/demo/fhir/Patient?_id=ada").get_json()
    assert bundle["entry"][0]["fullUrl"] == "https://cds.example.org/demo/fhir/Patient/ada"


def test_the_present_is_the_minute() -> None:
    assert (clock().second, clock().microsecond) == (0, 0)
    assert clock().utcoffset() == timedelta(0)


def test_the_projects_own_fixtures_are_all_shown() -> None:
    client = app_over(FIXTURES).test_client()
    for case_file in FIXTURES.glob("*/case.md"):
        assert client.get(f"/demo/patients/{case_file.parent.name}").status_code == 200
