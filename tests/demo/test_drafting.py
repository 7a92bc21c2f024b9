"""Drafts in a real browser: what they are called, where they start, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.demo.builders import (
    CASE_MD,
    PATIENT,
    heparin,
    observation,
    ordered,
    per_hour,
    write_case,
)
from tests.demo.conftest import CONTEXT
from tests.demo.fake_service import FakeService, create_fake, serving
from tests.demo.test_browser import open_chart, press_hook

pytestmark = pytest.mark.browser

WEIGHT = observation("29463-7", 80, "kg", "2026-03-01T10:00:00Z")
RUNNING = ordered("heparin infusion", dosageInstruction=[{"text": "infusion"}])
BAG = {"resourceType": "Medication", "id": "bag", "code": {"text": "heparin 25,000 units"}}
FULL_URL = "urn:uuid:0c2f1c64-6a0e-4e0b-9d57-0b3a51c8e1f6"


def draft(reference: str, **more: Any) -> dict[str, Any]:
    order = ordered("", id_="d", status="draft", medicationReference={"reference": reference})
    del order["medicationCodeableConcept"]
    return {**order, **more}


def given(rate: dict[str, Any]) -> dict[str, Any]:
    return heparin("2026-03-01T11:00:00Z", rate=rate, id="infusion")


def serve(folder: Path, *resources: dict[str, Any], entries: list[dict[str, Any]]) -> FakeService:
    bundle = {"resourceType": "Bundle", "entry": entries}
    context = {**CONTEXT, "selections": ["MedicationRequest/d"], "draftOrders": bundle}
    write_case(
        folder,
        resources=(PATIENT, *resources),
        request={"context": context},
        case_md=CASE_MD.replace("patient-view", "order-select"),
    )
    return FakeService()


def amount(page: Page) -> Locator:
    return page.locator("input[name=amount]")


def add(page: Page, text: str, unit: str) -> None:
    page.locator("select[name=unit]").select_option(label=unit)
    amount(page).fill(text)
    page.get_by_role("button", name="Add to drafts").click()


@pytest.mark.parametrize(
    ("entries", "name"),
    [
        ([{"resource": draft("#bag", contained=[BAG])}], "heparin 25,000 units"),
        (
            [
                {"fullUrl": FULL_URL, "resource": {**BAG, "id": "other"}},
                {"resource": draft(FULL_URL)},
            ],
            "heparin 25,000 units",
        ),
        (
            [{"resource": {**BAG, "id": "drafted"}}, {"resource": draft("Medication/drafted")}],
            "heparin 25,000 units",
        ),
        ([{"resource": draft("Medication/charted")}], "heparin of the chart"),
        ([{"resource": draft("Medication/nowhere")}], "Medicine without a name"),
    ],
    ids=["contained", "full url", "among the drafts", "in the chart", "nowhere"],
)
def test_a_draft_is_called_by_its_medicine(
    page: Page, tmp_path: Path, entries: list[dict[str, Any]], name: str
) -> None:
    charted = {**BAG, "id": "charted", "code": {"text": "heparin of the chart"}}
    fake = serve(tmp_path, charted, entries=entries)
    with serving(create_fake(fake, tmp_path), fake):
        open_chart(page, fake)
        expect(page.locator("#drafts .draft-name")).to_have_text(name)
        sent = fake.calls[0]["context"]["draftOrders"]["entry"]
        assert [one.get("fullUrl") for one in sent] == [one.get("fullUrl") for one in entries]


@pytest.mark.parametrize(
    ("resources", "starts"),
    [
        ((RUNNING, given(per_hour(1600)), WEIGHT), {"U/h": "1600", "U/kg/h": "20"}),
        ((RUNNING, given(per_hour(16, "mL/h")), WEIGHT), {"U/h": "", "U/kg/h": ""}),
        ((WEIGHT,), {"U/h": "1800", "U/kg/h": "18"}),
    ],
    ids=["running", "rate unknown", "not running"],
)
def test_a_heparin_draft_starts_from_the_running_rate(
    page: Page, tmp_path: Path, resources: tuple[dict[str, Any], ...], starts: dict[str, str]
) -> None:
    fake = serve(tmp_path, *resources, entries=[])
    with serving(create_fake(fake, tmp_path), fake):
        open_chart(page, fake)
        for unit, text in starts.items():
            page.locator("select[name=unit]").select_option(label=unit)
            expect(amount(page)).to_have_value(text)


@pytest.mark.parametrize(
    ("text", "unit", "said"),
    [
        ("-1800", "U/h", "must be a number above zero"),
        ("0", "U/h", "0 U/h cannot be meant"),
        ("lots", "U/h", "must be a number above zero"),
        ("1e3", "U/h", "must be a number above zero"),
        ("18,5", "U/kg/h", "must be a number above zero"),
        ("", "U/h", "Write an amount first."),
        ("1,800", "U/kg/h", "Was 1,800 U/h meant?"),
        ("18", "U/h", "Was 18 U/kg/h meant?"),
        ("9999999", "U/h", "cannot be meant"),
    ],
)
def test_nonsense_is_refused_in_plain_words(
    page: Page, service: FakeService, text: str, unit: str, said: str
) -> None:
    open_chart(page, service)
    asked = len(service.calls)
    add(page, text, unit)
    expect(page.locator("#order-refused")).to_contain_text(said)
    expect(amount(page)).to_be_focused()
    expect(amount(page)).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#drafts li.draft")).to_have_count(1)
    assert len(service.calls) == asked


@pytest.mark.parametrize(
    ("text", "value"), [("1,650", 1650), (" 1650.5 ", 1650.5), ("18000", 18000)]
)
def test_an_amount_may_be_written_as_on_a_ward(
    page: Page, service: FakeService, text: str, value: float
) -> None:
    """Also one ten times too high: that is for the decision support to say."""
    open_chart(page, service)
    add(page, "-1", "U/h")
    add(page, text, "U/h")
    expect(page.locator("#order-refused")).to_have_text("")
    expect(page.locator("#drafts li.draft")).to_have_count(2)
    page.wait_for_function("() => document.querySelectorAll('#exchanges li').length >= 4")
    (dosage,) = service.calls[-1]["context"]["draftOrders"]["entry"][1]["resource"][
        "dosageInstruction"
    ]
    assert dosage["doseAndRate"][0]["rateQuantity"]["value"] == value


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_without_a_draft_there_is_nothing_to_ask(
    page: Page, service: FakeService, hook: str
) -> None:
    open_chart(page, service)
    page.get_by_role("button", name="Remove heparin infusion").click()
    asked = len(service.calls)
    press_hook(page, hook)
    expect(page.locator("#cards")).to_contain_text("Nothing is drafted")
    assert len(service.calls) == asked


@pytest.mark.parametrize(
    ("quantity", "written"),
    [
        ({"value": 1650, "unit": "[USP'U]/h"}, "1,650 U/h"),
        ({"value": 0.02, "code": "ug/kg/min"}, "0.02 µg/kg/min"),
        ({"value": 2500, "code": "[IU]{product}"}, "2,500 IU"),
        ({"unit": "U/h"}, "as the ward does"),
    ],
)
def test_a_dose_is_written_as_on_a_ward(
    page: Page, tmp_path: Path, quantity: dict[str, Any], written: str
) -> None:
    dosage = {"text": "as the ward does", "doseAndRate": [{"rateQuantity": quantity}]}
    order = draft("#bag", contained=[BAG], dosageInstruction=[dosage])
    fake = serve(tmp_path, entries=[{"resource": order}])
    with serving(create_fake(fake, tmp_path), fake):
        open_chart(page, fake)
        expect(page.locator("#drafts .draft-dose")).to_have_text(written)
