"""The pages for chart review: which cards, what stands on them, and what a browser saves."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from cds_service.rulebook.load import rulebook
from cds_service.tools.replay.review.answers import read_answers
from cds_service.tools.replay.review.sample import sampled
from cds_service.tools.replay.run import Request, run_replay
from tests.tools.replay.browsing import quiet_page
from tests.tools.replay.hospital import at, hospital, infusion, lab, of, patient, resistant, write
from tests.tools.replay.inline import walk_inline

EVIL = '<img src=x onerror="window.broken=1">'
RULES = rulebook()


@pytest.fixture(scope="module", autouse=True)
def in_this_process() -> Iterator[None]:
    """Walk the shards here, without workers."""

    with pytest.MonkeyPatch.context() as patched:
        walk_inline(patched)
        yield


def reviewed(place: Path, resources: list[dict[str, object]], number: int = 50) -> Path:
    """The folder `review` of a replay."""
    source = write(place / "in", resources)
    run_replay(Request(source, place / "out", (RULES,), review=number, shards=2), lambda *_: None)
    return place / "out" / "review"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `review` of the small hospital, every card in it."""
    return reviewed(tmp_path_factory.mktemp("whole"), hospital())


# --- which cards -------------------------------------------------------------------------------


def events(folder: Path, rows: list[tuple[str, str, int, str]]) -> Path:
    """events.csv of rows of patient, topic, hour and event."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "events.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("patient", "time", "protocol", "event", "topic", "indicator"))
        writer.writerows((p, at(hour), "default", event, t, "info") for p, t, hour, event in rows)
    return folder


MANY = [(f"p{n % 4}", "resistance", n, "new") for n in range(40)]


def test_every_patient_has_one_card_before_any_has_a_second(tmp_path: Path) -> None:
    out = events(tmp_path, MANY)

    assert len({c.patient for c in sampled(out, "default", 4, 1).cards}) == 4
    assert sorted(c.patient for c in sampled(out, "default", 8, 1).cards) == sorted(
        ["p0", "p1", "p2", "p3"] * 2
    )


def test_the_seed_alone_decides_which_cards(tmp_path: Path) -> None:
    here, there = events(tmp_path / "a", MANY), events(tmp_path / "b", MANY[::-1])

    assert sampled(here, "default", 6, 1) == sampled(there, "default", 6, 1)
    assert sampled(here, "default", 6, 1) != sampled(here, "default", 6, 2)


def test_what_is_no_new_burden_and_other_protocols_are_not_sampled(tmp_path: Path) -> None:
    rows = [("p", "resistance", n, kind) for n, kind in enumerate(["new", "gone", "back"])]
    out = events(tmp_path, rows)

    assert [c.time for c in sampled(out, "default", 9, 1).cards] == [at(0)]
    assert sampled(out, "default", 9, 1).of == {"resistance": 1}
    assert sampled(out, "silent", 9, 1).cards == ()


# --- what stands on a page ---------------------------------------------------------------------


class Addresses(HTMLParser):
    """Everything that a page would load, and what would run outside its script."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href", "data", "action") or name.startswith("on"):
                self.found.append(f"{tag} {name}={value}")


