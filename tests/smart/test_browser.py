"""The app in a real browser, launched from a card of the demonstration EHR over the service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from cds_service.app import create_app
from cds_service.demo import create_demo
from cds_service.demo.fixtures import load_cases
from cds_service.demo.pages import FIXTURES
from cds_service.settings import Settings
from tests.demo.fake_service import FakeService, serving
from tests.demo.hostile import EVIL, hostile_copy

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DOSE, HIT, LOST = "01-antithrombin-dose", "09-hit-on-record", "43-effect-lost"
Scheme = Literal["light", "dark"]
LOOKS: tuple[tuple[int, Scheme], ...] = (
    (1280, "light"),
    (1280, "dark"),
    (400, "light"),
    (400, "dark"),
)


def settings_for(folder: Path, **changes: Any) -> Settings:
    database = f"sqlite:///{folder}/ledger.sqlite"
    given = {"open": True, "demo": True, "smart": True, "log_level": "error"}
    return Settings(**(given | {"database_url": database} | changes))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    app = create_app(settings_for(tmp_path_factory.mktemp("service")))
    with serving(app, FakeService()) as served:
        yield served.url
    app.extensions["ledger"].close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A profile of its own for each test; no page of it may raise an error."""
    opened = browser.new_context(viewport={"width": 1280, "height": 900})
    errors: list[str] = []
    opened.on("weberror", lambda fault: errors.append(str(fault.error)))
    yield opened
    opened.close()
    assert errors == []


def open_chart(context: BrowserContext, url: str, case: str) -> Page:
    chart = context.new_page()
    chart.goto(f"{url}/demo/patients/{case}")
    expect(link_of(chart)).to_be_visible()
    return chart


def link_of(chart: Page) -> Any:
    return chart.locator(".card-links a[href*='/demo/launch']").first


def launch(context: BrowserContext, url: str, case: str = DOSE) -> Page:
    """From the card's link to the drawn app."""
    chart = open_chart(context, url, case)
    with context.expect_page() as opened:
        link_of(chart).click()
    app = opened.value
    expect(app.locator("svg.tracks")).to_be_visible()
    return app


def test_from_a_card_to_the_app_and_back(context: BrowserContext, url: str) -> None:
    chart = open_chart(context, url, DOSE)
    topics = chart.locator("article.card").evaluate_all("all => all.map(one => one.dataset.topic)")
    with context.expect_page() as opened:
        link_of(chart).click()
    app = opened.value

    expect(app.get_by_role("heading", name="Ruth Keller")).to_be_visible()
    card = app.locator(f"article.card[data-topic={topics[0]}]")
    expect(card).to_contain_text("opened from this card")
    expect(card).to_contain_text("2,571 IU")
    app.close()
    expect(chart.get_by_role("heading", name="Ruth Keller")).to_be_visible()


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (DOSE, ["required rate", "0.18", "since", "confirmed"]),
        (HIT, ["platelets", "HIT", "Gates that are not open"]),
        (LOST, ["Effect lost", "0.10", "does not fit the levels before"]),
    ],
)
def test_the_page_tells_tracks_course_and_why(
    context: BrowserContext, url: str, case: str, said: list[str]
) -> None:
    app = launch(context, url, case)

    for text in said:
        expect(app.locator("#app")).to_contain_text(text)
    for lane in ("rate", "anti_xa", "aptt", "antithrombin", "platelets"):
        assert app.locator(f".lane-{lane}").count() == 1
    assert app.locator(".lane-rate .mark").count() > 0


def test_the_cards_are_those_that_a_chart_shows_when_it_is_opened(
    context: BrowserContext, url: str
) -> None:
    case = next(one for one in load_cases(FIXTURES) if one.hook == "patient-view")
    app = launch(context, url, case.name)
    topics = app.locator("article.card").evaluate_all("all => all.map(one => one.dataset.topic)")

    assert topics == list(case.front_matter["topics"])


def test_no_token_stays_anywhere(context: BrowserContext, url: str) -> None:
    """Neither in storage nor in the address nor in the history, nor in a request to the service."""
    tokens: list[str] = []
    sent: list[str] = []
    chart = open_chart(context, url, DOSE)

    def keep(response: Any) -> None:
        if response.url.endswith("/demo/token"):
            tokens.append(response.json()["access_token"])

    def note(request: Any) -> None:
        if "/smart/" in request.url:
            sent.append(f"{request.url} {request.headers} {request.post_data}")

    context.on("response", keep)
    context.on("request", note)
    with context.expect_page() as opened:
        link_of(chart).click()
    app = opened.value
    expect(app.locator("svg.tracks")).to_be_visible()

    assert len(tokens) == 1
    assert app.url == f"{url}/smart/"
    assert app.evaluate("JSON.stringify([sessionStorage, localStorage, document.cookie])") == (
        '[{},{},""]'
    )
    assert any("/smart/view" in one for one in sent)
    assert not [one for one in sent if tokens[0] in one]
    assert "hr-01" not in app.url


