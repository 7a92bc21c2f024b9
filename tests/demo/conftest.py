"""A browser and a service to point it at, where there is a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.demo.builders import (
    CASE_MD,
    PATIENT,
    heparin,
    observation,
    ordered,
    per_hour,
    write_case,
)
from tests.demo.fake_service import FakeService, create_fake, serving
from tests.demo.hostile import EVIL

expect.set_options(timeout=20_000)  # a busy machine draws late; nothing waits longer than it must

DRAFT = ordered(
    "heparin infusion",
    id_="draft-1",
    status="draft",
    dosageInstruction=[{"doseAndRate": [per_hour(1800)]}],
)
RUNNING = ordered("heparin infusion", dosageInstruction=[{"text": "infusion"}])
CONTEXT = {
    "userId": "Practitioner/p",
    "patientId": "ada",
    "encounterId": "e",
    "selections": ["MedicationRequest/draft-1"],
    "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": DRAFT}]},
}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[FakeService]:
    """The demo over two invented patients and a service that answers as told."""
    labs = [
        observation("3274-8", 0.18, "IU/mL", "2026-03-02T11:00:00Z"),
        observation("27811-9", 55, "%", "2026-03-02T11:00:00Z"),
    ]
    running = heparin("2026-03-01T11:00:00Z", rate=per_hour(1600), id="infusion")
    write_case(
        tmp_path,
        resources=(PATIENT, RUNNING, running, *labs),
        request={"hook": "order-select", "context": CONTEXT},
        case_md=CASE_MD.replace("patient-view", "order-select"),
    )
    eve = {**PATIENT, "id": "eve", "name": [{"text": EVIL}]}
    sick = {"resourceType": "Condition", "id": "c", "code": {"text": EVIL}}
    drafts = {"entry": [{"resource": {**DRAFT, "medicationCodeableConcept": {"text": EVIL}}}]}
    context = {"patientId": "eve", "draftOrders": drafts}
    write_case(
        tmp_path,
        "02-eve",
        resources=(eve, sick),
        request={"context": context},
        case_md=CASE_MD.replace("Ada Probe", "Eve"),
    )
    fake = FakeService()
    with serving(create_fake(fake, tmp_path), fake):
        yield fake


@pytest.fixture(scope="session")
def profile(browser: Browser) -> BrowserContext:
    """One for all tests: the demo keeps nothing in the browser, and a new one takes its time."""
    return browser.new_context(viewport={"width": 1280, "height": 900})


@pytest.fixture
def page(profile: BrowserContext) -> Iterator[Page]:
    """A page that must raise no error of its own."""
    opened = profile.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    opened.close()
    assert errors == []
