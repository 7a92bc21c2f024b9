"""The report as people read it: titles, small numbers, tables that can be sorted, and print."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from cds_service.assessment.recommend.registry import TOPICS
from cds_service.rulebook.load import rulebook
from cds_service.tools.replay.outcomes import GivenOutcomes, OutcomeLabel
from cds_service.tools.replay.report import Judged, write_report
from cds_service.tools.replay.run import Request, run_replay
from tests.tools.replay.browsing import quiet_page
from tests.tools.replay.hospital import at, hospital, infusion, write
from tests.tools.replay.inline import walk_inline

RULES = rulebook()


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small hospital, replayed without workers, with a report."""

    place = tmp_path_factory.mktemp("report")
    again = [infusion("one", 500, 510, 900, 7)]  # a second course, long after the first
    source = write(place / "in", [*hospital(), *again])
    with pytest.MonkeyPatch.context() as patched:
        walk_inline(patched)
        replayed = run_replay(Request(source, place / "out", (RULES,), shards=1), lambda *_: None)
    own = [OutcomeLabel("one", "heparinResistance", datetime(2026, 3, 3, tzinfo=UTC))]
    write_report(place / "out", (RULES,), replayed, Judged(GivenOutcomes(tuple(own))))
    return place / "out"


def rows(out: Path, name: str) -> list[dict[str, str]]:
    with (out / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_readers_see_titles_and_programs_names(out: Path) -> None:
    text = (out / "report.html").read_text(encoding="utf-8")
    seen = text[: text.index("<script>")]

    assert [topic for topic in TOPICS if f">{topic}<" in seen] == []
    for name in ("events.csv", "quality.csv"):
        titles = {row["topic"]: row["title"] for row in rows(out, name)}
        assert titles["heparinResistance"] == "Heparin resistance"


def test_of_fewer_than_five_the_page_tells_counts_and_no_rates(out: Path) -> None:
    """Two patients had the card and one of them the label."""
    text = (out / "report.html").read_text(encoding="utf-8")
    (row,) = [
        one
        for one in rows(out, "quality.csv")
        if one["topic"] == one["label"] == "heparinResistance"
    ]

    assert (row["ppv"], row["ppv_count"]) == ("0.500", "2")
    assert '<td class="n">1 of 2<td class="n">2<td' in text
    assert "0.50 <span" not in text


def test_hours_on_heparin_are_those_of_the_course(out: Path) -> None:
    told = [
        (row["time"], float(row["hours_on_heparin"]))
        for row in rows(out, "events.csv")
        if row["patient"] == "one" and row["hours_on_heparin"]
    ]

    assert max(hours for time, hours in told if time < at(100)) > 12
    second = [hours for time, hours in told if time > at(400)]
    assert second
    assert max(second) < 100


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that may neither raise an error nor load anything but itself."""
    with quiet_page(browser) as opened:
        yield opened


@pytest.mark.slow
def test_a_table_is_sorted_by_its_heads_and_searched(out: Path, page: Page) -> None:
    page.goto((out / "report.html").as_uri())
    groups = page.locator("table").filter(has_text="sex").first
    column = "td:nth-child(5)"
    groups.locator("th").nth(4).click()
    numbers = [int(text) for text in groups.locator(column).all_inner_texts()]
    groups.locator("th").nth(4).press("Enter")

    assert numbers == sorted(numbers)
    assert groups.locator("th").nth(4).get_attribute("aria-sort") == "descending"
    field = page.locator("input[type=search]").first
    field.fill("no such row")
    assert page.locator("label.find + table").first.locator("tr:visible").count() == 1


@pytest.mark.slow
def test_without_script_the_page_says_the_same(out: Path, browser: Browser, page: Page) -> None:
    page.goto((out / "report.html").as_uri())
    bare = browser.new_context(java_script_enabled=False).new_page()
    bare.goto((out / "report.html").as_uri())

    heads = [one.locator("h1, h2, td").all_inner_texts() for one in (page, bare)]
    bare.close()

    assert heads[0] == heads[1]
