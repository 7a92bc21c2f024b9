"""The stateless endpoint behind the app: who gets an answer, and what it says."""

from __future__ import annotations

import json
import logging
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cds_service.advice import advise
from cds_service.ledger.schema import metadata
from cds_service.outbound import workload
from cds_service.smart import view as smart_view
from tests.cases import advice_for, answered, called, cases, tables
from tests.service import Service
from tests.smart.app import (
    ISS,
    OWN,
    at_time_of,
    body_of,
    own_prefetch,
    patient_of,
    view,
    with_smart,
)

TRUSTS_MET_BY = (
    "01-antithrombin-dose",
    "04-renal-switch",
    "12-unchecked-antithrombin",
    "15-unreadable",
    "19-warfarin-in-hit",
)
EVIL = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) **b**"


def track(told: Any, key: str) -> Any:
    return next(one for one in told["tracks"] if one["key"] == key)


# Who gets an answer


@pytest.mark.parametrize("path", ["/smart/view", "/smart/", "/smart/launch", "/smart/queries"])
def test_without_the_setting_there_is_no_app(tmp_path: Path, path: str) -> None:
    service = with_smart(tmp_path, smart=False)

    assert service.client.get(path).status_code == 404
    assert service.client.post(path, json=body_of(), headers=OWN).status_code == 404
    service.close()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:8080"},
        {"Origin": "https://localhost"},
        OWN | {"Sec-Fetch-Site": "cross-site"},
        OWN | {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_only_a_page_of_the_same_origin_is_answered(
    service: Service, headers: dict[str, str]
) -> None:
    answer = service.client.post("/smart/view", json=body_of(), headers=headers)

    assert answer.status_code == 400
    assert answer.json["issue"][0]["expression"] == ["Origin"]


def test_a_form_cannot_post_a_view(service: Service) -> None:
    """What needs no preflight is refused, whatever it holds."""
    text = json.dumps(body_of())
    answer = service.client.post("/smart/view", data=text, content_type="text/plain", headers=OWN)

    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"iss": "https://evil.example/fhir"}, "iss"),
        ({"iss": None}, "iss"),
        ({"iss": ["x"]}, "iss"),
        ({"iss": "x" * 3000}, "iss"),
        ({"patient": None}, "patient"),
        ({"patient": ""}, "patient"),
        ({"patient": "../Patient"}, "patient"),
        ({"patient": "a/b"}, "patient"),
        ({"patient": 7}, "patient"),
        ({"patient": "p" * 201}, "patient"),
        ({"prefetch": None}, "prefetch"),
        ({"prefetch": []}, "prefetch"),
    ],
)
def test_a_body_that_cannot_be_a_request_is_refused_by_its_field(
    service: Service, changes: dict[str, Any], field: str
) -> None:
    answer = view(service, **changes)

    assert answer.status_code == 400
    assert answer.json["issue"][0]["expression"] == [field]
    assert "evil" not in answer.text


@pytest.mark.parametrize("body", ["[]", "7", '"x"', "null", "{", "", "[" * 2000])
def test_what_is_no_object_is_refused(service: Service, body: str) -> None:
    answer = service.client.post(
        "/smart/view", data=body, content_type="application/json", headers=OWN
    )

    assert answer.status_code == 400


@pytest.mark.parametrize("field", ["fhirServer", "fhirAuthorization", "access_token", "hook"])
def test_a_body_with_a_server_or_a_token_is_refused_unread(service: Service, field: str) -> None:
    """The page's token must not come here even by mistake."""
    answer = view(service, **{field: "https://secret.example"})

    assert answer.status_code == 400
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "caps",
    [{"body_cap": 2000}, {"call_value_cap": 1000}, {"call_resource_cap": 100}],
    ids=["bytes", "values", "resources"],
)
def test_the_caps_of_a_hook_call_hold(tmp_path: Path, caps: dict[str, int]) -> None:
    service = with_smart(tmp_path, **caps)
    entry = {"resource": {"resourceType": "Observation", "code": {"coding": [{}, {}, {}, {}]}}}
    huge = {"coagulation": {"resourceType": "Bundle", "entry": [entry] * 4000}}

    assert view(service, prefetch=huge).status_code == 413
    assert view(service, prefetch={}).status_code == 200
    service.close()


def test_a_view_that_takes_too_long_is_given_up(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(0, 10_000, 3))
    monkeypatch.setattr(workload, "monotonic", lambda: next(seconds))

    assert view(service).status_code == 503


# What it does not do


