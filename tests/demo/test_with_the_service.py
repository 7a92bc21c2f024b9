"""The demo in a real browser over the real service: every fixture, every way."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Request, expect

from cds_service.app import create_app
from cds_service.demo import create_demo
from cds_service.demo.fixtures import Fixture, load_cases
from cds_service.demo.pages import FIXTURES
from cds_service.settings import Settings
from tests.demo.fake_service import FakeService, serving
from tests.demo.hostile import EVIL, hostile_copy

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CASES = load_cases(FIXTURES)
ONE_PER_HOOK = tuple({case.hook: case for case in CASES if case.front_matter["topics"]}.values())
SWITCH = "03-severe-deficiency-switch"
TWO_OPINIONS = "26-sepsis-forty"
HOSTILE = "01-antithrombin-dose"
Scheme = Literal["light", "dark"]
LOOKS: tuple[tuple[int, Scheme], ...] = (
    (1280, "light"),
    (1280, "dark"),
    (400, "light"),
    (400, "dark"),
)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ledger") / "ledger.sqlite"


@pytest.fixture(scope="module")
def url(ledger: Path) -> Iterator[str]:
    settings = Settings(open=True, demo=True, database_url=f"sqlite:///{ledger}", log_level="error")
    with serving(create_app(settings), FakeService()) as served:
        yield served.url


def cards_shown(page: Page) -> list[str]:
    expect(page.locator("#cds-status[data-answered]")).to_have_count(1)
    return page.locator("article.card").evaluate_all("all => all.map(card => card.dataset.topic)")


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_every_patient_gets_the_cards_of_the_front_matter(
    page: Page, url: str, case: Fixture
) -> None:
    page.goto(f"{url}/demo/patients/{case.name}")
    assert cards_shown(page) == list(case.front_matter["topics"])


@pytest.mark.parametrize("case", ONE_PER_HOOK, ids=[case.hook for case in ONE_PER_HOOK])
def test_either_way_of_data_gives_the_same_cards(page: Page, url: str, case: Fixture) -> None:
    page.goto(f"{url}/demo/patients/{case.name}")
    expected = cards_shown(page)
    assert expected
    page.get_by_text("Developer", exact=True).click()
    for way in ("prefetch", "server"):
        with page.expect_response(f"**/cds-services/heparin-{case.hook}"):
            page.locator(f"input[value={way}]").check()
        expect(page.locator("#cards[aria-busy]")).to_have_count(0)
        assert cards_shown(page) == expected


def test_every_hook_is_answered_for_a_patient(page: Page, url: str) -> None:
    page.goto(f"{url}/demo/patients/01-antithrombin-dose")
    for hook in ("patient-view", "order-sign", "order-select"):
        with page.expect_response(f"**/cds-services/heparin-{hook}") as answer:
            page.locator(f"button[data-hook={hook}]").click()
        assert answer.value.status == 200


def test_a_switch_taken_changes_the_drafts_and_is_stored(
    page: Page, url: str, ledger: Path
) -> None:
    page.goto(f"{url}/demo/patients/{SWITCH}")
    with page.expect_request("**/feedback") as told:
        page.get_by_role("button", name="Start bivalirudin").click()
    expect(page.locator(".card-said")).to_contain_text("Feedback sent.")
    drafts = page.locator("#drafts li")
    expect(drafts).to_have_count(2)
    expect(drafts.nth(0)).to_contain_text("0.15 mg/kg/h")
    expect(drafts.nth(1)).to_contain_text("Stop: heparin 25,000 units")
    assert stored(ledger, told.value) == ("accepted", "")


def test_an_override_is_stored_with_its_reason(page: Page, url: str, ledger: Path) -> None:
    page.goto(f"{url}/demo/patients/{SWITCH}")
    page.get_by_text("Override", exact=True).click()
    page.get_by_label("Reason").select_option(label="Disagree")
    with page.expect_request("**/feedback") as told:
        page.get_by_role("button", name="Override this card").click()
    expect(page.locator(".card-said")).to_contain_text("Feedback sent.")
    assert stored(ledger, told.value) == ("overridden", "disagree")


def test_signing_after_the_switch_was_taken_raises_no_card_about_the_combination(
    page: Page, url: str
) -> None:
    """The stop of heparin rides along with the new drug."""
    page.goto(f"{url}/demo/patients/{SWITCH}")
    page.get_by_role("button", name="Start bivalirudin").click()
    expect(page.locator("#drafts li")).to_have_count(2)
    with page.expect_response("**/cds-services/heparin-order-sign") as answer:
        page.get_by_role("button", name="Sign drafts").click()
    topics = [card["source"]["topic"]["code"] for card in answer.value.json()["cards"]]
    assert "anticoagulantCombination" not in topics


def test_the_other_protocol_gives_other_cards_and_says_whose_they_are(
    page: Page, url: str, ledger: Path
) -> None:
    page.goto(f"{url}/demo/patients/{TWO_OPINIONS}")
    assert cards_shown(page) == ["anticoagulantSwitch"]
    page.get_by_label("review as written").check()
    expect(page.locator("#cds-status")).to_have_text("1 card, protocol review as written")
    assert cards_shown(page) == ["antithrombinDose"]
    expect(page.locator(".card-source")).to_contain_text("review formula, not the label")
    with page.expect_response("**/review-as-written/cds-services/*/feedback") as told:
        page.get_by_text("Override", exact=True).click()
        page.get_by_role("button", name="Override this card").click()
    assert told.value.status == 200
    assert "'review-as-written'" in dump(ledger)
    page.get_by_label("default", exact=True).check()
    expect(page.locator(".card-source")).not_to_contain_text("review formula")
    assert cards_shown(page) == ["anticoagulantSwitch"]


def test_looking_back_finds_what_came_before_the_switch_and_is_not_recorded(
    page: Page, url: str, ledger: Path
) -> None:
    page.goto(f"{url}/demo/patients/{SWITCH}")
    cards_shown(page)
    before = dump(ledger)
    page.get_by_role("button", name="When did each card first appear?").click()
    expect(page.locator("#look-back[aria-disabled]")).to_have_count(0, timeout=60_000)
    appeared = page.locator("#appeared li")
    expect(appeared.first).to_contain_text("gone now")
    expect(appeared.last).to_contain_text("antithrombin 38 %")
    assert dump(ledger) == before


@pytest.mark.parametrize(
    ("path", "looks"),
    [
        ("/", LOOKS),
        (f"/demo/patients/{SWITCH}", LOOKS),
        ("/demo/patients/nobody", LOOKS),
        ("/explain", (LOOKS[0], LOOKS[-1])),
    ],
    ids=["patients", "chart", "wrong address", "explain"],
)
def test_axe_finds_nothing_serious(
    page: Page, url: str, path: str, looks: tuple[tuple[int, Scheme], ...]
) -> None:
    """With everything opened that can be; the explanation is long, and looked at twice only."""
    page.goto(url + path)
    page.wait_for_load_state("networkidle")
    page.locator("details").evaluate_all("all => all.forEach(each => each.open = true)")
    assert page.locator(".card-critical").count() == (1 if SWITCH in path else 0)
    found = [(*look, fault) for look in looks for fault in serious(page, *look)]
    assert found == []


def test_axe_finds_nothing_serious_in_what_was_refused_or_folded(page: Page, url: str) -> None:
    page.goto(f"{url}/demo/patients/{SWITCH}")
    cards_shown(page)
    page.locator("input[name=amount]").fill("lots")
    page.get_by_role("button", name="Add to drafts").click()
    page.get_by_text("Override", exact=True).click()
    page.get_by_role("button", name="Override this card").click()
    expect(page.locator(".card .refused")).not_to_be_empty()
    found = [fault for look in LOOKS for fault in serious(page, *look)]
    page.get_by_label("Reason").select_option(label="Disagree")
    page.get_by_role("button", name="Override this card").click()
    expect(page.locator(".card-folded")).to_be_visible()
    found += [fault for look in LOOKS for fault in serious(page, *look)]
    assert found == []


def serious(page: Page, width: int, scheme: Scheme) -> list[str]:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    violations = Axe().run(page).response["violations"]
    return [one["id"] for one in violations if one["impact"] in ("serious", "critical")]


def test_a_hostile_record_runs_nothing_on_its_way_through_the_service(
    page: Page, tmp_path: Path
) -> None:
    """Its words come back on cards and suggested orders, as text."""
    hostile_copy(tmp_path / "fixtures" / HOSTILE, HOSTILE, _marked_up)
    settings = Settings(open=True, database_url=f"sqlite:///{tmp_path}/l.sqlite", log_level="error")
    app = create_app(settings)
    app.register_blueprint(create_demo(settings, tmp_path / "fixtures"))
    with serving(app, FakeService()) as served:
        page.goto(f"{served.url}/demo/patients/{HOSTILE}")
        assert cards_shown(page)
        expect(page.locator("h1")).to_have_text(EVIL)
        expect(page.locator(".draft-name").first).to_contain_text(EVIL)
        page.locator(".suggestions button").first.click()
        expect(page.locator(".card-said")).to_contain_text("Feedback sent.")
        assert page.locator("#cards img, #drafts img, .banner img, .record img").count() == 0
        page.goto(served.url)
        assert page.locator("img").count() == 0
        assert page.evaluate("window.broken") is None
    app.extensions["ledger"].close()


def _marked_up(value: dict[str, Any]) -> dict[str, Any]:
    if "medicationCodeableConcept" in value:
        concept = {**value["medicationCodeableConcept"], "text": EVIL}
        return {**value, "medicationCodeableConcept": concept}
    return value


def stored(ledger: Path, told: Request) -> tuple[str, str]:
    """What the ledger holds about the card of one feedback request: outcome and reason."""
    (item,) = told.post_data_json["feedback"]
    query = "SELECT outcome, reason_code FROM feedback WHERE card = ?"
    connection = sqlite3.connect(ledger)
    try:
        (row,) = connection.execute(query, [item["card"]]).fetchall()
    finally:
        connection.close()
    return row


def dump(ledger: Path) -> str:
    """Everything the ledger holds, as text."""
    connection = sqlite3.connect(ledger)
    try:
        return "\n".join(connection.iterdump())
    finally:
        connection.close()
