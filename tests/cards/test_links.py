"""Where a card's links lead: its rule's own page, and the SMART app where a client allows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cds_service.assessment.recommend.registry import TOPICS
from cds_service.cards.card import ClientCapabilities, LinkTargets
from cds_service.ledger.calls import calls
from tests.cases import advice_for, cases, wire
from tests.service import CASE, Service, prefetch_of, request_of

PAGES = LinkTargets("https://cds.example.org/explain")
APP = LinkTargets("https://cds.example.org/explain", "https://cds.example.org/smart/launch", "c1")
BOTH = frozenset({"absolute", "smart"})


def cards(style: ClientCapabilities, name: str = "01-antithrombin-dose"):
    return wire(advice_for(name, style=style))


@pytest.mark.parametrize("name", sorted(cases()))
def test_every_card_links_to_its_own_rule(name: str) -> None:
    for card in cards(ClientCapabilities(targets=PAGES), name):
        topic = card["source"]["topic"]["code"]
        assert topic in TOPICS
        assert card["source"]["url"] == f"https://cds.example.org/explain#{topic}"
        assert [(link["type"], link["url"]) for link in card["links"]] == [
            ("absolute", card["source"]["url"])
        ]
        assert "appContext" not in card["links"][0]


def test_without_an_address_there_is_no_link_that_leads_nowhere() -> None:
    for card in cards(ClientCapabilities()):
        assert "links" not in card
        assert "url" not in card["source"]


def test_the_app_is_linked_only_where_the_client_allows_it() -> None:
    (card,) = cards(ClientCapabilities(links=BOTH, targets=APP))
    assert card["links"][1] == {
        "label": card["links"][1]["label"],
        "url": "https://cds.example.org/smart/launch",
        "type": "smart",
        "appContext": "c1#antithrombinDose",
    }
    (without,) = cards(ClientCapabilities(targets=APP))
    assert [link["type"] for link in without["links"]] == ["absolute"]


def test_a_client_may_take_no_links_at_all() -> None:
    (card,) = cards(ClientCapabilities(links=frozenset(), targets=APP))
    assert "links" not in card
    assert card["source"]["url"]


def urls(answer):
    return {link["url"] for card in answer.json["cards"] for link in card["links"]}


def test_links_lead_to_the_public_url(tmp_path: Path) -> None:
    service = Service(tmp_path, public_url="https://cds.example.org")
    assert urls(service.call()) == {"https://cds.example.org/explain#antithrombinDose"}


def test_in_open_mode_links_lead_to_where_the_service_was_reached(tmp_path: Path) -> None:
    assert urls(Service(tmp_path).call()) == {"http://localhost/explain#antithrombinDose"}


def test_a_host_that_is_none_gives_no_link(tmp_path: Path) -> None:
    service = Service(tmp_path)
    body = request_of(CASE) | {"prefetch": prefetch_of(CASE)}
    path = f"/cds-services/heparin-{body['hook']}"
    answer = service.client.post(path, json=body, headers={"Host": "a@evil.example"})
    assert answer.json["cards"]
    assert all("links" not in card for card in answer.json["cards"])


def test_the_app_gets_the_id_under_which_the_call_is_recorded(tmp_path: Path) -> None:
    service = Service(tmp_path, public_url="https://cds.example.org", smart=True)
    (card,) = service.call().json["cards"]
    (row,) = service.rows(calls)
    assert card["links"][1]["appContext"] == f"{row.id}#antithrombinDose"


@pytest.mark.parametrize("public_url", ["", "https://cds.example.org"])
def test_the_page_of_the_rules_may_be_hosted_elsewhere(tmp_path: Path, public_url: str) -> None:
    page = "https://intranet.example.org/rules/"
    service = Service(tmp_path, public_url=public_url, rules_url=page)
    assert urls(service.call()) == {f"{page}#antithrombinDose"}


def test_each_link_leads_to_a_section_of_the_page_that_is_served(tmp_path: Path) -> None:
    service = Service(tmp_path)
    anchors = set(re.findall(r' id="([^"]+)"', service.client.get("/explain").text))
    for name in cases():
        answer = service.call(name)
        assert answer.status_code == 200
        for card in answer.json["cards"]:
            for url in (card["source"]["url"], *(link["url"] for link in card["links"])):
                page, _, topic = url.partition("#")
                assert (page, topic in anchors) == ("http://localhost/explain", True)