def test_a_page_that_is_loaded_again_has_no_permission_left(
    context: BrowserContext, url: str
) -> None:
    app = launch(context, url)
    app.reload()

    expect(app.get_by_role("alert")).to_contain_text("Open this page from a patient's chart")
    assert app.locator("svg.tracks").count() == 0


def test_reading_again_needs_no_new_launch(context: BrowserContext, url: str) -> None:
    app = launch(context, url)
    with app.expect_response("**/smart/view") as answer:
        app.get_by_role("button", name="Read again").click()
    assert answer.value.status == 200
    expect(app.locator("svg.tracks")).to_be_visible()


def test_a_standalone_launch_lets_the_patient_be_chosen(context: BrowserContext, url: str) -> None:
    page = context.new_page()
    page.goto(f"{url}/smart/launch?iss={url}/demo/fhir")
    page.get_by_role("link", name="Ruth Keller").click()

    expect(page.locator("svg.tracks")).to_be_visible()
    expect(page.locator(".opened")).to_have_count(0)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "Open this page from a patient's chart"),
        ("?code=x&state=y", "The permission was not completed"),
        ("?error=access_denied&error_description=<b>no</b>&state=y", "The EHR did not allow it"),
        ("?fhirServiceUrl=https://evil.example&state=y", "Open this page from a patient's chart"),
    ],
)
def test_an_answer_that_nobody_asked_for_opens_nothing(
    context: BrowserContext, url: str, query: str, said: str
) -> None:
    page = context.new_page()
    page.goto(f"{url}/smart/{query}")

    expect(page.get_by_role("alert")).to_contain_text(said)
    assert page.url == f"{url}/smart/" or "code" not in page.url


def test_an_address_cannot_turn_the_launch_elsewhere(context: BrowserContext, url: str) -> None:
    """The library would take a client id, a patient and a server from the page's address."""
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    more = "clientId=other&patientId=x&fhirServiceUrl=https://evil.example/fhir"
    page.goto(f"{url}/smart/launch?iss={url}/demo/fhir&{more}")
    page.wait_for_url("**/demo/authorize?**")

    assert "client_id=heparin-cds" in page.url
    assert not [one for one in asked if one.startswith("https://evil.example")]


def test_the_keyboard_alone_is_enough(context: BrowserContext, url: str) -> None:
    chart = open_chart(context, url, DOSE)
    link_of(chart).focus()
    with context.expect_page() as opened:
        chart.keyboard.press("Enter")
    app = opened.value
    expect(app.locator("svg.tracks")).to_be_visible()
    reached = set()
    for _ in range(30):
        app.keyboard.press("Tab")
        reached.add(app.evaluate("document.activeElement.textContent.trim().slice(0, 24)"))
        if "The same as a table" in reached:
            break
    app.keyboard.press("Enter")

    assert {"Read again", "Why, step by step", "The same as a table"} <= reached
    expect(app.locator("table.values").first).to_be_visible()


def test_what_the_ehr_did_not_give_stands_above_everything(
    context: BrowserContext, url: str
) -> None:
    chart = open_chart(context, url, DOSE)
    context.route("**/demo/fhir/AllergyIntolerance*", lambda route: route.fulfill(status=403))
    with context.expect_page() as opened:
        link_of(chart).click()
    app = opened.value

    expect(app.locator(".unread")).to_contain_text("allergies (failed)")
    first = app.locator(".card").first
    assert app.locator(".unread").bounding_box()["y"] < first.bounding_box()["y"]


GATHER = """async ({ answers, queries }) => {
  const { gather } = await import("/smart/static/gather.js");
  const asked = [];
  const request = async (url) => {
    asked.push(url);
    const found = answers[url];
    if (typeof found === "number") throw Object.assign(new Error("no"), { status: found });
    if (!found) throw Object.assign(new Error("no"), { status: 404 });
    return structuredClone(found);
  };
  return [await gather(request, queries, "a b", "https://ehr.example/fhir"), asked];
}"""


def gathered(context: BrowserContext, url: str, answers: Any, **queries: str) -> Any:
    """What the page would send of these answers, and what it asked for."""
    page = context.new_page()
    page.goto(f"{url}/smart/")
    asked = {key: {"template": one, "hours": 72} for key, one in queries.items()}
    return page.evaluate(GATHER, {"answers": answers, "queries": asked})


def searchset(*resources: Any, following: str = "", total: int | None = None) -> Any:
    link = [{"relation": "next", "url": following}] if following else []
    entry = [{"resource": one} for one in resources]
    bundle = {"resourceType": "Bundle", "type": "searchset", "link": link, "entry": entry}
    return bundle if total is None else bundle | {"total": total}


