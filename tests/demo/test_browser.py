"""The demo in a real browser, over a service that answers as each test tells it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.demo.builders import PATIENT, write_case
from tests.demo.cards import REASONS, antithrombin_card, plain_card
from tests.demo.conftest import RUNNING
from tests.demo.fake_service import HOOKS, FakeService, create_fake, serving
from tests.demo.hostile import EVIL

pytestmark = pytest.mark.browser

WARNING = antithrombin_card("ada", "MedicationRequest/draft-1", RUNNING)


def answer(service: FakeService, *cards: dict[str, Any]) -> None:
    service.answers = {hook: {"cards": list(cards)} for hook in HOOKS}


def open_chart(page: Page, service: FakeService, case: str = "01-ada") -> None:
    page.goto(f"{service.url}/demo/patients/{case}")
    expect(page.locator("#cds-status[data-answered]")).to_have_count(1)


def press_hook(page: Page, hook: str) -> None:
    page.locator(f"button[data-hook={hook}]").click()
    expect(page.locator(f"#cds-status[data-answered={hook}]")).to_have_count(1)


def open_developer(page: Page) -> None:
    page.get_by_text("Developer", exact=True).click()


def test_from_the_list_to_the_cards(page: Page, service: FakeService) -> None:
    answer(service, WARNING)
    page.goto(service.url)
    page.get_by_role("link", name="Ada Probe").click()
    expect(page.get_by_role("heading", name="Antithrombin 55 %")).to_be_visible()
    expect(page.locator(".disclaimer")).to_contain_text("Not for clinical use")


def test_the_most_urgent_card_comes_first_and_says_so_in_words(
    page: Page, service: FakeService
) -> None:
    urgent = plain_card("critical", "HIT on record")
    answer(service, plain_card("info", "Tests are due"), WARNING, urgent)
    open_chart(page, service)
    words = page.locator(".card .urgency").all_inner_texts()
    assert words == ["Critical", "Warning", "Information"]
    assert page.locator(".card .urgency svg").count() == 3


def test_a_detail_is_drawn_as_markdown(page: Page, service: FakeService) -> None:
    answer(service, WARNING)
    open_chart(page, service)
    expect(page.locator(".card-detail td").first).to_have_text("Anti-Xa")
    expect(page.locator(".card-first strong").first).to_have_text("1,600 U/h")


def test_the_recommended_choice_is_marked_in_words(page: Page, service: FakeService) -> None:
    answer(service, WARNING)
    open_chart(page, service)
    expect(page.locator(".choice").nth(0)).to_contain_text("Recommended")
    expect(page.locator(".choice").nth(1)).not_to_contain_text("Recommended")
    actions = page.locator(".actions li").all_inner_texts()
    assert actions[:3] == [
        "New Antithrombin 2,571 IU intravenously once",
        "Remove the drafted raise",
        "Stop the heparin infusion",
    ]


def test_a_chart_calls_its_own_hook_when_opened(page: Page, service: FakeService) -> None:
    open_chart(page, service)
    (call,) = service.calls
    assert call["hook"] == "order-select"
    assert UUID(call["hookInstance"])
    assert call["context"]["selections"] == ["MedicationRequest/draft-1"]
    assert call["context"]["draftOrders"]["entry"][0]["resource"]["id"] == "draft-1"
    expect(page.locator(".no-cards")).to_contain_text("No cards")


def test_each_hook_sends_its_own_context(page: Page, service: FakeService) -> None:
    open_chart(page, service)
    for hook in HOOKS:
        press_hook(page, hook)
    sent = {call["hook"]: set(call["context"]) for call in service.calls}
    who = {"userId", "patientId", "encounterId"}
    assert sent["patient-view"] == who
    assert sent["order-sign"] == who | {"draftOrders"}
    assert sent["order-select"] == who | {"draftOrders", "selections"}


@pytest.mark.parametrize(
    ("way", "holds"),
    [
        ("both", {"prefetch", "fhirServer"}),
        ("prefetch", {"prefetch"}),
        ("server", {"fhirServer"}),
    ],
)
def test_data_go_either_way(page: Page, service: FakeService, way: str, holds: set[str]) -> None:
    open_chart(page, service)
    open_developer(page)
    page.locator(f"input[value={way}]").check()
    press_hook(page, "patient-view")
    sent = service.calls[-1]
    assert set(sent) & {"prefetch", "fhirServer"} == holds
    assert sent.get("fhirServer", f"{service.url}/demo/fhir") == f"{service.url}/demo/fhir"


def test_prefetch_is_what_the_templates_ask(page: Page, service: FakeService) -> None:
    open_chart(page, service)
    prefetch = service.calls[0]["prefetch"]
    assert prefetch["patient"]["id"] == PATIENT["id"]
    assert prefetch["labs"]["total"] == 2
    assert prefetch["encounter"]["resourceType"] == "OperationOutcome"
    assert "nobody" not in prefetch


def test_taking_a_suggestion_changes_the_drafts_and_tells_the_service(
    page: Page, service: FakeService
) -> None:
    answer(service, WARNING)
    open_chart(page, service)
    expect(page.locator("#drafts")).to_contain_text("1,800 U/h")
    page.get_by_role("button", name="Give antithrombin").click()
    expect(page.locator(".card-said")).to_have_text(
        "Taken: the drafts were changed. Feedback sent."
    )
    expect(page.locator("#drafts li")).to_have_count(1)
    expect(page.locator("#drafts")).to_contain_text("2,571 IU")
    (told,) = service.feedback
    assert (told["card"], told["outcome"]) == (WARNING["uuid"], "accepted")
    assert told["acceptedSuggestions"] == [{"id": WARNING["suggestions"][0]["uuid"]}]
    assert told["outcomeTimestamp"].endswith("Z")


def test_of_at_most_one_the_other_choice_is_closed(page: Page, service: FakeService) -> None:
    answer(service, WARNING)
    open_chart(page, service)
    page.get_by_role("button", name="Stop heparin").click()
    expect(page.locator("#drafts")).to_contain_text("Stop: heparin infusion")
    page.get_by_role("button", name="Give antithrombin").click(force=True)
    expect(page.locator("#drafts li")).to_have_count(1)
    assert len(service.feedback) == 1
    assert page.locator(".card-override").count() == 0


def test_of_any_each_choice_may_be_taken(page: Page, service: FakeService) -> None:
    answer(service, {**WARNING, "selectionBehavior": "any"})
    open_chart(page, service)
    page.get_by_role("button", name="Give antithrombin").click()
    page.get_by_role("button", name="Stop heparin").click()
    expect(page.locator("#drafts li")).to_have_count(2)
    assert len(service.feedback) == 2


def test_feedback_that_was_refused_is_said(page: Page, service: FakeService) -> None:
    answer(service, WARNING)
    service.feedback_status = 500
    open_chart(page, service)
    page.get_by_role("button", name="Give antithrombin").click()
    expect(page.locator(".card-said")).to_contain_text("The feedback was not accepted.")


def test_without_an_id_nothing_is_reported(page: Page, service: FakeService) -> None:
    suggestion = {key: one for key, one in WARNING["suggestions"][0].items() if key != "uuid"}
    answer(service, {**WARNING, "suggestions": [suggestion]})
    open_chart(page, service)
    page.get_by_role("button", name="Give antithrombin").click()
    expect(page.locator(".card-said")).to_contain_text("no feedback is sent")
    assert service.feedback == []


def test_a_card_is_overridden_with_reason_and_comment(page: Page, service: FakeService) -> None:
    answer(service, WARNING)
    open_chart(page, service)
    page.get_by_text("Override", exact=True).click()
    page.get_by_label("Reason").select_option(label="Disagree")
    page.get_by_label("Comment").fill("Pump was off for two hours.")
    page.get_by_role("button", name="Override this card").click()
    expect(page.locator(".card-said")).to_have_text("Overridden. Feedback sent.")
    expect(page.locator(".card-folded")).to_contain_text("Overridden: Disagree")
    (told,) = service.feedback
    assert told["outcome"] == "overridden"
    assert told["overrideReason"] == {
        "reason": REASONS[1],
        "userComment": "Pump was off for two hours.",
    }


def test_an_override_without_words_has_no_empty_reason(page: Page, service: FakeService) -> None:
    answer(service, plain_card("info", "Tests are due"))
    open_chart(page, service)
    page.get_by_text("Override", exact=True).click()
    page.get_by_role("button", name="Override this card").click()
    expect(page.locator(".card-folded")).to_contain_text("Overridden")
    assert "overrideReason" not in service.feedback[0]


CRITICAL = {**WARNING, "indicator": "critical"}


@pytest.mark.parametrize(
    ("card", "asks", "label"),
    [
        (CRITICAL, "Choose a reason", "Reason (needed)"),
        ({**CRITICAL, "overrideReasons": []}, "Write why", "Reason (needed)"),
    ],
)
def test_a_critical_card_is_not_overridden_without_a_reason(
    page: Page, service: FakeService, card: dict[str, Any], asks: str, label: str
) -> None:
    answer(service, card)
    open_chart(page, service)
    page.get_by_text("Override", exact=True).click()
    page.get_by_role("button", name="Override this card").click()
    expect(page.locator(".card .refused")).to_contain_text(asks)
    expect(page.get_by_label(label)).to_be_focused()
    expect(page.get_by_role("button", name="Give antithrombin")).to_be_visible()
    assert service.feedback == []


def test_an_overridden_card_folds_into_a_line_and_opens_again(
    page: Page, service: FakeService
) -> None:
    answer(service, CRITICAL)
    open_chart(page, service)
    page.get_by_text("Override", exact=True).click()
    page.get_by_label("Reason").select_option(label="Disagree")
    page.get_by_role("button", name="Override this card").click()
    expect(page.locator(".card-folded")).to_contain_text("Overridden: Disagree")
    expect(page.locator(".card-detail")).to_be_hidden()
    expect(page.get_by_role("button", name="Give antithrombin")).to_be_hidden()
    expect(page.locator(".card-summary")).to_be_visible()
    page.get_by_role("button", name="Show again").click()
    expect(page.locator(".card-detail")).to_be_visible()
    (told,) = service.feedback
    assert told["overrideReason"] == {"reason": REASONS[1]}


def test_the_recommended_choice_stands_first(page: Page, service: FakeService) -> None:
    answer(service, {**WARNING, "suggestions": WARNING["suggestions"][::-1]})
    open_chart(page, service)
    labels = page.locator(".suggestions button").all_inner_texts()
    assert labels == ["Give antithrombin 2,571 IU", "Stop heparin"]


def test_a_choice_says_once_that_it_is_recommended(page: Page, service: FakeService) -> None:
    labelled = {**WARNING["suggestions"][0], "label": "Give antithrombin (recommended)"}
    answer(service, {**WARNING, "suggestions": [labelled]})
    open_chart(page, service)
    expect(page.locator(".choice")).to_have_text("Give antithrombin (recommended)")


def test_what_to_do_stands_above_the_choices_and_the_facts_below(
    page: Page, service: FakeService
) -> None:
    answer(service, WARNING)
    open_chart(page, service)
    tops = [
        page.locator(part).first.bounding_box()["y"]  # type: ignore[index]
        for part in (".card-summary", ".card-first", ".suggestions", ".card-detail table")
    ]
    assert tops == sorted(tops)


LINKS: list[dict[str, str]] = [
    {"label": "Why", "url": "https://example.org/why", "type": "absolute"},
    {"label": "Tracks", "url": "https://app.example.org/launch", "type": "smart"},
]


def test_links_of_a_card_are_shown_and_an_app_only_where_it_can_be_started(
    page: Page, service: FakeService
) -> None:
    answer(service, {**WARNING, "links": LINKS})
    open_chart(page, service)
    expect(page.get_by_role("link", name="Why")).to_have_attribute("href", LINKS[0]["url"])
    expect(page.locator(".card-links")).to_have_text("Why")
    source = page.locator(".card-source a")
    expect(source).to_have_attribute("href", WARNING["source"]["url"])


def test_selecting_an_order_asks_about_just_that_order(page: Page, service: FakeService) -> None:
    open_chart(page, service)
    page.locator("select[name=unit]").select_option(label="U/kg/h")
    page.locator("input[name=amount]").fill("22.5")
    page.get_by_role("button", name="Add to drafts").click()
    expect(page.locator("#drafts li")).to_have_count(2)
    page.wait_for_function("() => document.querySelectorAll('#exchanges li').length >= 5")
    call = service.calls[-1]
    order = call["context"]["draftOrders"]["entry"][1]["resource"]
    assert call["context"]["selections"] == [f"MedicationRequest/{order['id']}"]
    quantity = order["dosageInstruction"][0]["doseAndRate"][0]["rateQuantity"]
    assert (quantity["value"], quantity["code"]) == (22.5, "U/kg/h")
    assert order["priorPrescription"] == {"reference": "MedicationRequest/order"}


@pytest.mark.parametrize(
    ("drug", "code", "kind", "unit"),
    [
        ("Antithrombin concentrate", "1009", "doseQuantity", "[IU]"),
        ("Argatroban infusion", "15202", "rateQuantity", "ug/kg/min"),
        ("Bivalirudin infusion", "60819", "rateQuantity", "mg/kg/h"),
        ("Warfarin", "11289", "doseQuantity", "mg"),
        ("Apixaban", "1364430", "doseQuantity", "mg"),
    ],
)
def test_every_drug_of_the_pane_becomes_a_draft(
    page: Page, service: FakeService, drug: str, code: str, kind: str, unit: str
) -> None:
    open_chart(page, service)
    page.locator("select[name=drug]").select_option(label=drug)
    with page.expect_request("**/cds-services/fake-order-select") as called:
        page.get_by_role("button", name="Add to drafts").click()
    order = called.value.post_data_json["context"]["draftOrders"]["entry"][1]["resource"]
    assert order["medicationCodeableConcept"]["coding"][0]["code"] == code
    quantity = order["dosageInstruction"][0]["doseAndRate"][0][kind]
    assert quantity["code"] == unit
    assert "priorPrescription" not in order


def test_signing_what_nothing_speaks_against_signs_it(page: Page, service: FakeService) -> None:
    answer(service, plain_card("info", "Tests are due"))
    open_chart(page, service)
    page.get_by_role("button", name="Sign drafts").click()
    expect(page.locator("#drafts-said")).to_contain_text("1 order signed")
    expect(page.locator("#drafts")).to_contain_text("No draft orders.")
    expect(page.get_by_role("button", name="Sign drafts")).to_be_disabled()
    assert service.calls[-1]["hook"] == "order-sign"


def test_signing_against_a_warning_takes_a_second_step(page: Page, service: FakeService) -> None:
    answer(service, WARNING)
    open_chart(page, service)
    page.get_by_role("button", name="Sign drafts").click()
    anyway = page.get_by_role("button", name="Sign the drafts as they stand")
    expect(page.locator("#drafts li.draft")).to_have_count(1)
    anyway.click()
    expect(page.locator("#drafts-said")).to_contain_text("1 order signed")
    assert anyway.count() == 0


def test_a_draft_can_be_removed_and_unselected(page: Page, service: FakeService) -> None:
    open_chart(page, service)
    page.locator("#drafts input").uncheck()
    asked = len(service.calls)
    press_hook(page, "order-select")
    expect(page.locator(".no-cards")).to_contain_text("No draft is ticked")
    assert len(service.calls) == asked
    page.get_by_role("button", name="Remove heparin infusion").click()
    expect(page.locator("#drafts")).to_contain_text("No draft orders.")


def outcome(text: str) -> dict[str, Any]:
    issue = {"severity": "error", "code": "required", "diagnostics": text}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (outcome("Nothing of medicines could be read."), 412, "Nothing of medicines"),
        ("<html>Bad gateway</html>", 502, "did not answer"),
        ({"not": "cards"}, 200, "did not answer"),
    ],
)
def test_a_failure_is_said_and_is_never_no_cards(
    page: Page, service: FakeService, body: Any, status: int, said: str
) -> None:
    service.answers = {"order-select": (body, status)}
    open_chart(page, service)
    alert = page.locator("#cards [role=alert]")
    expect(alert).to_contain_text(said)
    expect(alert).to_contain_text("This does not mean that there is nothing to say.")
    assert "html" not in alert.inner_text()
    assert page.locator(".no-cards").count() == 0


def test_after_a_failure_one_may_try_again(page: Page, service: FakeService) -> None:
    service.answers = {"order-select": ({}, 500)}
    open_chart(page, service)
    answer(service, WARNING)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".card-summary")).to_contain_text("Antithrombin 55 %")


PROGRAM_WORDS = ("Error", "fetch", "undefined", "JSON", "null", "Exception")


@pytest.mark.parametrize("lost", ["**/cds-services", "**/cds-services/*", "**/call"])
def test_a_lost_connection_is_told_in_plain_words(
    page: Page, service: FakeService, lost: str
) -> None:
    page.route(lost, lambda route: route.abort())
    page.goto(f"{service.url}/demo/patients/01-ada")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    said = page.locator("body").inner_text()
    assert [word for word in PROGRAM_WORDS if word in said] == []


def test_a_broken_page_says_so_in_plain_words(browser: Browser, service: FakeService) -> None:
    """In a page of its own: here the script has to fail."""
    page = browser.new_page()
    open_chart(page, service)
    page.evaluate("setTimeout(() => missingFunction(), 0)")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    assert "missingFunction" not in page.locator("body").inner_text()
    page.close()


def test_a_hook_nobody_serves_is_said(page: Page, service: FakeService) -> None:
    service.hooks = ("patient-view",)
    open_chart(page, service)
    expect(page.locator("#cards [role=alert]")).to_contain_text("at this moment of the work")


@pytest.mark.parametrize(
    "change", [{"selectionBehavior": "all"}, {"indicator": "hard-stop"}, {"summary": ""}]
)
def test_a_card_that_is_not_understood_is_an_error_not_a_guess(
    page: Page, service: FakeService, change: dict[str, str]
) -> None:
    answer(service, {**WARNING, **change})
    open_chart(page, service)
    expect(page.locator(".card")).to_contain_text("does not understand")
    assert page.get_by_role("button", name="Give antithrombin").count() == 0


def test_a_slow_answer_never_replaces_a_later_one(page: Page, service: FakeService) -> None:
    service.delays = {"order-select": 1.0}
    service.answers = {
        "order-select": {"cards": [plain_card("critical", "Too late")]},
        "patient-view": {"cards": [plain_card("info", "Newest")]},
    }
    with page.expect_response("**/cds-services/fake-order-select"):
        page.goto(f"{service.url}/demo/patients/01-ada")
        page.locator("#drafts li.draft").wait_for()
        press_hook(page, "patient-view")
    page.wait_for_timeout(100)
    expect(page.locator(".card-summary")).to_have_text("Newest")


def test_what_a_chart_or_a_card_says_runs_nothing(page: Page, service: FakeService) -> None:
    evil = plain_card(
        "warning",
        EVIL,
        detail=f"{EVIL} [x](javascript:window.broken=1)",
        source={"label": EVIL, "url": "javascript:window.broken=1", "topic": {"code": EVIL}},
        links=[
            {"label": EVIL, "url": "javascript:window.broken=1", "type": "absolute"},
            {"label": "App", "url": "https://example.org", "type": "smart"},
        ],
        selectionBehavior="any",
        suggestions=[{"label": EVIL, "actions": [{"type": "delete", "description": EVIL}]}],
    )
    answer(service, evil)
    open_chart(page, service, "02-eve")
    expect(page.locator("h1")).to_have_text(EVIL)
    expect(page.locator(".card-summary")).to_have_text(EVIL)
    expect(page.locator(".draft-name").first).to_have_text(EVIL)
    assert page.locator("#cards img, #drafts img, .banner img").count() == 0
    assert page.locator("#cards a").count() == 0
    assert page.evaluate("window.broken") is None


def test_the_browser_refuses_inline_script_and_style(page: Page, service: FakeService) -> None:
    open_chart(page, service)
    refused = page.evaluate(
        """() => new Promise((resolve) => {
            const seen = [];
            document.addEventListener("securitypolicyviolation", (event) => {
              seen.push(event.effectiveDirective);
              if (seen.length === 3) resolve(seen.sort());
            });
            const script = document.createElement("script");
            script.textContent = "window.broken = 1";
            const style = document.createElement("style");
            style.textContent = "body { display: none }";
            document.head.append(script, style);
            document.body.setAttribute("style", "color: red");
        })"""
    )
    assert refused == ["script-src-elem", "style-src-attr", "style-src-elem"]
    assert page.evaluate("window.broken") is None


def test_every_exchange_can_be_looked_at(page: Page, service: FakeService) -> None:
    answer(service, WARNING)
    open_chart(page, service)
    page.get_by_role("button", name="Give antithrombin").click()
    expect(page.locator(".card-said")).to_contain_text("Feedback sent.")
    kinds = page.locator("[data-exchange]").evaluate_all("all => all.map(e => e.dataset.exchange)")
    assert kinds == ["feedback", "order-select", "prefetch", "discovery"]
    open_developer(page)
    page.locator("[data-exchange=order-select] summary").click()
    shown = page.locator("[data-exchange=order-select]")
    expect(shown).to_contain_text('"hook": "order-select"')
    expect(shown).to_contain_text("200 · ")
    expect(shown).to_contain_text(WARNING["summary"])


def test_an_exchange_is_copied_as_a_curl_command_that_works(
    page: Page, service: FakeService
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_chart(page, service, "02-eve")
    open_developer(page)
    page.locator("[data-exchange=patient-view] summary").click()
    page.locator("[data-exchange=patient-view]").get_by_role("button").click()
    expect(page.locator("[data-exchange=patient-view] .copied")).to_have_text("Copied.")
    command = page.evaluate("navigator.clipboard.readText()")
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert '"cards"' in done.stdout
    first, again = service.calls
    assert first == again


def test_looking_back_tells_when_each_card_first_appeared(page: Page, service: FakeService) -> None:
    answer(service, WARNING)
    open_chart(page, service)
    page.get_by_role("button", name="When did each card first appear?").click()
    expect(page.locator("#appeared li")).to_have_count(1)
    bases = [call["fhirServer"].partition("/demo/")[2] for call in service.calls[1:]]
    assert bases[-3:] == ["earlier/5/fhir", "earlier/3/fhir", "fhir"]
    oldest = bases[0].split("/")[1]
    expect(page.locator("#appeared")).to_contain_text(f"{oldest} h ago: Antithrombin 55 %")
    assert re.match(r"(\d+ \w+ )?\d\d:\d\d, ", page.locator("#appeared li").inner_text())
    assert page.locator(".timeline-wide .appeared-mark").count() == 1
    labs = [call["prefetch"]["labs"]["total"] for call in service.calls[1:]]
    assert labs[0] == 0
    assert labs[-1] == 2


def test_looking_back_at_nothing_says_so(page: Page, service: FakeService) -> None:
    open_chart(page, service)
    page.get_by_role("button", name="When did each card first appear?").click()
    expect(page.locator("#look-back-said")).to_have_text("No card at any of these moments.")


def test_the_page_can_be_used_with_the_keyboard_alone(page: Page, service: FakeService) -> None:
    answer(service, WARNING)
    open_chart(page, service)
    page.keyboard.press("Tab")
    expect(page.locator(".skip").first).to_be_focused()
    expect(page.locator(".skip").first).to_be_in_viewport()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#cards")).to_be_focused()
    page.keyboard.press("Tab")
    button = page.get_by_role("button", name="Give antithrombin")
    expect(button).to_be_focused()
    outline = button.evaluate("button => getComputedStyle(button).outlineWidth")
    assert outline == "3px"
    page.keyboard.press("Enter")
    expect(page.locator(".card-said")).to_contain_text("Taken")
    expect(button).to_be_focused()


def test_an_app_is_started_by_the_launcher_of_the_demo(page: Page, tmp_path: Path) -> None:
    """It is handed the app's address, the patient and what the card says about the call."""
    write_case(tmp_path, resources=(PATIENT,))
    app_link = {**LINKS[1], "appContext": "call=1&x"}
    evil = {**LINKS[1], "label": "Evil", "url": "javascript:window.broken=1"}
    fake = FakeService()
    answer(fake, {**WARNING, "links": [app_link, evil]})
    app = create_fake(fake, tmp_path)
    app.add_url_rule("/demo/launch", view_func=lambda: "launched")
    with serving(app, fake):
        open_chart(page, fake)
        link = page.locator(".card-links a")
        expect(link).to_have_text("Tracks")
        asked = urlsplit(link.get_attribute("href") or "")
    assert asked.path == "/demo/launch"
    assert dict(parse_qsl(asked.query)) == {
        "app": LINKS[1]["url"],
        "patient": "ada",
        "encounter": "e",
        "appContext": "call=1&x",
    }


@pytest.mark.parametrize("width", [400, 320])
def test_a_side_panel_is_wide_enough(page: Page, service: FakeService, width: int) -> None:
    answer(service, WARNING)
    page.set_viewport_size({"width": width, "height": 800})
    for path in ("/", "/demo/patients/01-ada"):
        page.goto(service.url + path)
        page.wait_for_load_state("networkidle")
        page.locator("details").evaluate_all("all => all.forEach(each => each.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
