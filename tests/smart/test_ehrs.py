"""Which EHRs may launch the app, and that each is answered by its own tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.hospitals import PUBLIC, Hospitals
from tests.smart.app import body_of

NORTH, SOUTH = "https://fhir.north.example.org/r4", "https://south.example.org:8443/fhir"


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Hospitals]:
    profiles = {
        "North": f'fhir_servers = ["{NORTH}"]\nsmart_client_id = "app-at-north"',
        "South": f'fhir_servers = ["{SOUTH}"]\nprotocol = "review-as-written"',
    }
    given = {"smart": True, "rulebook": None, "acknowledge_review": True}
    origins = ("https://login.north.example.org",)
    both = Hospitals(
        tmp_path,
        profiles,
        smart_token_origins=origins,
        smart_frame_ancestors=("https://ehr.north.example.org",),
        **given,
    )
    yield both
    both.service.close()
    structlog.reset_defaults()


def launch(two: Hospitals, **query: Any) -> Any:
    return two.service.client.get("/smart/launch", query_string=query)


def view(two: Hospitals, iss: str, **headers: str) -> Any:
    head = {"Origin": PUBLIC} | headers
    return two.service.client.post("/smart/view", json=body_of(iss=iss), headers=head)


def test_each_is_known_by_its_own_client_id(two: Hospitals) -> None:
    assert 'data-client="app-at-north"' in launch(two, iss=NORTH, launch="x").text
    assert 'data-client="heparin-cds"' in launch(two, iss=SOUTH, launch="x").text


def test_each_is_answered_by_its_own_protocol(two: Hospitals) -> None:
    assert view(two, NORTH).json["protocol"] != view(two, SOUTH).json["protocol"]


@pytest.mark.parametrize(
    "iss",
    [
        "https://evil.example/fhir",
        "http://fhir.north.example.org/r4",
        "https://fhir.north.example.org:8443/r4",
        "https://fhir.north.example.org/r4x",
        "https://fhir.north.example.org",
        "https://fhir.north.example.org/r4/../../evil",
        "https://fhir.north.example.org@evil.example/r4",
        "javascript:alert(1)",
        "http://localhost/demo/fhir",
    ],
)
def test_a_server_of_nobody_is_refused_with_a_page_that_says_so(two: Hospitals, iss: str) -> None:
    answer = launch(two, iss=iss, launch="x")

    assert answer.status_code == 403
    assert "is none that this service is set up" in answer.text
    assert "script" not in answer.text
    assert iss not in answer.text
    assert view(two, iss).status_code == 400


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "names no FHIR server"),
        (f"iss={NORTH}&iss=https://evil.example", "more than once"),
        (f"iss={NORTH}&launch=a&launch=b", "more than once"),
        (f"iss={NORTH}&launch={'x' * 5000}", "longer than any"),
        (f"iss={NORTH}/{'x' * 3000}", "longer than any"),
    ],
)
def test_a_launch_that_says_too_little_or_too_much_is_refused(
    two: Hospitals, query: str, said: str
) -> None:
    answer = two.service.client.get(f"/smart/launch?{query}")

    assert answer.status_code == 400
    assert said in answer.text


def test_what_an_ehr_sends_stands_in_the_page_as_text(two: Hospitals) -> None:
    page = launch(two, iss=NORTH, launch='"><script>alert(1)</script>').text

    assert "<script>alert" not in page
    assert "&gt;&lt;script&gt;alert(1)" in page


def test_the_policy_names_who_may_be_asked_and_who_may_frame(two: Hospitals) -> None:
    for path in ("/smart/", f"/smart/launch?iss={NORTH}", "/smart/launch", "/smart/static/app.js"):
        with two.service.client.get(path) as answer:
            policy = answer.headers["Content-Security-Policy"]
        rows = dict(row.strip().split(" ", 1) for row in policy.split(";"))
        assert rows["connect-src"].split() == [
            "'self'",
            "https://fhir.north.example.org",
            "https://south.example.org:8443",
            "https://login.north.example.org",
        ]
        assert rows["script-src"] == rows["style-src"] == "'self'"
        assert rows["frame-ancestors"] == "https://ehr.north.example.org"
        assert rows["default-src"] == rows["base-uri"] == rows["form-action"] == "'none'"


def test_pages_are_not_kept_and_name_nobody(two: Hospitals) -> None:
    for path in ("/smart/", f"/smart/launch?iss={NORTH}", "/smart/launch"):
        headers = two.service.client.get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_origin_is_the_public_one_whatever_host_was_asked(two: Hospitals) -> None:
    """Behind a name that somebody else points at this machine, no page is the app's own."""
    assert view(two, NORTH, Host="10.0.0.1:5000").status_code == 200
    rebound = view(two, NORTH, Host="rebound.example", Origin="http://rebound.example")
    assert rebound.status_code == 400


def test_without_an_ehr_that_frames_it_no_page_may(tmp_path: Path) -> None:
    from tests.smart.app import with_smart

    service = with_smart(tmp_path)
    policy = service.client.get("/smart/").headers["Content-Security-Policy"]

    assert "frame-ancestors 'none'" in policy
    assert "http://localhost:*" in policy
    service.close()
