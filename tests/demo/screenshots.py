"""Pictures of the demo, at a desk's and a side panel's width, light and dark.

    python -m tests.demo.screenshots docs/images [case ...]

Run by `make screenshots`; starts the service by itself. Never part of the tests.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser

from cds_service.app import create_app
from cds_service.settings import Settings
from tests.demo.browser import open_browser, why_no_browser
from tests.demo.fake_service import FakeService, serving

WIDTHS = (1280, 400)
SCHEMES = ("light", "dark")
CASES = ("01-antithrombin-dose", "18-hit-by-score")


def take(folder: Path, cases: tuple[str, ...]) -> list[Path]:
    """One picture per page, width and colour scheme; gives the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch:
        database = f"sqlite:///{scratch}/ledger.sqlite"
        settings = Settings(open=True, demo=True, database_url=database, log_level="error")
        with serving(create_app(settings), FakeService()) as service, open_browser() as browser:
            return list(_pictures(browser, service.url, folder, cases))


def _pictures(browser: Browser, url: str, folder: Path, cases: tuple[str, ...]) -> list[Path]:
    pages = {"patients": "/"} | {name: f"/demo/patients/{name}" for name in cases}
    written = []
    for width in WIDTHS:
        for scheme in SCHEMES:
            for name, path in pages.items():
                file = folder / f"demo-{name}-{width}-{scheme}.png"
                _picture(browser, url + path, width, scheme, file)
                written.append(file)
    return written


def _picture(browser: Browser, url: str, width: int, scheme: str, file: Path) -> None:
    viewport = {"width": width, "height": 900}
    page = browser.new_page(viewport=viewport, color_scheme=scheme)
    page.goto(url)
    if "/patients/" in url:
        page.wait_for_selector("#cards > *")
        page.locator("#look-back").click()
        page.wait_for_selector("#look-back:not([aria-disabled])", timeout=60_000)
        page.evaluate("document.activeElement.blur()")
    page.screenshot(path=file, full_page=True)
    page.close()


if __name__ == "__main__":
    if reason := why_no_browser():
        sys.exit(reason)
    for picture in take(Path(sys.argv[1]), tuple(sys.argv[2:]) or CASES):
        print(picture)