def pages(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.html"))


def test_there_is_a_page_for_each_card_and_one_for_each_topic(folder: Path) -> None:
    with (folder / "cases.csv").open(encoding="utf-8") as file:
        cases = [(row["topic"], row["case"]) for row in csv.DictReader(file)]
    files = {str(page.relative_to(folder)) for page in pages(folder)}
    assert files == {f"{topic}/{case}.html" for topic, case in cases} | {
        f"{topic}/index.html" for topic, _ in cases
    }
    assert {"antithrombinDose", "heparinResistance"} <= {topic for topic, _ in cases}


def test_pages_of_an_earlier_sample_do_not_stay(tmp_path: Path) -> None:
    resources = resistant("one")
    before = {page.name for page in pages(reviewed(tmp_path, resources))}

    assert {page.name for page in pages(reviewed(tmp_path, resources, number=1))} < before


def test_a_page_loads_nothing(folder: Path) -> None:
    for page in pages(folder):
        text = page.read_text(encoding="utf-8")
        addresses = Addresses()
        addresses.feed(text)

        assert addresses.found == []
        assert "default-src &#39;none&#39;; script-src &#39;sha256-" in text
        assert "@import" not in text


def test_a_page_shows_what_was_known_then_and_nothing_of_later(folder: Path) -> None:
    with (folder / "cases.csv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["topic"] == "heparinResistance"]
    early = min(rows, key=lambda row: row["time"])

    page = (folder / "heparinResistance" / f"{early['case']}.html").read_text(encoding="utf-8")

    assert early["time"] < at(20)
    assert "0.15" in page  # drawn at 8 h
    assert "0.18" not in page  # at 20 h
    assert "55 %" not in page


def test_a_card_stands_on_its_page_as_it_was_counted(folder: Path) -> None:
    with (folder.parent / "events.csv").open(encoding="utf-8") as file:
        counted = [r for r in csv.DictReader(file) if r["event"] in ("new", "changed")]

    with (folder / "cases.csv").open(encoding="utf-8") as file:
        cases = {(r["topic"], r["patient"], r["time"]): r["case"] for r in csv.DictReader(file)}

    assert len(cases) == len(counted)
    for row in counted:
        case = cases[row["topic"], row["patient"], row["time"]]
        page = (folder / row["topic"] / f"{case}.html").read_text(encoding="utf-8")
        (summary,) = re.findall(r"<h3>(.*?)</h3>", page)
        assert summary.replace("&lt;", "<").replace("&#39;", "'") == row["summary"]


def test_names_and_dates_of_birth_are_on_no_page(tmp_path: Path) -> None:
    named = [
        r | {"name": [{"family": "Secretname"}]} if r["resourceType"] == "Patient" else r
        for r in resistant("one")
    ]

    text = "".join(p.read_text(encoding="utf-8") for p in pages(reviewed(tmp_path, named)))

    assert "Secretname" not in text
    assert re.search(r"1960-0?5|May 1960", text) is None
    assert "65 years, sex female" in text


def evil() -> list[dict[str, object]]:
    """A patient whose record says HTML wherever it may say anything."""
    name = "evil"
    told = {"recordedDate": at(0), **of(name)}
    drug = {"text": EVIL + " enoxaparin", "coding": [{"display": EVIL}]}
    given = infusion(name, 0, 48, 2900)
    given["dosage"]["text"] = EVIL
    result = lab(name, "3274-8", 20, 0.1, "[IU]/mL")
    result["code"]["text"] = EVIL
    return [
        patient(name) | {"gender": EVIL},
        lab(name, "29463-7", -2, 80, "kg"),
        given,
        result,
        lab(name, "3274-8", 12, 0.1, EVIL),
        lab(name, "27811-9", 18, 40, "%"),
        {"resourceType": "Condition", "id": "c", "code": {"text": "HIT " + EVIL}, **told},
        {
            "resourceType": "MedicationRequest",
            "id": "o",
            "status": "active",
            "intent": "order",
            "authoredOn": at(0),
            "medicationCodeableConcept": drug,
            **of(name),
        },
    ]


def test_what_a_record_says_is_text(tmp_path: Path) -> None:
    found = pages(reviewed(tmp_path, evil()))

    assert found
    for page in found:
        text = page.read_text(encoding="utf-8")
        assert "<img" not in text
    assert any("&lt;img" in page.read_text(encoding="utf-8") for page in found)


# --- in a browser ------------------------------------------------------------------------------


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that may neither raise an error nor load anything but itself and its download."""
    with quiet_page(browser, "blob:") as opened:
        yield opened


@pytest.mark.slow
def test_answers_are_saved_to_a_file_and_read_back(
    folder: Path, tmp_path: Path, page: Page
) -> None:
    page.goto((folder / "heparinResistance" / "index.html").as_uri())
    forms = page.locator("form.answer")
    assert forms.count() >= 2

    page.get_by_role("button", name="Save").click()
    assert "Write who reads" in page.locator("#said").inner_text()
    page.fill("#reader", "A. B.")
    forms.nth(0).get_by_label("Disagree").check()
    forms.nth(0).get_by_role("textbox").fill('line off, "clotted"\nsecond line; =1+1')
    forms.nth(1).get_by_label("Agree", exact=True).check()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save").click()
    saved = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(saved)

    answers = read_answers([saved])
    assert saved.name == "answers-heparinResistance-A_B_.csv"
    assert [(a.answer, a.reader, a.topic) for a in answers] == [
        ("disagree", "A. B.", "heparinResistance"),
        ("agree", "A. B.", "heparinResistance"),
    ]
    assert answers[0].why == 'line off, "clotted"\nsecond line; =1+1'
    assert answers[0].patient in ("one", "three")


@pytest.mark.slow
def test_a_record_of_html_runs_nothing(tmp_path: Path, page: Page) -> None:
    for file in pages(reviewed(tmp_path, evil())):
        page.goto(file.as_uri())

        assert page.evaluate("window.broken") is None
        assert page.locator("#said").inner_text().startswith("0 of")  # its own script did run


def test_the_same_cards_have_the_same_ids_in_another_replay(folder: Path, tmp_path: Path) -> None:
    again = reviewed(tmp_path, hospital())

    assert (again / "cases.csv").read_text() == (folder / "cases.csv").read_text()
    assert [page.read_text() for page in pages(again)] == [p.read_text() for p in pages(folder)]


def test_silent_topics_are_reviewed_too(tmp_path: Path) -> None:
    protocol = replace(RULES.protocol, topics=dict.fromkeys(RULES.protocol.topics, "silent"))
    source = write(tmp_path / "in", resistant("one"))
    silent = replace(RULES, protocol=protocol)

    run_replay(Request(source, tmp_path / "out", (silent,), review=2, shards=2), lambda *_: None)

    assert pages(tmp_path / "out" / "review" / "heparinResistance")
