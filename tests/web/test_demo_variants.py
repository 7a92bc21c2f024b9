"""The services beside the demo EHR: by the other protocol, and without a record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cds_service.ledger.calls import calls
from tests.service import Service, prefetch_of, request_of

CASE = "26-sepsis-forty"
REVIEW = "/review-as-written"
BESIDE = (REVIEW, "/looking-back", f"{REVIEW}/looking-back")
NOTE = "review formula, not the label"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path, demo=True)
    yield service
    service.close()


def asked(service: Service, prefix: str) -> list[Any]:
    body = request_of(CASE) | {"prefetch": prefetch_of(CASE)}
    answer = service.client.post(f"{prefix}/cds-services/heparin-{body['hook']}", json=body)
    assert answer.status_code == 200
    return list(answer.get_json()["cards"])


def test_the_other_protocol_advises_otherwise_and_says_so(service: Service) -> None:
    (ours,), (reviews,) = asked(service, ""), asked(service, REVIEW)
    assert ours["source"]["topic"]["code"] == "anticoagulantSwitch"
    assert reviews["source"]["topic"]["code"] == "antithrombinDose"
    assert NOTE in reviews["source"]["label"]
    assert NOTE not in ours["source"]["label"]


def test_the_ledger_names_the_protocol(service: Service) -> None:
    for prefix in ("", REVIEW):
        asked(service, prefix)
    assert sorted(row.protocol for row in service.rows(calls)) == ["default", "review-as-written"]


def test_feedback_on_a_card_of_the_other_protocol_is_taken(service: Service) -> None:
    (card,) = asked(service, REVIEW)
    at = service.now.isoformat()
    item = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": at}
    address = f"{REVIEW}/cds-services/heparin-order-select/feedback"
    assert service.client.post(address, json={"feedback": [item]}).status_code == 200


@pytest.mark.parametrize("protocol", ["", REVIEW])
def test_looking_back_advises_the_same_and_leaves_no_record(
    service: Service, protocol: str
) -> None:
    (back,) = asked(service, f"{protocol}/looking-back")
    assert service.rows(calls) == []
    (card,) = asked(service, protocol)
    assert back["detail"] == card["detail"]


@pytest.mark.parametrize("prefix", BESIDE)
def test_each_is_discovered_as_any_service_is(service: Service, prefix: str) -> None:
    found = service.client.get(f"{prefix}/cds-services").get_json()
    assert found == service.client.get("/cds-services").get_json()


@pytest.mark.parametrize("prefix", BESIDE)
def test_without_the_demo_none_of_them_is_there(tmp_path: Path, prefix: str) -> None:
    service = Service(tmp_path)
    assert service.client.get(f"{prefix}/cds-services").status_code == 404
    service.close()


@pytest.mark.parametrize("prefix", BESIDE)
def test_where_callers_have_to_be_known_none_of_them_is_there(tmp_path: Path, prefix: str) -> None:
    """The demo may be asked for there too; the other protocol and the lack of a record may not."""
    service = Service(tmp_path, demo=True, open=False)
    assert service.client.get("/cds-services").status_code == 401
    assert service.client.get(f"{prefix}/cds-services").status_code == 404
    service.close()
