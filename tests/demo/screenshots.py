"""The pictures that README and docs show and a reviewer looks at: the demo, a replay's report.

    python -m tests.demo.screenshots docs/images

Run by `make screenshots`; starts the service by itself. Never part of the tests.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from playwright.sync_api import Browser, Page

from bench.hospital import write_hospital
from cds_service.app import create_app
from cds_service.settings import Settings
from tests.demo.browser import open_browser, why_no_browser
from tests.demo.fake_service import FakeService, serving

DESK, SIDE_PANEL = 1440, 400
REPORT_HEIGHT, STAYS = 2600, 400
CRITICAL = "/demo/patients/03-severe-deficiency-switch"


@dataclass(frozen=True)
class Picture:
    """What a window shows of one page, from its top."""

    name: str
    path: str
    width: int
    height: int
    scheme: Literal["light", "dark"]


PICTURES = (
    Picture("patients", "/", DESK, 900, "light"),
    Picture("chart", CRITICAL, DESK, 1100, "light"),
    Picture("chart-dark", CRITICAL, DESK, 1100, "dark"),
    Picture("chart-side-panel", CRITICAL, SIDE_PANEL, 1800, "light"),
)


def take(folder: Path) -> list[Path]:
    """All pictures; gives the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch:
        database = f"sqlite:///{scratch}/ledger.sqlite"
        settings = Settings(
            open=True, demo=True, smart=True, database_url=database, log_level="error"
        )
        with serving(create_app(settings), FakeService()) as service, open_browser() as browser:
            taken = [_picture(browser, service.url, picture, folder) for picture in PICTURES]
            return [*taken, _report(browser, Path(scratch), folder)]


def _picture(browser: Browser, url: str, picture: Picture, folder: Path) -> Path:
    viewport = {"width": picture.width, "height": picture.height}
    page = browser.new_page(viewport=viewport, color_scheme=picture.scheme)
    page.goto(url + picture.path)
    if picture.path != "/":
        _settle(page)
    file = folder / f"{picture.name}.png"
    page.screenshot(path=file)
    page.close()
    return file


def _report(browser: Browser, scratch: Path, folder: Path) -> Path:
    """What `heparin-cds replay` says of an invented hospital under both protocols."""
    write_hospital(STAYS, scratch / "export")
    command = (
        str(Path(sys.executable).with_name("heparin-cds")),
        "replay",
        str(scratch / "export"),
    )
    protocols = ("--protocol", "default", "--protocol", "review-as-written")
    subprocess.run([*command, "--out", str(scratch / "out"), *protocols], check=True)
    page = browser.new_page(viewport={"width": DESK, "height": REPORT_HEIGHT})
    page.goto((scratch / "out" / "report.html").as_uri())
    file = folder / "replay-report.png"
    page.screenshot(path=file)
    page.close()
    return file


def _settle(page: Page) -> None:
    """With the cards there, and looked back at when each appeared."""
    page.wait_for_selector("#cds-status[data-answered]")
    page.locator("#look-back").click()
    page.wait_for_selector("#look-back:not([aria-disabled])", timeout=60_000)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")


if __name__ == "__main__":
    if reason := why_no_browser():
        sys.exit(reason)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    for picture in take(Path(sys.argv[1])):
        print(picture, f"{picture.stat().st_size / 1000:.0f} kB")
