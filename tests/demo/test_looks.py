"""What the pages look like over the real service: where the first button stands, words, print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from cds_service.app import create_app
from cds_service.demo.fixtures import load_cases
from cds_service.demo.pages import FIXTURES
from cds_service.settings import Settings
from tests.demo.fake_service import FakeService, serving

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CASES = load_cases(FIXTURES)
SCREENS = ((1440, 900), (1920, 1080))
CHOICE = ".suggestions button"
ANY_BUTTON = ".suggestions button, .card-override summary"
PROGRAMMERS = re.compile(
    r"JSON|FHIR|HTTP|prefetch|hook|patient-view|order-select|order-sign|undefined|null|NaN|\[object"
)
UNREADABLE = "15-unreadable"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    ledger = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
    settings = Settings(
        open=True, demo=True, smart=True, database_url=f"sqlite:///{ledger}", log_level="error"
    )
    with serving(create_app(settings), FakeService()) as served:
        yield served.url


def open_case(page: Page, url: str, case: str) -> None:
    page.goto(f"{url}/demo/patients/{case}")
    expect(page.locator("#cds-status[data-answered]")).to_have_count(1)


@dataclass(frozen=True)
class Sight:
    """One chart as it was seen: lower edges of buttons by screen and kind, words, printed pages."""

    bottoms: dict[tuple[int, int], dict[str, float]]
    without_a_button: int  # cards in which nothing can be pressed
    words: list[str]  # of programmers, with everything open that a clinician may open
    pages: int


@pytest.fixture(scope="module")
def sights(browser: Browser, url: str) -> dict[str, Sight]:
    """Every fixture, looked at once for all tests: opening 43 charts takes its time."""
    page = browser.new_page()
    seen = {case.name: look(page, url, case.name) for case in CASES}
    page.close()
    return seen


def look(page: Page, url: str, case: str) -> Sight:
    open_case(page, url, case)
    bottoms = {}
    for width, height in SCREENS:
        page.set_viewport_size({"width": width, "height": height})
        bottoms[width, height] = {part: bottom_of(page, part) for part in (CHOICE, ANY_BUTTON)}
    cards = page.locator("#cards article.card")
    bare = cards.count() - cards.filter(has=page.locator(ANY_BUTTON)).count()
    printed = page.pdf(prefer_css_page_size=True)
    page.locator("details").evaluate_all(
        "all => all.forEach(each => each.open = !each.closest('.developer'))"
    )
    words = PROGRAMMERS.findall(page.locator("body").inner_text())
    return Sight(bottoms, bare, words, len(re.findall(rb"/Type\s*/Page\b", printed)))


def bottom_of(page: Page, part: str) -> float:
    """The lower edge of the first such button of any card; zero where there is none."""
    button = page.locator(f"#cards article.card :is({part})").first
    box = button.bounding_box() if button.count() else None
    return box["y"] + box["height"] if box else 0


@pytest.mark.parametrize("part", [CHOICE, ANY_BUTTON], ids=["choice", "any"])
@pytest.mark.parametrize("size", SCREENS, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_first_button_is_seen_without_scrolling_on_every_fixture(
    sights: dict[str, Sight], size: tuple[int, int], part: str
) -> None:
    """The first choice, wherever a card offers one; else what can be done with the first card."""
    bottoms = {name: sight.bottoms[size][part] for name, sight in sights.items()}
    assert {name: bottom for name, bottom in bottoms.items() if bottom > size[1]} == {}
    with_cards = sum(bool(case.front_matter["topics"]) for case in CASES)
    assert sum(map(bool, bottoms.values())) >= (with_cards if part == ANY_BUTTON else 30)


def test_every_card_can_be_answered(sights: dict[str, Sight]) -> None:
    assert [name for name, sight in sights.items() if sight.without_a_button] == []


def test_words_of_programmers_stand_under_developer_only(sights: dict[str, Sight]) -> None:
    assert {name: sight.words for name, sight in sights.items() if sight.words} == {}


def test_a_printed_chart_is_one_page(sights: dict[str, Sight]) -> None:
    assert {name: sight.pages for name, sight in sights.items() if sight.pages != 1} == {}


def test_cards_stand_beside_the_chart(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    open_case(page, url, "01-antithrombin-dose")
    boxes = [
        page.locator(part).bounding_box() for part in (".banner", "#cards", "svg.timeline-wide")
    ]
    banner, cards, timeline = (box for box in boxes if box)
    assert cards["x"] > banner["x"] + banner["width"]
    assert cards["y"] < banner["y"] + banner["height"]
    assert timeline["y"] < 900


def test_the_developer_part_opens(page: Page, url: str) -> None:
    page.goto(url)
    assert PROGRAMMERS.findall(page.locator("body").inner_text()) == []
    open_case(page, url, UNREADABLE)
    assert not page.get_by_text("Sent and received").is_visible()
    page.get_by_text("Developer", exact=True).click()
    expect(page.get_by_text("Sent and received")).to_be_visible()
    expect(page.locator(".developer .story")).to_contain_text("Charting:")


def test_print_leaves_out_what_only_a_screen_can_do(page: Page, url: str) -> None:
    open_case(page, url, "01-antithrombin-dose")
    page.emulate_media(media="print")
    for part in (".hooks", "#order-form", ".neighbours", ".developer", ".card-override"):
        expect(page.locator(part).first).to_be_hidden()
    for part in (".banner", ".card-summary", ".suggestions", "svg.timeline-wide", ".disclaimer"):
        expect(page.locator(part).first).to_be_visible()
    page.emulate_media(media="screen")


def test_what_cannot_be_told_is_drawn_as_a_band(page: Page, url: str) -> None:
    open_case(page, url, UNREADABLE)
    drawn = page.locator("svg.timeline-wide")
    expect(drawn.locator(".lane-rate .unknown")).to_contain_text("rate cannot be read")
    expect(drawn.locator(".lane-day .unknown")).to_have_count(1)
    expect(drawn.locator(".lane-antiXa .mark-unreadable .value")).to_have_text("0.24 (no unit) ?")
    expect(page.locator(".who .state")).to_have_text("implausible")


def test_patients_are_found_by_words_and_by_urgency(page: Page, url: str) -> None:
    page.goto(url)
    shown = page.locator(".patients li:visible")
    expect(shown).to_have_count(len(CASES))
    page.get_by_label("Search").fill("hit CRITICAL")
    expect(page.locator("#found")).to_contain_text(f"of {len(CASES)} patients")
    texts = shown.all_inner_texts()
    assert texts
    assert all("HIT" in text for text in texts)
    page.get_by_label("Search").fill("adult only")
    expect(shown).to_have_count(1)
    expect(shown).to_contain_text("Mia Weber")
    page.get_by_label("Most urgent card").select_option("critical")
    expect(shown).to_have_count(0)
    expect(page.locator("#none-found")).to_be_visible()
    page.get_by_label("Search").fill("")
    critical = sum("critical" in case.front_matter["indicators"] for case in CASES)
    expect(shown).to_have_count(critical)
    page.get_by_label("Most urgent card").select_option("none")
    expect(shown).to_have_count(sum(not case.front_matter["topics"] for case in CASES))


def test_the_list_is_used_with_the_keyboard_alone(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_label("Search").focus()
    page.keyboard.type("mia weber")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Mia Weber")


def test_a_wrong_address_leads_back_to_the_list(page: Page, url: str) -> None:
    page.goto(f"{url}/demo/patients/nobody")
    expect(page.locator("h1")).to_have_text("There is no such page")
    page.get_by_role("main").get_by_role("link", name="All patients").click()
    expect(page.locator("h1")).to_have_text("Patients on heparin")