def test_nothing_is_asked_stored_or_logged(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the view opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    before = service.dumped()
    with caplog.at_level(logging.DEBUG):
        answer = view(service)

    assert answer.status_code == 200
    assert service.dumped() == before
    assert metadata.tables  # there were tables to write to
    assert patient_of() not in caplog.text
    assert "0.18" not in caplog.text


def test_nothing_is_kept_by_browsers_or_told_to_others(service: Service) -> None:
    headers = view(service).headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_an_origin_that_may_call_the_hooks_may_not_ask_for_a_view(tmp_path: Path) -> None:
    ehr = "https://ehr.example.org"
    service = with_smart(tmp_path, cors_origins=(ehr,))
    head = {"Origin": ehr, "Access-Control-Request-Method": "POST"}
    hook = service.client.options("/cds-services/heparin-patient-view", headers=head)
    asked = service.client.options("/smart/view", headers=head)

    assert hook.headers["Access-Control-Allow-Origin"] == ehr
    assert "Access-Control-Allow-Origin" not in asked.headers
    service.close()


# What it says


@pytest.mark.parametrize("name", sorted(cases()))
def test_the_cards_are_those_of_patient_view(
    service: Service, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smart_view, "times_to_ask", lambda *_: [])  # the past takes its time
    case = cases()[name]
    asked = replace(called(case.request), hook="patient-view", drafts=(), selections=frozenset())
    expected = advise(asked, answered(case.resources, tables()), tables(), case.now).cards

    told = view(at_time_of(service, name), name).json

    assert [(c["topic"], c["indicator"], c["summary"]) for c in told["cards"]] == [
        (c.topic, c.indicator, c.summary) for c in expected
    ]
    assert set(told["why"]["cards"]) == {c.topic for c in expected}


def test_rates_stand_in_steps_with_their_weight(service: Service) -> None:
    told = view(service).json["heparin"]

    assert [round(step["rate"]) for step in told["steps"]][-1] == 1780
    assert told["steps"][-1]["to"] is None
    assert told["perKg"] == 22.25
    assert told["running"] == "yes"
    assert told["lines"] == []


def test_infusions_side_by_side_are_drawn_apart_and_as_their_sum(service: Service) -> None:
    prefetch = own_prefetch()
    rows = [entry["resource"] for entry in prefetch["administrations"]["entry"]]
    running = next(r for r in rows if r.get("id") == "p01-infusion-03")
    purge = {
        **{key: value for key, value in running.items() if key != "request"},
        "id": "purge",
        "effectivePeriod": {"start": "2026-03-02T02:00:00Z"},
        "dosage": {
            **running["dosage"],
            "text": "Impella purge",
            "rateQuantity": {"value": 400, "unit": "U/h"},
        },
    }
    prefetch["administrations"]["entry"].append({"resource": purge})
    told = view(service, prefetch=prefetch).json["heparin"]

    assert [round(line["steps"][-1]["rate"]) for line in told["lines"]] == [1780, 400]
    assert "Impella" in told["lines"][1]["label"]
    assert round(told["steps"][-1]["rate"]) == 2180


def test_a_rate_that_nobody_can_tell_is_untold_with_its_reason(service: Service) -> None:
    prefetch = own_prefetch()
    for entry in prefetch["administrations"]["entry"]:
        if entry["resource"].get("id") == "p01-infusion-03":
            entry["resource"]["dosage"]["rateQuantity"] = {"value": 12, "unit": "furlong"}
    (last,) = view(service, prefetch=prefetch).json["heparin"]["steps"][-1:]

    assert last["rate"] is None
    assert last["because"]


def test_each_level_has_its_verdict_and_its_rate(service: Service) -> None:
    anti_xa = track(view(service).json, "anti_xa")
    newest = anti_xa["points"][-1]

    assert anti_xa["bands"] == [{"low": 0.3, "high": 0.7}]
    assert (newest["shown"], newest["position"], newest["trust"]) == (
        "0.18 IU/mL",
        "below",
        "usable",
    )
    assert newest["perKg"] == 22.25
    assert [point["at"] for point in anti_xa["points"]] == sorted(
        point["at"] for point in anti_xa["points"]
    )


def test_every_verdict_of_the_legend_is_met_and_only_doubt_is_explained(
    service: Service,
) -> None:
    met = set()
    for name in TRUSTS_MET_BY:
        for one in view(at_time_of(service, name), name).json["tracks"]:
            for point in one["points"]:
                met.add(point["trust"])
                explained = point["trust"] in ("early", "doubtful", "without", "unread")
                assert bool(point["because"]) is explained, (name, point)

    assert met == {"usable", "early", "doubtful", "without", "shown", "unread", "old"}


def test_a_finding_began_where_it_was_first_seen_and_not_just_before(service: Service) -> None:
    course = view(service).json["course"]
    dose = next(one for one in course["findings"] if one["topic"] == "antithrombinDose")

    assert dose["absentAt"] < dose["since"] == "2026-03-02T11:42+00:00"  # when the level was issued
    assert "goneAt" not in dose
    earlier = next(one for one in course["findings"] if one["topic"] == "heparinResistance")
    assert earlier["goneAt"] == dose["since"]


def test_the_past_is_bounded(service: Service) -> None:
    """However many results a record holds."""
    prefetch = own_prefetch()
    one = next(
        entry
        for entry in prefetch["coagulation"]["entry"]
        if entry["resource"]["code"]["coding"][0]["code"] == "3274-8"
    )
    prefetch["coagulation"]["entry"] += [
        {
            "resource": {
                **one["resource"],
                "id": f"more-{n}",
                "effectiveDateTime": f"2026-03-0{1 + n // 24 % 2}T{n % 24:02}:{n % 60:02}:00Z",
                "issued": f"2026-03-0{1 + n // 24 % 2}T{n % 24:02}:{n % 60:02}:30Z",
            }
        }
        for n in range(200)
    ]

    assert view(service, prefetch=prefetch).json["course"]["moments"] <= 25


def test_the_required_rate_is_told_as_it_was_told_then(service: Service) -> None:
    needs = view(service).json["course"]["needs"]

    assert [one["at"] for one in needs] == sorted(one["at"] for one in needs)
    assert (needs[-1]["need"], needs[-1]["low"], needs[-1]["high"]) == (32, 26, 39)
    assert "need" not in needs[0]
    assert needs[0]["told"]


def test_the_steps_behind_a_card_are_its_rules_and_those_they_look_at(service: Service) -> None:
    why = view(service).json["why"]
    behind = why["cards"]["antithrombinDose"]["rules"]
    answers = {rule["name"]: rule for rule in why["rules"]}

    assert {"confirmed", "failing", "below_target"} <= set(behind)
    assert "pseudo_resistance" not in behind
    assert answers["confirmed"]["answer"] == "yes"
    assert answers["confirmed"]["question"]
    assert answers["confirmed"]["since"] == "2026-03-01T19:42+00:00"  # before the antithrombin
    assert answers["masked"]["since"] == ""
    assert why["cards"]["antithrombinDose"]["limits"]


def test_what_could_not_be_read_is_named_and_not_left_out(service: Service) -> None:
    prefetch = own_prefetch() | {"allergies": {"resourceType": "OperationOutcome", "issue": []}}
    del prefetch["procedures"]
    told = view(service, prefetch=prefetch).json

    assert {(one["key"], one["state"]) for one in told["unread"]} == {
        ("allergies", "failed"),
        ("procedures", "not supplied"),
    }


def test_of_nothing_at_all_a_view_still_says_that_nothing_was_read(service: Service) -> None:
    told = view(service, prefetch={}).json

    assert told["unread"]
    assert told["heparin"]["running"] == "unknown"
    assert [card["topic"] for card in told["cards"]] == ["notAssessed"]


def test_text_of_the_record_is_never_markup(service: Service) -> None:
    """It comes back as text in a tree of elements; there is no HTML in the answer to be parsed."""
    prefetch = json.loads(
        json.dumps(own_prefetch()).replace("heparin 25,000 units", EVIL.replace('"', ""))
    )
    for entry in prefetch["coagulation"]["entry"]:
        entry["resource"]["valueQuantity"]["unit"] = EVIL
        entry["resource"]["valueQuantity"].pop("code", None)
    told = view(service, prefetch=prefetch).json

    tags, links, texts = set(), [], []
    for card in told["cards"]:
        walk(card["detail"], tags, links, texts)
    assert EVIL.split("[")[0].strip() in "".join(texts)
    assert "img" not in tags
    assert links == []


def walk(tree: list[Any], tags: set[str], links: list[str], texts: list[str]) -> None:
    for part in tree:
        if isinstance(part, str):
            texts.append(part)
            continue
        tags.add(part["tag"])
        links += [part["href"]] if "href" in part else []
        walk(part["parts"], tags, links, texts)


def test_a_card_offers_in_words_only(service: Service) -> None:
    """No resource and no id goes to the page: what is offered is done in the EHR."""
    (card, *_) = view(service).json["cards"]
    offered = advice_for("01-antithrombin-dose").cards[0].suggestions

    assert card["suggestions"]
    assert {one["label"] for one in card["suggestions"]} <= {one.label for one in offered}
    assert "resourceType" not in json.dumps(told_without_why(view(service).json))


def told_without_why(told: Any) -> Any:
    return {key: value for key, value in told.items() if key != "why"}


def test_the_queries_are_those_of_prefetch(service: Service) -> None:
    discovered = service.client.get("/cds-services").json["services"][0]["prefetch"]
    told = service.client.get("/smart/queries", query_string={"iss": ISS}).json["queries"]

    assert {key: one["template"] for key, one in told.items()} == discovered


def test_the_queries_of_a_stranger_are_not_told(service: Service) -> None:
    answer = service.client.get("/smart/queries", query_string={"iss": "https://evil.example"})

    assert answer.status_code == 400