def test_pages_are_followed_on_the_ehr_s_own_server_only(context: BrowserContext, url: str) -> None:
    base = "https://ehr.example/fhir"
    found, asked = gathered(
        context,
        url,
        {
            "Observation?patient=a%20b": searchset({"id": "1"}, following=f"{base}?page=2"),
            f"{base}?page=2": searchset({"id": "2"}, following=f"{base}/../evil?page=3"),
            "Condition?patient=a%20b": searchset({"id": "1"}, following=f"{base}/Condition?page=2"),
            f"{base}/Condition?page=2": searchset({"id": "2"}),
            "Procedure?patient=a%20b": searchset(
                {"id": "1"}, following="https://evil.example/fhir/Procedure?page=2"
            ),
        },
        labs="Observation?patient={{context.patientId}}",
        conditions="Condition?patient={{context.patientId}}",
        procedures="Procedure?patient={{context.patientId}}",
    )

    assert [one["resource"]["id"] for one in found["conditions"]["entry"]] == ["1", "2"]
    assert found["conditions"]["link"] == []
    assert found["procedures"]["link"][0]["relation"] == "next"  # known as a part
    assert len(found["labs"]["entry"]) == 2
    assert found["labs"]["link"][0]["relation"] == "next"
    assert not [one for one in asked if "evil" in one]


def test_a_server_that_refuses_to_sort_is_asked_without_and_a_failure_is_sent_as_one(
    context: BrowserContext, url: str
) -> None:
    plain = searchset({"id": "1"})
    found, asked = gathered(
        context,
        url,
        {
            "Observation?patient=a%20b&code=x%7C1&_sort=-date&_count=9": 400,
            "Observation?patient=a%20b&code=x%7C1": plain,
            "Condition?patient=a%20b": 403,
        },
        labs="Observation?patient={{context.patientId}}&code=x|1&_sort=-date&_count=9",
        conditions="Condition?patient={{context.patientId}}",
    )

    assert found["labs"]["entry"] == plain["entry"]
    assert found["conditions"]["resourceType"] == "OperationOutcome"
    assert len(asked) == 3


def test_a_medicine_that_is_only_referred_to_is_read(context: BrowserContext, url: str) -> None:
    order = {
        "resourceType": "MedicationRequest",
        "medicationReference": {"reference": "Medication/m1"},
    }
    foreign = {**order, "medicationReference": {"reference": "https://evil.example/Medication/m2"}}
    inside = {**order, "medicationReference": {"reference": "#m3"}}
    medicine = {"resourceType": "Medication", "id": "m1"}
    found, asked = gathered(
        context,
        url,
        {
            "MedicationRequest?patient=a%20b": searchset(order, order, foreign, inside),
            "Medication/m1": medicine,
        },
        orders="MedicationRequest?patient={{context.patientId}}",
    )

    assert found["orders"]["entry"][-1]["resource"] == medicine
    assert found["orders"]["entry"][-1]["fullUrl"] == "https://ehr.example/fhir/Medication/m1"
    assert asked == ["MedicationRequest?patient=a%20b", "Medication/m1"]


@pytest.mark.parametrize("case", [DOSE, HIT])
def test_axe_finds_nothing_serious(context: BrowserContext, url: str, case: str) -> None:
    app = launch(context, url, case)
    app.locator("details").evaluate_all("all => all.forEach(each => each.open = true)")
    found = [(*look, fault) for look in LOOKS for fault in serious(app, *look)]

    assert found == []


def serious(page: Page, width: int, scheme: Scheme) -> list[str]:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    violations = Axe().run(page).response["violations"]
    return [one["id"] for one in violations if one["impact"] in ("serious", "critical")]


def test_a_side_panel_of_400_pixels_scrolls_down_only(context: BrowserContext, url: str) -> None:
    app = launch(context, url)
    app.set_viewport_size({"width": 400, "height": 900})
    expect(app.locator("svg.tracks")).to_have_attribute("width", re.compile(r"3\d\d"))

    assert app.evaluate("document.documentElement.scrollWidth") <= 400


def test_what_is_printed_is_light_and_has_the_steps(context: BrowserContext, url: str) -> None:
    app = launch(context, url)
    app.emulate_media(media="print", color_scheme="dark")

    assert app.locator(".button").first.is_hidden()
    assert app.locator(".behind").first.is_visible()


def test_a_hostile_record_runs_nothing(browser: Browser, tmp_path: Path) -> None:
    """Its words come back through the service and are drawn as text."""
    hostile_copy(tmp_path / "fixtures" / DOSE, DOSE, _marked_up)
    settings = settings_for(tmp_path, demo=False)
    app = create_app(settings)
    app.register_blueprint(create_demo(settings, tmp_path / "fixtures"))
    with serving(app, FakeService()) as served:
        context = browser.new_context()
        page = launch(context, served.url)
        expect(page.locator("h1")).to_have_text(EVIL)
        page.locator("details").evaluate_all("all => all.forEach(each => each.open = true)")
        assert page.locator("img").count() == 0
        assert page.evaluate("window.broken") is None
        context.close()
    app.extensions["ledger"].close()


def _marked_up(value: Any) -> Any:
    if value.get("resourceType") == "Observation" and "55" in str(value.get("valueQuantity")):
        return {**value, "valueQuantity": {"value": 55, "unit": EVIL}}
    return value
